"""Rounding that makes up for its errors: equal to OPTQ, better than nearest, with its limits."""

import numpy as np
import pytest
from float_networks import float_outputs, frames, residual_network
from onnx_models import save

import qcompiler
from qcompiler.quantization.quantize import quantize
from qcompiler.quantization.rounding import (
    damped,
    incoherent,
    ldlq,
    min_max,
    nearest,
    proxy_loss,
)
from qcompiler.quantization.runtime import Session
from qcompiler.quantization.turns import Turn, two_factors


def problem(seed, rows=64, columns=96):
    """Weights with heavy tails; inputs of a few causes and some noise, one of them hot."""
    random = np.random.default_rng(seed)
    weights = random.standard_t(4, (rows, columns))
    causes = columns // 8
    x = random.standard_normal((512, causes)) @ random.standard_normal((causes, columns))
    x = x / causes**0.5 + 0.1 * random.standard_normal(x.shape)
    x[:, 3] *= 8
    return weights, x.T @ x / len(x)


def optq(weights, h, lo, hi):
    """OPTQ as published: from the last column on, by the inverse of what is left of H."""
    left, codes = weights.copy(), np.zeros_like(weights)
    for column in range(len(h) - 1, -1, -1):
        codes[:, column] = np.clip(np.floor(left[:, column] + 0.5), lo, hi)
        inverse = np.linalg.inv(h[: column + 1, : column + 1])
        error = (left[:, column] - codes[:, column]) / inverse[column, column]
        left[:, : column + 1] -= np.outer(error, inverse[column])
    return codes


@pytest.mark.parametrize("bits", [2, 4])
def test_ldlq_is_optq(bits):
    weights, h = problem(0, 16, 24)
    weights, h = weights + 2**bits / 2, damped(h)
    np.testing.assert_array_equal(
        ldlq(weights, h, 0, 2**bits - 1), optq(weights, h, 0, 2**bits - 1)
    )


def ldlq_as_published(weights, h, lo, hi):
    """The authors cut off what is beyond the grid first: feedback does not see that error."""
    return ldlq(np.clip(weights, lo, hi), h, lo, hi)


WANTED = {
    2: {"nearest": 0.326, "ldlq": 0.130, "turned": 0.140, "turned, ldlq": 0.0188},
    3: {"nearest": 0.0802, "ldlq": 0.0273, "turned": 0.0305, "turned, ldlq": 0.0057},
}
"""Relative proxy losses, means of eight seeds, of a port of the authors' code."""


@pytest.mark.parametrize("bits", [2, 3])
def test_losses_over_eight_seeds(bits):
    losses = {name: [] for name in [*WANTED[bits], "ours"]}
    for seed in range(8):
        weights, h = problem(seed)
        whole = proxy_loss(weights, h)
        ways = {"turned": nearest, "turned, ldlq": ldlq_as_published, "ours": ldlq}
        made = {
            "nearest": min_max(weights, damped(h), bits, nearest),
            "ldlq": min_max(weights, damped(h), bits, ldlq),
            **{
                name: incoherent(weights, h, bits, way, np.random.default_rng(seed + 100)).weights()
                for name, way in ways.items()
            },
        }
        for name, found in made.items():
            losses[name].append(proxy_loss(found - weights, h) / whole)
    means = {name: float(np.mean(found)) for name, found in losses.items()}
    assert all(a < b for a, b in zip(losses["turned, ldlq"], losses["ldlq"], strict=True))
    assert means.pop("ours") < means["turned, ldlq"] < means["ldlq"] < means["nearest"]
    assert means == pytest.approx(WANTED[bits], rel=0.2)


@pytest.mark.parametrize(
    ("n", "clamped", "rounded"), [(256, 4.080e6, 1.626e4), (512, 3.31e7, 6.516e4)]
)
def test_counterexample_on_a_finite_grid(n, clamped, rounded):
    """Of the authors (optq_counter.py), in our order: where a grid has ends, feedback loses."""
    c = 0.01
    h = np.ones((n, n)) + np.eye(n)
    h[n - 1, n - 1] = 1.0
    h[0, 1 : n - 1] += 2 * c
    h[1 : n - 1, 0] += 2 * c
    h[0, n - 1] += c
    h[n - 1, 0] += c
    h[0, 0] += 4 * c + n * c**2
    weights = 0.499 * np.ones((n, n)) + 0.002 * (np.arange(n) % 2)
    h, weights = h[::-1, ::-1], weights[:, ::-1]
    found = [proxy_loss(f(weights, h, 0, 3) - weights, h) for f in (ldlq, nearest)]
    assert found == pytest.approx([clamped, rounded], rel=1e-3)


@pytest.mark.parametrize("signs", [True, False])
@pytest.mark.parametrize("n", [1, 7, 12, 64, 96])
def test_two_small_matrices_are_one_orthogonal_one(n, signs):
    p, q = two_factors(n)
    assert p * q == n
    made = Turn.random(n, np.random.default_rng(0), signs=signs)
    matrix = made.matrix() / made.gain
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(n), atol=1e-12)
    vectors = np.random.default_rng(1).standard_normal((3, n))
    np.testing.assert_allclose(made.apply(vectors) / made.gain, vectors @ matrix.T, atol=1e-12)
    if signs and n == 64:
        assert set(np.unique(made.matrix())) == {-1.0, 1.0}


def noise(tmp_path, **options):
    path, x = save(residual_network(), tmp_path), frames(48)
    made = quantize(path, {"image": x}, weight_bits=3, **options)
    wanted = float_outputs(residual_network(), x)
    found = Session(made.model).run({"image": x})["scores"] if made.format == "qdq" else (
        qcompiler.compile(made.write(tmp_path / "q.onnx")).predict(x).reshape(wanted.shape)
    )  # fmt: skip
    return np.square(found - wanted).mean() / np.square(wanted).mean()


def test_feedback_and_repairs_lose_less(tmp_path):
    without = {"ranges": "min-max", "rounding": "nearest", "correct_biases": False}
    plain = noise(tmp_path, **without)
    assert noise(tmp_path, **{**without, "rounding": "ldlq"}) < 0.8 * plain
    assert noise(tmp_path, **{**without, "equalize": True}) < plain
    assert noise(tmp_path) < 0.8 * plain

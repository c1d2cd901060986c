"""Rounding that makes up for its errors: equal to OPTQ, better than nearest, with its limits."""

import numpy as np
import pytest
from float_networks import float_outputs, frames, residual_network
from onnx_models import save

import qcompiler
from qcompiler.quantization.quantize import quantize
from qcompiler.quantization.rounding import (
    Kronecker,
    damped,
    incoherent,
    ldlq,
    min_max,
    nearest,
    proxy_loss,
    two_factors,
)
from qcompiler.quantization.runtime import Session


def problem(seed, rows=64, columns=96):
    """Weights with heavy tails, inputs that depend on each other, one channel that is hot."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((512, 48)) @ random.standard_normal((48, columns)) / 48**0.5
    x += 0.1 * random.standard_normal(x.shape)
    x[:, random.integers(columns)] *= 10
    return random.standard_t(4, (rows, columns)), x.T @ x / len(x)


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


@pytest.mark.parametrize("bits", [2, 3])
def test_losses_over_eight_seeds(bits):
    losses = {"nearest": [], "ldlq": [], "incoherent": []}
    for seed in range(8):
        weights, h = problem(seed)
        whole = proxy_loss(weights, h)
        random = np.random.default_rng(seed)
        made = {
            "nearest": min_max(weights, damped(h), bits, nearest),
            "ldlq": min_max(weights, damped(h), bits, ldlq),
            "incoherent": incoherent(weights, h, bits, ldlq, random).weights(),
        }
        for name, found in made.items():
            losses[name].append(proxy_loss(found - weights, h) / whole)
    means = {name: np.mean(found) for name, found in losses.items()}
    assert means["incoherent"] < means["ldlq"] < means["nearest"]
    assert all(a < b for a, b in zip(losses["incoherent"], losses["ldlq"], strict=True))


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


@pytest.mark.parametrize("n", [1, 7, 12, 64, 96])
def test_two_small_matrices_are_one_orthogonal_one(n):
    p, q = two_factors(n)
    assert p * q == n
    made = Kronecker.random(n, np.random.default_rng(0))
    matrix = made.matrix()
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(n), atol=1e-12)
    vectors = np.random.default_rng(1).standard_normal((3, n))
    np.testing.assert_allclose(made.apply(vectors), vectors @ matrix.T, atol=1e-12)


def noise(tmp_path, **options):
    path, x = save(residual_network(), tmp_path), frames(48)
    made = quantize(path, {"image": x}, weight_bits=3, **options)
    wanted = float_outputs(residual_network(), x)
    found = Session(made.model).run({"image": x})["scores"] if made.format == "qdq" else (
        qcompiler.compile(made.write(tmp_path / "q.onnx")).predict(x).reshape(wanted.shape)
    )  # fmt: skip
    return np.square(found - wanted).mean() / np.square(wanted).mean()


def test_feedback_and_repairs_lose_less(tmp_path):
    plain = noise(tmp_path)
    assert noise(tmp_path, rounding="ldlq") < 0.8 * plain
    assert noise(tmp_path, rounding="ldlq", correct_biases=True) < 0.8 * plain
    assert noise(tmp_path, equalize=True) < plain

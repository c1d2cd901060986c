"""Convolution and pooling of integers, against sums taken one by one in Python's integers."""

import itertools

import numpy as np
import pytest

from qcompiler.arith.exact_products import exact_type
from qcompiler.arith.windows import Window
from qcompiler.interpreters import exact_windows
from qcompiler.interpreters.exact_windows import convolve, pool

WINDOWS = [
    Window((3, 3), (1, 1), (1, 1), (1, 1), (1, 1)),
    Window((2, 3), (2, 1), (1, 2), (0, 1), (1, 0)),
    Window((1, 1), (1, 1), (1, 1), (0, 0), (0, 0)),
    Window((3,), (2,), (2,), (1,), (3,)),
    Window((2,), (1,), (2,), (1,), (0,)),
]
SHAPES = [(1, 3, 2), (2, 4, 6), (4, 4, 4), (4, 4, 8), (1, 1, 3)]
"""(groups, channels, outputs)."""


def elements(x, window, pad_value):
    """Yields each position with the elements under its window, [taps, channels]."""
    space = x.shape[:-1]
    for at in itertools.product(*map(range, window.output_shape(space))):
        taps = []
        for tap in itertools.product(*map(range, window.kernel)):
            place = [
                p * s + t * d - b
                for p, s, t, d, b in zip(
                    at, window.strides, tap, window.dilations, window.pads_begin, strict=True
                )
            ]
            inside = all(0 <= p < n for p, n in zip(place, space, strict=True))
            taps.append(x[tuple(place)] if inside else np.full(x.shape[-1], pad_value))
        yield at, np.array(taps, object)


def expected_convolution(x, weights, window, groups, pad_value):
    rows = weights.astype(object).reshape(window.taps, -1, weights.shape[-1])
    inputs, each = rows.shape[1], weights.shape[-1] // groups
    result = np.empty((*window.output_shape(x.shape[:-1]), weights.shape[-1]), object)
    for at, taps in elements(x, window, pad_value):
        for output in range(weights.shape[-1]):
            group = output // each
            seen = taps[:, group * inputs : (group + 1) * inputs]
            result[(*at, output)] = (seen * rows[..., output]).sum()
    return result


@pytest.mark.parametrize("bits", [4, 16, 28], ids=["float32", "float64", "int64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_convolution(window, shape, bits, monkeypatch):
    groups, channels, outputs = shape
    rng = np.random.default_rng(bits)
    magnitude = 2**bits
    x = rng.choice([-magnitude, magnitude, magnitude - 1, 3], (3, *(7, 6)[: window.rank], channels))
    weights = rng.integers(
        -magnitude, magnitude, (*window.kernel, channels // groups, outputs), endpoint=True
    )
    monkeypatch.setattr(exact_windows, "_ELEMENTS_AT_A_TIME", 500)  # several runs over the batch
    seen = []
    found = convolve(x, weights, window, groups, -5, magnitude, seen.append)
    assert (np.concatenate([sums.ravel() for sums in seen]) == found.ravel()).all()
    fast = convolve(x, weights, window, groups, -5, magnitude, plain=False)
    assert (fast.astype(np.int64) == found).all()
    for image, result in zip(x, found, strict=True):
        assert (result == expected_convolution(image, weights, window, groups, -5)).all()


@pytest.mark.parametrize("kind", ["max", "sum"])
@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_pool(window, kind):
    x = np.random.default_rng(0).integers(-(2**40), 2**40, (2, *(7, 6)[: window.rank], 3))
    found = pool(x, window, kind, -(2**41))
    for image, result in zip(x, found, strict=True):
        for at, taps in elements(image, window, -(2**41)):
            reduced = taps.max(axis=0) if kind == "max" else taps.sum(axis=0)
            assert (result[at] == reduced).all()


def test_types_hold_their_sums():
    assert [exact_type(2**n).name for n in (24, 25, 53, 54)] == [
        "float32", "float64", "float64", "int64",
    ]  # fmt: skip
    assert exact_type(2**63).kind == "O"

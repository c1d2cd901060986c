"""Rescaling forms: the codes of the function on every accumulator, with few adders."""

import numpy as np
import pytest

from qcompiler.adder_graphs.cost import CELLS_OF_TWO, AdderCost
from qcompiler.adder_graphs.digits import weight
from qcompiler.adder_graphs.rescale import (
    Comparisons,
    Rescale,
    comparisons,
    fewest_digits,
    rescales,
)
from qcompiler.arith.switch_points import SwitchPoints


def _points(codes: np.ndarray, x_lo: int) -> SwitchPoints:
    """Switch points of one channel with these codes from x_lo on."""
    x = np.arange(x_lo, x_lo + len(codes))
    sign = -1 if codes[0] > codes[-1] else 1
    z, rising = (x, codes) if sign > 0 else (-x[::-1], codes[::-1])
    lo, hi = int(codes.min()), int(codes.max())
    levels = [int(z[np.argmax(rising >= k)]) for k in range(lo + 1, hi + 1)]
    thresholds = np.array(levels, np.int64).reshape(1, -1)
    ends = (np.array([value]) for value in (sign, x_lo, x_lo + len(codes) - 1))
    return SwitchPoints(lo, hi, thresholds, *ends)


def cheapest(points: SwitchPoints, channel: int, cost: AdderCost) -> Rescale | Comparisons:
    """The form of a channel with fewest tables."""
    forms = [*rescales(points, channel), comparisons(points, channel)]
    return min(forms, key=lambda form: form.luts(cost))


def _functions():
    x = np.arange(-700, 900)
    yield "scale", x, np.clip(np.floor(x * 0.0731 + 0.5), 0, 63)
    yield "power of two", x, np.clip((x + 8) >> 4, -32, 31)
    yield "falling", x, np.clip(np.floor(x * -0.31 + 2.7), -100, 90)
    yield "one step", x, (x >= 17).astype(np.int64)
    yield "steep", x, np.clip(3 * x + 5, -200, 300)
    yield "constant", x, np.full(len(x), 3)


@pytest.mark.parametrize("name", [name for name, _, _ in _functions()])
def test_all_forms_have_the_codes(name: str):
    x, codes = next((x, codes) for one, x, codes in _functions() if one == name)
    codes = codes.astype(np.int64)
    points = _points(codes, int(x[0]))
    if name != "steep":  # skips codes: thresholds that are equal
        assert rescales(points, 0)
    for form in (*rescales(points, 0), cheapest(points, 0, CELLS_OF_TWO)):
        assert (form.apply(x) == codes).all()


def test_powers_of_two_take_no_adder():
    x = np.arange(-700, 900)
    form = cheapest(_points(np.clip((x + 8) >> 4, -32, 31), -700), 0, CELLS_OF_TWO)
    assert isinstance(form, Rescale)
    assert (form.multiplier, form.bias, form.shift) == (1, 0, 4)


@pytest.mark.parametrize("parity", [0, 1])
def test_ties_to_even_take_no_adder(parity: int):
    x = np.arange(-700, 900)
    codes = np.clip(np.round((x + 3) / 32 - parity).astype(np.int64) + parity, 0, 20)
    form = cheapest(_points(codes, -700), 0, CELLS_OF_TWO)
    assert isinstance(form, Rescale)
    assert (form.multiplier, form.tie_parity, form.bias, form.shift) == (1, parity, 0, 5)
    assert (form.apply(x) == codes).all()


def test_multiplier_has_fewest_digits_of_all_that_fit():
    x = np.arange(0, 400)
    codes = np.floor(x * 0.1171 + 0.4).astype(np.int64)
    points = _points(codes, 0)
    forms = [form for form in rescales(points, 0) if form.tie_parity is None]
    best = min(weight(form.multiplier) for form in forms)
    k, t = np.arange(1, points.hi + 1), points.thresholds[0]
    for shift in range(2, 14):
        m = np.array([m for m in range(1, 1 << shift) if weight(m) < best])[:, None]
        low, high = (k << shift) - m * t, (k << shift) - 1 - m * (t - 1)
        assert (low.max(axis=1) > high.min(axis=1)).all()


def test_few_steps_are_comparisons():
    x = np.arange(-1000, 1000)
    codes = (x >= -77).astype(np.int64) + (x >= 13) + (x >= 490)
    form = cheapest(_points(codes, -1000), 0, CELLS_OF_TWO)
    assert isinstance(form, Comparisons)
    assert (form.apply(x) == codes).all()


def test_zeros_of_accumulators_leave_more_lines():
    x = np.arange(-800, 800, 8)
    codes = np.clip(np.floor(x * 0.0731 + 0.5), 0, 63).astype(np.int64)
    dense = np.clip(np.floor(np.arange(-800, 800) * 0.0731 + 0.5), 0, 63).astype(np.int64)
    points = _points(dense, -800)
    forms = rescales(points, 0, zeros=3)
    assert all((form.apply(x) == codes).all() for form in forms)
    fewest = min(weight(form.multiplier) for form in forms)
    assert fewest < min(weight(form.multiplier) for form in rescales(points, 0))


def test_fewest_digits_are_fewest():
    for low in range(1, 200):
        for high in range(low, low + 9):
            least = min(weight(n) for n in range(low, high + 1))
            found = fewest_digits(low, high)
            assert found
            assert all(low <= n <= high and weight(n) == least for n in found)

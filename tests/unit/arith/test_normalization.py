"""Normalizations as formulas, against arithmetic on fractions: every short row, and long ones."""

from fractions import Fraction
from itertools import product
from math import isqrt

import numpy as np
import pytest

from qcompiler.arith.formula import Formula
from qcompiler.arith.normalization import normalization
from qcompiler.arith.ranges import IntRange


def rounded(gain, square, offset):
    """The integer nearest to sign(gain) sqrt(square) + offset, ties to even, by comparisons."""

    def reaches(number):  # whether the real number is at least so much
        rest = number - offset
        if rest <= 0 and gain >= 0:
            return True
        if gain >= 0:
            return square >= rest**2
        return rest <= 0 and square <= rest**2

    low, high = -(2**20), 2**20
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if reaches(middle - Fraction(1, 2)) else (low, middle - 1)
    rest = low - Fraction(1, 2) - offset
    tie = rest**2 == square and (rest == 0 or (rest > 0) == (gain > 0))
    return low - 1 if tie and low % 2 else low


def wanted(row, scale, epsilon, parameters, made, centered):
    n = len(row)
    mean = Fraction(sum(row), n) if centered else Fraction(0)
    power = sum((x - mean) ** 2 for x in row) / n * scale**2 + epsilon
    step, zero, lowest, highest = made
    codes = []
    for x, gain, offset in zip(row, *parameters, strict=True):
        top = gain * (x - mean) * scale / step
        codes.append(max(min(rounded(top, top**2 / power, offset / step) + zero, highest), lowest))
    return codes


def formula_on(case, codes, count):
    scale, epsilon, parameters, made, centered = case
    form = normalization(scale, epsilon, parameters, made, centered=centered)
    ends = max(abs(codes.lo), abs(codes.hi))
    sums = IntRange(count * codes.lo, count * codes.hi)
    operands = [codes, IntRange(0, count * ends**2), *([sums] if centered else [])]
    tables = {"t": form.gains, "u": form.offsets}
    return Formula.of(form.text, operands, tables, (count, count))


def computed(formula, rows, centered):
    sums = [(rows**2).sum(axis=1, keepdims=True), rows.sum(axis=1, keepdims=True)]
    return formula.evaluate([rows, *sums[: 1 + centered]])


F = Fraction
SHORT = (F(1, 4), F(1, 64)), (F(1, 2), F(3, 4), F(-1)), (F(0), F(1, 8), F(-3, 8))
"""Round numbers: ties come up."""


@pytest.mark.parametrize(("count", "centered"), [(2, True), (2, False), (3, True)])
def test_every_short_row_of_4_bits(count, centered):
    (scale, epsilon), gains, offsets = SHORT
    parameters = gains[:count], offsets[:count]
    made = (F(1, 16), 1, -20, 20)
    case = (scale, epsilon, parameters, made, centered)
    rows = np.array(list(product(range(-8, 8), repeat=count)))
    got = computed(formula_on(case, IntRange(-8, 7), count), rows, centered)
    assert got.tolist() == [wanted(row.tolist(), *case) for row in rows]


@pytest.mark.parametrize(("count", "centered"), [(64, True), (300, False)])
def test_long_rows_of_8_bits_with_scales_of_float32(count, centered):
    rng = np.random.default_rng(count)

    def reals(low, high, size):
        return [F(float(x)) for x in rng.uniform(low, high, size).astype(np.float32)]

    (scale, step), epsilon = reals(0.01, 0.1, 2), F(float(np.float32(1e-5)))
    case = (scale, epsilon, (reals(-2, 2, count), reals(-1, 1, count)), (step, 3, -128, 127),
            centered)  # fmt: skip
    rows = rng.integers(-128, 128, (4, count))
    rows[0] = 5
    formula = formula_on(case, IntRange(-128, 127), count)
    assert formula.range == IntRange(-128, 127)
    got = computed(formula, rows, centered)
    assert got.tolist() == [wanted(row.tolist(), *case) for row in rows]
    assert isqrt(len(np.unique(got))) > 5


@pytest.mark.sweep
@pytest.mark.parametrize("count", [64, 256, 768])
@pytest.mark.parametrize("centered", [True, False])
def test_an_element_of_each_of_a_third_of_a_million_long_rows(count, centered):
    assert elements_that_differ(count, centered, chunks=1 + 333_333 // (4 * count)) == 0


def elements_that_differ(count, centered, chunks):
    """Elements in which the formula differs from real numbers, fractions where those are near ties.

    Each row gives one element, at a place of its own: 4 times as many rows as places at a time.
    """
    rng = np.random.default_rng(count)
    scale, epsilon, step = (F(float(np.float32(x))) for x in (0.037, 1e-5, 0.021))
    gains, offsets = (
        [F(float(np.float32(x))) for x in rng.uniform(low, 1.5, count)] for low in (0.5, -1.5)
    )
    made = (step, 3, -128, 127)
    case = scale, epsilon, (gains, offsets), made, centered
    formula = formula_on(case, IntRange(-128, 127), count)
    place = np.tile(np.arange(count), 4)
    g, b = (np.array([float(x) for x in part])[place] for part in (gains, offsets))
    differ = 0
    for _ in range(chunks):
        spread = rng.integers(1, 129, (4 * count, 1))
        rows = np.clip(
            rng.integers(-128, 128, (4 * count, count)) % (2 * spread) - spread, -128, 127
        )
        x, total = rows[np.arange(4 * count), place], rows.sum(axis=1)
        squares = (rows**2).sum(axis=1)
        mean = total / count if centered else np.zeros(4 * count)
        power = (squares / count - mean**2) * float(scale) ** 2 + float(epsilon)
        real = (g * (x - mean) * float(scale) / np.sqrt(power) + b) / float(step)
        want = np.clip(np.rint(real) + 3, -128, 127).astype(np.int64)
        for i in np.flatnonzero(np.abs(real - np.floor(real) - 0.5) < 1e-6):
            exact = wanted(rows[i].tolist(), scale, epsilon, (gains, offsets), made, centered)
            want[i] = exact[place[i]]
        given = [x, squares, *([total] if centered else [])]
        got = formula.evaluate([part.reshape(4, count) for part in given])
        differ += int((got.reshape(-1) != want).sum())
    return differ

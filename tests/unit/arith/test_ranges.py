import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qcompiler.arith.ranges import IntRange, dot_range

BOUND = st.integers(-300, 300)
RANGES = st.tuples(BOUND, BOUND).map(lambda ends: IntRange(min(ends), max(ends)))


@pytest.mark.parametrize(
    ("lo", "hi", "width_bits"),
    [
        (0, 0, 1),
        (0, 1, 1),
        (0, 255, 8),
        (0, 256, 9),
        (-1, 0, 1),
        (-1, 1, 2),
        (-128, 127, 8),
        (-129, 0, 9),
        (-128, 128, 9),
        (-5, -3, 4),
        (3, 7, 3),
    ],
)
def test_width_bits(lo, hi, width_bits):
    assert IntRange(lo, hi).width_bits == width_bits


@given(RANGES)
@settings(deadline=None, max_examples=50)
def test_width_bits_is_the_smallest_that_holds_both_ends(x):
    assert IntRange.for_bits(x.width_bits, x.signed).contains(x)
    if x.width_bits > 1:
        assert not IntRange.for_bits(x.width_bits - 1, x.signed).contains(x)


def test_for_bits_narrow_follows_qonnx():
    assert IntRange.for_bits(4, signed=True, narrow=True) == IntRange(-7, 7)
    assert IntRange.for_bits(4, signed=False, narrow=True) == IntRange(0, 14)
    assert IntRange.for_bits(4, signed=True) == IntRange(-8, 7)


def test_empty_range_is_refused():
    with pytest.raises(ValueError, match="got lo 2 > hi 1"):
        IntRange(2, 1)


@given(RANGES, RANGES)
@settings(deadline=None, max_examples=50)
def test_arithmetic_of_ranges_is_tight(a, b):
    ends = list(itertools.product((a.lo, a.hi), (b.lo, b.hi)))
    assert a + b == IntRange(min(x + y for x, y in ends), max(x + y for x, y in ends))
    assert a * b == IntRange(min(x * y for x, y in ends), max(x * y for x, y in ends))
    assert a.union(b).contains(a)
    assert a.union(b).contains(b)
    assert -a == IntRange(-a.hi, -a.lo)


def test_dot_range_equals_enumeration():
    weights = np.random.default_rng(0).integers(-3, 4, size=(4, 6))
    inputs = np.array(list(itertools.product(range(-2, 4), repeat=4)))
    lo, hi = dot_range(weights, IntRange(-2, 3))
    np.testing.assert_array_equal(lo, (inputs @ weights).min(axis=0))
    np.testing.assert_array_equal(hi, (inputs @ weights).max(axis=0))


@pytest.mark.parametrize("bits", [30, 61, 62, 63, 83])
def test_dot_range_of_wide_integers(bits):
    x, weights = IntRange(-(2**bits), 2**bits - 1), np.array([[3, 2**40], [-5, 1]])
    lo, hi = dot_range(weights, x)
    for column in range(2):
        parts = [IntRange(w, w) * x for w in weights[:, column].tolist()]
        total = parts[0] + parts[1]
        assert (lo[column], hi[column]) == (total.lo, total.hi)


def test_dot_range_refuses_what_overflows():
    with pytest.raises(ValueError, match="must fit 127 bits"):
        dot_range(np.full((4, 1), 2**40), IntRange(0, 2**84))

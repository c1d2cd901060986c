"""sqrt as an operation of scalar functions: bounded, enclosed, exact where it is rational."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qcompiler.arith import enclosures, error_bounds
from qcompiler.arith.error_bounds import Bounded
from qcompiler.arith.scalar_builder import ScalarBuilder
from qcompiler.arith.scalar_evaluation import evaluate, exact_code

POSITIVE = st.one_of(
    st.floats(2.0**-700, 1e300),
    st.integers(0, 2**53).map(float),
    st.sampled_from([0.25, 2.0, 1e-5, 5e-324, 1e308, float(np.nextafter(4, 5))]),
)


def holds(root: Bounded, square: Fraction) -> bool:
    """Whether [value - error, value + error] encloses the root of `square`."""
    value, error = Fraction(root.value.item()), root.error.item()
    if not math.isfinite(error):
        return True  # no claim
    low = max(value - Fraction(error), Fraction(0))
    return low**2 <= square <= (value + Fraction(error)) ** 2


@given(POSITIVE, st.sampled_from([0.0, 1e-9, 0.25, 0.999]), st.sampled_from([-1, 0, 1]))
@settings(deadline=None, max_examples=200)
def test_bounds_hold(x, relative, side):
    error = x * relative
    with np.errstate(all="ignore"):
        root = error_bounds.sqrt(Bounded(np.array(x), np.array(error)))
    assert holds(root, Fraction(x) + side * Fraction(error))


@given(st.integers(0, 2**26))
@settings(deadline=None, max_examples=50)
def test_roots_of_squares_have_no_error(n):
    with np.errstate(all="ignore"):
        root = error_bounds.sqrt(error_bounds.exactly(np.array(float(n) ** 2)))
    assert (root.value.item(), root.error.item()) == (n, 0)


@pytest.mark.parametrize(("value", "error"), [(-1.0, 0.0), (1.0, 1.0), (1.0, 2.0), (np.inf, 0.0)])
def test_what_may_be_negative_or_infinite_makes_no_claim(value, error):
    with np.errstate(all="ignore"):
        root = error_bounds.sqrt(Bounded(np.array(value), np.array(error)))
    assert not np.isfinite(root.error)


@given(st.fractions(0, 1000), st.sampled_from([8, 64, 200]))
@settings(deadline=None, max_examples=80)
def test_enclosures_are_as_narrow_as_asked(x, bits):
    low, high = enclosures.sqrt(bits, enclosures.point(x))
    assert low**2 <= x <= high**2
    assert high - low <= Fraction(1, 2**bits)


@given(st.fractions(0, 1000))
@settings(deadline=None, max_examples=50)
def test_enclosures_of_rational_roots_are_points(root):
    assert enclosures.sqrt(8, enclosures.point(root**2)) == (root, root)


def test_negative_numbers_have_no_root():
    with pytest.raises(ValueError, match=r"must be of a number >= 0, got -0\.25"):
        enclosures.sqrt(8, enclosures.Enclosure(Fraction(-1, 4), Fraction(1)))


def test_quotients_by_roots_are_exact_on_ties():
    # x / sqrt(v) lands on a tie where v is a square, and next to one where it is not quite.
    beside = float(np.nextafter(4, 5))
    b = ScalarBuilder(3)
    quotient = b.apply("div", b.x, b.apply("sqrt", np.array([4.0, beside, 2.0])))
    f = b.quantize(quotient, lo=-100, hi=100)
    x = np.arange(-50, 51)
    expected = [[exact_code(f, int(xi), c) for xi in x] for c in range(3)]
    np.testing.assert_array_equal(evaluate(f, x), expected)
    assert evaluate(f, np.array([3, 7])).tolist() == [[2, 4], [1, 3], [2, 5]]

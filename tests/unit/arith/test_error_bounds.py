import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qcompiler.arith import error_bounds
from qcompiler.arith.error_bounds import Bounded

FLOATS = st.one_of(
    st.floats(-1e3, 1e3),
    st.integers(-8, 8).map(lambda n: n / 4),
    st.sampled_from([1 / 3, 0.1, 1e-200, -3e-160, 1e-300, 5e-324, 2.0**60, 1e150, -1e300]),
)
# Bounds are zero or not tiny: that is what the operations themselves produce.
ERRORS = st.one_of(st.just(0.0), st.floats(2.0**-800, 1.0), st.sampled_from([2.0**-899, 2.0**-54]))
INEXACT = st.tuples(FLOATS, ERRORS, st.sampled_from([-1, 0, 1]))

BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "maximum": max,
    "minimum": min,
}


def bounded(operand):
    return Bounded(np.array([operand[0]]), np.array([operand[1]]))


def truth(operand):
    value, error, side = operand
    return Fraction(value) + side * Fraction(error)


def holds(result, true):
    value, error = float(result.value[0]), float(np.broadcast_to(result.error, 1)[0])
    if not (math.isfinite(value) and math.isfinite(error)):
        return True  # no claim
    low, high = (Fraction(float(end[0])) for end in error_bounds.ends(result))
    return low <= true <= high and abs(Fraction(value) - true) <= Fraction(error)


@pytest.mark.parametrize("op", BINARY)
@given(a=INEXACT, b=INEXACT)
@settings(deadline=None, max_examples=300)
def test_bounds_hold(op, a, b):
    assume(op != "div" or truth(b) != 0)
    with np.errstate(all="ignore"):
        result = getattr(error_bounds, op)(bounded(a), bounded(b))
        assert holds(result, BINARY[op](truth(a), truth(b)))


@given(INEXACT)
@settings(deadline=None, max_examples=100)
def test_bounds_of_floor_hold(a):
    assert holds(error_bounds.rounded(bounded(a), np.floor), math.floor(truth(a)))


@given(st.integers(-(2**62), 2**62))
@settings(deadline=None, max_examples=50)
def test_bounds_of_converted_integers_hold(x):
    assert holds(error_bounds.from_integers(np.array([x]).astype(np.float64)), Fraction(x))


@given(st.integers(-(2**25), 2**25), st.integers(-(2**25), 2**25).filter(bool))
@settings(deadline=None, max_examples=50)
def test_exact_results_have_no_error(a, b):
    x, y = (error_bounds.exactly(np.array([value / 8])) for value in (a, b))
    product = error_bounds.mul(x, y)
    for result in (error_bounds.add(x, y), product, error_bounds.div(product, y)):
        assert result.error.max() == 0


def test_a_clear_winner_passes_on_its_own_error():
    unsure, zero = bounded((-5.0, 1.0)), bounded((0.0, 0.0))
    assert error_bounds.maximum(unsure, zero).error[0] == 0
    assert error_bounds.minimum(unsure, zero).error[0] == 1

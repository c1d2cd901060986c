import numpy as np
from arith_functions import CHANNELS, scalar_functions
from hypothesis import given, settings
from hypothesis import strategies as st

from qcompiler.arith.scalar_builder import ScalarBuilder
from qcompiler.arith.scalar_evaluation import evaluate
from qcompiler.arith.trends import UNKNOWN


def direction(function):
    return function.direction.tolist()


@given(st.sampled_from(["exact", "onnxruntime"]).flatmap(lambda n: scalar_functions(numerics=n)))
@settings(deadline=None, max_examples=80)
def test_claims_hold(function):
    try:
        steps = np.diff(evaluate(function, np.arange(-60, 61)), axis=1)
    except ValueError:
        return
    for c in range(CHANNELS):
        assert function.direction[c] in (1, -1, 0)  # every operand but one is a constant here
        assert function.direction[c] == -1 or (steps[c] >= 0).all()
        assert function.direction[c] == 1 or (steps[c] <= 0).all()


def test_signs_of_constants_count_per_channel():
    b = ScalarBuilder(3)
    f = b.quantize(b.apply("sub", 1.0, b.apply("mul", b.x, np.array([2.0, -1.0, 0.0]))), lo=0, hi=9)
    assert direction(f) == [-1, 1, 0]


def test_products_and_mixed_extremes_of_the_accumulator_are_unknown():
    b = ScalarBuilder(1)
    assert direction(b.quantize(b.apply("mul", b.x, b.x), lo=0, hi=9)) == [UNKNOWN]
    assert direction(b.quantize(b.apply("max", b.x, b.apply("neg", b.x)), lo=0, hi=9)) == [UNKNOWN]
    assert direction(b.quantize(b.apply("div", 1.0, b.x), lo=0, hi=9)) == [UNKNOWN]
    assert direction(b.quantize(b.apply("div", b.x, -3.0), lo=0, hi=9)) == [-1]


def test_signs_of_derived_constants_are_known():
    roots, numbers = np.array([4.0, 2.0, 9.0]), np.array([1.0, -2.0, 0.0])
    b = ScalarBuilder(3)
    factor = b.apply("div", numbers, b.apply("sqrt", roots))
    assert direction(b.quantize(b.apply("mul", b.x, factor), lo=0, hi=9)) == [1, -1, 0]
    b = ScalarBuilder(3)
    divisor = b.apply("neg", b.apply("sqrt", roots))
    assert direction(b.quantize(b.apply("div", b.x, divisor), lo=0, hi=9)) == [-1, -1, -1]


def test_the_sign_of_a_sum_of_derived_constants_is_not_claimed():
    # sqrt(2) * sqrt(2) - 2 is zero in truth, and 4.4e-16 in float64.
    b = ScalarBuilder(1)
    root = b.apply("sqrt", 2.0)
    difference = b.apply("sub", b.apply("mul", root, root), 2.0)
    assert direction(b.quantize(b.apply("mul", b.x, difference), lo=0, hi=9)) == [UNKNOWN]


def test_a_constant_that_underflows_is_not_zero():
    for op, tiny in (("mul", (1e-200, 1e-200)), ("div", (5e-324, 4.0))):
        b = ScalarBuilder(1)
        product = b.apply("mul", b.x, b.apply(op, *tiny))
        f = b.quantize(product, rounding="ceil", lo=-1, hi=1)
        assert evaluate(f, np.array([-1, 0, 1])).tolist() == [[0, 0, 1]]
        assert direction(f) == [UNKNOWN]

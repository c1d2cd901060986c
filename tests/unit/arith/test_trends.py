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

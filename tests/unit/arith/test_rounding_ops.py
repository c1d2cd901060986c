"""Rounding and comparison in scalar functions: floats with bounds, and fractions, agree."""

import math
from fractions import Fraction

import numpy as np
import pytest

from qcompiler.arith.enclosures import Enclosure
from qcompiler.arith.error_bounds import Bounded, exactly
from qcompiler.arith.scalar_builder import ScalarBuilder
from qcompiler.arith.scalar_evaluation import evaluate, exact_code
from qcompiler.arith.scalar_ops import OPS

ROUNDINGS = {"floor": math.floor, "ceil": math.ceil, "trunc": math.trunc, "round": round}
STEP = 1 / 3  # times 3 it is just below 1


@pytest.mark.parametrize("name", ROUNDINGS)
@pytest.mark.parametrize("factor", [0.5, -0.25, STEP])
def test_roundings(name, factor):
    builder = ScalarBuilder(1)
    scaled = builder.apply("mul", builder.x, factor)
    function = builder.quantize(builder.apply(name, scaled), lo=-60, hi=60)
    x = np.arange(-99, 100)
    wanted = [ROUNDINGS[name](Fraction(factor) * int(v)) for v in x]
    assert evaluate(function, x)[0].tolist() == wanted
    assert [exact_code(function, int(v), 0) for v in x] == wanted
    assert function.direction.tolist() == [1 if factor > 0 else -1]


@pytest.mark.parametrize("threshold", [3.0, -2.5, STEP])
def test_comparison_includes_the_threshold(threshold):
    builder = ScalarBuilder(1)
    step = builder.apply("greater_equal", builder.apply("mul", builder.x, STEP), threshold)
    function = builder.quantize(step, lo=0, hi=1)
    x = np.arange(-99, 100)
    wanted = [int(Fraction(STEP) * int(v) >= Fraction(threshold)) for v in x]
    assert evaluate(function, x)[0].tolist() == wanted
    assert [exact_code(function, int(v), 0) for v in x] == wanted
    assert function.direction.tolist() == [1]


def test_what_is_not_certain_is_not_claimed():
    near = Bounded(np.array([1.0, 1.5]), np.array([1e-9, 1e-9]))
    for name in ROUNDINGS:
        uncertain = np.isinf(OPS[name].bounded(near).error)
        assert uncertain.tolist() == ([False, True] if name == "round" else [True, False])
    compared = OPS["greater_equal"].bounded(near, exactly(np.asarray(1.0)))
    assert np.isinf(compared.error).tolist() == [True, False]
    wide = Enclosure(Fraction(1, 2), Fraction(3, 2))
    one = Enclosure(Fraction(1), Fraction(1))
    assert OPS["greater_equal"].exact(64, wide, one) == Enclosure(Fraction(0), Fraction(1))

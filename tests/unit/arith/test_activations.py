"""Activation functions: enclosures shrink around the real value, and float bounds hold it."""

import math
from fractions import Fraction

import numpy as np
import pytest

from qcompiler.arith import transcendental
from qcompiler.arith.enclosures import Enclosure, point
from qcompiler.arith.error_bounds import Bounded, exactly
from qcompiler.arith.scalar_builder import ScalarBuilder
from qcompiler.arith.scalar_evaluation import evaluate, exact_code
from qcompiler.arith.scalar_ops import OPS

X = [
    0.0,
    1e-9,
    -1e-9,
    0.1,
    -0.1,
    0.5,
    -0.7,
    1.0,
    -1.5,
    2.75,
    -3.0,
    7.3,
    -8.9,
    30.0,
    -41.5,
    400.0,
    -1e4,
]
REFERENCE = {
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)) if x > -700 else 0.0,
    "tanh": math.tanh,
    "erf": math.erf,
    "gelu": lambda x: x * 0.5 * math.erfc(-x / math.sqrt(2)),
    "gelu_tanh": lambda x: 0.5 * x * (1 + math.tanh(0.7978845608028654 * (x + 0.044715 * x**3))),
    "hard_swish": lambda x: x * max(0, min(1, x / 6 + 0.5)),
}  # fmt: skip
EXTRA = {"leaky_relu": [0.125], "hard_sigmoid": [0.2, 0.5]}


@pytest.mark.parametrize("name", REFERENCE)
def test_enclosures_hold_the_value_and_shrink(name):
    for x in X:
        wide, narrow = (OPS[name].exact(bits, point(Fraction(x))) for bits in (64, 256))
        assert wide.lo <= narrow.lo <= narrow.hi <= wide.hi
        assert narrow.hi - narrow.lo <= Fraction(1, 2**200)
        wanted = Fraction(REFERENCE[name](x))
        assert abs(wanted - narrow.lo) <= abs(wanted) * Fraction(1, 2**44) + Fraction(1, 2**45)


@pytest.mark.parametrize("name", [*REFERENCE, *EXTRA])
def test_float_bounds_hold_the_exact_value(name):
    x = np.array(X)
    extra = EXTRA.get(name, [])
    shifted = Bounded(x + 1e-6, np.full(x.shape, 2e-6))  # x itself is within the error
    for given in (exactly(x), shifted):
        found = OPS[name].bounded(given, *(exactly(np.asarray(p)) for p in extra))
        for i, value in enumerate(X):
            exact = OPS[name].exact(
                128, point(Fraction(value)), *(point(Fraction(p)) for p in extra)
            )
            slack = Fraction(float(np.broadcast_to(found.error, x.shape)[i]))
            centre = Fraction(float(found.value[i]))
            assert centre - slack <= exact.hi
            assert exact.lo <= centre + slack


def test_an_interval_of_inputs_is_enclosed():
    wide = transcendental.gelu(64, Enclosure(Fraction(-2), Fraction(1)))
    for x in np.linspace(-2, 1, 50):
        assert wide.lo <= Fraction(REFERENCE["gelu"](x)) <= wide.hi


def test_pi():
    enclosure = transcendental.pi(128)
    assert enclosure.lo < Fraction("3.14159265358979323846264338327950288419716939937510")
    assert enclosure.hi > Fraction("3.14159265358979323846264338327950288419716939937511")


@pytest.mark.parametrize("name", [*REFERENCE, *EXTRA])
def test_codes_equal_those_computed_on_fractions(name):
    builder = ScalarBuilder(1)
    step = builder.apply(name, builder.apply("mul", builder.x, 0.0625), *EXTRA.get(name, []))
    function = builder.quantize(step, scale=1 / 64, lo=-128, hi=127)
    x = np.arange(-128, 128)
    codes = evaluate(function, x)[0]
    assert codes.tolist() == [exact_code(function, int(v), 0) for v in x]


@pytest.mark.parametrize(("slope", "direction"), [(0.5, 1), (0.0, 1), (-0.5, 2)])
def test_trend_of_leaky_relu(slope, direction):
    builder = ScalarBuilder(1)
    function = builder.quantize(builder.apply("leaky_relu", builder.x, slope), lo=-8, hi=7)
    assert function.direction.tolist() == [direction]

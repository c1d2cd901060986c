import math
from fractions import Fraction

import numpy as np
import pytest
from arith_functions import CHANNELS, scalar_functions
from hypothesis import given, settings
from hypothesis import strategies as st

from qcompiler.arith import enclosures, error_bounds, scalar_ops, trends
from qcompiler.arith.scalar_builder import ScalarBuilder
from qcompiler.arith.scalar_evaluation import evaluate, evaluate_at, exact_code
from qcompiler.arith.scalar_function import UndefinedError
from qcompiler.arith.scalar_ops import ScalarOp

SMALL = np.arange(-40, 41)


def all_fractions(function, x):
    return [[exact_code(function, int(xi), c) for xi in x] for c in range(function.channels)]


@given(scalar_functions(), st.integers(-(2**60), 2**60))
@settings(deadline=None, max_examples=150)
def test_exact_numerics_equal_fractions(function, far):
    x = np.concatenate([SMALL[::3], [far, far >> 20, far >> 36]])
    np.testing.assert_array_equal(evaluate(function, x), all_fractions(function, x))


@given(
    st.integers(-200, 200), st.integers(1, 200), st.integers(-20, 20), st.sampled_from([1, 3, 7])
)
@settings(deadline=None, max_examples=100)
def test_biases_exactly_on_ties_that_float64_misses(x, scale, k, third):
    # x * s + bias lies within a rounding error of (k + 1/2) * scale; only fractions can tell.
    s, scale = float(np.float32(scale / 3 / third)), float(np.float32(0.1 * third))
    b = ScalarBuilder(1)
    value = b.apply("add", b.apply("mul", b.x, s), (k + 0.5) * scale - x * s)
    function = b.quantize(b.apply("mul", value, third), scale=scale * third, lo=-99, hi=99)
    near = np.arange(x - 2, x + 3)
    np.testing.assert_array_equal(evaluate(function, near), all_fractions(function, near))


def test_double_rounding_is_not_taken_for_a_tie():
    # 1/2 + 2**-60 rounds to 1/2 in float64, and up in truth.
    b = ScalarBuilder(1)
    f = b.quantize(b.apply("add", b.apply("mul", b.x, 2.0**-60), 0.5), lo=0, hi=1)
    assert evaluate(f, np.array([-1, 0, 1])).tolist() == [[0, 0, 1]]


def test_underflow_is_not_taken_for_zero():
    b = ScalarBuilder(1)
    tiny = b.apply("mul", b.apply("mul", b.x, 1e-300), 1e-300)
    f = b.quantize(tiny, rounding="ceil", lo=-1, hi=1)
    assert evaluate(f, np.array([-1, 0, 1])).tolist() == [[0, 0, 1]]


@given(scalar_functions(numerics="onnxruntime"))
@settings(deadline=None, max_examples=60)
def test_onnxruntime_numerics_round_every_step_to_float32(function):
    x = np.array([-(2**24) - 1, -3, -1, 0, 1, 2, 5, 2**24 + 1, 2**31 - 1])
    try:
        codes = evaluate(function, x)
    except UndefinedError:  # inf - inf or 0 * inf
        return
    assert codes.shape == (CHANNELS, x.size)
    assert codes.min() >= function.quantizer.lo
    assert codes.max() <= function.quantizer.hi


def test_rescale_is_one_float32_multiplication():
    m = np.array([0.0013, 0.1, 2.7e-5], np.float32)
    b = ScalarBuilder(3, "onnxruntime")
    value = b.rescale(b.x, m)
    f = b.quantize(value, lo=-128, hi=127, zero_point=3, zero_point_after_rounding=True)
    x = np.random.default_rng(0).integers(-(2**26), 2**26, size=(3, 5000))
    x[1] >>= 15
    expected = np.rint(x.astype(np.float32) * m[:, None]).astype(np.float64) + 3
    np.testing.assert_array_equal(evaluate(f, x), np.clip(expected, -128, 127))


def test_zero_point_before_and_after_rounding_differ_at_ties():
    x = np.array([-3, -1, 1, 3])
    b = ScalarBuilder(1)
    before = b.quantize(b.x, scale=2.0, zero_point=1, lo=-9, hi=9)
    after = b.quantize(b.x, scale=2.0, zero_point=1, lo=-9, hi=9, zero_point_after_rounding=True)
    assert evaluate(before, x).tolist() == [[0, 0, 2, 2]]
    assert evaluate(after, x).tolist() == [[-1, 1, 1, 3]]


def test_division_by_zero_names_the_accumulator():
    b = ScalarBuilder(1)
    f = b.quantize(b.apply("div", 1.0, b.x), lo=0, hi=3)
    assert evaluate_at(f, np.array([1, 2]), np.array([0, 0])).tolist() == [1, 0]
    with pytest.raises(ValueError, match="divides by zero"):
        evaluate(f, np.array([0]))


def test_an_irrational_operation_is_refined_until_certain(monkeypatch):
    # sqrt(2) * x, enclosed to `bits` bits: all that a sigmoid would have to do.
    def exact(bits, a):
        low = Fraction(math.isqrt(2 << (2 * bits)), 1 << bits)
        return enclosures.mul(bits, a, enclosures.Enclosure(low, low + Fraction(1, 1 << bits)))

    def bounded(a):
        factor = error_bounds.Bounded(np.asarray(2.0**0.5), np.asarray(2.0**-52))
        return error_bounds.mul(a, factor)

    op = ScalarOp(1, lambda a: a * a.dtype.type(2**0.5), bounded, exact, trends.keep)
    monkeypatch.setitem(scalar_ops.OPS, "times_root_two", op)
    b = ScalarBuilder(1)
    f = b.quantize(b.apply("times_root_two", b.x), rounding="floor", lo=-(2**50), hi=2**50)
    # Convergents p/q of the root: q * sqrt(2) is as close to an integer as can be.
    x = np.array([5, 169, 5741, 225058681, 259717522849])
    assert evaluate(f, x).tolist() == [[math.isqrt(2 * int(q) ** 2) for q in x]]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda b: b.quantize(b.apply("mul", b.x, [1.0, 2.0]), lo=0, hi=1), r"shape \[\] or \[3\]"),
        (lambda b: b.quantize(b.apply("mul", b.x, np.inf), lo=0, hi=1), "must be finite, got inf"),
        (lambda b: b.quantize(b.x, scale=-0.5, lo=0, hi=1), "must be positive, got -0.5"),
        (lambda b: b.quantize(b.x, lo=2, hi=1), "got lo 2, hi 1"),
        (lambda b: b.quantize(b.apply("mul", b.x), lo=0, hi=1), "mul takes 2 operands, got 1"),
        (lambda b: b.quantize(b.apply("cos", b.x), lo=0, hi=1), "got 'cos'"),
        (lambda b: b.quantize(b.apply("mul", b.x, 0.1), lo=0, hi=1), "must be a float32 number"),
        (lambda b: b.quantize(b.x, lo=0, hi=2**52), "at most 2\\*\\*51"),
    ],
)
def test_bad_functions_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build(ScalarBuilder(3, "onnxruntime"))

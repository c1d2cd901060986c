"""Functions of multiplier * x + offset: the integers are formed exactly, before any rounding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qcompiler.arith.scalar_builder import ScalarBuilder
from qcompiler.arith.scalar_evaluation import evaluate, exact_code


def test_multiplier_and_offset_vary_by_channel():
    b = ScalarBuilder(3, multiplier=np.array([2, -1, 0]), offset=np.array([-1, 5, 7]))
    f = b.quantize(b.x, lo=-100, hi=100)
    assert evaluate(f, np.array([-4, 0, 9])).tolist() == [[-9, -1, 17], [9, 5, -4], [7, 7, 7]]
    assert f.direction.tolist() == [1, -1, 0]
    assert not f.uniform


def test_the_sum_is_exact_above_the_significand_of_float64():
    b = ScalarBuilder(1, multiplier=3, offset=1)
    f = b.quantize(b.apply("sub", b.x, 3.0 * 2**53), lo=-9, hi=9)
    assert evaluate(f, 2**53 + np.array([-1, 0, 1])).tolist() == [[-2, 1, 4]]


@given(st.integers(-(2**55), 2**55), st.integers(-7, 7), st.integers(-(2**58), 2**58))
@settings(deadline=None, max_examples=80)
def test_exact_numerics_equal_fractions(x, multiplier, offset):
    b = ScalarBuilder(1, multiplier=multiplier, offset=offset)
    f = b.quantize(b.apply("mul", b.x, 2.0**-52), rounding="floor", lo=-(2**20), hi=2**20)
    near = x + np.arange(-2, 3)
    assert evaluate(f, near).tolist() == [[exact_code(f, int(xi), 0) for xi in near]]


@pytest.mark.parametrize(("x", "expected"), [(2**24, 0), (2**24 + 1, 1), (2**24 + 3, 3)])
def test_onnxruntime_subtracts_the_zero_point_before_it_rounds_to_float32(x, expected):
    # As float32, 2**24 + 1 is 2**24 already.
    b = ScalarBuilder(1, "onnxruntime", offset=-(2**24))
    f = b.quantize(b.x, lo=-9, hi=9)
    assert evaluate(f, np.array([x])).tolist() == [[expected]]


def test_onnxruntime_rounds_the_sum_once():
    b = ScalarBuilder(1, "onnxruntime", multiplier=2, offset=1)
    f = b.quantize(b.apply("sub", b.x, 2.0**25), lo=-9, hi=9)
    assert evaluate(f, 2**24 + np.array([0, 1, 2])).tolist() == [[0, 4, 4]]

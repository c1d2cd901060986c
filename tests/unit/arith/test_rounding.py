import math
from fractions import Fraction

import numpy as np
import pytest
from arith_functions import MODES
from hypothesis import given, settings
from hypothesis import strategies as st

from qcompiler.arith.rounding import round_float, round_fraction, rounding_mode

EXPECTED = {  # of -2.5, -1.5, -0.7, -0.5, 0.5, 0.7, 1.5, 2.5
    "half_even": [-2, -2, -1, 0, 0, 1, 2, 2],
    "ceil": [-2, -1, 0, 0, 1, 1, 2, 3],
    "floor": [-3, -2, -1, -1, 0, 0, 1, 2],
    "up": [-3, -2, -1, -1, 1, 1, 2, 3],
    "down": [-2, -1, 0, 0, 0, 0, 1, 2],
    "half_up": [-3, -2, -1, -1, 1, 1, 2, 3],
    "half_down": [-2, -1, -1, 0, 0, 1, 1, 2],
}


@pytest.mark.parametrize("mode", MODES)
def test_rounds_as_qonnx_defines(mode):
    x = np.array([-2.5, -1.5, -0.7, -0.5, 0.5, 0.7, 1.5, 2.5])
    np.testing.assert_array_equal(round_float(x, mode), EXPECTED[mode])


@given(
    st.one_of(st.floats(-1e17, 1e17), st.integers(-9, 9).map(lambda n: n / 2)),
    st.sampled_from([-math.inf, 0.0, math.inf]),
    st.sampled_from(MODES),
)
@settings(deadline=None, max_examples=300)
def test_floats_round_as_fractions_do(x, towards, mode):
    x = x if towards == 0.0 else math.nextafter(x, towards)
    assert int(round_float(np.array([x]), mode)[0]) == round_fraction(Fraction(x), mode)


def test_half_up_is_exact_just_below_a_half():
    assert round_float(np.array([math.nextafter(0.5, 0)]), "half_up")[0] == 0


def test_names():
    assert rounding_mode("ROUND") == rounding_mode("HALF_EVEN") == "half_even"
    assert rounding_mode("Half_Up") == "half_up"
    with pytest.raises(ValueError, match="got 'NEAREST'"):
        rounding_mode("NEAREST")

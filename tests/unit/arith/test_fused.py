"""A fused multiply-add has one rounding: that of the real sum to the nearest float32."""

from fractions import Fraction

import numpy as np
import pytest

from qcompiler.arith.error_bounds import exactly
from qcompiler.arith.fused import mul_add
from qcompiler.arith.scalar_ops import OPS

ONE = np.float32(1)


def nearest(value):
    """The float32 nearest to a fraction, even at ties, by comparing neighbours."""
    middle = np.float32(float(value))
    near = [np.nextafter(middle, np.float32(end)) for end in (-np.inf, middle, np.inf)]
    off = [(abs(Fraction(float(n)) - value), int(n.view(np.int32)) & 1) for n in near]
    return near[off.index(min(off))]


@pytest.mark.parametrize("gap", [0, 12, 24, 40])
def test_one_rounding(gap):
    """The operands lie so many bits apart; half of the sums are next to ties of float32."""
    random = np.random.default_rng(gap)
    a, b = random.standard_normal((2, 2000)).astype(np.float32)
    b *= np.float32(2.0**gap)
    a[::2] = np.float32(1 + 2.0**-12) * np.exp2(random.integers(-3, 3, 1000)).astype(np.float32)
    factor = np.float32(1 - 2.0**-12)
    wanted = [
        nearest(Fraction(float(x)) * Fraction(float(factor)) + Fraction(float(y)))
        for x, y in zip(a, b, strict=True)
    ]
    found = mul_add(a, b, factor)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.array(wanted))


@pytest.mark.parametrize(("factor", "up"), [(2.0**-24, 0), (2.0**-24 + 2.0**-47, 1)])
@pytest.mark.parametrize("scale", [1.0, -1.0])
def test_next_to_a_tie(factor, up, scale):
    """1 + 2**-24 is a tie of float32; a float64 sum with 2**-70 more would be one, too."""
    summand = ONE * np.float32(scale)
    wanted = np.nextafter(summand, summand * 2) if up else summand
    assert mul_add(summand, summand, np.float32(factor)) == wanted


def test_what_float64_does_not_hold_decides():
    """The sum lies 2**-70 below a tie, and float64 would make it the tie, which goes up."""
    a, factor = np.float32(2.0**-12 + 2.0**-35), np.float32(2.0**-12 - 2.0**-35)
    odd = np.float32(1 + 2.0**-23)
    assert float(a) * float(factor) + float(odd) == float(odd) + 2.0**-24
    assert mul_add(a, odd, factor) == odd


def test_real_result_is_the_sum():
    wide = OPS["mul_add"].bounded(*(exactly(np.array([v])) for v in (0.5, 0.25, 3.0)))
    assert (wide.value[0], wide.error.sum()) == (1.75, 0)

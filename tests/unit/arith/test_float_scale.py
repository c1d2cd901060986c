"""The integer form of a float32 multiplication equals the float32 multiplication."""

import numpy as np
import pytest

from qcompiler.arith.requantizer_proofs import prove_float_scale
from qcompiler.arith.requantizers import FloatScale
from qcompiler.arith.scalar_builder import ScalarBuilder
from qcompiler.arith.scalar_evaluation import evaluate
from qcompiler.arith.switch_points import find_switch_points

CHANNELS = 3


def rescaled(factor, offset, zero_point, *, cut=False, after=True):
    """round(float32(x + offset) * factor) + zero_point, saturated to eight bits."""
    builder = ScalarBuilder(CHANNELS, "onnxruntime", offset=np.asarray(offset))
    value = builder.rescale(builder.x, np.asarray(factor, np.float32))
    if cut:
        value = builder.apply("relu", value)
    return builder.quantize(
        value, zero_point=zero_point, lo=-128, hi=127, zero_point_after_rounding=after
    )


def in_integers(form, x):
    """Returns the codes of accumulators [C, N] by the widths of halves, as the hardware does."""
    product = (x + form.offset[:, None]) * form.multiplier[:, None]
    whole = product >> form.shift
    part = product - (whole << form.shift)
    magnitude = np.where(whole < 0, ~whole, whole)
    above, below = form.half_widths(magnitude)
    up, down = np.where(whole < 0, below, above), np.where(whole < 0, above, below)
    past = part - (1 << (form.shift - 1))
    half = (past <= up) & (past >= -down)
    rounded = whole + ((past > up) | (half & (whole & 1 == 1)))
    return np.clip(rounded + form.zero_point, form.lo, form.hi)


def check(function, span, rng):
    form = prove_float_scale(function, find_switch_points(function, -span, span))
    assert form is not None
    x = np.clip(rng.integers(-span, span + 1, 4000), -span, span)
    x = np.concatenate([x, np.arange(-500, 500).clip(-span, span)])
    rows = np.broadcast_to(x, (CHANNELS, x.size))
    np.testing.assert_array_equal(form.apply(rows, 0), evaluate(function, x))
    np.testing.assert_array_equal(in_integers(form, rows), evaluate(function, x))


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("ties", [False, True])
def test_it_equals_float32_on_any_accumulator(seed, ties):
    rng = np.random.default_rng(seed)
    span = int(2 ** rng.uniform(4, 22))
    factor = rng.uniform(0.5, 2, CHANNELS) * 300 / span
    if ties:  # eighths and the like: many products are halves exactly
        factor = rng.integers(1, 8, CHANNELS) / 2.0 ** rng.integers(1, 10)
    offset = rng.integers(-1000, 1000, CHANNELS)
    function = rescaled(factor, offset, int(rng.integers(-128, 128)), cut=bool(seed % 2))
    check(function, span, rng)


def test_what_float32_cannot_tell_from_a_half_is_rounded_to_even():
    """0.1 in float32 is a little more than a tenth, 5 times it rounds to one half all the same."""
    function = rescaled(0.1, 0, 0)
    assert float(np.float32(0.1)) * 5 > 0.5
    assert evaluate(function, np.array([5]))[0, 0] == 0
    check(function, 2000, np.random.default_rng(0))


def test_a_zero_point_of_zero_may_be_added_before_rounding():
    function = rescaled([0.013, 0.007, 0.02], 11, 0, after=False)
    check(function, 20000, np.random.default_rng(0))
    other = rescaled([0.013, 0.007, 0.02], 11, 3, after=False)
    assert prove_float_scale(other, find_switch_points(other, -20000, 20000)) is None


def test_accumulators_that_float32_would_round_are_refused():
    function = rescaled(2.0**-20, 0, 0)
    assert prove_float_scale(function, find_switch_points(function, -(2**24) - 1, 2**24)) is None


@pytest.mark.parametrize(("zero_point", "lo", "hi"), [(3, -128, 127), (2**24 - 1, 0, 2**26)])
def test_codes_are_whole_numbers_of_a_type_that_holds_them(zero_point, lo, hi):
    """Codes beyond 2**24 are no float32 numbers: an odd zero point would be lost."""
    form = FloatScale(np.array([3]), np.array([5]), 2, zero_point, lo, hi)
    x = np.array([-(2**24) + 6, -7, 0, 1, 2**24 - 6])
    expected = np.rint(np.float32((x + 5) * 0.75)).astype(np.int64) + zero_point
    for given in (x, x.astype(np.float32)):
        np.testing.assert_array_equal(form.apply(given), np.clip(expected, lo, hi))
    np.testing.assert_array_equal(form.whole(x), form.apply(x))

"""Lines rounded to codes: requantizers found without enumeration have every code.

Random scales, widths and roundings, at random accumulators and around the steps in between.
"""

import numpy as np
import pytest

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizer_selection import WideFunctionError, select
from qcompiler.arith.requantizers import MulShift, Shift
from qcompiler.arith.scalar_builder import ScalarBuilder
from qcompiler.arith.scalar_evaluation import evaluate

MODES = ("half_even", "ceil", "floor", "half_up", "half_down")
LINES = ("shift", "mul_shift")


def numbers(rng, style, shape):
    if style == 0:  # powers of two: many ties
        return np.full(shape, 2.0 ** rng.integers(-10, 3), np.float32)
    if style == 1:  # round numbers: ties with an odd period
        return (rng.integers(1, 2000, shape) / 1000).astype(np.float32)
    if style == 2:
        return (rng.integers(1, 64, shape) / 2.0 ** rng.integers(0, 6)).astype(np.float32)
    return np.exp(rng.uniform(-1, 1, shape)).astype(np.float32)


def random_case(seed, bits):
    """A bias, a scale, perhaps a square root and cuts: (function, lo, hi)."""
    rng = np.random.default_rng(seed)
    width, channels, style = (
        int(v) for v in (rng.integers(bits, 63), rng.choice([1, 3]), seed % 4)
    )
    shape = (channels,) if channels > 1 and seed % 2 else ()
    builder = ScalarBuilder(channels, offset=int(rng.integers(-99, 99)))
    value = builder.apply("mul", builder.x, numbers(rng, style, shape))
    if rng.random() < 0.4:
        value = builder.apply("add", value, rng.normal(0, 10, shape).astype(np.float32))
    if rng.random() < 0.2:
        value = builder.apply("mul", value, -numbers(rng, style, shape))
    if rng.random() < 0.3:
        value = builder.apply("relu", value)
    rounding = MODES[0] if seed % 3 else MODES[int(rng.integers(len(MODES)))]
    if rounding == "half_even" and rng.random() < 0.2:
        root = builder.apply("sqrt", builder.constant(numbers(rng, 3, shape)))
        value = builder.apply("div", value, root)
    function = builder.quantize(
        value,
        scale=np.float32(2.0 ** (width - bits + rng.integers(-2, 3))) * numbers(rng, style, ()),
        zero_point=int(rng.integers(0, 2**bits)),
        rounding=rounding,
        lo=0,
        hi=2**bits - 1,
        zero_point_after_rounding=bool(rng.integers(2)),
    )
    span = 2 ** (width - 1)
    return function, -span if seed % 5 else 0, span - 1


def around_steps(function, channel, a, b):
    """Returns accumulators around a step of a channel between a and b, by bisection."""

    def code(x):
        return int(evaluate(function, np.array([x]))[channel, 0])

    first = code(a)
    if code(b) == first:
        return [a, b]
    while b - a > 1:
        middle = (a + b) // 2
        a, b = (middle, b) if code(middle) == first else (a, middle)
    return [a - 1, a, b, b + 1]


@pytest.mark.parametrize("bits", [9, 12, 16])
@pytest.mark.parametrize("seed", range(40))
def test_lines_have_every_code(seed, bits):
    function, lo, hi = random_case(seed, bits)
    form = select(function, lo, hi, forms=LINES).form
    assert isinstance(form, Shift | MulShift)
    rng = np.random.default_rng(seed)
    x = [lo, hi, *rng.integers(lo, hi, 50, endpoint=True).tolist()]
    for channel in range(function.channels):
        for a, b in np.sort(rng.integers(lo, hi, (4, 2), endpoint=True), axis=1).tolist():
            x += around_steps(function, channel, a, b)
    x = np.clip(np.array(x), lo, hi)
    rows = np.broadcast_to(x, (function.channels, x.size))
    np.testing.assert_array_equal(form.apply(rows, 0), evaluate(function, x))


def line(scale, bits=16, channels=1):
    builder = ScalarBuilder(channels)
    value = builder.apply("mul", builder.x, np.asarray(scale, np.float32))
    return builder.quantize(value, lo=-(2 ** (bits - 1)), hi=2 ** (bits - 1) - 1)


def test_ties_with_an_odd_period_have_a_width():
    # 3/7 of x + 1/14 is a half for every seventh x, to an even code half of the time.
    builder = ScalarBuilder(1)
    value = builder.apply("div", builder.apply("mul", builder.x, 3.0), 14.0)
    function = builder.quantize(value, lo=-(2**15), hi=2**15 - 1)
    form = select(function, -(2**30), 2**30, forms=LINES).form
    assert form.tie_parity == 0
    assert form.tie_width > 0
    x = np.arange(-2000, 2000)
    np.testing.assert_array_equal(form.apply(x[None], 0), evaluate(function, x))


def test_powers_of_two_need_no_multiplier():
    form = select(line(2.0**-14), -(2**40), 2**40).form
    assert isinstance(form, Shift)
    assert (form.shift, form.tie_parity, form.tie_width) == (14, 0, 0)


def test_multipliers_may_have_more_than_64_bits():
    builder = ScalarBuilder(2)
    value = builder.apply("mul", builder.x, np.array([0.37, 0.111], np.float32))
    value = builder.apply("mul", value, np.float32(0.0123))
    function = builder.quantize(value, scale=np.float32(7.7e11), lo=-(2**15), hi=2**15 - 1)
    form = select(function, -(2**61), 2**61 - 1).form
    assert form.multiplier.dtype == object
    assert form.sum_range(IntRange(-(2**61), 2**61 - 1)).width_bits > 64
    x = np.random.default_rng(0).integers(-(2**61), 2**61, 300)
    rows = np.broadcast_to(x, (2, x.size))
    np.testing.assert_array_equal(form.apply(rows, 0), evaluate(function, x))


def test_equal_channels_are_looked_at_once():
    form = select(line(0.3, channels=100_000), -(2**30), 2**30).form
    assert form.multiplier.shape == (1,)


def test_what_is_no_line_is_refused_before_anything_is_enumerated():
    builder = ScalarBuilder(1)
    function = builder.quantize(
        builder.apply("sigmoid", builder.apply("mul", builder.x, 1e-6)), scale=2.0**-16, lo=0,
        hi=2**16 - 1,
    )  # fmt: skip
    with pytest.raises(WideFunctionError, match="this function is none"):
        select(function, -(2**24), 2**24)

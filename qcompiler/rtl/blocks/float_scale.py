"""Requantizers that round as float32 arithmetic does: `FloatScale`."""

import numpy as np

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import FloatScale
from qcompiler.devices.delays import DelayModel, Segment
from qcompiler.dialects import stream
from qcompiler.rtl.blocks.requantizer_lane import Lane, clamped, parameters_of, signed_width
from qcompiler.rtl.blocks.serial_product import serial_segments
from qcompiler.rtl.blocks.weight_codes import LOGIC
from qcompiler.rtl.builder import Signal
from qcompiler.rtl.cuts import multiply, range_of, read_and
from qcompiler.rtl.numbers import Number, total


def float_scale(lane: Lane, form: FloatScale) -> Signal:
    """Returns the lane's code."""
    multiplier, offset = parameters_of(form)
    product = form.sum_range(lane.config.x)
    factor = lane.kept_number("entered", "multiplier", lane.number(multiplier))
    x = total([Number.of(lane.x, lane.config.x), lane.number(offset)])
    x = lane.kept_number("entered", "x", x)
    made = lane.kept_number("products", "product", lane.product(x, factor, product))
    made = made.at(lane.delay("product", made, enable=lane.enable))
    width = max(signed_width(product), form.shift + 2)
    scaled = made.wide(width)
    whole = scaled.slice(form.shift, width - form.shift).named("whole")
    rounded = _rounded_half(lane, form, scaled.slice(0, form.shift).named("part"), whole)
    (rounded,) = lane.kept("rounded", number=rounded)
    y_range = lane.config.y
    low, high = (end >> form.shift for end in (product.lo, product.hi))
    bounds = IntRange(low + form.zero_point, high + 1 + form.zero_point)
    sum_width = max(signed_width(bounds), rounded.width, signed_width(y_range))
    y = (rounded.sext(sum_width) + form.zero_point).named("code_unclamped")
    y = clamped(lane, y, bounds, IntRange(form.lo, form.hi))
    return lane.delay("code", y.slice(0, y_range.width_bits), enable=lane.enable)


def _rounded_half(lane: Lane, form: FloatScale, part: Signal, whole: Signal) -> Signal:
    """Returns whole + part, rounded; what float32 cannot tell from a half is one, to even."""
    negative = whole.sign
    magnitude = (whole ^ negative.replicate(whole.width)).named("magnitude")
    largest = max(abs(form.lo - form.zero_point), abs(form.hi - form.zero_point)) + 1
    bits = largest.bit_length()
    tops = _half_ends(lane, form, magnitude, bits, 1)
    bottoms = _half_ends(lane, form, magnitude, bits, -1)
    top = lane.mux(negative, tops[1], tops[0]).named("half_top")
    bottom = lane.mux(negative, bottoms[0], bottoms[1]).named("half_bottom")
    top, bottom, part, whole = lane.kept("widths", top=top, bottom=bottom, part=part, whole=whole)
    more = part.compare("ugt", top).named("above_half")
    less = part.compare("ult", bottom).named("below_half")
    more, less, whole = lane.kept("sides", above_half=more, below_half=less, whole=whole)
    step = (more | (~less & whole.bit(0))).named("round_up")
    return whole.sext(whole.width + 1) + step.zext(whole.width + 1)


def _half_ends(
    lane: Lane, form: FloatScale, magnitude: Signal, bits: int, sign: int
) -> tuple[Signal, Signal]:
    """Returns a half plus `sign` times each of `FloatScale.half_widths`.

    Of magnitudes below 2**bits; others are clamped anyway.
    """
    values = np.array([0, *(1 << i for i in range(bits))])
    above, below = form.half_widths(values)
    half = 1 << (form.shift - 1)
    result = lane.constant(half + sign * int(above[0]), form.shift)
    for i, value in enumerate(above[1:].tolist()[: magnitude.width - 1]):
        if value == int(above[0]):
            continue
        higher = magnitude.slice(i, min(bits, magnitude.width) - i)
        end = lane.constant(half + sign * value, form.shift)
        result = lane.mux(higher.compare("ne", 0), end, result)
    if not above.any():
        return result, result
    smallest = lane.constant(half + sign * int(below[0]), form.shift)
    return result, lane.mux(magnitude.compare("eq", 0), smallest, result)


def float_scale_cuts(
    model: DelayModel, op: stream.RequantizeOp, form: FloatScale, x: IntRange
) -> dict[str, int]:
    """Returns the registers of a lane that scales as float32 does."""
    entered = x + range_of(form.offset)
    a, b = signed_width(entered), signed_width(range_of(form.multiplier))
    product = form.sum_range(x)
    width = max(signed_width(product), form.shift + 2)
    if op.turns.count > 1:
        long = serial_segments(model, "entered", op.turns, entered, range_of(form.multiplier))
    else:
        long = multiply(model, "entered", a, b, width, in_logic=op.style == LOGIC)
    segments = [Segment("operands", model.add(2, a)), *long]
    found = read_and(model, op, [form.multiplier, form.offset], segments)
    if op.turns.count == 1 and len(long) > 1:
        found.setdefault("pieces", 1)
    whole = width - form.shift
    tail = [
        # The sign, the leading one among the bits, and the ends of what counts as a half.
        Segment("", model.device.delays.lut + model.tables(whole) + model.device.delays.lut * 2),
        Segment("widths", model.compare(form.shift)),
        Segment("sides", model.device.delays.lut + model.add(2, whole)),
        Segment("rounded", model.add(2, whole) + model.compare(whole)),
    ]
    return found | model.cuts(tail)

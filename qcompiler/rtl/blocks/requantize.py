"""Requantizers: from accumulators to codes, one lane per element of a beat.

    in --> operand --> lanes (two stages: sum or comparisons, then code) --> register slice --> out
    channel counter --> parameter ROMs --^

Parameters that all channels share are constants inside the lane; those of fully parallel layers are
constants at its ports; others come from ROMs addressed by the channel.
"""

from dataclasses import dataclass, field

import numpy as np
from xdsl.dialects import hw

from qcompiler.arith.arrays import IntArray
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import (
    FloatScale,
    MulShift,
    Requantizer,
    Shift,
    Table,
    Threshold,
)
from qcompiler.rtl.builder import ModuleBuilder, Signal
from qcompiler.rtl.streaming import Library, StreamBlock


@dataclass(frozen=True)
class RequantizeConfig:
    """Shape of one requantizer.

    Attributes:
        prefix: name of the design, for shared helpers.
        name: module name.
        comment: header lines.
        x: range of the inputs.
        y: range of the outputs.
        channels: channels of a frame's innermost dimension.
        lanes: elements a beat; divides `channels`.
        form: what is computed.
    """

    prefix: str
    name: str
    comment: tuple[str, ...]
    x: IntRange
    y: IntRange
    channels: int
    lanes: int
    form: Requantizer

    @property
    def folds(self) -> int:
        """Beats for all channels."""
        return self.channels // self.lanes


@dataclass(frozen=True)
class Parameter:
    """One number (or K of them side by side) per channel.

    Attributes:
        name: port name.
        values: int64, shape [1, K] or [channels, K].
        range: of the values.
    """

    name: str
    values: IntArray
    range: IntRange = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "range", IntRange(int(self.values.min()), int(self.values.max())))

    @property
    def shared(self) -> bool:
        """Whether all channels have the same."""
        return self.values.shape[0] == 1


def _parameters(form: Requantizer) -> list[Parameter]:
    """Returns the parameters of a form that may differ by channel; none for a constant code."""
    match form:
        case Shift():
            return [Parameter("sign", form.sign[:, None]), Parameter("bias", form.bias[:, None])]
        case MulShift():
            return [
                Parameter("multiplier", form.multiplier[:, None]),
                Parameter("bias", form.bias[:, None]),
            ]
        case FloatScale():
            return [
                Parameter("multiplier", form.multiplier[:, None]),
                Parameter("offset", form.offset[:, None]),
            ]
        case Threshold() if form.thresholds.shape[1]:
            return [
                Parameter("sign", form.sign[:, None]),
                Parameter("thresholds", form.thresholds),
            ]
        case Threshold() | Table():
            return []


def build_requantize(library: Library, config: RequantizeConfig) -> hw.HWModuleOp:
    """Returns the requantizer as a module."""
    x_width, y_width = config.x.width_bits, config.y.width_bits
    widths = config.lanes * x_width, config.lanes * y_width
    b = StreamBlock(library, config.prefix, config.name, config.comment, widths)
    fire = (b.enable & b.in_valid).named("fire")
    channel = b.counter("channel_fold", config.folds)
    channel.advance_on(fire)
    operand = b.delay("operand", b.in_data, enable=fire)
    fed = [p for p in _parameters(config.form) if not p.shared]
    columns = {p.name: _per_lane(b, config, p, channel.value) for p in fed}
    table_rows = isinstance(config.form, Table) and config.form.entries.shape[0] > 1
    fold = b.delay("fold", channel.value, enable=fire) if table_rows and config.folds > 1 else None
    shared_lane = None if table_rows else _build_lane(library, config, 0)
    results: list[Signal] = []
    for i, x in enumerate(operand.lanes(config.lanes)):
        lane = shared_lane or _build_lane(library, config, i)
        inputs = {"enable": b.enable, "x": x} | {name: c[i] for name, c in columns.items()}
        if fold is not None:
            inputs["fold"] = fold
        results.append(b.instance(f"lane{i}", lane, **inputs).output(b, "y"))
    valid = b.valid_chain(fire, 2)
    return b.finish(in_ready=b.enable, next_valid=valid[-1], data=b.pack(results))


def _per_lane(
    b: StreamBlock, config: RequantizeConfig, parameter: Parameter, fold: Signal
) -> list[Signal]:
    """Returns each lane's parameters for the beat in the operand register."""
    width, count = parameter.range.width_bits, parameter.values.shape[1]
    if config.folds == 1:
        return [
            b.pack([b.constant(int(value), width) for value in row]) for row in parameter.values
        ]
    words = parameter.values.reshape(config.folds, config.lanes * count)
    return b.rom(parameter.name, fold, b.enable, words, width).lanes(config.lanes)


class _Lane(ModuleBuilder):
    """One lane: `x` and parameters in, `y` out two enabled cycles later."""

    def __init__(self, config: RequantizeConfig, name: str):
        super().__init__(name, [f"Lane of {config.name}: {_formula(config.form)}"])
        self.config = config
        self.enable = self.input("enable", 1)
        self.x = self.input("x", config.x.width_bits)

    def parameter(self, parameter: Parameter, width: int) -> list[Signal]:
        """Returns the parameter's values, extended to `width` bits."""
        signed = parameter.range.signed
        if parameter.shared:
            return [self.constant(int(value), width) for value in parameter.values[0]]
        count, own = parameter.values.shape[1], parameter.range.width_bits
        port = self.input(parameter.name, count * own)
        return [lane.resize(width, signed=signed) for lane in port.lanes(count)]

    def signed_x(self, sign: Parameter, width: int) -> Signal:
        """Returns sign * x in `width` bits."""
        x = self.x.resize(width, signed=self.config.x.signed)
        if sign.shared:
            return x if sign.values[0, 0] == 1 else self.constant(0, width) - x
        (negative,) = (s.sign for s in self.parameter(sign, 2))
        return self.mux(negative, self.constant(0, width) - x, x)


def _formula(form: Requantizer) -> str:
    match form:
        case Shift():
            text = f"y = clamp((sign * x + bias) >> {form.shift}, {form.lo}, {form.hi})"
        case MulShift():
            text = f"y = clamp((x * multiplier + bias) >> {form.shift}, {form.lo}, {form.hi})"
        case FloatScale():
            return (
                f"y = clamp(round(float32((x + offset) * multiplier / 2**{form.shift})) + "
                f"{form.zero_point}, {form.lo}, {form.hi})"
            )
        case Threshold():
            count = form.thresholds.shape[1]
            return f"y = {form.lo} + how many of {count} thresholds sign * x reaches"
        case Table():
            return f"y = table[x - {form.x_lo}]"
    ties = {None: "", 0: ", ties to even", 1: ", ties to odd"}[form.tie_parity]
    return text + ties


def _build_lane(library: Library, config: RequantizeConfig, index: int) -> hw.HWModuleOp:
    form = config.form
    many = isinstance(form, Table) and form.entries.shape[0] > 1
    lane = _Lane(config, f"{config.name}_lane{index}" if many else f"{config.name}_lane")
    match form:
        case Shift():
            y = _shift(lane, form)
        case MulShift():
            y = _mul_shift(lane, form)
        case FloatScale():
            y = _float_scale(lane, form)
        case Threshold():
            y = _threshold(lane, form)
        case Table():
            y = _table(lane, form, index)
    lane.output("y", y)
    return library.add(lane.build())


def _signed_width(range_: IntRange) -> int:
    """Returns the two's complement width of a range, a sign bit included in any case."""
    return range_.union(IntRange(-1, 0)).width_bits


def _shift(lane: _Lane, form: Shift) -> Signal:
    sums = form.sum_range(lane.config.x)
    width = max(_signed_width(sums), _signed_width(lane.config.x) + 1)
    sign, bias = _parameters(form)
    z = lane.signed_x(sign, width)
    if form.shift < 0:
        z = lane.concat([z.slice(0, width + form.shift), lane.constant(0, -form.shift)])
    (offset,) = lane.parameter(bias, width)
    total = lane.delay("total", z + offset, enable=lane.enable)
    return _to_code(lane, form, total, sums)


def _mul_shift(lane: _Lane, form: MulShift) -> Signal:
    sums = form.sum_range(lane.config.x)
    multiplier, bias = _parameters(form)
    product_range = lane.config.x * multiplier.range
    width = max(_signed_width(sums), _signed_width(product_range))
    product_width = min(width, _signed_width(product_range))
    x = lane.x.resize(product_width, signed=lane.config.x.signed)
    (factor,) = lane.parameter(multiplier, product_width)
    product = (x * factor).named("product").sext(width)
    (offset,) = lane.parameter(bias, width)
    total = lane.delay("total", product + offset, enable=lane.enable)
    return _to_code(lane, form, total, sums)


def _float_scale(lane: _Lane, form: FloatScale) -> Signal:
    multiplier, offset = _parameters(form)
    entered = lane.config.x + offset.range
    product = form.sum_range(lane.config.x)
    width = max(_signed_width(product), form.shift + 2)
    (summand,) = lane.parameter(offset, _signed_width(entered))
    x = lane.x.resize(_signed_width(entered), signed=lane.config.x.signed) + summand
    (factor,) = lane.parameter(multiplier, width)
    total = lane.delay("product", x.sext(width) * factor, enable=lane.enable)
    whole = total.slice(form.shift, width - form.shift).named("whole")
    rounded = _rounded_half(lane, form, total.slice(0, form.shift).named("part"), whole)
    y_range = lane.config.y
    bounds = IntRange((product.lo >> form.shift) + form.zero_point, 0).union(
        IntRange(0, (product.hi >> form.shift) + 1 + form.zero_point)
    )
    sum_width = max(_signed_width(bounds), rounded.width, _signed_width(y_range))
    y = (rounded.sext(sum_width) + form.zero_point).named("code_unclamped")
    if bounds.lo < form.lo:
        y = lane.mux(y.compare("slt", form.lo), lane.constant(form.lo, sum_width), y)
    if bounds.hi > form.hi:
        y = lane.mux(y.compare("sgt", form.hi), lane.constant(form.hi, sum_width), y)
    return lane.delay("code", y.slice(0, y_range.width_bits), enable=lane.enable)


def _rounded_half(lane: _Lane, form: FloatScale, part: Signal, whole: Signal) -> Signal:
    """Returns whole + part, rounded; what float32 cannot tell from a half is one, to even."""
    negative = whole.sign
    magnitude = (whole ^ negative.replicate(whole.width)).named("magnitude")
    largest = max(abs(form.lo - form.zero_point), abs(form.hi - form.zero_point)) + 1
    above, below = _half_widths(lane, form, magnitude, largest.bit_length())
    up = lane.mux(negative, below, above).named("half_above")
    down = lane.mux(negative, above, below).named("half_below")
    half = 1 << (form.shift - 1)
    more = part.compare("ugt", up + half).named("above_half")
    less = part.compare("ult", lane.constant(half, form.shift) - down).named("below_half")
    step = (more | (~less & whole.bit(0))).named("round_up")
    return whole.sext(whole.width + 1) + step.zext(whole.width + 1)


def _half_widths(
    lane: _Lane, form: FloatScale, magnitude: Signal, bits: int
) -> tuple[Signal, Signal]:
    """Returns `FloatScale.half_widths` of magnitudes below 2**bits; others are clamped anyway."""
    values = np.array([0, *(1 << i for i in range(bits))])
    above, below = form.half_widths(values)
    result = lane.constant(int(above[0]), form.shift)
    for i, value in enumerate(above[1:].tolist()[: magnitude.width - 1]):
        if value == int(above[0]):
            continue
        higher = magnitude.slice(i, min(bits, magnitude.width) - i)
        result = lane.mux(higher.compare("ne", 0), lane.constant(value, form.shift), result)
    if not above.any():
        return result, result
    smallest = lane.constant(int(below[0]), form.shift)
    return result, lane.mux(magnitude.compare("eq", 0), smallest, result)


def _to_code(lane: _Lane, form: Shift | MulShift, total: Signal, sums: IntRange) -> Signal:
    """Shifts right, mends ties, clamps; registers the code."""
    shift = max(form.shift, 0)
    y_range = lane.config.y
    shifted_range = IntRange(sums.lo >> shift, sums.hi >> shift)
    if form.tie_parity is not None:
        shifted_range = IntRange(shifted_range.lo - 1, shifted_range.hi)
    width = max(_signed_width(shifted_range), _signed_width(y_range))
    kept = total.slice(shift, total.width - shift) if shift < total.width else total.sign
    y = kept.resize(width, signed=True).named("shifted")
    if form.tie_parity is not None and shift > 0:
        tie = total.slice(0, shift).equals(0).named("tie")
        wrong = y.bit(0) if form.tie_parity == 0 else ~y.bit(0)
        y = (y - (tie & wrong).zext(width)).named("rounded")
    if shifted_range.lo < form.lo:
        y = lane.mux(y.compare("slt", form.lo), lane.constant(form.lo, width), y)
    if shifted_range.hi > form.hi:
        y = lane.mux(y.compare("sgt", form.hi), lane.constant(form.hi, width), y)
    return lane.delay("code", y.slice(0, y_range.width_bits), enable=lane.enable)


def _threshold(lane: _Lane, form: Threshold) -> Signal:
    y_width = lane.config.y.width_bits
    if not form.thresholds.shape[1]:
        return lane.constant(form.lo, y_width)
    sign, thresholds = _parameters(form)
    x = lane.config.x
    width = max(_signed_width(IntRange(-x.hi, -x.lo).union(x)), _signed_width(thresholds.range))
    z = lane.signed_x(sign, width).named("z")
    reached = [z.compare("sge", level) for level in lane.parameter(thresholds, width)]
    flags = lane.delay("reached", lane.pack(reached), enable=lane.enable)
    terms = [flags.bit(i).zext(y_width) for i in range(len(reached))]
    base = [lane.constant(form.lo, y_width)] if form.lo else []
    return lane.delay("code", lane.sum([*base, *terms]), enable=lane.enable)


def _table(lane: _Lane, form: Table, index: int) -> Signal:
    config = lane.config
    rows = form.entries if form.entries.shape[0] == 1 else form.entries[index :: config.lanes]
    address_width = max(1, (rows.shape[1] - 1).bit_length())
    work_width = max(_signed_width(config.x), address_width) + 1
    offset = lane.x.resize(work_width, signed=config.x.signed) - form.x_lo
    address = lane.delay("address", offset.slice(0, address_width), enable=lane.enable)
    words = np.zeros((rows.shape[0], 1 << address_width), np.int64)
    words[:, : rows.shape[1]] = rows
    if rows.shape[0] > 1:
        fold = lane.input("fold", (rows.shape[0] - 1).bit_length())
        fold = lane.delay("row", fold, enable=lane.enable)
        address = lane.concat([fold, address])
    return lane.rom("code", address, lane.enable, words.reshape(-1, 1), config.y.width_bits)

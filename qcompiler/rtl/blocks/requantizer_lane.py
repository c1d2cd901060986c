"""What the lanes of requantizers share: shape, parameters, registers, products."""

from functools import cached_property
from itertools import product

from msgspec import Struct, field
from xdsl.dialects import hw

from qcompiler.arith.arrays import IntArray
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import FloatScale, MulShift, Requantizer, Shift, Table, Threshold
from qcompiler.arith.turns import ONCE, Turns
from qcompiler.devices.delays import DelayModel, Segment
from qcompiler.dialects import stream
from qcompiler.rtl.blocks.serial_product import serial_product, serial_segments
from qcompiler.rtl.blocks.weight_codes import LOGIC, LogicCode
from qcompiler.rtl.builder import ModuleBuilder, Signal
from qcompiler.rtl.cuts import multiply, range_of, read_and, tree_levels
from qcompiler.rtl.numbers import Number
from qcompiler.rtl.stages import Registers, staged, staged_number


class RequantizeConfig(Struct, frozen=True):
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
        registers: at each cut.
        turns: in which a product is made.
        in_logic: whether no hard multiplier makes it.
    """

    prefix: str
    name: str
    comment: tuple[str, ...]
    x: IntRange
    y: IntRange
    channels: int
    lanes: int
    form: Requantizer
    registers: Registers = field(default_factory=dict[str, int])
    turns: Turns = ONCE
    in_logic: bool = False

    @property
    def folds(self) -> int:
        """Beats for all channels."""
        return self.channels // self.lanes


class Parameter(Struct, frozen=True, dict=True):
    """One number (or K of them side by side) per channel.

    Attributes:
        name: port name.
        values: int64, shape [1, K] or [channels, K].
    """

    name: str
    values: IntArray

    @cached_property
    def range(self) -> IntRange:
        """Range of the values."""
        return IntRange(int(self.values.min()), int(self.values.max()))

    @property
    def shared(self) -> bool:
        """Whether all channels have the same."""
        return self.values.shape[0] == 1


def parameters_of(form: Requantizer) -> list[Parameter]:
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


class Lane(ModuleBuilder):
    """One lane: `x` and parameters in, `y` out two enabled cycles later, or more by its turns."""

    def __init__(self, config: RequantizeConfig, name: str, formula: str):
        super().__init__(name, [f"Lane of {config.name}: {formula}"])
        self.config = config
        self.enable = self.input("enable", 1)
        self.x = self.input("x", config.x.width_bits)
        self.cuts: set[str] = {"operands"}  # those of the block

    def number(self, parameter: Parameter) -> Number:
        """Returns the parameter's only value."""
        if parameter.shared:
            return Number.constant(self, int(parameter.values[0, 0]))
        (signal,) = self.parameter(parameter, parameter.range.width_bits)
        return Number.of(signal, parameter.range)

    def kept_number(self, cut: str, name: str, number: Number) -> Number:
        """Returns a number as many cycles later as the cut has registers; constants stay."""
        count = self.registers_at(cut)
        if number.is_constant:
            return number
        return staged_number(self, f"{name}_{cut}", number, count, self.enable)

    def product(self, x: Number, factor: Number, range_: IntRange) -> Number:
        """Returns the product, known to be in a range; made of pieces if they have registers."""
        width, turns, registers = range_.width_bits, self.config.turns, self.config.registers
        if turns.count > 1:
            self.cuts |= {"chosen", "partial"}
            turn = self.input("turn", (turns.count - 1).bit_length())
            turn = staged(self, "turn_entered", turn, registers.get("entered", 0), self.enable)
            made = serial_product(
                self, x, factor, turns, turn=turn, enable=self.enable, registers=registers
            )
            return Number.of(made.wide(width), range_)
        if self.config.in_logic:
            code = LogicCode("integer", factor.width, factor.range.signed)
            return Number.of(code.multiply(self, x, factor, width, x.range.signed), range_)
        if not self.registers_at("pieces"):
            return Number.of(x.times(factor, width), range_)
        terms: list[Signal] = []
        pairs = product(x.pieces(), factor.pieces())
        for i, ((low_x, one), (low_factor, other)) in enumerate(pairs):
            part = self.kept_number("pieces", f"product{i}", one * other)
            shift = low_x + low_factor
            high = part.wide(width - shift)
            terms.append(self.concat([high, self.constant(0, shift)]) if shift else high)
        return Number.of(self.sum(terms), range_)

    def parameter(self, parameter: Parameter, width: int) -> list[Signal]:
        """Returns the parameter's values, extended to `width` bits."""
        signed = parameter.range.signed
        if parameter.shared:
            return [self.constant(int(value), width) for value in parameter.values[0]]
        count, own = parameter.values.shape[1], parameter.range.width_bits
        port = self.input(parameter.name, count * own)
        return [lane.resize(width, signed=signed) for lane in port.lanes(count)]

    def registers_at(self, cut: str) -> int:
        """Returns how many registers stand at a cut, and notes that the lane has it."""
        self.cuts.add(cut)
        return self.config.registers.get(cut, 0)

    def kept(self, cut: str, **signals: Signal) -> list[Signal]:
        """Returns signals as many cycles later as the cut has registers; constants stay."""
        count = self.registers_at(cut)
        return [
            signal
            if isinstance(signal.value.owner, hw.ConstantOp)
            else staged(self, f"{name}_{cut}", signal, count, self.enable)
            for name, signal in signals.items()
        ]

    def signed_x(self, sign: Parameter, width: int) -> Signal:
        """Returns sign * x in `width` bits."""
        x = self.x.resize(width, signed=self.config.x.signed)
        if sign.shared:
            return x if sign.values[0, 0] == 1 else self.constant(0, width) - x
        (negative,) = (s.sign for s in self.parameter(sign, 2))
        return self.mux(negative, self.constant(0, width) - x, x)


def signed_width(range_: IntRange) -> int:
    """Returns the two's complement width of a range, a sign bit included in any case."""
    return range_.union(IntRange(-1, 0)).width_bits


def clamped(lane: Lane, y: Signal, given: IntRange, wanted: IntRange) -> Signal:
    """Returns y, which lies in `given`, moved into `wanted`; both comparisons are of y itself."""
    clamped = y
    if given.lo < wanted.lo:
        low = lane.constant(wanted.lo, y.width)
        clamped = lane.mux(y.compare("slt", wanted.lo), low, clamped)
    if given.hi > wanted.hi:
        high = lane.constant(wanted.hi, y.width)
        clamped = lane.mux(y.compare("sgt", wanted.hi), high, clamped)
    return clamped


def shift_cuts(
    model: DelayModel, op: stream.RequantizeOp, form: Shift, x: IntRange
) -> dict[str, int]:
    """Returns the registers of a lane that shifts."""
    total = model.add(2, signed_width(x) + 1) + model.device.delays.lut
    segments, per_channel = [Segment("operands", total)], [form.sign, form.bias]
    tail = _to_code(model, form, form.sum_range(x))
    return read_and(model, op, per_channel, segments) | model.cuts(tail)


def mul_shift_cuts(
    model: DelayModel, op: stream.RequantizeOp, form: MulShift, x: IntRange
) -> dict[str, int]:
    """Returns the registers of a lane that multiplies and shifts."""
    sums = form.sum_range(x)
    if op.turns.count > 1:
        serial = serial_segments(model, "operands", op.turns, x, range_of(form.multiplier))
        found = read_and(model, op, [form.multiplier, form.bias], serial)
        return found | model.cuts(_to_code(model, form, sums))
    a, b = signed_width(x), signed_width(range_of(form.multiplier))
    width = signed_width(sums)
    segments = multiply(model, "operands", a, b, width, in_logic=op.style == LOGIC)
    segments.append(Segment("products", model.add(2, width)))
    found = read_and(model, op, [form.multiplier, form.bias], segments)
    if len(segments) > 2:
        found.setdefault("pieces", 1)
    return found | model.cuts(_to_code(model, form, sums))


def _to_code(model: DelayModel, form: Shift | MulShift, sums: IntRange) -> list[Segment]:
    shift = max(form.shift, 0)
    width = signed_width(IntRange(sums.lo >> shift, sums.hi >> shift))
    ties = 0.0
    if form.tie_parity is not None and shift > 0:
        ties = model.tables(shift) + model.add(2, width)
    return [Segment("", ties), Segment("rounded", model.compare(width))]


def threshold_cuts(
    model: DelayModel, op: stream.RequantizeOp, form: Threshold, x: IntRange
) -> dict[str, int]:
    """Returns the registers of a lane that compares."""
    count = form.thresholds.shape[1]
    if not count:
        return {}
    compare = model.compare(signed_width(x) + 1)
    segments = [Segment("operands", compare)]
    found = read_and(model, op, [form.sign, form.thresholds], segments)
    width = op.output_channel.element.width_bits
    terms = count + bool(form.lo)
    levels, _ = tree_levels(model, terms, lambda size: model.add(size, min(width, 8)))
    return found | {"sum": levels}

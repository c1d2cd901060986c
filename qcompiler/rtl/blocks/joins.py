"""Blocks where paths part and meet: duplicate, add, multiply, concatenate."""

from collections.abc import Sequence
from functools import reduce

from msgspec import Struct
from xdsl.dialects import hw

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import stream
from qcompiler.rtl.builder import ModuleBuilder, Signal
from qcompiler.rtl.hardware import Place, hardware
from qcompiler.rtl.numbers import Number, multiples, total
from qcompiler.rtl.streaming import JoinBlock, Library, output_ports, register_slice


def build_duplicate(
    library: Library, prefix: str, name: str, comment: Sequence[str], *, width: int, count: int
) -> hw.HWModuleOp:
    """Returns a block that sends each beat to `count` outputs, each with a register slice.

    A beat is taken when all slices have room, so none gets it twice.
    """
    b = ModuleBuilder(name, comment)
    data, valid = b.input("in_data", width), b.input("in_valid", 1)
    ports = output_ports(count)
    slices = [
        b.instance(
            f"{port}_slice",
            register_slice(library, prefix, width),
            in_data=data,
            out_ready=b.input(f"{port}_ready", 1),
        )
        for port in ports
    ]
    room = [slice_.output(b, "in_ready") for slice_ in slices]
    ready = reduce(lambda a, c: a & c, room).named("all_ready")
    push = (valid & ready).named("push")
    b.output("in_ready", ready)
    for port, slice_ in zip(ports, slices, strict=True):
        slice_.connect("in_valid", push)
        b.output(f"{port}_data", slice_.output(b, "out_data"))
        b.output(f"{port}_valid", slice_.output(b, "out_valid"))
    return b.build()


class ElementwiseConfig(Struct, frozen=True):
    """Shape of an elementwise sum or product.

    Attributes:
        prefix: name of the design, for shared helpers.
        name: module name.
        comment: header lines.
        x: ranges of the two inputs.
        y: range of the result.
        lanes: elements a beat.
    """

    prefix: str
    name: str
    comment: tuple[str, ...]
    x: tuple[IntRange, IntRange]
    y: IntRange
    lanes: int


class _Elementwise(JoinBlock):
    """Takes a beat from both inputs at once.

    Attributes:
        config: the shape.
        fire: high when it does.
        ready: of each input.
    """

    def __init__(self, library: Library, config: ElementwiseConfig):
        in_widths = [config.lanes * x.width_bits for x in config.x]
        widths = in_widths, config.lanes * config.y.width_bits
        super().__init__(library, config.prefix, config.name, config.comment, widths)
        self.config = config
        first, second = self.inputs
        self.fire = (self.enable & first.valid & second.valid).named("fire")
        self.ready = [self.enable & second.valid, self.enable & first.valid]

    def operands(self, *, registered: bool) -> list[list[Number]]:
        """Returns the lanes of both inputs, kept in registers next to the multipliers or not."""
        beats = [
            self.delay(f"operand{i}", port.data, enable=self.fire) if registered else port.data
            for i, port in enumerate(self.inputs)
        ]
        return [
            [Number.of(lane, range_) for lane in beat.lanes(self.config.lanes)]
            for beat, range_ in zip(beats, self.config.x, strict=True)
        ]

    def kept(self, name: str, lanes: Sequence[Number], valid: Signal) -> list[Number]:
        """Returns the lanes one register later, where `valid` says that they are there."""
        held = self.delay(name, self.pack(lanes), enable=self.enable & valid).lanes(len(lanes))
        return [lane.at(register) for lane, register in zip(lanes, held, strict=True)]

    def result(self, lanes: Sequence[Number], valid: Signal) -> hw.HWModuleOp:
        """Registers the result and closes the block."""
        width = self.config.y.width_bits
        data = self.pack([lane.wide(width) for lane in self.kept("result", lanes, valid)])
        return self.close(in_ready=self.ready, next_valid=valid, data=data)


def build_add(
    library: Library, config: ElementwiseConfig, factors: tuple[int, int], *, registered: bool
) -> hw.HWModuleOp:
    """Returns a block that adds multiples of two channels, beat by beat.

    Args:
        library: takes shared helpers.
        config: the shape.
        factors: what each input is multiplied by.
        registered: whether operands and products have registers.
    """
    b = _Elementwise(library, config)
    operands = b.operands(registered=registered)
    if not registered:
        pairs = zip(*operands, strict=True)
        sums = [multiples(b, list(zip(pair, factors, strict=True))) for pair in pairs]
        return b.result(sums, b.fire)
    first, valid = b.valid_chain(b.fire, 2)
    products = [
        b.kept(f"product{i}", [x * Number.constant(b, factor) for x in lanes], first)
        for i, (lanes, factor) in enumerate(zip(operands, factors, strict=True))
    ]
    return b.result([total(pair) for pair in zip(*products, strict=True)], valid)


def build_mul(library: Library, config: ElementwiseConfig) -> hw.HWModuleOp:
    """Returns a block that multiplies two channels, beat by beat."""
    b = _Elementwise(library, config)
    operands = b.operands(registered=True)
    (valid,) = b.valid_chain(b.fire, 1)
    return b.result([left * right for left, right in zip(*operands, strict=True)], valid)


def build_concat(
    library: Library,
    prefix: str,
    name: str,
    comment: Sequence[str],
    *,
    inputs: Sequence[tuple[IntRange, int]],
    y: IntRange,
    lanes: int,
) -> hw.HWModuleOp:
    """Returns a block that takes beats from each input in turn.

    Args:
        library: takes shared helpers.
        prefix: name of the design.
        name: module name.
        comment: header lines.
        inputs: range of the elements, and beats taken at a time, of each input.
        y: range of the result.
        lanes: elements a beat.
    """
    widths = [lanes * x.width_bits for x, _ in inputs], lanes * y.width_bits
    b = JoinBlock(library, prefix, name, comment, widths)
    turn = b.counter("turn", sum(run for _, run in inputs))
    ends: list[int] = []
    for _, run in inputs:
        ends.append(run + (ends[-1] if ends else 0))
    before = [turn.value.compare("ult", end) for end in ends[:-1]]
    chosen = [
        (
            before[i]
            if i == 0
            else ~before[i - 1]
            if i == len(before)
            else before[i] & ~before[i - 1]
        )
        for i in range(len(inputs))
    ]
    chosen = [signal.named(f"from_in{i}") for i, signal in enumerate(chosen)]
    ready = [(b.enable & mine).named(f"ready{i}") for i, mine in enumerate(chosen)]
    taken = [r & port.valid for r, port in zip(ready, b.inputs, strict=True)]
    fire = reduce(lambda a, c: a | c, taken).named("fire")
    turn.advance_on(fire)
    wide = [
        b.pack([x.resize(y.width_bits, signed=range_.signed) for x in port.data.lanes(lanes)])
        for port, (range_, _) in zip(b.inputs, inputs, strict=True)
    ]
    data = wide[-1]
    for mine, candidate in reversed(list(zip(chosen[:-1], wide[:-1], strict=True))):
        data = b.mux(mine, candidate, data)
    result = b.delay("result", data, enable=fire)
    return b.close(in_ready=ready, next_valid=fire, data=result)


def build_whole_concat(
    library: Library,
    prefix: str,
    name: str,
    comment: Sequence[str],
    *,
    inputs: Sequence[tuple[IntRange, int]],
    y: IntRange,
) -> hw.HWModuleOp:
    """Returns a block that takes a beat from each input at once, and puts them side by side.

    Args:
        library: takes shared helpers.
        prefix: name of the design.
        name: module name.
        comment: header lines.
        inputs: range of the elements, and lanes, of each input.
        y: range of the result.
    """
    lanes = sum(count for _, count in inputs)
    widths = [count * x.width_bits for x, count in inputs], lanes * y.width_bits
    b = JoinBlock(library, prefix, name, comment, widths)
    valids = [port.valid for port in b.inputs]
    fire = reduce(lambda one, other: one & other, valids, b.enable).named("fire")
    ready = [
        reduce(lambda one, other: one & other, [*valids[:i], *valids[i + 1 :]], b.enable)
        for i in range(len(valids))
    ]
    wide = [
        x.resize(y.width_bits, signed=range_.signed)
        for port, (range_, count) in zip(b.inputs, inputs, strict=True)
        for x in port.data.lanes(count)
    ]
    result = b.delay("result", b.pack(wide), enable=fire)
    return b.close(in_ready=ready, next_valid=fire, data=result)


@hardware(stream.DuplicateOp)
def _duplicate_hardware(place: Place, op: stream.DuplicateOp) -> hw.HWModuleOp:
    return build_duplicate(
        place.library,
        place.top,
        place.name,
        place.comment,
        width=op.input_channels[0].width_bits,
        count=len(op.results),
    )


@hardware(stream.AddOp, stream.MulOp)
def _elementwise_hardware(place: Place, op: stream.AddOp | stream.MulOp) -> hw.HWModuleOp:
    first, second = (channel.element.range for channel in op.input_channels)
    (made,) = op.output_channels
    config = ElementwiseConfig(
        prefix=place.top,
        name=place.name,
        comment=place.comment,
        x=(first, second),
        y=made.element.range,
        lanes=made.lanes.data,
    )
    if isinstance(op, stream.AddOp):
        return build_add(place.library, config, op.factors, registered=op.multiplies)
    return build_mul(place.library, config)


@hardware(stream.ConcatOp)
def _concat_hardware(place: Place, op: stream.ConcatOp) -> hw.HWModuleOp:
    (made,) = op.output_channels
    ranges = [channel.element.range for channel in op.input_channels]
    if op.is_whole:
        return build_whole_concat(
            place.library,
            place.top,
            place.name,
            place.comment,
            inputs=list(zip(ranges, op.wanted_lanes, strict=True)),
            y=made.element.range,
        )
    return build_concat(
        place.library,
        place.top,
        place.name,
        place.comment,
        inputs=list(zip(ranges, op.runs, strict=True)),
        y=made.element.range,
        lanes=made.lanes.data,
    )

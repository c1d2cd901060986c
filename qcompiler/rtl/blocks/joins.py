"""Blocks where paths part and meet: duplicate, add, multiply, concatenate."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from xdsl.dialects import hw

from qcompiler.arith.ranges import IntRange
from qcompiler.rtl.builder import ModuleBuilder, Signal
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


@dataclass(frozen=True)
class ElementwiseConfig:
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

    def operands(self) -> list[list[Signal]]:
        """Returns the lanes of both inputs, kept in registers next to the multipliers."""
        return [
            self.delay(f"operand{i}", port.data, enable=self.fire).lanes(self.config.lanes)
            for i, port in enumerate(self.inputs)
        ]

    def result(self, lanes: Sequence[Signal], valid: Signal) -> hw.HWModuleOp:
        """Registers the result and closes the block."""
        data = self.delay("result", self.pack(lanes), enable=self.enable & valid)
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
    operands = b.operands() if registered else [p.data.lanes(config.lanes) for p in b.inputs]
    width = config.y.width_bits
    terms = [
        [_times(x.resize(width, signed=range_.signed), factor) for x in lanes]
        for lanes, range_, factor in zip(operands, config.x, factors, strict=True)
    ]
    valid = b.fire
    if registered:
        first, valid = b.valid_chain(b.fire, 2)
        terms = [
            b.delay(f"product{i}", b.pack(lanes), enable=b.enable & first).lanes(config.lanes)
            for i, lanes in enumerate(terms)
        ]
    return b.result([x + z for x, z in zip(*terms, strict=True)], valid)


def _times(x: Signal, factor: int) -> Signal:
    """Returns factor * x, modulo 2**width."""
    return x if factor == 1 else x * factor


def build_mul(library: Library, config: ElementwiseConfig) -> hw.HWModuleOp:
    """Returns a block that multiplies two channels, beat by beat."""
    b = _Elementwise(library, config)
    width = config.y.width_bits
    lanes: list[Signal] = []
    for pair in zip(*b.operands(), strict=True):
        # Modulo 2**width a product is right if its factors are, and the result fits.
        left, right = (
            x.resize(max(width, x.width), signed=range_.signed).slice(0, width)
            for x, range_ in zip(pair, config.x, strict=True)
        )
        lanes.append(left * right)
    (valid,) = b.valid_chain(b.fire, 1)
    return b.result(lanes, valid)


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

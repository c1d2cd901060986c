"""Blocks that reduce each window channel by channel: depthwise products, maxima and sums.

    in --> operand --> lanes (product, accumulator) --> register slice --> out
           weight ROM --^

All taps of one beat of channels come first, then those of the next channels; `simd` taps a beat.

Cuts of products are those of matrix units; that of the others is `taps`: levels of the tree that
makes one of the taps of a beat.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct, field
from xdsl.dialects import hw

from qcompiler.arith.ranges import IntRange
from qcompiler.devices.delays import DelayModel
from qcompiler.dialects import stream
from qcompiler.dialects.attributes import Array
from qcompiler.dialects.stream.reductions import window_words
from qcompiler.rtl.blocks.mvau import (
    PRODUCT_CUTS,
    MvauConfig,
    dot_product,
    processing_element,
    weight_code,
    weight_words,
)
from qcompiler.rtl.blocks.weight_codes import WeightCode
from qcompiler.rtl.builder import ModuleBuilder, Signal
from qcompiler.rtl.cuts import tree_levels
from qcompiler.rtl.hardware import Place, hardware, pipelining
from qcompiler.rtl.stages import Registers, keeper, require_cuts, staged, tree
from qcompiler.rtl.streaming import JoinBlock, Library, StreamBlock


class ReductionConfig(Struct, frozen=True):
    """Shape of one reduction.

    Attributes:
        prefix: name of the design, for shared helpers.
        name: module name.
        comment: header lines.
        x: range of the inputs.
        y: range of the results.
        lanes: channels a beat.
        taps: of a window.
        simd: taps a beat; divides them.
        kind: product with weights and sum, maximum, or sum.
        weights: for `product`: int64, shape [taps, channels].
        arriving: range of weights that come through a channel; None for those of a ROM.
        code: how weights are stored and multiplied; None for the narrowest.
        registers: at each cut.
    """

    prefix: str
    name: str
    comment: tuple[str, ...]
    x: IntRange
    y: IntRange
    lanes: int
    taps: int
    simd: int
    kind: Literal["product", "max", "sum"]
    weights: Array | None = None
    arriving: IntRange | None = None
    code: WeightCode | None = None
    registers: Registers = field(default_factory=dict[str, int])

    @property
    def steps(self) -> int:
        """Beats that are reduced to one."""
        return self.taps // self.simd

    @property
    def words(self) -> Array:
        """Weights in the order of use, [words, lanes * SIMD]."""
        assert self.weights is not None
        return window_words(self.weights, self.lanes, self.simd)

    @property
    def widths(self) -> tuple[int, int]:
        """Bits of a beat that comes, and of one that leaves."""
        return self.lanes * self.simd * self.x.width_bits, self.lanes * self.y.width_bits

    def taps_of_lanes(self, beat: Signal) -> list[Signal]:
        """Returns the beat's taps of each channel side by side; a beat has channels innermost."""
        parts = beat.lanes(self.lanes * self.simd)
        return [beat.builder.pack(parts[lane :: self.lanes]) for lane in range(self.lanes)]


def build_reduction(library: Library, config: ReductionConfig) -> hw.HWModuleOp:
    """Returns the reduction as a module."""
    cuts = PRODUCT_CUTS if config.weights is not None else {"taps"}
    require_cuts(config.name, config.registers, cuts)
    if config.weights is not None:
        return _products(library, config)
    b = StreamBlock(library, config.prefix, config.name, config.comment, config.widths)
    step = (b.enable & b.in_valid).named("step")
    tap = b.counter("tap", config.steps)
    tap.advance_on(step)
    operand = b.delay("operand", b.in_data, enable=step)
    inner = config.registers.get("taps", 0)
    valid = b.valid_chain(step, 1 + inner)[-1]
    control, done = {"enable": b.enable & valid}, valid
    if inner:
        control["move"] = b.enable
    if config.steps > 1:
        control["first"] = staged(b, "first", tap.value.equals(0), 1 + inner, b.enable)
        done = valid & staged(b, "last", tap.at_end, 1 + inner, b.enable)
    lane = library.add(_pool_lane(config))
    results = [
        b.instance(f"lane{i}", lane, **control, x=x).output(b, "y")
        for i, x in enumerate(config.taps_of_lanes(operand))
    ]
    return b.finish(in_ready=b.enable, next_valid=done, data=b.pack(results))


def _products(library: Library, config: ReductionConfig) -> hw.HWModuleOp:
    assert config.weights is not None
    # A lane is a processing element with `simd` inputs and as many steps.
    element = MvauConfig(
        config.prefix, config.name, config.comment, config.x, config.y, config.weights,
        pe=1, simd=config.simd, arriving=config.arriving, code=config.code,
        registers=config.registers,
    )  # fmt: skip
    code = element.weight_code
    given, made = config.widths
    weight_width = [] if config.arriving is None else [config.lanes * config.simd * code.width]
    widths = [given, *weight_width], made
    b = JoinBlock(library, config.prefix, config.name, config.comment, widths)
    ready = [b.enable] if config.arriving is None else [b.enable & p.valid for p in b.inputs[::-1]]
    step = b.enable & b.inputs[0].valid
    step = (step if config.arriving is None else step & b.inputs[1].valid).named("step")
    tap = b.counter("tap", config.steps)
    tap.advance_on(step)
    operand = b.delay("operand", b.inputs[0].data, enable=step)
    weights = weight_words(b, code, config.words, config.simd, step)
    ranks = config.registers.get("operands", 0)
    weights = staged(b, "weights_kept", weights, ranks, b.enable)
    operand = staged(b, "operand_kept", operand, ranks, b.enable)
    accumulate = config.steps > 1
    stages = (2 if accumulate else 1) + sum(config.registers.values())
    valid = b.valid_chain(step, stages)
    control: dict[str, Signal] = {}
    done = valid[-1]
    if accumulate:
        first = staged(b, "first", tap.value.equals(0), stages, b.enable)
        last = staged(b, "last", tap.at_end, stages, b.enable)
        control, done = {"partial_valid": done, "first": first}, done & last
    lane = processing_element(b.library, element, code, accumulate=accumulate)
    pairs = zip(config.taps_of_lanes(operand), weights.lanes(config.lanes), strict=True)
    results = [
        b.instance(f"lane{i}", lane, enable=b.enable, x=x, w=w, **control).output(
            b, "accumulator" if accumulate else "sum"
        )
        for i, (x, w) in enumerate(pairs)
    ]
    return b.close(in_ready=ready, next_valid=done, data=b.pack(results))


def _pool_lane(config: ReductionConfig) -> hw.HWModuleOp:
    """One lane of a pool: keeps the larger, or adds."""
    b = ModuleBuilder(f"{config.name}_lane", [f"Lane of {config.name}: {config.kind} of a window."])
    enable = b.input("enable", 1)
    first = b.input("first", 1) if config.steps > 1 else b.constant(1, 1)
    width = config.y.width_bits
    x = b.input("x", config.simd * config.x.width_bits)
    taps = [tap.resize(width, signed=config.x.signed) for tap in x.lanes(config.simd)]
    kept = b.register("kept", width)
    signed = config.y.signed
    inner = config.registers.get("taps", 0)
    move = b.input("move", 1) if inner else enable

    def combine(values: Sequence[Signal]) -> Signal:
        return b.sum(values) if config.kind == "sum" else _largest(b, values, signed=signed)

    found = tree(taps, combine, inner, keeper(b, "taps_level", move))
    if config.steps > 1 and config.kind == "sum":
        found = b.mux(first, b.constant(0, width), kept) + found
    elif config.steps > 1:
        larger = _greater(found, kept, signed=signed)
        found = b.mux(first | larger, found, kept)
    kept.drive(found, enable=enable)
    b.output("y", kept)
    return b.build()


def _greater(x: Signal, y: Signal, *, signed: bool) -> Signal:
    return x.compare("sgt" if signed else "ugt", y)


def _largest(b: ModuleBuilder, values: Sequence[Signal], *, signed: bool) -> Signal:
    """Returns the largest value, by a tree of comparisons."""
    if len(values) == 1:
        return values[0]
    half = len(values) // 2
    low, high = (_largest(b, part, signed=signed) for part in (values[:half], values[half:]))
    return b.mux(_greater(low, high, signed=signed), low, high)


@hardware(stream.VvauOp, stream.PoolOp)
def _hardware(place: Place, op: stream.VvauOp | stream.PoolOp) -> hw.HWModuleOp:
    is_product = isinstance(op, stream.VvauOp)
    weights = op.weights_op.array if is_product else None
    kind = "product" if isinstance(op, stream.VvauOp) else _POOLS[op.kind.data]
    return build_reduction(
        place.library,
        ReductionConfig(
            prefix=place.top,
            name=place.name,
            comment=place.comment,
            x=op.input_channel.element.range,
            y=op.output_channel.element.range,
            lanes=op.output_channel.lanes.data,
            taps=op.taps,
            simd=op.simd.value.data,
            kind=kind,
            weights=weights,
            arriving=op.weight_range if is_product and op.source is not None else None,
            code=weight_code(op) if is_product else None,
            registers=op.registers,
        ),
    )


_POOLS: dict[str, Literal["max", "sum"]] = {"max": "max", "sum": "sum"}


@pipelining(stream.VvauOp)
def _vvau_cuts(model: DelayModel, op: stream.VvauOp) -> dict[str, int]:
    made = op.output_channel
    simd, lanes = op.simd.value.data, made.lanes.data
    segments, levels = dot_product(model, op, simd, made.element.width_bits)
    depth, word = op.steps * made.channels // lanes, lanes * simd * op.weight_range.width_bits
    start = 0.0 if op.source is not None else model.read(depth, word, rom=True)
    return model.cuts(segments, start) | {"sum": levels}


@pipelining(stream.PoolOp)
def _pool_cuts(model: DelayModel, op: stream.PoolOp) -> dict[str, int]:
    width = op.output_channel.element.width_bits
    largest = op.kind.data == "max"

    def level(size: int) -> float:
        if largest:
            return (size - 1).bit_length() * model.compare(width)
        return model.add(size, width)

    # The last level is followed by the comparison with, or the sum of, what was kept.
    kept = model.compare(width) if op.steps > 1 else 0.0
    levels, _ = tree_levels(model, op.simd.value.data, lambda size: level(size) + kept)
    return {"taps": levels}

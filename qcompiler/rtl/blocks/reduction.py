"""Blocks that reduce each window channel by channel: depthwise products, maxima and sums.

    in --> operand --> lanes (product, accumulator) --> register slice --> out
           weight ROM --^

All taps of one beat of channels come first, then those of the next channels.
"""

from dataclasses import dataclass
from typing import Literal

from xdsl.dialects import hw

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import Array
from qcompiler.rtl.blocks.mvau import MvauConfig, WeightCode, processing_element
from qcompiler.rtl.builder import Counter, ModuleBuilder, Signal
from qcompiler.rtl.streaming import Library, StreamBlock


@dataclass(frozen=True)
class ReductionConfig:
    """Shape of one reduction.

    Attributes:
        prefix: name of the design, for shared helpers.
        name: module name.
        comment: header lines.
        x: range of the inputs.
        y: range of the results.
        lanes: elements a beat.
        taps: beats that are reduced to one.
        kind: product with weights and sum, maximum, or sum.
        weights: for `product`: int64, shape [taps, channels].
    """

    prefix: str
    name: str
    comment: tuple[str, ...]
    x: IntRange
    y: IntRange
    lanes: int
    taps: int
    kind: Literal["product", "max", "sum"]
    weights: Array | None = None


def build_reduction(library: Library, config: ReductionConfig) -> hw.HWModuleOp:
    """Returns the reduction as a module."""
    widths = config.lanes * config.x.width_bits, config.lanes * config.y.width_bits
    b = StreamBlock(library, config.prefix, config.name, config.comment, widths)
    step = (b.enable & b.in_valid).named("step")
    tap = b.counter("tap", config.taps)
    tap.advance_on(step)
    operand = b.delay("operand", b.in_data, enable=step)
    if config.weights is not None:
        return _products(b, config, step, tap, operand)
    (valid,) = b.valid_chain(step, 1)
    first = b.delay("first1", tap.value.equals(0), enable=b.enable)
    last = b.delay("last1", tap.at_end, enable=b.enable)
    lane = library.add(_pool_lane(config))
    results = [
        b.instance(f"lane{i}", lane, enable=b.enable & valid, first=first, x=x).output(b, "y")
        for i, x in enumerate(operand.lanes(config.lanes))
    ]
    return b.finish(in_ready=b.enable, next_valid=valid & last, data=b.pack(results))


def _products(
    b: StreamBlock, config: ReductionConfig, step: Signal, tap: Counter, operand: Signal
) -> hw.HWModuleOp:
    assert config.weights is not None
    folds = config.weights.shape[1] // config.lanes
    code = WeightCode.of(config.weights)
    # Word fold * taps + tap holds that tap's weights of the fold's channels.
    words = config.weights.reshape(config.taps, folds, config.lanes).transpose(1, 0, 2)
    address = b.counter("weight_address", folds * config.taps)
    address.advance_on(step)
    stored = code.encode(words.reshape(folds * config.taps, config.lanes))
    weights = b.rom("weights", address.value, b.enable, stored, code.width)
    valid = b.valid_chain(step, 2)
    first, last = tap.value.equals(0), tap.at_end
    for stage in (1, 2):
        first = b.delay(f"first{stage}", first, enable=b.enable)
        last = b.delay(f"last{stage}", last, enable=b.enable)
    # A lane is a processing element with one input and `taps` steps.
    element = MvauConfig(
        config.prefix, config.name, config.comment, config.x, config.y,
        config.weights[:, :1], pe=1, simd=1,
    )  # fmt: skip
    lane = processing_element(b.library, element, code, accumulate=True)
    results = [
        b.instance(
            f"lane{i}", lane, enable=b.enable, x=x, w=w, partial_valid=valid[-1], first=first
        ).output(b, "sum")
        for i, (x, w) in enumerate(
            zip(operand.lanes(config.lanes), weights.lanes(config.lanes), strict=True)
        )
    ]
    return b.finish(in_ready=b.enable, next_valid=valid[-1] & last, data=b.pack(results))


def _pool_lane(config: ReductionConfig) -> hw.HWModuleOp:
    """One lane of a pool: keeps the larger, or adds."""
    b = ModuleBuilder(f"{config.name}_lane", [f"Lane of {config.name}: {config.kind} of a window."])
    enable, first = b.input("enable", 1), b.input("first", 1)
    width = config.y.width_bits
    x = b.input("x", config.x.width_bits).resize(width, signed=config.x.signed)
    kept = b.register("kept", width)
    if config.kind == "sum":
        start = b.mux(first, b.constant(0, width), kept)
        kept.drive(start + x, enable=enable)
    else:
        larger = x.compare("sgt" if config.y.signed else "ugt", kept)
        kept.drive(b.mux(first | larger, x, kept), enable=enable)
    b.output("y", kept)
    return b.build()

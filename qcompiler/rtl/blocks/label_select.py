"""The selection of a class: the position of the largest element of a row.

A pipeline that takes a beat of the row a cycle:

    in --> operand --> tree of comparisons --> best so far --> register slice --> out
"""

from collections.abc import Sequence

from msgspec import Struct, field
from xdsl.dialects import hw

from qcompiler.arith.ranges import IntRange
from qcompiler.devices.delays import DelayModel
from qcompiler.dialects import stream
from qcompiler.rtl.builder import Signal
from qcompiler.rtl.cuts import tree_levels
from qcompiler.rtl.hardware import Place, hardware, pipelining
from qcompiler.rtl.numbers import scaled
from qcompiler.rtl.stages import Registers, keeper, require_cuts, staged, tree
from qcompiler.rtl.streaming import Library, StreamBlock


class LabelSelectConfig(Struct, frozen=True):
    """Shape of one selection.

    Attributes:
        prefix: name of the design, for shared helpers.
        name: module name.
        comment: header lines.
        x: range of the inputs.
        y: range of the positions.
        lanes: elements a beat.
        steps: beats of a row.
        last: of equals the last one, not the first.
        registers: `lanes`: between the levels of the tree.
    """

    prefix: str
    name: str
    comment: tuple[str, ...]
    x: IntRange
    y: IntRange
    lanes: int
    steps: int
    last: bool
    registers: Registers = field(default_factory=dict[str, int])


def build_label_select(library: Library, config: LabelSelectConfig) -> hw.HWModuleOp:
    """Returns the selection as a module."""
    require_cuts(config.name, config.registers, {"lanes"})
    x_width, width = config.x.width_bits, config.y.width_bits
    widths = config.lanes * x_width, width
    b = StreamBlock(library, config.prefix, config.name, config.comment, widths)
    step = (b.enable & b.in_valid).named("step")
    beat = b.counter("beat", config.steps)
    beat.advance_on(step)
    operand = b.delay("operand", b.in_data, enable=step)
    position = b.counter("position", config.steps)  # of the beat whose tree is at work
    levels = config.registers.get("lanes", 0)
    valid = b.valid_chain(step, 2 + levels)
    position.advance_on(b.enable & valid[0])
    base = scaled(position.value, config.lanes, width)
    lanes = [  # each value with its position above it
        b.concat([base if i == 0 else base + i, lane])
        for i, lane in enumerate(operand.lanes(config.lanes))
    ]

    def wanted(candidates: Sequence[Signal]) -> Signal:
        return _wanted(b, config, candidates)

    found = tree(lanes, wanted, levels, keeper(b, "level", b.enable))
    found = b.delay("beat_best", found, enable=b.enable)
    found_value, found_position = found.slice(0, x_width), found.slice(x_width, width)
    if config.steps == 1:
        return b.finish(
            in_ready=b.enable,
            next_valid=valid[-1],
            data=b.delay("best_position", found_position, enable=b.enable),
        )
    first = staged(b, "first", beat.value.equals(0), 2 + levels, b.enable)
    last = staged(b, "last", beat.at_end, 2 + levels, b.enable)
    best = b.register("best_value", x_width), b.register("best_position", width)
    replaces = (first | ~_stays(config, best[0], found_value)).named("replaces")
    take = b.enable & valid[-1] & replaces
    best[0].drive(found_value, enable=take)
    best[1].drive(found_position, enable=take)
    return b.finish(in_ready=b.enable, next_valid=valid[-1] & last, data=best[1])


def _stays(config: LabelSelectConfig, earlier: Signal, later: Signal) -> Signal:
    """Whether the earlier of two elements is the one wanted."""
    if config.last:
        return earlier.compare("sgt" if config.x.signed else "ugt", later)
    return earlier.compare("sge" if config.x.signed else "uge", later)


def _wanted(b: StreamBlock, config: LabelSelectConfig, candidates: Sequence[Signal]) -> Signal:
    """Returns the one wanted of several, by a tree of comparisons."""
    if len(candidates) == 1:
        return candidates[0]
    half = len(candidates) // 2
    earlier, later = (_wanted(b, config, part) for part in (candidates[:half], candidates[half:]))
    width = config.x.width_bits
    return b.mux(_stays(config, earlier.slice(0, width), later.slice(0, width)), earlier, later)


@hardware(stream.LabelSelectOp)
def _hardware(place: Place, op: stream.LabelSelectOp) -> hw.HWModuleOp:
    return build_label_select(
        place.library,
        LabelSelectConfig(
            prefix=place.top,
            name=place.name,
            comment=place.comment,
            x=op.input_channel.element.range,
            y=op.output_channel.element.range,
            lanes=op.input_lanes,
            steps=op.steps,
            last=op.takes_last,
            registers=op.registers,
        ),
    )


@pipelining(stream.LabelSelectOp)
def _cuts(model: DelayModel, op: stream.LabelSelectOp) -> dict[str, int]:
    choice = model.compare(op.input_channel.element.width_bits) + model.device.delays.lut
    lanes = op.input_lanes
    return {"lanes": tree_levels(model, lanes, lambda size: (size - 1).bit_length() * choice)[0]}

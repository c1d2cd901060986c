"""The selection of a class: the position of the largest element of a row.

A pipeline that takes a beat of the row a cycle:

    in --> operand --> tree of comparisons --> best so far --> register slice --> out
"""

from dataclasses import dataclass

from xdsl.dialects import hw

from qcompiler.arith.ranges import IntRange
from qcompiler.rtl.builder import Signal
from qcompiler.rtl.streaming import Library, StreamBlock


@dataclass(frozen=True)
class LabelSelectConfig:
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
    """

    prefix: str
    name: str
    comment: tuple[str, ...]
    x: IntRange
    y: IntRange
    lanes: int
    steps: int
    last: bool


@dataclass(frozen=True)
class _Best:
    value: Signal
    position: Signal


def build_label_select(library: Library, config: LabelSelectConfig) -> hw.HWModuleOp:
    """Returns the selection as a module."""
    x_width, width = config.x.width_bits, config.y.width_bits
    widths = config.lanes * x_width, width
    b = StreamBlock(library, config.prefix, config.name, config.comment, widths)
    step = (b.enable & b.in_valid).named("step")
    beat = b.counter("beat", config.steps)
    beat.advance_on(step)
    operand = b.delay("operand", b.in_data, enable=step)
    position = b.counter("position", config.steps)  # of the beat whose tree is at work
    valid = b.valid_chain(step, 2)
    position.advance_on(b.enable & valid[0])
    base = position.value.resize(width, signed=False)
    if config.lanes > 1:
        base = base * config.lanes
    lanes = [
        _Best(lane, base if i == 0 else base + i)
        for i, lane in enumerate(operand.lanes(config.lanes))
    ]
    largest = _largest(b, config, lanes)
    found = _Best(
        b.delay("beat_largest", largest.value, enable=b.enable),
        b.delay("beat_position", largest.position, enable=b.enable),
    )
    if config.steps == 1:
        return b.finish(
            in_ready=b.enable,
            next_valid=valid[1],
            data=b.delay("best_position", found.position, enable=b.enable),
        )
    first, last = beat.value.equals(0), beat.at_end
    for stage in (1, 2):
        first = b.delay(f"first{stage}", first, enable=b.enable)
        last = b.delay(f"last{stage}", last, enable=b.enable)
    best = b.register("best_value", x_width), b.register("best_position", width)
    replaces = (first | ~_stays(config, best[0], found.value)).named("replaces")
    take = b.enable & valid[1] & replaces
    best[0].drive(found.value, enable=take)
    best[1].drive(found.position, enable=take)
    return b.finish(in_ready=b.enable, next_valid=valid[1] & last, data=best[1])


def _stays(config: LabelSelectConfig, earlier: Signal, later: Signal) -> Signal:
    """Whether the earlier of two elements is the one wanted."""
    if config.last:
        return earlier.compare("sgt" if config.x.signed else "ugt", later)
    return earlier.compare("sge" if config.x.signed else "uge", later)


def _largest(b: StreamBlock, config: LabelSelectConfig, candidates: list[_Best]) -> _Best:
    """Returns the one wanted of several, by a tree of comparisons."""
    if len(candidates) == 1:
        return candidates[0]
    half = len(candidates) // 2
    earlier, later = (_largest(b, config, part) for part in (candidates[:half], candidates[half:]))
    stays = _stays(config, earlier.value, later.value)
    return _Best(
        b.mux(stays, earlier.value, later.value), b.mux(stays, earlier.position, later.position)
    )

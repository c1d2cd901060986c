"""The reduction of rows: the largest or smallest element, or the sum.

A pipeline that takes a beat of the row a cycle:

    in --> operand --> tree of the beat's elements --> row so far --> register slice --> out
"""

from collections.abc import Sequence

from xdsl.dialects import hw

from qcompiler.devices.delays import DelayModel
from qcompiler.dialects import stream
from qcompiler.rtl.builder import Predicate, Signal
from qcompiler.rtl.cuts import tree_levels
from qcompiler.rtl.hardware import Place, hardware, pipelining
from qcompiler.rtl.numbers import Number, total
from qcompiler.rtl.stages import keeper, require_cuts, staged, sum_tree, tree
from qcompiler.rtl.streaming import StreamBlock


@hardware(stream.RowReduceOp)
def _hardware(place: Place, op: stream.RowReduceOp) -> hw.HWModuleOp:
    require_cuts(place.name, op.registers, {"lanes"})
    x, y = op.input_channel.element.range, op.output_channel.element.range
    widths = op.input_lanes * x.width_bits, y.width_bits
    b = StreamBlock(place.library, place.top, place.name, place.comment, widths)
    step = (b.enable & b.in_valid).named("step")
    beat = b.counter("beat", op.steps)
    beat.advance_on(step)
    operand = b.delay("operand", b.in_data, enable=step)
    levels = op.registers.get("lanes", 0)
    valid = b.valid_chain(step, 2 + levels)
    lanes = [Number.of(lane, x) for lane in operand.lanes(op.input_lanes)]
    found = _combined(b, op, lanes, levels)
    found = found.at(b.delay("of_beat", found, enable=b.enable))
    row = b.register("of_row", y.width_bits)
    if op.steps == 1:
        row.drive(found.wide(y.width_bits), enable=b.enable & valid[-1])
        return b.finish(in_ready=b.enable, next_valid=valid[-1], data=row)
    first = staged(b, "first", beat.value.equals(0), 2 + levels, b.enable)
    last = staged(b, "last", beat.at_end, 2 + levels, b.enable)
    fresh = found.wide(y.width_bits)
    if op.kind.data == "sum":
        start = b.mux(first, b.constant(0, y.width_bits), row)
        following = start + fresh
    else:
        stays = row.compare(_predicate(op), fresh)
        following = b.mux(stays & ~first, row, fresh)
    row.drive(following, enable=b.enable & valid[-1])
    return b.finish(in_ready=b.enable, next_valid=valid[-1] & last, data=row)


def _predicate(op: stream.RowReduceOp) -> Predicate:
    signed = op.input_channel.element.signed
    if op.kind.data == "max":
        return "sgt" if signed else "ugt"
    return "slt" if signed else "ult"


def _combined(
    b: StreamBlock, op: stream.RowReduceOp, lanes: Sequence[Number], levels: int
) -> Number:
    """Returns what the elements of a beat are reduced to."""
    if op.kind.data == "sum":
        most = op.output_channel.element.width_bits
        return sum_tree(b, "level", lanes, most, levels, b.enable) if levels else total(lanes, most)

    def chosen(candidates: Sequence[Signal]) -> Signal:
        best = candidates[0]
        for other in candidates[1:]:
            best = b.mux(best.compare(_predicate(op), other), best, other)
        return best

    found = tree([*lanes], chosen, levels, keeper(b, "level", b.enable))
    return Number.of(found, lanes[0].range)


@pipelining(stream.RowReduceOp)
def _cuts(model: DelayModel, op: stream.RowReduceOp) -> dict[str, int]:
    width = op.input_channel.element.width_bits
    if op.kind.data == "sum":
        sums = op.output_channel.element.width_bits
        return {"lanes": tree_levels(model, op.input_lanes, lambda n: model.add(n, sums))[0]}
    choice = model.compare(width) + model.device.delays.lut
    return {"lanes": tree_levels(model, op.input_lanes, lambda n: (n - 1) * choice)[0]}

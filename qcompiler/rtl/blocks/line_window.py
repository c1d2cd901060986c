"""Line windows: beats of a line in a row of registers, and the part of it that windows see.

    in --> newest --> ... --> the windows' own --> ... --> oldest
     |        |                      |                       |
     +--------+--- padding where a line ends or starts ------+--> out

The row moves when a beat comes. Behind the last beat of a line it moves by itself, so that the last
windows of a line wait for nothing; a beat of the next line enters as soon as it is there.

In front of a pipeline it never waits, as the pipeline has room for all that is inside: no stall
fans out to the row, and no register slice is needed. Beats then come in a register, and what moves
the row, which is as wide as a line's part and stands all over the device, is known a cycle ahead
and kept in a register of its own.
"""

from msgspec import Struct
from xdsl.dialects import hw

from qcompiler.dialects import stream
from qcompiler.rtl.builder import Counter, ModuleBuilder, Signal
from qcompiler.rtl.hardware import Place, hardware
from qcompiler.rtl.streaming import FreeBlock, Port, StreamBlock


class _Row(Struct, frozen=True):
    """Beats that are there: each of the pixels that are needed of it, by how far it is ahead."""

    pixels: dict[int, dict[int, Signal]]
    own: Signal
    moves: Signal


def _while(enable: Signal | None, signal: Signal, name: str) -> Signal:
    """Returns a signal that is low while the block waits, if it ever does."""
    return signal if enable is None else (signal & enable).named(name)


def _row(
    b: ModuleBuilder,
    op: stream.LineWindowOp,
    given: Port,
    enable: Signal | None,
    coming: Signal | None = None,
) -> _Row:
    """Adds the registers; `own` says whether there is a beat whose windows leave now.

    Without `enable`, nothing waits, and `coming` is the input's valid a cycle before.
    """
    parts = given.data.lanes(op.pixels)
    after = op.ahead
    beat = {at: parts[at] for at in range(op.pixels)}
    found = {after: {at: parts[at] for relative, at in op.places if relative == after}}
    own, moves, moving = given.valid, given.valid, coming
    if after:
        come = b.counter("beat", op.beats_a_line)
        in_line = b.register("in_line", 1, reset=0)
        moves = (given.valid | ~in_line).named("moves")
        take = _while(enable, given.valid, "take")
        come.advance_on(take)
        in_line.drive(~come.at_end, enable=take)
        if coming is not None:
            moving = coming | ~b.mux(take, ~come.at_end, in_line)
    shift = there_moves = _while(enable, moves, "shift")
    if moving is not None and op.behind + after:
        shift = b.register("row_moves", 1, reset=int(after > 0), kept=True)
        shift.drive(moving)
    for number in range(op.behind + after):
        relative = after - 1 - number
        wanted = sorted({at for other, at in op.places if other <= relative})
        beat = {at: b.delay(f"kept{number}_p{at}", beat[at], enable=shift) for at in wanted}
        found[relative] = beat
        if relative >= 0:
            there = b.register(f"there{number}", 1, reset=0)
            there.drive(own, enable=there_moves)
            own = there
    return _Row(found, own, moves)


def _outside(
    b: ModuleBuilder, op: stream.LineWindowOp, at: Counter, relative: int
) -> Signal | None:
    """Returns whether the beat that is so far ahead is of another line; None if it never is."""
    beats = op.beats_a_line
    if relative == 0:
        return None
    if abs(relative) >= beats:
        return b.constant(1, 1)
    if relative > 0:
        return at.value.compare("uge", beats - relative)
    return at.value.compare("ult", -relative)


@hardware(stream.LineWindowOp)
def build_line_window(place: Place, op: stream.LineWindowOp) -> hw.HWModuleOp:
    """Returns the module of a line window."""
    if op.runs_free:
        free = FreeBlock(place.name, place.comment, op)
        came = free.register("came", 1, reset=0)
        coming = free.inputs[0]
        came.drive(coming.valid)
        entered = Port(free.delay("entered", coming.data), came)
        leaves, windows = _windows(free, op, entered, None, coming.valid)
        valid = free.register("result_valid", 1, reset=0)
        valid.drive(leaves)
        return free.finish(valid=valid, data=windows)
    widths = op.input_channel.width_bits, op.output_channel.width_bits
    b = StreamBlock(place.library, place.top, place.name, place.comment, widths)
    leaves, windows = _windows(b, op, b.inputs[0], b.enable)
    return b.finish(in_ready=b.enable, next_valid=leaves, data=windows)


def _windows(
    b: ModuleBuilder,
    op: stream.LineWindowOp,
    given: Port,
    enable: Signal | None,
    coming: Signal | None = None,
) -> tuple[Signal, Signal]:
    """Adds the row and a register for what leaves it; returns when that takes a beat, and it."""
    row = _row(b, op, given, enable, coming)
    leaves = (row.moves & row.own).named("leaves")
    at = b.counter("window", op.beats_a_line)
    at.advance_on(_while(enable, leaves, "leave"))
    channels, width = op.input_channel.channels, op.output_channel.element.width_bits
    signed = op.input_channel.element.signed
    pad = b.constant(op.pad_value.value.data, width).replicate(channels)
    outside: dict[int, Signal | None] = {}
    pixels: list[Signal] = []
    for relative, pixel in op.places:
        if relative not in outside:
            flag = _outside(b, op, at, relative)
            name = f"outside_{'after' if relative > 0 else 'before'}{abs(relative)}"
            outside[relative] = flag and flag.named(name)
        lanes = row.pixels[relative][pixel].lanes(channels)
        data = b.pack([lane.resize(width, signed=signed) for lane in lanes])
        flag = outside[relative]
        pixels.append(data if flag is None else b.mux(flag, pad, data))
    return leaves, b.delay("windows", b.pack(pixels), enable=enable)

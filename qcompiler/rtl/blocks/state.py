"""Block that keeps what one frame leaves for the next: a FIFO, and what comes before it.

After reset the first frame gets the initial integers; so does every frame whose restart is 1, while
what the frame before it left is dropped.
"""

from xdsl.dialects import hw

from qcompiler.dialects import stream
from qcompiler.dialects.attributes import Array
from qcompiler.rtl.builder import Signal
from qcompiler.rtl.hardware import Place, hardware
from qcompiler.rtl.streaming import JoinBlock


@hardware(stream.StateOp)
def _hardware(place: Place, op: stream.StateOp) -> hw.HWModuleOp:
    given = stream.channel_of(op.left)
    widths = ([given.width_bits, 1], op.made.width_bits)
    b = JoinBlock(place.library, place.top, place.name, place.comment, widths)
    left, restart = b.inputs
    depth = op.stored_beats
    count = b.register("count", depth.bit_length(), reset=0)
    ready = count.compare("ne", depth).named("ready")
    filled = count.compare("ne", 0).named("filled")
    is_first = b.register("is_first", 1, reset=1)
    step = (b.enable & restart.valid & (is_first | filled)).named("step")
    push = (left.valid & ready).named("push")
    pop = (step & ~is_first).named("pop")
    one = b.constant(1, count.width)
    count.drive(count + b.mux(push, one, b.constant(-1, count.width)), enable=push ^ pop)
    sent = b.counter("sent", op.made.beats)
    sent.advance_on(step)
    is_first.drive(0, enable=step & sent.at_end)
    write, read = b.counter("write_address", depth), b.counter("read_address", depth)
    write.advance_on(push)
    read.advance_on(pop)
    word = b.ram(
        "stored", depth=depth, write=(push, write.value, left.data), read=(pop, read.value)
    )
    begins = b.delay("begins", is_first | restart.data, enable=step)
    data = b.mux(begins, _initial(b, op, sent.value, step), _extended(b, op, word))
    return b.close(
        in_ready=[ready, (step & sent.at_end).named("last_sent")], next_valid=step, data=data
    )


def _initial(b: JoinBlock, op: stream.StateOp, beat: Signal, step: Signal) -> Signal:
    """Returns the integers before the first frame, a step later: constants if all beats agree."""
    lanes, width = op.made.lanes.data, op.made.element.width_bits
    words: Array = op.first.reshape(-1, lanes)
    if bool((words == words[:1]).all()):
        return b.pack([b.constant(int(value), width) for value in words[0]])
    return b.rom("initial", beat, step, words, width)


def _extended(b: JoinBlock, op: stream.StateOp, word: Signal) -> Signal:
    """Returns what is stored in the width of the result."""
    given = stream.channel_of(op.left)
    width, signed = op.made.element.width_bits, given.element.signed
    return b.pack([lane.resize(width, signed=signed) for lane in word.lanes(given.lanes.data)])

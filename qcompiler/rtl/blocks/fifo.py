"""A first-in first-out buffer whose ready depends on registers only, with registered output."""

from collections.abc import Sequence

from xdsl.dialects import hw

from qcompiler.dialects import stream
from qcompiler.rtl.hardware import Place, hardware
from qcompiler.rtl.streaming import Library, StreamBlock


def build_fifo(
    library: Library, prefix: str, name: str, comment: Sequence[str], *, width: int, depth: int
) -> hw.HWModuleOp:
    """Returns a buffer of `depth` beats of `width` bits (its register slice adds two more)."""
    b = StreamBlock(library, prefix, name, comment, (width, width))
    count_width = depth.bit_length()
    count = b.register("count", count_width, reset=0)
    # A full buffer takes a beat in the cycle in which it gives one: else one of depth 1 would move
    # a beat in every second cycle only. The memory reads the old word (read-first).
    ready = (count.compare("ne", depth) | b.enable).named("ready")
    filled = count.compare("ne", 0).named("filled")
    push = (b.in_valid & ready).named("push")
    pop = (b.enable & filled).named("pop")
    one = b.constant(1, count_width)
    change = b.mux(push, one, b.constant(-1, count_width))
    count.drive(count + change, enable=push ^ pop)
    write, read = b.counter("write_address", depth), b.counter("read_address", depth)
    write.advance_on(push)
    read.advance_on(pop)
    word = b.ram(
        "storage", depth=depth, write=(push, write.value, b.in_data), read=(pop, read.value)
    )
    return b.finish(in_ready=ready, next_valid=filled, data=word)


@hardware(stream.FifoOp)
def _hardware(place: Place, op: stream.FifoOp) -> hw.HWModuleOp:
    return build_fifo(
        place.library,
        place.top,
        place.name,
        place.comment,
        width=op.input_channel.width_bits,
        depth=op.depth.value.data,
    )

"""The storage behind a pipeline: a FIFO that has room for whatever comes.

    in_valid --> count, write address      read address --> memory --> result --> slice --> out
    in_data ---> memory, in every cycle    `left`: a beat has left the memory, its credit returns

Credits say that there is room, so nothing asks whether it is full, and nothing enables the writing:
one word more than beats is always free, and holds garbage until a beat takes its place. So no wire
goes to all of its memory but the addresses. Wide beats are kept by several side by side, each with
addresses of its own.
"""

from collections.abc import Sequence

from xdsl.dialects import hw

from qcompiler.rtl.streaming import Library, StreamBlock

ROUND_TRIP = 3
"""Cycles between a beat's leaving the core and its credit's return, if nothing stalls."""


def build_storage(
    library: Library,
    prefix: str,
    name: str,
    comment: Sequence[str],
    *,
    width: int,
    depth: int,
    apart: bool = False,
) -> hw.HWModuleOp:
    """Returns storage of `depth` beats of `width` bits, behind which the result and slice follow.

    Beyond a block's ports it has `left`, high where a beat leaves the memory. One that is `apart`
    has twins beside it, see `stand_apart`.
    """
    b = StreamBlock(library, prefix, name, comment, (width, width), apart=apart)
    count = b.register("count", depth.bit_length(), reset=0)
    filled = b.register("filled", 1, reset=0)
    pop = (b.enable & filled).named("pop")
    change = b.mux(b.in_valid, b.constant(1, count.width), b.constant(-1, count.width))
    following = (count + change).named("following")
    count.drive(following, enable=b.in_valid ^ pop)
    filled.drive(following.compare("ne", 0), enable=b.in_valid ^ pop)
    write, read = b.counter("write_address", depth + 1), b.counter("read_address", depth + 1)
    write.advance_on(b.in_valid)
    read.advance_on(pop)
    always = b.constant(1, 1)
    word = b.ram(
        "storage",
        depth=depth + 1,
        write=(always, write.value, b.in_data),
        read=(b.enable, read.value),
    )
    b.output("left", pop)
    return b.finish(in_ready=always, next_valid=filled, data=word)

"""Width adapters: several narrow beats make a wide one, or a wide one is sent in parts."""

from collections.abc import Sequence

from xdsl.dialects import hw

from qcompiler.dialects import stream
from qcompiler.rtl.builder import Signal
from qcompiler.rtl.hardware import Place, hardware
from qcompiler.rtl.streaming import Library, StreamBlock


def build_width_adapter(
    library: Library, prefix: str, name: str, comment: Sequence[str], widths: tuple[int, int]
) -> hw.HWModuleOp:
    """Returns an adapter between beats of `widths` = (input bits, output bits)."""
    b = StreamBlock(library, prefix, name, comment, widths)
    return _widen(b, *widths) if widths[0] < widths[1] else _narrow(b, *widths)


def _widen(b: StreamBlock, narrow: int, wide: int) -> hw.HWModuleOp:
    ratio = wide // narrow
    fire = (b.enable & b.in_valid).named("fire")
    part = b.counter("part", ratio)
    part.advance_on(fire)
    parts: list[Signal] = [
        b.delay(f"part{i}_data", b.in_data, enable=fire & part.value.equals(i))
        for i in range(ratio)
    ]
    return b.finish(in_ready=b.enable, next_valid=fire & part.at_end, data=b.pack(parts))


def _narrow(b: StreamBlock, wide: int, narrow: int) -> hw.HWModuleOp:
    ratio = wide // narrow
    part = b.counter("part", ratio)
    sent = (b.out_valid & b.slice_ready).named("sent")
    part.advance_on(sent)
    # The next wide beat may enter when the last part of this one leaves, or when there is none.
    free = (~b.out_valid | (b.slice_ready & part.at_end)).named("free")
    load = (b.in_valid & free).named("load")
    word = b.register("word", wide)
    shifted = b.concat([b.constant(0, narrow), word.slice(narrow, wide - narrow)])
    word.drive(b.mux(load, b.in_data, shifted), enable=load | sent)
    # `enable` alone would drop the beat after its first part: stay valid until the last one.
    hold = b.out_valid & ~part.at_end
    return b.finish(in_ready=free, next_valid=load | hold, data=word.slice(0, narrow))


@hardware(stream.WidthAdapterOp)
def _hardware(place: Place, op: stream.WidthAdapterOp) -> hw.HWModuleOp:
    widths = op.input_channel.width_bits, op.output_channel.width_bits
    return build_width_adapter(place.library, place.top, place.name, place.comment, widths)

"""The sliding window generator (SWG): a line buffer, and counters that read windows from it.

    in --> line buffer (rows in a ring) --> padding --> register slice --> out
            ^ written row by row             ^ read tap by tap

The writer stores whole rows while there is room; the reader starts a row of windows when all rows
that it touches are stored, and frees the rows that the next one does not touch. Both run at the
same time, across the ends of frames. For several taps a beat the line buffer has several memories.

Cuts: the reader's counters may run `ahead` of the beat that is read, by so many beats: its address
is known beforehand, which takes no time. `words` are what the memories give, `taps` what is chosen.
"""

from msgspec import Struct
from xdsl.dialects import hw

from qcompiler.devices.delays import DelayModel, Segment
from qcompiler.dialects import stream
from qcompiler.dialects.stream.line_buffer import rows_wanted
from qcompiler.dialects.stream.process import AHEAD
from qcompiler.rtl.blocks.line_banks import read_banks
from qcompiler.rtl.blocks.window_reader import (
    Position,
    Reader,
    SlidingWindowConfig,
    address_ranks,
    build_channel,
    build_position,
    build_reader,
    build_slots,
    constant_at,
    either,
)
from qcompiler.rtl.builder import Signal
from qcompiler.rtl.hardware import Place, hardware, pipelining
from qcompiler.rtl.numbers import scaled
from qcompiler.rtl.stages import require_cuts, staged
from qcompiler.rtl.streaming import Library, StreamBlock


def build_sliding_window(library: Library, config: SlidingWindowConfig) -> hw.HWModuleOp:
    """Returns the generator as a module."""
    require_cuts(config.name, config.registers, {AHEAD, "words", "taps"})
    in_width = config.lanes * config.x_in.width_bits
    out_width = config.tap_count * config.lanes * config.x.width_bits
    b = StreamBlock(library, config.prefix, config.name, config.comment, (in_width, out_width))
    stored_width = config.buffer_rows.bit_length()
    stored = b.register("stored_rows", stored_width, reset=0)
    in_ready = stored.compare("ne", config.buffer_rows).named("ready")
    push = (b.in_valid & in_ready).named("push")
    write_beat = b.counter("write_beat", config.row_beats)
    write_beat.advance_on(push)
    row_stored = (push & write_beat.at_end).named("row_stored")

    row = b.counter("window_row", len(config.want))
    ranks = config.registers.get(AHEAD, 0)
    wanted = b.register("rows_wanted", stored_width) if ranks else None
    want = wanted or constant_at(b, row.value, config.want, stored_width).named("rows_wanted")
    issue = b.enable & stored.compare("uge", want)
    step = issue
    if ranks:  # the counters are ahead: they run until the first beat is known
        known = staged(b, "known", b.constant(1, 1), ranks, None, reset=0)
        issue = issue & known
        step = issue | ~known
    issue = issue.named("issue")
    reader = build_reader(b, config, row, step)
    row_done = reader.row_done
    freed = constant_at(b, row.value, config.free, stored_width)
    if wanted is not None:
        want = reader.held(
            "wanted", constant_at(b, row.value, config.want, stored_width), ranks - 1
        )
        wanted.drive(want, enable=step)
        row_done = (issue & reader.held("row_end", reader.row_end, ranks)).named("row_read")
        freed = reader.held("rows_freed", freed, ranks)
    zero, one = b.constant(0, stored_width), b.constant(1, stored_width)
    added = b.mux(row_stored, one, zero)
    stored.drive(stored + added - b.mux(row_done, freed, zero))

    rows, columns = (build_position(b, config, reader, axis) for axis in (0, 1))
    if config.tap_count == 1:
        words = [_read_buffer(b, config, push, reader, columns, issue)]
    else:
        words = read_banks(b, config, (push, row_stored), reader, columns, issue)
    padding = [either(above, beside) for above in rows.outside for beside in columns.outside]
    suffixes = range(len(words)) if len(words) > 1 else [""]
    taps = [
        _tap(b, config, word, padded and _Padding(padded, f"{n}", reader), issue)
        for word, padded, n in zip(words, padding, suffixes, strict=True)
    ]
    valid = b.valid_chain(issue, delays)[-1] if (delays := _delays(config)) else issue
    return b.finish(in_ready=in_ready, next_valid=valid, data=b.pack(taps))


def _delays(config: SlidingWindowConfig) -> int:
    """Returns how many registers stand behind the memories."""
    return config.registers.get("words", 0) + config.registers.get("taps", 0)


def _read_buffer(
    b: StreamBlock,
    config: SlidingWindowConfig,
    push: Signal,
    reader: Reader,
    columns: Position,
    issue: Signal,
) -> Signal:
    """Returns what one memory holds of the tap, one cycle later."""
    depth = config.buffer_rows * config.row_beats
    write = b.counter("write_address", depth)
    write.advance_on(push)
    width = max(1, (depth - 1).bit_length())
    (slot,) = build_slots(b, config, reader)
    before, behind = address_ranks(config)
    slot = reader.held("slot_kept", slot, before)
    row_start = scaled(slot, config.row_beats, max(width, slot.width)).resize(width, signed=False)
    column = columns.first.slice(0, min(width, columns.first.width))
    in_row = reader.held("column_kept", column, before).resize(width, signed=True)
    if config.channel_folds > 1:
        channel = reader.held("channel_kept", build_channel(b, config, reader, width), before)
        in_row = scaled(in_row, config.channel_folds, width) + channel
    address = reader.held("address", row_start + in_row, behind).named("read_address")
    word = b.ram(
        "line_buffer", depth=depth, write=(push, write.value, b.in_data), read=(issue, address)
    )
    return staged(b, "word", word, _delays(config), b.enable)


class _Padding(Struct, frozen=True):
    """Whether the tap that is issued is padding, and how that is called."""

    flag: Signal
    suffix: str
    reader: Reader


def _tap(
    b: StreamBlock,
    config: SlidingWindowConfig,
    word: Signal,
    padding: _Padding | None,
    issue: Signal,
) -> Signal:
    """Returns a tap's channels as they leave: what was read, or padding.

    Args:
        b: the module.
        config: of the generator.
        word: what was read, one cycle after `issue`, or more with registers.
        padding: None where the tap never is any.
        issue: whether a beat is issued.
    """
    width = config.x.width_bits
    lanes = word.lanes(config.lanes)
    data = b.pack([lane.resize(width, signed=config.x_in.signed) for lane in lanes])
    if padding is None:
        return data
    pad = b.constant(config.pad_value, width).replicate(config.lanes)
    ranks = config.registers.get(AHEAD, 0)
    flag = padding.flag.named(f"padding{padding.suffix}")
    flag = padding.reader.held(f"padding{padding.suffix}_known", flag, ranks)
    flag = b.delay(f"in_padding{padding.suffix}", flag, enable=issue)
    flag = staged(b, f"in_padding{padding.suffix}_kept", flag, _delays(config), b.enable)
    return b.mux(flag, pad, data)


@hardware(stream.SlidingWindowOp)
def _hardware(place: Place, op: stream.SlidingWindowOp) -> hw.HWModuleOp:
    height, width, _ = op.input_channel.frame_shape
    want, free = rows_wanted(op.window, height)
    taps = op.taps_a_beat
    assert taps is not None, "verified"
    return build_sliding_window(
        place.library,
        SlidingWindowConfig(
            prefix=place.top,
            name=place.name,
            comment=place.comment,
            x=op.output_channel.element.range,
            x_in=op.input_channel.element.range,
            lanes=op.input_lanes,
            spatial=(height, width),
            channel_folds=op.channel_folds,
            window=op.window,
            pad_value=op.pad_value.value.data,
            groups=op.groups.value.data,
            taps=taps,
            buffer_rows=op.buffer_rows,
            want=want,
            free=free,
            registers=op.registers,
        ),
    )


@pipelining(stream.SlidingWindowOp)
def _cuts(model: DelayModel, op: stream.SlidingWindowOp) -> dict[str, int]:
    rows, taps, folds = op.buffer_rows, op.taps_a_beat, op.channel_folds
    assert taps is not None, "verified"
    row_beats = op.input_channel.frame_shape[1] * folds
    count = taps[0] * taps[1]
    depth = rows * row_beats // (count if taps[0] > 1 else taps[1])
    # Which row of the ring: a sum, and what is beyond its end. Then its place, column, channel.
    slot = model.add(2, rows.bit_length() + 1) + model.compare(rows.bit_length() + 1)
    terms = 1 + row_beats.bit_count() + (folds.bit_count() if folds > 1 else 0)
    address = model.add(terms, depth.bit_length())
    ahead = 0
    if slot + address + model.tables(2 * depth.bit_length()) > model.budget:
        ahead = 1 if slot + address <= model.budget else 2
    word = model.read(depth, op.input_lanes * op.input_channel.element.width_bits, rom=False)
    choice = model.tables(2 * taps[1]) + (model.tables(2 * rows) if taps[0] > 1 else 0.0)
    segments = [Segment("words", choice), Segment("taps", 2 * model.device.delays.lut)]
    if count == 1:  # nothing is chosen
        segments = [Segment("words", 2 * model.device.delays.lut)]
    return {AHEAD: ahead} | model.cuts(segments, word)

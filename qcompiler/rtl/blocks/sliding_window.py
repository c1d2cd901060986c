"""The sliding window generator (SWG): a line buffer, and counters that read windows from it.

    in --> line buffer (rows in a ring) --> padding --> register slice --> out
            ^ written row by row             ^ read tap by tap

The writer stores whole rows while there is room; the reader starts a row of windows when all rows
that it touches are stored, and frees the rows that the next one does not touch. Both run at the
same time, across the ends of frames. For several taps a beat the line buffer has several memories.
"""

from xdsl.dialects import hw

from qcompiler.rtl.blocks.line_banks import read_banks
from qcompiler.rtl.blocks.window_reader import (
    Position,
    Reader,
    SlidingWindowConfig,
    build_channel,
    build_position,
    build_reader,
    build_slots,
    constant_at,
    either,
    scaled,
)
from qcompiler.rtl.builder import Signal
from qcompiler.rtl.streaming import Library, StreamBlock


def build_sliding_window(library: Library, config: SlidingWindowConfig) -> hw.HWModuleOp:
    """Returns the generator as a module."""
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
    want = constant_at(b, row.value, config.want, stored_width).named("rows_wanted")
    issue = (b.enable & stored.compare("uge", want)).named("issue")
    reader = build_reader(b, config, row, issue)
    freed = constant_at(b, row.value, config.free, stored_width)
    zero, one = b.constant(0, stored_width), b.constant(1, stored_width)
    added = b.mux(row_stored, one, zero)
    stored.drive(stored + added - b.mux(reader.row_done, freed, zero))

    rows, columns = (build_position(b, config, reader, axis) for axis in (0, 1))
    if config.tap_count == 1:
        words = [_read_buffer(b, config, push, reader, columns, issue)]
    else:
        words = read_banks(b, config, (push, row_stored), reader, columns, issue)
    padding = [either(above, beside) for above in rows.outside for beside in columns.outside]
    suffixes = range(len(words)) if len(words) > 1 else [""]
    taps = [
        _tap(b, config, word, flag and (flag.named(f"padding{n}"), f"in_padding{n}"), issue)
        for word, flag, n in zip(words, padding, suffixes, strict=True)
    ]
    return b.finish(in_ready=in_ready, next_valid=issue, data=b.pack(taps))


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
    row_start = scaled(slot, config.row_beats, max(width, slot.width)).resize(width, signed=False)
    in_row = columns.first.resize(width, signed=True)
    if config.channel_folds > 1:
        in_row = in_row * config.channel_folds + build_channel(b, config, reader, width)
    address = (row_start + in_row).named("read_address")
    return b.ram(
        "line_buffer", depth=depth, write=(push, write.value, b.in_data), read=(issue, address)
    )


def _tap(
    b: StreamBlock,
    config: SlidingWindowConfig,
    word: Signal,
    padding: tuple[Signal, str] | None,
    issue: Signal,
) -> Signal:
    """Returns a tap's channels as they leave: what was read, or padding.

    Args:
        b: the module.
        config: of the generator.
        word: what was read, one cycle after `issue`.
        padding: whether the tap that is issued is padding, and how that is called a cycle later.
        issue: whether a beat is issued.
    """
    width = config.x.width_bits
    lanes = word.lanes(config.lanes)
    data = b.pack([lane.resize(width, signed=config.x_in.signed) for lane in lanes])
    if padding is None:
        return data
    pad = b.constant(config.pad_value, width).replicate(config.lanes)
    return b.mux(b.delay(padding[1], padding[0], enable=issue), pad, data)

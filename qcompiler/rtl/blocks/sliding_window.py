"""The sliding window generator (SWG): a line buffer, and counters that read windows from it.

    in --> line buffer (rows in a ring) --> padding --> register slice --> out
            ^ written row by row             ^ read tap by tap

The writer stores whole rows while there is room; the reader starts a row of windows when all rows
that it touches are stored, and frees the rows that the next one does not touch. Both run at the
same time, across the ends of frames.
"""

from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import hw

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.windows import Window
from qcompiler.rtl.builder import Counter, Signal
from qcompiler.rtl.streaming import Library, StreamBlock


@dataclass(frozen=True)
class SlidingWindowConfig:
    """Shape of one generator.

    Attributes:
        prefix: name of the design, for shared helpers.
        name: module name.
        comment: header lines.
        x: range of the elements and of the padding.
        x_in: range of the elements that arrive.
        lanes: elements a beat.
        spatial: (height, width) of a frame.
        channel_folds: beats that one position takes.
        window: two-dimensional.
        pad_value: what stands in the padding.
        groups: groups of channels that are sent one after the other, each with all its taps.
        buffer_rows: rows in the line buffer.
        want: stored rows needed for each row of windows.
        free: rows freed after each row of windows.
    """

    prefix: str
    name: str
    comment: tuple[str, ...]
    x: IntRange
    x_in: IntRange
    lanes: int
    spatial: tuple[int, int]
    channel_folds: int
    window: Window
    pad_value: int
    groups: int
    buffer_rows: int
    want: Sequence[int]
    free: Sequence[int]

    @property
    def row_beats(self) -> int:
        """Beats of an input row."""
        return self.spatial[1] * self.channel_folds


@dataclass(frozen=True)
class _Reader:
    """The counters of the reading side, and when each of them steps."""

    row: Counter
    column: Counter
    tap_row: Counter
    tap_column: Counter
    group: Counter
    fold: Counter
    window_done: Signal
    row_done: Signal


def build_sliding_window(library: Library, config: SlidingWindowConfig) -> hw.HWModuleOp:
    """Returns the generator as a module."""
    in_width = config.lanes * config.x_in.width_bits
    out_width = config.lanes * config.x.width_bits
    b = StreamBlock(library, config.prefix, config.name, config.comment, (in_width, out_width))
    stored_width = config.buffer_rows.bit_length()
    stored = b.register("stored_rows", stored_width, reset=0)
    in_ready = stored.compare("ne", config.buffer_rows).named("ready")
    push = (b.in_valid & in_ready).named("push")
    write = b.counter("write_address", config.buffer_rows * config.row_beats)
    write.advance_on(push)
    write_beat = b.counter("write_beat", config.row_beats)
    write_beat.advance_on(push)

    row = b.counter("window_row", len(config.want))
    want = _by_row(b, row, config.want, stored_width).named("rows_wanted")
    issue = (b.enable & stored.compare("uge", want)).named("issue")
    reader = _reader(b, config, row, issue)
    freed = _by_row(b, row, config.free, stored_width)
    zero, one = b.constant(0, stored_width), b.constant(1, stored_width)
    added = b.mux(push & write_beat.at_end, one, zero)
    stored.drive(stored + added - b.mux(reader.row_done, freed, zero))

    address, padded = _address(b, config, reader)
    word = b.ram(
        "line_buffer",
        depth=config.buffer_rows * config.row_beats,
        write=(push, write.value, b.in_data),
        read=(issue, address),
    )
    data = b.pack(
        [
            lane.resize(config.x.width_bits, signed=config.x_in.signed)
            for lane in word.lanes(config.lanes)
        ]
    )
    if padded is not None:
        pad = b.constant(config.pad_value, config.x.width_bits).replicate(config.lanes)
        data = b.mux(b.delay("in_padding", padded, enable=issue), pad, data)
    return b.finish(in_ready=in_ready, next_valid=issue, data=data)


def _by_row(b: StreamBlock, row: Counter, values: Sequence[int], width: int) -> Signal:
    """Returns a constant that depends on the row of windows; most rows have the same."""
    usual = Tally(values).most_common(1)[0][0]
    result = b.constant(usual, width)
    for index, value in enumerate(values):
        if value != usual:
            result = b.mux(row.value.equals(index), b.constant(value, width), result)
    return result


def _reader(b: StreamBlock, config: SlidingWindowConfig, row: Counter, issue: Signal) -> _Reader:
    """Chains the counters: the innermost steps with every beat."""
    columns = config.window.output_shape(config.spatial)[1]
    kernel = config.window.kernel
    column = b.counter("window_column", columns)
    tap_row = b.counter("tap_row", kernel[0])
    tap_column = b.counter("tap_column", kernel[1])
    group = b.counter("group", config.groups)
    fold = b.counter("channel_fold", config.channel_folds // config.groups)
    step = issue
    for counter in (fold, tap_column, tap_row, group):
        counter.advance_on(step)
        step = step & counter.at_end
    window_done = step.named("window_done")
    column.advance_on(window_done)
    row_done = (window_done & column.at_end).named("row_done")
    row.advance_on(row_done)
    return _Reader(row, column, tap_row, tap_column, group, fold, window_done, row_done)


def _position(
    b: StreamBlock, config: SlidingWindowConfig, reader: _Reader, axis: int
) -> tuple[Signal, Signal | None]:
    """Returns the element under the tap along an axis, signed, and whether it is padding."""
    window, size = config.window, config.spatial[axis]
    pad, stride, dilation = window.pads_begin[axis], window.strides[axis], window.dilations[axis]
    count = window.output_shape(config.spatial)[axis]
    last = (count - 1) * stride - pad + window.extent[axis] - 1
    width = IntRange(-pad - 1, max(size, last) + 1).width_bits
    name = ("row", "column")[axis]
    outer, tap = (reader.row, reader.tap_row) if axis == 0 else (reader.column, reader.tap_column)
    base = b.register(f"{name}_base", width, reset=-pad)
    step = reader.row_done if axis == 0 else reader.window_done
    restart = b.constant(-pad, width)
    base.drive(b.mux(outer.at_end, restart, base + stride), enable=step)
    position = base + _scaled(b, tap.value, dilation, width) if window.kernel[axis] > 1 else base
    position = position.named(name)
    outside: Signal | None = None
    if pad:
        outside = position.sign
    if last >= size:
        beyond = position.compare("sge", size)
        outside = beyond if outside is None else outside | beyond
    return position, outside


def _scaled(b: StreamBlock, value: Signal, factor: int, width: int) -> Signal:
    wide = value.resize(width, signed=False)
    return wide if factor == 1 else wide * factor


def _address(
    b: StreamBlock, config: SlidingWindowConfig, reader: _Reader
) -> tuple[Signal, Signal | None]:
    """Returns the line buffer address under the tap, and whether the tap is in the padding."""
    depth = config.buffer_rows * config.row_beats
    width = max(1, (depth - 1).bit_length())
    _, above = _position(b, config, reader, 0)
    column, beside = _position(b, config, reader, 1)
    slot = _slot(b, config, reader)
    row_start = _scaled(b, slot, config.row_beats, max(width, slot.width)).resize(
        width, signed=False
    )
    in_row = column.resize(width, signed=True)
    if config.channel_folds > 1:
        in_row = in_row * config.channel_folds + _channel(b, config, reader, width)
    address = (row_start + in_row).named("read_address")
    padding = [signal for signal in (above, beside) if signal is not None]
    if not padding:
        return address, None
    padded = padding[0] if len(padding) == 1 else padding[0] | padding[1]
    return address, padded.named("padding")


def _channel(b: StreamBlock, config: SlidingWindowConfig, reader: _Reader, width: int) -> Signal:
    """Returns which beat of a position is read: its group's, and the fold in the group."""
    fold = reader.fold.value.resize(width, signed=False)
    if config.groups == 1:
        return fold
    group = _scaled(b, reader.group.value, config.channel_folds // config.groups, width)
    return group if config.groups == config.channel_folds else group + fold


def _slot(b: StreamBlock, config: SlidingWindowConfig, reader: _Reader) -> Signal:
    """Returns which row of the ring the tap's row is kept in."""
    rows, window = config.buffer_rows, config.window
    width = (2 * rows).bit_length()
    stride, pad = window.strides[0], window.pads_begin[0]
    between_frames = (config.spatial[0] - (len(config.want) - 1) * stride) % rows
    base = b.register("ring_base", width, reset=-pad % rows)
    moved = base + b.mux(
        reader.row.at_end, b.constant(between_frames, width), b.constant(stride % rows, width)
    )
    base.drive(_wrapped(b, moved, rows), enable=reader.row_done)
    if window.kernel[0] == 1:
        return base
    tap = _scaled(b, reader.tap_row.value, window.dilations[0], width)
    return _wrapped(b, base + tap, rows).named("ring_row")


def _wrapped(b: StreamBlock, value: Signal, count: int) -> Signal:
    """Returns value modulo count, for 0 <= value < 2 * count."""
    return b.mux(value.compare("uge", count), value - count, value)

"""The reading side of a sliding window generator: which taps stand under the window, and where."""

from collections import Counter as Tally
from collections.abc import Sequence

from msgspec import Struct, field

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.windows import Window
from qcompiler.dialects.stream.process import AHEAD
from qcompiler.rtl.builder import Counter, ModuleBuilder, Signal
from qcompiler.rtl.numbers import scaled
from qcompiler.rtl.stages import Registers, staged
from qcompiler.rtl.streaming import StreamBlock


class SlidingWindowConfig(Struct, frozen=True):
    """Shape of one generator.

    Attributes:
        prefix: name of the design, for shared helpers.
        name: module name.
        comment: header lines.
        x: range of the elements and of the padding.
        x_in: range of the elements that arrive.
        lanes: channels a beat: elements that arrive, and those of one tap that leave.
        spatial: (height, width) of a frame.
        channel_folds: beats in which one position comes.
        window: two-dimensional.
        pad_value: what stands in the padding.
        groups: groups of channels that are sent one after the other, each with all its taps.
        taps: (rows, columns) of taps that leave in a beat.
        buffer_rows: rows in the line buffer.
        want: stored rows needed for each row of windows.
        free: rows freed after each row of windows.
        registers: at each cut.
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
    taps: tuple[int, int]
    buffer_rows: int
    want: Sequence[int]
    free: Sequence[int]
    registers: Registers = field(default_factory=dict[str, int])

    @property
    def row_beats(self) -> int:
        """Beats of an input row."""
        return self.spatial[1] * self.channel_folds

    @property
    def tap_count(self) -> int:
        """Taps that leave in a beat."""
        return self.taps[0] * self.taps[1]


class Reader(Struct, frozen=True):
    """The counters of the reading side, and when each of them steps.

    Attributes:
        row, column: of the window.
        tap_row, tap_column: of the beat in the window, in steps of `taps`.
        group: of channels.
        fold: beat of a tap's channels, in the group.
        window_done, row_done: the counters leave the last beat of a window, and of a row of them.
        row_end: whether they stand at the last beat of a row of windows.
        step: the counters go on to the next beat.
    """

    row: Counter
    column: Counter
    tap_row: Counter
    tap_column: Counter
    group: Counter
    fold: Counter
    window_done: Signal
    row_done: Signal
    row_end: Signal
    step: Signal

    def held(self, name: str, signal: Signal, ranks: int) -> Signal:
        """Returns what was known of a beat `ranks` steps before it is read."""
        return staged(self.step.builder, name, signal, ranks, self.step)


def build_reader(
    b: StreamBlock, config: SlidingWindowConfig, row: Counter, issue: Signal
) -> Reader:
    """Chains the counters: the innermost steps with every beat, on `issue`."""
    columns = config.window.output_shape(config.spatial)[1]
    kernel = config.window.kernel
    column = b.counter("window_column", columns)
    tap_row = b.counter("tap_row", kernel[0] // config.taps[0])
    tap_column = b.counter("tap_column", kernel[1] // config.taps[1])
    group = b.counter("group", config.groups)
    fold = b.counter("channel_fold", config.channel_folds // config.groups)
    step, end = issue, b.constant(1, 1)
    for counter in (fold, tap_column, tap_row, group):
        if counter.register is not None:
            counter.advance_on(step)
            step = step & counter.at_end
            end = end & counter.at_end
    window_done = step.named("window_done")
    column.advance_on(window_done)
    row_done = (window_done & column.at_end).named("row_done")
    row.advance_on(row_done)
    end = end & column.at_end
    return Reader(row, column, tap_row, tap_column, group, fold, window_done, row_done, end, issue)


def address_ranks(config: SlidingWindowConfig) -> tuple[int, int]:
    """Returns how many registers stand before and behind the sum that is a read address."""
    ranks = config.registers.get(AHEAD, 0)
    return max(0, ranks - 1), min(1, ranks)


class Position(Struct, frozen=True):
    """Where a beat's taps stand along an axis.

    Attributes:
        first: the element under the first tap, signed.
        outside: per tap along the axis, whether it is in the padding; None if it never is.
    """

    first: Signal
    outside: tuple[Signal | None, ...]


def build_position(
    b: StreamBlock, config: SlidingWindowConfig, reader: Reader, axis: int
) -> Position:
    """Returns where a beat's taps stand along an axis, 0 for rows and 1 for columns."""
    window, size = config.window, config.spatial[axis]
    pad, stride, dilation = window.pads_begin[axis], window.strides[axis], window.dilations[axis]
    count = window.output_shape(config.spatial)[axis]
    last = (count - 1) * stride - pad + window.extent[axis] - 1
    width = IntRange(-pad - 1, max(size, last) + 1).width_bits
    name = ("row", "column")[axis]
    outer, tap = (reader.row, reader.tap_row) if axis == 0 else (reader.column, reader.tap_column)
    base = b.register(f"{name}_base", width, reset=-pad)
    restart = b.constant(-pad, width)
    base.drive(
        b.mux(outer.at_end, restart, base + stride),
        enable=reader.row_done if axis == 0 else reader.window_done,
    )
    block = config.taps[axis]
    first: Signal = base
    if window.kernel[axis] > block:
        first = base + scaled(tap.value, block * dilation, width)
    first = first.named(name)
    last_block = window.extent[axis] - 1 - (block - 1) * dilation
    outside: list[Signal | None] = []
    for offset in range(0, block * dilation, dilation):
        position = first if offset == 0 else first + offset
        before = position.sign if pad > offset else None
        highest = (count - 1) * stride - pad + last_block + offset
        behind = position.compare("sge", size) if highest >= size else None
        outside.append(either(before, behind))
    return Position(first, tuple(outside))


def either(first: Signal | None, second: Signal | None) -> Signal | None:
    """Returns whether one of two signals is high; None stands for one that never is."""
    if first is None or second is None:
        return first if second is None else second
    return first | second


def build_channel(
    b: StreamBlock, config: SlidingWindowConfig, reader: Reader, width: int
) -> Signal:
    """Returns which beat of a position is read: its group's, and the fold in the group."""
    fold = reader.fold.value.resize(width, signed=False)
    if config.groups == 1:
        return fold
    group = scaled(reader.group.value, config.channel_folds // config.groups, width)
    return group if config.groups == config.channel_folds else group + fold


def build_slots(b: StreamBlock, config: SlidingWindowConfig, reader: Reader) -> list[Signal]:
    """Returns, per row of a beat's taps, which row of the ring it is kept in."""
    rows, window = config.buffer_rows, config.window
    width = (2 * rows).bit_length()
    stride, pad, dilation = window.strides[0], window.pads_begin[0], window.dilations[0]
    between_frames = (config.spatial[0] - (len(config.want) - 1) * stride) % rows
    base = b.register("ring_base", width, reset=-pad % rows)
    moved = base + b.mux(
        reader.row.at_end, b.constant(between_frames, width), b.constant(stride % rows, width)
    )
    base.drive(wrapped(b, moved, rows), enable=reader.row_done)
    first: Signal = base
    block = config.taps[0]
    if window.kernel[0] > block:
        first = wrapped(b, base + scaled(reader.tap_row.value, block * dilation, width), rows)
    slots = [first]
    slots += [wrapped(b, first + tap * dilation, rows) for tap in range(1, block)]
    suffixes = range(block) if block > 1 else [""]
    return [slot.named(f"ring_row{n}") for slot, n in zip(slots, suffixes, strict=True)]


def wrapped(b: ModuleBuilder, value: Signal, count: int) -> Signal:
    """Returns value modulo count, for 0 <= value < 2 * count."""
    return b.mux(value.compare("uge", count), value - count, value)


def chosen(b: ModuleBuilder, index: Signal, values: Sequence[Signal]) -> Signal:
    """Returns the value at an index, which is less than their number."""
    result = values[0]
    for at, value in enumerate(values[1:], 1):
        result = b.mux(index.equals(at), value, result)
    return result


def constant_at(b: ModuleBuilder, index: Signal, values: Sequence[int], width: int) -> Signal:
    """Returns the constant at an index; those that differ from most are told apart."""
    usual = Tally(values).most_common(1)[0][0]
    result = b.constant(usual, width)
    for at, value in enumerate(values):
        if value != usual:
            result = b.mux(index.equals(at), b.constant(value, width), result)
    return result

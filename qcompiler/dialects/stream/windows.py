"""Sliding windows, and the processes that reduce each window channel by channel."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import I64, DenseArrayBase, IntegerAttr, StringAttr, SymbolRefAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import ParsePropInAttrDict, irdl_op_definition, prop_def
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.windows import Window
from qcompiler.dialects.qint.types import IntType
from qcompiler.dialects.stream.linear import MvauOp, WeightsOp, divisors, find_weights
from qcompiler.dialects.stream.process import (
    NEVER,
    ChannelType,
    Demand,
    Pipe,
    Schedule,
    Timeline,
    Times,
    channel_of,
)

_I64_ARRAY = DenseArrayBase.constr(i64)


def _array(values: Sequence[int]) -> Attribute:
    return DenseArrayBase.from_list(i64, values)


def rows_wanted(window: Window, height: int) -> tuple[list[int], list[int]]:
    """Returns, per row of windows, how many input rows must be there and how many it frees.

    Rows are kept from the first to the last that a row of windows touches. The last row of windows
    waits for all rows of the frame and frees them, so that the next frame starts clean.

    Args:
        window: two-dimensional.
        height: rows of a frame.

    Returns:
        want: rows that must be stored, counted from the oldest that is.
        free: rows that the next row of windows does not touch.
    """
    count = window.output_shape((height, window.extent[1]))[0]
    stride, pad = window.strides[0], window.pads_begin[0]
    want: list[int] = []
    free: list[int] = []
    gone = 0
    for row in range(count):
        needed = min(height, max(row * stride + window.extent[0] - pad, 0))
        kept_from = min(height, max((row + 1) * stride - pad, 0))
        if row == count - 1:
            needed = kept_from = height
        # Rows that are skipped must have passed, too; and no frame starts before its first row.
        needed = max(needed, kept_from, 1)
        want.append(needed - gone)
        free.append(kept_from - gone)
        gone = kept_from
    return want, free


@irdl_op_definition
class SlidingWindowOp(Pipe):
    """Sends every window of a frame, tap by tap (SWG): from [H, W, C] to [OH, OW, taps * C].

    The channels are sent in `groups`, one after the other: all taps of the first group's channels,
    then all of the next group's; elements of a window stand in the order [group, tap, channel]. One
    group is what a dense `mvau` takes, a group per beat of channels what `vvau` and `pool` take. A
    beat holds channels of one tap, or all channels of a group for several neighbouring taps: a part
    of a kernel row that divides it, or several whole rows that divide the kernel. Padding is made
    on the way out, so the input is never stalled for it. Whole input rows are kept in a line buffer
    of `buffer_rows`, so that the input runs ahead while windows are sent.

    Example: `%y = stream.sliding_window %x {kernel = array<i64: 3, 3>, ..., groups = 1 : i64}
        : (!stream.channel<...>) -> !stream.channel<...>`
    """

    name = "stream.sliding_window"
    kernel = prop_def(_I64_ARRAY)
    strides = prop_def(_I64_ARRAY)
    dilations = prop_def(_I64_ARRAY)
    pads_begin = prop_def(_I64_ARRAY)
    pads_end = prop_def(_I64_ARRAY)
    pad_value = prop_def(IntegerAttr[I64])
    groups = prop_def(IntegerAttr[I64])
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(
        self, input: SSAValue, element: IntType, window: Window, pad_value: int, groups: int
    ):
        channel = channel_of(input)
        height, width, channels = channel.frame_shape
        frame = (*window.output_shape((height, width)), window.taps * channels)
        super().__init__(
            operands=[input],
            properties={
                "kernel": _array(window.kernel),
                "strides": _array(window.strides),
                "dilations": _array(window.dilations),
                "pads_begin": _array(window.pads_begin),
                "pads_end": _array(window.pads_end),
                "pad_value": IntegerAttr(pad_value, i64),
                "groups": IntegerAttr(groups, i64),
            },
            result_types=[ChannelType(element, frame, channel.lanes.data)],
        )

    @property
    def window(self) -> Window:
        """The window, two-dimensional."""
        parts = (self.kernel, self.strides, self.dilations, self.pads_begin, self.pads_end)
        return Window(*(tuple(part.get_values()) for part in parts))

    @property
    def group_channels(self) -> int:
        """Channels of a group."""
        return self.input_channel.channels // self.groups.value.data

    @property
    def taps_a_beat(self) -> tuple[int, int] | None:
        """(rows, columns) of the taps that a beat holds; None if it holds no legal block."""
        lanes, channels = self.output_channel.lanes.data, self.group_channels
        if channels % lanes == 0:
            return 1, 1
        blocks = [(rows, columns) for rows, columns in self.window.tap_blocks]
        found = (block for block in blocks if channels * block[0] * block[1] == lanes)
        return next(found, None)

    @property
    def input_lanes(self) -> int:
        return min(self.output_channel.lanes.data, self.group_channels)

    @property
    def channel_folds(self) -> int:
        """Beats in which one position of the frame comes."""
        return self.input_channel.channels // self.input_lanes

    @property
    def buffer_rows(self) -> int:
        """Rows in the line buffer: those of a window, and those that the next one adds."""
        want, _ = rows_wanted(self.window, self.input_channel.frame_shape[0])
        return max(*want, self.window.extent[0]) + self.window.strides[0]

    def schedule(self) -> Schedule:
        """Returns the reading side's; `timing` knows both sides."""
        beats = self.output_channel.beats
        every = np.arange(beats, dtype=np.int64)
        taken = np.linspace(0, beats - 1, self.input_channel.beats).astype(np.int64)
        return Schedule.pipe(max(beats, self.input_channel.beats), taken, every, 2)

    def _rows(self) -> tuple[list[int], list[int], int, int]:
        """Returns `rows_wanted`, and the beats of an input row and of a row of windows."""
        height, width, _ = self.input_channel.frame_shape
        want, free = rows_wanted(self.window, height)
        return want, free, width * self.channel_folds, self.output_channel.beats // len(want)

    def timing(
        self, arrivals: Sequence[Times], frames: int, release: Times | None = None
    ) -> Timeline:
        """Returns the times of both sides; the steps of `release` are the output's beats."""
        want, free, row_beats, out_beats = self._rows()
        rows = arrivals[0].reshape(-1, row_beats)
        writer = Writer(rows, self.buffer_rows)
        made = np.empty((frames * len(want), out_beats), np.int64)
        earliest = np.full(made.shape, NEVER) if release is None else release.reshape(made.shape)
        beat, ready, gone = np.arange(out_beats, dtype=np.int64), 0, 0
        for index in range(frames * len(want)):
            step = index % len(want)
            start = max(ready, writer.complete(gone + want[step]))
            made[index] = beat + np.maximum.accumulate(np.maximum(earliest[index], start) - beat)
            ready = int(made[index, -1]) + 1
            gone += free[step]
            writer.release(gone, ready)
        writer.complete(len(rows))
        return Timeline((writer.taken.reshape(-1),), (made.reshape(-1) + 2,))

    def latest(self, deadlines: Sequence[Times], frames: int) -> Demand:
        want, free, row_beats, out_beats = self._rows()
        beats = np.arange(deadlines[0].size, dtype=np.int64)
        time = beats + np.minimum.accumulate((deadlines[0] - 2 - beats)[::-1])[::-1]
        start = time[::out_beats]
        gone = np.concatenate([[0], np.cumsum(np.tile(free, frames))])
        rows = frames * self.input_channel.frame_shape[0]
        last = np.full(rows, int(start[-1]), np.int64)  # the cycle after a row's last beat
        needed = gone[:-1] + np.tile(want, frames)
        np.minimum.at(last, np.maximum(needed - 1, 0)[needed > 0], start[needed > 0])
        ends = np.arange(rows, dtype=np.int64) * row_beats
        last = ends + np.minimum.accumulate((last - ends)[::-1])[::-1]
        inputs = last[:, None] - row_beats + np.arange(row_beats)
        return Demand((inputs.reshape(-1),), time)

    def verify_(self) -> None:
        given, made = self.input_channel, self.output_channel
        if len(given.frame_shape) != 3:
            raise VerifyException(f"frame must be [H, W, C], got {given}")
        groups = self.groups.value.data
        if groups < 1 or given.channels % groups:
            raise VerifyException(f"groups must divide {given.channels} channels, got {groups}")
        try:
            windows = self.window.output_shape(given.frame_shape[:2])
        except ValueError as error:
            raise VerifyException(str(error)) from None
        frame = (*windows, self.window.taps * given.channels)
        if made.frame_shape != frame:
            raise VerifyException(f"result must have frame {list(frame)}, got {made}")
        if self.taps_a_beat is None:
            channels, blocks = self.group_channels, self.window.tap_blocks
            legal = [*divisors(channels), *(channels * r * c for r, c in blocks if r * c > 1)]
            raise VerifyException(
                f"result must have channels of one tap or of a block of taps as lanes, "
                f"got {made.lanes.data}; legal: {legal}"
            )
        for use in self.result.uses:
            reader = use.operation
            if isinstance(reader, MvauOp | Reduction) and reader.window_groups != groups:
                raise VerifyException(
                    f"sends {groups} groups, but {reader.name} takes {reader.window_groups}"
                )


class Writer:
    """The side of a line buffer that stores rows as they come, while there is room."""

    def __init__(self, arrival: NDArray[np.int64], buffer_rows: int):
        self.arrival = arrival
        self.taken = np.empty_like(arrival)
        self.buffer_rows = buffer_rows
        self.rows = 0
        self.next_free = 0
        self.freed: list[int] = []  # cycle from which on each row's place may be used again

    def release(self, rows: int, cycle: int) -> None:
        """Says that the first `rows` rows are not needed from `cycle` on."""
        self.freed += [cycle] * (rows - len(self.freed))

    def complete(self, rows: int) -> int:
        """Stores rows until there are `rows`; returns the cycle from which they can be read."""
        beat = np.arange(self.arrival.shape[1], dtype=np.int64)
        while self.rows < rows:
            row = self.rows
            room = self.freed[row - self.buffer_rows] if row >= self.buffer_rows else 0
            earliest = np.maximum(self.arrival[row], max(self.next_free, room))
            self.taken[row] = beat + np.maximum.accumulate(earliest - beat)
            self.next_free = int(self.taken[row, -1]) + 1
            self.rows += 1
        return int(self.taken[rows - 1, -1]) + 1 if rows else 0


class Reduction(Pipe):
    """A process that reduces windows channel by channel: [.., taps * C] to [.., C].

    It takes all taps of a beat of channels before the next channels: C / lanes groups, `simd` taps
    a beat.
    """

    simd = prop_def(IntegerAttr[I64], default_value=IntegerAttr(1, i64))

    PACED: ClassVar[bool] = True

    @property
    def window_groups(self) -> int:
        """Groups of channels in which windows must come."""
        return self.output_channel.channels // self.output_channel.lanes.data

    @property
    def taps(self) -> int:
        """Elements of a window, per channel."""
        return self.input_channel.channels // self.output_channel.channels

    @property
    def steps(self) -> int:
        """Beats of a window, per beat of channels."""
        return self.taps // self.simd.value.data

    @property
    def input_lanes(self) -> int:
        return self.output_channel.lanes.data * self.simd.value.data

    def schedule(self) -> Schedule:
        cycles = self.output_channel.beats * self.steps
        every = np.arange(cycles, dtype=np.int64)
        made = every[self.steps - 1 :: self.steps]
        return Schedule.pipe(cycles, every, made, self.latency_cycles)

    @property
    def latency_cycles(self) -> int:
        """Cycles from the last tap's acceptance to the result's appearance."""
        # issue -> operand -> product (-> accumulator) -> output register
        return 4 if self.steps > 1 else 3

    def _verify_frames(self) -> None:
        given, made = self.input_channel, self.output_channel
        if given.frame_shape[:-1] != made.frame_shape[:-1] or given.channels % made.channels:
            raise VerifyException(f"cannot reduce {given} to {made}")
        if self.simd.value.data < 1 or self.taps % self.simd.value.data:
            raise VerifyException(
                f"simd must divide {self.taps}, got {self.simd.value.data}; "
                f"legal: {divisors(self.taps)}"
            )


def _reduced(windows: ChannelType, element: IntType, taps: int, simd: int) -> ChannelType:
    frame = (*windows.frame_shape[:-1], windows.channels // taps)
    return ChannelType(element, frame, windows.lanes.data // simd)


@irdl_op_definition
class VvauOp(Reduction):
    """Multiplies windows by constants, channel by channel: `y[c] = sum_k w[k, c] * x[k, c]`.

    Example: `%y = stream.vvau %x weights @dw : (!stream.channel<...>) -> !stream.channel<...>`
    """

    name = "stream.vvau"
    weights = prop_def(SymbolRefAttr)
    assembly_format = (
        "$input `weights` $weights (`simd` $simd^)? attr-dict `:` "
        "functional-type(operands, results)"
    )

    def __init__(self, input: SSAValue, weights: str, element: IntType, taps: int, simd: int = 1):
        super().__init__(
            operands=[input],
            properties={"weights": SymbolRefAttr(weights), "simd": IntegerAttr(simd, i64)},
            result_types=[_reduced(channel_of(input), element, taps, simd)],
        )

    @property
    def weights_op(self) -> WeightsOp:
        """The operation that holds the weights, a matrix [taps, channels]."""
        return find_weights(self, self.weights)

    def verify_(self) -> None:
        self._verify_frames()
        shape = (self.taps, self.output_channel.channels)
        if self.weights_op.value.get_shape() != shape:
            raise VerifyException(
                f"weights must have shape {list(shape)}, got {self.weights_op.value.type}"
            )


@irdl_op_definition
class PoolOp(Reduction):
    """Takes the maximum or the sum of each window, channel by channel.

    Example: `%y = stream.pool %x kind "max" : (!stream.channel<...>) -> !stream.channel<...>`
    """

    name = "stream.pool"
    kind = prop_def(StringAttr)
    assembly_format = (
        "$input `kind` $kind (`simd` $simd^)? attr-dict `:` functional-type(operands, results)"
    )

    def __init__(self, input: SSAValue, kind: str, element: IntType, taps: int, simd: int = 1):
        super().__init__(
            operands=[input],
            properties={"kind": StringAttr(kind), "simd": IntegerAttr(simd, i64)},
            result_types=[_reduced(channel_of(input), element, taps, simd)],
        )

    @property
    def latency_cycles(self) -> int:
        return 3  # issue -> operand -> kept -> output register

    def verify_(self) -> None:
        self._verify_frames()
        if self.kind.data not in ("max", "sum"):
            raise VerifyException(f"kind must be max or sum, got {self.kind.data}")

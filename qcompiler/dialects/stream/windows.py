"""Sliding windows, and the processes that reduce each window channel by channel."""

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import I64, DenseArrayBase, IntegerAttr, StringAttr, SymbolRefAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import ParsePropInAttrDict, irdl_op_definition, opt_prop_def, prop_def
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.windows import Window
from qcompiler.dialects.qint.types import IntType
from qcompiler.dialects.stream.buffered import Buffered, Buffering
from qcompiler.dialects.stream.line_buffer import frame_cycles, least_rows, rows_wanted
from qcompiler.dialects.stream.linear import MvauOp, WeightsOp, divisors, find_weights
from qcompiler.dialects.stream.process import (
    ChannelType,
    Pipe,
    Schedule,
    channel_of,
)

_I64_ARRAY = DenseArrayBase.constr(i64)


def _array(values: Sequence[int]) -> Attribute:
    return DenseArrayBase.from_list(i64, values)


@irdl_op_definition
class SlidingWindowOp(Buffered):
    """Sends every window of a frame, tap by tap (SWG): from [H, W, C] to [OH, OW, taps * C].

    The channels are sent in `groups`, one after the other: all taps of the first group's channels,
    then all of the next group's; elements of a window stand in the order [group, tap, channel]. One
    group is what a dense `mvau` takes, a group per beat of channels what `vvau` and `pool` take. A
    beat holds channels of one tap, or all channels of a group for several neighbouring taps: a part
    of a kernel row that divides it, or several whole rows that divide the kernel. Padding is made
    on the way out, so the input is never stalled for it.

    Whole input rows are kept in a line buffer, so that the input runs ahead while windows are sent:
    `buffer_rows` of them, if not given those of a window and those that the next one adds.

    Example: `%y = stream.sliding_window %x {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>,
        dilations = array<i64: 1, 1>, pads_begin = array<i64: 1, 1>,
        pads_end = array<i64: 1, 1>, pad_value = 0 : i64, groups = 1 : i64}
        : (!stream.channel<!qint.int<0, 3>, frame = [8, 8, 2], lanes = 2>)
        -> !stream.channel<!qint.int<0, 3>, frame = [8, 8, 18], lanes = 2>`
    """

    name = "stream.sliding_window"
    kernel = prop_def(_I64_ARRAY)
    strides = prop_def(_I64_ARRAY)
    dilations = prop_def(_I64_ARRAY)
    pads_begin = prop_def(_I64_ARRAY)
    pads_end = prop_def(_I64_ARRAY)
    pad_value = prop_def(IntegerAttr[I64])
    groups = prop_def(IntegerAttr[I64])
    rows = opt_prop_def(IntegerAttr[I64], prop_name="buffer_rows")
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
        """Rows in the line buffer; those of a window and those that the next one adds, or more."""
        if self.rows is not None:
            return self.rows.value.data
        return least_rows(self.window, self.input_channel.frame_shape[0])

    @property
    def least_cycles(self) -> int:
        """Cycles of a frame if the line buffer were large: those of its input, or its output."""
        given = self.input_channel.with_lanes(self.input_lanes)
        return max(given.beats, self.output_channel.beats)

    def resize_buffer(self, cycles: int) -> None:
        """Gives the line buffer the fewest rows with which a frame takes at most `cycles`.

        At most `least_cycles` are needed, whatever is asked for. Never less than a window and what
        the next one adds: the input runs ahead.
        """
        self.rows = None
        rows = self.buffer_rows
        while self._frame_cycles(rows) > max(cycles, self.least_cycles):
            rows += 1
            self.rows = IntegerAttr(rows, i64)

    def _frame_cycles(self, rows: int) -> int:
        buffer = self.buffering
        beats = buffer.row_beats, buffer.out_beats
        return frame_cycles(self.window, self.input_channel.frame_shape[0], beats, rows)

    @property
    def cycles_per_frame(self) -> int:
        return self._frame_cycles(self.buffer_rows)

    def schedule(self) -> Schedule:
        """Returns the reading side's; `timing` knows both sides."""
        beats = self.output_channel.beats
        every = np.arange(beats, dtype=np.int64)
        taken = np.linspace(0, beats - 1, self.input_channel.beats).astype(np.int64)
        cycles = self.cycles_per_frame
        return Schedule.pipe(cycles, taken, every, self.read_latency)

    @property
    def buffering(self) -> Buffering:
        height, width, _ = self.input_channel.frame_shape
        want, free = rows_wanted(self.window, height)
        out_beats = self.output_channel.beats // len(want)
        return Buffering(want, free, width * self.channel_folds, out_beats, self.buffer_rows)

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
        least = least_rows(self.window, given.frame_shape[0])
        if self.buffer_rows < least:
            raise VerifyException(f"buffer_rows must be at least {least}, got {self.buffer_rows}")
        for use in self.result.uses:
            reader = use.operation
            if isinstance(reader, MvauOp | Reduction) and reader.window_groups != groups:
                raise VerifyException(
                    f"sends {groups} groups, but {reader.name} takes {reader.window_groups}"
                )


class Reduction(Pipe):
    """A process that reduces windows channel by channel: [.., taps * C] to [.., C].

    It takes all taps of a beat of channels before the next channels: C / lanes groups, `simd` taps
    a beat.
    """

    simd = prop_def(IntegerAttr[I64], default_value=IntegerAttr(1, i64))

    @property
    def paced(self) -> bool:
        return True

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
        every = np.arange(self.steps, dtype=np.int64)
        latency = self.latency_cycles + self.added_latency
        return Schedule.pipe(self.steps, every, every[-1:], latency, self.output_channel.beats)

    @property
    def latency_cycles(self) -> int:
        """The same without registers of pipeline-registers: from a last tap to its result."""
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

    Example: `%y = stream.vvau %x weights @dw
        : (!stream.channel<!qint.int<0, 3>, frame = [8, 8, 18], lanes = 2>)
        -> !stream.channel<!qint.int<-27, 27>, frame = [8, 8, 2], lanes = 2>`
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

    Example: `%y = stream.pool %x kind "max"
        : (!stream.channel<!qint.int<0, 3>, frame = [4, 4, 8], lanes = 2>)
        -> !stream.channel<!qint.int<0, 3>, frame = [4, 4, 2], lanes = 2>`
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

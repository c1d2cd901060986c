"""Sliding windows, and what they agree on with the processes that read them."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from xdsl.dialects.builtin import I64, DenseArrayBase, IntegerAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import ParsePropInAttrDict, irdl_op_definition, opt_prop_def, prop_def
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.windows import Window
from qcompiler.dialects.attributes import Array
from qcompiler.dialects.qint.convolution import window_of
from qcompiler.dialects.qint.types import IntType
from qcompiler.dialects.stream.buffered import Buffered, Buffering
from qcompiler.dialects.stream.channel import ChannelType, channel_of, divisors, set_lanes
from qcompiler.dialects.stream.line_buffer import frame_cycles, least_rows, rows_wanted
from qcompiler.dialects.stream.process import Facts, Pipe, Process
from qcompiler.dialects.stream.schedule import Schedule

_I64_ARRAY = DenseArrayBase.constr(i64)


def _array(values: Sequence[int]) -> Attribute:
    return DenseArrayBase.from_list(i64, values)


class WindowSource(Process):
    """A process that sends windows of a frame, tap by tap, to those that reduce them."""

    groups = prop_def(IntegerAttr[I64])

    @property
    @abstractmethod
    def taps_a_beat(self) -> tuple[int, int] | None:
        """(rows, columns) of the taps that a beat holds; None if it holds no legal block."""

    @property
    @abstractmethod
    def several_taps(self) -> list[int]:
        """How many taps a beat may hold, beside one."""

    @property
    @abstractmethod
    def least_rows(self) -> int:
        """Rows that a row of windows needs, and those that the next one adds."""

    @property
    @abstractmethod
    def buffer_rows(self) -> int:
        """Rows in the line buffer: `least_rows`, or more."""

    @abstractmethod
    def resize_buffer(self, cycles: int) -> None:
        """Gives the line buffer the fewest rows with which a frame takes at most `cycles`.

        At most `least_cycles` are needed, whatever is asked for. Never less than a window and what
        the next one adds: the input runs ahead.
        """

    def buffers(self, lanes: int, taps: int) -> tuple[int, int]:
        """Returns (number, words) of the memories that keep `least_rows`, roughly.

        Args:
            lanes: channels a word.
            taps: taps a beat, one of `several_taps` or 1.
        """
        beats = self.frame_channel.with_lanes(lanes).beats // self.frame_channel.frame_shape[0]
        return taps, max(2, self.least_rows * beats // taps)

    @property
    def taps_inside(self) -> tuple[int, int]:
        """(taps that may lie inside of the frame, taps) of all windows of a frame."""
        return 1, 1

    def channels_alike(self, groups: int) -> int:
        """Returns how many channels of a tap a beat may hold, if they come in so many groups."""
        return self.frame_channel.channels // groups

    @property
    def frame_channel(self) -> ChannelType:
        """The type of what windows are made of."""
        return self.input_channels[0]

    @property
    def group_channels(self) -> int:
        """Channels of a group."""
        return self.frame_channel.channels // self.groups.value.data

    @property
    def frame_lanes(self) -> int:
        """Lanes of the frame that comes."""
        return min(self.output_channels[0].lanes.data, self.group_channels)

    @property
    def channel_folds(self) -> int:
        """Beats in which one position of the frame comes."""
        return self.frame_channel.channels // self.frame_lanes

    @property
    def least_cycles(self) -> int:
        """Cycles of a frame if the line buffer were large: those of its input, or its output."""
        given = self.frame_channel.with_lanes(self.frame_lanes)
        return max(given.beats, self.output_channels[0].beats)

    def check_readers(self) -> None:
        """Raises VerifyException where a reader takes another number of groups."""
        groups = self.groups.value.data
        for use in self.results[0].uses:
            reader = use.operation
            if isinstance(reader, Foldable) and reader.window_groups != groups:
                raise VerifyException(
                    f"sends {groups} groups, but {reader.name} takes {reader.window_groups}"
                )


def has_foldable_reader(value: SSAValue) -> bool:
    """Whether the lanes of windows are the business of the layer behind them."""
    return any(isinstance(use.operation, Foldable) for use in value.uses)


@irdl_op_definition
class SlidingWindowOp(Buffered, WindowSource):
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
        return window_of(*parts)

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
    def taps_inside(self) -> tuple[int, int]:
        spatial = self.input_channel.frame_shape[:-1]
        taps, inside = 1, 1
        for size, at in zip(spatial, self.window.positions(spatial), strict=True):
            taps *= at.size
            inside *= int(((at >= 0) & (at < size)).sum())
        return inside, taps

    @property
    def several_taps(self) -> list[int]:
        """How many taps a beat may hold, beside one."""
        return sorted(rows * columns for rows, columns in self.window.tap_blocks)[1:]

    @property
    def input_lanes(self) -> int:
        return self.frame_lanes

    def first_lanes(self, channel: ChannelType, target_cycles: int) -> int:
        return self.input_lanes

    def follow(self, target_cycles: int) -> None:
        if not has_foldable_reader(self.result):
            set_lanes(self.result, self.input_channel.lanes.data)

    @property
    def buffer_rows(self) -> int:
        return self.least_rows if self.rows is None else self.rows.value.data

    @property
    def least_rows(self) -> int:
        return least_rows(self.window, self.input_channel.frame_shape[0])

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

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        windows = self.window.gather(inputs[0], self.pad_value.value.data)
        batch, height, width = windows.shape[:3]
        groups = self.groups.value.data
        parts = windows.reshape(batch, height, width, self.window.taps, groups, -1)
        windows = parts.transpose(0, 1, 2, 4, 3, 5)
        return (windows.reshape(batch, *self.output_channel.frame_shape),)

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

    @property
    def memory_bits(self) -> int:
        _, width, channels = self.input_channel.frame_shape
        return self.buffer_rows * width * channels * self.input_channel.element.width_bits

    @property
    def headline(self) -> str:
        window = self.window
        kernel, stride, dilations = (
            " x ".join(map(str, part)) for part in (window.kernel, window.strides, window.dilations)
        )
        padding = f"{list(window.pads_begin)} before and {list(window.pads_end)} after"
        padded = any(window.pads_begin) or any(window.pads_end)
        pads = f", padding {padding} of {self.pad_value.value.data}" if padded else ""
        dilation = "" if set(window.dilations) == {1} else f", dilation {dilations}"
        rows = f"{self.buffer_rows} rows in the line buffer"
        return f"kernel {kernel}, stride {stride}{dilation}{pads}, {rows}"

    @property
    def facts(self) -> Facts:
        return {"kernel": "x".join(map(str, self.window.kernel)), "rows": self.buffer_rows}

    @property
    def details(self) -> Mapping[str, Any]:
        window = self.window
        return {
            "window": {
                "kernel": list(window.kernel),
                "strides": list(window.strides),
                "dilations": list(window.dilations),
                "pads": [list(window.pads_begin), list(window.pads_end)],
                "buffer rows": self.buffer_rows,
            }
        }

    @property
    def pace(self) -> str:
        given, made = self.input_channel.beats, self.output_channel.beats
        return f"{given} beats taken, {made} beats of windows made; the more of them, and waits"

    @property
    def inferred_range(self) -> IntRange:
        given = self.input_channel.element.range
        if not any((*self.pads_begin.get_values(), *self.pads_end.get_values())):
            return given
        value = self.pad_value.value.data
        return given.union(IntRange(value, value))

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
        if self.buffer_rows < self.least_rows:
            raise VerifyException(
                f"buffer_rows must be at least {self.least_rows}, got {self.buffer_rows}"
            )
        self.check_readers()


class Foldable(Pipe):
    """A process whose parallelism is chosen, `PE` outputs and `SIMD` inputs; others follow it.

    Subclasses have a property `simd`. Their result has PE lanes.
    """

    @property
    def paced(self) -> bool:
        return True

    @property
    @abstractmethod
    def folding(self) -> tuple[int, int]:
        """(PE, SIMD) as they are."""

    @property
    @abstractmethod
    def work(self) -> int:
        """Cycles of a frame at PE = SIMD = 1."""

    @property
    @abstractmethod
    def terms(self) -> int:
        """Inputs that each output is made of."""

    @property
    @abstractmethod
    def legal_pe(self) -> tuple[int, ...]:
        """Legal factors for the outputs."""

    @abstractmethod
    def legal_simd(self, window: WindowSource | None) -> tuple[int, ...]:
        """Returns legal factors for the inputs, which may come from a sliding window."""

    @property
    def shares_inputs(self) -> bool:
        """Whether all outputs of a beat are made of the same inputs, as in a matrix product."""
        return False

    def one_tap(self, window: WindowSource | None) -> int:
        """Returns the largest SIMD that needs no more than one tap of the window a beat."""
        return 1

    def window_lanes(self, window: WindowSource | None) -> tuple[int, ...]:
        """Returns the lanes that the window can send; empty if they follow from the folding."""
        return ()

    @property
    def window_groups(self) -> int:
        """Groups of channels in which windows must come."""
        return 1

    def is_constant(self, pe: int, simd: int) -> bool:
        """Whether a folding does all in one cycle, so that each weight is a constant."""
        return False

    def allows(self, pe: int, simd: int) -> bool:
        """Whether a folding whose factors are legal is so as a whole."""
        return True

    def fold(self, pe: int, simd: int) -> None:
        """Gives the process its parallelism, in place."""
        self.properties["simd"] = IntegerAttr(simd, i64)
        set_lanes(self.result, pe)

    def folded_cycles(self, pe: int, simd: int) -> int:
        """Returns the cycles of a frame in a folding, a sliding window before it aside."""
        return self.work // (pe * simd)

    @property
    def macs_per_cycle(self) -> int:
        pe, simd = self.folding
        return 0 if self.weights_op is None else pe * simd

    @property
    def window(self) -> WindowSource | None:
        """What sends windows as the input, if it does, buffers aside."""
        owner = self.input.owner
        while isinstance(owner, Process) and owner.is_buffer:
            owner = owner.operands[0].owner
        return owner if isinstance(owner, WindowSource) else None

"""The process that samples a frame at positions that come on a channel of their own."""

from collections.abc import Sequence
from math import gcd

import numpy as np
from xdsl.dialects.builtin import I64, IntegerAttr, i64
from xdsl.ir import SSAValue
from xdsl.irdl import (
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    result_def,
)
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.sampling import Sampling
from qcompiler.arith.windows import Window
from qcompiler.dialects.attributes import Array
from qcompiler.dialects.qint.sampling import Sampled, sampling_properties
from qcompiler.dialects.qint.types import IntType
from qcompiler.dialects.stream.buffered import Buffering, read_rows, rows_needed_by
from qcompiler.dialects.stream.channel import ChannelType, channel_of, divisors, set_lanes
from qcompiler.dialects.stream.line_buffer import rows_between, steady_cycles
from qcompiler.dialects.stream.process import Facts
from qcompiler.dialects.stream.schedule import Demand, Schedule, Timeline, Times
from qcompiler.dialects.stream.windows import WindowSource, has_foldable_reader

_ROWS_HELD = 4
"""Cycles from the issue of a beat to its read without more registers."""

CUTS_BEFORE_READ = ("element", "slot", "address")
"""Where registers make the read later."""

_READ, _INTERPOLATE, _MASK = 6, 4, 1
"""Cycles from the issue to the output: of a read, and what interpolation and a mask add."""


@irdl_op_definition
class SampleOp(Sampled, WindowSource):
    """Samples a frame [H, W, C] at positions: [OH, OW, taps * C], in the order of windows.

    A beat of `offsets` holds all codes of a window, one of `mask` its factors; both are kept until
    the window's last sample is read. What codes mean says `qcompiler.arith.sampling`. Order and
    lanes are a sliding window's: channels of one tap, or all of a group for a block of taps.

    The rows that the codes' range can reach are kept, `buffer_rows` of them, if not given those
    that a row of windows needs, and those that the next one adds. Between elements four memories
    give the neighbours in one cycle. Several taps a beat are read from `copies` of the buffer;
    where one code displaces all taps, those of a column share a copy with a memory for each row.

    Example: `%y = stream.sample %x, %d {kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>,
        dilations = array<i64: 1, 1>, pads = array<i64: 0, 0>, steps = array<i64: 1, 0>,
        origins = array<i64: 0, 0>, sources = array<i64: 0, 0>, fraction = 0 : i64,
        offset_groups = 1 : i64, mode = "bilinear", border = false, groups = 1 : i64}
        : (!stream.channel<!qint.int<0, 3>, frame = [4, 4, 2], lanes = 1>,
        !stream.channel<!qint.int<-1, 1>, frame = [4, 4, 1], lanes = 1>)
        -> !stream.channel<!qint.int<0, 3>, frame = [4, 4, 2], lanes = 1>`
    """

    name = "stream.sample"
    input = operand_def(ChannelType)
    offsets = operand_def(ChannelType)
    mask = opt_operand_def(ChannelType)
    rows = opt_prop_def(IntegerAttr[I64], prop_name="buffer_rows")
    result = result_def(ChannelType)
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = (
        "$input `,` $offsets (`mask` $mask^)? attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        channels: tuple[SSAValue, SSAValue, SSAValue | None],
        element: IntType,
        sampling: Sampling,
        groups: int,
    ):
        x, codes = (channel_of(value) for value in channels[:2])
        frame = (*codes.frame_shape[:2], sampling.taps * x.channels)
        super().__init__(
            operands=list(channels),
            properties={**sampling_properties(sampling), "groups": IntegerAttr(groups, i64)},
            result_types=[ChannelType(element, frame, 1)],
        )

    @property
    def input_channel(self) -> ChannelType:
        """The type of what is sampled."""
        return channel_of(self.input)

    @property
    def output_channel(self) -> ChannelType:
        """The type of the samples."""
        return channel_of(self.result)

    @property
    def codes(self) -> IntRange:
        """What a code of a position may be."""
        return channel_of(self.offsets).element.range

    @property
    def paced(self) -> bool:
        return True

    @property
    def early(self) -> bool:
        # Codes of a window serve many beats: they wait in a FIFO of their own for less than windows
        # that are made before they are needed would.
        return False

    @property
    def taps_a_beat(self) -> tuple[int, int] | None:
        legal, lanes = self.channels_alike(self.groups.value.data), self.output_channel.lanes.data
        if legal % lanes == 0:
            return 1, 1
        blocks = self._tap_blocks if legal == self.group_channels else []
        return next((block for block in blocks if legal * block[0] * block[1] == lanes), None)

    @property
    def _tap_blocks(self) -> list[tuple[int, int]]:
        ones, zeros = (1, 1), (0, 0)
        blocks = Window(self.sampling.kernel, ones, ones, zeros, zeros).tap_blocks
        return [(rows, columns) for rows, columns in blocks]

    @property
    def several_taps(self) -> list[int]:
        if self.sampling.offset_groups > 1:
            return []
        return sorted(rows * columns for rows, columns in self._tap_blocks)[1:]

    @property
    def shared_rows(self) -> bool:
        """Whether the taps of a column read one memory a row, together, without conflict."""
        return self.sampling.columns_meet(self.codes)

    @property
    def copies(self) -> int:
        """How many times the line buffer holds everything, to be read at so many places."""
        return self._copies(self.taps_a_beat or (1, 1))

    def _copies(self, block: tuple[int, int]) -> int:
        rows, columns = block
        return columns if self.shared_rows else rows * columns

    def buffers(self, lanes: int, taps: int) -> tuple[int, int]:
        block = next((b for b in self._tap_blocks if b[0] * b[1] == taps), (1, 1))
        _, width, channels = self.input_channel.frame_shape
        rows, row_beats = self.least_rows, width * channels // lanes
        if self.sampling.interpolates:  # by the parities of row and column
            memories, words = 4, (rows // 2) * ((width + 1) // 2) * (channels // lanes)
        elif self.shared_rows and block[0] > 1:  # one a row
            memories, words = rows, row_beats
        else:
            memories, words = 1, rows * row_beats
        return self._copies(block) * memories, max(2, words)

    def channels_alike(self, groups: int) -> int:
        channels = self.frame_channel.channels
        return gcd(channels // groups, channels // self.sampling.offset_groups)

    @property
    def wanted_lanes(self) -> tuple[int, ...]:
        whole = [channel_of(value).channels for value in self.operands[1:]]
        return (self.frame_lanes, *whole)

    @property
    def largest_lanes(self) -> int:
        return self.channels_alike(1)

    def first_lanes(self, channel: ChannelType, target_cycles: int) -> int:
        inputs = zip(self.input_channels, self.wanted_lanes, strict=True)
        return next(lanes for given, lanes in inputs if given == channel)

    def follow(self, target_cycles: int) -> None:
        if has_foldable_reader(self.result):
            return
        legal = divisors(self.largest_lanes)
        beats = self.output_channel.with_lanes(1).beats
        set_lanes(self.result, next((d for d in legal if beats <= target_cycles * d), legal[-1]))

    @property
    def reach(self) -> IntRange:
        """Which rows are read, from the one where a window starts."""
        return self.sampling.reach(0, self.codes)

    @property
    def least_rows(self) -> int:
        """Rows that a row of windows needs, and those that the next one adds."""
        want, free = self._wanted
        return self._even(max(want) + max(1, *free[:-1], 1))

    def _even(self, rows: int) -> int:
        return rows + rows % 2 if self.sampling.interpolates else rows

    @property
    def _wanted(self) -> tuple[list[int], list[int]]:
        height = self.input_channel.frame_shape[0]
        sampling, reach = self.sampling, self.reach
        starts = sampling.bases(0, self.output_channel.frame_shape[0])[:, 0].tolist()
        firsts = [start + reach.lo for start in starts]
        ends = [start + reach.hi + 1 for start in starts]
        if sampling.border:
            firsts = [min(first, height - 1) for first in firsts]
            ends = [max(end, 1) for end in ends]
        return rows_between(firsts, ends, height)

    @property
    def buffer_rows(self) -> int:
        return self.least_rows if self.rows is None else self.rows.value.data

    @property
    def buffering(self) -> Buffering:
        """What the buffer takes and gives."""
        want, free = self._wanted
        width = self.input_channel.frame_shape[1]
        out_beats = self.output_channel.beats // len(want)
        return Buffering(want, free, width * self.channel_folds, out_beats, self.buffer_rows)

    def resize_buffer(self, cycles: int) -> None:
        self.rows = None
        rows = self.buffer_rows
        while self._frame_cycles(rows) > max(cycles, self.least_cycles):
            rows = self._even(rows + 1)
            self.rows = IntegerAttr(rows, i64)

    def _frame_cycles(self, rows: int) -> int:
        buffer = self.buffering
        beats = buffer.row_beats, buffer.out_beats
        return steady_cycles(tuple(buffer.want), tuple(buffer.free), beats, rows, self.rows_held)

    @property
    def cycles_per_frame(self) -> int:
        return self._frame_cycles(self.buffer_rows)

    @property
    def window_beats(self) -> int:
        """Beats of samples that one beat of offsets serves."""
        rows, columns, _ = self.output_channel.frame_shape
        return self.output_channel.beats // (rows * columns)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        samples = self.sampling.sample(*inputs)
        batch, height, width, taps, _ = samples.shape
        parts = samples.reshape(batch, height, width, taps, self.groups.value.data, -1)
        parts = parts.transpose(0, 1, 2, 4, 3, 5)
        return (parts.reshape(batch, *self.output_channel.frame_shape),)

    @property
    def rows_held(self) -> int:
        """Cycles from the issue of a beat to its read: rows keep their place for so long."""
        return _ROWS_HELD + sum(self.registers.get(cut, 0) for cut in CUTS_BEFORE_READ)

    @property
    def latency(self) -> int:
        """Cycles from the read of a beat to its appearance."""
        more = _INTERPOLATE * self.sampling.interpolates + _MASK * (self.mask is not None)
        return _READ + more + self.added_latency

    def schedule(self) -> Schedule:
        """Returns the reading side's; `timing` knows both sides."""
        beats = self.output_channel.beats
        every = np.arange(beats, dtype=np.int64)
        taken = np.linspace(0, beats - 1, channel_of(self.input).beats).astype(np.int64)
        ends = every[self.window_beats - 1 :: self.window_beats]
        consume = (taken, *[ends] * (len(self.operands) - 1))
        return Schedule(self.cycles_per_frame, consume, (every,), self.latency)

    def timing(
        self, arrivals: Sequence[Times], frames: int, release: Times | None = None
    ) -> Timeline:
        """Returns the times of both sides; a window's codes are there before its first sample."""
        kind = arrivals[0].dtype
        beats = frames * self.output_channel.beats
        earliest = np.zeros(beats, kind) if release is None else release.copy()
        first = earliest[:: self.window_beats]
        for codes in arrivals[1:]:
            np.maximum(first, codes, out=first)
        taken, made = read_rows(self.buffering, arrivals[0], earliest, self.rows_held)
        ends = made[self.window_beats - 1 :: self.window_beats]
        return Timeline((taken, *[ends] * (len(arrivals) - 1)), (made + self.latency,))

    @property
    def frames_back(self) -> int:
        return self.buffering.frames_back

    def latest(self, deadlines: Sequence[Times], frames: int) -> Demand:
        inputs, time = rows_needed_by(self.buffering, deadlines[0] - self.latency, frames)
        codes = time[:: self.window_beats]
        return Demand((inputs, *[codes] * (len(self.operands) - 1)), time)

    @property
    def memory_bits(self) -> int:
        _, width, channels = self.input_channel.frame_shape
        held = self.buffer_rows * width * channels * self.input_channel.element.width_bits
        return self.copies * held

    @property
    def memory_advice(self) -> str | None:
        height, (rows, _) = self.input_channel.frame_shape[0], self.sampling.kernel
        extent = (rows - 1) * self.sampling.dilations[0] + 1
        if self.buffer_rows <= extent + 1 or self.sampling.strides[0] == 0:
            return None
        reach = self.reach
        return (
            f"its offsets reach from row {reach.lo} to row {reach.hi} of a window's first, so that "
            f"{self.buffer_rows} rows are kept of {height}: a Clip before their quantizer keeps "
            f"fewer, of offsets from -1 to 1 only {min(height, extent + 2) + 1}"
        )

    @property
    def headline(self) -> str:
        sampling, reach = self.sampling, self.reach
        kernel = " x ".join(map(str, sampling.kernel))
        between = f", {sampling.fraction} bits between elements" if sampling.fraction else ""
        return (
            f"kernel {kernel}, offsets reach rows {reach.lo} to {reach.hi}, {sampling.mode}"
            f"{between}, {self.buffer_rows} rows in the line buffer"
        )

    @property
    def facts(self) -> Facts:
        kernel = "x".join(map(str, self.sampling.kernel))
        return {
            "kernel": kernel,
            "rows": self.buffer_rows,
            "reach": f"{self.reach.lo}..{self.reach.hi}",
        }

    @property
    def pace(self) -> str:
        given, made = self.input_channel.beats, self.output_channel.beats
        return f"{given} beats taken, {made} samples made; the more of them, and waits"

    @property
    def inferred_range(self) -> IntRange:
        mask = None if self.mask is None else channel_of(self.mask).element.range
        return self.sampling.result_range(self.input_channel.element.range, mask)

    def verify_(self) -> None:
        try:
            sampling = self.sampling
        except ValueError as error:
            raise VerifyException(str(error)) from None
        given, codes, made = self.input_channel, channel_of(self.offsets), self.output_channel
        if len(given.frame_shape) != 3 or len(codes.frame_shape) != 3:
            raise VerifyException(f"frames must be [H, W, C], got {given} and {codes}")
        groups, channels = self.groups.value.data, given.channels
        if groups < 1 or channels % groups or channels % sampling.offset_groups:
            raise VerifyException(f"groups must divide {channels} channels, got {groups}")
        if max(sampling.sources) >= codes.channels:
            raise VerifyException(f"sources must be channels of {codes}")
        frame = (*codes.frame_shape[:2], sampling.taps * channels)
        if made.frame_shape != frame:
            raise VerifyException(f"result must have frame {list(frame)}, got {made}")
        masked = (*codes.frame_shape[:2], sampling.taps * sampling.offset_groups)
        if self.mask is not None and channel_of(self.mask).frame_shape != masked:
            raise VerifyException(f"mask must have frame {list(masked)}, got {self.mask.type}")
        if self.taps_a_beat is None:
            raise VerifyException(
                f"result must have channels of one tap and offset group as lanes, got "
                f"{made.lanes.data}"
            )
        if self.buffer_rows < self.least_rows or self.buffer_rows != self._even(self.buffer_rows):
            raise VerifyException(
                f"buffer_rows must be at least {self.least_rows}, even for samples between "
                f"elements, got {self.buffer_rows}"
            )
        self.check_readers()

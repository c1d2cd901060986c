"""Windows of a line that several pixels of a beat share."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import I64, IntegerAttr, i64
from xdsl.ir import SSAValue
from xdsl.irdl import ParsePropInAttrDict, irdl_op_definition, prop_def
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import Array
from qcompiler.dialects.qint.types import IntType
from qcompiler.dialects.stream.channel import ChannelType, channel_of
from qcompiler.dialects.stream.process import Facts, Pipe
from qcompiler.dialects.stream.schedule import Demand, Schedule, Timeline, Times

_SLICE_CYCLES = 1
_ENTRY_CYCLES = 1
"""Of a window that runs free, in a register before its row."""
"""Of the output's register slice, which there is where readers may be busy."""


@irdl_op_definition
class LineWindowOp(Pipe):
    """Sends what the windows of a beat's pixels are made of: from [H, W, C] to [H, T, span * C].

    A beat of P pixels comes, T of them a line. With it go its neighbours of the same line, or
    padding: P outputs of a kernel of K share P + K - 1 pixels, in their order. With a stride s
    there are P / s outputs a beat. There is a beat a clock, within lines and between them: what is
    needed of neighbouring beats is kept in registers, and the next line comes while one ends.

    Example: `%y = stream.line_window %x {kernel = 3 : i64, stride = 1 : i64, dilation = 1 : i64,
        pad = 1 : i64, pad_value = 0 : i64}
        : (!stream.channel<!qint.int<0, 3>, frame = [1, 8, 2], lanes = 8>)
        -> !stream.channel<!qint.int<0, 3>, frame = [1, 2, 12], lanes = 12>`
    """

    name = "stream.line_window"
    kernel = prop_def(IntegerAttr[I64])
    stride = prop_def(IntegerAttr[I64])
    dilation = prop_def(IntegerAttr[I64])
    pad = prop_def(IntegerAttr[I64])
    pad_value = prop_def(IntegerAttr[I64])
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(
        self,
        input: SSAValue,
        element: IntType,
        window: tuple[int, int, int, int],
        pad_value: int,
    ):
        """Creates it for a window: kernel, stride, dilation, padding before a line."""
        kernel, stride, dilation, pad = window
        names = {"kernel": kernel, "stride": stride, "dilation": dilation, "pad": pad}
        channel = channel_of(input)
        height, width, channels = channel.frame_shape
        span = (channel.pixels // stride - 1) * stride + (kernel - 1) * dilation + 1
        frame = (height, width // channel.pixels, span * channels)
        super().__init__(
            operands=[input],
            properties={name: IntegerAttr(value, i64) for name, value in names.items()}
            | {"pad_value": IntegerAttr(pad_value, i64)},
            result_types=[ChannelType(element, frame, span * channels)],
        )

    @property
    def takes_pixels(self) -> bool:
        return True

    @property
    def pixels(self) -> int:
        """Pixels of a beat that comes."""
        return self.input_channel.pixels

    @property
    def outputs(self) -> int:
        """Windows that a beat is for."""
        return self.pixels // self.stride.value.data

    @property
    def span(self) -> int:
        """Pixels of a beat that leaves."""
        reach = (self.kernel.value.data - 1) * self.dilation.value.data
        return (self.outputs - 1) * self.stride.value.data + reach + 1

    @property
    def beats_a_line(self) -> int:
        """Beats of a line, in and out."""
        return self.input_channel.frame_shape[1] // self.pixels

    @property
    def behind(self) -> int:
        """Beats before its own that a window needs a part of."""
        return -(-self.pad.value.data // self.pixels)

    @property
    def ahead(self) -> int:
        """Beats after its own that a window needs a part of."""
        return -(-max(self.span - self.pad.value.data - self.pixels, 0) // self.pixels)

    @property
    def input_lanes(self) -> int:
        return self.input_channel.lanes.data

    @property
    def places(self) -> list[tuple[int, int]]:
        """Of each pixel that leaves: the beat it is of, from the window's own, and where in it."""
        return [divmod(at - self.pad.value.data, self.pixels) for at in range(self.span)]

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        (x,) = inputs
        width = self.input_channel.frame_shape[1]
        starts = np.arange(self.beats_a_line) * self.pixels - self.pad.value.data
        at = starts[:, None] + np.arange(self.span)
        inside = (at >= 0) & (at < width)
        taken = x[:, :, np.clip(at, 0, width - 1)]
        filled = np.where(inside[..., None], taken, self.pad_value.value.data)
        return (filled.reshape(len(x), *self.output_channel.frame_shape),)

    @property
    def held_beats(self) -> int | None:
        return _ENTRY_CYCLES + self.ahead + 1

    @property
    def _latency(self) -> int:
        """Cycles from the last beat that a window needs to the window."""
        return 1 + (_ENTRY_CYCLES if self.runs_free else _SLICE_CYCLES)

    def schedule(self) -> Schedule:
        return Schedule.beat_by_beat(self, self._latency + self.ahead)

    @property
    def _waits(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of each beat of a line: the last beat it waits for, and cycles more behind that."""
        wanted = np.arange(self.beats_a_line, dtype=np.int64) + self.ahead
        last = np.minimum(wanted, self.beats_a_line - 1)
        return last, wanted - last

    def timing(
        self, arrivals: Sequence[Times], frames: int, release: Times | None = None
    ) -> Timeline:
        """Returns when beats are taken, and made: a line's last ones need no more to come."""
        beat = np.arange(arrivals[0].size, dtype=arrivals[0].dtype)
        taken = beat + np.maximum.accumulate(arrivals[0] - beat)
        last, more = self._waits
        made = taken.reshape(-1, self.beats_a_line)[:, last] + (more + self._latency)
        return Timeline((taken,), (made.reshape(-1).astype(taken.dtype),))

    @property
    def frames_back(self) -> int:
        return 1  # the last beats of a line, which are made when no more come

    def latest(self, deadlines: Sequence[Times], frames: int) -> Demand:
        last, more = self._waits
        lines = (deadlines[0].reshape(-1, self.beats_a_line) - (more + self._latency)).T
        needed = np.full_like(lines, np.iinfo(lines.dtype).max)
        np.minimum.at(needed, last, lines)
        flat = needed.T.reshape(-1)
        beat = np.arange(flat.size, dtype=flat.dtype)
        backwards = np.minimum.accumulate((flat - beat)[::-1])[::-1]
        return Demand(((backwards + beat).astype(deadlines[0].dtype),), None)

    @property
    def headline(self) -> str:
        stride, dilation = self.stride.value.data, self.dilation.value.data
        more = (f", stride {stride}" if stride > 1 else "") + (
            f", dilation {dilation}" if dilation > 1 else ""
        )
        return (
            f"{self.outputs} windows of {self.kernel.value.data} pixels a beat, which share "
            f"{self.span}{more}"
        )

    @property
    def facts(self) -> Facts:
        return {"kernel": self.kernel.value.data, "pixels": self.pixels}

    @property
    def inferred_range(self) -> IntRange:
        value = self.pad_value.value.data
        outside = min(beat for beat, _ in self.places) < 0 or self.ahead
        given = self.input_channel.element.range
        return given.union(IntRange(value, value)) if outside else given

    def verify_(self) -> None:
        given, made = self.input_channel, self.output_channel
        for name in ("kernel", "stride", "dilation"):
            value = getattr(self, name).value.data
            if value < 1:
                raise VerifyException(f"{name} must be positive, got {value}")
        if self.pad.value.data < 0:
            raise VerifyException(f"pad must not be negative, got {self.pad.value.data}")
        if len(given.frame_shape) != 3 or given.lanes.data % given.channels:
            raise VerifyException(f"beats must be whole pixels of [H, W, C], got {given}")
        if self.pixels % self.stride.value.data:
            raise VerifyException(
                f"stride must divide the {self.pixels} pixels of a beat, "
                f"got {self.stride.value.data}"
            )
        lanes = self.span * given.channels
        frame = (given.frame_shape[0], self.beats_a_line, lanes)
        if made.frame_shape != frame or made.lanes.data != lanes:
            raise VerifyException(
                f"result must have frame {list(frame)} and {lanes} lanes, got {made}"
            )

"""Channels, and what every process of the stream dialect can be asked."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    IntAttr,
    IntegerAttr,
    StringAttr,
    i64,
)
from xdsl.ir import (
    Attribute,
    ParametrizedAttribute,
    SSAValue,
    TypeAttribute,
)
from xdsl.irdl import (
    IRDLOperation,
    irdl_attr_definition,
    operand_def,
    result_def,
)
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from qcompiler.dialects.qint.types import IntType


@irdl_attr_definition
class ChannelType(ParametrizedAttribute, TypeAttribute):
    """A stream of frames, `lanes` elements a beat.

    Example: `!stream.channel<!qint.int<-32, 31>, frame = [16], lanes = 4>` moves 16 elements a
    frame in 4 beats; the last entry of `frame` counts channels, `lanes` divides it.
    """

    name = "stream.channel"
    element: IntType
    frame: ArrayAttr[IntAttr]
    lanes: IntAttr

    def __init__(self, element: IntType, frame: Sequence[int], lanes: int):
        super().__init__(element, ArrayAttr(IntAttr(extent) for extent in frame), IntAttr(lanes))

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Extents of a frame, channels last."""
        return tuple(extent.data for extent in self.frame)

    @property
    def channels(self) -> int:
        """Extent of the innermost dimension."""
        return self.frame_shape[-1]

    @property
    def beats(self) -> int:
        """Beats per frame."""
        return int(np.prod(self.frame_shape, dtype=object)) // self.lanes.data

    @property
    def width_bits(self) -> int:
        """Bits moved in one beat."""
        return self.lanes.data * self.element.width_bits

    def with_lanes(self, lanes: int) -> "ChannelType":
        """Returns the same stream with another number of lanes."""
        return ChannelType(self.element, self.frame_shape, lanes)

    def verify(self) -> None:
        lanes = self.lanes.data
        if not self.frame_shape or any(extent < 1 for extent in self.frame_shape):
            raise VerifyException(f"frame must have positive extents, got {self.frame_shape}")
        if lanes < 1 or self.channels % lanes:
            raise VerifyException(
                f"lanes must divide the {self.channels} channels of a frame, got {lanes}"
            )

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> list[Attribute]:
        with parser.in_angle_brackets():
            element = parser.parse_attribute()
            parser.parse_punctuation(",")
            parser.parse_keyword("frame")
            parser.parse_punctuation("=")
            frame = parser.parse_comma_separated_list(
                parser.Delimiter.SQUARE, lambda: IntAttr(parser.parse_integer())
            )
            parser.parse_punctuation(",")
            parser.parse_keyword("lanes")
            parser.parse_punctuation("=")
            lanes = parser.parse_integer()
        return [element, ArrayAttr(frame), IntAttr(lanes)]

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_attribute(self.element)
            printer.print_string(", frame = [")
            printer.print_list(self.frame.data, lambda extent: printer.print_int(extent.data))
            printer.print_string(f"], lanes = {self.lanes.data}")


def channel_of(value: SSAValue) -> ChannelType:
    """Returns the channel type of `value`.

    Raises:
        VerifyException: it is not a channel.
    """
    if not isinstance(value.type, ChannelType):
        raise VerifyException(f"expected a channel, got {value.type}")
    return value.type


Times: TypeAlias = NDArray[np.signedinteger[Any]]
"""Cycles, one per beat; int32 where they fit, as there may be millions, otherwise int64."""


@dataclass(frozen=True)
class Schedule:
    """When an undisturbed process moves its beats, in cycles from the start of a turn.

    A frame is a number of turns, all alike: a matrix unit's are the vectors. Frames and their turns
    follow back to back.

    Attributes:
        cycles: cycles that one turn occupies the process.
        consume: per input: cycle in which each beat is accepted, shape [beats / turns], increasing.
        produce: per output: cycle in which the work for each beat is issued, [beats / turns].
        latency: cycles from the issue of an output beat to its appearance on the output.
        turns: how many make a frame.
    """

    cycles: int
    consume: tuple[Times, ...]
    produce: tuple[Times, ...]
    latency: int
    turns: int = 1

    @staticmethod
    def pipe(
        cycles: int, consume: Times, produce: Times, latency: int, turns: int = 1
    ) -> "Schedule":
        """Returns the schedule of a process with one input and one output."""
        return Schedule(cycles, (consume,), (produce,), latency, turns)

    @staticmethod
    def beat_by_beat(process: "Process", latency: int) -> "Schedule":
        """Returns the schedule of a process that moves one beat everywhere in each cycle."""
        now = (np.zeros(1, np.int64),)
        inputs, outputs = len(process.operands), len(process.results)
        return Schedule(1, now * inputs, now * outputs, latency, process.output_channels[0].beats)

    @property
    def frame_cycles(self) -> int:
        """Cycles that one frame occupies the process."""
        return self.turns * self.cycles


@dataclass(frozen=True)
class Timeline:
    """When beats move.

    Attributes:
        taken: per input, when each beat is accepted.
        made: per output, when each beat appears.
    """

    taken: tuple[Times, ...]
    made: tuple[Times, ...]


@dataclass(frozen=True)
class Demand:
    """How late a process may work.

    Attributes:
        inputs: per input, by when each beat must have come.
        release: when each beat of the output may be made at the earliest, so that nothing is made
            before it is needed; None for processes that hand on what comes at once.
    """

    inputs: tuple[Times, ...]
    release: Times | None


_REGISTERS = "stream.registers"
_STYLE = "stream.style"

AHEAD = "ahead"
"""The cut that takes no time: what is known beforehand is kept in registers until it is needed."""


class Process(IRDLOperation, ABC):
    """What every process of the stream dialect can be asked."""

    @property
    def registers(self) -> Mapping[str, int]:
        """How many pipeline registers stand at each cut of the hardware, beside its usual ones.

        They are the attribute `stream.registers`, e.g. `{products = 1 : i64, sum = 2 : i64}`, which
        pipeline-registers sets. Which cuts there are is the hardware block's to say.
        """
        given = self.attributes.get(_REGISTERS)
        if not isinstance(given, DictionaryAttr):
            return {}
        counts = given.data.items()
        return {name: n.value.data for name, n in counts if isinstance(n, IntegerAttr)}

    @registers.setter
    def registers(self, counts: Mapping[str, int]) -> None:
        given = {name: IntegerAttr(count, i64) for name, count in counts.items() if count}
        self.attributes.pop(_REGISTERS, None)
        if given:
            self.attributes[_REGISTERS] = DictionaryAttr(given)

    @property
    def style(self) -> str | None:
        """How the hardware multiplies by weights, if not as synthesis likes.

        It is the attribute `stream.style`; `qcompiler.rtl.blocks.weight_codes` has the styles.
        """
        given = self.attributes.get(_STYLE)
        return given.data if isinstance(given, StringAttr) else None

    @style.setter
    def style(self, name: str | None) -> None:
        self.attributes.pop(_STYLE, None)
        if name is not None:
            self.attributes[_STYLE] = StringAttr(name)

    @property
    def added_latency(self) -> int:
        """Cycles that those registers add to the latency."""
        return sum(count for name, count in self.registers.items() if name != AHEAD)

    @property
    def paced(self) -> bool:
        """Whether, to save buffers, it is thought to work no earlier than needed.

        Processes that take many cycles for a beat are; others hand on what comes, at once.
        """
        return False

    @property
    def input_channels(self) -> tuple[ChannelType, ...]:
        """The types of the inputs."""
        return tuple(channel_of(operand) for operand in self.operands)

    @property
    def output_channels(self) -> tuple[ChannelType, ...]:
        """The types of the outputs."""
        return tuple(channel_of(result) for result in self.results)

    @property
    def wanted_lanes(self) -> tuple[int, ...]:
        """Lanes that the process takes a beat, per input; the channels must come to have as many.

        Most processes take as many as they make.
        """
        return (self.output_channels[0].lanes.data,) * len(self.operands)

    @property
    def largest_lanes(self) -> int:
        """The lanes of what it makes divide this.

        A process that takes as many a beat as it makes needs a number that divides the channels on
        all sides.
        """
        return gcd(*(c.channels for c in (*self.input_channels, *self.output_channels)))

    @abstractmethod
    def schedule(self) -> Schedule:
        """Returns the cycles in which beats move, without stalls."""

    def timing(
        self, arrivals: Sequence[Times], frames: int, release: Times | None = None
    ) -> Timeline:
        """Returns when each beat is accepted and made, if nothing holds the outputs back.

        Slot k of the schedule runs at the earliest one cycle after slot k - 1, and not before its
        beats have arrived: a running maximum.

        Args:
            arrivals: per input, cycle in which each beat becomes available, [frames * beats].
            frames: number of frames.
            release: as `latest` gives it.
        """
        schedule = self.schedule()
        busy = _Busy.slots(schedule)
        slots = busy.of_turns(schedule.cycles, frames * schedule.turns, arrivals[0].dtype)
        earliest = np.zeros_like(slots)
        held = zip(busy.consume, arrivals, strict=True)
        for at, until in held if release is None else (*held, (busy.produce[0], release)):
            view = earliest[:, at]
            earliest[:, at] = np.maximum(view, until.reshape(view.shape))
        # In place: there may be millions.
        earliest -= slots
        flat = earliest.reshape(-1)
        np.maximum.accumulate(flat, out=flat)
        time = np.maximum(earliest, 0, out=earliest)  # slot 0 runs in cycle 0 or later
        time += slots
        return Timeline(
            tuple(time[:, at].reshape(-1) for at in busy.consume),
            tuple(time[:, at].reshape(-1) + schedule.latency for at in busy.produce),
        )

    def latest(self, deadlines: Sequence[Times], frames: int) -> Demand:
        """Returns how late the process may work so that its outputs come in time.

        The mirror image of `timing`: slot k runs at the latest one cycle before slot k + 1.

        Args:
            deadlines: per output, cycle in which each beat must appear at the latest.
            frames: number of frames.
        """
        schedule = self.schedule()
        busy = _Busy.slots(schedule)
        slots = busy.of_turns(schedule.cycles, frames * schedule.turns, deadlines[0].dtype)
        end = max(int(deadline[-1]) for deadline in deadlines) + schedule.frame_cycles
        bound = np.full_like(slots, end)
        for at, deadline in zip(busy.produce, deadlines, strict=True):
            view = bound[:, at]
            bound[:, at] = np.minimum(view, deadline.reshape(view.shape) - schedule.latency)
        bound -= slots
        backwards = bound.reshape(-1)[::-1]
        np.minimum.accumulate(backwards, out=backwards)
        time = bound
        time += slots
        release = time[:, busy.produce[0]].reshape(-1) if self.paced else None
        return Demand(tuple(time[:, at].reshape(-1) for at in busy.consume), release)

    @property
    def cycles_per_frame(self) -> int:
        """Cycles that one frame occupies the process in steady state."""
        return self.schedule().frame_cycles


@dataclass(frozen=True)
class _Busy:
    """The slots of a turn in which beats move.

    A slow process has many more slots than that; nothing can happen to it in the others.

    Attributes:
        at: the slots, increasing.
        consume: per input, where among `at` its beats move.
        produce: per output, likewise.
    """

    at: Times
    consume: list[Times | slice]
    produce: list[Times | slice]

    @staticmethod
    def slots(schedule: Schedule) -> "_Busy":
        """Returns the busy slots of a schedule."""
        parts = [*schedule.consume, *schedule.produce]
        busy = np.unique(np.concatenate(parts))
        places = [_as_slice(np.searchsorted(busy, part)) for part in parts]
        inputs = len(schedule.consume)
        return _Busy(busy, places[:inputs], places[inputs:])

    def of_turns(self, cycles: int, turns: int, kind: np.dtype[np.signedinteger[Any]]) -> Times:
        """Returns the slots of several turns back to back, [turns, slots]."""
        start = np.arange(turns, dtype=kind) * kind.type(cycles)
        return start[:, None] + self.at.astype(kind)


def _as_slice(places: Times) -> Times | slice:
    """Returns increasing places as a slice if they are evenly spaced: it copies nothing."""
    step = int(places[1] - places[0]) if places.size > 1 else 1
    if (np.diff(places) != step).any():
        return places
    return slice(int(places[0]), int(places[-1]) + 1, step)


class Pipe(Process):
    """A process with one input and one output."""

    input = operand_def(ChannelType)
    result = result_def(ChannelType)

    @property
    def input_channel(self) -> ChannelType:
        """The type of the input."""
        return channel_of(self.input)

    @property
    def output_channel(self) -> ChannelType:
        """The type of the output."""
        return channel_of(self.result)

    @property
    def input_lanes(self) -> int:
        """Lanes that the process takes a beat; most take as many as they make."""
        return self.output_channel.lanes.data

    @property
    def wanted_lanes(self) -> tuple[int, ...]:
        return (self.input_lanes,)

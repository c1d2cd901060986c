"""What every process of the stream dialect can be asked."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import reduce
from math import gcd
from typing import Any, TypeAlias

import numpy as np
from xdsl.dialects.builtin import DictionaryAttr, IntegerAttr, StringAttr, i64
from xdsl.ir import Operation, SSAValue
from xdsl.irdl import IRDLOperation, operand_def, result_def
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import Array
from qcompiler.dialects.stream.channel import ChannelType, channel_of, divisors, set_lanes
from qcompiler.dialects.stream.flow import Flow, scheduled_flows
from qcompiler.dialects.stream.schedule import Busy, Demand, Schedule, Timeline, Times
from qcompiler.dialects.stream.weights import WeightsOp

Facts: TypeAlias = Mapping[str, int | str]
"""Names and values, as reports show them."""

Beat: TypeAlias = tuple[Sequence[Operation], Sequence[SSAValue]]
"""Operations on one beat, not inserted yet, and what they make for each output."""

_REGISTERS = "stream.registers"
_STYLE = "stream.style"
_RAM_STYLE = "stream.ram_style"
RAM_STYLES = ("block", "distributed")
"""Where a process's memories may be kept: in block memories, or in look-up tables."""
LOGIC = "logic"
"""The style that multiplies in logic, where synthesis would take hard multipliers."""

AHEAD = "ahead"
"""The cut that takes no time: what is known beforehand is kept in registers until it is needed."""


class Process(IRDLOperation, ABC):
    """What every process of the stream dialect can be asked."""

    @property
    def takes_pixels(self) -> bool:
        """Whether beats of several pixels may enter and leave it."""
        return False

    def verify(self, verify_nested_ops: bool = True) -> None:
        super().verify(verify_nested_ops)
        channels = (*self.input_channels, *self.output_channels)
        if not self.takes_pixels and any(channel.pixels > 1 for channel in channels):
            widest = max(channels, key=lambda channel: channel.pixels)
            raise VerifyException(f"takes no beats of {widest.pixels} pixels, got {widest}")
        style = self.attributes.get(_RAM_STYLE)
        if style is not None and self.ram_style not in RAM_STYLES:
            raise VerifyException(
                f"{_RAM_STYLE} must be one of {', '.join(RAM_STYLES)}, got {style}"
            )

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
    def ram_style(self) -> str | None:
        """Where its memories are kept, if not where synthesis likes: one of `RAM_STYLES`.

        It is the attribute `stream.ram_style`, which select-ram-style sets. Memories whose block
        has a reason to ask for a kind of its own keep that.
        """
        given = self.attributes.get(_RAM_STYLE)
        return given.data if isinstance(given, StringAttr) else None

    @ram_style.setter
    def ram_style(self, name: str | None) -> None:
        self.attributes.pop(_RAM_STYLE, None)
        if name is not None:
            self.attributes[_RAM_STYLE] = StringAttr(name)

    @property
    def added_latency(self) -> int:
        """Cycles that those registers add to the latency."""
        return sum(count for name, count in self.registers.items() if name != AHEAD)

    @property
    def early(self) -> bool:
        """Whether it works as early as it can, if it joins channels: one may have time to spare."""
        return True

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

    @property
    def is_buffer(self) -> bool:
        """Whether it changes timing only, and belongs to one folding of the network."""
        return False

    @property
    def is_wires(self) -> bool:
        """Whether it has no hardware of its own: its output is its input."""
        return False

    @property
    def has_handshake(self) -> bool:
        """Whether its hardware waits: for beats that are late, and for readers that are busy."""
        return True

    @property
    def held_beats(self) -> int | None:
        """The most beats inside it, if its hardware can move without ever waiting; None if not."""
        return None

    @property
    def runs_free(self) -> bool:
        """Whether its hardware never waits for its reader, which has room for all that is inside.

        So it is where one reader takes all, and runs free as well or ends such a chain.
        """
        if self.held_beats is None or len(self.results) != 1:
            return False
        readers = [use.operation for use in self.results[0].uses]
        return len(readers) == 1 and isinstance(readers[0], Process) and readers[0].lets_run_free

    @property
    def lets_run_free(self) -> bool:
        """Whether what stands before it may run free: it takes each beat in the cycle it comes."""
        return self.runs_free and len(self.operands) == 1

    @property
    def before_it(self) -> list["Process"]:
        """The processes that run free into it, the nearest first."""
        owner = self.operands[0].owner if len(self.operands) == 1 else None
        if not isinstance(owner, Process) or not owner.runs_free:
            return []
        return [owner, *owner.before_it]

    @property
    def lacks(self) -> str | None:
        """The pass that must run before it can become hardware, None if none must."""
        return None

    @property
    def is_beatwise(self) -> bool:
        """Whether `beat` tells what it makes of each beat, from nothing else."""
        return False

    def beat(self, inputs: Sequence[SSAValue]) -> Beat:
        """Returns qint arithmetic on one beat of each input, `tensor<1 x lanes>`; if `is_beatwise`.

        Part of a pipeline, it has hardware of its own for each element of a beat.
        """
        raise NotImplementedError(f"{self.name} is not beatwise")

    @property
    def inferred_range(self) -> IntRange | None:
        """Bounds of what it computes from its inputs' ranges; None where its type decides.

        Raises:
            ValueError: they do not fit 63 bits.
        """
        return None

    @property
    def weights_op(self) -> WeightsOp | None:
        """The operation that holds its weights."""
        return None

    @property
    def macs_per_cycle(self) -> int:
        """Products with weights that it computes at a time."""
        return 0

    @property
    def memory_bits(self) -> int:
        """Bits that its memories hold, as far as its operation tells."""
        weights = self.weights_op
        return 0 if weights is None else weights.values.size * weights.range.width_bits

    @property
    def memory_advice(self) -> str | None:
        """What in the model would let it keep less, in words; None if nothing is known."""
        return None

    @property
    def headline(self) -> str:
        """Parameters and folding in a line, for the head of the Verilog module; may be empty."""
        return ""

    @property
    def facts(self) -> Facts:
        """What reports show of it, in the field's words."""
        return {}

    @property
    def details(self) -> Mapping[str, Any]:
        """Further parts of what `qcc explain` tells, by name."""
        return {}

    @property
    def pace(self) -> str:
        """Where its cycles come from, in words."""
        channels = (*self.input_channels, *self.output_channels)
        return f"{max(channel.beats for channel in channels)} beats, one a cycle"

    def first_lanes(self, channel: ChannelType, target_cycles: int) -> int:
        """Returns the lanes for an input of the network that it reads: the fewest that keep up."""
        return channel.enough_lanes(target_cycles)

    def follow(self, target_cycles: int) -> None:
        """Gives the results the lanes that suit the inputs, which have theirs by now.

        Args:
            target_cycles: that a frame may take.
        """

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
        if schedule.is_beat_by_beat:
            # Beats of a channel come in different cycles: none waits for the one before it.
            times = reduce(np.maximum, arrivals if release is None else (*arrivals, release))
            made = times + times.dtype.type(schedule.latency)
            return Timeline((times,) * len(arrivals), (made,) * len(schedule.produce))
        busy = Busy.slots(schedule)
        slots = busy.of_turns(schedule.cycles, frames * schedule.turns, arrivals[0].dtype)
        # By how much slots run late: none is early. In place, as there may be millions.
        time = np.zeros_like(slots)
        held = zip(busy.consume, arrivals, strict=True)
        for at, until in held if release is None else (*held, (busy.produce[0], release)):
            view, own = time[:, at], slots[:, at]
            time[:, at] = np.maximum(view, until.reshape(own.shape) - own)
        flat = time.reshape(-1)
        np.maximum.accumulate(flat, out=flat)
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
        if schedule.is_beat_by_beat:
            times = reduce(np.minimum, deadlines)
            times = times - times.dtype.type(schedule.latency)
            return Demand((times,) * len(schedule.consume), times if self.paced else None)
        busy = Busy.slots(schedule)
        slots = busy.of_turns(schedule.cycles, frames * schedule.turns, deadlines[0].dtype)
        end = max(int(deadline[-1]) for deadline in deadlines) + schedule.frame_cycles
        time = np.full_like(slots, end - int(slots[-1, -1]))  # the last slot is bound to the end
        for at, deadline in zip(busy.produce, deadlines, strict=True):
            view, own = time[:, at], slots[:, at]
            due = deadline.reshape(own.shape) - own
            due -= schedule.latency
            time[:, at] = np.minimum(view, due)
        backwards = time.reshape(-1)[::-1]
        np.minimum.accumulate(backwards, out=backwards)
        time += slots
        release = time[:, busy.produce[0]].reshape(-1) if self.paced else None
        return Demand(tuple(time[:, at].reshape(-1) for at in busy.consume), release)

    @property
    def frames_back(self) -> int:
        """For how many frames before it a frame may have to wait, if they come no faster than this.

        A frame that comes in time waits for the end of the last one, at most; where rows or
        matrices are kept, for the place of older ones.
        """
        return 0 if self.schedule().is_beat_by_beat else 1

    def flows(self, given: Sequence[Flow]) -> tuple[Flow, ...]:
        """Returns what it makes of a frame that comes in even flows, one an operand.

        An estimate: `timing` knows each beat.
        """
        return scheduled_flows(self.schedule(), given)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        """Returns what it makes of whole frames, one array a result.

        Args:
            inputs: int64 arrays of shape [batch, *frame], one an operand.
            They are of Python's integers where int64 does not hold what is made of them.
        """
        raise NotImplementedError(f"{self.name} has no `evaluate`, nor @extend.semantics")

    @property
    def cycles_per_frame(self) -> int:
        """Cycles that one frame occupies the process in steady state."""
        return self.schedule().frame_cycles


def reader_lanes(value: SSAValue, target_cycles: int) -> int:
    """Returns the lanes for an input of the network, which its reader knows."""
    channel = channel_of(value)
    for use in value.uses:
        if isinstance(use.operation, Process):
            return use.operation.first_lanes(channel, target_cycles)
    return channel.enough_lanes(target_cycles)


def follow_input(process: Process, target_cycles: int) -> None:
    """Gives the results the lanes of the first input, as far as they divide all channels.

    Where those are too few for a frame in `target_cycles`, the fewest that are enough.
    """
    given, most = process.input_channels[0].lanes.data, process.largest_lanes
    lanes = gcd(given, most)
    frames = (*process.input_channels, *(channel_of(result) for result in process.results))
    elements = max(channel.with_lanes(1).beats for channel in frames)
    if lanes < given and elements > target_cycles * lanes:
        enough = [d for d in divisors(most) if elements <= target_cycles * d]
        lanes = next(iter(enough), most)
    for result in process.results:
        set_lanes(result, lanes)


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

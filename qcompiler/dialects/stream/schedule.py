"""In which cycles the beats of a process move."""

from typing import Any, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from xdsl.ir import Operation

from qcompiler.dialects.stream.channel import channel_of

Times: TypeAlias = NDArray[np.signedinteger[Any]]
"""Cycles, one per beat; int32 where they fit, as there may be millions, otherwise int64."""


class Schedule(Struct, frozen=True):
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
    def beat_by_beat(process: Operation, latency: int) -> "Schedule":
        """Returns the schedule of a process that moves one beat everywhere in each cycle."""
        now = (np.zeros(1, np.int64),)
        inputs, outputs = len(process.operands), len(process.results)
        return Schedule(
            1, now * inputs, now * outputs, latency, channel_of(process.results[0]).beats
        )

    @property
    def is_beat_by_beat(self) -> bool:
        """Whether a beat moves everywhere in each cycle."""
        return self.cycles == 1 and all(len(at) == 1 for at in (*self.consume, *self.produce))

    @property
    def frame_cycles(self) -> int:
        """Cycles that one frame occupies the process."""
        return self.turns * self.cycles


class Timeline(Struct, frozen=True):
    """When beats move.

    Attributes:
        taken: per input, when each beat is accepted.
        made: per output, when each beat appears.
    """

    taken: tuple[Times, ...]
    made: tuple[Times, ...]


class Demand(Struct, frozen=True):
    """How late a process may work.

    Attributes:
        inputs: per input, by when each beat must have come.
        release: when each beat of the output may be made at the earliest, so that nothing is made
            before it is needed; None for processes that hand on what comes at once.
    """

    inputs: tuple[Times, ...]
    release: Times | None


class Busy(Struct, frozen=True):
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
    def slots(schedule: Schedule) -> "Busy":
        """Returns the busy slots of a schedule."""
        parts = [*schedule.consume, *schedule.produce]
        busy = np.unique(np.concatenate(parts))
        places = [_as_slice(np.searchsorted(busy, part)) for part in parts]
        inputs = len(schedule.consume)
        return Busy(busy, places[:inputs], places[inputs:])

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

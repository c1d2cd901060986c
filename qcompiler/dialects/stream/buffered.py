"""Processes that keep rows in a buffer: what comes is stored, what leaves is read from it."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from qcompiler.dialects.stream.flow import Bend, Flow
from qcompiler.dialects.stream.line_buffer import Writer
from qcompiler.dialects.stream.process import Pipe
from qcompiler.dialects.stream.schedule import Demand, Timeline, Times

_READ_LATENCY = 2
"""Cycles from the read of a beat to its appearance: memory, output register."""


class Buffering(Struct, frozen=True):
    """What a buffer takes and gives in a frame, row by row.

    Attributes:
        want: per row that leaves, rows that must be stored, counted from the oldest that is.
        free: per row that leaves, rows that are not needed after it; all of a frame together.
        row_beats: beats of a row that comes.
        out_beats: beats of a row that leaves.
        capacity: rows that the buffer holds.
        slots: cycles in which the beats of a row leave, from the first one's, which is 0; one
            after the other if None.
        cycles: that a row which leaves takes, if `slots` are given.
    """

    want: Sequence[int]
    free: Sequence[int]
    row_beats: int
    out_beats: int
    capacity: int
    slots: Times | None = None
    cycles: int = 0

    def leaving(self, kind: np.dtype[np.signedinteger[Any]]) -> tuple[Times, int]:
        """Returns the slots of a row that leaves, and how many cycles it takes."""
        if self.slots is None:
            return np.arange(self.out_beats, dtype=kind), self.out_beats
        return self.slots.astype(kind), self.cycles

    @property
    def frames_back(self) -> int:
        """How many frames before it have the rows whose place those of a frame take."""
        return max(1, -(-self.capacity // max(1, sum(self.free))))

    def flow(self, given: Flow, latency: int, others: Sequence[Flow] = ()) -> Flow:
        """Returns how the rows of a frame leave if those that are stored come in an even flow.

        Args:
            given: what is stored.
            latency: cycles from the read of a beat to its appearance.
            others: what else comes evenly while rows leave.
        """
        slots, cycles = self.leaving(np.dtype(np.int64))
        coming, leaving = sum(self.free), len(self.want)
        stored: list[float] = []  # when each row is whole
        released: list[float] = []  # when each is free
        starts: list[float] = []
        for index in range(leaving):
            needed = len(released) + self.want[index]
            while len(stored) < needed:
                room = len(stored) - self.capacity
                begins = max([*released[max(0, room) : room + 1], *stored[-1:]], default=0.0)
                end = (len(stored) + 1) * self.row_beats - 1
                arrived = given.at(end, coming * self.row_beats) + 1
                stored.append(max(arrived, begins + self.row_beats))
            waits = [start + cycles for start in starts[-1:]]
            waits += stored[max(0, needed - 1) : needed]
            waits += [other.at(index, leaving + 1) for other in others]
            starts.append(max(waits, default=0.0))
            released += [starts[-1] + cycles] * self.free[index]
        first, last = (int(slots[end]) + latency for end in (0, -1))
        bent = leaving - 1  # the row from which on all leave one after the other
        while bent and starts[bent] - starts[bent - 1] <= cycles:
            bent -= 1
        bend = Bend(bent / leaving, starts[bent] + first) if bent else None
        return Flow(starts[0] + first, starts[-1] + last, bend)


class Buffered(Pipe):
    """A process whose two sides, storing and reading, work at their own pace."""

    @property
    def paced(self) -> bool:
        return True

    @property
    def read_latency(self) -> int:
        """Cycles from the read of a beat to its appearance."""
        return _READ_LATENCY + self.added_latency

    @property
    @abstractmethod
    def buffering(self) -> Buffering:
        """What the buffer takes and gives."""

    def timing(
        self, arrivals: Sequence[Times], frames: int, release: Times | None = None
    ) -> Timeline:
        """Returns the times of both sides; the steps of `release` are the output's beats."""
        buffer = self.buffering
        beats = frames * len(buffer.want) * buffer.out_beats
        earliest = np.zeros(beats, arrivals[0].dtype) if release is None else release
        taken, made = read_rows(buffer, arrivals[0], earliest)
        return Timeline((taken,), (made + self.read_latency,))

    def latest(self, deadlines: Sequence[Times], frames: int) -> Demand:
        inputs, time = rows_needed_by(self.buffering, deadlines[0] - self.read_latency, frames)
        return Demand((inputs,), time)

    @property
    def frames_back(self) -> int:
        return self.buffering.frames_back

    def flows(self, given: Sequence[Flow]) -> tuple[Flow, ...]:
        return (self.buffering.flow(given[0], self.read_latency),)


def read_rows(
    buffer: Buffering, arrival: Times, earliest: Times, held: int = 0
) -> tuple[Times, Times]:
    """Returns when each beat is stored, and when each beat of the rows that leave is read.

    Args:
        buffer: what the buffer takes and gives in a frame.
        arrival: when each beat that comes is available.
        earliest: when each beat that leaves may be read.
        held: cycles for which rows that are not needed any more keep their place.
    """
    kind = arrival.dtype
    rows = arrival.reshape(-1, buffer.row_beats)
    writer = Writer(rows, buffer.capacity)
    bound = earliest.reshape(-1, buffer.out_beats)
    made = np.empty_like(bound, kind)
    (beat, cycles), ready, gone = buffer.leaving(kind), 0, 0
    rest = cycles - int(beat[-1])
    for index in range(len(made)):
        step = index % len(buffer.want)
        start = max(ready, writer.complete(gone + buffer.want[step]))
        made[index] = beat + np.maximum.accumulate(np.maximum(bound[index], start) - beat)
        ready = int(made[index, -1]) + rest
        gone += buffer.free[step]
        writer.release(gone, ready + held)
    writer.complete(len(rows))
    return writer.taken.reshape(-1), made.reshape(-1)


def rows_needed_by(buffer: Buffering, deadline: Times, frames: int) -> tuple[Times, Times]:
    """Returns by when each beat must have come, and by when each beat that leaves is read.

    Args:
        buffer: what the buffer takes and gives in a frame.
        deadline: by when each beat that leaves must be read; it is overwritten.
        frames: number of frames.
    """
    kind = deadline.dtype
    slots, cycles = buffer.leaving(kind)
    rows = np.arange(deadline.size // buffer.out_beats, dtype=kind)[:, None] * kind.type(cycles)
    beats = (rows + slots).reshape(-1)
    time = deadline
    time -= beats  # in place: there may be millions
    backwards = time[::-1]
    np.minimum.accumulate(backwards, out=backwards)
    time += beats
    start = time[:: buffer.out_beats]
    gone = np.concatenate([[0], np.cumsum(np.tile(buffer.free, frames))])
    last = np.full(frames * sum(buffer.free), int(start[-1]), kind)  # the cycle after a row
    needed = gone[:-1] + np.tile(buffer.want, frames)
    np.minimum.at(last, np.maximum(needed - 1, 0)[needed > 0], start[needed > 0])
    ends = np.arange(last.size, dtype=kind) * buffer.row_beats
    last = ends + np.minimum.accumulate((last - ends)[::-1])[::-1]
    inputs = last[:, None] - buffer.row_beats + np.arange(buffer.row_beats, dtype=kind)
    return inputs.reshape(-1), time

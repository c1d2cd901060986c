"""Processes that keep rows in a buffer: what comes is stored, what leaves is read from it."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qcompiler.dialects.stream.line_buffer import Writer
from qcompiler.dialects.stream.process import Pipe
from qcompiler.dialects.stream.schedule import Demand, Timeline, Times

_READ_LATENCY = 2
"""Cycles from the read of a beat to its appearance: memory, output register."""


@dataclass(frozen=True)
class Buffering:
    """What a buffer takes and gives in a frame, row by row.

    Attributes:
        want: per row that leaves, rows that must be stored, counted from the oldest that is.
        free: per row that leaves, rows that are not needed after it; all of a frame together.
        row_beats: beats of a row that comes.
        out_beats: beats of a row that leaves.
        capacity: rows that the buffer holds.
    """

    want: Sequence[int]
    free: Sequence[int]
    row_beats: int
    out_beats: int
    capacity: int


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
        kind = arrivals[0].dtype
        rows = arrivals[0].reshape(-1, buffer.row_beats)
        writer = Writer(rows, buffer.capacity)
        made = np.empty((frames * len(buffer.want), buffer.out_beats), kind)
        earliest = np.zeros_like(made) if release is None else release.reshape(made.shape)
        beat, ready, gone = np.arange(buffer.out_beats, dtype=kind), 0, 0
        for index in range(len(made)):
            step = index % len(buffer.want)
            start = max(ready, writer.complete(gone + buffer.want[step]))
            made[index] = beat + np.maximum.accumulate(np.maximum(earliest[index], start) - beat)
            ready = int(made[index, -1]) + 1
            gone += buffer.free[step]
            writer.release(gone, ready)
        writer.complete(len(rows))
        return Timeline((writer.taken.reshape(-1),), (made.reshape(-1) + self.read_latency,))

    def latest(self, deadlines: Sequence[Times], frames: int) -> Demand:
        buffer = self.buffering
        kind = deadlines[0].dtype
        beats = np.arange(deadlines[0].size, dtype=kind)
        time = deadlines[0] - self.read_latency
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
        return Demand((inputs.reshape(-1),), time)

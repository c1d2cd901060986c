"""How many frames of a network are followed: several, or one that all others are like.

Processes keep up with the frames that come, and a frame waits for few before it. So where those few
move alike, each a period after the one before, all do, and the times of one frame say it all.
"""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from msgspec import Struct, field

from qcompiler.dialects import stream
from qcompiler.dialects.stream.schedule import Demand, Timeline, Times

SLICE_ENTRIES = 2
"""Beats that the register slice at a block's output holds."""

SLICE_DELAY, FIFO_DELAY = 2, 3
"""Cycles from when a beat is taken of a full slice, or of a FIFO that is full with the slice before
it, until another one may come into that slice."""

LEAST_FRAMES = 4
"""That are followed to see what waits."""


class NotAlikeError(Exception):
    """Frames do not all move as one does."""


class Frames(Struct, frozen=True):
    """Frames that are followed one by one.

    Attributes:
        count: how many, in each array of times.
    """

    count: int

    def timing(
        self, process: stream.Process, come: Sequence[Times], release: Times | None
    ) -> Timeline:
        """Returns when a process moves its beats; arguments as of `Process.timing`."""
        return process.timing(come, self.count, release)

    def latest(self, process: stream.Process, deadlines: Sequence[Times]) -> Demand:
        """Returns how late a process may work; arguments as of `Process.latest`."""
        return process.latest(deadlines, self.count)

    def room(self, arrival: Times, taken: Times) -> int:
        """Returns for how many beats there must be room, as the function `room` does."""
        return room(arrival, taken)


class AlikeFrames(Frames, frozen=True):
    """One frame, which all others are like.

    Attributes:
        period: cycles from one to the next.
    """

    period: int
    _back: dict[stream.Process, int] = field(default_factory=dict[stream.Process, int])

    def timing(
        self, process: stream.Process, come: Sequence[Times], release: Times | None
    ) -> Timeline:
        """As of frames one by one.

        Raises:
            NotAlikeError: they differ.
        """
        frames = self._followed(process)
        given = [self.repeated(times, frames) for times in come]
        late = None if release is None else self.repeated(release, frames)
        found = process.timing(given, frames, late)
        # The first frame may be taken sooner than others, as it finds the process idle: what is
        # made says if that counts. The last one is as all that follow.
        before = (frames - 1) * self.period
        taken = [times.reshape(frames, -1)[-1] - times.dtype.type(before) for times in found.taken]
        return Timeline(tuple(taken), self._one(found.made, frames))

    def latest(self, process: stream.Process, deadlines: Sequence[Times]) -> Demand:
        """As of frames one by one.

        Raises:
            NotAlikeError: they differ.
        """
        frames = self._followed(process)
        found = process.latest([self.repeated(times, frames) for times in deadlines], frames)
        release = None if found.release is None else self._one((found.release,), frames)[0]
        return Demand(self._one(found.inputs, frames), release)

    def room(self, arrival: Times, taken: Times) -> int:
        """As of frames one by one."""
        ends = int(taken[-1]) + 1 <= int(arrival[0]) + self.period
        if ends and (taken[:-1] + taken.dtype.type(1) <= arrival[1:]).all():
            return 1
        found = room(self.repeated(arrival, 2), self.repeated(taken, 2))
        if found <= arrival.size:  # no beat waits for one of another frame than the last
            return found
        return room(self.repeated(arrival, LEAST_FRAMES), self.repeated(taken, LEAST_FRAMES))

    def _followed(self, process: stream.Process) -> int:
        """Returns how many frames show how all of a process move."""
        if process not in self._back:
            self._back[process] = process.frames_back
        return self._back[process] + 1

    def repeated(self, times: Times, frames: int) -> Times:
        """Returns the times of several frames, from those of the first."""
        if frames == 1:
            return times
        starts = (np.arange(frames) * self.period).astype(times.dtype)
        return (times + starts[:, None]).reshape(-1)

    def _one(self, parts: tuple[Times, ...], frames: int) -> tuple[Times, ...]:
        """Returns the first frame of several; raises NotAlikeError if they differ."""
        if frames == 1:
            return parts
        found: list[Times] = []
        for times in parts:
            rows = times.reshape(frames, -1)
            period = times.dtype.type(self.period)
            if any((rows[k + 1] - period != rows[k]).any() for k in range(frames - 1)):
                raise NotAlikeError
            found.append(rows[0])
        return tuple(found)


def room(arrival: Times, taken: Times) -> int:
    """Returns for how many beats there must be room: up to `SLICE_ENTRIES` a slice has it.

    Each beat comes when the one so many before it was taken, and the place of that one has come
    back. In a slice that is full it does so a cycle later: a beat that comes before makes what
    gives it stand still, with all beats in there.
    """

    def holds(beats: int, delay: int) -> bool:
        return bool((taken[:-beats] + taken.dtype.type(delay) <= arrival[beats:]).all())

    if holds(1, 1):
        return 1
    if holds(SLICE_ENTRIES, SLICE_DELAY):
        return SLICE_ENTRIES
    enough = SLICE_ENTRIES + 1
    while not holds(enough, FIFO_DELAY):
        enough *= 2
    fewer = range(SLICE_ENTRIES + 1, enough)
    return fewer.start + bisect_left(fewer, True, key=lambda beats: holds(beats, FIFO_DELAY))

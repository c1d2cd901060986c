"""What a FIFO need not hold, as the processes behind it have room for it.

The schedule by which FIFOs are sized makes nothing before it is needed. Between a FIFO and the next
process where ways meet or part, beats may as well come early: into slices, into the FIFOs that are
there, into the memories of processes that keep rows. So a second schedule is looked at. In front of
the FIFO, and from where ways meet or part, all happens when it did; between, as early as there is
room. Nothing else waits longer for that, and the FIFO holds only what is left to wait there.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from msgspec import Struct
from xdsl.ir import SSAValue

from qcompiler.analysis.frames import FIFO_DELAY, SLICE_DELAY, SLICE_ENTRIES, room
from qcompiler.analysis.throughput import HELD_BESIDE_MEMORY, Pass
from qcompiler.dialects import stream
from qcompiler.dialects.stream.schedule import Times


class Work:
    """How much may still be computed.

    Args:
        times: of beats, each one that a process takes.
    """

    def __init__(self, times: int):
        self.times = times

    def spend(self, times: int) -> bool:
        """Takes some of it; returns whether there was as much."""
        self.times -= times
        return self.times >= 0


class Link(Struct, frozen=True):
    """Where beats wait between two processes of a chain.

    Attributes:
        value: what the first one makes.
        reader: the second one.
        operand: which one of what the reader takes.
        fifo: the one between them, if any.
    """

    value: SSAValue
    reader: stream.Process
    operand: int
    fifo: stream.FifoOp | None

    @staticmethod
    def behind(value: SSAValue) -> "Link | None":
        """Returns where a value goes; None if it leaves the network, or waits in two FIFOs."""
        made, fifo = value, None
        while True:
            use = next(iter(value.uses))
            reader = use.operation
            if not isinstance(reader, stream.Process):
                return None
            if isinstance(reader, stream.FifoOp):
                if fifo is not None:
                    return None
                fifo = reader
            elif not reader.is_wires:
                return Link(made, reader, use.index, fifo)
            value = reader.results[0]

    def until(self, taken: Times) -> Times:
        """Returns when there is room for each beat, if the reader takes them at these times."""
        beats, delay = SLICE_ENTRIES, SLICE_DELAY
        if self.fifo is not None:
            beats, delay = self.fifo.depth.value.data + HELD_BESIDE_MEMORY, FIFO_DELAY
        free = np.full_like(taken, np.iinfo(taken.dtype).min // 2)
        free[beats:] = taken[:-beats] + taken.dtype.type(delay)
        return free


class Chain(Struct, frozen=True):
    """A FIFO, and processes one behind the other up to where ways meet or part, or the outside.

    Attributes:
        links: the first has the FIFO; the reader of the last one is where it ends.
    """

    links: Sequence[Link]

    @staticmethod
    def behind(fifo: stream.FifoOp) -> "Chain | None":
        """Returns what stands behind a FIFO; None if that is nothing that could hold beats."""
        links: list[Link] = []
        link = Link.behind(fifo.input)
        while link is not None:
            links.append(link)
            reader = link.reader
            alone = len(reader.operands) == 1 and len(reader.results) == 1
            link = Link.behind(reader.results[0]) if alone else None
        return Chain(links) if len(links) > 1 else None

    @property
    def fifo(self) -> stream.FifoOp:
        """The FIFO in front."""
        fifo = self.links[0].fifo
        assert fifo is not None
        return fifo

    @property
    def watched(self) -> Iterator[SSAValue]:
        """The channels whose times `left_waiting` asks for."""
        end = self.links[-1].reader
        yield from (self.fifo.input, *end.operands, *end.results)

    def left_waiting(self, found: Pass, work: Work) -> int | None:
        """Returns for how many beats there must be room in front of it.

        None if beats behind it come too early to wait there, if frames never become alike, or if
        there was too much to compute.

        Args:
            found: the schedule that makes nothing too early, with the times of `watched`.
            work: that may be spent.
        """
        times, frames = {value: found.times[value] for value in self.watched}, found.frames
        left, steady = self._left(times, frames, work)
        longer = None if steady or left is None else _longer(times, frames, found.period)
        if longer is not None:
            left, steady = self._left(longer, 2 * frames, work)
        return left if steady else None

    def _left(
        self, times: Mapping[SSAValue, Times], frames: int, work: Work
    ) -> tuple[int | None, bool]:
        """Returns what `left_waiting` does, and whether the last frame does not wait for more."""
        filling = _Filling(self, times, frames, work)
        # Forwards as early as beats come, backwards as late as there is no room: until all agree.
        while filling.forwards():
            if not filling.backwards():
                break
        if work.times < 0 or not filling.has_room:
            return None, False
        come, taken = times[self.fifo.input], filling.taken[0]
        left, beats = room(come, taken), come.size // frames
        return left, left == room(come[:-beats], taken[:-beats])


def _longer(
    times: Mapping[SSAValue, Times], frames: int, period: int
) -> dict[SSAValue, Times] | None:
    """Returns the times of twice as many frames; None if the ones there are not yet alike.

    The last one is no example: nothing has to be done by then for one that follows.
    """
    made: dict[SSAValue, Times] = {}
    later = np.arange(1, frames + 2)[:, None] * period
    for value, given in times.items():
        rows = given.reshape(frames, -1).astype(np.int64)
        if (rows[-2] - rows[-3] != period).any():
            return None
        made[value] = np.concatenate([rows[:-1], rows[-2] + later]).reshape(-1)
    return made


class _Filling:
    """When beats move along a chain, nowhere too early or too late as far as is known yet.

    Attributes:
        taken: per link, when its reader takes them.
        made: per link, when they come to it; then, when its end makes others of them.
    """

    def __init__(self, chain: Chain, times: Mapping[SSAValue, Times], frames: int, work: Work):
        self.links, self.times, self.frames, self.work = chain.links, times, frames, work
        self.latencies = [link.reader.schedule().latency for link in self.links]
        self.taken: list[Times] = []
        self.made: list[Times] = [times[chain.fifo.input]]

    def forwards(self) -> bool:
        """Goes from the FIFO to the end; returns whether anything changed."""
        before = list(self.taken)
        for index in range(len(self.links)):
            if not self._run(index):
                return False
        return not before or any((a != b).any() for a, b in zip(self.taken, before, strict=True))

    def backwards(self) -> bool:
        """Goes from the end to the FIFO; returns whether there was work left for that."""
        return all(self._run(index) for index in reversed(range(len(self.links) - 1)))

    @property
    def has_room(self) -> bool:
        """Whether no beat comes before there is room for it, and the end is as late as it was."""
        *made, end = self.made[1:]
        links = zip(self.links[1:], made, self.taken[1:], strict=True)
        return bool((end == self.times[self.links[-1].reader.results[0]]).all()) and all(
            (come >= link.until(taken)).all() for link, come, taken in links
        )

    def _run(self, index: int) -> bool:
        """Finds when a link's reader moves beats; returns whether there was work left for that."""
        link, come = self.links[index], self.made[index]
        if not self.work.spend(come.size):
            return False
        if link.fifo is not None:
            (come,) = link.fifo.timing([come], self.frames).made
        reader, release, given = link.reader, None, [come]
        if index == len(self.links) - 1:
            given = [self.times[operand] for operand in reader.operands]
            given[link.operand] = come
            release = self.times[reader.results[0]]
        elif index + 1 < len(self.taken):
            release = self.links[index + 1].until(self.taken[index + 1])
        if release is not None:
            release = release - release.dtype.type(self.latencies[index])
        found = reader.timing(given, self.frames, release)
        self.taken[index : index + 1] = [found.taken[link.operand]]
        self.made[index + 1 : index + 2] = [found.made[0]]
        return True

"""Beats of a channel as an even flow: known by when the first and the last of a frame come."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from qcompiler.dialects.stream.schedule import Schedule


class Bend(Struct, frozen=True):
    """Where a flow becomes faster: what comes then does not wait for anything any more.

    The last rows of padded windows need no more rows to come, and leave at their own pace.

    Attributes:
        share: of a frame's beats, what has come before.
        time: cycle.
    """

    share: float
    time: float


class Flow(Struct, frozen=True):
    """When the beats of a frame come, spread evenly from the first to the last.

    Attributes:
        first, last: cycles.
        bend: from which on they are spread evenly, too, but faster.
    """

    first: float
    last: float
    bend: Bend | None = None

    def at(self, beat: int, beats: int) -> float:
        """Returns when a beat of so many comes."""
        share = beat / max(1, beats - 1)
        bend = self.bend or Bend(1, self.last)
        if share <= bend.share:
            return self.first + (bend.time - self.first) * share / bend.share
        return bend.time + (self.last - bend.time) * (share - bend.share) / (1 - bend.share)


def scheduled_flows(schedule: Schedule, given: Sequence[Flow]) -> tuple[Flow, ...]:
    """Returns what an undisturbed process makes of even flows, in a frame.

    It begins when there is what its first beat needs, works at its own pace or at that of what
    comes, and what the last beat that comes is good for follows that; so does what those are good
    for that come fast.
    """
    rest = (schedule.turns - 1) * schedule.cycles
    made: list[Flow] = []
    for slots in schedule.produce:
        first, last = int(slots[0]), int(slots[-1])
        begins, ends = 0.0, 0.0
        bends: list[
            tuple[int, float]
        ] = []  # slots that wait for beats where a flow bends, and when
        for flow, consumed in zip(given, schedule.consume, strict=True):
            beats = len(consumed) * schedule.turns
            needed = max(0, int(np.searchsorted(consumed, first, side="right")) - 1)
            arrived = flow.at(needed, beats) + first - int(consumed[needed])
            begins = max(begins, arrived, flow.first + first - int(consumed[0]))
            ends = max(ends, flow.last + last - int(consumed[-1]))
            if flow.bend is not None:
                beat = min(beats - 1, round(flow.bend.share * beats))
                turn, place = divmod(beat, len(consumed))
                bends.append((turn * schedule.cycles + int(consumed[place]), flow.bend.time))
        bend = None
        if bends:
            slot, time = max(bends, key=lambda bend: bend[1] - bend[0])
            ends = max(ends, time + rest + last - slot)
            if slot and time > begins + slot - first:
                bend = Bend(slot / (rest + last + 1), time + schedule.latency)
        ends = max(ends, begins + rest + last - first)
        made.append(Flow(begins + schedule.latency, ends + schedule.latency, bend))
    return tuple(made)

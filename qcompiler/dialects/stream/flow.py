"""Beats of a channel as an even flow: known by when the first and the last of a frame come."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qcompiler.dialects.stream.schedule import Schedule


@dataclass(frozen=True)
class Flow:
    """When the beats of a frame come, spread evenly from the first to the last.

    Attributes:
        first, last: cycles.
    """

    first: float
    last: float

    def at(self, beat: int, beats: int) -> float:
        """Returns when a beat of so many comes."""
        return self.first + (self.last - self.first) * beat / max(1, beats - 1)


def scheduled_flows(schedule: Schedule, given: Sequence[Flow]) -> tuple[Flow, ...]:
    """Returns what an undisturbed process makes of even flows, in a frame.

    It begins when there is what its first beat needs, works at its own pace or at that of what
    comes, and what the last beat that comes is good for follows that.
    """
    rest = (schedule.turns - 1) * schedule.cycles
    made: list[Flow] = []
    for slots in schedule.produce:
        first, last = int(slots[0]), int(slots[-1])
        begins, ends = 0.0, 0.0
        for flow, consumed in zip(given, schedule.consume, strict=True):
            beats = len(consumed) * schedule.turns
            needed = max(0, int(np.searchsorted(consumed, first, side="right")) - 1)
            arrived = flow.at(needed, beats) + first - int(consumed[needed])
            begins = max(begins, arrived, flow.first + first - int(consumed[0]))
            ends = max(ends, flow.last + last - int(consumed[-1]))
        ends = max(ends, begins + rest + last - first)
        made.append(Flow(begins + schedule.latency, ends + schedule.latency))
    return tuple(made)

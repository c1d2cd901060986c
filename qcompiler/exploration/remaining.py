"""How long what is left may take, from how long what ended took: a range, not a promise."""

from collections.abc import Iterable, Mapping
from math import ceil, sqrt
from statistics import fmean, pstdev

Group = tuple[str, ...]
"""Trials that take about as long: kind, model, steps."""

_FEWEST = 2


class Durations:
    """How long trials took, by group."""

    def __init__(self) -> None:
        self._seconds: dict[Group, list[float]] = {}

    def add(self, group: Group, seconds: float) -> None:
        """Notes one trial."""
        self._seconds.setdefault(group, []).append(seconds)

    def knows(self, group: Group) -> bool:
        """Whether trials of a group have ended."""
        return bool(self._seconds.get(group))

    def range(self, left: Mapping[Group, int], places: int) -> tuple[float, float] | None:
        """Returns the least and the most seconds that trials may take; None if nobody knows.

        The mean of each group, with twice the error of that mean over what is left and twice what
        the trials themselves vary. A group of which none has ended is thought to be as the others.

        Args:
            left: how many trials are left of each group.
            places: how many run at once.
        """
        known = [seconds for group in self._seconds.values() for seconds in group]
        if not known or not places:
            return None
        total, variance, last = 0.0, 0.0, 0.0
        for group, number in left.items():
            seconds = self._seconds.get(group, known)
            mean, spread = fmean(seconds), pstdev(seconds)
            if len(seconds) < _FEWEST:
                spread = mean / 2
            total += number * mean
            variance += number * spread**2 + (number * spread) ** 2 / len(seconds)
            last = max(last, mean * bool(number))
        slack = 2 * sqrt(variance)
        least, most = max(0.0, total - slack) / places, (total + slack) / places
        return max(least, last / 2), max(most, last)


def time_words(span: tuple[float, float] | None) -> str:
    """Returns a range of seconds in words."""
    if span is None:
        return "time left not known yet"
    least, most = span
    if most < 10:
        return "a few seconds left"
    seconds, unit = next(
        (size, name)
        for size, name in ((86400, "days"), (3600, "hours"), (60, "min"), (1, "s"))
        if most >= 2 * size or size == 1
    )
    low, high = max(1, int(least / seconds)), ceil(most / seconds)
    if high - low <= max(1, 0.15 * high):
        return f"about {round((least + most) / 2 / seconds)} {unit} left"
    return f"{low} to {high} {unit} left"


def total_left(groups: Iterable[Group]) -> dict[Group, int]:
    """Returns how many trials there are of each group."""
    found: dict[Group, int] = {}
    for group in groups:
        found[group] = found.get(group, 0) + 1
    return found

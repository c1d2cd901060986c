"""The foldings that a layer may have, and what each takes, as arrays: they are often looked at."""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct

from qcompiler.analysis.area.estimate import Area
from qcompiler.dialects.attributes import Array


class Choices(Struct, frozen=True, eq=False):
    """Foldings of a layer.

    Attributes:
        cycles: of each.
        areas: guessed, [foldings, resources].
        plain: whether each has the style that was given, or none.
    """

    cycles: Array
    areas: Array
    plain: Array

    @classmethod
    def of(cls, cycles: Sequence[int], areas: Sequence[Area], plain: Sequence[bool]) -> "Choices":
        """Returns the choices with these figures."""
        rows = [[*area.as_dict().values()] for area in areas]
        return cls(np.array(cycles), np.array(rows, np.float64), np.array(plain))

    def cheapest(self, target_cycles: int, prices: Mapping[str, float], *, styles: bool) -> int:
        """Returns the place of the cheapest that reaches a number of cycles, else of the fastest.

        Of those that cost the same, the fastest, and of these the first one.

        Args:
            target_cycles: of a frame.
            prices: of resources, in the order of `Area.as_dict`.
            styles: whether styles that were not given count.
        """
        allowed = self.plain | styles
        fast = np.flatnonzero(allowed & (self.cycles <= target_cycles))
        if not fast.size:
            return int(np.flatnonzero(allowed)[self.cycles[allowed].argmin()])
        cost = np.zeros(fast.size)
        for place, kind in enumerate(Area().as_dict()):
            cost += prices[kind] * self.areas[fast, place]
        return int(fast[np.lexsort((self.cycles[fast], cost))[0]])

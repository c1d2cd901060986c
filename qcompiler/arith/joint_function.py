"""Functions of several integers: mapped, added or multiplied, and then a scalar function of that.

A residual connection is one: with scales s_a, s_b that are float numbers, s_a * a + s_b * b equals
(m_a * a + m_b * b) / 2**e for integers m_a, m_b. So is the same in float32, where s_a * a is
rounded: then the maps are tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Literal

import numpy as np
from msgspec import Struct

from qcompiler.arith.arrays import IntArray, indices
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import MulShift, Table, rows_of
from qcompiler.arith.scalar_evaluation import evaluate, evaluate_at
from qcompiler.arith.scalar_function import ScalarFunction

IntMap = MulShift | Table
"""An integer function of one operand, one row of parameters for all channels or one per channel."""


def map_range(map_: IntMap, x: IntRange) -> IntRange:
    """Returns the range of an operand's image."""
    if isinstance(map_, MulShift):
        return map_.sum_range(x)
    return IntRange(int(map_.entries.min()), int(map_.entries.max()))


class JointFunction(Struct, frozen=True, eq=False):
    """y = tail(combination of maps[i](x[i])), per channel.

    Attributes:
        maps: one per operand; a `MulShift` has shift 0 and never clamps.
        kind: how the images are combined.
        tail: from the combined integer to the code; a table where no arithmetic gives all codes.
        gain: slope of the tail in codes per unit of the combined integer where it does not
            saturate, or None if it is no rounded line.
    """

    maps: tuple[IntMap, ...]
    kind: Literal["sum", "product"]
    tail: ScalarFunction | Table
    gain: float | None

    @property
    def channels(self) -> int:
        """How many channels a map or the tail tells apart: 1 if all of them agree."""
        tail = rows_of(self.tail) if isinstance(self.tail, Table) else self.tail.channels
        return max(tail, *(rows_of(map_) for map_ in self.maps))

    def combine(self, xs: Sequence[IntArray], channel_axis: int = 0) -> IntArray:
        """Returns the combined integers of operands, which broadcast against each other."""
        images = [m.apply(x, channel_axis) for m, x in zip(self.maps, xs, strict=True)]
        if self.kind == "sum":
            return reduce(lambda a, b: a + b, images)
        return reduce(lambda a, b: a * b, images)

    def evaluate(self, xs: Sequence[IntArray]) -> IntArray:
        """Returns the codes [C, N] of operands of shape [C, N] (or that broadcast to it)."""
        met = self.combine(xs)
        if isinstance(self.tail, Table):
            return self.tail.apply(met, 0)
        met = np.broadcast_to(met, np.broadcast_shapes(met.shape, (self.tail.channels, 1)))
        channel = indices(0, met.shape[0])[:, None] % self.tail.channels
        return evaluate_at(self.tail, met, channel)

    def code_range(self, ranges: Sequence[IntRange]) -> IntRange | None:
        """Returns the codes of operands in these ranges, None if only the quantizer bounds them.

        Raises:
            ValueError: as `combined_range`.
        """
        met = self.combined_range(ranges)
        if isinstance(self.tail, Table):
            return IntRange(int(self.tail.entries.min()), int(self.tail.entries.max()))
        if (np.abs(self.tail.direction) > 1).any():
            return None
        # Monotone functions reach their extremes at the ends of the range.
        ends = np.broadcast_to(np.array([met.lo, met.hi]), (self.tail.channels, 2))
        codes = evaluate(self.tail, ends)
        return IntRange(int(codes.min()), int(codes.max()))

    def combined_range(self, ranges: Sequence[IntRange]) -> IntRange:
        """Returns the range of the combined integers.

        Raises:
            ValueError: 62 bits do not hold it.
        """
        images = [map_range(m, x) for m, x in zip(self.maps, ranges, strict=True)]
        total = images[0]
        for image in images[1:]:
            total = total + image if self.kind == "sum" else total * image
        if total.width_bits > 62:
            raise ValueError(
                f"joining the operands exactly takes {total.width_bits} bits, at most 62 allowed"
            )
        return total

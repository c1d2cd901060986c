"""Which columns are made of which: what is common to all ways to split a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from msgspec import Struct

from qcompiler.adder_graphs.digits import weight
from qcompiler.adder_graphs.graph import Term
from qcompiler.arith.arrays import IntArray

_TABLE = 1 << 12


class Plan(Struct, frozen=True, eq=False):
    """Columns to be made, each of inputs, a constant and other columns.

    Attributes:
        matrix: coefficients of inputs and, in the last row, constants, [I + 1, C]. The first
            columns are those of the problem, less what they take of others.
        links: the other columns that each takes, as terms whose values are columns.
        limits: how deep each one's tree may be.
        order: all columns, each after those that it takes.
    """

    matrix: IntArray
    links: list[list[Term]]
    limits: list[int]
    order: list[int]

    def room(self, column: int, slack: int = 0) -> int:
        """Returns the most that 2**depth of a column's own terms may add up to.

        Args:
            column: of which.
            slack: how much shallower than its limit its tree stays.
        """
        taken = sum(1 << self.limits[link.value] for link in self.links[column])
        return (1 << max(self.limits[column] - slack, 0)) - taken

    def fits(self, depths: Sequence[int], slack: int = 0) -> bool:
        """Whether trees within the limits exist, for inputs of these depths, [I].

        Args:
            depths: of the inputs.
            slack: how much shallower than their limits they are to be.
        """
        weights = np.array([1 << depth for depth in (*depths, 0)], np.int64)
        terms = weights_of(self.matrix) * weights[:, None]
        sums: list[int] = terms.sum(axis=0).tolist()
        return all(needed <= self.room(at, slack) for at, needed in enumerate(sums))


def weights_of(matrix: IntArray) -> IntArray:
    """Returns how many terms each number of a matrix [I + 1, C] is: digits, constants as one."""
    return np.concatenate([weights(matrix[:-1]), matrix[-1:] != 0])


def weights(numbers: IntArray) -> IntArray:
    """Returns the fewest signed digits of each integer, below 2**61 in magnitude."""
    size = np.abs(numbers)
    largest = int(size.max(initial=0))
    if largest < _TABLE:
        return _table()[size]
    bits = (size ^ (3 * size)).astype("<i8")
    octets = np.unpackbits(bits[..., None].view(np.uint8), axis=-1)
    return octets.sum(axis=-1, dtype=np.int64)


@cache
def _table() -> IntArray:
    return np.array([weight(number) for number in range(_TABLE)], np.int64)

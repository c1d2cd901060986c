"""Columns that are little more than others: outputs made of other outputs.

A column that is another one, shifted or negated, plus a column of few digits is made of that
one's sum. Which is made of which is a tree with zero as its root, the one with fewest digits to
add, found as Prim does. Each step down adds an adder to the way, so its depth may be bounded.

Source: decomposition of matrices by spanning trees as in Sun et al., "da4ml: Distributed arithmetic
for real-time neural networks on FPGAs" (2025), section 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from qcompiler.adder_graphs.digits import weight
from qcompiler.arith.arrays import IntArray

_SHIFTS = (0, 1, -1, 2, -2)
_TABLE = 1 << 12


@dataclass(frozen=True)
class Origin:
    """What a column is made of: sign * 2**shift times another column, and a rest.

    Attributes:
        column: the other one, made before; none for zero.
        shift: how far it moves up.
        sign: 1 or -1.
    """

    column: int | None = None
    shift: int = 0
    sign: int = 1


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


def terms_of(matrix: IntArray) -> IntArray:
    """Returns how many terms each column of [I + 1, O] adds: digits, and its last row as it is."""
    return weights(matrix[:-1]).sum(axis=0) + (matrix[-1] != 0)


def origins(matrix: IntArray, most_steps: int) -> tuple[list[int], list[Origin]]:
    """Returns an order in which to make columns, and what each is made of.

    Args:
        matrix: coefficients, and constants in the last row, [I + 1, O].
        most_steps: how many columns may be made one of the other in a row.
    """
    count = matrix.shape[1]
    digits = terms_of(matrix)
    made = [Origin() for _ in range(count)]
    steps = np.zeros(count, np.int64)
    open_columns = set(range(count))
    order: list[int] = []
    while open_columns:
        column = min(open_columns, key=lambda at: (int(digits[at]), at))
        open_columns.remove(column)
        order.append(column)
        if steps[column] >= most_steps or not open_columns:
            continue
        rest = np.array(sorted(open_columns), np.int64)
        for shift in _SHIFTS:
            for sign in (1, -1):
                part = _moved(matrix[:, column], shift)
                if part is None:
                    continue
                # The other column is one more term.
                cost = terms_of(matrix[:, rest] - sign * part[:, None]) + 1
                for at in np.flatnonzero(cost < digits[rest]).tolist():
                    digits[rest[at]] = cost[at]
                    made[int(rest[at])] = Origin(column, shift, sign)
                    steps[rest[at]] = steps[column] + 1
    return order, made


def _moved(column: IntArray, shift: int) -> IntArray | None:
    """Returns a column times a power of two; none if that leaves the integers, or is zero."""
    if not column.any() or (shift < 0 and (column & ((1 << -shift) - 1)).any()):
        return None
    return column << shift if shift >= 0 else column >> -shift


def rest_of(matrix: IntArray, made: list[Origin]) -> IntArray:
    """Returns what must be added to each column's origin, [I + 1, O]."""
    rest = matrix.copy()
    for at, origin in enumerate(made):
        if origin.column is not None:
            part = _moved(matrix[:, origin.column], origin.shift)
            assert part is not None, "an origin can be moved"
            rest[:, at] -= origin.sign * part
    return rest

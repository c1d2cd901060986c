"""Columns that are little more than others: outputs made of other outputs.

A column that is another one, shifted or negated, plus a column of few digits is made of that
one's sum. Which is made of which is a tree with zero as its root, the one with fewest digits to
add, found as Prim does. Each step down adds an adder to the way, so its depth may be bounded.

Source: decomposition of matrices by spanning trees as in Sun et al., "da4ml: Distributed arithmetic
for real-time neural networks on FPGAs" (2025).
"""

from __future__ import annotations

from itertools import product

import numpy as np

from qcompiler.adder_graphs.graph import Term
from qcompiler.adder_graphs.plan import Plan, weights_of
from qcompiler.arith.arrays import IntArray

_SHIFTS = (0, 1, -1, 2, -2)


def chained(matrix: IntArray, depth: int, most_steps: int) -> Plan:
    """Returns a plan in which columns are made of others where that takes fewer terms.

    Args:
        matrix: coefficients, and constants in the last row, [I + 1, O].
        depth: of each column's tree, at most.
        most_steps: how many columns may be made one of the other in a row.
    """
    count = matrix.shape[1]
    terms = weights_of(matrix).sum(axis=0)
    rest = matrix.copy()
    links: list[list[Term]] = [[] for _ in range(count)]
    steps = [0] * count
    waiting = set(range(count))
    order: list[int] = []
    while waiting:
        column = min(waiting, key=lambda at: (int(terms[at]), at))
        waiting.remove(column)
        order.append(column)
        if steps[column] >= most_steps or not waiting:
            continue
        others = np.array(sorted(waiting), np.int64)
        for shift, sign in product(_SHIFTS, (1, -1)):
            part = _moved(matrix[:, column], shift)
            if part is None:
                continue
            differences = matrix[:, others] - sign * part[:, None]
            cost = weights_of(differences).sum(axis=0) + 1  # the other column is a term, too
            for at in np.flatnonzero(cost < terms[others]).tolist():
                other = int(others[at])
                terms[other] = cost[at]
                rest[:, other] = differences[:, at]
                links[other] = [Term(column, shift, sign)]
                steps[other] = steps[column] + 1
    return Plan(rest, links, _limits(links, order, depth), order)


def _moved(column: IntArray, shift: int) -> IntArray | None:
    """Returns a column times a power of two; none if that leaves the integers, or is zero."""
    if not column.any() or (shift < 0 and (column & ((1 << -shift) - 1)).any()):
        return None
    return column << shift if shift >= 0 else column >> -shift


def _limits(links: list[list[Term]], order: list[int], depth: int) -> list[int]:
    """Returns how deep each column's tree may be: those made of it need an adder more."""
    limits = [depth] * len(links)
    for column in reversed(order):
        for link in links[column]:
            limits[link.value] = min(limits[link.value], max(limits[column] - 1, 0))
    return limits

"""Columns less a multiple of one common sum of inputs.

Weights whose most frequent numbers are not near zero, as those of few bits that are cut off at
their ends, have fewer signed digits once a constant is added to all of a column, -3 + 4 = 1. What
that is too much is the constant times the sum of the inputs, which is made once for all columns:

    sum over i of x[i] * w[i, o] = sum over i of x[i] * (w[i, o] + c[o] * u[i]) - c[o] * s
    s = sum over i of x[i] * u[i],  u[i] is 0 or 1

Constants and rows are chosen in turn, each for fewest digits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from qcompiler.adder_graphs.digits import signed_digits
from qcompiler.adder_graphs.graph import Term
from qcompiler.adder_graphs.plan import weights, weights_of
from qcompiler.arith.arrays import IntArray

_ROUNDS = 3
_MOST = 16
"""Largest constant that is tried, in magnitude."""
_LINK = 2
"""Digits that a multiple of the common sum is as dear as: it is wider than most sums."""
_WORTH = 0.95
"""Share of the digits that may be left, for a plan to be tried."""


class Offset(Struct, frozen=True, eq=False):
    """A matrix whose last column is a sum that the others take multiples of.

    Attributes:
        matrix: coefficients, constants in the last row, [I + 1, O + 1].
        links: what each column takes of the last one.
    """

    matrix: IntArray
    links: list[list[Term]]


def offset(matrix: IntArray) -> Offset | None:
    """Returns a matrix with a common sum, None where that saves too little to be tried.

    Args:
        matrix: coefficients, constants in the last row, [I + 1, O].
    """
    whole, rows = matrix[:-1], np.ones(len(matrix) - 1, np.int64)
    most = min(int(np.abs(whole).max(initial=0)), _MOST)
    tried = np.arange(-most, most + 1)
    constants = np.zeros(matrix.shape[1], np.int64)
    for _ in range(_ROUNDS):
        digits = np.array([weights(whole + c * rows[:, None]).sum(axis=0) for c in tried])
        constants = tried[(digits + _LINK * weights(tried)[:, None]).argmin(axis=0)]
        saved = (weights(whole) - weights(whole + constants)).sum(axis=1)
        rows = (saved > 1).astype(np.int64)  # a row of the sum is a term, too
    if not rows.any():
        return None
    column = np.append(rows, 0)[:, None]
    made = np.concatenate([matrix + constants * column, column], axis=1)
    dear = _LINK * int(weights(constants).sum())
    if weights_of(made).sum() + dear > _WORTH * weights_of(matrix).sum():
        return None
    return Offset(made, [*_links(constants.tolist()), []])


def _links(constants: Sequence[int]) -> list[list[Term]]:
    last = len(constants)
    return [[Term(last, power, -sign) for power, sign in signed_digits(c)] for c in constants]

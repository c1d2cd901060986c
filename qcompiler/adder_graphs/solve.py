"""Finds small adder graphs for products of integers with a constant matrix.

    y[o] = sum over i of x[i] * matrix[i, o] + bias[o]

Use: `graph = solve(matrix, input_ranges, cost=ECP5, effort=2)`, then `graph.nodes` in order, each
the sum of two terms (three on devices whose adders take three), then `graph.outputs`. What is
returned has been proven equal to the matrix, coefficient by coefficient.

The same arguments give the same graph: effort is a budget of work that is counted, not a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from qcompiler.adder_graphs.builder import Builder
from qcompiler.adder_graphs.cost import ECP5, AdderCost
from qcompiler.adder_graphs.digits import signed_digits
from qcompiler.adder_graphs.graph import AdderGraph, Term
from qcompiler.adder_graphs.trees import add_all
from qcompiler.arith.arrays import IntArray

_WIDEST = 2.0**62


def solve(
    matrix: npt.ArrayLike,
    input_ranges: Sequence[tuple[int, int]] | Sequence[tuple[int, int, int]],
    *,
    cost: AdderCost = ECP5,
    effort: int = 1,
    max_depth: int | None = None,
    input_depths: Sequence[int] | None = None,
    bias: npt.ArrayLike | None = None,
) -> AdderGraph:
    """Returns a proven graph of adders with few tables.

    Args:
        matrix: integer coefficients, [I, O].
        input_ranges: lowest and highest integer of each input, and how many of its low bits are
            always zero, if any.
        cost: what adders take.
        effort: 0 for one quick try; each step more is allowed about four times the work.
        max_depth: adders one after the other, at most; where that is less than possible, as few
            as possible. As many as a plain tree of signed digits needs if not given.
        input_depths: adders before each input, [I].
        bias: integers to add to the outputs, [O].

    Raises:
        ValueError: shapes do not fit, or `effort` is negative.
        WidthError: a value may not fit 63 bits.
    """
    columns = np.asarray(matrix, np.int64)
    inputs = _inputs(input_ranges)
    added = np.zeros(columns.shape[-1], np.int64) if bias is None else np.asarray(bias, np.int64)
    if columns.ndim != 2 or len(inputs) != len(columns) or added.shape != columns.shape[1:]:
        raise ValueError(
            f"matrix, ranges and bias must have shapes [I, O], [I] and [O], got "
            f"{columns.shape}, {inputs.shape[:1]} and {added.shape}"
        )
    if effort < 0:
        raise ValueError(f"effort must be at least 0, got {effort}")
    graph = _plain(columns, inputs, added, cost, max_depth, input_depths)
    graph.check(columns, added)
    return graph


def _inputs(ranges: Sequence[tuple[int, ...]]) -> IntArray:
    return np.array([(*one, 0)[:3] for one in ranges], np.int64).reshape(-1, 3)


def _plain(
    matrix: IntArray,
    inputs: IntArray,
    bias: IntArray,
    cost: AdderCost,
    max_depth: int | None,
    input_depths: Sequence[int] | None,
) -> AdderGraph:
    """Returns a tree of signed digits for each output."""
    fixed: IntArray = np.where(inputs[:, 0] == inputs[:, 1], inputs[:, 0], 0)
    constant = bias + fixed @ matrix
    builder = Builder(inputs, sorted(set(constant.tolist())), cost, input_depths)
    numbers = {value: len(inputs) + at for at, value in enumerate(sorted(set(constant.tolist())))}
    varying = np.flatnonzero(inputs[:, 0] != inputs[:, 1]).tolist()
    outputs: list[Term | None] = []
    for o in range(matrix.shape[1]):
        terms = [
            Term(i, power, sign)
            for i in varying
            for power, sign in signed_digits(int(matrix[i, o]))
        ]
        if constant[o]:
            terms.append(Term(numbers[int(constant[o])], 0, 1))
        outputs.append(add_all(builder, terms, max_depth))
    return builder.graph(outputs)

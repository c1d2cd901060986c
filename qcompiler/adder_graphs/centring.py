"""Unsigned inputs less half their range: their highest bit inverted, as a number with a sign.

A difference of two numbers from 0 to 63 is from -63 to 63, one bit more than its 127 integers need.
Of numbers from -32 to 31 every sum, whatever its signs, has as many bits as it needs. The inverted
bit costs nothing where a table makes it, and what all that is off by joins the bias.
"""

from __future__ import annotations

import numpy as np

from qcompiler.adder_graphs.cost import width
from qcompiler.adder_graphs.graph import AdderGraph
from qcompiler.arith.arrays import IntArray


def offsets(low: IntArray, high: IntArray) -> IntArray:
    """Returns half the range of unsigned numbers of two bits or more, by bits; 0 for others, [S].

    Args:
        low: lowest integer of each, [S].
        high: highest.
    """
    ends = zip(low.tolist(), high.tolist(), strict=True)
    halves = [1 << width(0, hi) - 1 if 0 <= lo < hi and hi > 1 else 0 for lo, hi in ends]
    return np.array(halves, np.int64)


def narrowing(matrix: IntArray, low: IntArray, high: IntArray) -> IntArray:
    """Returns `offsets`, [S], if sums of a matrix [S, O] have fewer bits with them, else zeros."""
    less = offsets(low, high)
    plain, centred = (_bits(matrix, low - by, high - by) for by in (np.zeros_like(less), less))
    return less if centred < plain else np.zeros_like(less)


def _bits(matrix: IntArray, low: IntArray, high: IntArray) -> int:
    one, other = matrix * low[:, None], matrix * high[:, None]
    ends = np.minimum(one, other).sum(axis=0), np.maximum(one, other).sum(axis=0)
    return sum(width(lo, hi) for lo, hi in zip(*(end.tolist() for end in ends), strict=True))


def uncentred(graph: AdderGraph, less: IntArray) -> AdderGraph:
    """Returns the graph that takes inputs from which `less`, [I], is yet to be subtracted."""
    moved = np.flatnonzero(less)
    inputs = graph.inputs.copy()
    inputs[:, :2] += less[:, None]
    constants, places = np.unique(less[moved], return_inverse=True)
    start = graph.first_node
    new = start + len(constants)
    number = np.arange(graph.values, dtype=np.int64)
    number[start:] += len(constants) + len(moved)
    number[moved] = new + np.arange(len(moved), dtype=np.int64)
    nodes, outputs = graph.nodes.reshape(-1, 3).copy(), graph.outputs.copy()
    for terms in (nodes, outputs):
        there = terms[:, 2] != 0
        terms[there, 0] = number[terms[there, 0]]
    first: IntArray = np.zeros((len(moved), 9), np.int64)
    first[:, 0], first[:, 2] = moved, 1
    first[:, 3], first[:, 5] = start + places, -1
    first[:, 6] = -1
    return AdderGraph(
        inputs,
        np.concatenate([graph.constants, constants]),
        np.concatenate([first, nodes.reshape(-1, 9)]),
        outputs,
    ).pruned()

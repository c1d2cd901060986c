"""Columns less a multiple of a common sum: fewer digits where weights are not around zero."""

import numpy as np
import pytest

from qcompiler.adder_graphs.cost import CELLS_OF_TWO, graph_luts
from qcompiler.adder_graphs.offsets import offset
from qcompiler.adder_graphs.plan import weights_of
from qcompiler.adder_graphs.solve import solve


def whole(made):
    """The matrix that columns and what they take of the last one come to."""
    matrix = made.matrix[:, :-1].copy()
    for column, terms in enumerate(made.links[:-1]):
        for term in terms:
            matrix[:, column] += term.sign * (made.matrix[:, term.value] << term.shift)
    return matrix


def skewed(rows, columns):
    """Weights cut off at -3, as training with few bits makes them."""
    numbers = np.random.default_rng(rows).normal(-2, 2, (rows, columns))
    return np.clip(np.rint(numbers), -3, 3).astype(np.int64)


@pytest.mark.parametrize("bias", [0, 5])
def test_the_matrix_stays(bias):
    matrix = np.concatenate([skewed(40, 6), np.full((1, 6), bias)])
    made = offset(matrix)
    np.testing.assert_array_equal(whole(made), matrix)
    assert weights_of(made.matrix).sum() < 0.95 * weights_of(matrix).sum()
    assert not made.links[-1]


def test_rows_may_be_left_out():
    matrix = np.concatenate([skewed(30, 8), np.eye(8, dtype=np.int64), np.zeros((1, 8), int)])
    made = offset(matrix)
    np.testing.assert_array_equal(whole(made), matrix)
    assert not made.matrix[30:38, -1].any()
    assert made.matrix[:30, -1].any()


def test_what_lies_around_zero_has_none():
    matrix = np.random.default_rng(1).integers(-2, 3, (40, 12))
    assert offset(np.concatenate([matrix, np.zeros((1, 12), int)])) is None
    assert offset(np.zeros((4, 2), np.int64)) is None


@pytest.mark.parametrize("effort", [0, 1])
def test_graphs_are_smaller(effort, monkeypatch):
    matrix = skewed(64, 12)
    bias, ranges = np.arange(12), [(0, 7)] * 64
    graph = solve(matrix, ranges, cost=CELLS_OF_TWO, bias=bias, effort=effort)
    graph.check(matrix, bias)
    monkeypatch.setattr("qcompiler.adder_graphs.solve.offset", lambda _: None)
    plain = solve(matrix, ranges, cost=CELLS_OF_TWO, bias=bias, effort=effort)
    assert graph_luts(graph, CELLS_OF_TWO) < 0.95 * graph_luts(plain, CELLS_OF_TWO)

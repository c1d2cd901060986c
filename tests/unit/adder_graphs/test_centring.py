"""Unsigned inputs less half their range."""

import numpy as np

from qcompiler.adder_graphs.centring import narrowing, offsets, uncentred
from qcompiler.adder_graphs.cost import CELLS_OF_TWO, graph_luts
from qcompiler.adder_graphs.solve import solve


def test_halves_of_unsigned_numbers_of_two_bits_or_more():
    low, high = np.array([0, 0, 0, 2, -4, 5]), np.array([63, 40, 1, 3, 3, 5])
    assert offsets(low, high).tolist() == [32, 32, 0, 2, 0, 0]


def test_a_graph_takes_inputs_as_they_are():
    matrix = np.random.default_rng(1).integers(-8, 8, (6, 5))
    low, high = np.zeros(6, np.int64), np.array([63, 63, 40, 1, 3, 5])
    less = offsets(low, high)
    bias = np.arange(5)
    ends = list(zip((low - less).tolist(), (high - less).tolist(), strict=True))
    centred = solve(matrix, ends, bias=bias + less @ matrix)
    graph = uncentred(centred, less)
    graph.check(matrix, bias)
    assert graph.inputs[:, :2].tolist() == np.stack([low, high], axis=1).tolist()
    assert graph_luts(graph, CELLS_OF_TWO) == graph_luts(centred, CELLS_OF_TWO)
    x = np.random.default_rng(2).integers(low, high + 1, (50, 6))
    np.testing.assert_array_equal(graph.evaluate(x), x @ matrix + bias)


def test_only_where_sums_get_narrower():
    low, high = np.zeros(2, np.int64), np.array([63, 63])
    assert narrowing(np.array([[3], [-1]]), low, high).tolist() == [32, 32]
    assert narrowing(np.array([[1], [-1]]), low, high).tolist() == [0, 0]
    assert narrowing(np.eye(2, dtype=np.int64), low, high).tolist() == [0, 0]

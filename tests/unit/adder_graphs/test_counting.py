"""Sums of bits: counted by full adders, whatever the matrix, and never more than chains take."""

import numpy as np
import pytest

from qcompiler.adder_graphs.cost import CELLS_OF_TWO, TABLE_A_PLACE, graph_luts
from qcompiler.adder_graphs.solve import solve


@pytest.mark.parametrize("cost", [CELLS_OF_TWO, TABLE_A_PLACE])
@pytest.mark.parametrize("seed", range(12))
def test_counts_are_the_sums(seed: int, cost):
    rng = np.random.default_rng(seed)
    inputs, outputs = int(rng.integers(1, 70)), int(rng.integers(1, 6))
    matrix = rng.integers(-3, 4, (inputs, outputs)) * (rng.random((inputs, outputs)) < 0.3)
    bias = rng.integers(-5, 6, outputs)
    graph = solve(matrix, [(0, 1)] * inputs, bias=bias, cost=cost, effort=seed % 2)
    x = rng.integers(0, 2, (64, inputs))
    assert (graph.evaluate(x) == x @ matrix + bias).all()


def test_seven_bits_take_four_full_adders():
    graph = solve(np.ones((7, 1), np.int64), [(0, 1)] * 7, cost=CELLS_OF_TWO, effort=0)
    assert graph_luts(graph, CELLS_OF_TWO) == 8


def test_inverters_count_nothing():
    matrix = np.array([[1], [-1], [1]])
    graph = solve(matrix, [(0, 1)] * 3, bias=[1], cost=CELLS_OF_TWO, effort=0)
    assert graph_luts(graph, CELLS_OF_TWO) == 2

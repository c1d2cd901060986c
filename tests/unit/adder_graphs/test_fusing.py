"""Sums of three: fewer tables than sums of two, and the same outputs."""

import numpy as np
import pytest

from qcompiler.adder_graphs.cost import (
    TABLE_A_PLACE,
    THREE_A_PLACE,
    graph_luts,
    operands_of,
    takes_carry,
)
from qcompiler.adder_graphs.fusing import fused
from qcompiler.adder_graphs.graph import AdderGraph
from qcompiler.adder_graphs.solve import solve


@pytest.mark.parametrize("ends", [(-8, 7), (0, 15), (0, 1)])
def test_three_at_once_take_fewer_tables(ends):
    matrix = np.random.default_rng(3).integers(-8, 8, (9, 6))
    two = solve(matrix, [ends] * 9, cost=TABLE_A_PLACE, effort=0)
    three = fused(two, THREE_A_PLACE)
    three.check(matrix)
    assert graph_luts(three, THREE_A_PLACE) < 0.9 * graph_luts(two, TABLE_A_PLACE)
    assert three.depth() <= two.depth()


def test_sums_that_several_read_stay():
    nodes = [[(0, 0, 1), (1, 0, 1)], [(3, 0, 1), (2, 2, 1)], [(3, 0, 1), (2, 3, -1)]]
    graph = AdderGraph.of([(-8, 7)] * 3, nodes, [(4, 0, 1), (5, 0, 1)])
    assert fused(graph, THREE_A_PLACE).nodes.tolist() == graph.nodes.tolist()


def test_devices_that_add_two_keep_their_graph():
    graph = solve([[1], [1], [1]], [(-8, 7)] * 3, cost=TABLE_A_PLACE)
    assert fused(graph, TABLE_A_PLACE) is graph


def test_a_bit_is_not_taken_for_a_carry():
    graph = solve([[4], [2], [1]], [(0, 15), (0, 15), (0, 1)], cost=THREE_A_PLACE)
    graph.check(np.array([[4], [2], [1]]))
    assert not any(takes_carry(operands_of(graph, terms)) for _, terms in graph)

"""Adder graphs: exact ranges, proofs, and what is refused."""

import itertools

import numpy as np
import pytest

from qcompiler.adder_graphs.graph import AdderGraph, GraphError
from qcompiler.arith.ranges import IntRange, WidthError


def _five_and_ten() -> AdderGraph:
    nodes = [[(0, 0, 1), (1, 1, -1)], [(2, 0, 1), (2, 2, 1)]]
    return AdderGraph.of([(-3, 4), (0, 6, 1)], nodes, [(3, 0, 1), (2, 1, -1), (-1, 0, 0)])


def test_evaluate_and_ranges_agree_with_all_inputs():
    graph = _five_and_ten()
    x = np.array(list(itertools.product(range(-3, 5), range(0, 7, 2))))
    y = graph.evaluate(x)
    assert y.tolist() == (x @ np.array([[5, -2, 0], [-10, 4, 0]])).tolist()
    for output in range(3):
        assert graph.output_range(output) == IntRange(y[:, output].min(), y[:, output].max())
    assert graph.depth() == 2
    assert graph.depth([0, 3]) == 5


def test_zeros_are_known_from_coefficients_and_inputs():
    graph = AdderGraph.of(
        [(0, 12, 2), (0, 8, 3)], [[(0, 0, 1), (1, 0, 1)], [(0, 1, 1), (1, 0, 1)]], [(3, -3, 1)]
    )
    assert graph.zeros.tolist() == [2, 3, 2, 3]
    assert graph.evaluate(np.array([[4, 8]])).tolist() == [[2]]


def test_check_proves_the_matrix_and_the_bias():
    graph = AdderGraph.of([(0, 3)], [[(0, 0, 1), (1, 0, 1)]], [(2, 1, 1)], [5])
    graph.check(np.array([[2]]), np.array([10]))
    with pytest.raises(GraphError, match=r"outputs \[0\] are not"):
        graph.check(np.array([[2]]), np.array([11]))
    with pytest.raises(GraphError, match="shape"):
        graph.check(np.array([[2, 2]]))


@pytest.mark.parametrize(
    ("nodes", "outputs", "message"),
    [
        ([[(1, 0, 1), (0, 0, 1)]], [], "smaller numbers"),
        ([[(0, 0, 1), (-1, 0, 0)]], [], "at least two"),
        ([], [(7, 0, 1)], "a value of the graph"),
        ([], [(0, 0, 2)], "signs"),
        ([], [(0, -1, 1)], "shifted right"),
    ],
)
def test_what_is_no_graph_is_refused(nodes: list, outputs: list, message: str):
    with pytest.raises(GraphError, match=message):
        AdderGraph.of([(0, 3)], nodes, outputs)


def test_values_beyond_63_bits_are_refused():
    wide = [(0, 2**62)]
    assert AdderGraph.of(wide, [], [(0, 0, -1)]).output_range(0) == IntRange(-(2**62), 0)
    with pytest.raises(WidthError):
        AdderGraph.of(wide, [], [(0, 1, 1)])
    with pytest.raises(WidthError):
        AdderGraph.of(wide, [[(0, 0, 1), (0, 2, 1)]], [(1, 0, 1)])

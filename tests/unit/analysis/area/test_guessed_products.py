"""The guess at products before graphs of adders are built: near what the solver finds."""

import numpy as np
import pytest

from qcompiler.adder_graphs.cost import CELLS_OF_TWO, graph_luts
from qcompiler.adder_graphs.solve import solve
from qcompiler.analysis.area.pipelines import products
from qcompiler.arith.ranges import IntRange


@pytest.mark.parametrize("size", [12, 36])
@pytest.mark.parametrize("bits", [3, 8])
@pytest.mark.parametrize("x", [IntRange(0, 1), IntRange(-128, 127)], ids=["bits", "bytes"])
def test_random_matrices(size, bits, x):
    top = 1 << (bits - 1)
    matrix = np.random.default_rng(size * bits).integers(-top, top, (size, size))
    graph = solve(matrix, [(x.lo, x.hi)] * size, cost=CELLS_OF_TWO)
    assert products(matrix, x).luts == pytest.approx(graph_luts(graph, CELLS_OF_TWO), rel=0.25)


def test_wires_take_nothing():
    assert products(np.diag([1, -2, 4]), IntRange(0, 7)).luts == 0

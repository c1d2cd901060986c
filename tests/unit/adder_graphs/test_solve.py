"""Solved adder graphs: proven by `check` in the solver, and by hand here."""

import numpy as np
import pytest

from qcompiler.adder_graphs.cost import CELLS_OF_TWO, TABLE_A_PLACE, Operand, graph_luts, places
from qcompiler.adder_graphs.solve import solve
from qcompiler.arith.ranges import WidthError


def _matrices():
    rng = np.random.default_rng(0)
    return {
        "one": np.array([[1]]),
        "minus one": np.array([[-1]]),
        "zero": np.zeros((3, 2), np.int64),
        "no outputs": np.zeros((3, 0), np.int64),
        "no inputs": np.zeros((0, 2), np.int64),
        "all equal": np.full((4, 4), 7),
        "powers": 1 << rng.integers(0, 8, (5, 5)),
        "huge": rng.integers(-(2**31), 2**31, (3, 3)),
        "random": rng.integers(-128, 128, (8, 8)),
        "ternary": rng.integers(-1, 2, (20, 6)),
        "column": rng.integers(-9, 10, (12, 1)),
        "row": rng.integers(-99, 100, (1, 12)),
    }


@pytest.mark.parametrize("name", list(_matrices()))
@pytest.mark.parametrize("effort", [0, 1])
def test_graph_equals_the_matrix(name: str, effort: int):
    matrix = _matrices()[name]
    inputs = [(-8, 7), (0, 15), (3, 3), (-4, 12, 2)]
    ranges = [inputs[i % 4] for i in range(len(matrix))]
    bias = np.arange(matrix.shape[1]) * 37 - 50
    graph = solve(matrix, ranges, bias=bias, effort=effort)
    rng = np.random.default_rng(1)
    x = np.stack([rng.integers(lo, hi + 1, 50) for lo, hi, *_ in ranges] or [[]] * 50, axis=-1)
    x = x.reshape(50, len(ranges)).astype(np.int64)
    for i, (_, _, *zeros) in enumerate(ranges):
        x[:, i] &= -1 << (zeros[0] if zeros else 0)
    assert (graph.evaluate(x) == x @ matrix + bias).all()


def test_solver_is_deterministic():
    matrix = np.random.default_rng(3).integers(-8, 8, (6, 6))
    first, second = (solve(matrix, [(0, 7)] * 6, effort=1) for _ in range(2))
    for name in ("inputs", "constants", "nodes", "outputs"):
        assert (getattr(first, name) == getattr(second, name)).all()


def test_depth_is_bounded_where_it_can_be():
    matrix = np.random.default_rng(3).integers(-8, 8, (16, 4))
    assert solve(matrix, [(0, 7)] * 16, max_depth=5).depth() <= 5
    ones, bits = np.ones((5, 1), np.int64), [(0, 1)] * 5
    assert solve(ones, bits, max_depth=1).depth() == 3
    late = [3, 0, 0, 0, 0]
    assert solve(ones, bits, max_depth=0, input_depths=late).depth(late) == 4


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="must have shapes"):
        solve([[1, 1], [1, 1]], [(0, 1)])
    with pytest.raises(ValueError, match="effort"):
        solve([[1]], [(0, 1)], effort=-1)
    with pytest.raises(ValueError, match="integers"):
        solve([[0.5]], [(0, 1)])
    with pytest.raises(ValueError, match="integers"):
        solve([[2**63]], [(0, 1)])
    with pytest.raises(WidthError):
        solve([[2**31], [3]], [(-(2**62), 2**62)] * 2)
    assert solve([[1]], [(-(2**62), 2**62)]).output_range(0).hi == 2**62


def test_chains_go_over_what_overlaps():
    low, high = Operand(0, 15, 0), Operand(0, 240, 4)
    assert places([low, high], 0, 255) == 0
    assert places([low, high._replace(negative=True)], -240, 15) == 5
    assert places([low._replace(negative=True), high], -15, 240) == 9
    assert places([low, low], 0, 30) == 5
    assert places([low, low, low], 0, 45) == 6
    assert [TABLE_A_PLACE.adder(5), CELLS_OF_TWO.adder(5), CELLS_OF_TWO.adder(0)] == [5, 6, 0]


def test_luts_of_a_graph_count_each_adder_once():
    graph = solve([[5, -10]], [(0, 15)], cost=TABLE_A_PLACE)
    assert len(graph.nodes) == 1
    # 5 x is x plus x moved by two places: the lowest two of 7 bits pass. Its negative costs 8.
    assert graph_luts(graph, TABLE_A_PLACE) == 5 + 8


def test_columns_near_others_are_made_of_them():
    first = np.random.default_rng(5).integers(-100, 100, 12)
    matrix = np.stack([first, first, first, 2 * first, -first], axis=1)
    matrix[[0, 3], 1] += 8
    matrix[5, 2] -= 1
    graph = solve(matrix, [(-8, 7)] * 12, max_depth=9)
    alone = solve(matrix[:, :1], [(-8, 7)] * 12, max_depth=9)
    assert len(graph.nodes) <= len(alone.nodes) + 4


def test_more_effort_is_never_worse():
    matrix = np.random.default_rng(8).integers(-32, 32, (10, 8))
    quick, slow = (solve(matrix, [(0, 63)] * 10, effort=effort) for effort in (0, 1))
    assert graph_luts(slow, CELLS_OF_TWO) < graph_luts(quick, CELLS_OF_TWO)
    assert slow.depth() <= quick.depth()


def test_shared_sums_are_found_in_every_signed_form():
    # 3 = 4 - 1 = 2 + 1: only with the second form do both columns add x0 + x1.
    assert len(solve([[3, 1], [1, 1]], [(0, 15)] * 2).nodes) == 2


def test_what_divides_a_column_is_multiplied_after_its_sum():
    matrix = np.array([[91, 91], [-91, 182], [182, 91]])
    graph = solve(matrix, [(0, 255)] * 3, bias=[5 * 91, 7], effort=0)
    # Three adders for each sum and its bias, three for 91; and none of the six is made twice.
    assert len(graph.nodes) <= 2 * (3 + 3)

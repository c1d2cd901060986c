"""Plans: whichever way columns are made of others, together they are the matrix."""

import numpy as np
import pytest

from qcompiler.adder_graphs.differences import chained
from qcompiler.adder_graphs.parts import split
from qcompiler.adder_graphs.plan import Plan, weights


def _whole(plan: Plan) -> np.ndarray:
    """The columns with what they take of others."""
    found = plan.matrix.copy()
    for column in plan.order:
        for value, shift, sign in plan.links[column]:
            part = found[:, value]
            found[:, column] += sign * (part << shift if shift >= 0 else part >> -shift)
    return found


def _similar() -> np.ndarray:
    """Columns that are parts, multiples and negatives of each other; a last row of constants."""
    rng = np.random.default_rng(2)
    matrix = rng.integers(-40, 40, (13, 9))
    matrix[:, 3] = matrix[:, 1]
    matrix[4, 3] += 16
    matrix[:, 5] = -2 * matrix[:, 0]
    matrix[2, 5] += 1
    matrix[:8, 7] = 4 * matrix[:8, 6]
    return matrix


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_chains_make_the_matrix_in_order(steps: int):
    matrix = _similar()
    plan = chained(matrix, 9, steps)
    assert (_whole(plan) == matrix).all()
    assert bool(any(plan.links)) == (steps > 0)
    assert plan.fits([0] * 12)
    for column, links in enumerate(plan.links):
        assert all(plan.limits[link.value] < plan.limits[column] for link in links)


@pytest.mark.parametrize("least", [2, 4, 100])
def test_parts_make_the_matrix_with_fewer_terms(least: int):
    matrix = _similar()
    plan, work = split(matrix, [0] * 12, 8, least)
    assert (_whole(plan)[:, :9] == matrix).all()
    assert plan.fits([0] * 12)
    assert work
    terms = [int(weights(some[:-1]).sum()) for some in (plan.matrix, matrix)]
    links = sum(map(len, plan.links))
    assert terms[0] + links + (plan.matrix.shape[1] - 9) * (least - 2) <= terms[1]
    assert bool(links) == (least < 100)


def test_parts_leave_room_for_trees_of_any_depth():
    matrix = _similar()
    counts: list[int] = []
    for depth in (6, 7, 9):
        plan, _ = split(matrix, [0] * 12, depth, 2)
        assert plan.fits([0] * 12)
        counts.append(len(plan.links))
    assert counts[0] < counts[-1]

"""The form that a neuron of a pipeline gets: always the same function, and a cheap one."""

import numpy as np
import pytest

from qcompiler.adder_graphs.cost import CELLS_OF_TWO, TABLE_A_PLACE
from qcompiler.arith.arrays import integers
from qcompiler.arith.requantizers import Shift, Table, Threshold, chosen_rows, rows_of
from qcompiler.passes.beat_forms import Form
from qcompiler.passes.neuron_forms import grouped, neurons

ZERO, ONE = integers([0]), integers([1])


def _form(rng, kind, sums):
    lo, hi = int(sums[0].min()), int(sums[1].max())
    if kind == "shift":
        low, high = sorted(rng.integers(-40, 40, 2).tolist())
        tie = (None, 0, 1)[int(rng.integers(3))]
        return Shift(int(rng.integers(1, 7)), ZERO, ONE, low, high + 1, tie)
    if kind == "threshold":
        rows = np.sort(rng.integers(lo - 3, hi + 4, (len(sums[0]), int(rng.integers(1, 9)))), 1)
        return Threshold(rows, ONE, -2)
    entries = rng.integers(-9, 9, (len(sums[0]), hi - lo + 1))
    entries[::2] = np.sort(entries[::2])
    entries[::3] = np.sort(entries[::3])[:, ::-1]
    return Table(entries, lo)


@pytest.mark.parametrize("cost", [CELLS_OF_TWO, TABLE_A_PLACE])
@pytest.mark.parametrize("kind", ["shift", "threshold", "table"])
@pytest.mark.parametrize("seed", range(8))
def test_forms_have_the_codes(seed: int, kind: str, cost):
    rng = np.random.default_rng(seed)
    low = rng.choice([0, -4], 5)
    high = low + rng.choice([1, 3, 7], 5)
    if seed % 3 == 0:
        low, high = integers([0] * 5), integers([1] * 5)
    matrix = rng.integers(-5, 6, (5, 4)) * rng.integers(1, 9, 4)
    matrix[0] += (matrix == 0).all(axis=0)
    bias = rng.integers(-50, 50, 4) if kind != "threshold" else integers([0] * 4)
    entered = Form(np.arange(5), matrix, bias)
    one, other = matrix * low[:, None], matrix * high[:, None]
    sums = np.minimum(one, other).sum(0) + bias, np.maximum(one, other).sum(0) + bias
    form = _form(rng, kind, sums)
    found = neurons(entered, form, low, high, cost)
    x = rng.integers(low, high + 1, (400, 5))
    x = np.concatenate([x, low[None], high[None]])
    wanted = form.apply(x @ matrix + bias)
    seen = []
    for group, rows in grouped(found, low, high):
        columns = np.stack([found[at].column for at in group], axis=1)
        made = rows.apply(x @ columns + [found[at].bias for at in group])
        np.testing.assert_array_equal(made, wanted[:, group])
        assert rows_of(chosen_rows(rows, [0])) == 1
        seen += group
    assert sorted(seen) == list(range(4))


def test_few_steps_need_no_bias_and_no_multiplier():
    entered = Form(np.arange(2), np.array([[77], [-154]]), integers([1234]))
    form = Shift(12, ZERO, ONE, 0, 1)
    low, high = integers([0] * 2), integers([255] * 2)
    (neuron,) = neurons(entered, form, low, high, CELLS_OF_TWO)
    assert isinstance(neuron.form, Threshold)
    assert (neuron.column.tolist(), neuron.bias) == ([1, -2], 0)

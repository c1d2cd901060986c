import numpy as np
import pytest
from arith_functions import batch_norm

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizer_cost import CostModel
from qcompiler.arith.requantizer_selection import ALL_FORMS, select
from qcompiler.arith.requantizers import Table
from qcompiler.arith.scalar_builder import ScalarBuilder
from qcompiler.arith.scalar_evaluation import evaluate


def half(channels=1):
    b = ScalarBuilder(channels)
    return b.quantize(b.x, scale=2.0, lo=-128, hi=127)


def test_a_power_of_two_becomes_a_shift():
    chosen = select(half(), -300, 300)
    assert chosen.name == "shift"
    assert [c.reason for c in chosen.candidates if c.name == "mul_shift"] == ["a shift suffices"]


def test_few_levels_become_thresholds_and_many_a_multiplication():
    function, lo, hi = batch_norm(4, 18, 1)
    assert select(function, lo, hi).name == "threshold"
    function, lo, hi = batch_norm(4, 18, 6)
    assert select(function, lo, hi).name == "mul_shift"


def test_a_free_dsp_block_changes_the_choice():
    function, lo, hi = batch_norm(64, 18, 2)
    assert select(function, lo, hi).name == "threshold"
    assert select(function, lo, hi, model=CostModel(dsp=0.0, adder=0.1)).name == "mul_shift"


def test_short_ranges_become_tables():
    b = ScalarBuilder(1)
    function = b.quantize(b.apply("mul", b.x, 1.3), lo=-16, hi=15)
    assert select(function, -8, 7).name == "table"


def test_a_form_can_be_demanded_and_its_absence_is_explained():
    assert select(half(), -300, 300, forms=("threshold",)).name == "threshold"
    function, lo, hi = batch_norm(4, 18, 3)
    with pytest.raises(ValueError, match=r"no requantizer is feasible .*shift: the switch points"):
        select(function, lo, hi, forms=("shift",))
    with pytest.raises(ValueError, match="262144 accumulators and 4 channels exceed"):
        select(function, lo, hi, forms=("table",))


def test_functions_that_are_not_monotone_become_tables():
    b = ScalarBuilder(2)
    value = b.apply("mul", b.apply("mul", b.x, b.x), np.array([0.25, -0.5]))
    function = b.quantize(value, lo=-20, hi=20)
    chosen = select(function, np.array([-9, -3]), np.array([9, 5]))
    assert isinstance(chosen.form, Table)
    x = np.arange(-3, 6)
    codes = chosen.form.apply(np.stack([x, x]), channel_axis=0)
    np.testing.assert_array_equal(codes, evaluate(function, x))
    with pytest.raises(ValueError, match="not monotone"):
        select(function, -9, 9, forms=("threshold",))


def test_every_candidate_is_priced_or_explained():
    function, lo, hi = batch_norm(8, 18, 3)
    chosen = select(function, lo, hi)
    assert {c.name for c in chosen.candidates} == set(ALL_FORMS)
    for candidate in chosen.candidates:
        assert (candidate.form is None) == (candidate.cost is None) == (candidate.reason != "")
    assert chosen.cost == min(c.cost for c in chosen.candidates if c.cost is not None)


def test_storage_is_paid_only_when_lanes_are_fewer_than_rows():
    function, lo, hi = batch_norm(64, 18, 3)
    form = select(function, lo, hi, forms=("threshold",)).form
    model, x = CostModel(), IntRange(lo, hi)
    assert model.cost(form, x, 1) == pytest.approx(7 * (0.55 * 18 + 1) + 64 * 7 * 18 / 64)
    assert model.cost(form, x, 64) == pytest.approx(64 * 7 * (0.55 * 18 + 1))

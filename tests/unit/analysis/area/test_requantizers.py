"""Forms of requantizers cost what their hardware takes of a device, and the cheapest is chosen."""

import numpy as np
import pytest
from cli_runner import saved_mlp
from msgspec.structs import replace

import qcompiler
from qcompiler.analysis.area.estimate import total
from qcompiler.analysis.area.prices import price, prices
from qcompiler.analysis.area.requantizers import DeviceCost
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import MulShift, Shift, Table, Threshold
from qcompiler.devices import load_device
from qcompiler.errors import ModelError

X = IntRange(-512, 511)
PLAIN = Shift(shift=6, bias=np.array([32]), sign=np.array([1]), lo=-8, hi=7)
PRODUCTS = MulShift(
    multiplier=np.array([17, 19, 23, 29]), bias=np.array([9, 8, 7, 6]), shift=9, lo=-8, hi=7
)


def thresholds(levels, rows=1):
    steps = np.linspace(X.lo + 1, X.hi, levels).astype(np.int64)
    return Threshold(np.tile(steps, (rows, 1)), np.ones(rows, np.int64), 0)


def cost(form, device="ecp5-25k", lanes=1):
    return DeviceCost.of(device).cost(form, X, lanes)


def test_a_multiplication_is_dear_where_multipliers_are_few():
    small, large = (cost(PRODUCTS, device) - cost(PLAIN, device) for device in ("ecp5-25k", "u280"))
    assert small > 24288 / 28 > large
    # Without hard multipliers logic multiplies.
    none = cost(PRODUCTS, "ice40-hx8k") - cost(PLAIN, "ice40-hx8k")
    assert 0 < none < 200
    # So it does where a factor has few bits.
    few = replace(PRODUCTS, multiplier=np.array([1, 2, 4, 8]))
    assert 0 < cost(few) - cost(PLAIN) < 200


def test_lanes_and_comparisons_are_counted():
    assert cost(PLAIN) < cost(PLAIN, lanes=4) < 4 * cost(PLAIN)
    few, some, many = (cost(thresholds(levels)) for levels in (15, 30, 255))
    assert few < some < many
    # Beyond what is counted, in proportion.
    assert many == pytest.approx(255 * cost(thresholds(32)) / 32, rel=0.2)


def test_many_comparisons_are_never_cheap():
    """Of some, 16 are kept in block memories and 32 in look-up tables: 255 cost less than none."""
    kind = np.random.default_rng(0).integers(1, 3, (60, 1))
    steps = (256 * np.arange(255) - 40575) * kind - kind + 1
    form = Threshold(steps, np.ones(60, np.int64), -128)
    few, many = (
        DeviceCost.of("ecp5-25k").cost(one, IntRange(-81152, 48896))
        for one in (replace(form, thresholds=steps[:, :16]), form)
    )
    assert many > few > 0


def test_many_lanes_are_counted_in_proportion():
    counts = [cost(PRODUCTS, lanes=lanes) for lanes in (1, 2, 4, 8)]
    assert counts == sorted(counts)
    assert counts[3] == pytest.approx(2 * counts[2], rel=0.02)  # of four channels, two positions
    wide = replace(PRODUCTS, multiplier=np.arange(3, 67), bias=np.arange(64), lo=-128, hi=127)
    storing, constant = cost(wide, lanes=32), cost(wide, lanes=64)
    assert 20 * cost(wide) < storing < 40 * cost(wide)
    assert 0 < constant < 80 * cost(wide)


@pytest.mark.parametrize("channels", [60, 61, 64])
def test_lanes_that_do_not_divide_the_channels_are_as_dear_as_others(channels):
    """Of 60 channels, eight lanes were counted as six, and comparisons looked cheap."""
    form = thresholds(15, rows=channels)
    varied = replace(form, thresholds=form.thresholds + np.arange(channels)[:, None])
    each = cost(varied, lanes=4) / 4
    assert cost(varied, lanes=10) == pytest.approx(10 * each, rel=0.15)
    assert cost(varied, lanes=20) == pytest.approx(20 * each, rel=0.15)


def test_products_are_made_in_turns_where_a_beat_leaves_the_time():
    device = load_device("ecp5-25k")
    at_once, slowly = (DeviceCost(device, cycles).cost(PRODUCTS, X) for cycles in (1, 16))
    assert slowly < 24288 / 28 < at_once


def test_a_table_is_where_the_family_keeps_it():
    entries = np.arange(1 << 10, dtype=np.int64)[None] % 250
    table = Table(entries=entries, x_lo=X.lo)
    assert cost(table, "ecp5-25k") > 24288 / 56  # a block memory
    assert cost(replace(table, entries=entries[:, :16]), "ecp5-25k") < 100


@pytest.mark.parametrize("device", ["ecp5-25k", "zynq-7020"])
def test_no_other_form_makes_a_cheaper_design(tmp_path, device):
    model, part = saved_mlp(tmp_path), load_device(device)

    def design(form):
        return qcompiler.compile(model, device=device, cycles=8, requantizer=form)

    def costs(made):
        return price(total(made.areas.values()), prices(part)) / prices(part)["LUT"]

    chosen = costs(design("auto"))
    others: dict[str, float] = {}
    for form in ("shift", "mul_shift", "threshold", "table"):
        try:
            others[form] = costs(design(form))
        except ModelError:  # not exact
            continue
    assert len(others) > 1
    assert chosen <= 1.02 * min(others.values()), (chosen, others)

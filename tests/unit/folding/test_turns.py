"""Requantizers multiply piece by piece where they have the cycles and that is cheaper."""

import json

import numpy as np
import pytest
from stream_networks import Simulated, StreamNetwork
from xdsl.ir import Block, Region

from qcompiler.analysis.area.process_area import process_area
from qcompiler.analysis.area.turns import cheapest_turns, possible_turns, product_area
from qcompiler.analysis.foldable_layers import foldable_layers
from qcompiler.analysis.network import Network
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import MulShift
from qcompiler.arith.turns import IN_LOGIC, ONCE, Turns
from qcompiler.design import Design
from qcompiler.devices.families import FAMILIES
from qcompiler.dialects import qint, stream
from qcompiler.errors import ModelError
from qcompiler.passes.pipeline import make_pass, run_passes

HARD = FAMILIES["ecp5"].multiplier
PRICES = (("LUT", 1.0), ("FF", 0.25), ("BRAM", 400.0), ("DSP", 400.0))
NUMBER, FACTOR = IntRange(-(1 << 19), (1 << 19) - 1), IntRange(0, (1 << 24) - 1)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("factor_pieces", [1, 2, 5, 24])
def test_pieces_in_their_order_make_the_product(count, factor_pieces):
    turns = Turns(count * factor_pieces, count)
    bits = turns.bits(NUMBER, FACTOR)
    assert len(turns.order) == turns.count
    for x, factor in ((-(1 << 19), (1 << 24) - 1), (-77, 12345678), (NUMBER.hi, 1)):
        digits = [x >> bits * i & (1 << bits) - 1 for i in range(count - 1)]
        digits.append(x >> bits * (count - 1))
        total = 0
        for i, j, lower in turns.order:
            total = total << bits if lower else total
            total += digits[i] * (factor >> bits * j & (1 << bits) - 1)
        assert total == x * factor


@pytest.mark.parametrize(
    ("cycles", "turns", "dsps"),
    [(1, 1, 4), (2, 2, 2), (3, 3, 2), (4, 4, 1), (5, 4, 1), (6, 6, 0), (12, 12, 0), (99, 24, 0)],
)
def test_more_cycles_take_fewer_multipliers(cycles, turns, dsps):
    found = cheapest_turns(NUMBER, FACTOR, cycles, HARD, PRICES)
    assert found.count == turns
    assert product_area(NUMBER, FACTOR, found, HARD).dsps == dsps


def test_a_factor_with_a_sign_is_not_cut():
    assert list(possible_turns(NUMBER, IntRange(-1, 9), 50)) == [ONCE]


@pytest.mark.parametrize("factor", [IntRange(1, 4), IntRange(-4, 7), IntRange(0, 15)])
def test_a_factor_of_few_bits_takes_no_multiplier(factor):
    assert cheapest_turns(NUMBER, factor, 1, HARD, PRICES) == IN_LOGIC
    assert product_area(NUMBER, factor, IN_LOGIC, HARD).dsps == 0
    assert cheapest_turns(NUMBER, factor, 1, None, PRICES) == ONCE, "there is none to save"


def network(bits: int = 24) -> StreamNetwork:
    """A matrix unit of 16 by 8 and its requantizer, of multipliers of so many bits."""
    random, n = np.random.default_rng(3), StreamNetwork()
    n.mvau(IntRange(-128, 127), random.integers(-127, 127, (16, 8)), 1, 1)
    unit = n.results.pop().owner
    body = Block(arg_types=[unit.result.type.element])
    multipliers = random.integers(1 << bits - 4, 1 << bits, 8)
    biases = random.integers(-(1 << bits + 6), 1 << bits + 6, 8)
    form = MulShift(multipliers, biases, bits + 9, -128, 127)
    scalar = qint.requantizer_op(form, body.args[0], IntRange(-128, 127), None)
    body.add_ops([scalar, qint.YieldOp(scalar.result)])
    n.output(stream.RequantizeOp(unit.result, Region(body), qint.IntType(-128, 127)))
    return n


def folded(bits: int = 24, **options) -> Design:
    module = network(bits).module()
    later = ("insert-width-adapters", "pipeline-registers", "size-fifos")
    run_passes(module, [make_pass("select-folding", options), *later])
    hardware = module.clone()
    run_passes(hardware, ["convert-stream-to-rtl"])
    return Design({"stream": module, "rtl": hardware, "last": hardware})


def one_lane(directory, simd: int) -> str:
    (name,) = foldable_layers(Network.of(network().module()))
    path = directory / f"folding{simd}.json"
    path.write_text(json.dumps({name: {"PE": 1, "SIMD": simd}}))
    return str(path)


def requantizer(design: Design) -> stream.RequantizeOp:
    (found,) = (p for p in design.network.processes if isinstance(p, stream.RequantizeOp))
    return found


@pytest.mark.simulation
@pytest.mark.parametrize(("simd", "turns", "dsps"), [(1, 12, 0), (4, 4, 1), (8, 2, 1), (16, 1, 4)])
def test_the_slower_a_frame_the_less_multiplies(simd, turns, dsps, tmp_path):
    design = folded(device="ecp5-25k", folding=one_lane(tmp_path, simd))
    process = requantizer(design)
    assert process.turns.count == turns
    assert process_area(process, "ecp5").dsps == dsps
    result = Simulated(design, tmp_path).check()
    assert result.cycles_per_frame == design.timing.cycles_per_frame == 128 // simd


@pytest.mark.simulation
def test_products_by_few_bits_are_logic(tmp_path):
    design = folded(bits=4, device="ecp5-25k", folding=one_lane(tmp_path, 16))
    process = requantizer(design)
    assert process.turns == IN_LOGIC
    assert process_area(process, "ecp5").dsps == 0
    Simulated(design, tmp_path).check()


def test_multipliers_of_requantizers_are_there_for_layers():
    """At once, a lane takes four; in turns, all eight are left."""
    assert folded(device="ecp5-25k", max_dsps=8).timing.cycles_per_frame == 16
    with pytest.raises(ModelError, match="DSP too few"):
        folded(device="ecp5-25k", max_dsps=8, target_cycles=8)


def test_without_a_device_everything_is_at_once():
    assert requantizer(folded(target_cycles=128)).turns == ONCE


def test_turns_of_an_earlier_folding_go(tmp_path):
    module = network().module()
    for simd, wanted in ((1, 12), (16, 1)):
        options = {"device": "ecp5-25k", "folding": one_lane(tmp_path, simd)}
        run_passes(module, [make_pass("select-folding", options)])
        (process,) = (p for p in Network.of(module).processes if isinstance(p, stream.RequantizeOp))
        assert process.turns.count == wanted

"""Where registers stand: the delay model, and what clocks ask of a network."""

import numpy as np
import pytest
from stream_networks import StreamNetwork

from qcompiler.analysis.throughput import predict
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import MulShift
from qcompiler.arith.trees import group_sizes
from qcompiler.devices import load_device
from qcompiler.devices.delays import DelayModel, Segment
from qcompiler.dialects import stream
from qcompiler.errors import ModelError

CLOCKS = (10, 50, 100, 200, 400)


def network() -> StreamNetwork:
    """One matrix unit of 64 inputs a cycle, and one requantizer with long factors."""
    n = StreamNetwork()
    weights = [[(7 * row + column) % 200 - 99 for column in range(4)] for row in range(128)]
    n.mvau(IntRange(-128, 127), weights, pe=2, simd=64)
    form = MulShift(np.array([123456]), np.array([1 << 20]), 21, -128, 127, 0)
    n.requantize(IntRange(-(2**20), 2**20), IntRange(-128, 127), form, (8,), 1)
    return n


def model(mhz, device="ecp5-25k"):
    return DelayModel(load_device(device), mhz)


def test_registers_stand_at_the_last_cut_before_the_cycle_is_over():
    budget = model(100).budget
    parts = [Segment("a", 0.4 * budget), Segment("", 0.4 * budget), Segment("b", 0.4 * budget)]
    assert model(100).cuts(parts) == {"b": 1}
    assert model(100).cuts(parts, start=0.3 * budget) == {"a": 1, "b": 1}
    assert model(10).cuts(parts) == {}


def test_far_logic_has_a_cycle_for_wires_on_each_side():
    budget = model(100).budget
    parts = [Segment("a", 0.8 * budget, spread=0.4 * budget), Segment("b", 0.1 * budget)]
    assert model(100).cuts(parts) == {"a": 1, "b": 2}
    assert model(100).cuts(parts, start=0.5 * budget) == {"a": 2, "b": 2}
    assert model(50).cuts(parts) == {}


def test_trees_divide_evenly_among_their_levels():
    for count in range(1, 200):
        for levels in range(1, 5):
            sizes = group_sizes(count, levels)
            left = count
            for size in sizes:
                left = -(-left // size)
            assert (len(sizes), left) == (levels, 1), (count, levels)


def test_a_faster_clock_never_takes_fewer_registers_and_keeps_the_cycles():
    latencies, totals = [], []
    for mhz in CLOCKS:
        design = network().design(mhz)
        processes = design.network.processes
        totals.append([sum(process.registers.values()) for process in processes])
        latencies.append(predict(design.network).latency_cycles)
        assert [process.cycles_per_frame for process in processes] == [4, 8]
    assert totals == sorted(totals)
    assert latencies == sorted(latencies)
    assert totals[0] == [0, 0]
    assert min(totals[-1]) > 2


def test_the_part_counts_and_not_the_clock_alone():
    slow, fast = (DelayModel(load_device(name), 48) for name in ("ice40-up5k", "ecp5-25k"))
    assert slow.budget < fast.budget
    assert slow.add(16, 20) > fast.add(16, 20)


@pytest.mark.parametrize(
    ("registers", "message"),
    [
        ({"product": 1}, "'product', but this hardware has the cuts operands, products, sum"),
        ({"sum": -1}, "-1 registers are asked for at 'sum'"),
    ],
)
def test_registers_that_hardware_cannot_have_are_refused(registers, message):
    n = network()
    mvau = next(op for op in n.block.ops if isinstance(op, stream.MvauOp))
    mvau.registers = registers
    with pytest.raises(ModelError, match=message):
        n.design()


def test_a_requantizer_has_the_cuts_of_its_form():
    n = network()
    op = next(op for op in n.block.ops if isinstance(op, stream.RequantizeOp))
    op.registers = {"sum": 1}
    cuts = "operands, pieces, products, rounded"
    with pytest.raises(ModelError, match=f"'sum', but this hardware has the cuts {cuts}"):
        n.design()

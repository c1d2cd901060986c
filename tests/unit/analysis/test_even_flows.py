"""The analytic model of networks that compile, beside their exact schedules."""

import numpy as np
import onnx
import pytest
from transformer_models import attention

import qcompiler
from qcompiler.analysis.even_flows import estimated_timing, products
from qcompiler.dialects.stream.buffered import Buffering
from qcompiler.dialects.stream.flow import Bend, Flow, scheduled_flows
from qcompiler.dialects.stream.schedule import Schedule


def test_a_process_that_is_slower_than_what_comes_sets_the_pace():
    # Two turns of 6 cycles: two beats come at slots 0 and 1, one leaves, issued in slot 5.
    slots = np.array([0, 1]), np.array([5])
    schedule = Schedule.pipe(6, *slots, latency=3, turns=2)
    (fast,) = scheduled_flows(schedule, [Flow(0, 3)])
    assert fast == Flow(5 + 3, 11 + 3)
    (slow,) = scheduled_flows(schedule, [Flow(0, 30)])
    assert slow == Flow(10 + 4 + 3, 30 + 4 + 3)


def test_what_comes_fast_in_the_end_is_still_worked_on_behind_it():
    # Ten turns of 4 cycles; the last four beats come at once, as the last rows of windows do.
    schedule = Schedule.pipe(4, np.array([0]), np.array([3]), latency=1, turns=10)
    (made,) = scheduled_flows(schedule, [Flow(0, 61, Bend(0.6, 60))])
    assert made == Flow(3 + 1, 60 + 15 + 1, Bend(24 / 40, 60 + 1))


def test_rows_leave_when_they_are_whole_and_come_when_there_is_room():
    # Four rows of 10 beats, of which two are kept: each leaves in 25 cycles.
    each = [1] * 4
    buffer = Buffering(each, each, 10, 25, capacity=2)
    assert buffer.flow(Flow(0, 39), latency=2) == Flow(10 + 2, 10 + 3 * 25 + 24 + 2)
    # The last row of windows waits for the last one that comes.
    late = buffer.flow(Flow(0, 390), latency=0)
    assert late == Flow(9 * 10 + 1, 391 + 24, Bend(3 / 4, 391))


@pytest.mark.parametrize("cycles", [64, 500])
def test_attention(cycles, tmp_path):
    path = tmp_path / "attention.onnx"
    onnx.save(attention(8, 16, 2, np.random.default_rng(3)), path)
    design = qcompiler.compile(path, cycles=cycles)
    estimated, exact = estimated_timing(design.network), design.timing
    assert estimated.cycles_per_frame == exact.cycles_per_frame
    assert estimated.bottleneck == exact.bottleneck
    assert estimated.latency_cycles == pytest.approx(exact.latency_cycles, rel=0.05)
    macs = {product.macs for product in products(design.network)}
    assert macs == {8 * 16 * 16, 8 * 8 * 16}

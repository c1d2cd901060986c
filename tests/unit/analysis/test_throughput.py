"""Predicted timing in cases where the answer can be worked out by hand."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from stream_networks import StreamNetwork, channel

import qcompiler
from qcompiler.analysis import throughput
from qcompiler.analysis.network import Network
from qcompiler.analysis.throughput import full_speed, predict
from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import qint, stream
from qcompiler.dialects.stream.schedule import Schedule

BIT, BYTE = IntRange(0, 1), IntRange(0, 255)


def chain(*, beats, stages):
    """One input of `beats` beats through units of (outputs, pe, simd), all weights one."""
    n = StreamNetwork()
    value, processes = n.input(channel(BIT, (beats,), 1)), []
    for index, (inputs, outputs, pe, simd) in enumerate(stages):
        if stream.channel_of(value).lanes.data != simd:
            processes.append(stream.WidthAdapterOp(value, simd))
            value = processes[-1].result
        symbol = stream.WeightsOp(f"w{index}", [[1] * outputs] * inputs)
        n.weights.append(symbol)
        element = qint.IntType(0, 255)
        processes.append(stream.MvauOp(value, f"w{index}", element, outputs, pe, simd))
        value = processes[-1].result
        value.name_hint = f"fc{index}"
    n.output(*processes)
    return n


def timing(network: StreamNetwork):
    return predict(network_of(network))


def network_of(network: StreamNetwork) -> Network:
    found = Network.of(network.module())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("outputs", "pe", "simd", "cycles", "latency"),
    [
        (4, 1, 2, 12, 4),  # neuron fold 4, synapse fold 3
        (4, 4, 2, 3, 4),  # one neuron fold
        (4, 1, 6, 4, 3),  # one synapse fold: no accumulator, one register less
        (4, 4, 6, 1, 3),  # parallel
    ],
)
def test_a_matrix_unit_takes_its_folds(outputs, pe, simd, cycles, latency):
    n = StreamNetwork()
    n.mvau(BIT, [[1] * outputs] * 6, pe, simd)
    predicted = timing(n)
    assert predicted.cycles_per_frame == cycles
    assert predicted.latency_cycles == cycles - 1 + latency


def test_vectors_of_a_frame_follow_one_another():
    n = StreamNetwork()
    n.mvau(BIT, [[1] * 2] * 6, pe=1, simd=3, vectors=(5,))
    assert timing(n).cycles_per_frame == 5 * 2 * 2


def test_the_slowest_process_sets_the_pace_and_is_named():
    predicted = timing(chain(beats=4, stages=[(4, 4, 1, 1), (4, 6, 1, 1), (6, 2, 1, 1)]))
    assert predicted.cycles_per_frame == 24
    assert predicted.bottleneck == "fc1_mvau"


@pytest.mark.parametrize("ratio", [2, 3, 6])
def test_a_width_adapter_takes_the_beats_of_its_narrow_side(ratio):
    for lanes in ((1, ratio), (ratio, 1)):
        n = StreamNetwork()
        n.output(stream.WidthAdapterOp(n.input(channel(BYTE, (12,), lanes[0])), lanes[1]))
        predicted = timing(n)
        assert (predicted.cycles_per_frame, predicted.latency_cycles) == (12, 11 + 2)


def test_parallel_stages_add_their_latencies():
    n = StreamNetwork()
    value = n.input(channel(BYTE, (2,), 2))
    first = stream.FifoOp(value, 1)
    n.output(first, stream.FifoOp(first.result, 1))
    assert timing(n).latency_cycles == 3 + 3


def waiting_before_the_second_unit(outputs: int, period: int) -> int:
    """Eight beats in a row, one frame in `period` cycles, before a unit of 8 * outputs cycles."""
    network = network_of(chain(beats=8, stages=[(8, 8, 8, 1), (8, outputs, 1, 1)]))
    assert predict(network).cycles_per_frame == period
    *_, unit = (p for p in network.processes if isinstance(p, stream.MvauOp))
    return full_speed(network).waiting[unit.input]


def test_no_beats_wait_before_a_unit_that_takes_one_a_cycle():
    assert waiting_before_the_second_unit(outputs=1, period=8) == 1
    assert waiting_before_the_second_unit(outputs=2, period=16) == 1  # reads, then replays


def test_beats_that_come_evenly_wait_while_a_unit_replays():
    # The second unit reads each beat as it comes, one in four cycles, and replays for twelve more
    # after the last: three beats of the next frame come meanwhile.
    network = network_of(chain(beats=4, stages=[(4, 4, 1, 1), (4, 4, 1, 1)]))
    *_, unit = network.processes
    assert full_speed(network).waiting[unit.input] == 3


def test_wide_times_give_what_narrow_ones_give(monkeypatch):
    network = network_of(chain(beats=4, stages=[(4, 4, 1, 1), (4, 6, 1, 1), (6, 2, 1, 1)]))
    narrow = predict(network), full_speed(network).waiting
    monkeypatch.setattr(throughput._Pace, "time_type", lambda *_: np.int64)
    assert (predict(network), full_speed(network).waiting) == narrow


def test_times_are_wide_where_narrow_ones_would_overflow():
    network = network_of(chain(beats=4, stages=[(4, 4, 1, 1)]))
    pace = throughput._Pace.of(network)
    assert replace(pace, period=1000).time_type(4) is np.int32
    assert replace(pace, period=2**29).time_type(4) is np.int64


def test_beats_that_come_one_a_cycle_need_no_running_maximum(monkeypatch):
    example = (
        Path(__file__).parents[3] / "examples" / "brevitas_residual" / "brevitas_residual_qcdq.onnx"
    )
    network = qcompiler.compile(example).network
    quick = predict(network), full_speed(network).waiting
    monkeypatch.setattr(Schedule, "is_beat_by_beat", False)
    assert (predict(network), full_speed(network).waiting) == quick


def test_what_is_not_needed_yet_waits_outside_and_not_on_both_ways():
    n = StreamNetwork()
    parted = stream.DuplicateOp(n.input(channel(BIT, (6, 4), 1)), 2)
    n.weights.append(stream.WeightsOp("w", [[1] * 4] * 4))
    ways = [stream.MvauOp(x, "w", qint.IntType(0, 4), 4, 1, 1) for x in parted.results]
    n.output(parted, *ways, stream.AddOp(*(way.result for way in ways), qint.IntType(0, 8)))
    network = network_of(n)
    assert predict(network).cycles_per_frame == 6 * 16
    assert max(full_speed(network).waiting.values()) <= 2

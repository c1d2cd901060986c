"""Where size-fifos puts a FIFO: beats that are taken in a run must not wait before an adapter."""

import numpy as np
import onnx
import pytest
from stream_networks import StreamNetwork, channel
from transformer_models import attention

import qcompiler
from benchmarks.fifo_sizing import Search
from benchmarks.token_simulator import TokenSimulator
from qcompiler.analysis.network import Network
from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import stream
from qcompiler.folding.fifos import size_fifos


def over_heads(proto):
    """The same attention, with a softmax over the heads."""
    (softmax,) = (node for node in proto.graph.node if node.op_type == "Softmax")
    del softmax.attribute[:]
    softmax.attribute.append(onnx.helper.make_attribute("axis", 1))
    return proto


def test_what_a_product_takes_in_a_run_waits_behind_the_adapter_that_joins_it(tmp_path):
    path = tmp_path / "attention.onnx"
    onnx.save(over_heads(attention(8, 16, 2, np.random.default_rng(0))), path)
    network = qcompiler.compile(path, cycles=512).network
    joined = [
        process
        for process in network.processes
        if isinstance(process, stream.MatMulOp)
        and isinstance(fifo := process.input.owner, stream.FifoOp)
        and isinstance(fifo.input.owner, stream.WidthAdapterOp)
    ]
    assert len(joined) == 2


@pytest.mark.parametrize("cycles", [256, 512])
def test_values_wait_for_a_softmax_in_the_frame_buffers_that_are_there(cycles, tmp_path):
    path = tmp_path / "attention.onnx"
    onnx.save(over_heads(attention(8, 16, 2, np.random.default_rng(0))), path)
    simulator = TokenSimulator(qcompiler.compile(path, cycles=cycles).network)
    search, depths = Search(simulator), simulator.depths
    widths = [fifo.input_channel.width_bits for fifo in simulator.fifos]
    assert search.keeps_pace(depths)
    least = search.shrink(depths, range(len(depths)))
    ours, found = (sum(map(int.__mul__, d, widths)) for d in (depths, least))
    assert ours <= 1.2 * found


def two_ways(*counts):
    """Sums what comes by ways of so many transpositions of the frame."""
    n = StreamNetwork()
    parted = stream.DuplicateOp(n.input(channel(IntRange(0, 1), (4, 4), 1)), len(counts))
    processes, ends = [parted], []
    for way, count in zip(parted.results, counts, strict=True):
        value = way
        for _ in range(count):
            turned = stream.ReorderOp(value, 16, [(4, 1), (4, 4)], (4, 4))
            processes.append(turned)
            value = turned.result
        ends.append(value)
    n.output(*processes, stream.AddOp(*ends, stream.channel_of(ends[0]).element))
    network = Network.of(n.module())
    size_fifos(network)
    return [p.depth.value.data for p in network.processes if isinstance(p, stream.FifoOp)]


def test_a_way_with_room_for_what_it_is_early_needs_less():
    # Each transposition is a frame late and keeps two, of which one is read while one more comes.
    assert sum(two_ways(2, 0)) - sum(two_ways(1, 0)) == pytest.approx(16, abs=4)
    assert two_ways(2, 1) == two_ways(1, 0)
    assert sum(two_ways(3, 2)) <= 1

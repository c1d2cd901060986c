"""Products of layers, those on padding counted one by one, and the next smaller folding."""

from pathlib import Path

import numpy as np
import pytest

import qcompiler
from qcompiler.analysis.foldable_layers import Folding, foldable_layers
from qcompiler.analysis.products import Products, next_smaller
from qcompiler.dialects import stream

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def network():
    model = EXAMPLES / "digits_cnn" / "digits_cnn_qonnx.onnx"
    return qcompiler.compile(model, cycles=900, passes=None).network


def test_products_on_padding_are_those_of_a_count(network):
    units = [p for p in network.processes if isinstance(p, stream.MvauOp | stream.VvauOp)]
    padded = 0
    for unit in units:
        found = Products.of(unit)
        window = unit.input.owner
        while isinstance(window, stream.WidthAdapterOp | stream.FifoOp):
            window = window.input.owner
        if not isinstance(window, stream.SlidingWindowOp):
            assert found.padding == 0
            continue
        frame = window.input_channel.frame_shape
        windows = window.window.gather(np.ones((1, *frame), np.int64), 0)
        inside = int(windows.sum())  # taps, for every input channel
        outputs = 1 if isinstance(unit, stream.VvauOp) else unit.mh
        assert found.macs == windows.size * outputs
        assert found.padding == found.macs - inside * outputs
        padded += found.padding
    assert padded > 0


def test_efficiency_is_own_cycles_over_those_of_the_slowest(network):
    period = max(p.cycles_per_frame for p in network.processes)
    for process in network.processes:
        found = Products.of(process)
        if found is not None:
            assert found.efficiency(period) == pytest.approx(process.cycles_per_frame / period)
            assert found.convolution == (len(process.output_channel.frame_shape) == 3)
            assert found.useful(period) <= found.efficiency(period)
        else:
            assert not isinstance(process, stream.MvauOp | stream.VvauOp)


def test_the_next_smaller_folding_is_the_fastest_of_the_smaller(network):
    for layer in foldable_layers(network).values():
        now = layer.chosen
        assert layer.cycles(now) == layer.op.cycles_per_frame
        smaller = [f for f in layer.foldings if f.pe * f.simd < now.pe * now.simd]
        found = next_smaller(layer)
        if found is None:
            assert now == Folding(1, 1) == min(layer.foldings, key=lambda f: f.pe * f.simd)
        else:
            assert found[0] in smaller
            assert found[1] == min(map(layer.cycles, smaller))

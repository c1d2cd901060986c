"""Every block in Verilator against the interpreter: under stalls, and in the predicted cycles."""

from functools import partial

import numpy as np
import pytest
from stream_networks import Simulated, StreamNetwork, channel

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import FloatScale, MulShift, Shift, Table, Threshold
from qcompiler.arith.turns import Turns
from qcompiler.dialects import qint, stream

pytestmark = pytest.mark.simulation

UINT2, INT4, BIT = IntRange(0, 3), IntRange(-8, 7), IntRange(0, 1)
RANDOM = np.random.default_rng(7)


def integers(lo, hi, *shape):
    return RANDOM.integers(lo, hi, shape, endpoint=True)


def column(*values):
    return np.array(values, np.int64)


def folded_matrix_units() -> StreamNetwork:
    """Neuron fold times synapse fold is 12 in all of them."""
    n = StreamNetwork()
    n.mvau(INT4, integers(-7, 7, 6, 4), pe=1, simd=2)
    n.mvau(UINT2, integers(0, 5, 6, 4), pe=2, simd=1)  # unsigned by unsigned
    n.mvau(INT4, RANDOM.choice([-1, 1], (6, 6)), pe=3, simd=1)  # bipolar
    n.mvau(UINT2, RANDOM.choice([-1, 0, 1], (6, 12)), pe=2, simd=3)  # ternary
    n.mvau(BIT, np.zeros((4, 6), np.int64), pe=1, simd=2)  # nothing but zeros
    n.mvau(INT4, integers(-128, 127, 2, 12), pe=1, simd=2)  # one synapse fold
    n.mvau(INT4, integers(-3, 3, 12, 4), pe=4, simd=1)  # one neuron fold
    n.mvau(UINT2, integers(-3, 3, 4, 2), pe=1, simd=2, vectors=(3,))  # three vectors a frame
    n.mvau(IntRange(-5, -2), -integers(1, 9, 3, 4), pe=1, simd=1)  # never zero, never positive
    return n


def every_pair(lo, hi):
    """Weights [1, 2 * N] with all pairs of values side by side."""
    values = np.arange(lo, hi + 1)
    return np.stack(np.meshgrid(values, values), axis=-1).reshape(1, -1)


def styled_matrix_units() -> StreamNetwork:
    """Two outputs a multiplication, and multiplications in logic; 128 cycles a frame."""
    n, int8, uint8 = StreamNetwork(), IntRange(-128, 127), IntRange(0, 255)
    n.mvau(INT4, every_pair(-8, 7), pe=4, simd=1, style="pairs")
    n.mvau(UINT2, every_pair(-8, 7), pe=4, simd=1, style="pairs")
    n.mvau(IntRange(-5, -2), every_pair(0, 15), pe=4, simd=1, style="pairs")
    n.mvau(INT4, every_pair(-8, 7), pe=4, simd=1, style="logic")
    n.mvau(uint8, every_pair(0, 15), pe=4, simd=1, style="logic")
    n.mvau(IntRange(-300, 2), every_pair(-15, 0), pe=4, simd=1, style="logic")
    n.mvau(INT4, every_pair(-8, 7), pe=4, simd=1, style="shifts")
    n.mvau(IntRange(-300, 2), every_pair(-15, 0), pe=4, simd=1, style="shifts")
    n.mvau(UINT2, np.full((1, 512), 6), pe=4, simd=1, style="shifts")
    extremes = RANDOM.choice([-128, -127, -1, 0, 127], (16, 64))
    for x in (int8, uint8):
        for style in ("pairs", "logic", "shifts"):
            n.mvau(x, extremes, pe=4, simd=2, style=style)
            n.mvau(x, extremes[:4, :32], pe=2, simd=1, vectors=(2,), style=style)
    return n


def parallel_matrix_units() -> StreamNetwork:
    n = StreamNetwork()
    n.mvau(INT4, integers(-7, 7, 5, 3), pe=3, simd=5)
    n.mvau(BIT, RANDOM.choice([-1, 1], (8, 4)), pe=4, simd=8)
    n.mvau(UINT2, np.zeros((3, 2), np.int64), pe=2, simd=3)
    n.mvau(INT4, column(1).reshape(1, 1), pe=1, simd=1)
    n.mvau(UINT2, np.array([[0, -1], [0, 64]]), pe=2, simd=2)  # a column of zeros
    return n


def requantizers() -> StreamNetwork:
    """Eight beats a frame in all of them; parameters by channel and shared, folded and not."""
    n, x, y = StreamNetwork(), IntRange(-40, 39), IntRange(-4, 3)
    one_channel, folded, wide, twice = ((8, 1), 1), ((8,), 1), ((8, 2), 2), ((4, 4), 2)
    for tie in (None, 0, 1):
        n.requantize(x, y, Shift(2, column(2), column(1), y.lo, y.hi, tie), *one_channel)
        n.requantize(x, y, MulShift(column(-13), column(32), 6, y.lo, y.hi, tie), *folded)
    signs = Shift(3, integers(-20, 20, 8), RANDOM.choice([-1, 1], 8), y.lo, y.hi, 0)
    n.requantize(x, y, signs, *folded)
    n.requantize(IntRange(-2, 1), y, Shift(-1, column(1, -1), column(-1, 1), y.lo, y.hi), *wide)
    n.requantize(x, y, MulShift(integers(-9, 9, 4), integers(-9, 9, 4), 5, y.lo, y.hi), *twice)
    n.requantize(x, y, MulShift(column(0), column(5), 0, y.lo, y.hi), *one_channel)
    rising = np.sort(integers(-50, 50, 8, 7), axis=1)
    n.requantize(x, y, Threshold(rising, RANDOM.choice([-1, 1], 8), y.lo), *folded)
    n.requantize(x, y, Threshold(rising[:1], column(-1), y.lo), *wide)
    n.requantize(x, BIT, Threshold(rising[:2, :1], column(1), 0), *wide)
    n.requantize(x, y, Threshold(np.zeros((1, 0), np.int64), column(1), 2), *folded)  # constant
    n.requantize(x, y, Table(integers(-4, 3, 1, 80), -40), *folded)
    n.requantize(x, y, Table(integers(-4, 3, 4, 90), -45), *twice)
    n.requantize(x, y, Table(integers(-4, 3, 2, 80), -40), *wide)
    n.requantize(IntRange(5, 9), IntRange(200, 300), Table(integers(200, 300, 8, 5), 5), *folded)
    return n


def products_in_turns(turns: Turns) -> StreamNetwork:
    """Eight beats a frame, each in as many cycles as there are turns."""
    n, x, y = StreamNetwork(), IntRange(-4000, 3999), IntRange(-128, 127)
    one_channel, folded, wide, twice = ((8, 1), 1), ((8,), 1), ((8, 2), 2), ((4, 4), 2)
    for tie in (None, 0, 1):
        form = MulShift(column(1237), column(1 << 14), 15, y.lo, y.hi, tie)
        n.requantize(x, y, form, *one_channel, turns)
    many = MulShift(integers(0, 4095, 8), integers(-9999, 9999, 8), 16, y.lo, y.hi, 0)
    n.requantize(x, y, many, *folded, turns)
    n.requantize(IntRange(0, 255), y, many, *folded, turns)
    n.requantize(IntRange(-9, -3), y, MulShift(column(7, 2), column(0), 1, -40, 3), *wide, turns)
    n.requantize(x, y, MulShift(integers(1, 900, 4), column(5), 13, y.lo, y.hi), *twice, turns)
    floats = integers(1 << 23, (1 << 24) - 1, 8)
    n.requantize(x, y, FloatScale(floats, column(300), 29, 3, y.lo, y.hi), *folded, turns)
    offsets = FloatScale(floats[:4], integers(-500, 500, 4), 28, -3, y.lo, y.hi)
    n.requantize(x, y, offsets, *twice, turns)
    n.requantize(x, y, FloatScale(column(1 << 23), column(0), 31, 0, -9, 9), *one_channel, turns)
    return n


def adapters_and_buffers() -> StreamNetwork:
    """Thirty narrow beats a frame; one fewer in the FIFOs, whose latency is one more."""
    n = StreamNetwork()
    for ratio in (2, 3, 5):
        for lanes in ((1, ratio), (ratio, 1)):
            given = n.input(channel(INT4, (30,), lanes[0]))
            n.output(stream.WidthAdapterOp(given, lanes[1]))
    given = n.input(channel(UINT2, (30,), 2))  # from two lanes to three by way of six
    wide = stream.WidthAdapterOp(given, 6)
    n.output(wide, stream.WidthAdapterOp(wide.result, 3))
    for depth in (1, 2, 5):
        n.output(stream.FifoOp(n.input(channel(INT4, (29,), 1)), depth))
    return n


def butterflies() -> StreamNetwork:
    """Sixteen beats a frame; whole vectors in a beat, several beats, several vectors."""
    n = StreamNetwork()
    shapes = ((2, 1), (4, 1), (8, 1), (16, 1), (4, 2), (32, 2), (16, 4), (64, 4), (2, 2), (8, 8))
    for size, lanes in shapes:
        signs = [RANDOM.choice([-1, 1], size).tolist() for _ in range(2)]
        for x, before, after in (
            (INT4, signs[0], signs[1]),
            (UINT2, [], signs[1]),
            (IntRange(-5, -2), signs[0], []),
        ):
            most = size * max(abs(x.lo), abs(x.hi))
            given = n.input(channel(x, (16 * lanes // size, size), lanes))
            process = stream.ButterflyOp(given, qint.IntType(-most, most), before, after)
            stream.set_lanes(process.result, lanes)
            n.output(process)
    return n


NETWORKS = {
    "butterflies": butterflies,
    "folded": folded_matrix_units,
    "styled": styled_matrix_units,
    "parallel": parallel_matrix_units,
    "requantizers": requantizers,
    "plumbing": adapters_and_buffers,
    **{
        f"turns {count}" + (f", {pieces} pieces" if pieces > 1 else ""): partial(
            products_in_turns, Turns(count, pieces)
        )
        for count, pieces in ((2, 1), (5, 1), (24, 1), (4, 2), (6, 3))
    },
}


PIPELINED = (
    "folded",
    "styled",
    "parallel",
    "requantizers",
    "turns 5",
    "turns 4, 2 pieces",
)
CLOCKS = (100, 200, 400)
"""Of the default device: the last is out of reach, every cut has its registers."""


@pytest.fixture(
    scope="module",
    params=[(name, None) for name in NETWORKS]
    + [
        pytest.param((name, mhz), marks=[pytest.mark.sweep] if mhz < max(CLOCKS) else [])
        for name in PIPELINED
        for mhz in CLOCKS
    ],
    ids=lambda param: f"{param[0]}-{param[1]}",
)
def simulated(request, tmp_path_factory):
    name, mhz = request.param
    return Simulated(NETWORKS[name]().design(mhz), tmp_path_factory.mktemp(name))


@pytest.mark.parametrize("stalls", [(0.3, 0.6), (0.7, 0.1), (0.0, 0.5)])
def test_stalls_change_no_integer(simulated, stalls):
    given, taken = stalls
    simulated.check(seed=1, stall_probability_in=given, stall_probability_out=taken)


def test_frames_follow_at_the_predicted_distance(simulated):
    result = simulated.check()
    assert result.cycles_per_frame == simulated.design.timing.cycles_per_frame


def test_a_frame_alone_takes_the_predicted_latency(simulated):
    result = simulated.check(frames=1)
    assert result.latency_cycles == simulated.design.timing.latency_cycles

"""Pipelines in Verilator against the interpreter: under stalls, and in the predicted cycles."""

import numpy as np
import pytest
from stream_networks import Simulated, StreamNetwork, channel
from xdsl.ir import Block, Region

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import MulShift, Shift, Table, Threshold
from qcompiler.design import Design
from qcompiler.dialects import qint, stream
from qcompiler.interpreters import run
from qcompiler.passes.pipeline import make_pass, run_passes

pytestmark = pytest.mark.simulation

UINT2, INT4, BIT, INT8 = IntRange(0, 3), IntRange(-8, 7), IntRange(0, 1), IntRange(-128, 127)
RANDOM = np.random.default_rng(11)


def column(*values):
    return np.array(values, np.int64)


def integers(lo, hi, *shape):
    return RANDOM.integers(lo, hi, shape, endpoint=True)


def requantized(x, form, y):
    """A requantizer of all lanes, not in the network yet."""
    body = Block(arg_types=[x.type.element])
    scalar = qint.requantizer_op(form, body.args[0], y, None)
    body.add_ops([scalar, qint.YieldOp(scalar.result)])
    return stream.RequantizeOp(x, Region(body), qint.IntType(y.lo, y.hi))


class Layers(StreamNetwork):
    """Chains of matrix units that are fully parallel, and requantizers."""

    def unit(self, x, weights):
        symbol = stream.WeightsOp(f"w{len(self.weights)}", np.asarray(weights))
        self.weights.append(symbol)
        bounds = x.type.element.range
        corners = [symbol.array * bounds.lo, symbol.array * bounds.hi]
        low, high = (pick(*corners).sum(0) for pick in (np.minimum, np.maximum))
        sums = qint.IntType(int(low.min()), int(high.max()))
        inputs, outputs = symbol.array.shape
        return stream.MvauOp(x, symbol.sym_name.data, sums, outputs, outputs, inputs)

    def layer(self, x: IntRange, weights, form, y: IntRange, vectors=()):
        given = self.input(channel(x, (*vectors, len(weights)), len(weights)))
        unit = self.unit(given, weights)
        self.output(unit, requantized(unit.result, form, y))

    def join(self):
        """A residual connection, and a branch that comes from outside."""
        given, other = (self.input(channel(INT4, (5,), 5)) for _ in range(2))
        copies = stream.DuplicateOp(given, 2)
        unit = self.unit(copies.results[0], integers(-7, 7, 5, 5))
        form = Shift(3, column(4), column(1), -8, 7)
        codes = requantized(unit.result, form, INT4)
        sums = stream.AddOp(codes.result, copies.results[1], qint.IntType(-45, 40), (3, 1))
        both = stream.AddOp(sums.result, other, qint.IntType(-90, 90), (1, -5))
        self.output(copies, unit, codes, sums, both)


def forms() -> Layers:
    """Every requantizer, with every sign, tie and clamp that it may have."""
    n = Layers()
    for tie in (None, 0, 1):
        for lo, hi in ((0, 7), (-4, 3), (-3, 5), (-90, 90)):
            bias, sign = integers(-9, 9, 6), RANDOM.choice([-1, 1], 6)
            y = IntRange(lo, hi)
            n.layer(INT4, integers(-7, 7, 4, 6), Shift(2, bias, sign, lo, hi, tie), y)
        form = MulShift(integers(-13, 13, 6), integers(-40, 40, 6), 6, -4, 3, tie)
        n.layer(INT4, integers(-7, 7, 4, 6), form, IntRange(-4, 3))
    n.layer(
        UINT2, integers(-3, 3, 4, 3), Shift(-2, column(1), column(-1), -60, 60), IntRange(-60, 60)
    )
    rising = np.sort(integers(-50, 50, 6, 7), axis=1)
    n.layer(INT4, integers(-7, 7, 4, 6), Threshold(rising, RANDOM.choice([-1, 1], 6), -4), INT4)
    n.layer(UINT2, integers(0, 7, 4, 6), Threshold(rising[:1] + 20, column(1), 0), INT8)
    n.layer(UINT2, [[1, 0], [2, 3]], Table(integers(-4, 3, 2, 10), 0), INT4)
    n.layer(INT4, [[1, -1], [0, 1]], Table(integers(-4, 3, 1, 32), -16), INT4)
    return n


def neurons() -> Layers:
    """Equal, negated, constant, dead ones; no nodes at all; several beats a frame."""
    n = Layers()
    plain, y = Shift(1, column(0), column(1), -8, 7), INT4
    n.layer(INT4, [[1, 1, -1, 0], [2, 2, -2, 0]], plain, y)
    n.layer(INT4, np.eye(3, dtype=np.int64), plain, y)
    n.layer(UINT2, np.zeros((3, 2), np.int64), Shift(0, column(5), column(1), 0, 9), IntRange(0, 9))
    n.layer(BIT, RANDOM.choice([-1, 1], (8, 4)), plain, y, vectors=(3, 2))
    n.layer(IntRange(-5, -2), integers(1, 9, 3, 4), Shift(4, column(8), column(1), -8, 7), y)
    n.layer(INT8, integers(-128, 127, 6, 5), Shift(7, column(64), column(1), -128, 127, 0), INT8)
    n.join()
    given = n.input(channel(UINT2, (6,), 6))
    first = n.unit(given, integers(-3, 3, 6, 8) * (np.arange(8) % 3 > 0))
    codes = requantized(first.result, Shift(1, column(1), column(1), 0, 3), UINT2)
    last = n.unit(codes.result, integers(-3, 3, 8, 3) * (np.arange(8) % 2 > 0)[:, None])
    n.output(first, codes, last)
    return n


def counts() -> Layers:
    """Sums of many bits, and neurons of one layer that take requantizers of several kinds."""
    n = Layers()
    bits = RANDOM.choice([-1, 0, 1], (90, 5))
    lines = MulShift(column(5, 199, -77, 24, 3), integers(-40, 40, 5), 6, 0, 255)
    n.layer(BIT, bits, lines, IntRange(0, 255))
    rising = np.sort(integers(-12, 12, 5, 3), axis=1)
    n.layer(BIT, bits, Threshold(rising, RANDOM.choice([-1, 1], 5), 0), UINT2)
    n.layer(BIT, np.ones((64, 1)), Shift(0, column(3), column(1), 0, 67), IntRange(0, 67))
    n.layer(BIT, integers(-6, 6, 30, 4), Shift(2, column(2), column(1), -8, 7, 0), INT4)
    mixed = integers(-7, 7, 6, 6) * (np.arange(6) % 3 > 0)
    mixed[0] = 1
    form = MulShift(integers(-99, 99, 6), integers(-400, 400, 6), 7, -100, 100)
    n.layer(INT4, mixed, form, IntRange(-100, 100))
    wide = MulShift(column(3, 96, 1000), column(5, 0, -7), 9, -8, 7, 1)
    n.layer(INT8, integers(-128, 127, 4, 3), wide, INT4)
    return n


NETWORKS = {"forms": forms, "neurons": neurons, "counts": counts}


@pytest.fixture(
    scope="module",
    params=[
        (name, mhz, device, shared)
        for name in NETWORKS
        for mhz, device, shared in (
            (40, "ecp5-25k", 0),
            (400, "zu3eg", 0),
            (60, "ecp5-25k", 2),
            (200, "zu3eg", 1),
        )
    ],
    ids=lambda param: "-".join(map(str, param)),
)
def simulated(request, tmp_path_factory):
    name, mhz, device, shared = request.param
    module = NETWORKS[name]().module()
    before = module.clone()
    registers = make_pass("pipeline-registers", {"mhz": mhz, "device": device})
    graphs = make_pass("build-adder-graphs", {"device": device, "shared_among": shared})
    run_passes(module, ["form-pipelines", graphs, registers])
    module.verify()
    hardware = module.clone()
    run_passes(hardware, ["convert-stream-to-rtl"])
    design = Design({"stream": module, "rtl": hardware, "last": hardware})
    found = Simulated(design, tmp_path_factory.mktemp(name))
    found.before = before
    return found


def test_processes_and_their_pipeline_compute_the_same(simulated):
    channels = [stream.channel_of(v) for v in simulated.design.network.inputs]
    inputs = [
        np.random.default_rng(0).integers(
            c.element.range.lo, c.element.range.hi, (200, *c.frame_shape), endpoint=True
        )
        for c in channels
    ]
    after = run(simulated.design.level("stream"), "core", inputs)
    for was, now in zip(run(simulated.before, "core", inputs), after, strict=True):
        np.testing.assert_array_equal(was, now)
    kinds = {process.name for process in simulated.design.network.processes}
    assert kinds == {"stream.pipeline"}


@pytest.mark.parametrize("stalls", [(0.3, 0.6), (0.7, 0.1), (0.0, 0.5)])
def test_stalls_change_no_integer(simulated, stalls):
    given, taken = stalls
    simulated.check(frames=200, seed=1, stall_probability_in=given, stall_probability_out=taken)


def test_frames_follow_at_the_predicted_distance(simulated):
    result = simulated.check()
    assert result.cycles_per_frame == simulated.design.timing.cycles_per_frame


def test_a_frame_alone_takes_the_predicted_latency(simulated):
    result = simulated.check(frames=1)
    assert result.latency_cycles == simulated.design.timing.latency_cycles

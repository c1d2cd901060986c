"""Depthwise products, pools, products of activations and concatenations within pipelines."""

import numpy as np
import pytest
from stream_networks import Simulated, StreamNetwork, channel
from xdsl.ir import Block, Region

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import FloatScale
from qcompiler.design import Design
from qcompiler.dialects import qint, stream
from qcompiler.interpreters import run
from qcompiler.passes.pipeline import make_pass, run_passes

pytestmark = pytest.mark.simulation

INT4, UINT3 = IntRange(-8, 7), IntRange(0, 7)
RANDOM = np.random.default_rng(5)


class Windows(StreamNetwork):
    """Whole windows, a beat each, that something reduces in a pipeline."""

    def weighted(self, array):
        symbol = stream.WeightsOp(f"w{len(self.weights)}", np.asarray(array))
        self.weights.append(symbol)
        return symbol.sym_name.data

    def unit(self, x, shape):
        inputs, outputs = shape
        name = self.weighted(RANDOM.integers(-3, 3, shape, endpoint=True))
        bounds = stream.channel_of(x).element.range
        limit = 3 * inputs * max(-bounds.lo, bounds.hi)
        return stream.MvauOp(x, name, qint.IntType(-limit, limit), outputs, outputs, inputs)

    def windows(self, element, taps, channels, positions=3):
        return self.input(channel(element, (positions, 1, taps * channels), taps * channels))

    def depthwise(self):
        x = self.windows(INT4, 9, 4)
        name = self.weighted(RANDOM.integers(-7, 7, (9, 4), endpoint=True))
        self.output(stream.VvauOp(x, name, qint.IntType(-504, 504), 9, 9))

    def pool(self, kind, element, taps, channels):
        x = self.windows(element, taps, channels)
        bounds = element if kind == "max" else IntRange(element.lo * taps, element.hi * taps)
        pool = stream.PoolOp(x, kind, qint.IntType(bounds.lo, bounds.hi), taps, taps)
        self.output(pool, self.unit(pool.result, (channels, 3)))

    def products(self):
        """A gate: the product of what two layers make, one of which is dead in part."""
        x = self.input(channel(UINT3, (4,), 4))
        copies = stream.DuplicateOp(x, 2)
        left, right = (self.unit(copy, (4, 5)) for copy in copies.results)
        product = stream.MulOp(left.result, right.result, qint.IntType(-(96**2), 96**2))
        self.output(copies, left, right, product)

    def square(self):
        x = self.input(channel(INT4, (3,), 3))
        copies = stream.DuplicateOp(x, 2)
        squares = stream.MulOp(*copies.results, qint.IntType(-56, 64))
        self.output(copies, squares, self.unit(squares.result, (3, 2)))

    def rounded(self, multiplier, offset, shift, y):
        """Requantizers that round as float32 does, ties and clamped codes among them."""
        x = self.input(channel(INT4, (4,), 4))
        first = self.unit(x, (4, 3))
        form = FloatScale(np.array(multiplier), np.array(offset), shift, 1, y.lo, y.hi)
        body = Block(arg_types=[first.result.type.element])
        scalar = qint.requantizer_op(form, body.args[0], y, None)
        body.add_ops([scalar, qint.YieldOp(scalar.result)])
        self.output(
            first, stream.RequantizeOp(first.result, Region(body), qint.IntType(y.lo, y.hi))
        )

    def side_by_side(self, *, several_beats):
        """Concatenations: whose inputs are of unequal ranges; one of which comes from outside."""
        frame = (2, 1) if several_beats else ()
        x = self.input(channel(INT4, (*frame, 3), 3))
        y = self.input(channel(UINT3, (*frame, 2), 2))
        first = self.unit(x, (3, 5))
        both = stream.ConcatOp([first.result, y], len(frame), qint.IntType(-72, 72), 7)
        self.output(first, both, self.unit(both.result, (7, 2)))


def network():
    n = Windows()
    n.depthwise()
    n.pool("max", INT4, 4, 3)
    n.pool("max", UINT3, 9, 2)
    n.pool("max", IntRange(-9, -2), 3, 2)
    n.pool("sum", INT4, 6, 3)
    n.products()
    n.square()
    n.side_by_side(several_beats=False)
    n.side_by_side(several_beats=True)
    n.rounded([3 << 22, (1 << 24) - 1, 11184811], [0, -7, 30], 27, IntRange(-8, 7))
    n.rounded([1 << 23], [5], 25, IntRange(-8, 7))
    return n


def test_a_concatenation_alone_takes_all_at_once(tmp_path):
    n = Windows()
    x, y = n.input(channel(INT4, (2, 1, 3), 3)), n.input(channel(UINT3, (2, 1, 2), 2))
    n.output(stream.ConcatOp([x, y], 2, qint.IntType(-8, 7), 5))
    module = n.module()
    hardware = module.clone()
    run_passes(hardware, ["convert-stream-to-rtl"])
    design = Design({"stream": module, "rtl": hardware, "last": hardware})
    found = Simulated(design, tmp_path)
    found.check(frames=150, seed=1, stall_probability_in=0.4, stall_probability_out=0.5)
    result = found.check(frames=1)
    assert result.latency_cycles == design.timing.latency_cycles


@pytest.fixture(scope="module", params=[40, 300])
def simulated(request, tmp_path_factory):
    module = network().module()
    before = module.clone()
    registers = make_pass("pipeline-registers", {"mhz": request.param})
    run_passes(module, ["form-pipelines", "build-adder-graphs", registers])
    module.verify()
    hardware = module.clone()
    run_passes(hardware, ["convert-stream-to-rtl"])
    design = Design({"stream": module, "rtl": hardware, "last": hardware})
    found = Simulated(design, tmp_path_factory.mktemp("breadth"))
    found.before = before
    return found


def test_all_are_pipelines_that_compute_the_same(simulated):
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
    assert len(simulated.design.network.processes) == 11


@pytest.mark.parametrize("stalls", [(0.0, 0.0), (0.4, 0.5)])
def test_stalls_change_no_integer(simulated, stalls):
    given, taken = stalls
    simulated.check(frames=150, seed=1, stall_probability_in=given, stall_probability_out=taken)


def test_a_frame_alone_takes_the_predicted_latency(simulated):
    result = simulated.check(frames=1)
    assert result.latency_cycles == simulated.design.timing.latency_cycles

"""Branches that part and meet again: simulated against the interpreter, with and without stalls."""

import numpy as np
import pytest
from stream_networks import Simulated, StreamNetwork, channel

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import FloatScale, MulShift
from qcompiler.design import Design
from qcompiler.dialects import qint, stream
from qcompiler.passes.pipeline import run_passes
from qcompiler.passes.pipeline_registers import PipelineRegistersPass

NIBBLE, SIGNED = IntRange(0, 15), IntRange(-8, 7)


def residual(n: StreamNetwork, *, outputs: int, pe: int, rows: int = 4, layers: int = 2) -> None:
    """x -> duplicate -> (matrix units | nothing) -> add: the short way must wait."""
    rng = np.random.default_rng(outputs)
    x = n.input(channel(SIGNED, (rows, outputs), 1))
    fork = stream.DuplicateOp(x, 2)
    value, processes = fork.results[0], [fork]
    bound = 8
    for _ in range(layers):
        symbol = stream.WeightsOp(f"w{len(n.weights)}", rng.integers(-2, 3, (outputs, outputs)))
        n.weights.append(symbol)
        bound *= 2 * outputs
        element = qint.IntType(-bound, bound)
        name = symbol.sym_name.data
        processes.append(stream.MvauOp(value, name, element, outputs, pe, 1))
        value = processes[-1].result
    sums = qint.IntType(-bound - 24, bound + 24)
    n.output(*processes, stream.AddOp(value, fork.results[1], sums, (1, 3)))


def network() -> StreamNetwork:
    n = StreamNetwork()
    residual(n, outputs=4, pe=1)
    residual(n, outputs=6, pe=2)
    x, z = n.input(channel(SIGNED, (5, 4), 2)), n.input(channel(NIBBLE, (5, 4), 2))
    n.output(stream.MulOp(x, z, qint.IntType(-120, 105)))
    x, z = n.input(channel(SIGNED, (3, 4), 2)), n.input(channel(NIBBLE, (3, 2), 2))
    w = n.input(channel(NIBBLE, (3, 6), 2))
    n.output(stream.ConcatOp([x, z, w], 1, qint.IntType(-8, 15)))
    rng = np.random.default_rng(0)
    span = IntRange(-40000, 40000)
    form = FloatScale(
        rng.integers(2**23, 2**24, 6), rng.integers(-999, 999, 6), 24 + 8, 5, -128, 127
    )
    n.requantize(span, IntRange(-128, 127), form, (3, 6), 2)
    tie = FloatScale(np.array([1 << 23]), np.array([0]), 24 + 7, -3, -100, 100)
    n.requantize(span, IntRange(-128, 127), tie, (3, 6), 3)
    # Factors too long for one hard multiplier.
    wide, factors = IntRange(-(2**21), 2**20), rng.integers(-(2**20), 2**20, 6)
    long = MulShift(factors, rng.integers(-(2**30), 2**30, 6), 33, -128, 127, 0)
    n.requantize(wide, IntRange(-128, 127), long, (3, 6), 2)
    positive = MulShift(np.array([2**19 - 1]), np.array([2**28]), 32, 0, 127)
    n.requantize(IntRange(0, 2**20), IntRange(0, 127), positive, (3, 6), 2)
    return n


@pytest.fixture(scope="module", params=[20, 100, 250])
def simulated(request, tmp_path_factory):
    module = network().module()
    registers = PipelineRegistersPass(request.param)
    run_passes(module, ["insert-width-adapters", registers, "size-fifos"])
    hardware = module.clone()
    run_passes(hardware, ["convert-stream-to-rtl"])
    design = Design({"stream": module, "rtl": hardware, "last": hardware})
    return Simulated(design, tmp_path_factory.mktemp("joins"))


@pytest.mark.simulation
def test_joins_give_what_the_interpreter_gives_at_full_speed(simulated):
    result = simulated.check()
    assert result.cycles_per_frame == simulated.design.timing.cycles_per_frame


@pytest.mark.simulation
@pytest.mark.parametrize("seed", [1, 2])
def test_joins_give_the_same_under_stalls(simulated, seed):
    stalls = {"stall_probability_in": 0.4, "stall_probability_out": 0.4}
    simulated.check(frames=40, seed=seed, **stalls)


@pytest.mark.simulation
def test_a_way_longer_than_many_frames_is_waited_for(tmp_path):
    """Frames of two cycles, and ten layers beside them: a dozen frames and more are under way."""
    n = StreamNetwork()
    residual(n, outputs=2, pe=2, rows=1, layers=10)
    module = n.module()
    run_passes(module, ["insert-width-adapters", PipelineRegistersPass(100), "size-fifos"])
    hardware = module.clone()
    run_passes(hardware, ["convert-stream-to-rtl"])
    design = Design({"stream": module, "rtl": hardware, "last": hardware})
    result = Simulated(design, tmp_path).check()
    assert (result.cycles_per_frame, design.timing.cycles_per_frame) == (2, 2)

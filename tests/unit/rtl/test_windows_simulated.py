"""Sliding windows, depthwise products and pools, simulated against the interpreter."""

from dataclasses import dataclass

import numpy as np
import pytest
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Block, Region
from xdsl.rewriter import Rewriter

from qcompiler.arith.ranges import IntRange, dot_range
from qcompiler.arith.windows import Window
from qcompiler.design import Design
from qcompiler.dialects import qint, stream
from qcompiler.interpreters import run
from qcompiler.passes.pipeline import run_passes
from qcompiler.passes.pipeline_registers import PipelineRegistersPass


def window(kernel, strides=(1, 1), dilations=(1, 1), begin=(0, 0), end=(0, 0)):
    return Window(kernel, strides, dilations, begin, end)


@dataclass(frozen=True)
class Case:
    """A sliding window, and what takes its windows.

    Attributes:
        frame: height, width, channels.
        lanes: channels a beat.
        window: what slides.
        kind: `mvau`, `vvau`, or that of a pool.
        bounds: of the inputs.
        pad: what stands in the padding.
        groups, outputs, pe: of a matrix unit.
        taps: a beat.
    """

    frame: tuple[int, int, int]
    lanes: int
    window: Window
    kind: str = "mvau"
    bounds: tuple[int, int] = (-3, 3)
    pad: int = 0
    groups: int = 1
    outputs: int = 4
    pe: int = 2
    taps: int = 1


CASES = [
    Case((6, 5, 4), 2, window((3, 3), begin=(1, 1), end=(1, 1))),
    Case((7, 6, 4), 4, window((3, 3), (2, 2), end=(1, 1)), bounds=(0, 7)),
    Case((8, 8, 2), 1, window((3, 2), (1, 2), (2, 1), (2, 0), (2, 1)), pad=2),
    Case((6, 6, 4), 2, window((3, 3), begin=(1, 1), end=(1, 1)), "vvau"),
    Case((6, 6, 4), 2, window((2, 2), (2, 2)), "max", pad=-3),
    Case((5, 7, 3), 1, window((3, 3), (2, 2), begin=(1, 1), end=(1, 1)), "max", pad=-3),
    Case((4, 4, 4), 4, window((4, 4)), "sum", (0, 3)),
    Case((1, 12, 3), 3, window((1, 4), (1, 2), (1, 2), (0, 3), (0, 2))),
    Case((5, 5, 2), 2, window((1, 1), (2, 2))),
    # Groups: several folds of each, one, and one output a group; one channel a group.
    Case((5, 4, 8), 2, window((3, 2), (1, 1), begin=(1, 0), end=(1, 1)), groups=2, outputs=6, pe=1),
    Case((1, 9, 6), 2, window((1, 3), (1, 2), begin=(0, 2)), groups=3, outputs=6, pe=2),
    Case((4, 4, 4), 2, window((2, 2)), groups=2, outputs=2, pe=1),
    Case((4, 5, 3), 1, window((3, 3), begin=(1, 1), end=(1, 1)), groups=3, outputs=6, pe=2),
    Case((3, 3, 6), 3, window((1, 1), (2, 2)), groups=2, outputs=4, pe=2),
    # Several taps a beat: a row, all, part of a row, some rows; strides, dilations, groups.
    Case((6, 5, 2), 2, window((3, 3), begin=(1, 1), end=(1, 1)), taps=3),
    Case((6, 5, 2), 2, window((3, 3), begin=(1, 1), end=(1, 1)), taps=9, pe=4),
    Case((5, 7, 1), 1, window((2, 4), (1, 2), begin=(0, 1), end=(1, 2)), taps=2, pad=1),
    Case((7, 6, 1), 1, window((4, 2), (2, 1), begin=(2, 0), end=(1, 1)), taps=4, pad=-2),
    Case((7, 9, 2), 2, window((2, 2), (1, 3), (3, 2), (1, 1), (0, 2)), taps=4),
    Case((4, 9, 1), 1, window((1, 4), dilations=(1, 2), begin=(0, 2), end=(0, 3)), taps=2),
    Case((1, 8, 3), 3, window((1, 3), begin=(0, 2)), taps=3, pe=1),
    Case((8, 4, 2), 2, window((3, 1), (2, 1), (2, 1), (1, 0), (2, 0)), taps=3),
    Case((5, 6, 4), 2, window((2, 3), begin=(1, 1), end=(0, 1)), groups=2, taps=3),
    Case((5, 6, 4), 2, window((2, 3), begin=(1, 1), end=(0, 1)), groups=2, taps=6, pe=1),
    Case((6, 6, 4), 2, window((3, 3), begin=(1, 1), end=(1, 1)), "vvau", taps=3),
    Case((6, 6, 4), 4, window((3, 3), begin=(1, 1), end=(1, 1)), "vvau", taps=9),
    Case((6, 6, 4), 2, window((2, 2), (2, 2)), "max", pad=-3, taps=2),
    Case((6, 6, 2), 2, window((2, 2), (2, 2)), "max", (0, 3), taps=4),
    Case((4, 6, 2), 1, window((2, 3)), "sum", taps=6),
    Case((4, 6, 2), 1, window((2, 3), begin=(1, 0)), "sum", taps=3),
]


def dot(name, shape, seen, rng):
    """Returns weights and the element type of what they make of inputs in the range `seen`."""
    weights = rng.integers(-3, 4, shape)
    lo, hi = dot_range(weights, seen)
    return stream.WeightsOp(name, weights), qint.IntType(int(lo.min()), int(hi.max()))


def reader(case, windows, name, seen, rng):
    """Returns what takes the windows, and its weights if it has any."""
    taps, channels = case.window.taps, case.frame[-1]
    if case.kind == "mvau":
        shape = taps * channels // case.groups, case.outputs
        weights, made = dot(name, shape, seen, rng)
        sizes = case.outputs, case.pe, case.lanes * case.taps, case.groups
        return [weights], stream.MvauOp(windows, name, made, *sizes)
    if case.kind == "vvau":
        weights, made = dot(name, (taps, channels), seen, rng)
        return [weights], stream.VvauOp(windows, name, made, taps, case.taps)
    bounds = qint.pool_range(case.kind, seen, taps)
    made = qint.IntType(bounds.lo, bounds.hi)
    return [], stream.PoolOp(windows, case.kind, made, taps, case.taps)


def network(cases, rng):
    """A core with one independent path per case."""
    block, weights, outputs = Block(), [], []
    for n, case in enumerate(cases):
        lo, hi = case.bounds
        channel = stream.ChannelType(qint.IntType(lo, hi), case.frame, case.lanes)
        x = block.insert_arg(channel, len(block.args))
        seen = IntRange(min(lo, case.pad), max(hi, case.pad))
        element = qint.IntType(seen.lo, seen.hi)
        groups = case.groups if case.kind == "mvau" else case.frame[-1] // case.lanes
        windows = stream.SlidingWindowOp(x, element, case.window, case.pad, groups)
        lanes = stream.channel_of(windows.result).with_lanes(case.lanes * case.taps)
        Rewriter.replace_value_with_new_type(windows.result, lanes)
        needed, process = reader(case, windows.result, f"w{n}", seen, rng)
        weights += needed
        block.add_ops([windows, process])
        outputs.append(process.result)
    block.add_op(func.ReturnOp(*outputs))
    types = [a.type for a in block.args], [o.type for o in outputs]
    core = func.FuncOp("core", types, Region(block))
    module = ModuleOp([*weights, core], {"nn.name": StringAttr("windows")})
    module.verify()
    return module


def design_of(module, mhz=None):
    if mhz is not None:
        run_passes(module, [PipelineRegistersPass(mhz)])
    hardware = module.clone()
    run_passes(hardware, ["convert-stream-to-rtl"])
    return Design({"stream": module, "qint": module, "rtl": hardware, "last": hardware})


@pytest.mark.simulation
@pytest.mark.parametrize(("enough", "cycles"), [(False, 19), (True, 16)])
def test_windows_wait_for_the_next_frame_if_the_line_buffer_is_small(enough, cycles):
    """The last windows free two rows, the next frame's first ones need two: one more than fits."""
    rng = np.random.default_rng(0)
    module = network([Case((3, 3, 1), 1, window((2, 2)), pe=4)], rng)
    if enough:
        run_passes(module, ["size-fifos"])
    design = design_of(module)
    x = rng.integers(-3, 3, (12, 3, 3, 1), endpoint=True)
    _, result = design.simulate_core([x])
    assert result.cycles_per_frame == design.timing.cycles_per_frame == cycles


@pytest.mark.simulation
@pytest.mark.parametrize("mhz", [None, 150, 400])
def test_registers_of_windows_add_to_the_latency_what_is_predicted(mhz):
    """Those of addresses add nothing: they are known ahead."""
    rng = np.random.default_rng(0)
    case = Case((6, 5, 4), 4, window((3, 3), begin=(1, 1), end=(1, 1)), "vvau", taps=3)
    design = design_of(network([case], rng), mhz)
    ahead = [process.registers.get("ahead", 0) for process in design.network.processes]
    assert ahead == [2 if mhz else 0, 0]
    x = rng.integers(-3, 3, (1, *case.frame), endpoint=True)
    _, result = design.simulate_core([x])
    assert result.latency_cycles == design.timing.latency_cycles


@pytest.mark.simulation
@pytest.mark.parametrize("mhz", [pytest.param(None, marks=pytest.mark.sweep), 400])
def test_windows_give_what_the_interpreter_gives(mhz):
    rng = np.random.default_rng(0)
    module = network(CASES, rng)
    design = design_of(module, mhz)
    inputs = [rng.integers(*case.bounds, (12, *case.frame), endpoint=True) for case in CASES]
    expected = run(module, "core", inputs)
    for stalls in (0.0, 0.4):
        outputs, result = design.simulate_core(
            inputs, stall_probability_in=stalls, stall_probability_out=stalls, seed=3
        )
        assert not result.tlast_errors
        for got, want in zip(outputs, expected, strict=True):
            np.testing.assert_array_equal(got, want.reshape(got.shape))
        if not stalls:
            assert result.cycles_per_frame == design.timing.cycles_per_frame

"""Sliding windows, depthwise products and pools, simulated against the interpreter."""

import numpy as np
import pytest
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Block, Region

from qcompiler.arith.ranges import IntRange, dot_range
from qcompiler.arith.windows import Window
from qcompiler.design import Design
from qcompiler.dialects import qint, stream
from qcompiler.interpreters import run
from qcompiler.passes.pipeline import run_passes


def window(kernel, strides=(1, 1), dilations=(1, 1), begin=(0, 0), end=(0, 0)):
    return Window(kernel, strides, dilations, begin, end)


# (height, width, channels), lanes, window, kind, (lo, hi), padding value
CASES = [
    ((6, 5, 4), 2, window((3, 3), begin=(1, 1), end=(1, 1)), "dense", (-3, 3), 0),
    ((7, 6, 4), 4, window((3, 3), (2, 2), end=(1, 1)), "dense", (0, 7), 0),
    ((8, 8, 2), 1, window((3, 2), (1, 2), (2, 1), (2, 0), (2, 1)), "dense", (-3, 3), 2),
    ((6, 6, 4), 2, window((3, 3), begin=(1, 1), end=(1, 1)), "depthwise", (-3, 3), 0),
    ((6, 6, 4), 2, window((2, 2), (2, 2)), "max", (-3, 3), -3),
    ((5, 7, 3), 1, window((3, 3), (2, 2), begin=(1, 1), end=(1, 1)), "max", (-3, 3), -3),
    ((4, 4, 4), 4, window((4, 4)), "sum", (0, 3), 0),
    ((1, 12, 3), 3, window((1, 4), (1, 2), (1, 2), (0, 3), (0, 2)), "dense", (-3, 3), 0),
    ((5, 5, 2), 2, window((1, 1), (2, 2)), "dense", (-3, 3), 0),
]


def weighted(block, name, shape, seen, rng):
    """Returns weights and the element type of what they make of inputs in the range `seen`."""
    weights = rng.integers(-3, 4, shape)
    lo, hi = dot_range(weights, seen)
    return stream.WeightsOp(name, weights), qint.IntType(int(lo.min()), int(hi.max()))


def network(cases, rng):
    """A core with one independent path per case."""
    block, weights, outputs = Block(), [], []
    for n, (frame, lanes, slid, kind, (lo, hi), pad) in enumerate(cases):
        channel = stream.ChannelType(qint.IntType(lo, hi), frame, lanes)
        x = block.insert_arg(channel, len(block.args))
        seen = IntRange(min(lo, pad), max(hi, pad))
        order = "dense" if kind == "dense" else "depthwise"
        element = qint.IntType(seen.lo, seen.hi)
        windows = stream.SlidingWindowOp(x, element, slid, pad, order)
        if kind == "dense":
            op, made = weighted(block, f"w{n}", (slid.taps * frame[-1], 4), seen, rng)
            process = stream.MvauOp(windows.result, f"w{n}", made, 4, 2, lanes)
            weights.append(op)
        elif kind == "depthwise":
            op, made = weighted(block, f"w{n}", (slid.taps, frame[-1]), seen, rng)
            process = stream.VvauOp(windows.result, f"w{n}", made, slid.taps)
            weights.append(op)
        else:
            bounds = qint.pool_range(kind, seen, slid.taps)
            made = qint.IntType(bounds.lo, bounds.hi)
            process = stream.PoolOp(windows.result, kind, made, slid.taps)
        block.add_ops([windows, process])
        outputs.append(process.result)
    block.add_op(func.ReturnOp(*outputs))
    types = [a.type for a in block.args], [o.type for o in outputs]
    core = func.FuncOp("core", types, Region(block))
    module = ModuleOp([*weights, core], {"nn.name": StringAttr("windows")})
    module.verify()
    return module


@pytest.mark.simulation
def test_windows_give_what_the_interpreter_gives():
    rng = np.random.default_rng(0)
    module = network(CASES, rng)
    hardware = module.clone()
    run_passes(hardware, ["convert-stream-to-rtl"])
    design = Design({"stream": module, "qint": module, "rtl": hardware, "last": hardware})
    inputs = [rng.integers(lo, hi + 1, (12, *frame)) for frame, _, _, _, (lo, hi), _ in CASES]
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

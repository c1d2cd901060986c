"""Rearranged streams, from qint operations down to simulated Verilog."""

import numpy as np
import pytest
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, StringAttr, TensorType
from xdsl.ir import Block, Region

from qcompiler.design import Design
from qcompiler.dialects import qint
from qcompiler.interpreters import run
from qcompiler.passes.pipeline import make_pass, run_passes
from qcompiler.pipelines import RTL, STREAM

# shape of the input, operation on it
CASES = [
    ([1, 4, 6, 4], lambda x: qint.SliceOp(x, [0, 1, 0, 0], [1, 4, 6, 4], [1, 1, 1, 1])),
    ([1, 5, 6, 4], lambda x: qint.SliceOp(x, [0, 1, 1, 2], [1, 5, 6, 4], [1, 2, 3, 1])),
    ([1, 3, 4, 5], lambda x: qint.SliceOp(x, [0, 0, 0, 1], [1, 3, 4, 5], [1, 1, 1, 3])),
    ([1, 7, 4], lambda x: qint.SliceOp(x, [0, 2, 0], [1, 7, 4], [1, 2, 1])),
    ([1, 8], lambda x: qint.SliceOp(x, [0, 2], [1, 6], [1, 1])),
    ([1, 3, 4, 4], lambda x: qint.ResizeNearestOp(x, [1, 2, 3, 1])),
    ([1, 3, 4, 2], lambda x: qint.ResizeNearestOp(x, [1, 1, 2, 1])),
    ([1, 5, 2], lambda x: qint.ResizeNearestOp(x, [1, 4, 1])),
    ([1, 2, 3, 8], lambda x: qint.DepthToSpaceOp(x, [2, 2], "DCR")),
    ([1, 2, 3, 8], lambda x: qint.DepthToSpaceOp(x, [2, 2], "CRD")),
    ([1, 3, 6], lambda x: qint.DepthToSpaceOp(x, [3], "DCR")),
    ([1, 3, 4, 2], lambda x: qint.TransposeOp(x, [0, 3, 1, 2])),
    ([1, 3, 4, 4], lambda x: qint.TransposeOp(x, [0, 2, 1, 3])),
    ([1, 3, 4, 2], lambda x: qint.PadOp(x, [0, 1, 2, 0], [0, 2, 0, 0], -3)),
    ([1, 4, 3], lambda x: qint.PadOp(x, [0, 1, 0], [0, 2, 0], 1)),
    ([1, 2, 3, 4], lambda x: qint.AffineOp(x, np.array([3]), np.array([-2]))),
    ([1, 3, 2, 4], lambda x: qint.AffineOp(x, np.array([1, 2, -1]), np.arange(3), axis=1)),
    ([1, 12], lambda x: qint.ArgMaxOp(x)),
    ([1, 12], lambda x: qint.ArgMaxOp(x, last=True)),
    ([1, 3, 2, 6], lambda x: qint.ArgMaxOp(x)),
    ([1, 5, 1], lambda x: qint.ArgMaxOp(x)),
    ([1, 2, 4], lambda x: qint.AffineOp(x, np.array([1]), np.arange(4), axis=2)),
]


def module_of(cases):
    """A core with one independent operation per case."""
    types = [TensorType(qint.IntType(-8, 7), shape) for shape, _ in cases]
    block = Block(arg_types=types)
    ops = [make(argument) for (_, make), argument in zip(cases, block.args, strict=True)]
    block.add_ops(ops)
    results = [op.results[0] for op in ops]
    block.add_op(func.ReturnOp(*results))
    core = func.FuncOp("core", (types, [r.type for r in results]), Region(block))
    module = ModuleOp([core], {"nn.name": StringAttr("moved")})
    module.verify()
    return module


BROADCASTS = {
    "channels": ([1, 4], [1, 1, 1, 4]),
    "positions": ([1, 3, 4], [1, 3, 4, 1]),
    "columns": ([1, 4, 1], [1, 1, 4, 1]),
    "rows of channels": ([1, 3, 4], [1, 3, 1, 4]),
    "columns of channels": ([1, 4, 4], [1, 1, 4, 4]),
    "a number": ([1, 1], [1, 1, 1, 1]),
}


def broadcasts(given, shape):
    """Products of a smaller tensor with all positions."""
    block = Block(arg_types=[TensorType(qint.IntType(-8, 7), s) for s in ([1, 3, 4, 4], given)])
    wide, narrow = block.args
    shaped = qint.ReshapeOp(narrow, shape)
    product = qint.MulOp(wide, shaped.result)
    block.add_ops([shaped, product, func.ReturnOp(product.result)])
    types = block.arg_types, [product.result.type]
    core = func.FuncOp("core", types, Region(block))
    return ModuleOp([core], {"nn.name": StringAttr("broadcast")})


def check(module, cycles, frames=6, mhz=100):
    rng = np.random.default_rng(0)
    core = next(iter(module.ops))
    inputs = [rng.integers(-8, 8, (frames, *a.type.get_shape())) for a in core.args]
    expected = run(module, "core", inputs)
    lowered = module.clone()
    folding = make_pass("select-folding", {"target_cycles": cycles})
    registers = make_pass("pipeline-registers", {"mhz": mhz})
    passes = [registers if name == "pipeline-registers" else name for name in STREAM[2:]]
    run_passes(lowered, [STREAM[0], folding, *passes])
    hardware = lowered.clone()
    run_passes(hardware, RTL)
    design = Design({"stream": lowered, "rtl": hardware, "last": hardware})
    ports = design.ports[: len(inputs)]
    frames_in = [x.reshape(frames, *c.frame_shape) for x, (_, c) in zip(inputs, ports, strict=True)]
    for stalls in (0.0, 0.4):
        outputs, result = design.simulate_core(
            frames_in, stall_probability_in=stalls, stall_probability_out=stalls, seed=3
        )
        assert not result.tlast_errors
        for index, (got, want) in enumerate(zip(outputs, expected, strict=True)):
            np.testing.assert_array_equal(got, want.reshape(got.shape), f"case {index}")
        if not stalls:
            assert result.cycles_per_frame == design.timing.cycles_per_frame


@pytest.mark.simulation
@pytest.mark.parametrize(("cycles", "mhz"), [(1000, 20), (30, 400)])
def test_rearrangements_give_what_the_interpreter_gives(cycles, mhz):
    check(module_of(CASES), cycles, mhz=mhz)


@pytest.mark.simulation
@pytest.mark.parametrize("cycles", [1000, 12])
def test_values_per_channel_join_all_positions(cycles):
    check(broadcasts(*BROADCASTS["channels"]), cycles)


@pytest.mark.simulation
@pytest.mark.parametrize("name", [name for name in BROADCASTS if name != "channels"])
def test_smaller_tensors_join_larger_ones(name):
    check(broadcasts(*BROADCASTS[name]), 100, frames=4)


@pytest.mark.simulation
@pytest.mark.parametrize(("cycles", "mhz"), [(1, 20), (2, 400)])
def test_labels_are_selected_among_several_a_beat(cycles, mhz):
    cases = [([1, 12], lambda x, last=last: qint.ArgMaxOp(x, last)) for last in (False, True)]
    check(module_of(cases), cycles, frames=40, mhz=mhz)

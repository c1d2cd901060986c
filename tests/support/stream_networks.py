"""Independent streaming blocks side by side in one core: one Verilator compilation for many."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Region

from qcompiler.analysis.validation import random_integers
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.turns import ONCE, Turns
from qcompiler.design import Design
from qcompiler.dialects import qint, stream
from qcompiler.interpreters import run
from qcompiler.passes.pipeline import run_passes
from qcompiler.passes.pipeline_registers import PipelineRegistersPass


def channel(range_: IntRange, frame, lanes: int) -> stream.ChannelType:
    return stream.ChannelType(qint.IntType(range_.lo, range_.hi), frame, lanes)


@dataclass
class StreamNetwork:
    """Collects chains of processes, each from an input of its own to an output of its own."""

    block: Block = field(default_factory=Block)
    weights: list[stream.WeightsOp] = field(default_factory=list)
    results: list = field(default_factory=list)

    def input(self, type_: stream.ChannelType):
        return self.block.insert_arg(type_, len(self.block.args))

    def output(self, *processes: stream.Process):
        self.block.add_ops(processes)
        self.results.append(processes[-1].result)

    def mvau(self, x: IntRange, weights, pe: int, simd: int, vectors=(), style=None):
        """Adds a matrix unit from an input that has as many lanes as it takes."""
        symbol = stream.WeightsOp(f"w{len(self.weights)}", np.asarray(weights))
        self.weights.append(symbol)
        given = self.input(channel(x, (*vectors, symbol.array.shape[0]), simd))
        corners = [symbol.array * x.lo, symbol.array * x.hi]
        low, high = (pick(*corners).sum(0) for pick in (np.minimum, np.maximum))
        sums = qint.IntType(int(low.min()), int(high.max()))
        name = symbol.sym_name.data
        unit = stream.MvauOp(given, name, sums, symbol.array.shape[1], pe, simd)
        unit.style = style
        self.output(unit)

    def requantize(self, x: IntRange, y: IntRange, form, frame, lanes: int, turns: Turns = ONCE):
        given = self.input(channel(x, frame, lanes))
        body = Block(arg_types=[given.type.element])
        scalar = qint.requantizer_op(form, body.args[0], y, None)
        body.add_ops([scalar, qint.YieldOp(scalar.result)])
        process = stream.RequantizeOp(given, Region(body), qint.IntType(y.lo, y.hi))
        process.turns = turns
        self.output(process)

    def module(self) -> ModuleOp:
        """Returns everything collected, at the stream level."""
        self.block.add_op(func.ReturnOp(*self.results))
        types = self.block.arg_types, [value.type for value in self.results]
        core = func.FuncOp("core", types, Region(self.block))
        module = ModuleOp([*self.weights, core])
        module.verify()
        return module

    def design(self, mhz: float | None = None) -> Design:
        """Returns the design of everything collected, down to hardware.

        Its pipeline registers are those that a clock of the default device needs, if one is given.
        """
        module = self.module()
        if mhz is not None:
            run_passes(module, [PipelineRegistersPass(mhz)])
            module.verify()
        hardware = module.clone()
        run_passes(hardware, ["convert-stream-to-rtl"])
        return Design({"stream": module, "rtl": hardware, "last": hardware})


class Simulated:
    """A design whose Verilog is written once, so that all its simulations share a compilation."""

    def __init__(self, design: Design, directory: Path):
        self.design, self.rtl = design, design.rtl_design(directory)

    def check(self, frames: int = 24, seed: int = 0, **stimulus):
        """Compares the simulation with the interpreter, all outputs; returns the result."""
        random = np.random.default_rng(seed)
        inputs = [
            random_integers(c.element.range, (frames, *c.frame_shape), random)
            for c in (stream.channel_of(value) for value in self.design.network.inputs)
        ]
        expected = run(self.design.level("stream"), "core", inputs)
        outputs, result = self.design.simulate_rtl(self.rtl, inputs, tool="verilator", **stimulus)
        assert not result.tlast_errors
        for index, (wanted, got) in enumerate(zip(expected, outputs, strict=True)):
            np.testing.assert_array_equal(got, wanted.reshape(got.shape), f"output {index}")
        return result

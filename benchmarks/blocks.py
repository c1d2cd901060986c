"""Blocks of many shapes side by side in one design: what the cost model is fitted on."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Region, SSAValue

from benchmarks.common import REPOSITORY
from qcompiler import compile as compile_model
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import MulShift, Requantizer, Threshold
from qcompiler.arith.turns import Turns
from qcompiler.arith.windows import Window
from qcompiler.design import Design
from qcompiler.dialects import qint, stream
from qcompiler.dialects.stream.channel import channel_of, set_lanes
from qcompiler.passes.pipeline import run_passes

_EXAMPLES = ("digits_mlp/digits_mlp", "digits_cnn/digits_cnn_qonnx")
_CYCLES = (4096, 512)


@dataclass
class _Blocks:
    """Processes side by side, each from an input of its own to an output of its own."""

    rng: np.random.Generator
    block: Block = field(default_factory=Block)
    weights: list[stream.WeightsOp] = field(default_factory=list[stream.WeightsOp])
    results: list[SSAValue] = field(default_factory=list[SSAValue])

    def _input(self, x: IntRange, frame: tuple[int, ...], lanes: int) -> SSAValue:
        element = qint.IntType(x.lo, x.hi)
        channel = stream.ChannelType(element, frame, lanes)
        return self.block.insert_arg(channel, len(self.block.args))

    def _add(self, process: stream.Process) -> None:
        self.block.add_op(process)
        self.results.append(process.results[0])

    def _one_of(self, *choices: int) -> int:
        return int(self.rng.choice(choices))

    def matrix(self) -> None:
        """Adds a matrix unit."""
        bits = self._one_of(1, 2, 4, 6, 8, 8)
        x = IntRange(0, 2**bits - 1) if self.rng.random() < 0.5 else IntRange.for_bits(bits, True)
        most = self._one_of(1, 1, 3, 7, 31, 127)
        pe, simd = self._one_of(1, 2, 4, 8), self._one_of(1, 2, 4, 8, 16)
        mw, mh = simd * self._one_of(1, 4, 9, 32), pe * self._one_of(2, 4, 16)
        self._mvau(x, (mw, mh), (pe, simd), most)

    def deep_matrix(self) -> None:
        """Adds a matrix unit whose weights take several block memories behind each other."""
        pe, simd = self._one_of(1, 2), self._one_of(1, 2, 4)
        shape = simd * self._one_of(64, 80, 128), pe * self._one_of(80, 128, 160)
        self._mvau(IntRange.for_bits(8, True), shape, (pe, simd), 127)

    def logic_matrix(self) -> None:
        """Adds a matrix unit whose weights are some hundred wide words: logic in large tables."""
        pe, simd = self._one_of(2, 4, 8), self._one_of(4, 8)
        shape = simd * self._one_of(9, 16, 18), pe * self._one_of(8, 16)
        most = self._one_of(1, 7, 31, 127)
        self._mvau(IntRange.for_bits(self._one_of(4, 8), True), shape, (pe, simd), most)

    def convolution(self) -> None:
        """Adds sliding windows, what multiplies them, and a requantizer of its sums."""
        bits, most = self._one_of(2, 4, 8, 8), self._one_of(1, 3, 7, 127)
        x = IntRange(0, 2**bits - 1) if self.rng.random() < 0.5 else IntRange.for_bits(bits, True)
        size, kernel, stride = (self._one_of(*c) for c in ((6, 8, 10, 16), (3, 3, 5), (1, 1, 2)))
        pads = (self._one_of(0, 1, 1),) * 2
        window = Window((kernel, kernel), (stride, stride), (1, 1), pads, pads)
        lanes, folds = self._one_of(1, 2, 4), self._one_of(1, 4, 8)
        taps = self._one_of(1, kernel, 9 if kernel == 3 else 5)
        dense = self.rng.random() < 0.5
        if dense and taps > 1:  # beats hold all channels
            folds = 1
        given = self._input(x, (size, size, lanes * folds), lanes)
        groups = 1 if dense else folds
        windows = stream.SlidingWindowOp(given, qint.IntType(x.lo, x.hi), window, 0, groups)
        set_lanes(windows.result, lanes * taps)
        made: stream.Process
        if dense:
            pe, shape = self._one_of(1, 2, 4), (window.taps * lanes * folds, 16)
            name, sums = self._weights(shape, x, most)
            made = stream.MvauOp(windows.result, name, sums, 16, pe, lanes * taps)
        else:
            name, sums = self._weights((window.taps, lanes * folds), x, most)
            made = stream.VvauOp(windows.result, name, sums, window.taps, taps)
        self.block.add_ops([windows, made])
        self._requantize(made.results[0], self._one_of(2, 4, 8))

    def turning_requantizer(self) -> None:
        """Adds a requantizer whose products take several cycles."""
        lanes = self._one_of(1, 2, 4)
        self._requantizer(8, lanes, lanes * self._one_of(8, 16, 32, 64))
        pieces = self._one_of(1, 1, 2, 3)
        made = cast(stream.RequantizeOp, self.results[-1].owner)
        made.turns = Turns(pieces * self._one_of(2, 3, 4, 5, 7), pieces)

    def _mvau(
        self, x: IntRange, shape: tuple[int, int], folding: tuple[int, int], most: int
    ) -> None:
        (mw, mh), (pe, simd) = shape, folding
        name, sums = self._weights(shape, x, most)
        self._add(stream.MvauOp(self._input(x, (mw,), simd), name, sums, mh, pe, simd))

    def _weights(self, shape: tuple[int, int], x: IntRange, most: int) -> tuple[str, qint.IntType]:
        """Adds a matrix; returns its name, and what sums of its columns are."""
        # As trained weights are: many small ones.
        values = np.clip(np.rint(self.rng.normal(0, most / 2.5, shape)), -most, most)
        values = values.astype(np.int64)
        corners = values * x.lo, values * x.hi
        low = int(np.minimum(*corners).sum(0).min())
        high = int(np.maximum(*corners).sum(0).max())
        symbol = stream.WeightsOp(f"w{len(self.weights)}", values)
        self.weights.append(symbol)
        return symbol.sym_name.data, qint.IntType(low, high)

    def requantizer(self) -> None:
        """Adds a requantizer, a multiplication or comparisons."""
        bits, lanes = self._one_of(2, 4, 8), self._one_of(1, 2, 4, 8)
        self._requantizer(bits, lanes, lanes * self._one_of(8, 16, 32, 64))

    def logic_requantizer(self) -> None:
        """Adds a requantizer of many channels whose parameters are logic."""
        lanes = self._one_of(1, 2)
        self._requantizer(8, lanes, lanes * self._one_of(24, 32, 48, 64, 96, 128, 256))
        self.in_tables()

    def in_tables(self) -> None:
        """Keeps the memories of what was added last in look-up tables."""
        cast(stream.Process, self.results[-1].owner).ram_style = "distributed"

    def _requantizer(self, bits: int, lanes: int, channels: int) -> None:
        x = IntRange.for_bits(self._one_of(8, 12, 16, 20), True)
        self._requantize(self._input(x, (channels,), lanes), bits)

    def _requantize(self, given: SSAValue, bits: int) -> None:
        channel = channel_of(given)
        x, channels = channel.element.range, channel.channels
        y = IntRange(0, 2**bits - 1)
        form: Requantizer = (
            self._thresholds(x, y, channels) if bits < 8 else self._scale(x, y, channels)
        )
        body = Block(arg_types=[qint.IntType(x.lo, x.hi)])
        scalar = qint.requantizer_op(form, body.args[0], y, None)
        body.add_ops([scalar, qint.YieldOp(scalar.result)])
        self._add(stream.RequantizeOp(given, Region(body), qint.IntType(y.lo, y.hi)))

    def _thresholds(self, x: IntRange, y: IntRange, channels: int) -> Threshold:
        levels = self.rng.integers(x.lo, x.hi, (channels, y.hi - y.lo))
        return Threshold(np.sort(levels, axis=1), np.ones(channels, np.int64), y.lo)

    def _scale(self, x: IntRange, y: IntRange, channels: int) -> MulShift:
        factors = self.rng.integers(1 << 10, 1 << 14, channels)
        shift = max(x.width_bits + 14 - y.width_bits, 1)  # so that codes are as long as they may be
        biases = self.rng.integers(-(1 << 18), 1 << 18, channels) * (1 << shift) >> 12
        return MulShift(factors, biases, shift, y.lo, y.hi, None)

    def buffer(self) -> None:
        """Adds a FIFO."""
        lanes, bits = self._one_of(1, 2, 4, 8), self._one_of(1, 4, 8, 16)
        given = self._input(IntRange.for_bits(bits, True), (lanes * 64,), lanes)
        self._add(stream.FifoOp(given, self._one_of(1, 2, 4, 9, 16, 40, 64, 130, 500, 1000)))

    def deep_buffer(self) -> None:
        """Adds a FIFO of several distributed memories behind each other."""
        given = self._input(IntRange.for_bits(self._one_of(4, 8), True), (64,), 1)
        self._add(stream.FifoOp(given, self._one_of(40, 60, 75, 90, 110, 120, 150, 180)))

    def adapter(self) -> None:
        """Adds a width adapter."""
        narrow = self._one_of(1, 2, 4)
        wide = narrow * self._one_of(2, 3, 4, 8)
        lanes = [narrow, wide] if self.rng.random() < 0.5 else [wide, narrow]
        given = self._input(IntRange.for_bits(self._one_of(2, 4, 8), True), (wide * 4,), lanes[0])
        self._add(stream.WidthAdapterOp(given, lanes[1]))

    def design(self) -> Design:
        """Returns the design of everything added, down to hardware."""
        self.block.add_op(func.ReturnOp(*self.results))
        types = [a.type for a in self.block.args], [value.type for value in self.results]
        module = ModuleOp([*self.weights, func.FuncOp("core", types, Region(self.block))])
        module.verify()
        run_passes(module, ["pipeline-registers"])  # as every compilation does
        hardware = module.clone()
        run_passes(hardware, ["convert-stream-to-rtl"])
        return Design({"stream": module, "rtl": hardware, "last": hardware})


def random_blocks(seed: int) -> Design:
    """Returns a few random blocks."""
    blocks = _Blocks(np.random.default_rng(seed))
    blocks.matrix()
    blocks.requantizer()
    if seed % 2:
        blocks.buffer()
    else:
        blocks.adapter()
    return blocks.design()


def memories(seed: int) -> Design:
    """Returns memories of several banks each, and a large table."""
    blocks = _Blocks(np.random.default_rng(seed))
    blocks.deep_matrix()
    blocks.logic_matrix()
    for _ in range(3):
        blocks.deep_buffer()
    return blocks.design()


def parameters(seed: int) -> Design:
    """Returns requantizers whose parameters are logic."""
    blocks = _Blocks(np.random.default_rng(seed))
    for _ in range(4):
        blocks.logic_requantizer()
    return blocks.design()


def weights(seed: int) -> Design:
    """Returns a matrix unit whose weights are logic, however many."""
    blocks = _Blocks(np.random.default_rng(seed))
    blocks.logic_matrix()
    blocks.in_tables()
    return blocks.design()


def convolutions(seed: int) -> Design:
    """Returns a convolution alone: what windows, products and requantizer take together."""
    blocks = _Blocks(np.random.default_rng(seed))
    blocks.convolution()
    return blocks.design()


def turns(seed: int) -> Design:
    """Returns requantizers that take several cycles."""
    blocks = _Blocks(np.random.default_rng(seed))
    for _ in range(3):
        blocks.turning_requantizer()
    return blocks.design()


def examples() -> Iterator[tuple[str, Design]]:
    """Yields the project's example networks at a few foldings, with names."""
    for example in _EXAMPLES:
        path = REPOSITORY / "examples" / f"{example}.onnx"
        for cycles in _CYCLES:
            yield f"{Path(example).name} {cycles}", compile_model(path, cycles=cycles)


def sweep(seeds: int) -> Iterator[tuple[str, Design]]:
    """Yields the designs of the sweep, with names."""
    yield from examples()
    for seed in range(seeds):
        yield f"blocks {seed}", random_blocks(seed)
        if seed % 2:
            yield f"memories {seed}", memories(seed)
        if seed % 4 == 0:
            yield f"parameters {seed}", parameters(seed)
        if seed % 4 == 2:
            yield f"weights {seed}", weights(seed)
        yield f"convolutions {seed}", convolutions(seed)
        if seed % 2 == 0:
            yield f"turns {seed}", turns(seed)

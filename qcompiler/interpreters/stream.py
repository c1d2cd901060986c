"""Runs stream processes on whole frames in numpy: arrays of shape [batch, *frame]."""

import numpy as np
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    impl,
    register_impls,
)
from xdsl.utils.exceptions import InterpretationError

from qcompiler.dialects import qint, stream
from qcompiler.dialects.attributes import Array
from qcompiler.dialects.qint.select import positions
from qcompiler.interpreters.qint import exact_matmul
from qcompiler.provenance.sources import source_of


def _check(op: stream.Process, value: Array) -> Array:
    range_ = op.output_channels[0].element.range
    if value.size and not (range_.lo <= value.min() and value.max() <= range_.hi):
        raise InterpretationError(
            f"{source_of(op)}: a value leaves its proven range [{range_.lo}, {range_.hi}]"
        )
    return value


@register_impls
class StreamFunctions(InterpreterFunctions):
    """Semantics of stream processes; FIFOs and width adapters change timing only."""

    @impl(stream.MvauOp)
    def mvau(self, i: Interpreter, op: stream.MvauOp, args: PythonValues) -> PythonValues:
        (inputs, outputs), groups = op.matrix_shape, op.groups.value.data
        weights = op.weights_op.array
        x = op.input_channel.element.range
        largest = max(abs(x.lo), abs(x.hi)) * int(np.abs(weights).max()) * inputs
        rows = args[0].reshape(-1, groups, inputs)
        parts = [
            exact_matmul(rows[:, g], weights[:, g * outputs : (g + 1) * outputs], largest)
            for g in range(groups)
        ]
        frames = np.stack(parts, axis=1).reshape(len(args[0]), *op.output_channel.frame_shape)
        return (_check(op, frames),)

    @impl(stream.RequantizeOp)
    def requantize(
        self, i: Interpreter, op: stream.RequantizeOp, args: PythonValues
    ) -> PythonValues:
        value: Array = args[0]
        for scalar in op.scalar_body.operations:
            assert isinstance(scalar, qint.RequantizerOp)
            value = scalar.requantizer.apply(value, -1)
        return (_check(op, value),)

    @impl(stream.SlidingWindowOp)
    def sliding_window(
        self, i: Interpreter, op: stream.SlidingWindowOp, args: PythonValues
    ) -> PythonValues:
        windows = op.window.gather(args[0], op.pad_value.value.data)
        batch, height, width = windows.shape[:3]
        parts = windows.reshape(batch, height, width, op.window.taps, op.groups.value.data, -1)
        windows = parts.transpose(0, 1, 2, 4, 3, 5)
        return (_check(op, windows.reshape(batch, *op.output_channel.frame_shape)),)

    def _folded(self, op: stream.VvauOp | stream.PoolOp, x: Array) -> Array:
        """Returns windows as [batch, ..., channel fold, tap, lane]."""
        return x.reshape(*x.shape[:-1], -1, op.taps, op.output_channel.lanes.data)

    @impl(stream.VvauOp)
    def vvau(self, i: Interpreter, op: stream.VvauOp, args: PythonValues) -> PythonValues:
        windows = self._folded(op, args[0])
        weights = op.weights_op.array.reshape(op.taps, -1, windows.shape[-1]).transpose(1, 0, 2)
        result = (windows * weights).sum(axis=-2)
        return (_check(op, result.reshape(len(result), *op.output_channel.frame_shape)),)

    @impl(stream.PoolOp)
    def pool(self, i: Interpreter, op: stream.PoolOp, args: PythonValues) -> PythonValues:
        windows = self._folded(op, args[0])
        result = windows.max(axis=-2) if op.kind.data == "max" else windows.sum(axis=-2)
        return (_check(op, result.reshape(len(result), *op.output_channel.frame_shape)),)

    @impl(stream.LabelSelectOp)
    def label_select(
        self, i: Interpreter, op: stream.LabelSelectOp, args: PythonValues
    ) -> PythonValues:
        return (_check(op, positions(args[0], last=op.takes_last)),)

    @impl(stream.WidthAdapterOp)
    def width_adapter(
        self, i: Interpreter, op: stream.WidthAdapterOp, args: PythonValues
    ) -> PythonValues:
        return args

    @impl(stream.ReshapeOp)
    def reshape(self, i: Interpreter, op: stream.ReshapeOp, args: PythonValues) -> PythonValues:
        return (args[0].reshape(len(args[0]), *op.output_channel.frame_shape),)

    @impl(stream.FifoOp)
    def fifo(self, i: Interpreter, op: stream.FifoOp, args: PythonValues) -> PythonValues:
        return args

    @impl(stream.ReorderOp)
    def reorder(self, i: Interpreter, op: stream.ReorderOp, args: PythonValues) -> PythonValues:
        blocks = args[0].reshape(len(args[0]), op.blocks, -1)
        return (blocks[..., op.places].reshape(len(blocks), *op.output_channel.frame_shape),)

    @impl(stream.SliceOp)
    def slice(self, i: Interpreter, op: stream.SliceOp, args: PythonValues) -> PythonValues:
        return (args[0][(slice(None), *(slice(*bound) for bound in op.bounds))],)

    @impl(stream.DuplicateOp)
    def duplicate(self, i: Interpreter, op: stream.DuplicateOp, args: PythonValues) -> PythonValues:
        return (args[0],) * len(op.results)

    @impl(stream.AddOp)
    def add(self, i: Interpreter, op: stream.AddOp, args: PythonValues) -> PythonValues:
        first, second = op.factors
        return (_check(op, first * args[0] + second * args[1]),)

    @impl(stream.MulOp)
    def mul(self, i: Interpreter, op: stream.MulOp, args: PythonValues) -> PythonValues:
        return (_check(op, args[0] * args[1]),)

    @impl(stream.ConcatOp)
    def concat(self, i: Interpreter, op: stream.ConcatOp, args: PythonValues) -> PythonValues:
        return (np.concatenate(args, axis=op.axis.value.data + 1),)

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

from qcompiler.analysis.sources import source_of
from qcompiler.dialects import qint, stream
from qcompiler.dialects.attributes import Array
from qcompiler.interpreters.qint import exact_matmul


def _check(op: stream.Process, value: Array) -> Array:
    range_ = op.output_channel.element.range
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
        weights = op.weights_op.array
        x = op.input_channel.element.range
        largest = max(abs(x.lo), abs(x.hi)) * int(np.abs(weights).max()) * op.mw
        rows = args[0].reshape(-1, op.mw)
        product = exact_matmul(rows, weights, largest)
        return (_check(op, product.reshape(args[0].shape[0], *op.output_channel.frame_shape)),)

    @impl(stream.RequantizeOp)
    def requantize(
        self, i: Interpreter, op: stream.RequantizeOp, args: PythonValues
    ) -> PythonValues:
        value: Array = args[0]
        for scalar in op.scalar_body.operations:
            assert isinstance(scalar, qint.RequantizerOp)
            value = scalar.requantizer.apply(value, -1)
        return (_check(op, value),)

    @impl(stream.WidthAdapterOp)
    def width_adapter(
        self, i: Interpreter, op: stream.WidthAdapterOp, args: PythonValues
    ) -> PythonValues:
        return args

    @impl(stream.FifoOp)
    def fifo(self, i: Interpreter, op: stream.FifoOp, args: PythonValues) -> PythonValues:
        return args

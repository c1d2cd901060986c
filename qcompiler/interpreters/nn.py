"""Runs nn operations in numpy; arrays carry a leading batch axis."""

from typing import Any

import numpy as np
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    impl,
    register_impls,
)

from qcompiler.dialects import nn
from qcompiler.dialects.attributes import shape_of
from qcompiler.interpreters import numpy_ops


@register_impls
class NNFunctions(InterpreterFunctions):
    """Semantics of nn; reals are numpy values of type `real` (float64 for `exact`)."""

    def __init__(self, real: Any):
        self.real = real

    @impl(nn.ConstantOp)
    def constant(self, i: Interpreter, op: nn.ConstantOp, args: PythonValues) -> PythonValues:
        return (numpy_ops.constant(op.array, self.real),)

    def _binary(self, op: nn.Binary, args: PythonValues) -> PythonValues:
        rank = len(shape_of(op.result.type))
        lhs, rhs = (numpy_ops.align(a, rank) for a in args)
        with np.errstate(all="ignore"):
            return (numpy_ops.BINARY[op.name.removeprefix("nn.")](lhs, rhs),)

    @impl(nn.AddOp)
    def add(self, i: Interpreter, op: nn.AddOp, args: PythonValues) -> PythonValues:
        return self._binary(op, args)

    @impl(nn.SubOp)
    def sub(self, i: Interpreter, op: nn.SubOp, args: PythonValues) -> PythonValues:
        return self._binary(op, args)

    @impl(nn.MulOp)
    def mul(self, i: Interpreter, op: nn.MulOp, args: PythonValues) -> PythonValues:
        return self._binary(op, args)

    @impl(nn.DivOp)
    def div(self, i: Interpreter, op: nn.DivOp, args: PythonValues) -> PythonValues:
        return self._binary(op, args)

    @impl(nn.PowOp)
    def pow(self, i: Interpreter, op: nn.PowOp, args: PythonValues) -> PythonValues:
        return self._binary(op, args)

    @impl(nn.ReluOp)
    def relu(self, i: Interpreter, op: nn.ReluOp, args: PythonValues) -> PythonValues:
        return (numpy_ops.relu(args[0]),)

    @impl(nn.SqrtOp)
    def sqrt(self, i: Interpreter, op: nn.SqrtOp, args: PythonValues) -> PythonValues:
        return (np.sqrt(args[0]),)

    @impl(nn.SoftmaxOp)
    def softmax(self, i: Interpreter, op: nn.SoftmaxOp, args: PythonValues) -> PythonValues:
        return (numpy_ops.softmax(args[0], op.axis.value.data),)

    @impl(nn.MatMulOp)
    def matmul(self, i: Interpreter, op: nn.MatMulOp, args: PythonValues) -> PythonValues:
        return (np.matmul(*args),)

    @impl(nn.BatchNormOp)
    def batch_norm(self, i: Interpreter, op: nn.BatchNormOp, args: PythonValues) -> PythonValues:
        x, *parameters = args
        shape = (1, 1, -1, *(1,) * (x.ndim - 3))
        scale, bias, mean, var = (p.reshape(shape) for p in parameters)
        deviation = np.sqrt(var + self.real(op.epsilon.value.data))
        if self.real is np.float32:  # as onnxruntime's kernel orders it
            gain = scale / deviation
            return (x * gain + (bias - mean * gain),)
        return ((x - mean) * scale / deviation + bias,)

    @impl(nn.ReshapeOp)
    def reshape(self, i: Interpreter, op: nn.ReshapeOp, args: PythonValues) -> PythonValues:
        return (numpy_ops.reshape(args[0], shape_of(op.result.type)),)

    @impl(nn.TransposeOp)
    def transpose(self, i: Interpreter, op: nn.TransposeOp, args: PythonValues) -> PythonValues:
        return (numpy_ops.transpose(args[0], op.permutation.get_values()),)


def real_type(numerics: str) -> Any:
    """Returns the numpy float type that stands for reals under `numerics`."""
    return np.float32 if numerics == "onnxruntime" else np.float64

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
from xdsl.ir import Operation

from qcompiler.dialects import nn
from qcompiler.dialects.attributes import shape_of
from qcompiler.interpreters import numpy_ops
from qcompiler.interpreters.host_calls import CALLS, host_call, real_function


class NNFunctions(InterpreterFunctions):
    """Semantics of nn; reals are numpy values of type `real` (float64 for `exact`)."""

    def __init__(self, real: Any):
        self.real = real

    @impl(nn.ConstantOp)
    def constant(self, i: Interpreter, op: nn.ConstantOp, args: PythonValues) -> PythonValues:
        return (numpy_ops.constant(op.array, self.real),)

    def binary(self, i: Interpreter, op: nn.Binary, args: PythonValues) -> PythonValues:
        rank = len(shape_of(op.result.type))
        lhs, rhs = (numpy_ops.align(a, rank) for a in args)
        with np.errstate(all="ignore"):
            return (real_function(op)(lhs, rhs, *op.parameters),)

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


def _add_uniform_operations() -> None:
    """Gives `NNFunctions` a method for each operation that `binary` or `CALLS` describes."""

    def call(_: NNFunctions, i: Interpreter, op: Operation, args: PythonValues) -> PythonValues:
        with np.errstate(all="ignore"):
            return (host_call(op).run(*args),)

    for op_type in nn.NN.operations:
        if issubclass(op_type, nn.Binary):
            setattr(NNFunctions, op_type.name, impl(op_type)(NNFunctions.binary))
        elif op_type in CALLS:
            setattr(NNFunctions, op_type.name, impl(op_type)(call))
    register_impls(NNFunctions)


_add_uniform_operations()


def real_type(numerics: str) -> Any:
    """Returns the numpy float type that stands for reals under `numerics`."""
    return np.float32 if numerics == "onnxruntime" else np.float64

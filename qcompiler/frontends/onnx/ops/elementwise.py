"""Arithmetic and activations that work on each element alone."""

import numpy as np
from onnx import TensorProto
from xdsl.ir import SSAValue

from qcompiler.dialects import nn
from qcompiler.dialects.attributes import Array
from qcompiler.frontends.onnx.node import NodeContext
from qcompiler.frontends.onnx.ops.integers import common_type, integer_result
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import importer

_NOT_VALID = "export the model again, this node is not valid"
_BINARY: dict[str, type[nn.Binary]] = {"Add": nn.AddOp, "Sub": nn.SubOp, "Mul": nn.MulOp}


@importer("", *_BINARY)
def _binary(node: NodeContext) -> Value:
    op, data_type = _BINARY[node.proto.op_type], common_type(node)
    if data_type is None:
        take = node.mask if op is nn.AddOp else node.operand
        return node.emit(op(take(0), take(1)))
    return integer_result(node, node.emit(op(node.number(0), node.number(1))), data_type)


@importer("", "Sum")
def _sum(node: NodeContext) -> Value:
    total = node.operand(0)
    for index in range(1, len(node.proto.input)):
        total = node.emit(nn.AddOp(total, node.operand(index)))
    return total


@importer("", "Div")
def _div(node: NodeContext) -> Value:
    divisor = node.value(1)
    if isinstance(divisor, np.ndarray) and not divisor.all():
        raise RefusalError(
            f"divides by the constant {node.input_name(1)!r}, which holds 0", "remove the zeros"
        )
    data_type = common_type(node)
    if data_type is None:
        return node.emit(nn.DivOp(node.operand(0), node.operand(1)))
    return integer_result(node, node.emit(nn.DivOp(node.number(0), node.number(1))), data_type)


@importer("", "Pow")
def _pow(node: NodeContext) -> Value:
    return node.emit(nn.PowOp(node.operand(0), _exponent(node)))


def _exponent(node: NodeContext) -> SSAValue:
    """Returns the exponent, which ONNX alone among operands allows to be of integers."""
    exponent = node.value(1)
    if not isinstance(exponent, np.ndarray) or exponent.dtype.kind not in "iu":
        return node.operand(1)
    return node.emit(nn.ConstantOp(exponent.astype(np.float64)))


@importer("", "Neg")
def _neg(node: NodeContext) -> Value:
    return node.emit(nn.MulOp(node.operand(0), node.scalar(-1.0)))


@importer("", "Relu")
def _relu(node: NodeContext) -> Value:
    data_type = common_type(node)
    y = node.emit(nn.ReluOp(node.number(0)))
    return y if data_type is None else integer_result(node, y, data_type)


@importer("", "Less", "LessOrEqual", "Greater", "GreaterOrEqual")
def _compared(node: NodeContext) -> Value:
    """Compares integers of the network with constants, as 1 or 0."""
    kind = node.proto.op_type
    constants = [node.is_constant(index) for index in (0, 1)]
    if common_type(node) is None or not any(constants):
        raise RefusalError(
            "compares other tensors than integers with a constant",
            "compare places with constant integers, or do it on the host",
        )
    values = [node.number(0), node.number(1)]
    if not kind.endswith("OrEqual"):  # a < b is a + 1 <= b, for integers
        first = kind == "Less"
        step = 1.0 if constants[0] == first else -1.0
        index = constants.index(True)
        values[index] = node.emit(nn.AddOp(values[index], node.scalar(step)))
    a, b = values if kind.startswith("Greater") else values[::-1]
    node.set_integers(TensorProto.BOOL)
    return node.emit(nn.GreaterEqualOp(a, b))


@importer("", "Where", moves_data=True)
def _where(node: NodeContext) -> Value:
    """Selects by a condition; where that is constant, what is not chosen counts 0 times."""
    if node.is_condition(0):
        return node.emit(nn.WhereOp(node.number(0), node.mask(1), node.mask(2)))
    condition = node.constant(0, "condition")
    if condition.dtype.kind != "b":
        raise RefusalError(f"condition must be of booleans, got {condition.dtype}", _NOT_VALID)
    chosen = [_kept(node, index, flags) for index, flags in ((1, condition), (2, ~condition))]
    return node.emit(nn.AddOp(chosen[0], chosen[1]))


def _kept(node: NodeContext, index: int, flags: Array) -> SSAValue:
    """Returns an input where flags are set, else 0."""
    value = node.value(index)
    if isinstance(value, np.ndarray):
        numbers = node.mask_numbers(index)
        return node.emit(nn.ConstantOp(np.where(flags, numbers, np.float32(0))))
    factors = node.emit(nn.ConstantOp(flags.astype(np.float32)))
    return node.emit(nn.MulOp(node.operand(index), factors))

"""Activation functions, and other operations on each element alone."""

from functools import reduce

import numpy as np
from onnx import AttributeProto
from xdsl.ir import SSAValue

from qcompiler.dialects import nn
from qcompiler.frontends.onnx.node import NodeContext
from qcompiler.frontends.onnx.ops.integers import common_type, integer_result
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import importer

_UNARY: dict[str, type[nn.Unary]] = {
    "Sigmoid": nn.SigmoidOp,
    "Tanh": nn.TanhOp,
    "HardSwish": nn.HardSwishOp,
    "Floor": nn.FloorOp,
    "Ceil": nn.CeilOp,
    "Round": nn.RoundOp,
    "Erf": nn.ErfOp,
}
_EXTREMES: dict[str, type[nn.Binary]] = {"Min": nn.MinOp, "Max": nn.MaxOp}


@importer("", *_UNARY)
def _unary(node: NodeContext) -> Value:
    return node.emit(_UNARY[node.proto.op_type](node.operand(0)))


@importer("", "Sqrt", folds_constants=True)
def _sqrt(node: NodeContext) -> Value:
    return node.emit(nn.SqrtOp(node.operand(0)))


@importer("", "Reciprocal", folds_constants=True)
def _reciprocal(node: NodeContext) -> Value:
    return node.emit(nn.DivOp(node.scalar(1.0), node.operand(0)))


@importer("", "LeakyRelu")
def _leaky_relu(node: NodeContext) -> Value:
    return node.emit(nn.LeakyReluOp(node.operand(0), node.float_attribute("alpha", 0.01)))


@importer("", "PRelu")
def _prelu(node: NodeContext) -> Value:
    return node.emit(nn.PReluOp(node.operand(0), node.operand(1)))


@importer("", "HardSigmoid")
def _hard_sigmoid(node: NodeContext) -> Value:
    alpha, beta = node.float_attribute("alpha", 0.2), node.float_attribute("beta", 0.5)
    return node.emit(nn.HardSigmoidOp(node.operand(0), alpha, beta))


@importer("", "Gelu")
def _gelu(node: NodeContext) -> Value:
    return node.emit(nn.GeluOp(node.operand(0), node.string_attribute("approximate", "none")))


@importer("com.microsoft", "Gelu")
def _microsoft_gelu(node: NodeContext) -> Value:
    return node.emit(nn.GeluOp(node.operand(0)))


@importer("", *_EXTREMES)
def _extreme(node: NodeContext) -> Value:
    kind = _EXTREMES[node.proto.op_type]
    data_type = common_type(node)
    take = node.operand if data_type is None else node.number
    operands = [take(index) for index in range(len(node.proto.input))]
    if not operands:
        raise RefusalError("the node has no inputs", "export the model again, it is not valid")
    y = reduce(lambda a, b: node.emit(kind(a, b)), operands)
    return y if data_type is None else integer_result(node, y, data_type)


@importer("", "Clip")
def _clip(node: NodeContext) -> Value:
    data_type = common_type(node)
    y = _clipped(node, node.operand(0) if data_type is None else node.number(0))
    return y if data_type is None else integer_result(node, y, data_type)


def _clipped(node: NodeContext, x: SSAValue) -> SSAValue:
    lo, hi = _bound(node, 1, "min"), _bound(node, 2, "max")
    if lo is not None and hi is not None:
        return node.emit(nn.ClipOp(x, lo, hi))
    if lo is not None:
        return node.emit(nn.MaxOp(x, node.scalar(lo)))
    return x if hi is None else node.emit(nn.MinOp(x, node.scalar(hi)))


def _bound(node: NodeContext, index: int, name: str) -> float | None:
    """Returns a bound, which is an input from opset 11 on and an attribute before."""
    if node.has_input(index):
        values = node.constant(index, name)
        if values.size != 1:
            raise RefusalError(
                f"{name} must be one number, got shape {list(values.shape)}", "use Min and Max"
            )
        bound = float(values.reshape(-1)[0])
    else:
        missing = -np.inf if name == "min" else np.inf
        bound = missing
        if node.attribute(name, AttributeProto.FLOAT) is not None:
            bound = node.float_attribute(name, missing)
    # Exporters write an absent bound as the largest float, too.
    return None if abs(bound) >= float(np.finfo(np.float32).max) else bound

"""Batch and layer normalization, softmax."""

from math import prod

import numpy as np
from xdsl.ir import SSAValue

from qcompiler.arith.decimals import shortest
from qcompiler.dialects import nn
from qcompiler.dialects.attributes import shape_of
from qcompiler.frontends.onnx.node import NodeContext
from qcompiler.frontends.onnx.ops.shapes import axis_in
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import importer

_SOFTMAX_OF_ONE_AXIS = 13  # older opsets flatten all axes from `axis` on into one


@importer("", "BatchNormalization")
def _batch_normalization(node: NodeContext) -> Value:
    if node.int_attribute("training_mode", 0):
        raise RefusalError("training_mode must be 0, got 1", "call model.eval() before the export")
    epsilon = node.float_attribute("epsilon", 1e-5)
    variance = node.value(4)
    if isinstance(variance, np.ndarray) and not (variance + epsilon > 0).all():
        raise RefusalError(
            f"variance {node.input_name(4)!r} plus epsilon {shortest(epsilon)} must be positive, "
            f"got {shortest(variance.min() + epsilon)}",
            "train again or export from a sound checkpoint",
        )
    x, scale, bias, mean, var = (node.operand(index) for index in range(5))
    return node.emit(nn.BatchNormOp(x, scale, bias, mean, var, epsilon))


@importer("", "LayerNormalization")
def _layer_normalization(node: NodeContext) -> Value:
    return _normalized_rows(node, centered=True)


@importer("", "RMSNormalization")
def _rms_normalization(node: NodeContext) -> Value:
    return _normalized_rows(node, centered=False)


def _normalized_rows(node: NodeContext, *, centered: bool) -> SSAValue:
    """Emits the normalization of the last axis."""
    x, scale = node.operand(0), node.operand(1)
    shape = shape_of(x.type)
    axis = axis_in(node.int_attribute("axis", -1), len(shape))
    node.int_attribute("stash_type", 1)
    epsilon = node.float_attribute("epsilon", 1e-5)
    if axis != len(shape) - 1:
        raise RefusalError(
            f"normalizes axes {axis} to {len(shape) - 1}, and only the last one is supported",
            "flatten these axes before it",
        )
    if not epsilon > 0:
        raise RefusalError(f"epsilon must be positive, got {shortest(epsilon)}", "export it again")
    if len(node.proto.output) > 1:
        raise RefusalError("mean and deviation as outputs are not supported", "leave them out")
    none = np.zeros(shape[-1:], np.float32)
    bias = node.operand(2) if node.has_input(2) else node.emit(nn.ConstantOp(none))
    return node.emit(nn.LayerNormOp(x, scale, bias, epsilon, centered))


_NORMALIZED: dict[str, type[nn.Softmax]] = {
    "Softmax": nn.SoftmaxOp,
    "LogSoftmax": nn.LogSoftmaxOp,
}


@importer("", *_NORMALIZED)
def _softmax(node: NodeContext) -> Value:
    return softmax(node, node.operand(0), _NORMALIZED[node.proto.op_type], node.opset)


def softmax(node: NodeContext, x: SSAValue, kind: type[nn.Softmax], opset: int) -> SSAValue:
    """Emits a softmax or its logarithm along the node's axis, by the rules of an opset."""
    shape = shape_of(x.type)
    single_axis = opset >= _SOFTMAX_OF_ONE_AXIS
    axis = axis_in(node.int_attribute("axis", -1 if single_axis else 1), len(shape))
    if single_axis or prod(shape[axis + 1 :]) == 1:
        return node.emit(kind(x, axis))
    matrix = node.emit(nn.ReshapeOp(x, (prod(shape[:axis]), prod(shape[axis:]))))
    return node.emit(nn.ReshapeOp(node.emit(kind(matrix, 1)), shape))

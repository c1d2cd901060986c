"""Convolutions and matrix products: int8 weights, int32 biases."""

import numpy as np
from xdsl.ir import SSAValue

from qcompiler.arith.windows import Window
from qcompiler.dialects import qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.frontends.onnx.refusal import RefusalError
from qcompiler.frontends.tflite.node import NodeContext, importer
from qcompiler.frontends.tflite.ops.geometry import window_of
from qcompiler.frontends.tflite.requantization import (
    activation_range,
    requantize,
    without_zero_point,
)

_AGAIN = "convert the model again"


def _weights(node: NodeContext) -> Array:
    weights = node.constant(1, "weights", "INT8")
    if node.input(1).zero_point.any():
        raise RefusalError("weights must have the zero point 0", "quantize weights symmetrically")
    return weights


def _with_bias(node: NodeContext, sums: SSAValue, channels: int) -> SSAValue:
    if not node.has_input(2):
        return sums
    bias = node.constant(2, "bias", "INT32").reshape(-1)
    if bias.size != channels:
        raise RefusalError(f"bias must have {channels} elements, got {bias.size}", _AGAIN)
    axis = len(shape_of(sums.type)) - 1
    return node.emit(qint.AffineOp(sums, np.ones(1, np.int64), bias, axis=axis))


def _factors(node: NodeContext, *, in_float: bool = False) -> Array:
    """Returns scale of the sums over that of the result, as the kernels form it.

    Args:
        node: the operation.
        in_float: whether the kernel multiplies the first two scales in float32.
    """
    weights = node.input(1)
    weights.one_scale() if not weights.scale.size else None
    x, y = np.float32(node.input(0).one_scale()[0]), np.float32(node.output().one_scale()[0])
    kind = np.float32 if in_float and weights.scale.size == 1 else np.float64
    product = kind(x) * weights.scale.astype(kind)
    return product.astype(np.float64) / np.float64(y)


def _finish(node: NodeContext, sums: SSAValue, factors: Array, *, once: bool = False) -> SSAValue:
    result = node.output()
    zero_point, codes = result.one_scale()[1], activation_range(node, result)
    return requantize(node, sums, factors, zero_point, codes, once=once)


def _input(node: NodeContext) -> SSAValue:
    return without_zero_point(node, node.codes(0), node.input(0).one_scale()[1])


def _convolve(node: NodeContext, kernels: Array, window: Window, group: int) -> None:
    x = _input(node)
    w = node.emit(qint.ConstantOp(kernels))
    sums = node.emit(qint.ConvOp(x, w, window, group))
    node.bind(_finish(node, _with_bias(node, sums, kernels.shape[-1]), _factors(node)))


@importer("CONV_2D")
def _conv(node: NodeContext) -> None:
    weights, shape = _weights(node), node.input(0).shape
    if weights.ndim != 4 or len(shape) != 4 or shape[3] % weights.shape[3]:
        raise RefusalError(f"weights {list(weights.shape)} do not fit {list(shape)}", _AGAIN)
    kernels = weights.transpose(1, 2, 3, 0)
    window = window_of(node, kernels.shape[:2])
    _convolve(node, kernels, window, shape[3] // weights.shape[3])


@importer("DEPTHWISE_CONV_2D")
def _depthwise(node: NodeContext) -> None:
    weights, shape = _weights(node), node.input(0).shape
    if weights.ndim != 4 or weights.shape[0] != 1 or len(shape) != 4 or weights.shape[3] % shape[3]:
        raise RefusalError(f"weights {list(weights.shape)} do not fit {list(shape)}", _AGAIN)
    kernels = weights.transpose(1, 2, 0, 3)
    _convolve(node, kernels, window_of(node, kernels.shape[:2]), shape[3])


@importer("FULLY_CONNECTED")
def _fully_connected(node: NodeContext) -> None:
    weights = _weights(node)
    if node.node.number("WeightsFormat") or weights.ndim != 2:
        raise RefusalError("weights must be a plain matrix", _AGAIN)
    outputs, inputs = weights.shape
    x = _input(node)
    shape = shape_of(x.type)
    count = int(np.prod(shape))
    if count % inputs:
        raise RefusalError(f"weights {list(weights.shape)} do not fit {list(shape)}", _AGAIN)
    if shape != (count // inputs, inputs):
        x = node.emit(qint.ReshapeOp(x, (count // inputs, inputs)))
    w = node.emit(qint.ConstantOp(np.ascontiguousarray(weights.T)))
    sums = _with_bias(node, node.emit(qint.MatMulOp(x, w)), outputs)
    y = _finish(node, sums, _factors(node, in_float=True), once=node.walk.numerics == "tflite")
    if shape_of(y.type) != node.output().shape:
        y = node.emit(qint.ReshapeOp(y, node.output().shape))
    node.bind(y)

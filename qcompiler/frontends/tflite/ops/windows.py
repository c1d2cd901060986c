"""Pools, and averages of all of an image."""

import numpy as np
from xdsl.ir import SSAValue

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.windows import Window
from qcompiler.dialects import qint
from qcompiler.dialects.attributes import shape_of
from qcompiler.frontends.onnx.refusal import RefusalError
from qcompiler.frontends.tflite.node import NodeContext, importer
from qcompiler.frontends.tflite.ops.geometry import window_of
from qcompiler.frontends.tflite.requantization import (
    activation_range,
    requantize,
    without_zero_point,
)

_ONE, _ZERO = np.ones(1, np.float32), np.zeros(1, np.int64)


def _pool_window(node: NodeContext) -> Window:
    kernel = node.node.number("FilterHeight"), node.node.number("FilterWidth")
    return window_of(node, kernel, dilated=False)


def _same_quantization(node: NodeContext) -> None:
    if node.input(0).one_scale() != node.output().one_scale():
        raise RefusalError(
            "input and output must have one scale and zero point", "convert the model again"
        )


@importer("MAX_POOL_2D")
def _max_pool(node: NodeContext) -> None:
    _same_quantization(node)
    x = node.codes(0)
    pooled = node.emit(qint.PoolOp(x, "max", _pool_window(node), qint.range_of(x.type).lo))
    node.bind(clamped(node, pooled, activation_range(node, node.output())))


def clamped(node: NodeContext, codes: SSAValue, bounds: IntRange) -> SSAValue:
    """Emits codes cut off at bounds, if they may lie beyond."""
    if bounds.contains(qint.range_of(codes.type)):
        return codes
    reals = node.emit(qint.DequantizeOp(codes, _ONE, _ZERO))
    return node.emit(qint.QuantizeOp(reals, _ONE, _ZERO, bounds))


@importer("AVERAGE_POOL_2D")
def _average_pool(node: NodeContext) -> None:
    """The kernel divides the sum of codes, zero point included, and rounds halves away from 0."""
    _same_quantization(node)
    window = _pool_window(node)
    if any((*window.pads_begin, *window.pads_end)):
        raise RefusalError(
            "an average over a border has windows of several sizes", "use padding valid"
        )
    sums = node.emit(qint.PoolOp(node.codes(0), "sum", window, 0))
    reals = node.emit(qint.DequantizeOp(sums, _ONE, _ZERO))
    count = np.array([window.taps], np.float32)
    bounds = activation_range(node, node.output())
    node.bind(node.emit(qint.QuantizeOp(reals, count, _ZERO, bounds, rounding="half_up")))


@importer("MEAN")
def _mean(node: NodeContext) -> None:
    """The kernel divides the multiplier by the number of elements."""
    shape = node.input(0).shape
    axes = sorted(axis % len(shape) for axis in node.integers(1, "axes"))
    if len(shape) != 4 or axes != [1, 2]:
        raise RefusalError(
            f"the mean of {list(shape)} over axes {axes} is not supported",
            "use a global average over height and width",
        )
    scale, zero_point = node.input(0).one_scale()
    made, made_zero = node.output().one_scale()
    window = Window(shape[1:3], (1, 1), (1, 1), (0, 0), (0, 0))
    x = without_zero_point(node, node.codes(0), zero_point)
    sums = node.emit(qint.PoolOp(x, "sum", window, 0))
    factor = np.array([np.float64(np.float32(scale)) / np.float64(np.float32(made))])
    bounds = qint.range_of(node.codes(0).type)
    y = requantize(node, sums, factor, made_zero, bounds, count=window.taps)
    wanted = node.output().shape
    node.bind(y if shape_of(y.type) == wanted else node.emit(qint.ReshapeOp(y, wanted)))

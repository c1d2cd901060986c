"""QOperator nodes: operations on integer tensors, written as dequantize, operation, quantize.

Source: the ONNX operator reference; onnxruntime's docs/ContribOperators.md for com.microsoft.
"""

from collections.abc import Callable, Sequence
from itertools import zip_longest

import numpy as np
from xdsl.ir import SSAValue

from qcompiler.arith.fused import mul_add
from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.frontends.onnx.node import NodeContext
from qcompiler.frontends.onnx.ops.linear import matmul
from qcompiler.frontends.onnx.ops.normalization import softmax
from qcompiler.frontends.onnx.ops.pieces import concat
from qcompiler.frontends.onnx.ops.quantize_linear import (
    check_same_type,
    quantize,
    zero_point_of,
)
from qcompiler.frontends.onnx.ops.quantizers import positive
from qcompiler.frontends.onnx.ops.windows import (
    average_pool,
    convolution,
    global_average_pool,
    with_bias,
)
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import importer
from qcompiler.frontends.onnx.tensors import code_range

_ONE, _ZERO = np.ones(1, np.float32), np.zeros(1, np.int64)
_NOT_VALID = "export the model again, this node is not valid"


def _reals(
    node: NodeContext, index: int, scale: Array, zero_point: int, axis: int | None = None
) -> SSAValue:
    """Emits what the integers of input `index` stand for.

    Args:
        node: the node.
        index: of the integers.
        scale: one dimension; along `axis` when there are several.
        zero_point: index of the zero point, which may be left out.
        axis: of the channels.
    """
    codes = node.codes(index)
    zero = _ZERO
    if node.has_input(zero_point):
        channels = 1 if axis is None else shape_of(codes.type)[axis]
        zero, data_type = zero_point_of(node, zero_point, channels)
        check_same_type(node, index, codes, data_type)
    varying = axis if max(scale.size, zero.size) > 1 else None
    if varying is not None and shape_of(codes.type)[varying] != max(scale.size, zero.size):
        raise RefusalError(
            f"{max(scale.size, zero.size)} scales do not fit axis {varying} of "
            f"{list(shape_of(codes.type))}",
            _NOT_VALID,
        )
    return node.emit(qint.DequantizeOp(codes, scale, zero, axis=varying))


def _scale(node: NodeContext, index: int, *, channels: bool = False) -> Array:
    scale = positive(node.constant(index, "scale"), "scale").reshape(-1)
    if scale.size != 1 and not channels:
        raise RefusalError(
            f"scale of input {index} must be one number, got {scale.size}",
            "quantize activations per tensor",
        )
    return scale


def _quantized(
    node: NodeContext,
    y: SSAValue,
    scale: int,
    zero_point: int,
    like: int,
    rounding: str = "half_even",
) -> SSAValue:
    """Emits the codes of `y`, of the zero point's type or, without one, that of input `like`."""
    factor = _scale(node, scale)
    if node.has_input(zero_point):
        zero, data_type = zero_point_of(node, zero_point, 1)
        range_ = code_range(data_type)
    else:
        zero, range_ = _ZERO, qint.range_of(node.codes(like).type)
    assert range_ is not None
    return quantize(node, y, factor, zero, range_, None, rounding)


def _along(x: SSAValue | Array, axis: int) -> int:
    rank = x.ndim if isinstance(x, np.ndarray) else len(shape_of(x.type))
    return axis % rank


@importer("", "QLinearConv")
def _qlinear_conv(node: NodeContext) -> Value:
    x_scale, w_scale = _scale(node, 1), _scale(node, 4, channels=True)
    x = _reals(node, 0, x_scale, 2)
    w = _reals(node, 3, w_scale, 5, axis=0)
    y = convolution(node, x, w)
    if node.has_input(8):
        y = with_bias(node, y, _bias(node, 8, x_scale, w_scale))
    return _quantized(node, y, 6, 7, 0)


def _bias(node: NodeContext, index: int, x_scale: Array, w_scale: Array) -> SSAValue:
    """Emits the bias: int32 at the scale of the accumulator, which onnxruntime forms in float32."""
    scale = x_scale.astype(np.float32) * w_scale.astype(np.float32)
    axis = 0 if scale.size > 1 else None
    return node.emit(qint.DequantizeOp(node.codes(index), scale, _ZERO, axis=axis))


@importer("", "QLinearMatMul")
def _qlinear_matmul(node: NodeContext) -> Value:
    a = _reals(node, 0, _scale(node, 1), 2)
    b = _reals(node, 3, _scale(node, 4, channels=True), 5, axis=_along(node.value(3), -1))
    return _quantized(node, matmul(node, a, b), 6, 7, 0)


@importer("", "ConvInteger")
def _conv_integer(node: NodeContext) -> Value:
    x = _reals(node, 0, _ONE, 2)
    w = _reals(node, 1, _ONE, 3, axis=0)
    return convolution(node, x, w)


@importer("", "MatMulInteger")
def _matmul_integer(node: NodeContext) -> Value:
    a = _reals(node, 0, _ONE, 2, axis=_along(node.value(0), -2))
    b = _reals(node, 1, _ONE, 3, axis=_along(node.value(1), -1))
    return matmul(node, a, b)


def _matmul_integer_to_float(node: NodeContext) -> Value:
    """Inputs: A, B, their scales, their zero points, bias."""
    a = _reals(node, 0, _scale(node, 2), 4)
    b = _reals(node, 1, _scale(node, 3, channels=True), 5, axis=_along(node.value(1), -1))
    product = matmul(node, a, b)
    return node.emit(nn.AddOp(product, node.operand(6))) if node.has_input(6) else product


_BINARY: dict[str, type[nn.Binary]] = {"QLinearAdd": nn.AddOp, "QLinearMul": nn.MulOp}


def _qlinear_binary(node: NodeContext) -> Value:
    if node.numerics == "onnxruntime":
        return _kernel(node)
    a, b = _reals(node, 0, _scale(node, 1), 2), _reals(node, 3, _scale(node, 4), 5)
    return _quantized(node, node.emit(_BINARY[node.proto.op_type](a, b)), 6, 7, 0)


def _kernel(node: NodeContext) -> Value:
    """Emits the float32 steps of onnxruntime's kernels, which no standard defines.

    The sum is `a * ra + (b * rb + fixed)` with r = scale / y_scale, and `fixed` holds all zero
    points; each of the three sums is a fused multiply-add. The product is
    `(a - za) * (b - zb) * factor + zy`. Both are rounded to integers last.
    Compared with onnxruntime on x64 for all pairs of codes.
    """
    scales = [_scale(node, index).astype(np.float32) for index in (1, 4, 6)]
    zeros = [_zero_point(node, index) for index in (2, 5, 7)]
    range_ = _result_range(node)
    if node.proto.op_type == "QLinearMul":
        a = node.emit(qint.DequantizeOp(node.codes(0), _ONE, np.array([zeros[0]])))
        b = node.emit(qint.DequantizeOp(node.codes(3), _ONE, np.array([zeros[1]])))
        factor = node.emit(nn.ConstantOp(scales[0] * scales[1] / scales[2]))
        met = node.emit(nn.MulOp(node.emit(nn.MulOp(a, b)), factor))
        return node.emit(qint.QuantizeOp(met, _ONE, np.array([zeros[2]]), range_))
    operands = [(node.codes(3 * i), scales[i] / scales[2], zeros[i]) for i in range(2)]
    if _first_is_repeated(*(shape_of(codes.type) for codes, _, _ in operands)):
        operands.reverse()
    (a, ra, za), (b, rb, zb) = operands
    zero_points = mul_add(np.float32(za), rb * np.float32(zb), ra)
    total: SSAValue = node.emit(nn.ConstantOp(np.float32(zeros[2]) - zero_points))
    for codes, ratio in ((b, rb), (a, ra)):
        reals = node.emit(qint.DequantizeOp(codes, _ONE, _ZERO))
        total = node.emit(nn.MulAddOp(reals, total, float(ratio[0])))
    return node.emit(qint.QuantizeOp(total, _ONE, _ZERO, range_))


def _first_is_repeated(a: Sequence[int], b: Sequence[int]) -> bool:
    """Whether onnxruntime's innermost loop goes over `b` and has one number of `a`.

    Its kernel then takes the operands the other way around.
    """
    for one, other in zip_longest(reversed(a), reversed(b), fillvalue=1):
        if max(one, other) > 1:
            return one == 1
    return True


def _zero_point(node: NodeContext, index: int) -> int:
    if not node.has_input(index):
        return 0
    zero, data_type = zero_point_of(node, index, 1)
    if index < 6:  # that of an input
        check_same_type(node, index - 2, node.codes(index - 2), data_type)
    return int(zero[0])


def _result_range(node: NodeContext) -> IntRange:
    if not node.has_input(7):
        return qint.range_of(node.codes(0).type)
    range_ = code_range(zero_point_of(node, 7, 1)[1])
    assert range_ is not None
    return range_


def _qlinear_unary(function: Callable[[NodeContext, SSAValue], SSAValue]) -> Callable[..., Value]:
    """Returns the importer of a node with integers, two scales and two zero points as inputs."""

    def run(node: NodeContext) -> Value:
        x = _reals(node, 0, _scale(node, 1), 2)
        return _quantized(node, function(node, x), 3, 4, 0)

    return run


def _leaky_relu(node: NodeContext, x: SSAValue) -> SSAValue:
    return node.emit(nn.LeakyReluOp(x, node.float_attribute("alpha", 0.01)))


def _sigmoid(node: NodeContext, x: SSAValue) -> SSAValue:
    return node.emit(nn.SigmoidOp(x))


def _qlinear_softmax(node: NodeContext) -> Value:
    """The attribute `opset` is the version of the Softmax that the node stands for.

    The kernel divides integers and rounds halves up.
    """
    x = _reals(node, 0, _scale(node, 1), 2)
    y = softmax(node, x, nn.SoftmaxOp, node.int_attribute("opset", node.opset))
    return _quantized(node, y, 3, 4, 0, "half_up")


def _channels_first(
    pool: Callable[[NodeContext, SSAValue], SSAValue],
) -> Callable[[NodeContext, SSAValue], SSAValue]:
    """Returns a pool that honours the attribute `channels_last`."""

    def run(node: NodeContext, x: SSAValue) -> SSAValue:
        if not node.int_attribute("channels_last", 0):
            return pool(node, x)
        rank = len(shape_of(x.type))
        first = node.emit(nn.TransposeOp(x, (0, rank - 1, *range(1, rank - 1))))
        return node.emit(nn.TransposeOp(pool(node, first), (0, *range(2, rank), 1)))

    return run


def _qlinear_concat(node: NodeContext) -> Value:
    """Inputs: scale and zero point of the result, then integers, scale and zero point of each."""
    starts: Sequence[int] = range(2, len(node.proto.input), 3)
    parts = [_reals(node, i, _scale(node, i + 1), i + 2) for i in starts]
    return _quantized(node, concat(node, parts), 0, 1, 2)


def _qgemm(node: NodeContext) -> Value:
    """Inputs: A, scale, zero point; B, scale, zero point; C; scale and zero point of Y."""
    a_scale, b_scale = _scale(node, 1), _scale(node, 4, channels=True)
    transposed = bool(node.int_attribute("transB", 0))
    a = _reals(node, 0, a_scale, 2)
    b = _reals(node, 3, b_scale, 5, axis=0 if transposed else 1)
    a = node.emit(nn.TransposeOp(a, (1, 0))) if node.int_attribute("transA", 0) else a
    b = node.emit(nn.TransposeOp(b, (1, 0))) if transposed else b
    alpha = node.float_attribute("alpha", 1.0)
    y = node.emit(nn.MatMulOp(a, b))
    if alpha != 1.0:
        y = node.emit(nn.MulOp(y, node.scalar(alpha)))
    if node.has_input(6):
        scale = np.float32(alpha) * a_scale.astype(np.float32) * b_scale.astype(np.float32)
        axis = len(node.shape(6)) - 1 if scale.size > 1 else None
        c = node.emit(qint.DequantizeOp(node.codes(6), scale, _ZERO, axis=axis))
        y = node.emit(nn.AddOp(y, c))
    return _quantized(node, y, 7, 8, 0) if node.has_input(7) else y


for _domain in ("com.microsoft", ""):  # some writers leave the domain out
    importer(_domain, *_BINARY)(_qlinear_binary)
    importer(_domain, "QLinearLeakyRelu")(_qlinear_unary(_leaky_relu))
    importer(_domain, "QLinearSigmoid")(_qlinear_unary(_sigmoid))
    importer(_domain, "QLinearAveragePool")(_qlinear_unary(_channels_first(average_pool)))
    importer(_domain, "QLinearGlobalAveragePool")(
        _qlinear_unary(_channels_first(global_average_pool))
    )
    importer(_domain, "QLinearSoftmax")(_qlinear_softmax)
    importer(_domain, "MatMulIntegerToFloat")(_matmul_integer_to_float)
    importer(_domain, "QLinearConcat")(_qlinear_concat)
    importer(_domain, "QGemm")(_qgemm)
importer("com.microsoft", "QLinearConv")(_qlinear_conv)

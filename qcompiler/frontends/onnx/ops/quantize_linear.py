"""QuantizeLinear and DequantizeLinear, which become qint.quantize and qint.dequantize.

Source: the ONNX operator reference, versions 10 to 25; onnxruntime's com.microsoft versions are
the same with the element types that ONNX got later.
"""

import numpy as np
from onnx import TensorProto
from xdsl.ir import SSAValue

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.frontends.onnx.node import NodeContext
from qcompiler.frontends.onnx.ops.quantizers import positive
from qcompiler.frontends.onnx.ops.shapes import axis_in
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import importer
from qcompiler.frontends.onnx.tensors import code_range, code_type, element_type_name

DOMAINS = ("", "com.microsoft")
_NOT_VALID = "export the model again, this node is not valid"
_ZERO, _ONE = np.zeros(1, np.int64), np.ones(1, np.float32)


def quantize(
    node: NodeContext,
    x: SSAValue,
    scale: Array,
    zero_point: Array,
    range_: IntRange,
    axis: int | None,
    rounding: str = "half_even",
) -> SSAValue:
    """Emits `clamp(round(x / scale) + zero_point, range_)`, rounded as ONNX does unless told."""
    op = qint.QuantizeOp(
        x,
        scale,
        zero_point,
        range_,
        axis=axis,
        rounding=rounding,
        zero_point_after_rounding=bool(zero_point.any()),
    )
    return node.emit(op)


def scale_and_axis(
    node: NodeContext, index: int, shape: tuple[int, ...]
) -> tuple[Array, int | None]:
    """Returns the scales of a tensor of `shape`, one dimension, and the axis along which they vary.

    Args:
        node: its input `index` is the scale, its attribute `axis` the channel axis.
        index: of the scale.
        shape: of the quantized tensor.

    Raises:
        RefusalError: they are not constant, positive and finite, or do not fit.
    """
    scale = positive(node.constant(index, "scale"), "scale")
    if scale.size == 1:
        return scale.reshape(-1), None
    axis = axis_in(node.int_attribute("axis", 1), len(shape))
    if scale.shape != (shape[axis],):
        raise RefusalError(
            f"scale must be one number or have shape [{shape[axis]}], the extent of axis {axis}, "
            f"got shape {list(scale.shape)}",
            "use one scale per tensor or per channel",
        )
    return scale, axis


def zero_point_of(node: NodeContext, index: int, channels: int) -> tuple[Array, int]:
    """Returns the zero points, int64, one dimension, and ONNX's number of their element type.

    Args:
        node: the node.
        index: of the input.
        channels: how many zero points there may be, other than one.

    Raises:
        RefusalError: they are not constant integers of at most 32 bits, or have another count.
    """
    array = node.constant(index, "zero point")
    data_type = code_type(array)
    if code_range(data_type) is None:
        raise RefusalError(
            f"zero point must be an integer of 2 to 32 bits, got {array.dtype}",
            "quantize to int8 or uint8",
        )
    if array.size not in (1, channels):
        raise RefusalError(
            f"zero point of shape {list(array.shape)} does not fit {channels} channels", _NOT_VALID
        )
    return array.reshape(-1).astype(np.int64), data_type


def _check_attributes(node: NodeContext) -> None:
    block = node.int_attribute("block_size", 0)
    if block:
        raise RefusalError(
            f"blocked quantization (block_size {block}) is not supported",
            "quantize per tensor or per axis",
        )
    precision = node.int_attribute("precision", 0)
    if precision not in (TensorProto.UNDEFINED, TensorProto.FLOAT):
        raise RefusalError(
            f"divides in {element_type_name(precision)}, but only float is supported",
            "leave the attribute precision out",
        )
    made = node.int_attribute("output_dtype", 0) if node.proto.op_type[0] == "D" else 0
    if made not in (TensorProto.UNDEFINED, TensorProto.FLOAT):
        raise RefusalError(
            f"makes {element_type_name(made)}, but only float is supported",
            "leave the attribute output_dtype out",
        )


def _quantize_linear(node: NodeContext) -> Value:
    _check_attributes(node)
    scale, axis = scale_and_axis(node, 1, node.shape(0))
    data_type = node.int_attribute("output_dtype", TensorProto.UNDEFINED)
    zero_point = _ZERO
    if node.has_input(2):
        zero_point, of_zero_point = zero_point_of(node, 2, scale.size)
        if data_type not in (TensorProto.UNDEFINED, of_zero_point):
            raise RefusalError(
                f"output_dtype is {element_type_name(data_type)}, but the zero point has type "
                f"{element_type_name(of_zero_point)}",
                _NOT_VALID,
            )
        data_type = of_zero_point
    data_type = data_type or TensorProto.UINT8
    range_ = code_range(data_type)
    if range_ is None or data_type == TensorProto.INT32:
        raise RefusalError(
            f"codes of type {element_type_name(data_type)} are not supported",
            "quantize to integers of 2 to 16 bits, e.g. int8",
        )
    return quantize(node, _reals(node), scale, zero_point, range_, axis)


def _reals(node: NodeContext) -> SSAValue:
    """Returns input 0, which may be int32: then each integer stands for itself."""
    x = node.value(0)
    if isinstance(x, np.ndarray) and x.dtype.kind == "f":
        return node.operand(0)
    if isinstance(x, SSAValue):
        return node.number(0)
    return node.emit(qint.DequantizeOp(node.codes(0), _ONE, _ZERO))


def _dequantize_linear(node: NodeContext) -> Value:
    _check_attributes(node)
    codes = node.codes(0)
    scale, axis = scale_and_axis(node, 1, shape_of(codes.type))
    zero_point = _ZERO
    if node.has_input(2):
        zero_point, data_type = zero_point_of(node, 2, scale.size)
        check_same_type(node, 0, codes, data_type)
    dequantize = qint.DequantizeOp(codes, scale, zero_point, axis=axis)
    if _has_no_kernel(node.value(0)):
        qint.set_numerics(dequantize, "exact")
    short = node.short_type(1)
    made = node.emit(dequantize)
    return made if short is None else node.shortened(made, short)


def _has_no_kernel(stored: Value) -> bool:
    """Whether integer kernels take no weights of this type: they have 8 bits, biases 32."""
    kernels = (TensorProto.INT8, TensorProto.UINT8, TensorProto.INT32)
    return isinstance(stored, np.ndarray) and code_type(stored) not in kernels


def check_same_type(node: NodeContext, index: int, codes: SSAValue, zero_point_type: int) -> None:
    """Checks that integers have the element type of their zero point.

    Args:
        node: the node.
        index: of the input that holds the integers.
        codes: the same in the IR.
        zero_point_type: ONNX's number of the element type.

    Raises:
        RefusalError: they do not.
    """
    wanted, given = code_range(zero_point_type), node.value(index)
    stored = isinstance(given, np.ndarray)
    got = code_range(code_type(given)) if stored else qint.range_of(codes.type)
    if got != wanted:
        shown = "an unknown type" if got is None else f"integers in [{got.lo}, {got.hi}]"
        raise RefusalError(
            f"zero point has type {element_type_name(zero_point_type)}, but "
            f"{node.input_name(index)!r} holds {shown}",
            "use one element type for a tensor and its zero point",
        )


for _domain in DOMAINS:
    importer(_domain, "QuantizeLinear")(_quantize_linear)
    importer(_domain, "DequantizeLinear")(_dequantize_linear)

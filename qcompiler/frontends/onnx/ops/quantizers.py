"""QONNX's Quant and BipolarQuant, which become qint.quantize and qint.dequantize.

Source: `int_quant` in qonnx/custom_op/general/intquant.py, `binary_quant` in bipolar_quant.py.
"""

from typing import Self

import numpy as np
from msgspec import Struct
from xdsl.ir import SSAValue

from qcompiler.arith.decimals import shortest
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.rounding import RoundingMode, round_float, rounding_mode
from qcompiler.dialects import nn
from qcompiler.dialects.attributes import Array
from qcompiler.dialects.qint.boundary import DequantizeOp, QuantizeOp
from qcompiler.dialects.qint.linear import AffineOp
from qcompiler.frontends.onnx.node import NodeContext
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import importer

DOMAINS = ("onnx.brevitas", "finn.custom_op.general", "qonnx.custom_op.general", "")
"""Where exporters of different age put the operations of QONNX."""

MAX_BITS = 32
_SHAPE_REMEDY = "use one value per tensor or per channel"
_OF_MASKS = (
    "leave what is infinite here, such as a mask of -inf, out of the quantization: "
    "nodes_to_exclude or op_types_to_quantize of quantize_static"
)


class QuantizerParameters(Struct, frozen=True):
    """Scale and zero point of a quantizer, one or one per channel.

    Attributes:
        scale: positive and finite, f32 or f64, one dimension.
        zero_point: int64, one dimension.
        axis: along which they vary, if they do.
    """

    scale: Array
    zero_point: Array
    axis: int | None

    @classmethod
    def of(cls, node: NodeContext, zero_point: Array) -> Self:
        """Returns the parameters of a node whose input 1 is the scale.

        Raises:
            RefusalError: they are not constant, not sound, or vary along several axes.
        """
        scale, scale_axis = channel_parameter(_scales(node), node.shape(0), "scale")
        zero, zero_axis = channel_parameter(zero_point, node.shape(0), "zero point")
        if scale_axis is not None and zero_axis is not None and scale_axis != zero_axis:
            raise RefusalError(
                f"scale varies along axis {scale_axis}, but zero point along axis {zero_axis}",
                "use one channel axis for both",
            )
        return cls(scale, zero, zero_axis if scale_axis is None else scale_axis)

    def quantize(self, x: SSAValue, range_: IntRange, mode: RoundingMode) -> QuantizeOp:
        """Returns the operation that makes integers of `x`."""
        return QuantizeOp(x, self.scale, self.zero_point, range_, axis=self.axis, rounding=mode)

    def dequantize(self, q: SSAValue) -> DequantizeOp:
        """Returns the operation that makes reals of `q`."""
        return DequantizeOp(q, self.scale, self.zero_point, axis=self.axis)


def channel_parameter(values: Array, shape: tuple[int, ...], what: str) -> tuple[Array, int | None]:
    """Returns a parameter that broadcasts to `shape`, as one dimension, and its channel axis.

    Raises:
        RefusalError: it varies along several axes, or would enlarge the tensor.
    """
    if values.ndim > len(shape) or values.size == 0:
        raise RefusalError(
            f"{what} of shape {list(values.shape)} does not fit a tensor of shape {list(shape)}",
            _SHAPE_REMEDY,
        )
    padded = (1,) * (len(shape) - values.ndim) + values.shape
    varying = [axis for axis, extent in enumerate(padded) if extent != 1]
    if not varying:
        return values.reshape(-1), None
    if len(varying) > 1:
        raise RefusalError(
            f"{what} of shape {list(values.shape)} varies along {len(varying)} axes",
            _SHAPE_REMEDY,
        )
    axis = varying[0]
    if padded[axis] != shape[axis]:
        raise RefusalError(
            f"{what} of shape {list(values.shape)} does not fit a tensor of shape {list(shape)}",
            _SHAPE_REMEDY,
        )
    return values.reshape(-1), axis


def positive(values: Array, what: str) -> Array:
    """Returns `values` as floats.

    Raises:
        RefusalError: one is not positive or not finite.
    """
    floats = values if values.dtype.kind == "f" else values.astype(np.float32)
    bad = ~(np.isfinite(floats) & (floats > 0))
    if bad.any():
        found = floats[bad][0]
        raise RefusalError(
            f"{what} must be positive and finite, got {shortest(found)}",
            _OF_MASKS if np.isposinf(found) else f"give a positive {what}",
        )
    return floats


def _scales(node: NodeContext) -> Array:
    return positive(node.constant(1, "scale"), "scale")


def zero_points(node: NodeContext) -> Array:
    """Returns input 2, int64.

    Raises:
        RefusalError: it is not constant, not integral, or too large.
    """
    values = node.constant(2, "zero point")
    bad = ~(np.isfinite(values) & (values == np.rint(values)) & (abs(values) < 2.0**MAX_BITS))
    if bad.any():
        raise RefusalError(
            f"zero point must be an integer of at most {MAX_BITS} bits, got "
            f"{shortest(values[bad][0])}",
            "quantize symmetrically, or round the zero point before training",
        )
    return values.astype(np.int64)


def bit_width(node: NodeContext, index: int) -> float:
    """Returns a bit width, 1 to 32.

    Raises:
        RefusalError: it is not constant, not one number, or out of bounds.
    """
    values = node.constant(index, "bit width")
    if values.size != 1:
        raise RefusalError(
            f"bit width must be one number, got shape {list(values.shape)}",
            "use one bit width per tensor",
        )
    bits = float(values.reshape(-1)[0])
    if not 1 <= bits <= MAX_BITS:
        raise RefusalError(
            f"bit width must be 1 to {MAX_BITS}, got {shortest(bits)}", "use 2 to 16 bits"
        )
    return bits


def code_range(bits: float, signed: bool, narrow: bool, mode: RoundingMode) -> IntRange:
    """Returns the integers that a quantizer of QONNX makes.

    QONNX clamps before it rounds, so that a bound of a fractional bit width gets rounded, too.
    """
    if bits.is_integer():
        return IntRange.for_bits(int(bits), signed, narrow)
    # float32, because that is what decides for widths such as log2(6), whose bound is near 5.
    power = float(np.float32(2) ** np.float32(bits - 1 if signed else bits))
    lo, hi = (narrow - power, power - 1) if signed else (0.0, power - 1 - narrow)
    lo_code, hi_code = round_float(np.array([lo, hi]), mode)
    return IntRange(int(lo_code), int(hi_code))


def rounding_of(node: NodeContext, default: str) -> RoundingMode:
    """Returns the rounding mode of a QONNX node.

    Raises:
        RefusalError: QONNX knows no such mode.
    """
    try:
        return rounding_mode(node.string_attribute("rounding_mode", default))
    except ValueError as error:
        raise RefusalError(str(error), "use one of these rounding modes") from None


def _import_quant(node: NodeContext) -> Value:
    bits = bit_width(node, 3)
    signed = bool(node.int_attribute("signed"))
    narrow = bool(node.int_attribute("narrow"))
    mode = rounding_of(node, "ROUND")
    parameters = QuantizerParameters.of(node, zero_points(node))
    if bits == 1 and signed:
        return _bipolar(node, parameters)
    range_ = code_range(bits, signed, narrow, mode)
    codes = node.emit(parameters.quantize(node.operand(0), range_, mode))
    return node.emit(parameters.dequantize(codes))


def _import_bipolar_quant(node: NodeContext) -> Value:
    return _bipolar(node, QuantizerParameters.of(node, np.zeros(1, np.int64)))


def _bipolar(node: NodeContext, parameters: QuantizerParameters) -> Value:
    """Emits `scale * ((1 if x / scale + zero_point >= 0 else -1) - zero_point)`."""
    one = np.ones(1, np.int64)
    # floor(v + 1) is at least 1 exactly where v is not negative.
    bit = QuantizerParameters(parameters.scale, parameters.zero_point + 1, parameters.axis)
    bits = node.emit(bit.quantize(node.operand(0), IntRange(0, 1), "floor"))
    signs = node.emit(AffineOp(bits, 2 * one, -one))
    return node.emit(parameters.dequantize(signs))


@importer("", "Sign")
def _sign(node: NodeContext) -> Value:
    """Emits -1, 0 or 1 as integers: `(x >= 0) - (0 >= x)`."""
    x, zero = node.operand(0), node.scalar(0.0)
    positive_or_zero = node.emit(nn.GreaterEqualOp(x, zero))
    negative_or_zero = node.emit(nn.GreaterEqualOp(zero, x))
    sign = node.emit(nn.SubOp(positive_or_zero, negative_or_zero))
    parameters = QuantizerParameters(np.ones(1, np.float32), np.zeros(1, np.int64), None)
    codes = node.emit(parameters.quantize(sign, IntRange(-1, 1), "half_even"))
    return node.emit(parameters.dequantize(codes))


for _domain in DOMAINS:
    importer(_domain, "Quant", "IntQuant")(_import_quant)
    importer(_domain, "BipolarQuant")(_import_bipolar_quant)

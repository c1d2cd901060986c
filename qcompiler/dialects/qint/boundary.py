"""quantize and dequantize: where real numbers become integers and back."""

from typing import get_args

import numpy as np
from xdsl.dialects.builtin import I64, IntegerAttr, StringAttr, UnitAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.decimals import shortest
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.rounding import RoundingMode, rounding_mode
from qcompiler.dialects.attributes import Array, shape_of, verify_channel_parameter
from qcompiler.dialects.nn import real_like
from qcompiler.dialects.qint.types import (
    INT,
    REAL,
    IntParameter,
    RealParameter,
    int_like,
    int_parameter,
    parameter_array,
    range_of,
    real_parameter,
)

ROUNDING_MODES: tuple[str, ...] = get_args(RoundingMode)


class Boundary(IRDLOperation):
    """What quantize and dequantize share: scale and zero point, one or one per channel."""

    scale = prop_def(RealParameter)
    zero_point = prop_def(IntParameter)
    axis = opt_prop_def(IntegerAttr[I64])

    @property
    def scale_array(self) -> Array:
        """Scales, f64, shape [1] or [channels]."""
        return parameter_array(self.scale)

    @property
    def zero_point_array(self) -> Array:
        """Zero points, i64, shape [1] or [channels]."""
        return parameter_array(self.zero_point)

    @property
    def channel_axis(self) -> int | None:
        """The axis along which scale and zero point vary, if they do: one channel does not."""
        counts = self.scale_array.size, self.zero_point_array.size
        return None if self.axis is None or counts == (1, 1) else self.axis.value.data

    def _verify_parameters(self, shape: tuple[int, ...]) -> None:
        scale = self.scale_array
        if not (np.isfinite(scale).all() and (scale > 0).all()):
            bad = scale[~(np.isfinite(scale) & (scale > 0))][0]
            raise VerifyException(f"scale must be positive and finite, got {shortest(bad)}")
        verify_channel_parameter(scale.size, self.channel_axis, shape, "scale")
        zero_point = self.zero_point_array
        verify_channel_parameter(zero_point.size, self.channel_axis, shape, "zero_point")


def _axis_attribute(axis: int | None) -> IntegerAttr[I64] | None:
    return None if axis is None else IntegerAttr(axis, i64)


@irdl_op_definition
class QuantizeOp(Boundary):
    """Turns reals into integers: `q = clamp(round(x / scale + zero_point), lo, hi)`.

    `lo` and `hi` are the bounds of the result type, `rounding` is a mode of QONNX's `Quant`. With
    `zero_point_after_rounding` it is `q = clamp(round(x / scale) + zero_point, lo, hi)`, as ONNX's
    QuantizeLinear defines it: at ties, an odd zero point makes a difference.

    Example: `%q = qint.quantize %x {scale = 0.5 : f32, zero_point = 0 : i64,
        rounding = "half_even"} : (tensor<1x16xf32>) -> tensor<1x16x!qint.int<-32, 31>>`
    """

    name = "qint.quantize"
    input = operand_def(REAL)
    rounding = prop_def(StringAttr)
    zero_point_after_rounding = opt_prop_def(UnitAttr)
    result = result_def(INT)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(
        self,
        input: SSAValue,
        scale: Array,
        zero_point: Array,
        range_: IntRange,
        *,
        axis: int | None = None,
        rounding: str = "half_even",
        zero_point_after_rounding: bool = False,
    ):
        super().__init__(
            operands=[input],
            properties={
                "scale": real_parameter(scale),
                "zero_point": int_parameter(zero_point),
                "axis": _axis_attribute(axis),
                "rounding": StringAttr(rounding),
                "zero_point_after_rounding": UnitAttr() if zero_point_after_rounding else None,
            },
            result_types=[int_like(input.type, range_)],
        )

    @property
    def range(self) -> IntRange:
        """The bounds at which the result saturates."""
        return range_of(self.result.type)

    @property
    def adds_after_rounding(self) -> bool:
        """Whether the zero point is added after rounding."""
        return self.zero_point_after_rounding is not None

    @property
    def rounding_mode(self) -> RoundingMode:
        """The rounding mode."""
        return rounding_mode(self.rounding.data)

    def verify_(self) -> None:
        _verify_same_shape(self.input.type, self.result.type)
        self._verify_parameters(shape_of(self.input.type))
        if self.rounding.data not in ROUNDING_MODES:
            raise VerifyException(
                f"rounding must be one of {', '.join(ROUNDING_MODES)}, got {self.rounding.data}"
            )


@irdl_op_definition
class DequantizeOp(Boundary):
    """Turns integers into the reals they stand for: `x = scale * (q - zero_point)`.

    With the numerics of onnxruntime a dequantize and the quantize behind it are one multiplication,
    as in kernels that end in an accumulator; with `apart` they are two operations in float32, as
    they are for codes that only moved.

    Example: `%x = qint.dequantize %q {scale = 0.5 : f32, zero_point = 0 : i64}
        : (tensor<1x16x!qint.int<-32, 31>>) -> tensor<1x16xf32>`
    """

    name = "qint.dequantize"
    input = operand_def(INT)
    apart = opt_prop_def(UnitAttr)
    result = result_def(REAL)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(
        self,
        input: SSAValue,
        scale: Array,
        zero_point: Array,
        *,
        axis: int | None = None,
        apart: bool = False,
    ):
        super().__init__(
            operands=[input],
            properties={
                "scale": real_parameter(scale),
                "zero_point": int_parameter(zero_point),
                "axis": _axis_attribute(axis),
                "apart": UnitAttr() if apart else None,
            },
            result_types=[real_like(input.type)],
        )

    @property
    def rounds_apart(self) -> bool:
        """Whether it rounds to float32 before a quantize that follows."""
        return self.apart is not None

    def verify_(self) -> None:
        _verify_same_shape(self.input.type, self.result.type)
        self._verify_parameters(shape_of(self.input.type))


def _verify_same_shape(source: Attribute, result: Attribute) -> None:
    if shape_of(source) != shape_of(result):
        raise VerifyException(f"input {source} and result {result} differ in shape")

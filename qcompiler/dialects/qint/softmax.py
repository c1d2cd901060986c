"""Softmax of integers, as TensorFlow Lite's kernel for int8 computes it."""

from typing import ClassVar

from xdsl.dialects.builtin import I64, IntegerAttr, TensorType, i64
from xdsl.ir import SSAValue
from xdsl.irdl import (
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import shape_of
from qcompiler.dialects.qint.interface import Hardware, IntegerOp
from qcompiler.dialects.qint.types import INT_TENSOR, IntType

_CODES = IntRange(-128, 127)


@irdl_op_definition
class SoftmaxOp(IntegerOp):
    """Softmax over the last axis in gemmlowp's fixed point: int8 of scale 1/256, zero point -128.

    A difference d from the largest code is `(d << shift) * multiplier / 2**31` with 26 fraction
    bits; one below `least` counts as minus infinity. The host computes it.

    Example: `%y = qint.softmax %x {multiplier = 1073741824 : i64, shift = 24 : i64,
        least = -62 : i64} : (tensor<1x4x!qint.int<-128, 127>>) -> tensor<1x4x!qint.int<-128, 127>>`
    """

    name = "qint.softmax"
    HARDWARE: ClassVar[Hardware] = Hardware.NEVER
    input = operand_def(INT_TENSOR)
    multiplier = prop_def(IntegerAttr[I64])
    shift = prop_def(IntegerAttr[I64])
    least = prop_def(IntegerAttr[I64])
    result = result_def(INT_TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, multiplier: int, shift: int, least: int):
        super().__init__(
            operands=[input],
            properties={
                "multiplier": IntegerAttr(multiplier, i64),
                "shift": IntegerAttr(shift, i64),
                "least": IntegerAttr(least, i64),
            },
            result_types=[TensorType(IntType(_CODES.lo, _CODES.hi), shape_of(input.type))],
        )

    @property
    def parameters(self) -> dict[str, int]:
        """Multiplier, shift and least difference, by name."""
        parts = {"multiplier": self.multiplier, "shift": self.shift, "least": self.least}
        return {name: part.value.data for name, part in parts.items()}

    @property
    def inferred_range(self) -> IntRange:
        """That of int8."""
        return _CODES

    def verify_(self) -> None:
        if shape_of(self.input.type) != shape_of(self.result.type):
            raise VerifyException(
                f"softmax of {self.input.type} has its shape, got {self.result.type}"
            )
        multiplier, shift, least = self.parameters.values()
        if not (0 < multiplier < 2**31 and 0 <= shift < 31 and -(2**31) < least << shift <= 0):
            raise VerifyException(
                f"multiplier must have 31 bits, shift be in [0, 30] and least fit them, got "
                f"{multiplier}, {shift} and {least}"
            )

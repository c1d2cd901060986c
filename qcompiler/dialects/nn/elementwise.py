"""Arithmetic on each element alone; operands broadcast as in numpy."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import ClassVar

import numpy as np
from xdsl.dialects.builtin import Float32Type, FloatAttr, TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from qcompiler.dialects.attributes import broadcast_shapes, shape_of
from qcompiler.dialects.nn.types import REAL, f32, real_like, verify_same_shape


class Elementwise(IRDLOperation):
    """An operation on each element alone."""

    result = result_def(REAL)
    traits = traits_def(Pure())
    IS_SCALAR: ClassVar[bool] = True
    """Whether a scalar region may hold it: `arith.scalar_ops` has its function."""

    @property
    def parameters(self) -> tuple[float, ...]:
        """The numbers that the operation holds, in the order of its formula."""
        return ()

    @property
    def function(self) -> str:
        """What it computes: by its name in `arith.scalar_ops`, if it is scalar."""
        return self.name.removeprefix("nn.")


class Binary(Elementwise):
    """An elementwise operation on two operands, which broadcast as in numpy, and on its numbers."""

    lhs = operand_def(REAL)
    rhs = operand_def(REAL)
    assembly_format = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)"

    def __init__(
        self, lhs: SSAValue, rhs: SSAValue, properties: Mapping[str, Attribute] | None = None
    ):
        shapes = shape_of(lhs.type), shape_of(rhs.type)
        scalar = not isinstance(lhs.type, TensorType) and not isinstance(rhs.type, TensorType)
        result = f32 if scalar else TensorType(f32, broadcast_shapes(shapes))
        super().__init__(operands=[lhs, rhs], properties=properties or {}, result_types=[result])

    def verify_(self) -> None:
        shape = broadcast_shapes([shape_of(self.lhs.type), shape_of(self.rhs.type)])
        if shape != shape_of(self.result.type):
            raise VerifyException(
                f"operands broadcast to shape {list(shape)}, but the result is {self.result.type}"
            )


class Unary(Elementwise):
    """An elementwise operation on one operand and, in some, on numbers that it holds."""

    input = operand_def(REAL)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, properties: Mapping[str, Attribute] | None = None):
        super().__init__(
            operands=[input], properties=properties or {}, result_types=[real_like(input.type)]
        )

    def verify_(self) -> None:
        verify_same_shape(self.input.type, self.result.type)


@irdl_op_definition
class AddOp(Binary):
    """Adds: `y = a + b`. Example: `%y = nn.add %a, %b : (f32, f32) -> f32`."""

    name = "nn.add"


@irdl_op_definition
class SubOp(Binary):
    """Subtracts: `y = a - b`. Example: `%y = nn.sub %a, %b : (f32, f32) -> f32`."""

    name = "nn.sub"


@irdl_op_definition
class MulOp(Binary):
    """Multiplies: `y = a * b`. Example: `%y = nn.mul %a, %b : (f32, f32) -> f32`."""

    name = "nn.mul"


@irdl_op_definition
class MulAddOp(Binary):
    """Multiplies and adds: `y = a * factor + b`; in float32 with one rounding, that of the sum.

    So compute the kernels of a runtime on processors with a fused multiply-add.

    Example: `%y = nn.mul_add %a, %b {factor = 0.5 : f32} : (f32, f32) -> f32`
    """

    name = "nn.mul_add"
    factor = prop_def(FloatAttr[Float32Type])
    irdl_options = (ParsePropInAttrDict(),)

    def __init__(self, lhs: SSAValue, rhs: SSAValue, factor: float):
        super().__init__(lhs, rhs, {"factor": FloatAttr(factor, f32)})

    @property
    def parameters(self) -> tuple[float, ...]:
        return (float(np.float32(self.factor.value.data)),)

    def verify_(self) -> None:
        super().verify_()
        if not isfinite(self.parameters[0]):
            raise VerifyException(f"factor must be finite, got {self.parameters[0]}")


@irdl_op_definition
class DivOp(Binary):
    """Divides: `y = a / b`, for b != 0. Example: `%y = nn.div %a, %b : (f32, f32) -> f32`."""

    name = "nn.div"


@irdl_op_definition
class PowOp(Binary):
    """Raises to a power: `y = a ** b`. Example: `%y = nn.pow %a, %b : (f32, f32) -> f32`."""

    name = "nn.pow"
    IS_SCALAR: ClassVar[bool] = False


@irdl_op_definition
class ReluOp(Unary):
    """Cuts off below zero: `y = max(x, 0)`. Example: `%y = nn.relu %x : (f32) -> f32`."""

    name = "nn.relu"


@irdl_op_definition
class SqrtOp(Unary):
    """Takes the root: `y = sqrt(x)`, for x >= 0. Example: `%y = nn.sqrt %x : (f32) -> f32`."""

    name = "nn.sqrt"


@irdl_op_definition
class MinOp(Binary):
    """Takes the smaller: `y = min(a, b)`. Example: `%y = nn.min %a, %b : (f32, f32) -> f32`."""

    name = "nn.min"


@irdl_op_definition
class MaxOp(Binary):
    """Takes the larger: `y = max(a, b)`. Example: `%y = nn.max %a, %b : (f32, f32) -> f32`."""

    name = "nn.max"


@irdl_op_definition
class NegOp(Unary):
    """Negates: `y = -x`. Example: `%y = nn.neg %x : (f32) -> f32`."""

    name = "nn.neg"


def same_op(op: Binary | Unary, operands: Sequence[SSAValue]) -> Binary | Unary:
    """Returns the same elementwise operation, its numbers included, on other operands."""
    shapes = [shape_of(operand.type) for operand in operands]
    scalar = not any(isinstance(operand.type, TensorType) for operand in operands)
    result = f32 if scalar else TensorType(f32, broadcast_shapes(shapes))
    return type(op).create(
        operands=list(operands), properties=dict(op.properties), result_types=[result]
    )

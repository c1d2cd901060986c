"""Operations on several activations: sums, products, concatenations, and functions of them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from xdsl.dialects.builtin import I64, IntegerAttr, TensorType, i64
from xdsl.ir import Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import Array, broadcast_shapes, shape_of
from qcompiler.dialects.nn import concat_shape
from qcompiler.dialects.qint.interface import IntegerOp
from qcompiler.dialects.qint.requantizers import ScalarBody
from qcompiler.dialects.qint.types import INT_TENSOR, IntType, int_type_of, range_of


def _broadcast(values: Sequence[SSAValue]) -> tuple[int, ...]:
    return broadcast_shapes([shape_of(value.type) for value in values])


def _verify_broadcast(op: IRDLOperation) -> None:
    shape, made = _broadcast(op.operands), op.results[0].type
    if shape != shape_of(made):
        raise VerifyException(
            f"operands broadcast to shape {list(shape)}, but the result is {made}"
        )


def _same_channels(op: IRDLOperation) -> bool:
    """Whether all operands have the last axis of the result."""
    made = shape_of(op.results[0].type)
    return all(shape_of(value.type)[-1:] == made[-1:] for value in op.operands)


class Pairwise(IntegerOp, ABC):
    """An elementwise operation on two tensors of integers, which broadcast as in numpy."""

    lhs = operand_def(INT_TENSOR)
    rhs = operand_def(INT_TENSOR)
    result = result_def(INT_TENSOR)
    traits = traits_def(Pure())
    assembly_format = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)"

    def __init__(self, lhs: SSAValue, rhs: SSAValue):
        bounds = self.combined(range_of(lhs.type), range_of(rhs.type))
        result = TensorType(IntType(bounds.lo, bounds.hi), _broadcast([lhs, rhs]))
        super().__init__(operands=[lhs, rhs], result_types=[result])

    @staticmethod
    @abstractmethod
    def combined(lhs: IntRange, rhs: IntRange) -> IntRange:
        """Returns the bounds of the result for operands in these ranges."""

    @staticmethod
    @abstractmethod
    def compute(lhs: Array, rhs: Array) -> Array:
        """Returns the result for operands of one shape."""

    @property
    def carries_channels(self) -> bool:
        return _same_channels(self)

    @property
    def inferred_range(self) -> IntRange:
        """Bounds of the result."""
        return self.combined(range_of(self.lhs.type), range_of(self.rhs.type))

    def verify_(self) -> None:
        _verify_broadcast(self)


@irdl_op_definition
class AddOp(Pairwise):
    """Adds integers: `y = a + b`; operands broadcast as in numpy.

    Example: `%y = qint.add %a, %b : (tensor<1x4x!qint.int<0, 3>>, tensor<1x4x!qint.int<-1, 1>>)
        -> tensor<1x4x!qint.int<-1, 4>>`
    """

    name = "qint.add"

    @staticmethod
    def combined(lhs: IntRange, rhs: IntRange) -> IntRange:
        return lhs + rhs

    @staticmethod
    def compute(lhs: Array, rhs: Array) -> Array:
        return lhs + rhs


@irdl_op_definition
class MulOp(Pairwise):
    """Multiplies integers: `y = a * b`; operands broadcast as in numpy.

    Example: `%y = qint.mul %a, %b : (tensor<1x4x!qint.int<0, 3>>, tensor<1x4x!qint.int<-1, 1>>)
        -> tensor<1x4x!qint.int<-3, 3>>`
    """

    name = "qint.mul"

    @staticmethod
    def combined(lhs: IntRange, rhs: IntRange) -> IntRange:
        return lhs * rhs

    @staticmethod
    def compute(lhs: Array, rhs: Array) -> Array:
        return lhs * rhs


@irdl_op_definition
class ConcatOp(IntegerOp):
    """Joins tensors along an axis, in order.

    Example: `%y = qint.concat %a, %b axis 1 : (tensor<1x2x!qint.int<0, 3>>,
        tensor<1x3x!qint.int<-1, 1>>) -> tensor<1x5x!qint.int<-1, 3>>`
    """

    name = "qint.concat"
    inputs = var_operand_def(INT_TENSOR)
    axis = prop_def(IntegerAttr[I64])
    result = result_def(INT_TENSOR)
    traits = traits_def(Pure())
    assembly_format = "$inputs `axis` $axis attr-dict `:` functional-type(operands, results)"

    def __init__(self, inputs: Sequence[SSAValue], axis: int):
        shape = concat_shape([shape_of(x.type) for x in inputs], axis)
        bounds = union_range(inputs)
        super().__init__(
            operands=[list(inputs)],
            properties={"axis": IntegerAttr(axis, i64)},
            result_types=[TensorType(IntType(bounds.lo, bounds.hi), shape)],
        )

    @property
    def inferred_range(self) -> IntRange:
        """Bounds of all operands."""
        return union_range(self.inputs)

    def verify_(self) -> None:
        shape = concat_shape([shape_of(x.type) for x in self.inputs], self.axis.value.data)
        if shape != shape_of(self.result.type):
            raise VerifyException(f"result must have shape {list(shape)}, got {self.result.type}")


def union_range(values: Sequence[SSAValue]) -> IntRange:
    """Returns the smallest range that holds the ranges of all values."""
    bounds = [range_of(value.type) for value in values]
    return IntRange(min(b.lo for b in bounds), max(b.hi for b in bounds))


@irdl_op_definition
class JoinOp(IntegerOp):
    """Applies the scalar function of its region to the elements of several tensors.

    The region holds the chain of real operations that joins activations (a residual connection, a
    gate), down to the next quantizer. Operands broadcast as in numpy; `nn.parameter` and attributes
    with many values are indexed by the position along `axis` of the result.

    Example: `%y = qint.join %a, %b axis 1 {
        ^bb0(%x : !qint.int<0, 3>, %z : !qint.int<0, 3>):
          qint.yield %x : !qint.int<0, 3>
        } : (tensor<1x4x!qint.int<0, 3>>, tensor<1x4x!qint.int<0, 3>>)
        -> tensor<1x4x!qint.int<0, 3>>`
    """

    name = "qint.join"
    inputs = var_operand_def(INT_TENSOR)
    axis = prop_def(IntegerAttr[I64])
    body = region_def("single_block")
    result = result_def(INT_TENSOR)
    traits = traits_def(Pure())
    assembly_format = "$inputs `axis` $axis $body attr-dict `:` functional-type(operands, results)"

    def __init__(self, inputs: Sequence[SSAValue], axis: int, body: Region, range_: IntRange):
        result = TensorType(IntType(range_.lo, range_.hi), _broadcast(inputs))
        super().__init__(
            operands=[list(inputs)],
            properties={"axis": IntegerAttr(axis, i64)},
            regions=[body],
            result_types=[result],
        )

    @property
    def channel_axis(self) -> int:
        """The axis along which parameters vary."""
        return self.axis.value.data

    @property
    def channels(self) -> int:
        """Extent of the channel axis."""
        return shape_of(self.result.type)[self.channel_axis]

    @property
    def scalar_body(self) -> ScalarBody:
        """The scalar function."""
        return ScalarBody(self.body.block)

    @property
    def carries_channels(self) -> bool:
        last = self.channel_axis == len(shape_of(self.result.type)) - 1
        return _same_channels(self) and (last or not self.scalar_body.has_rows)

    def keep_channels(self, kept: Array) -> None:
        self.scalar_body.keep_rows(shape_of(self.result.type)[-1], kept)

    def verify_(self) -> None:
        if len(self.inputs) < 2:
            raise VerifyException(f"a join needs at least two operands, got {len(self.inputs)}")
        _verify_broadcast(self)
        rank = len(shape_of(self.result.type))
        if not 0 <= self.channel_axis < rank:
            raise VerifyException(f"axis must be in [0, {rank - 1}], got {self.channel_axis}")
        given = [int_type_of(value.type) for value in self.inputs]
        self.scalar_body.verify(given, int_type_of(self.result.type))

"""Integer constants, matrix products, affine maps and changes of shape."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from xdsl.dialects.builtin import I64, DenseArrayBase, IntegerAttr, StringAttr, TensorType, i64
from xdsl.ir import SSAValue
from xdsl.irdl import (
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import ConstantLike, Pure
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.ranges import ChannelRanges, IntRange, dot_range, mixed_ranges
from qcompiler.dialects.attributes import (
    Array,
    DenseAttr,
    int_dense,
    numpy_from_dense,
    shape_of,
    verify_channel_parameter,
)
from qcompiler.dialects.nn import matmul_shape, transposed_shape, verify_reshape
from qcompiler.dialects.qint.interface import Hardware, IntegerOp
from qcompiler.dialects.qint.types import (
    INT,
    INT_TENSOR,
    IntParameter,
    IntType,
    int_like,
    int_parameter,
    parameter_array,
    range_of,
)
from qcompiler.weight_places import EXTERNAL, WRITABLE

_PLACE = "qint.place"


@irdl_op_definition
class ConstantOp(IntegerOp):
    """Holds integers, such as weights: `y = value`.

    The attribute `qint.place` says where weights are that the hardware does not hold. Of
    `writable` ones nothing is known but their type: the host may write others.

    Example: `%w = qint.constant dense<[[1, -1]]> : tensor<1x2xi8> -> tensor<1x2x!qint.int<-1, 1>>`
    """

    name = "qint.constant"
    value = prop_def(DenseAttr)
    result = result_def(INT_TENSOR)
    traits = traits_def(Pure(), ConstantLike())
    assembly_format = "attr-dict $value `->` type($result)"
    HARDWARE: ClassVar[Hardware] = Hardware.NEVER

    def __init__(self, value: Array, range_: IntRange | None = None):
        if range_ is None:
            range_ = IntRange(int(value.min()), int(value.max()))
        super().__init__(
            properties={"value": int_dense(value)},
            result_types=[TensorType(IntType(range_.lo, range_.hi), value.shape)],
        )

    @property
    def array(self) -> Array:
        """The values as int64."""
        return numpy_from_dense(self.value).astype(np.int64)

    @property
    def place(self) -> str | None:
        """Where the weights are; None in the hardware."""
        given = self.attributes.get(_PLACE)
        return given.data if isinstance(given, StringAttr) else None

    @place.setter
    def place(self, name: str | None) -> None:
        self.attributes.pop(_PLACE, None)
        if name is not None:
            self.attributes[_PLACE] = StringAttr(name)

    @property
    def is_written(self) -> bool:
        """Whether the host may write other values than those here."""
        return self.place == WRITABLE

    def moved(self, array: Array) -> "ConstantOp":
        """Returns the same constant, its values in another order."""
        other = ConstantOp(array, range_of(self.result.type))
        other.place = self.place
        other.result.name_hint = self.result.name_hint
        return other

    def sum_bounds(self, x: IntRange) -> tuple[Array, Array]:
        """Returns bounds, lo and hi, of the sums of each of its last axis times inputs in `x`."""
        matrix = self.array.reshape(-1, self.array.shape[-1])
        if not self.is_written:
            return dot_range(matrix, x)
        terms, sums = matrix.shape
        bounds = product_range(x, range_of(self.result.type), terms)
        return np.full(sums, bounds.lo), np.full(sums, bounds.hi)

    @property
    def inferred_range(self) -> IntRange:
        """Bounds of the values; those of the type if there are none, or others may come."""
        array = self.array
        if self.is_written or not array.size:
            return range_of(self.result.type)
        return IntRange(int(array.min()), int(array.max()))

    def verify_(self) -> None:
        if self.value.get_shape() != shape_of(self.result.type):
            raise VerifyException(
                f"value of type {self.value.type} does not match result {self.result.type}"
            )
        array, range_ = numpy_from_dense(self.value), range_of(self.result.type)
        if self.place not in (None, EXTERNAL, WRITABLE):
            raise VerifyException(f"place must be {EXTERNAL} or {WRITABLE}, got {self.place}")
        if array.size and not (range_.lo <= array.min() and array.max() <= range_.hi):
            raise VerifyException(
                f"values in [{array.min()}, {array.max()}] exceed the range of {self.result.type}"
            )


def is_inside(value: SSAValue) -> bool:
    """Whether a value is constant weights that the hardware holds."""
    return isinstance(value.owner, ConstantOp) and value.owner.place is None


def product_range(lhs: IntRange, rhs: IntRange, terms: int) -> IntRange:
    """Returns bounds of a sum of `terms` products of one element of each range."""
    corners = [a * b for a in (lhs.lo, lhs.hi) for b in (rhs.lo, rhs.hi)]
    return IntRange(terms * min(corners), terms * max(corners))


@irdl_op_definition
class MatMulOp(IntegerOp):
    """Multiplies integer matrices exactly: `y[..., i, j] = sum_k a[..., i, k] * b[..., k, j]`.

    Example: `%y = qint.matmul %a, %w : (tensor<1x4x!qint.int<0, 3>>, tensor<4x2x!qint.int<-1, 1>>)
        -> tensor<1x2x!qint.int<-12, 12>>`
    """

    name = "qint.matmul"
    lhs = operand_def(INT_TENSOR)
    rhs = operand_def(INT_TENSOR)
    result = result_def(INT_TENSOR)
    traits = traits_def(Pure())
    assembly_format = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)"

    def __init__(self, lhs: SSAValue, rhs: SSAValue):
        shape = matmul_shape(shape_of(lhs.type), shape_of(rhs.type))
        bounds = matmul_range(lhs, rhs)
        super().__init__(
            operands=[lhs, rhs], result_types=[TensorType(IntType(bounds.lo, bounds.hi), shape)]
        )

    @property
    def inferred_range(self) -> IntRange:
        """Bounds of the sums, with the actual weights where they are constant."""
        return matmul_range(self.lhs, self.rhs)

    @property
    def mixing_weights(self) -> Array | None:
        """The right matrix, if it is constant and in the hardware: one tap."""
        if not is_inside(self.rhs) or len(shape_of(self.rhs.type)) != 2:
            return None
        assert isinstance(self.rhs.owner, ConstantOp), "it is constant"
        return numpy_from_dense(self.rhs.owner.value)[None]

    def channel_ranges(self, given: Sequence[ChannelRanges]) -> ChannelRanges | None:
        weights = self.mixing_weights
        return None if weights is None else mixed_ranges(weights, given[0])

    def is_product_of(self, kept: SSAValue) -> bool:
        """Whether it multiplies two activations, of which the right one is `kept`."""
        return (
            self.rhs is kept and self.lhs is not kept and not isinstance(self.lhs.owner, ConstantOp)
        )

    def verify_(self) -> None:
        shape = matmul_shape(shape_of(self.lhs.type), shape_of(self.rhs.type))
        if shape != shape_of(self.result.type):
            raise VerifyException(f"result must have shape {list(shape)}, got {self.result.type}")


def matmul_range(lhs: SSAValue, rhs: SSAValue) -> IntRange:
    """Returns the proven bounds of a product: with the actual weights where they are constant."""
    x = range_of(lhs.type)
    if isinstance(rhs.owner, ConstantOp) and rhs.owner.array.ndim == 2:
        lo, hi = rhs.owner.sum_bounds(x)
        return IntRange(int(lo.min()), int(hi.max()))
    return product_range(x, range_of(rhs.type), shape_of(lhs.type)[-1])


@irdl_op_definition
class AffineOp(IntegerOp):
    """Multiplies by and adds integers: `y = multiplier * x + offset`, each one or one per channel.

    Carries zero points (`x - zero_point`) and bipolar codes (`2 * b - 1`) through linear
    operations.

    Example: `%v = qint.affine %b {multiplier = 2 : i64, offset = -1 : i64}
        : (tensor<1x4x!qint.int<0, 1>>) -> tensor<1x4x!qint.int<-1, 1>>`
    """

    name = "qint.affine"
    HARDWARE: ClassVar[Hardware] = Hardware.BETWEEN
    input = operand_def(INT)
    multiplier = prop_def(IntParameter)
    offset = prop_def(IntParameter)
    axis = opt_prop_def(IntegerAttr[I64])
    result = result_def(INT)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(
        self, input: SSAValue, multiplier: Array, offset: Array, *, axis: int | None = None
    ):
        bounds = affine_range(range_of(input.type), multiplier, offset)
        super().__init__(
            operands=[input],
            properties={
                "multiplier": int_parameter(multiplier),
                "offset": int_parameter(offset),
                "axis": None if axis is None else IntegerAttr(axis, i64),
            },
            result_types=[int_like(input.type, bounds)],
        )

    @property
    def multiplier_array(self) -> Array:
        """Multipliers, i64, shape [1] or [channels]."""
        return parameter_array(self.multiplier)

    @property
    def offset_array(self) -> Array:
        """Offsets, i64, shape [1] or [channels]."""
        return parameter_array(self.offset)

    @property
    def channel_axis(self) -> int | None:
        """The axis along which multiplier and offset vary, if they do: one channel does not."""
        counts = self.multiplier_array.size, self.offset_array.size
        return None if self.axis is None or counts == (1, 1) else self.axis.value.data

    @property
    def carries_channels(self) -> bool:
        return self.channel_axis in (None, len(shape_of(self.result.type)) - 1)

    def channel_ranges(self, given: Sequence[ChannelRanges]) -> ChannelRanges | None:
        if not self.carries_channels:
            return None
        ends = [self.multiplier_array * end for end in (given[0].lo, given[0].hi)]
        lo, hi = np.minimum(*ends), np.maximum(*ends)
        return ChannelRanges(lo + self.offset_array, hi + self.offset_array)

    def keep_channels(self, kept: Array) -> None:
        for name, values in (("multiplier", self.multiplier_array), ("offset", self.offset_array)):
            if values.size > 1:
                self.properties[name] = int_parameter(values[kept])

    @property
    def inferred_range(self) -> IntRange:
        """Bounds over all channels."""
        return affine_range(range_of(self.input.type), self.multiplier_array, self.offset_array)

    def verify_(self) -> None:
        shape = shape_of(self.input.type)
        if shape != shape_of(self.result.type):
            raise VerifyException(
                f"input {self.input.type} and result {self.result.type} differ in shape"
            )
        for name, values in (("multiplier", self.multiplier_array), ("offset", self.offset_array)):
            verify_channel_parameter(values.size, self.channel_axis, shape, name)


def affine_range(range_: IntRange, multiplier: Array, offset: Array) -> IntRange:
    """Returns the bounds of `multiplier * x + offset` over all channels and x in `range_`."""
    corners = [
        int(m) * x + int(b)
        for m, b in zip(*np.broadcast_arrays(multiplier, offset), strict=True)
        for x in (range_.lo, range_.hi)
    ]
    return IntRange(min(corners), max(corners))


@irdl_op_definition
class ReshapeOp(IntegerOp):
    """Reads the elements in row-major order into another shape.

    Example: `%y = qint.reshape %x : (tensor<1x2x2x!qint.int<0, 1>>) -> tensor<1x4x!qint.int<0, 1>>`
    """

    name = "qint.reshape"
    HARDWARE: ClassVar[Hardware] = Hardware.BETWEEN
    input = operand_def(INT_TENSOR)
    result = result_def(INT_TENSOR)
    traits = traits_def(Pure())
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, shape: Sequence[int]):
        element = range_of(input.type)
        super().__init__(
            operands=[input], result_types=[TensorType(IntType(element.lo, element.hi), shape)]
        )

    @property
    def carries_channels(self) -> bool:
        return True

    def channel_ranges(self, given: Sequence[ChannelRanges]) -> ChannelRanges | None:
        return given[0].repeated(shape_of(self.result.type)[-1])

    @property
    def inferred_range(self) -> IntRange:
        """Bounds of the input."""
        return range_of(self.input.type)

    def verify_(self) -> None:
        verify_reshape(self.input.type, self.result.type)


@irdl_op_definition
class TransposeOp(IntegerOp):
    """Permutes axes: `y.shape[i] = x.shape[permutation[i]]`.

    Example: `%y = qint.transpose %x permutation [1, 0]
        : (tensor<2x3x!qint.int<0, 1>>) -> tensor<3x2x!qint.int<0, 1>>`
    """

    name = "qint.transpose"
    HARDWARE: ClassVar[Hardware] = Hardware.ALONE
    input = operand_def(INT_TENSOR)
    permutation = prop_def(DenseArrayBase.constr(i64))
    result = result_def(INT_TENSOR)
    traits = traits_def(Pure())
    assembly_format = (
        "$input `permutation` $permutation attr-dict `:` functional-type(operands, results)"
    )

    def __init__(self, input: SSAValue, permutation: Sequence[int]):
        shape = transposed_shape(shape_of(input.type), permutation)
        element = range_of(input.type)
        super().__init__(
            operands=[input],
            properties={"permutation": DenseArrayBase.from_list(i64, permutation)},
            result_types=[TensorType(IntType(element.lo, element.hi), shape)],
        )

    @property
    def carries_channels(self) -> bool:
        permutation = self.permutation.get_values()
        return permutation[-1] == len(permutation) - 1

    def channel_ranges(self, given: Sequence[ChannelRanges]) -> ChannelRanges | None:
        return given[0] if self.carries_channels else None

    @property
    def inferred_range(self) -> IntRange:
        """Bounds of the input."""
        return range_of(self.input.type)

    def verify_(self) -> None:
        shape = transposed_shape(shape_of(self.input.type), self.permutation.get_values())
        if shape != shape_of(self.result.type):
            raise VerifyException(f"result must have shape {list(shape)}, got {self.result.type}")

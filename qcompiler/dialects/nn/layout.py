"""Operations that put elements side by side, or in place of others: concat, pad, tensor_scatter."""

import math
from collections.abc import Sequence

from xdsl.dialects.builtin import I64, Float32Type, FloatAttr, IntegerAttr, TensorType, i64
from xdsl.ir import SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from qcompiler.dialects.attributes import broadcast_shapes, shape_of
from qcompiler.dialects.nn.types import (
    FLOAT_TENSOR,
    INTS,
    f32,
    ints,
    verify_axis,
    verify_shape,
)


def concat_shape(shapes: Sequence[tuple[int, ...]], axis: int) -> tuple[int, ...]:
    """Returns the shape of tensors joined along an axis.

    Raises:
        VerifyException: there are none, they lack the axis, or differ in another extent.
    """
    if not shapes:
        raise VerifyException("concat needs at least one operand, got 0")
    verify_axis(axis, len(shapes[0]))
    others = {(*s[:axis], *s[axis + 1 :]) for s in shapes}
    if len(others) != 1:
        listed = ", ".join(str(list(s)) for s in shapes)
        raise VerifyException(f"shapes {listed} differ in more than axis {axis}")
    return (*shapes[0][:axis], sum(s[axis] for s in shapes), *shapes[0][axis + 1 :])


@irdl_op_definition
class ConcatOp(IRDLOperation):
    """Joins tensors along an axis, in order.

    Example: `%y = nn.concat %a, %b {axis = 1 : i64}
        : (tensor<1x2xf32>, tensor<1x3xf32>) -> tensor<1x5xf32>`
    """

    name = "nn.concat"
    inputs = var_operand_def(FLOAT_TENSOR)
    axis = prop_def(IntegerAttr[I64])
    result = result_def(FLOAT_TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$inputs attr-dict `:` functional-type(operands, results)"

    def __init__(self, inputs: Sequence[SSAValue], axis: int):
        shape = concat_shape([shape_of(x.type) for x in inputs], axis)
        super().__init__(
            operands=[inputs],
            properties={"axis": IntegerAttr(axis, i64)},
            result_types=[TensorType(f32, shape)],
        )

    def verify_(self) -> None:
        shapes = [shape_of(x.type) for x in self.inputs]
        verify_shape(self.result.type, concat_shape(shapes, self.axis.value.data))


@irdl_op_definition
class PadOp(IRDLOperation):
    """Surrounds a tensor by a number: `begin` elements before and `end` after, along each axis.

    Example: `%y = nn.pad %x {begin = array<i64: 0, 1>, end = array<i64: 0, 2>, value = 0.0 : f32}
        : (tensor<1x5xf32>) -> tensor<1x8xf32>`
    """

    name = "nn.pad"
    input = operand_def(FLOAT_TENSOR)
    begin = prop_def(INTS)
    end = prop_def(INTS)
    value = prop_def(FloatAttr[Float32Type])
    result = result_def(FLOAT_TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(
        self, input: SSAValue, begin: Sequence[int], end: Sequence[int], value: float = 0.0
    ):
        sizes = zip(shape_of(input.type), begin, end, strict=True)
        super().__init__(
            operands=[input],
            properties={"begin": ints(begin), "end": ints(end), "value": FloatAttr(value, f32)},
            result_types=[TensorType(f32, [b + extent + e for extent, b, e in sizes])],
        )

    def verify_(self) -> None:
        shape = shape_of(self.input.type)
        begin, end = self.begin.get_values(), self.end.get_values()
        if not len(shape) == len(begin) == len(end):
            raise VerifyException(f"pads of {list(shape)} need {len(shape)} begins and ends")
        if min((*begin, *end), default=0) < 0:
            raise VerifyException(
                f"pads must not be negative, got {list(begin)} before and {list(end)} after"
            )
        sizes = zip(shape, begin, end, strict=True)
        verify_shape(self.result.type, [b + extent + e for extent, b, e in sizes])


@irdl_op_definition
class TensorScatterOp(IRDLOperation):
    """Puts `update` in place of a part of `input`, from a position on along an axis: a cache.

    The position is one number, an integer from 0 to as far as the update fits.

    Example: `%y = nn.tensor_scatter %x, %u, %p {axis = 1 : i64}
        : (tensor<1x5x2xf32>, tensor<1x1x2xf32>, tensor<1xf32>) -> tensor<1x5x2xf32>`

    Source: TensorScatter of the ONNX operator reference, mode linear, for a batch of one.
    """

    name = "nn.tensor_scatter"
    input = operand_def(FLOAT_TENSOR)
    update = operand_def(FLOAT_TENSOR)
    position = operand_def(FLOAT_TENSOR)
    axis = prop_def(IntegerAttr[I64])
    result = result_def(FLOAT_TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = (
        "$input `,` $update `,` $position attr-dict `:` functional-type(operands, results)"
    )

    def __init__(self, input: SSAValue, update: SSAValue, position: SSAValue, axis: int):
        super().__init__(
            operands=[input, update, position],
            properties={"axis": IntegerAttr(axis, i64)},
            result_types=[TensorType(f32, shape_of(input.type))],
        )

    @property
    def last_position(self) -> int:
        """The largest position at which the update fits."""
        axis = self.axis.value.data
        return shape_of(self.input.type)[axis] - shape_of(self.update.type)[axis]

    def verify_(self) -> None:
        given, update = shape_of(self.input.type), shape_of(self.update.type)
        axis = self.axis.value.data
        verify_axis(axis, len(given))
        rest = [extent for i, extent in enumerate(given) if i != axis]
        if len(update) != len(given) or rest != [e for i, e in enumerate(update) if i != axis]:
            raise VerifyException(
                f"update of shape {list(update)} does not fit {list(given)} along axis {axis}"
            )
        if self.last_position < 0:
            raise VerifyException(
                f"update has {update[axis]} rows along axis {axis}, the input only {given[axis]}"
            )
        if math.prod(shape_of(self.position.type)) != 1:
            raise VerifyException(f"position must be one number, got {self.position.type}")
        verify_shape(self.result.type, given)


@irdl_op_definition
class WhereOp(IRDLOperation):
    """Chooses by element: `y = a if condition else b`; a condition is 1 or 0, operands broadcast.

    Example: `%y = nn.where %c, %a, %b
        : (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x2xf32>`
    """

    name = "nn.where"
    condition = operand_def(FLOAT_TENSOR)
    a = operand_def(FLOAT_TENSOR)
    b = operand_def(FLOAT_TENSOR)
    result = result_def(FLOAT_TENSOR)
    traits = traits_def(Pure())
    assembly_format = "$condition `,` $a `,` $b attr-dict `:` functional-type(operands, results)"

    def __init__(self, condition: SSAValue, a: SSAValue, b: SSAValue):
        shape = broadcast_shapes([shape_of(value.type) for value in (condition, a, b)])
        super().__init__(operands=[condition, a, b], result_types=[TensorType(f32, shape)])

    def verify_(self) -> None:
        shapes = [shape_of(value.type) for value in self.operands]
        verify_shape(self.result.type, broadcast_shapes(shapes))

"""Operations along axes: softmax, mean, position of the largest."""

from collections.abc import Sequence

from xdsl.dialects.builtin import I64, BoolAttr, IntegerAttr, TensorType, i64
from xdsl.ir import SSAValue
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

from qcompiler.dialects.attributes import shape_of
from qcompiler.dialects.nn.types import (
    FLOAT_TENSOR,
    INTS,
    f32,
    ints,
    real_like,
    verify_axis,
    verify_same_shape,
    verify_shape,
)


class Softmax(IRDLOperation):
    """What normalizations along an axis share, which the host computes."""

    input = operand_def(FLOAT_TENSOR)
    axis = prop_def(IntegerAttr[I64])
    result = result_def(FLOAT_TENSOR)
    traits = traits_def(Pure())
    assembly_format = "$input `axis` $axis attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, axis: int):
        super().__init__(
            operands=[input],
            properties={"axis": IntegerAttr(axis, i64)},
            result_types=[real_like(input.type)],
        )

    def verify_(self) -> None:
        verify_axis(self.axis.value.data, len(shape_of(self.input.type)))
        verify_same_shape(self.input.type, self.result.type)


@irdl_op_definition
class SoftmaxOp(Softmax):
    """Normalizes exponentials along an axis: `y = exp(x) / sum(exp(x), axis)`.

    Example: `%y = nn.softmax %x axis 1 : (tensor<1x5xf32>) -> tensor<1x5xf32>`
    """

    name = "nn.softmax"


@irdl_op_definition
class LogSoftmaxOp(Softmax):
    """Takes the logarithm of a softmax: `y = x - log(sum(exp(x), axis))`.

    Example: `%y = nn.log_softmax %x axis 1 : (tensor<1x5xf32>) -> tensor<1x5xf32>`
    """

    name = "nn.log_softmax"


def reduced_shape(shape: Sequence[int], axes: Sequence[int], keepdims: bool) -> tuple[int, ...]:
    """Returns the shape after a reduction.

    Raises:
        VerifyException: `axes` are not distinct axes of `shape`, from the front.
    """
    for axis in axes:
        verify_axis(axis, len(shape))
    if len(set(axes)) != len(axes):
        raise VerifyException(f"axes must differ, got {list(axes)}")
    kept = [(axis, 1 if axis in axes else extent) for axis, extent in enumerate(shape)]
    return tuple(extent for axis, extent in kept if keepdims or axis not in axes)


@irdl_op_definition
class ReduceMeanOp(IRDLOperation):
    """Averages over axes: `y = sum(x, axes) / count`.

    Example: `%y = nn.reduce_mean %x {axes = array<i64: 2, 3>, keepdims = true}
        : (tensor<1x4x2x2xf32>) -> tensor<1x4x1x1xf32>`
    """

    name = "nn.reduce_mean"
    input = operand_def(FLOAT_TENSOR)
    axes = prop_def(INTS)
    keepdims = prop_def(BoolAttr)
    result = result_def(FLOAT_TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, axes: Sequence[int], keepdims: bool):
        shape = reduced_shape(shape_of(input.type), axes, keepdims)
        super().__init__(
            operands=[input],
            properties={"axes": ints(axes), "keepdims": BoolAttr.from_bool(keepdims)},
            result_types=[TensorType(f32, shape)],
        )

    @property
    def keeps(self) -> bool:
        """Whether reduced axes stay, with extent 1."""
        return bool(self.keepdims.value.data)

    def verify_(self) -> None:
        shape = reduced_shape(shape_of(self.input.type), self.axes.get_values(), self.keeps)
        verify_shape(self.result.type, shape)


@irdl_op_definition
class ArgMaxOp(IRDLOperation):
    """Finds the position of the largest element along an axis; the first of equals, or the last.

    Example: `%y = nn.arg_max %x {axis = 1 : i64, keepdims = false, last = false}
        : (tensor<1x10xf32>) -> tensor<1xf32>`
    """

    name = "nn.arg_max"
    input = operand_def(FLOAT_TENSOR)
    axis = prop_def(IntegerAttr[I64])
    keepdims = prop_def(BoolAttr)
    last = prop_def(BoolAttr)
    result = result_def(FLOAT_TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, axis: int, keepdims: bool, *, last: bool = False):
        shape = reduced_shape(shape_of(input.type), [axis], keepdims)
        super().__init__(
            operands=[input],
            properties={
                "axis": IntegerAttr(axis, i64),
                "keepdims": BoolAttr.from_bool(keepdims),
                "last": BoolAttr.from_bool(last),
            },
            result_types=[TensorType(f32, shape)],
        )

    @property
    def keeps(self) -> bool:
        """Whether the axis stays, with extent 1."""
        return bool(self.keepdims.value.data)

    def verify_(self) -> None:
        shape = reduced_shape(shape_of(self.input.type), [self.axis.value.data], self.keeps)
        verify_shape(self.result.type, shape)

"""Operations that move elements: reshape, transpose, concat, slice, pad, resize, depth to space."""

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import (
    I64,
    Float32Type,
    FloatAttr,
    IntegerAttr,
    StringAttr,
    TensorType,
    i64,
)
from xdsl.ir import Attribute, SSAValue
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

from qcompiler.dialects.attributes import shape_of, verify_static
from qcompiler.dialects.nn.types import (
    FLOAT_TENSOR,
    INTS,
    f32,
    ints,
    verify_axis,
    verify_shape,
)

_DEPTH_MODES = ("DCR", "CRD")


def verify_reshape(source: Attribute, result: Attribute) -> None:
    """Raises VerifyException unless both shapes hold the same number of elements."""
    verify_static(source, "input")
    verify_static(result, "result")
    if np.prod(shape_of(source), dtype=object) != np.prod(shape_of(result), dtype=object):
        raise VerifyException(f"cannot reshape {source} to {result}: element counts differ")


def transposed_shape(shape: Sequence[int], permutation: Sequence[int]) -> tuple[int, ...]:
    """Returns the shape after a transposition.

    Raises:
        VerifyException: `permutation` is not one of the axes of `shape`.
    """
    if sorted(permutation) != list(range(len(shape))):
        raise VerifyException(
            f"permutation {list(permutation)} does not list each of {len(shape)} axes once"
        )
    return tuple(shape[axis] for axis in permutation)


@irdl_op_definition
class ReshapeOp(IRDLOperation):
    """Reads the elements in row-major order into another shape.

    Example: `%y = nn.reshape %x : (tensor<1x2x2xf32>) -> tensor<1x4xf32>`
    """

    name = "nn.reshape"
    input = operand_def(FLOAT_TENSOR)
    result = result_def(FLOAT_TENSOR)
    traits = traits_def(Pure())
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, shape: Sequence[int]):
        super().__init__(operands=[input], result_types=[TensorType(f32, shape)])

    def verify_(self) -> None:
        verify_reshape(self.input.type, self.result.type)


@irdl_op_definition
class TransposeOp(IRDLOperation):
    """Permutes axes: `y.shape[i] = x.shape[permutation[i]]`.

    Example: `%y = nn.transpose %x permutation [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>`
    """

    name = "nn.transpose"
    input = operand_def(FLOAT_TENSOR)
    permutation = prop_def(INTS)
    result = result_def(FLOAT_TENSOR)
    traits = traits_def(Pure())
    assembly_format = (
        "$input `permutation` $permutation attr-dict `:` functional-type(operands, results)"
    )

    def __init__(self, input: SSAValue, permutation: Sequence[int]):
        shape = transposed_shape(shape_of(input.type), permutation)
        super().__init__(
            operands=[input],
            properties={"permutation": ints(permutation)},
            result_types=[TensorType(f32, shape)],
        )

    def verify_(self) -> None:
        shape = transposed_shape(shape_of(self.input.type), self.permutation.get_values())
        verify_shape(self.result.type, shape)


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
class SliceOp(IRDLOperation):
    """Keeps every `step`th element from `start` to before `end`, along each axis.

    All lists have one entry per axis; 0 <= start < end <= extent, step > 0.

    Example: `%y = nn.slice %x {starts = array<i64: 0, 1>, ends = array<i64: 1, 4>,
        steps = array<i64: 1, 2>} : (tensor<1x5xf32>) -> tensor<1x2xf32>`
    """

    name = "nn.slice"
    input = operand_def(FLOAT_TENSOR)
    starts = prop_def(INTS)
    ends = prop_def(INTS)
    steps = prop_def(INTS)
    result = result_def(FLOAT_TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(
        self, input: SSAValue, starts: Sequence[int], ends: Sequence[int], steps: Sequence[int]
    ):
        shape = slice_shape(shape_of(input.type), starts, ends, steps)
        super().__init__(
            operands=[input],
            properties={"starts": ints(starts), "ends": ints(ends), "steps": ints(steps)},
            result_types=[TensorType(f32, shape)],
        )

    @property
    def bounds(self) -> tuple[list[int], list[int], list[int]]:
        """Starts, ends and steps, one entry per axis each."""
        parts = (self.starts, self.ends, self.steps)
        starts, ends, steps = (list(part.get_values()) for part in parts)
        return starts, ends, steps

    def verify_(self) -> None:
        verify_shape(self.result.type, slice_shape(shape_of(self.input.type), *self.bounds))


def slice_shape(
    shape: Sequence[int], starts: Sequence[int], ends: Sequence[int], steps: Sequence[int]
) -> tuple[int, ...]:
    """Returns the shape of a slice.

    Raises:
        VerifyException: a list has another length than `shape`, or leaves its bounds.
    """
    if not len(shape) == len(starts) == len(ends) == len(steps):
        raise VerifyException(f"a slice of {list(shape)} needs {len(shape)} starts, ends and steps")
    for extent, start, end, step in zip(shape, starts, ends, steps, strict=True):
        if not (0 <= start < end <= extent and step > 0):
            raise VerifyException(
                f"slice must have 0 <= start < end <= {extent} and step > 0, got start {start}, "
                f"end {end}, step {step}"
            )
    parts = zip(starts, ends, steps, strict=True)
    return tuple(-(-(end - start) // step) for start, end, step in parts)


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
class ResizeNearestOp(IRDLOperation):
    """Repeats each element: `y[i, ...] = x[i // scales[0], ...]`; one scale per axis.

    Example: `%y = nn.resize_nearest %x {scales = array<i64: 1, 1, 2>}
        : (tensor<1x3x4xf32>) -> tensor<1x3x8xf32>`
    """

    name = "nn.resize_nearest"
    input = operand_def(FLOAT_TENSOR)
    scales = prop_def(INTS)
    result = result_def(FLOAT_TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, scales: Sequence[int]):
        shape = [e * s for e, s in zip(shape_of(input.type), scales, strict=True)]
        super().__init__(
            operands=[input],
            properties={"scales": ints(scales)},
            result_types=[TensorType(f32, shape)],
        )

    def verify_(self) -> None:
        shape, scales = shape_of(self.input.type), self.scales.get_values()
        if len(shape) != len(scales) or min(scales, default=1) < 1:
            raise VerifyException(f"scales must be {len(shape)} positive integers, got {scales}")
        verify_shape(self.result.type, [e * s for e, s in zip(shape, scales, strict=True)])


@irdl_op_definition
class DepthToSpaceOp(IRDLOperation):
    """Moves channels into blocks of pixels: `y[n, c, h * b + i, w * b + j] = x[n, k, h, w]`.

    Channel k is (i * b + j) * C + c in mode "DCR", (c * b + i) * b + j in mode "CRD", where C is
    the number of channels of y and b the block size.

    Example: `%y = nn.depth_to_space %x {block = 2 : i64, mode = "CRD"}
        : (tensor<1x4x2x2xf32>) -> tensor<1x1x4x4xf32>`
    """

    name = "nn.depth_to_space"
    input = operand_def(FLOAT_TENSOR)
    block = prop_def(IntegerAttr[I64])
    mode = prop_def(StringAttr)
    result = result_def(FLOAT_TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, block: int, mode: str):
        super().__init__(
            operands=[input],
            properties={"block": IntegerAttr(block, i64), "mode": StringAttr(mode)},
            result_types=[TensorType(f32, depth_to_space_shape(shape_of(input.type), block))],
        )

    def verify_(self) -> None:
        if self.mode.data not in _DEPTH_MODES:
            raise VerifyException(
                f"mode must be one of {', '.join(_DEPTH_MODES)}, got {self.mode.data}"
            )
        shape = depth_to_space_shape(shape_of(self.input.type), self.block.value.data)
        verify_shape(self.result.type, shape)


def depth_to_space_shape(shape: tuple[int, ...], block: int) -> tuple[int, ...]:
    """Returns the shape after channels became blocks of pixels.

    Raises:
        VerifyException: there are no rows and columns, or the block does not divide the channels.
    """
    if len(shape) != 4:
        raise VerifyException(f"input must have rank 4, got shape {list(shape)}")
    if block < 1 or shape[1] % block**2:
        raise VerifyException(f"block squared must divide {shape[1]} channels, got block {block}")
    batch, channels, rows, columns = shape
    return batch, channels // block**2, rows * block, columns * block

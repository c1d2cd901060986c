"""Operations that move elements: reshape, transpose, slice, resize, depth to space.

Whatever works on each element alone commutes with them. So each says how parameters that broadcast
to its input lie along its result, and back.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

import numpy as np
from xdsl.dialects.builtin import I64, IntegerAttr, StringAttr, TensorType, i64
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

from qcompiler.dialects.attributes import Array, shape_of, verify_static
from qcompiler.dialects.nn.types import FLOAT_TENSOR, INTS, f32, ints, verify_shape

_DEPTH_MODES = ("DCR", "CRD")


class Move(IRDLOperation, ABC):
    """What moves elements from one place to another: every result is an element of the input."""

    def on(self, value: SSAValue) -> Self:
        """Returns the same move of another tensor, which has the input's shape."""
        return type(self).create(
            operands=[value],
            properties=dict(self.properties),
            result_types=[TensorType(f32, shape_of(self.results[0].type))],
        )

    @abstractmethod
    def moved(self, numbers: Array) -> Array:
        """Returns numbers that broadcast to the input as ones that broadcast to the result."""

    @abstractmethod
    def unmoved(self, numbers: Array) -> Array | None:
        """Returns numbers that `moved` makes `numbers`, or None if there are none in this form."""

    @property
    def _given(self) -> tuple[int, ...]:
        return shape_of(self.operands[0].type)

    @property
    def _made(self) -> tuple[int, ...]:
        return shape_of(self.results[0].type)


def narrowed(numbers: Array) -> Array:
    """Returns numbers with extent 1 along each axis on which they do not vary."""
    for axis in range(numbers.ndim):
        first = numbers.take([0], axis)
        if numbers.shape[axis] > 1 and bool((numbers == first).all()):
            numbers = first
    return numbers


def padded_to(numbers: Array, rank: int) -> Array:
    """Returns numbers with axes of extent 1 in front, as broadcasting adds them."""
    return numbers.reshape((1,) * (rank - numbers.ndim) + numbers.shape)


def _reordered(numbers: Array, given: Sequence[int], places: Array) -> Array:
    """Returns numbers that broadcast to `given` where `places`, positions in it, want them."""
    if numbers.size == 1:
        return numbers.reshape((1,) * places.ndim)
    return narrowed(np.broadcast_to(numbers, given).reshape(-1)[places])


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
class ReshapeOp(Move):
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

    def moved(self, numbers: Array) -> Array:
        return _reordered(numbers, self._given, np.arange(np.prod(self._made)).reshape(self._made))

    def unmoved(self, numbers: Array) -> Array | None:
        return _reordered(numbers, self._made, np.arange(np.prod(self._given)).reshape(self._given))

    def verify_(self) -> None:
        verify_reshape(self.input.type, self.result.type)


@irdl_op_definition
class TransposeOp(Move):
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

    def moved(self, numbers: Array) -> Array:
        return padded_to(numbers, len(self._given)).transpose(self.permutation.get_values())

    def unmoved(self, numbers: Array) -> Array | None:
        back = np.argsort(self.permutation.get_values())
        return padded_to(numbers, len(self._given)).transpose(back)

    def verify_(self) -> None:
        shape = transposed_shape(shape_of(self.input.type), self.permutation.get_values())
        verify_shape(self.result.type, shape)


@irdl_op_definition
class SliceOp(Move):
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

    def moved(self, numbers: Array) -> Array:
        numbers = padded_to(numbers, len(self._given))
        extents = zip(zip(*self.bounds, strict=True), numbers.shape, strict=True)
        return numbers[tuple(slice(*b) if extent > 1 else slice(None) for b, extent in extents)]

    def unmoved(self, numbers: Array) -> Array | None:
        numbers = padded_to(numbers, len(self._given))
        extents = zip(numbers.shape, self._given, self._made, strict=True)
        return None if any(n > 1 and a != b for n, a, b in extents) else numbers

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
class ResizeNearestOp(Move):
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

    def moved(self, numbers: Array) -> Array:
        numbers = padded_to(numbers, len(self._given))
        for axis, factor in enumerate(self.scales.get_values()):
            if numbers.shape[axis] > 1:
                numbers = np.repeat(numbers, factor, axis)
        return numbers

    def unmoved(self, numbers: Array) -> Array | None:
        numbers = padded_to(numbers, len(self._given))
        pairs = zip(self.scales.get_values(), numbers.shape, strict=True)
        found = numbers[tuple(slice(None, None, f if n > 1 else None) for f, n in pairs)]
        return found if np.array_equal(self.moved(found), numbers) else None

    def verify_(self) -> None:
        shape, scales = shape_of(self.input.type), self.scales.get_values()
        if len(shape) != len(scales) or min(scales, default=1) < 1:
            raise VerifyException(f"scales must be {len(shape)} positive integers, got {scales}")
        verify_shape(self.result.type, [e * s for e, s in zip(shape, scales, strict=True)])


@irdl_op_definition
class DepthToSpaceOp(Move):
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

    @property
    def _places(self) -> Array:
        """Which element of the input, counted in row-major order, stands at each of the result."""
        batch, channels, rows, columns = self._given
        block, made = self.block.value.data, self._made
        count = np.arange(batch * channels * rows * columns)
        if self.mode.data == "DCR":
            parts = count.reshape(batch, block, block, made[1], rows, columns)
            return parts.transpose(0, 3, 4, 1, 5, 2).reshape(made)
        parts = count.reshape(batch, made[1], block, block, rows, columns)
        return parts.transpose(0, 1, 4, 2, 5, 3).reshape(made)

    def moved(self, numbers: Array) -> Array:
        return _reordered(numbers, self._given, self._places)

    def unmoved(self, numbers: Array) -> Array | None:
        back = np.argsort(self._places.reshape(-1)).reshape(self._given)
        return _reordered(numbers, self._made, back)

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

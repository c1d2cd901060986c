"""Operations that move integers without changing them, on channels-last tensors."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import I64, DenseArrayBase, IntegerAttr, StringAttr, TensorType, i64
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

from qcompiler.arith.ranges import ChannelRanges, IntRange
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.dialects.nn import slice_shape
from qcompiler.dialects.qint.interface import IntegerOp
from qcompiler.dialects.qint.types import INT_TENSOR, IntType, range_of

_I64_ARRAY = DenseArrayBase.constr(i64)
DEPTH_MODES = ("DCR", "CRD")


def _ints(values: Sequence[int]) -> DenseArrayBase:
    return DenseArrayBase.from_list(i64, list(values))


def _untransposed(values: Sequence[int], permutation: Sequence[int]) -> list[int]:
    """Returns one value for each axis of a tensor, given those of the axes of its transposition."""
    return [value for _, value in sorted(zip(permutation, values, strict=True))]


def _tensor(range_: IntRange, shape: Sequence[int]) -> TensorType[IntType]:
    return TensorType(IntType(range_.lo, range_.hi), shape)


class Rearrangement(IntegerOp, ABC):
    """What moves integers from one place to another: every result is an element of the input."""

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)

    @property
    def inferred_range(self) -> IntRange:
        """Bounds of the input."""
        return range_of(self.operands[0].type)

    @abstractmethod
    def apply(self, x: Array) -> Array:
        """Returns the result for a batch, shape [batch, *input shape]."""

    def in_order_of(self, x: SSAValue, permutation: Sequence[int]) -> IntegerOp | None:
        """Returns the move of `x` that is this one if its input is a transposition of `x`.

        The result is then to be transposed as well. None if the move has an order of its own.
        """
        return None


@irdl_op_definition
class SliceOp(Rearrangement):
    """Keeps every `step`th element from `start` to before `end`, along each axis.

    Example: `%y = qint.slice %x {starts = array<i64: 0, 1>, ends = array<i64: 1, 4>,
        steps = array<i64: 1, 2>} : (tensor<1x5x!qint.int<0, 3>>) -> tensor<1x2x!qint.int<0, 3>>`
    """

    name = "qint.slice"
    input = operand_def(INT_TENSOR)
    starts = prop_def(_I64_ARRAY)
    ends = prop_def(_I64_ARRAY)
    steps = prop_def(_I64_ARRAY)
    result = result_def(INT_TENSOR)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(
        self, input: SSAValue, starts: Sequence[int], ends: Sequence[int], steps: Sequence[int]
    ):
        shape = slice_shape(shape_of(input.type), starts, ends, steps)
        super().__init__(
            operands=[input],
            properties={"starts": _ints(starts), "ends": _ints(ends), "steps": _ints(steps)},
            result_types=[_tensor(range_of(input.type), shape)],
        )

    @property
    def bounds(self) -> tuple[list[int], list[int], list[int]]:
        """Starts, ends and steps, one entry per axis each."""
        parts = (self.starts, self.ends, self.steps)
        starts, ends, steps = (list(part.get_values()) for part in parts)
        return starts, ends, steps

    def in_order_of(self, x: SSAValue, permutation: Sequence[int]) -> "SliceOp":
        return SliceOp(x, *(_untransposed(part, permutation) for part in self.bounds))

    def apply(self, x: Array) -> Array:
        slices = (slice(*bounds) for bounds in zip(*self.bounds, strict=True))
        return x[(slice(None), *slices)]

    def verify_(self) -> None:
        _verify_shape(self, slice_shape(shape_of(self.input.type), *self.bounds))


def _verify_shape(op: IRDLOperation, shape: Sequence[int]) -> None:
    made = op.results[0].type
    if tuple(shape) != shape_of(made):
        raise VerifyException(f"result must have shape {list(shape)}, got {made}")


@irdl_op_definition
class ResizeNearestOp(Rearrangement):
    """Repeats each element: `y[i, ...] = x[i // scales[0], ...]`; one scale per axis.

    Example: `%y = qint.resize_nearest %x {scales = array<i64: 1, 2>}
        : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x4x!qint.int<0, 3>>`
    """

    name = "qint.resize_nearest"
    input = operand_def(INT_TENSOR)
    scales = prop_def(_I64_ARRAY)
    result = result_def(INT_TENSOR)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, scales: Sequence[int]):
        shape = [e * s for e, s in zip(shape_of(input.type), scales, strict=True)]
        super().__init__(
            operands=[input],
            properties={"scales": _ints(scales)},
            result_types=[_tensor(range_of(input.type), shape)],
        )

    @property
    def carries_channels(self) -> bool:
        return self.factors[-1] == 1

    def channel_ranges(self, given: Sequence[ChannelRanges]) -> ChannelRanges | None:
        return given[0] if self.carries_channels else None

    @property
    def factors(self) -> tuple[int, ...]:
        """How often elements are repeated along each axis."""
        return tuple(self.scales.get_values())

    def in_order_of(self, x: SSAValue, permutation: Sequence[int]) -> "ResizeNearestOp":
        return ResizeNearestOp(x, _untransposed(self.factors, permutation))

    def apply(self, x: Array) -> Array:
        for axis, factor in enumerate(self.factors):
            x = np.repeat(x, factor, axis + 1)
        return x

    def verify_(self) -> None:
        shape = shape_of(self.input.type)
        if len(shape) != len(self.factors) or min(self.factors, default=1) < 1:
            raise VerifyException(
                f"scales must be {len(shape)} positive integers, got {list(self.factors)}"
            )
        _verify_shape(self, [e * s for e, s in zip(shape, self.factors, strict=True)])


@irdl_op_definition
class DepthToSpaceOp(Rearrangement):
    """Moves channels into blocks of pixels; one block size per spatial dimension.

    For two dimensions `y[n, h * b0 + i, w * b1 + j, c] = x[n, h, w, k]` with k = (i * b1 + j) * C
    + c in mode "DCR", (c * b0 + i) * b1 + j in mode "CRD", where C counts the channels of y.

    Example: `%y = qint.depth_to_space %x {block = array<i64: 2>, mode = "DCR"}
        : (tensor<1x3x4x!qint.int<0, 3>>) -> tensor<1x6x2x!qint.int<0, 3>>`
    """

    name = "qint.depth_to_space"
    input = operand_def(INT_TENSOR)
    block = prop_def(_I64_ARRAY)
    mode = prop_def(StringAttr)
    result = result_def(INT_TENSOR)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, block: Sequence[int], mode: str):
        super().__init__(
            operands=[input],
            properties={"block": _ints(block), "mode": StringAttr(mode)},
            result_types=[_tensor(range_of(input.type), _deep_shape(shape_of(input.type), block))],
        )

    @property
    def blocks(self) -> tuple[int, ...]:
        """Block size along each spatial dimension."""
        return tuple(self.block.get_values())

    def apply(self, x: Array) -> Array:
        rank = len(self.blocks)
        channels = shape_of(self.result.type)[-1]
        parts = (*self.blocks, channels) if self.mode.data == "DCR" else (channels, *self.blocks)
        split = x.reshape(*x.shape[:-1], *parts)
        first = rank + 2 if self.mode.data == "DCR" else rank + 3
        last = 2 * rank + 2 if self.mode.data == "DCR" else rank + 2
        pairs = [axis for i in range(rank) for axis in (2 + i, first + i)]
        moved = split.transpose(0, 1, *pairs, last)
        return moved.reshape(x.shape[0], *shape_of(self.result.type))

    def verify_(self) -> None:
        if self.mode.data not in DEPTH_MODES:
            raise VerifyException(
                f"mode must be one of {', '.join(DEPTH_MODES)}, got {self.mode.data}"
            )
        _verify_shape(self, _deep_shape(shape_of(self.input.type), self.blocks))


def _deep_shape(shape: tuple[int, ...], block: Sequence[int]) -> tuple[int, ...]:
    count = int(np.prod(block, dtype=object))
    if len(shape) != len(block) + 2 or min(block) < 1 or shape[-1] % count:
        raise VerifyException(f"blocks of {list(block)} do not fit {list(shape)}")
    space = (extent * b for extent, b in zip(shape[1:-1], block, strict=True))
    return (shape[0], *space, shape[-1] // count)


@irdl_op_definition
class PadOp(IntegerOp):
    """Surrounds a tensor by an integer: `begin` elements before and `end` after, on each axis.

    Example: `%y = qint.pad %x {begin = array<i64: 0, 1>, end = array<i64: 0, 2>, value = 0 : i64}
        : (tensor<1x5x!qint.int<0, 3>>) -> tensor<1x8x!qint.int<0, 3>>`
    """

    name = "qint.pad"
    input = operand_def(INT_TENSOR)
    begin = prop_def(_I64_ARRAY)
    end = prop_def(_I64_ARRAY)
    value = prop_def(IntegerAttr[I64])
    result = result_def(INT_TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, begin: Sequence[int], end: Sequence[int], value: int):
        bounds = range_of(input.type).union(IntRange(value, value))
        super().__init__(
            operands=[input],
            properties={
                "begin": _ints(begin),
                "end": _ints(end),
                "value": IntegerAttr(value, i64),
            },
            result_types=[_tensor(bounds, _padded(shape_of(input.type), begin, end))],
        )

    def in_order_of(self, x: SSAValue, permutation: Sequence[int]) -> "PadOp":
        """Returns the padding of `x` that is this one if its input is a transposition of `x`."""
        parts = (self.begin.get_values(), self.end.get_values())
        begin, end = (_untransposed(part, permutation) for part in parts)
        return PadOp(x, begin, end, self.value.value.data)

    @property
    def widths(self) -> list[tuple[int, int]]:
        """Elements before and after, for each axis."""
        return list(zip(self.begin.get_values(), self.end.get_values(), strict=True))

    @property
    def inferred_range(self) -> IntRange:
        """Bounds of the input and of the padding."""
        value = self.value.value.data
        return range_of(self.input.type).union(IntRange(value, value))

    def verify_(self) -> None:
        shape = shape_of(self.input.type)
        begin, end = list(self.begin.get_values()), list(self.end.get_values())
        if not len(shape) == len(begin) == len(end) or min((*begin, *end), default=0) < 0:
            raise VerifyException(
                f"pads of {list(shape)} need {len(shape)} begins and ends of 0 or more, got "
                f"{begin} and {end}"
            )
        _verify_shape(self, _padded(shape, begin, end))


def _padded(shape: Sequence[int], begin: Sequence[int], end: Sequence[int]) -> list[int]:
    return [b + extent + e for extent, b, e in zip(shape, begin, end, strict=True)]

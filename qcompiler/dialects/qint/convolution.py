"""Integer convolution and pooling on channels-last tensors: [batch, *spatial, channels]."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from xdsl.dialects.builtin import (
    I64,
    DenseArrayBase,
    IntegerAttr,
    IntegerType,
    StringAttr,
    TensorType,
    i64,
)
from xdsl.ir import Attribute, SSAValue
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

from qcompiler.arith.ranges import ChannelRanges, IntRange, mixed_ranges
from qcompiler.arith.windows import Window
from qcompiler.dialects.attributes import Array, numpy_from_dense, shape_of
from qcompiler.dialects.qint.interface import IntegerOp
from qcompiler.dialects.qint.linear import ConstantOp, is_inside, product_range
from qcompiler.dialects.qint.types import INT_TENSOR, IntType, range_of

_I64_ARRAY = DenseArrayBase.constr(i64)


@lru_cache(maxsize=1024)
def window_of(*parts: DenseArrayBase[IntegerType]) -> Window:
    """Returns the window that an operation holds, as `window_properties` names its parts."""
    return Window(*(tuple(part.get_values()) for part in parts))


def window_properties(window: Window) -> dict[str, Attribute]:
    """Returns the properties that hold a window."""
    parts = {
        "kernel": window.kernel,
        "strides": window.strides,
        "dilations": window.dilations,
        "pads_begin": window.pads_begin,
        "pads_end": window.pads_end,
    }
    return {name: DenseArrayBase.from_list(i64, part) for name, part in parts.items()}


class Windowed(IntegerOp):
    """What convolution and pooling share: a window that slides over the input."""

    kernel = prop_def(_I64_ARRAY)
    strides = prop_def(_I64_ARRAY)
    dilations = prop_def(_I64_ARRAY)
    pads_begin = prop_def(_I64_ARRAY)
    pads_end = prop_def(_I64_ARRAY)
    pad_value = prop_def(IntegerAttr[I64])
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)

    @property
    def window(self) -> Window:
        """The window."""
        parts = (self.kernel, self.strides, self.dilations, self.pads_begin, self.pads_end)
        return window_of(*parts)

    @property
    def padded_range(self) -> IntRange:
        """What a tap may see."""
        return padded_range(self.operands[0], self.window, self.pad_value.value.data)

    @property
    def is_padded(self) -> bool:
        """Whether windows reach beyond the input, where all is `pad_value`."""
        return any(self.window.pads_begin) or any(self.window.pads_end)

    def _seen(self, given: ChannelRanges) -> ChannelRanges:
        """Returns what a tap may see, channel by channel."""
        pad = self.pad_value.value.data
        return given.union(IntRange(pad, pad)) if self.is_padded else given

    def _verify_window(self, channels: int) -> None:
        given = self.operands[0].type
        shape = shape_of(given)
        try:
            window = self.window
            if window.rank != len(shape) - 2:
                raise ValueError(f"window has {window.rank} dimensions, input is {given}")
            expected = (shape[0], *window.output_shape(shape[1:-1]), channels)
        except ValueError as error:
            raise VerifyException(str(error)) from None
        if shape_of(self.results[0].type) != expected:
            raise VerifyException(
                f"result must have shape {list(expected)}, got {self.results[0].type}"
            )


def padded_range(input_: SSAValue, window: Window, pad_value: int) -> IntRange:
    """Returns what a tap may see: the input's range and, with padding, the padding value."""
    given = range_of(input_.type)
    padded = any(window.pads_begin) or any(window.pads_end)
    return given.union(IntRange(pad_value, pad_value)) if padded else given


def window_shape(input_: SSAValue, window: Window, channels: int) -> tuple[int, ...]:
    """Returns the shape of what a window makes of an input, channels last."""
    shape = shape_of(input_.type)
    return (shape[0], *window.output_shape(shape[1:-1]), channels)


@irdl_op_definition
class ConvOp(Windowed):
    """Convolves: `y[n, o, m] = sum_{k, c} x[n, o * stride + k * dilation - pad, c] * w[k, c, m]`.

    Weights have shape [*kernel, channels / group, outputs]; output m belongs to group
    m // (outputs / group) and sees that group's input channels. Padding holds `pad_value`.

    Example: `%y = qint.conv %x, %w {kernel = array<i64: 1>, strides = array<i64: 1>,
        dilations = array<i64: 1>, pads_begin = array<i64: 0>, pads_end = array<i64: 0>,
        pad_value = 0 : i64, group = 1 : i64}
        : (tensor<1x4x2x!qint.int<0, 3>>, tensor<1x2x5x!qint.int<-1, 1>>)
        -> tensor<1x4x5x!qint.int<-6, 6>>`
    """

    name = "qint.conv"
    # Declared here and not in the base class: xDSL puts a subclass's operands first.
    input = operand_def(INT_TENSOR)
    weights = operand_def(INT_TENSOR)
    group = prop_def(IntegerAttr[I64])
    result = result_def(INT_TENSOR)
    assembly_format = "$input `,` $weights attr-dict `:` functional-type(operands, results)"

    def __init__(
        self, input: SSAValue, weights: SSAValue, window: Window, group: int, pad_value: int = 0
    ):
        shape = window_shape(input, window, shape_of(weights.type)[-1])
        bounds = conv_range(padded_range(input, window, pad_value), weights)
        super().__init__(
            operands=[input, weights],
            properties={
                **window_properties(window),
                "group": IntegerAttr(group, i64),
                "pad_value": IntegerAttr(pad_value, i64),
            },
            result_types=[TensorType(IntType(bounds.lo, bounds.hi), shape)],
        )

    @property
    def groups(self) -> int:
        """Number of groups."""
        return self.group.value.data

    @property
    def is_depthwise(self) -> bool:
        """Whether each output sees one input of the same number, by constant weights."""
        inputs, outputs = shape_of(self.input.type)[-1], shape_of(self.result.type)[-1]
        return is_inside(self.weights) and self.groups == inputs == outputs > 1

    @property
    def carries_channels(self) -> bool:
        return self.is_depthwise

    def keep_channels(self, kept: Array) -> None:
        self.properties["group"] = IntegerAttr(len(kept), i64)

    @property
    def mixing_weights(self) -> Array | None:
        """The constant weights of one group, the kernel's elements in a row."""
        if self.groups > 1 or not is_inside(self.weights):
            return None
        assert isinstance(self.weights.owner, ConstantOp), "it is constant"
        return numpy_from_dense(self.weights.owner.value).reshape(
            -1, *shape_of(self.weights.type)[-2:]
        )

    def channel_ranges(self, given: Sequence[ChannelRanges]) -> ChannelRanges | None:
        seen = self._seen(given[0])
        if self.is_depthwise:
            assert isinstance(self.weights.owner, ConstantOp), "it is depthwise"
            taps = self.weights.owner.array.reshape(-1, len(seen.lo))
            up, down = np.maximum(taps, 0).sum(axis=0), np.minimum(taps, 0).sum(axis=0)
            return ChannelRanges(up * seen.lo + down * seen.hi, up * seen.hi + down * seen.lo)
        weights = self.mixing_weights
        return None if weights is None else mixed_ranges(weights, seen)

    @property
    def inferred_range(self) -> IntRange:
        """Bounds of the sums, with the actual weights where they are constant."""
        return conv_range(self.padded_range, self.weights)

    def verify_(self) -> None:
        x, w = shape_of(self.input.type), shape_of(self.weights.type)
        if len(w) != len(x) or w[: len(x) - 2] != self.window.kernel:
            raise VerifyException(
                f"weights must start with the kernel {self.window.kernel}, got {self.weights.type}"
            )
        if self.groups < 1 or x[-1] % self.groups or w[-1] % self.groups:
            raise VerifyException(
                f"group must divide {x[-1]} inputs and {w[-1]} outputs, got {self.groups}"
            )
        if w[-2] * self.groups != x[-1]:
            raise VerifyException(
                f"weights see {w[-2]} channels in each of {self.groups} groups, input has {x[-1]}"
            )
        self._verify_window(w[-1])


def conv_range(x: IntRange, weights: SSAValue) -> IntRange:
    """Returns the proven bounds of a convolution, with the actual weights where constant."""
    shape = shape_of(weights.type)
    terms = math.prod(shape[:-1])
    if isinstance(weights.owner, ConstantOp):
        lo, hi = weights.owner.sum_bounds(x)
        return IntRange(int(lo.min()), int(hi.max()))
    return product_range(x, range_of(weights.type), terms)


@irdl_op_definition
class PoolOp(Windowed):
    """Reduces each window, channel by channel: `y[n, o, c] = max (or sum) over taps of x`.

    Padding holds `pad_value`: the lowest value for `max`, the code of zero for `sum`.

    Example: `%y = qint.pool %x {kernel = array<i64: 2>, strides = array<i64: 2>,
        dilations = array<i64: 1>, pads_begin = array<i64: 0>, pads_end = array<i64: 0>,
        pad_value = 0 : i64, kind = "max"}
        : (tensor<1x4x2x!qint.int<0, 3>>) -> tensor<1x2x2x!qint.int<0, 3>>`
    """

    name = "qint.pool"
    input = operand_def(INT_TENSOR)
    kind = prop_def(StringAttr)
    result = result_def(INT_TENSOR)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, kind: str, window: Window, pad_value: int):
        shape = window_shape(input, window, shape_of(input.type)[-1])
        bounds = pool_range(kind, padded_range(input, window, pad_value), window.taps)
        super().__init__(
            operands=[input],
            properties={
                **window_properties(window),
                "kind": StringAttr(kind),
                "pad_value": IntegerAttr(pad_value, i64),
            },
            result_types=[TensorType(IntType(bounds.lo, bounds.hi), shape)],
        )

    @property
    def carries_channels(self) -> bool:
        return True

    def channel_ranges(self, given: Sequence[ChannelRanges]) -> ChannelRanges | None:
        seen, taps = self._seen(given[0]), self.window.taps if self.kind.data == "sum" else 1
        return ChannelRanges(seen.lo * taps, seen.hi * taps)

    @property
    def inferred_range(self) -> IntRange:
        """Bounds of a window's maximum or sum."""
        return pool_range(self.kind.data, self.padded_range, self.window.taps)

    def verify_(self) -> None:
        if self.kind.data not in ("max", "sum"):
            raise VerifyException(f"kind must be max or sum, got {self.kind.data}")
        self._verify_window(shape_of(self.input.type)[-1])


def pool_range(kind: str, x: IntRange, taps: int) -> IntRange:
    """Returns the bounds of a window's maximum or sum."""
    return x if kind == "max" else IntRange(x.lo * taps, x.hi * taps)

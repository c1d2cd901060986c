"""Convolution and pooling: windows that slide over [batch, channels, *space]."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from xdsl.dialects.builtin import I64, BoolAttr, IntegerAttr, TensorType, i64
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

from qcompiler.arith.windows import Window
from qcompiler.dialects.attributes import shape_of
from qcompiler.dialects.nn.types import FLOAT_TENSOR, INTS, f32, ints, verify_shape


class Windowed(IRDLOperation, ABC):
    """What convolutions and pools share; pads as ONNX lists them, all begins, then all ends."""

    strides = prop_def(INTS)
    dilations = prop_def(INTS)
    pads = prop_def(INTS)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)

    @property
    @abstractmethod
    def kernel_shape(self) -> tuple[int, ...]:
        """Extent of the kernel in taps, per spatial dimension."""

    @property
    def window(self) -> Window:
        """The window.

        Raises:
            ValueError: lengths differ, or an entry is out of range.
        """
        pads = self.pads.get_values()
        half = len(pads) // 2
        strides, dilations = self.strides.get_values(), self.dilations.get_values()
        return Window(self.kernel_shape, strides, dilations, pads[:half], pads[half:])

    def _verified_window(self, x: tuple[int, ...]) -> Window:
        try:
            window = self.window
        except ValueError as error:
            raise VerifyException(str(error)) from None
        if window.rank != len(x) - 2 or window.rank not in (1, 2):
            raise VerifyException(
                f"window has {window.rank} dimensions, but the input has shape {list(x)}"
            )
        return window


def window_properties(window: Window) -> dict[str, Attribute]:
    """Returns the properties that hold a window's strides, dilations and pads."""
    return {
        "strides": ints(window.strides),
        "dilations": ints(window.dilations),
        "pads": ints([*window.pads_begin, *window.pads_end]),
    }


def slid_shape(window: Window, x: Sequence[int], channels: int) -> tuple[int, ...]:
    """Returns the shape that a window makes of an input of shape `x`.

    Raises:
        VerifyException: the window does not fit the input.
    """
    try:
        return (x[0], channels, *window.output_shape(tuple(x[2:])))
    except ValueError as error:
        raise VerifyException(str(error)) from None


def verify_groups(group: int, inputs: int, outputs: int, seen: int) -> None:
    """Checks a grouped convolution, each group of which sees `seen` channels.

    Raises:
        VerifyException: the groups do not divide the channels, or do not fit the weights.
    """
    if group < 1 or inputs % group or outputs % group:
        raise VerifyException(
            f"group must divide {inputs} input and {outputs} output channels, got {group}"
        )
    if seen * group != inputs:
        raise VerifyException(
            f"weights see {seen} channels in each of {group} groups, but the input has {inputs}"
        )


@irdl_op_definition
class ConvOp(Windowed):
    """Convolves: `y[n, m, o] = sum_{c, k} x[n, c, o * stride + k * dilation - pad] * w[m, c, k]`.

    Weights have shape [outputs, inputs / group, *kernel]; output m belongs to group
    m // (outputs / group) and sees that group's inputs. Padding holds zero.

    Example: `%y = nn.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>,
        pads = array<i64: 1, 1>, group = 1 : i64}
        : (tensor<1x2x8xf32>, tensor<4x2x3xf32>) -> tensor<1x4x8xf32>`
    """

    name = "nn.conv"
    # Declared here and not in the base class: xDSL puts a subclass's operands first.
    input = operand_def(FLOAT_TENSOR)
    weights = operand_def(FLOAT_TENSOR)
    group = prop_def(IntegerAttr[I64])
    result = result_def(FLOAT_TENSOR)
    assembly_format = "$input `,` $weights attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, weights: SSAValue, window: Window, group: int = 1):
        shape = slid_shape(window, shape_of(input.type), shape_of(weights.type)[0])
        super().__init__(
            operands=[input, weights],
            properties={**window_properties(window), "group": IntegerAttr(group, i64)},
            result_types=[TensorType(f32, shape)],
        )

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        return shape_of(self.weights.type)[2:]

    @property
    def groups(self) -> int:
        """Number of groups."""
        return self.group.value.data

    def verify_(self) -> None:
        x, w = shape_of(self.input.type), shape_of(self.weights.type)
        window = self._verified_window(x)
        verify_groups(self.groups, x[1], w[0], w[1])
        verify_shape(self.result.type, slid_shape(window, x, w[0]))


def conv_transpose_shape(
    window: Window, output_padding: Sequence[int], spatial: Sequence[int]
) -> tuple[int, ...]:
    """Returns the spatial shape that a transposed convolution makes.

    Raises:
        VerifyException: an extent is not positive.
    """
    shape = tuple(
        (size - 1) * stride + extent + more - begin - end
        for size, stride, extent, more, begin, end in zip(
            spatial, window.strides, window.extent, output_padding, window.pads_begin,
            window.pads_end, strict=True,
        )
    )  # fmt: skip
    if min(shape) < 1:
        raise VerifyException(f"pads leave nothing of the result, its space is {list(shape)}")
    return shape


@irdl_op_definition
class ConvTransposeOp(Windowed):
    """Spreads inputs: `y[n, m, i * stride + k * dilation - pad] += x[n, c, i] * w[c, m, k]`.

    Weights have shape [inputs, outputs / group, *kernel]. `pads` cut the result, and
    `output_padding` adds elements at its end.

    Example: `%y = nn.conv_transpose %x, %w {strides = array<i64: 2>, dilations = array<i64: 1>,
        pads = array<i64: 0, 0>, output_padding = array<i64: 0>, group = 1 : i64}
        : (tensor<1x2x4xf32>, tensor<2x3x2xf32>) -> tensor<1x3x8xf32>`
    """

    name = "nn.conv_transpose"
    input = operand_def(FLOAT_TENSOR)
    weights = operand_def(FLOAT_TENSOR)
    output_padding = prop_def(INTS)
    group = prop_def(IntegerAttr[I64])
    result = result_def(FLOAT_TENSOR)
    assembly_format = "$input `,` $weights attr-dict `:` functional-type(operands, results)"

    def __init__(
        self,
        input: SSAValue,
        weights: SSAValue,
        window: Window,
        output_padding: Sequence[int],
        group: int = 1,
    ):
        x, w = shape_of(input.type), shape_of(weights.type)
        space = conv_transpose_shape(window, output_padding, x[2:])
        super().__init__(
            operands=[input, weights],
            properties={
                **window_properties(window),
                "output_padding": ints(output_padding),
                "group": IntegerAttr(group, i64),
            },
            result_types=[TensorType(f32, (x[0], w[1] * group, *space))],
        )

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        return shape_of(self.weights.type)[2:]

    @property
    def groups(self) -> int:
        """Number of groups."""
        return self.group.value.data

    def verify_(self) -> None:
        x, w = shape_of(self.input.type), shape_of(self.weights.type)
        window = self._verified_window(x)
        verify_groups(self.groups, x[1], w[1] * self.groups, w[0] // max(self.groups, 1))
        padding = self.output_padding.get_values()
        if len(padding) != window.rank or min(padding) < 0:
            raise VerifyException(
                f"output_padding must be {window.rank} integers of 0 or more, got {padding}"
            )
        space = conv_transpose_shape(window, padding, x[2:])
        verify_shape(self.result.type, (x[0], w[1] * self.groups, *space))


class Pool(Windowed):
    """What pools share: the kernel is a property."""

    kernel = prop_def(INTS)

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        return tuple(self.kernel.get_values())


def _verify_pads(window: Window) -> None:
    """Checks that each window holds an element of the input, so that pools are defined."""
    for begin, end, extent in zip(window.pads_begin, window.pads_end, window.extent, strict=True):
        if max(begin, end) >= extent:
            raise VerifyException(
                f"pads of a pool must be smaller than its window of {extent}, got {begin} and {end}"
            )


@irdl_op_definition
class MaxPoolOp(Pool):
    """Takes the largest of each window, channel by channel; padding never wins.

    Example: `%y = nn.max_pool %x {kernel = array<i64: 2>, strides = array<i64: 2>,
        dilations = array<i64: 1>, pads = array<i64: 0, 0>}
        : (tensor<1x2x8xf32>) -> tensor<1x2x4xf32>`
    """

    name = "nn.max_pool"
    input = operand_def(FLOAT_TENSOR)
    result = result_def(FLOAT_TENSOR)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, window: Window):
        x = shape_of(input.type)
        super().__init__(
            operands=[input],
            properties={**window_properties(window), "kernel": ints(window.kernel)},
            result_types=[TensorType(f32, slid_shape(window, x, x[1]))],
        )

    def verify_(self) -> None:
        x = shape_of(self.input.type)
        window = self._verified_window(x)
        _verify_pads(window)
        verify_shape(self.result.type, slid_shape(window, x, x[1]))


@irdl_op_definition
class AveragePoolOp(Pool):
    """Averages each window, channel by channel: `y = sum(x) / count`.

    The count is that of the input's elements in the window and, with `count_include_pad`, of its
    padding. `overhang` elements behind the padding are zero and never counted: windows reach into
    them when ONNX rounds the result's shape up.

    Example: `%y = nn.average_pool %x {kernel = array<i64: 2>, strides = array<i64: 2>,
        dilations = array<i64: 1>, pads = array<i64: 0, 0>, overhang = array<i64: 0>,
        count_include_pad = false} : (tensor<1x2x8xf32>) -> tensor<1x2x4xf32>`
    """

    name = "nn.average_pool"
    input = operand_def(FLOAT_TENSOR)
    overhang = prop_def(INTS)
    count_include_pad = prop_def(BoolAttr)
    result = result_def(FLOAT_TENSOR)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(
        self, input: SSAValue, window: Window, overhang: Sequence[int], count_include_pad: bool
    ):
        x = shape_of(input.type)
        super().__init__(
            operands=[input],
            properties={
                **window_properties(window),
                "kernel": ints(window.kernel),
                "overhang": ints(overhang),
                "count_include_pad": BoolAttr.from_bool(count_include_pad),
            },
            result_types=[TensorType(f32, slid_shape(_extended(window, overhang), x, x[1]))],
        )

    @property
    def includes_padding(self) -> bool:
        """Whether padding counts."""
        return bool(self.count_include_pad.value.data)

    @property
    def extended_window(self) -> Window:
        """The window with the overhang as padding."""
        return _extended(self.window, self.overhang.get_values())

    def verify_(self) -> None:
        x = shape_of(self.input.type)
        window = self._verified_window(x)
        overhang = self.overhang.get_values()
        if len(overhang) != window.rank or min(overhang) < 0:
            raise VerifyException(
                f"overhang must be {window.rank} integers of 0 or more, got {overhang}"
            )
        _verify_pads(window)
        verify_shape(self.result.type, slid_shape(self.extended_window, x, x[1]))


def _extended(window: Window, overhang: Sequence[int]) -> Window:
    ends = tuple(p + o for p, o in zip(window.pads_end, overhang, strict=True))
    return Window(window.kernel, window.strides, window.dilations, window.pads_begin, ends)

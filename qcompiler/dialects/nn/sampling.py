"""Sampling at positions that are computed, of which deformable convolutions and grids are made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from xdsl.dialects.builtin import (
    I64,
    BoolAttr,
    DenseArrayBase,
    IntegerAttr,
    StringAttr,
    TensorType,
    f64,
    i64,
)
from xdsl.ir import SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from qcompiler.dialects.attributes import shape_of
from qcompiler.dialects.nn.types import FLOAT_TENSOR, INTS, f32, ints, verify_shape

_REALS = DenseArrayBase.constr(f64)
MODES = ("bilinear", "nearest")
ORDERS = ("yx", "xy")


@dataclass(frozen=True)
class SampleGeometry:
    """Where `nn.sample` samples; each has an entry for rows and one for columns.

    Attributes:
        kernel: taps of a window.
        strides: distance of neighbouring windows; 0 for a grid of positions in the whole frame.
        dilations: distance of neighbouring taps.
        pads: virtual elements before the tensor.
        step: what a position's 1.0 is, in elements.
        origin: the element that a position's 0.0 is.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    pads: tuple[int, int]
    step: tuple[float, float] = (1.0, 1.0)
    origin: tuple[float, float] = (0.0, 0.0)


@irdl_op_definition
class SampleOp(IRDLOperation):
    """Samples at `base + origin + step * offset`, between elements bilinearly or the nearest.

    The base of tap k of window o is `o * stride - pad + k * dilation`. A window's samples stand
    side by side: the result has shape [N, C, OH * kernel rows, OW * kernel columns], and a
    convolution of that kernel and stride makes a deformable convolution of it. Offsets have shape
    [N, offset groups * taps * 2, OH, OW], a pair for each tap in the given `order`; a mask
    [N, offset groups * taps, OH, OW] scales the samples. Outside the tensor are zeros, or the
    nearest element of its `border`.

    Source: ONNX DeformConv (opset 19 and 22), GridSample (opset 16, 20 and 22).

    Example: `%y = nn.sample %x, %offsets {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>,
        dilations = array<i64: 1, 1>, pads = array<i64: 1, 1>, step = array<f64: 1.0, 1.0>,
        origin = array<f64: 0.0, 0.0>, order = "yx", offset_groups = 1 : i64, mode = "bilinear",
        border = false}
        : (tensor<1x2x4x4xf32>, tensor<1x18x4x4xf32>) -> tensor<1x2x12x12xf32>`
    """

    name = "nn.sample"
    input = operand_def(FLOAT_TENSOR)
    offsets = operand_def(FLOAT_TENSOR)
    mask = opt_operand_def(FLOAT_TENSOR)
    kernel = prop_def(INTS)
    strides = prop_def(INTS)
    dilations = prop_def(INTS)
    pads = prop_def(INTS)
    step = prop_def(_REALS)
    origin = prop_def(_REALS)
    order = prop_def(StringAttr)
    offset_groups = prop_def(IntegerAttr[I64])
    mode = prop_def(StringAttr)
    border = prop_def(BoolAttr)
    result = result_def(FLOAT_TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = (
        "$input `,` $offsets (`mask` $mask^)? attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        input: SSAValue,
        offsets: SSAValue,
        mask: SSAValue | None,
        geometry: SampleGeometry,
        *,
        order: str = "yx",
        offset_groups: int = 1,
        mode: str = "bilinear",
        border: bool = False,
    ):
        shape = _sampled_shape(shape_of(input.type), shape_of(offsets.type), geometry.kernel)
        super().__init__(
            operands=[input, offsets, mask],
            properties={
                "kernel": ints(geometry.kernel),
                "strides": ints(geometry.strides),
                "dilations": ints(geometry.dilations),
                "pads": ints(geometry.pads),
                "step": DenseArrayBase.from_list(f64, geometry.step),
                "origin": DenseArrayBase.from_list(f64, geometry.origin),
                "order": StringAttr(order),
                "offset_groups": IntegerAttr(offset_groups, i64),
                "mode": StringAttr(mode),
                "border": BoolAttr.from_bool(border),
            },
            result_types=[TensorType(f32, shape)],
        )

    @property
    def geometry(self) -> SampleGeometry:
        """Where it samples."""
        whole = (self.kernel, self.strides, self.dilations, self.pads)
        real = (self.step, self.origin)
        return SampleGeometry(
            *(_pair(part.get_values()) for part in whole),
            *(_pair(part.get_values()) for part in real),
        )

    @property
    def taps(self) -> int:
        """Samples of a window, per channel."""
        rows, columns = self.kernel.get_values()
        return rows * columns

    @property
    def groups(self) -> int:
        """Parts of the channels that have offsets of their own."""
        return self.offset_groups.value.data

    def verify_(self) -> None:
        parts = (self.kernel, self.strides, self.dilations, self.pads, self.step, self.origin)
        if any(len(part) != 2 for part in parts):
            raise VerifyException("kernel, strides, dilations, pads, step, origin have two entries")
        if self.order.data not in ORDERS or self.mode.data not in MODES:
            raise VerifyException(
                f"order must be one of {', '.join(ORDERS)} and mode one of {', '.join(MODES)}, "
                f"got {self.order.data} and {self.mode.data}"
            )
        positive = (*self.kernel.get_values(), *self.dilations.get_values())
        if min(positive) < 1 or min(self.strides.get_values()) < 0:
            raise VerifyException("kernel and dilations must be positive, strides not negative")
        x, offsets = shape_of(self.input.type), shape_of(self.offsets.type)
        if len(x) != 4 or len(offsets) != 4 or x[0] != offsets[0]:
            raise VerifyException(
                f"input and offsets must have rank 4 and one batch, got {list(x)}, {list(offsets)}"
            )
        if self.groups < 1 or x[1] % self.groups:
            raise VerifyException(
                f"offset_groups must divide {x[1]} channels, got {self.groups}"
            )
        wanted = 2 * self.taps * self.groups
        if offsets[1] != wanted:
            raise VerifyException(
                f"offsets must have {wanted} channels, a pair for each of {self.taps} taps of "
                f"{self.groups} groups, got {offsets[1]}"
            )
        if self.mask is not None:
            masked = (offsets[0], wanted // 2, *offsets[2:])
            if shape_of(self.mask.type) != masked:
                raise VerifyException(
                    f"mask must have shape {list(masked)}, got {list(shape_of(self.mask.type))}"
                )
        kernel = tuple(self.kernel.get_values())
        verify_shape(self.result.type, _sampled_shape(x, offsets, kernel))


_Number = TypeVar("_Number", int, float)


def _pair(values: Sequence[_Number]) -> tuple[_Number, _Number]:
    rows, columns = values
    return rows, columns


def _sampled_shape(
    x: Sequence[int], offsets: Sequence[int], kernel: Sequence[int]
) -> tuple[int, ...]:
    if len(x) != 4 or len(offsets) != 4:
        raise VerifyException(
            f"input and offsets must have rank 4, got {list(x)} and {list(offsets)}"
        )
    return (x[0], x[1], offsets[2] * kernel[0], offsets[3] * kernel[1])

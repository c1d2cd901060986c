"""Sampling at positions that are computed, of which deformable convolutions and grids are made."""

from collections.abc import Sequence

from msgspec import Struct
from xdsl.dialects.builtin import (
    I64,
    BoolAttr,
    IntegerAttr,
    StringAttr,
    TensorType,
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

MODES = ("bilinear", "nearest")
POSITIONS = ("offsets", "grid", "grid_corners")


class SampleGeometry(Struct, frozen=True):
    """Where `nn.sample` samples; each has an entry for rows and one for columns.

    Attributes:
        kernel: taps of a window.
        strides: distance of neighbouring windows.
        dilations: distance of neighbouring taps.
        pads: virtual elements before the tensor.
    """

    kernel: tuple[int, int] = (1, 1)
    strides: tuple[int, int] = (1, 1)
    dilations: tuple[int, int] = (1, 1)
    pads: tuple[int, int] = (0, 0)


@irdl_op_definition
class SampleOp(IRDLOperation):
    """Samples at positions that are given, between elements bilinearly or the nearest.

    Positions that are `offsets` count elements from the tap's place, which is
    `o * stride - pad + k * dilation` for tap k of window o; pairs are (y, x). In a `grid` -1 and 1
    are the outer edges of the tensor's first and last element, or their centres (`grid_corners`);
    pairs are (x, y). A window's samples stand side by side: the result has shape
    [N, C, OH * kernel rows, OW * kernel columns], and a convolution of that kernel and stride makes
    a deformable convolution of it. Positions have shape [N, offset groups * taps * 2, OH, OW]; a
    mask [N, offset groups * taps, OH, OW] scales the samples. Outside the tensor are zeros, or the
    nearest element of its `border`.

    Source: ONNX DeformConv (opset 19 and 22), GridSample (opset 16, 20 and 22).

    Example: `%y = nn.sample %x, %offsets {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>,
        dilations = array<i64: 1, 1>, pads = array<i64: 1, 1>, positions = "offsets",
        offset_groups = 1 : i64, mode = "bilinear", border = false}
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
    positions = prop_def(StringAttr)
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
        positions: str = "offsets",
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
                "positions": StringAttr(positions),
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
        return SampleGeometry(*(_pair(part.get_values()) for part in whole))

    @property
    def has_grid(self) -> bool:
        """Whether positions are in the whole tensor, as (x, y)."""
        return self.positions.data != "offsets"

    @property
    def lines(self) -> tuple[tuple[float, float], ...]:
        """What a position's 1.0 is in elements, and its 0.0: (rows, columns) each."""
        height, width = shape_of(self.input.type)[2:]
        if not self.has_grid:
            return (1.0, 1.0), (0.0, 0.0)
        middle = (height - 1) / 2, (width - 1) / 2
        return middle if self.positions.data == "grid_corners" else (height / 2, width / 2), middle

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
        parts = (self.kernel, self.strides, self.dilations, self.pads)
        if any(len(part) != 2 for part in parts):
            raise VerifyException("kernel, strides, dilations and pads must have two entries")
        if min(value for part in parts[:3] for value in part.get_values()) < 1:
            raise VerifyException("kernel, strides and dilations must be positive")
        if self.positions.data not in POSITIONS:
            raise VerifyException(
                f"positions must be one of {', '.join(POSITIONS)}, got {self.positions.data}"
            )
        if self.mode.data not in MODES:
            raise VerifyException(f"mode must be one of {', '.join(MODES)}, got {self.mode.data}")
        x, offsets = shape_of(self.input.type), shape_of(self.offsets.type)
        if len(x) != 4 or len(offsets) != 4 or x[0] != offsets[0]:
            raise VerifyException(
                f"input and offsets must have rank 4 and one batch, got {list(x)}, {list(offsets)}"
            )
        if self.groups < 1 or x[1] % self.groups:
            raise VerifyException(f"offset_groups must divide {x[1]} channels, got {self.groups}")
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


def _pair(values: Sequence[int]) -> tuple[int, int]:
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

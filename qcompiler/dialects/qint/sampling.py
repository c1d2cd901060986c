"""Sampling of integers at positions that are integers, too: exact, channels last."""

from typing import Any

from xdsl.dialects.builtin import (
    I64,
    BoolAttr,
    DenseArrayBase,
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
    opt_operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.sampling import Sampling
from qcompiler.dialects.attributes import shape_of
from qcompiler.dialects.qint.interface import IntegerOp
from qcompiler.dialects.qint.types import INT_TENSOR, IntType, range_of

_INTS = DenseArrayBase.constr(i64)
SAMPLING_LISTS = ("kernel", "strides", "dilations", "pads", "steps", "origins", "sources")


def sampling_properties(sampling: Sampling) -> dict[str, Attribute]:
    """Returns the properties that hold a sampling."""
    return {
        **{name: DenseArrayBase.from_list(i64, getattr(sampling, name)) for name in SAMPLING_LISTS},
        "fraction": IntegerAttr(sampling.fraction, i64),
        "offset_groups": IntegerAttr(sampling.offset_groups, i64),
        "mode": StringAttr(sampling.mode),
        "border": BoolAttr.from_bool(sampling.border),
    }


class Sampled(IRDLOperation):
    """What the operations that sample share: the properties that hold a `Sampling`."""

    kernel = prop_def(_INTS)
    strides = prop_def(_INTS)
    dilations = prop_def(_INTS)
    pads = prop_def(_INTS)
    steps = prop_def(_INTS)
    origins = prop_def(_INTS)
    sources = prop_def(_INTS)
    fraction = prop_def(IntegerAttr[I64])
    offset_groups = prop_def(IntegerAttr[I64])
    mode = prop_def(StringAttr)
    border = prop_def(BoolAttr)

    @property
    def sampling(self) -> Sampling:
        """Where it samples, and how.

        Raises:
            ValueError: the properties are not valid.
        """
        pairs = (self.kernel, self.strides, self.dilations, self.pads)
        entries = (self.steps, self.origins, self.sources)
        lists: dict[str, Any] = {
            name: tuple(values.get_values())
            for name, values in zip(SAMPLING_LISTS, (*pairs, *entries), strict=True)
        }
        return Sampling(
            **lists,
            fraction=self.fraction.value.data,
            offset_groups=self.offset_groups.value.data,
            mode=self.mode.data,
            border=bool(self.border.value.data),
        )


@irdl_op_definition
class SampleOp(Sampled, IntegerOp):
    """Samples `x` at positions that codes give, exactly: see `qcompiler.arith.sampling`.

    The windows of samples stand side by side, [batch, OH * kernel rows, OW * kernel columns, C]; a
    convolution of that kernel and stride makes a deformable convolution of it. The codes have shape
    [batch, OH, OW, any]: `sources` names the channel of each position, so one code may serve
    several. Samples between elements count in units of 2**-(2 * fraction) of the input's.

    Example: `%y = qint.sample %x, %d {kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>,
        dilations = array<i64: 1, 1>, pads = array<i64: 0, 0>, steps = array<i64: 1, 0>,
        origins = array<i64: 0, 0>, sources = array<i64: 0, 0>, fraction = 1 : i64,
        offset_groups = 1 : i64, mode = "bilinear", border = false}
        : (tensor<1x4x4x2x!qint.int<0, 3>>, tensor<1x4x4x1x!qint.int<-2, 2>>)
        -> tensor<1x4x4x2x!qint.int<0, 12>>`
    """

    name = "qint.sample"
    input = operand_def(INT_TENSOR)
    offsets = operand_def(INT_TENSOR)
    mask = opt_operand_def(INT_TENSOR)
    result = result_def(INT_TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = (
        "$input `,` $offsets (`mask` $mask^)? attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self, input: SSAValue, offsets: SSAValue, mask: SSAValue | None, sampling: Sampling
    ):
        x, windows = shape_of(input.type), shape_of(offsets.type)
        kernel = sampling.kernel
        shape = (x[0], windows[1] * kernel[0], windows[2] * kernel[1], x[3])
        bounds = sampling.result_range(
            range_of(input.type), None if mask is None else range_of(mask.type)
        )
        super().__init__(
            operands=[input, offsets, mask],
            properties=sampling_properties(sampling),
            result_types=[TensorType(IntType(bounds.lo, bounds.hi), shape)],
        )

    @property
    def inferred_range(self) -> IntRange:
        """Bounds of the samples, times the mask."""
        mask = None if self.mask is None else range_of(self.mask.type)
        return self.sampling.result_range(range_of(self.input.type), mask)

    def verify_(self) -> None:
        try:
            sampling = self.sampling
        except ValueError as error:
            raise VerifyException(str(error)) from None
        x, codes = shape_of(self.input.type), shape_of(self.offsets.type)
        if len(x) != 4 or len(codes) != 4 or x[0] != codes[0]:
            raise VerifyException(
                f"input and offsets must have rank 4 and one batch, got {list(x)}, {list(codes)}"
            )
        if x[3] % sampling.offset_groups:
            raise VerifyException(
                f"offset_groups must divide {x[3]} channels, got {sampling.offset_groups}"
            )
        if max(sampling.sources) >= codes[3]:
            raise VerifyException(
                f"sources must be channels of {codes[3]} codes, got {max(sampling.sources)}"
            )
        masked = (*codes[:3], sampling.taps * sampling.offset_groups)
        if self.mask is not None and shape_of(self.mask.type) != masked:
            raise VerifyException(
                f"mask must have shape {list(masked)}, got {list(shape_of(self.mask.type))}"
            )
        rows, columns = (codes[1 + a] * sampling.kernel[a] for a in (0, 1))
        if shape_of(self.result.type) != (x[0], rows, columns, x[3]):
            raise VerifyException(
                f"result must have shape {[x[0], rows, columns, x[3]]}, got {self.result.type}"
            )

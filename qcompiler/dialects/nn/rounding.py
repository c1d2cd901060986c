"""Rounding and comparison: results are integers, still written as reals."""

from typing import ClassVar

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import SSAValue
from xdsl.irdl import ParsePropInAttrDict, irdl_op_definition, prop_def
from xdsl.utils.exceptions import VerifyException

from qcompiler.dialects.nn.elementwise import Binary, Unary


class Rounding(Unary):
    """What operations that round to integers share: their mode, as `qint.quantize` names it."""

    MODE: ClassVar[str]


@irdl_op_definition
class FloorOp(Rounding):
    """Rounds down: `y = floor(x)`. Example: `%y = nn.floor %x : (f32) -> f32`."""

    name = "nn.floor"
    MODE: ClassVar[str] = "floor"


@irdl_op_definition
class CeilOp(Rounding):
    """Rounds up: `y = ceil(x)`. Example: `%y = nn.ceil %x : (f32) -> f32`."""

    name = "nn.ceil"
    MODE: ClassVar[str] = "ceil"


@irdl_op_definition
class TruncOp(Rounding):
    """Rounds toward zero: `y = trunc(x)`. Example: `%y = nn.trunc %x : (f32) -> f32`."""

    name = "nn.trunc"
    MODE: ClassVar[str] = "down"


@irdl_op_definition
class RoundOp(Rounding):
    """Rounds to nearest, ties to even: `y = round(x)`.

    Example: `%y = nn.round %x : (f32) -> f32`
    """

    name = "nn.round"
    MODE: ClassVar[str] = "half_even"


@irdl_op_definition
class RoundToOp(Unary):
    """Rounds to a shorter float, ties to even; beyond its largest number to infinity.

    Example: `%y = nn.round_to %x {format = "float16"} : (tensor<4xf32>) -> tensor<4xf32>`
    """

    name = "nn.round_to"
    IS_SCALAR: ClassVar[bool] = False
    FORMATS: ClassVar[dict[str, tuple[int, int, int]]] = {
        "float16": (11, -24, 16),
        "bfloat16": (8, -133, 128),
    }
    """Digits of the significand, exponent of the smallest number, exponent no number reaches."""
    format = prop_def(StringAttr)
    irdl_options = (ParsePropInAttrDict(),)

    def __init__(self, input: SSAValue, format: str):
        super().__init__(input, {"format": StringAttr(format)})

    def verify_(self) -> None:
        super().verify_()
        if self.format.data not in self.FORMATS:
            known = ", ".join(self.FORMATS)
            raise VerifyException(f"format must be one of {known}, got {self.format.data}")


@irdl_op_definition
class GreaterEqualOp(Binary):
    """Compares: `y = 1 if a >= b else 0`.

    Example: `%y = nn.greater_equal %a, %b : (f32, f32) -> f32`
    """

    name = "nn.greater_equal"

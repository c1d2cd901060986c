"""Rounding and comparison: results are integers, still written as reals."""

from typing import ClassVar

from xdsl.irdl import irdl_op_definition

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
class GreaterEqualOp(Binary):
    """Compares: `y = 1 if a >= b else 0`.

    Example: `%y = nn.greater_equal %a, %b : (f32, f32) -> f32`
    """

    name = "nn.greater_equal"

"""The range type of qint, and attributes that hold one number or one per channel."""

from typing import TypeAlias

import numpy as np
from xdsl.dialects.builtin import (
    ArrayAttr,
    Float32Type,
    Float64Type,
    FloatAttr,
    IntAttr,
    IntegerAttr,
    IntegerType,
    TensorType,
    f32,
    f64,
    i64,
)
from xdsl.ir import Attribute, ParametrizedAttribute, TypeAttribute
from xdsl.irdl import AnyOf, BaseAttr, irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.hints import isa

from qcompiler.arith.arrays import integers
from qcompiler.arith.ranges import WIDEST_BITS, IntRange
from qcompiler.dialects.attributes import (
    Array,
    DenseAttr,
    dense_from_numpy,
    element_of,
    int_dense,
    numpy_from_dense,
)


@irdl_attr_definition
class IntType(ParametrizedAttribute, TypeAttribute):
    """An integer proven to lie in [lo, hi]; its width follows from the bounds.

    Example: `!qint.int<-32, 31>` is a 6-bit signed integer, `!qint.int<0, 9>` a 4-bit unsigned one.
    """

    name = "qint.int"
    lo: IntAttr
    hi: IntAttr

    def __init__(self, lo: int | IntAttr, hi: int | IntAttr):
        super().__init__(
            IntAttr(lo) if isinstance(lo, int) else lo, IntAttr(hi) if isinstance(hi, int) else hi
        )

    @property
    def range(self) -> IntRange:
        """The bounds as an interval."""
        return IntRange(self.lo.data, self.hi.data)

    @property
    def width_bits(self) -> int:
        """Bits of two's complement when lo < 0, of plain binary otherwise; at least one."""
        return self.range.width_bits

    @property
    def signed(self) -> bool:
        """Whether negative values occur."""
        return self.lo.data < 0

    def verify(self) -> None:
        if self.lo.data > self.hi.data:
            raise VerifyException(
                f"lower bound {self.lo.data} must not exceed upper bound {self.hi.data}"
            )
        if self.lo.data < -(2**WIDEST_BITS) or self.hi.data >= 2**WIDEST_BITS:
            raise VerifyException(
                f"bounds must fit {WIDEST_BITS + 1} bits, got [{self.lo.data}, {self.hi.data}]"
            )

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> list[Attribute]:
        with parser.in_angle_brackets():
            lo = parser.parse_integer(allow_boolean=False)
            parser.parse_punctuation(",")
            hi = parser.parse_integer(allow_boolean=False)
        return [IntAttr(lo), IntAttr(hi)]

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(f"{self.lo.data}, {self.hi.data}")


INT_TENSOR = TensorType.constr(BaseAttr(IntType))
INT = AnyOf((BaseAttr(IntType), INT_TENSOR))
FLOAT_TENSOR = TensorType.constr(AnyOf((BaseAttr(Float32Type), BaseAttr(Float64Type))))
REAL = AnyOf((BaseAttr(Float32Type), BaseAttr(Float64Type), FLOAT_TENSOR))

RealParameter: TypeAlias = FloatAttr[Float32Type | Float64Type] | DenseAttr
_WIDE = IntegerType(256)
"""Of multipliers and biases that 64 bits do not hold."""

IntParameter: TypeAlias = IntegerAttr[IntegerType] | DenseAttr | ArrayAttr[IntegerAttr[IntegerType]]


def int_type_of(type_: Attribute) -> IntType:
    """Returns the range type that is, or is the element of, `type_`.

    Raises:
        VerifyException: `type_` is not an integer of qint.
    """
    element = element_of(type_)
    if not isinstance(element, IntType):
        raise VerifyException(f"expected integers of qint, got {type_}")
    return element


def range_of(type_: Attribute) -> IntRange:
    """Returns the proven range of a qint type."""
    return int_type_of(type_).range


def int_like(type_: Attribute, range_: IntRange) -> Attribute:
    """Returns the shape of `type_` with integers of `range_`."""
    element = IntType(range_.lo, range_.hi)
    return TensorType(element, type_.get_shape()) if isa(type_, TensorType) else element


def real_parameter(values: Array) -> RealParameter:
    """Returns one real number, or one per channel, as an attribute; the float type is kept."""
    flat = np.atleast_1d(values).reshape(-1)
    if flat.size == 1:
        return FloatAttr(float(flat[0]), f32 if flat.dtype == np.float32 else f64)
    return dense_from_numpy(flat)


def int_parameter(values: Array) -> IntParameter:
    """Returns one integer, or one per channel, as an attribute; Python's integers may be wide."""
    flat = np.atleast_1d(values).reshape(-1)
    if flat.dtype == object:
        wide = [IntegerAttr(int(value), _WIDE) for value in flat]
        return wide[0] if len(wide) == 1 else ArrayAttr(wide)
    if flat.size == 1:
        return IntegerAttr(int(flat[0]), i64)
    return int_dense(flat)


def parameter_array(parameter: RealParameter | IntParameter) -> Array:
    """Returns the values of a parameter with shape [1] or [channels], f64 or i64.

    Integers that 64 bits do not hold make an array of Python's integers.
    """
    # The types are settled by the annotation; `isa` on generics would cost more than the rest.
    if isinstance(parameter, FloatAttr):
        return np.array([parameter.value.data], dtype=np.float64)
    if isinstance(parameter, IntegerAttr):
        return integers([parameter.value.data])
    if isinstance(parameter, ArrayAttr):
        return integers([one.value.data for one in parameter])
    array = numpy_from_dense(parameter).reshape(-1)
    return array.astype(np.int64 if array.dtype.kind == "i" else np.float64)

"""What names of a text stand for besides tensors, and numbers with the rounding that they get."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from xdsl.dialects.builtin import TensorType
from xdsl.ir import SSAValue
from xdsl.utils.hints import isa

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, element_of, shape_of
from qcompiler.frontends.text.syntax import Span

MAX_BITS = 63
_INT = re.compile(r"(u?)int([1-9][0-9]?)")
FLOATS = {"float32": np.dtype(np.float32), "float64": np.dtype(np.float64)}
_FIXED = {"bipolar": IntRange(0, 1), "ternary": IntRange(-1, 1)}
TYPE_NAMES = ("int", "uint", *FLOATS, *_FIXED)


def is_type_name(name: str) -> bool:
    """Returns whether a name is that of a type, so that no value may have it."""
    return name in TYPE_NAMES or _INT.fullmatch(name) is not None


@dataclass(frozen=True)
class TypeValue:
    """A type: of elements, and perhaps a shape.

    Attributes:
        element: a range of integers, or a float of numpy.
        shape: extents; None where they are left open.
        bipolar: the codes 0 and 1 stand for -1 and 1.
        bounds: it was written with its bounds, `int<0, 9>`, not by the name of a width.
    """

    element: IntRange | np.dtype[np.floating]
    shape: tuple[int, ...] | None = None
    bipolar: bool = False
    bounds: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        element = "bipolar" if self.bipolar else element_name(self.element)
        return element if self.shape is None else f"{element}{list(self.shape)}"


def named_type(name: str, bounds: tuple[int, int] | None) -> TypeValue | None:
    """Returns the type of a name, such as `uint4`, or `int` with bounds; None if it is none.

    Raises:
        ValueError: the bounds are wrong, or the width is.
    """
    if bounds is not None and name != "int":
        return None
    if name == "int" and bounds is not None:
        if bounds[0] > bounds[1] or bounds[0] < -(2**63) or bounds[1] >= 2**63:
            raise ValueError(f"bounds must be in order and fit 64 bits, got {list(bounds)}")
        return TypeValue(IntRange(*bounds), bounds=True)
    if name in FLOATS:
        return TypeValue(FLOATS[name])
    if name in _FIXED:
        return TypeValue(_FIXED[name], bipolar=name == "bipolar")
    match = _INT.fullmatch(name)
    if match is None:
        return None
    bits, signed = int(match[2]), not match[1]
    if bits > MAX_BITS + signed:
        raise ValueError(f"integers may have at most {MAX_BITS + signed} bits, got {name}")
    return TypeValue(IntRange.for_bits(bits, signed))


def bounds_name(element: IntRange) -> str:
    """Returns the spelling of a type of integers by its bounds."""
    return f"int<{element.lo}, {element.hi}>"


def element_name(element: IntRange | np.dtype[np.floating]) -> str:
    """Returns the shortest spelling of a type of elements."""
    if not isinstance(element, IntRange):
        return str(element.name)
    for bits in (element.width_bits, element.width_bits + 1):
        for signed, prefix in ((True, "int"), (False, "uint")):
            if bits <= MAX_BITS + signed and IntRange.for_bits(bits, signed) == element:
                return f"{prefix}{bits}"
    return "ternary" if element == IntRange(-1, 1) else bounds_name(element)


def type_text(value: SSAValue) -> str:
    """Returns the type of a tensor or scalar, as texts write it."""
    element = element_of(value.type)
    of: IntRange | np.dtype[Any]
    if isinstance(element, qint.IntType):
        of = element.range
    else:
        of = np.dtype(np.float32 if element == nn.f32 else np.float64)
    shape = shape_of(value.type) if isa(value.type, TensorType) else None
    return str(TypeValue(of, shape))


_TENSOR = re.compile(r"tensor<((?:[0-9]+x)*)(f32|f64|!qint\.int<(-?[0-9]+), (-?[0-9]+)>)>")


def in_words(text: str) -> str:
    """Returns a message with types as texts write them, `tensor<1x4xf32>` as `float32[1, 4]`."""

    def spelled(match: re.Match[str]) -> str:
        shape = tuple(int(extent) for extent in match[1].split("x") if extent)
        if match[3] is not None:
            return str(TypeValue(IntRange(int(match[3]), int(match[4])), shape))
        return str(TypeValue(FLOATS["float32" if match[2] == "f32" else "float64"], shape))

    return _TENSOR.sub(spelled, text)


def smallest_type(held: IntRange) -> str:
    """Returns the smallest type with a plain name that holds a range."""
    if held.lo >= 0:
        return f"uint{max(1, held.hi.bit_length())}"
    return f"int{held.width_bits}"


@dataclass(frozen=True, eq=False)
class Constant:
    """Numbers known while compiling.

    Attributes:
        array: int64, float32 or float64, of any shape.
        exact: the numbers as written, of the same shape, where they were written in the text.
        operation: where an operation that holds them stands already.
    """

    array: Array
    exact: Array | None = None
    operation: SSAValue | None = None

    @property
    def integral(self) -> bool:
        """Whether it consists of integers that were written as such."""
        return self.array.dtype.kind == "i"

    def reals(self, dtype: np.dtype[np.floating] | None = None) -> Array:
        """Returns the numbers as floats, rounded once; float32 unless they are float64.

        Raises:
            ValueError: a number is too large.
        """
        if dtype is None:
            dtype = FLOATS["float64" if self.array.dtype == np.float64 else "float32"]
        if self.exact is not None:
            rounding = float if dtype == np.float64 else nearest_float32
            flat = [rounding(number) for number in self.exact.reshape(-1)]
            return np.array(flat, dtype).reshape(self.exact.shape)
        with np.errstate(over="ignore"):
            made = self.array.astype(dtype)
        if not np.isfinite(made).all():
            raise ValueError(f"a number is too large for {dtype}")
        return made


def written(exact: Array, integral: bool) -> Constant:
    """Returns numbers that stand in the text.

    Raises:
        ValueError: an integer needs more than 64 bits, or a number is too large for float32.
    """
    if integral:
        if any(abs(int(n)) >= 2**63 for n in exact.reshape(-1)):
            raise ValueError("integers must fit 64 bits")
        array = np.array([int(n) for n in exact.reshape(-1)], np.int64).reshape(exact.shape)
        return Constant(array, exact)
    empty = Constant(np.zeros(exact.shape, np.float32), exact)
    return Constant(empty.reals(), exact)


@dataclass(frozen=True)
class Word:
    """A text, or a word that stands for one, such as `half_even`."""

    text: str


@dataclass(frozen=True)
class Broken:
    """What a statement that was reported would have made; what depends on it is not looked at."""


Meaning: TypeAlias = SSAValue | Constant | TypeValue | Word | bool | tuple[SSAValue, ...] | Broken


@dataclass
class Variable:
    """A name in scope.

    Attributes:
        meaning: what it stands for.
        span: where it is defined.
        used: whether anything refers to it.
    """

    meaning: Meaning
    span: Span
    used: bool = False


def nearest_float32(value: Fraction | float) -> np.float32:
    """Returns the float32 nearest to a number, of two the even one: rounded once, not twice.

    Raises:
        ValueError: it is too large for float32.
    """
    if isinstance(value, float):
        return np.float32(value)
    try:
        near = float(value)
    except OverflowError:
        near = np.inf
    with np.errstate(over="ignore"):
        guess = np.float32(near)
    if not np.isfinite(guess):
        raise ValueError("number is too large for float32")
    infinity = np.float32(np.inf)
    with np.errstate(all="ignore"):  # the largest has no neighbour
        candidates = [guess, np.nextafter(guess, infinity), np.nextafter(guess, -infinity)]
    finite = [c for c in candidates if np.isfinite(c)]
    return min(finite, key=lambda c: (abs(Fraction(float(c)) - value), int(c.view(np.int32)) & 1))

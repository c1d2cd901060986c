"""How operations are spelled: operands, parameters with their kinds, and how each one is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import Float32Type, Float64Type, FloatAttr, IntegerAttr
from xdsl.ir import Attribute, Operation, Region, SSAValue
from xdsl.utils.hints import isa

from qcompiler.dialects.attributes import Array, is_dense, numpy_from_dense, shape_of
from qcompiler.dialects.qint import parameter_array, range_of

REQUIRED = object()
"""The default of a parameter that has none."""


class Kind(Enum):
    """What the value of a parameter is, in Python and in words."""

    INT = "an integer"
    INTS = "a list of integers"
    PADS = "a list of integers, same or valid"
    BOOL = "true or false"
    WORD = "a word"
    TEXT = "a text in quotes"
    REAL = "a number"
    REALS = "a number, or a list of one a channel"
    INTEGERS = "an integer, or a list of one a channel"
    MATRIX = "integers in rows"
    TYPE = "a type of integers"
    SHAPE = "a shape, [1, 16]"


@dataclass(frozen=True)
class Param:
    """A parameter of an operation.

    Attributes:
        name: in the text, and of the operation's property.
        kind: of its value.
        default: what it is if left out; a function of the operands if it depends on them.
        words: allowed, for Kind.WORD.
    """

    name: str
    kind: Kind
    default: Any = REQUIRED
    words: tuple[str, ...] = ()

    def default_for(self, operands: Sequence[SSAValue]) -> Any:
        """Returns the default for these operands."""
        return self.default(operands) if callable(self.default) else self.default

    @property
    def expectation(self) -> str:
        """What to write, in words."""
        return f"one of {', '.join(self.words)}" if self.words else self.kind.value


Values = Mapping[str, Any]
Build = Callable[[Sequence[SSAValue], Values, Region | None], Operation]


@dataclass(frozen=True)
class Signature:
    """One operation of the IR, as texts write it.

    Attributes:
        kind: the operation's class.
        operands: names; "*inputs" takes any number.
        params: after the operands, by position or by name.
        build: makes the operation; raises VerifyException or ValueError.
        integers: whether the operands are integers; else they are reals.
        region: whether a scalar function follows.
        scalar: whether it may stand in a scalar function.
    """

    kind: type[Operation]
    operands: tuple[str, ...]
    params: tuple[Param, ...]
    build: Build
    integers: bool
    region: bool = False
    scalar: bool = False

    @property
    def name(self) -> str:
        """The operation's name without its dialect."""
        return self.kind.name.partition(".")[2]

    @property
    def variadic(self) -> bool:
        """Whether it takes any number of operands."""
        return bool(self.operands) and self.operands[-1].startswith("*")

    @property
    def summary(self) -> str:
        """What it does, in one line."""
        return (self.kind.__doc__ or "").strip().partition("\n")[0]

    def __str__(self) -> str:
        shown = [*self.operands]
        for param in self.params:
            known = param.default is not REQUIRED and not callable(param.default)
            default = f" = {_shown(param.default)}" if known else ""
            shown.append(f"{param.name}: {param.expectation}{default}")
        return f"{self.name}({', '.join(shown)})" + (" with (...) {...}" if self.region else "")


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return str(cast(Array, value).reshape(-1).tolist()[0])
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


_ATTRIBUTES: dict[Kind, Callable[[Any], Any]] = {
    Kind.INT: lambda a: a.value.data,
    Kind.BOOL: lambda a: bool(a.value.data),
    Kind.INTS: lambda a: list(a.get_values()),
    Kind.PADS: lambda a: list(a.get_values()),
    Kind.WORD: lambda a: a.data,
    Kind.TEXT: lambda a: a.data,
    Kind.REAL: lambda a: float(a.value.data),
    Kind.INTEGERS: parameter_array,
    Kind.MATRIX: lambda a: numpy_from_dense(a).astype(np.int64),
}


def read_params(signature: Signature, op: Operation) -> dict[str, Any]:
    """Returns the values of an operation's parameters, each as `build` takes them."""
    return {param.name: _read(param, op) for param in signature.params}


def _read(param: Param, op: Operation) -> Any:
    if param.kind is Kind.TYPE:
        return range_of(op.results[0].type)
    if param.kind is Kind.SHAPE:
        return list(shape_of(op.results[0].type))
    # What operations of any kind may have, such as numerics, is no property of theirs.
    own = op.properties.get(param.name)
    attribute = cast(Any, op.attributes.get(f"qint.{param.name}") if own is None else own)
    if attribute is None:
        return False if param.kind is Kind.BOOL else None
    if param.kind is Kind.BOOL and not isinstance(attribute, IntegerAttr):
        return True  # a unit attribute
    if param.kind is Kind.REALS:
        return _reals(cast(Any, attribute))
    return _ATTRIBUTES[param.kind](cast(Any, attribute))


def _reals(attribute: Attribute) -> Any:
    """Returns numbers with the float type of their attribute."""
    if isa(attribute, FloatAttr[Float32Type]):
        return np.array([attribute.value.data], np.float32)
    if isa(attribute, FloatAttr[Float64Type]):
        return np.array([attribute.value.data], np.float64)
    assert is_dense(attribute)
    return numpy_from_dense(attribute).reshape(-1)

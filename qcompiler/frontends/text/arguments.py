"""Arguments of a call, matched with operands and parameters, and turned into what those take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, element_of
from qcompiler.errors import suggestion
from qcompiler.frontends.text.diagnostics import StatementError
from qcompiler.frontends.text.scope import Naming, Scope
from qcompiler.frontends.text.signatures import REQUIRED, Kind, Param, Signature
from qcompiler.frontends.text.syntax import Argument, Call, Reference, Span, Value
from qcompiler.frontends.text.values import Broken, Constant, Meaning, TypeValue, Word

Evaluate = Callable[[Value], Meaning]
_LARGEST_EXACT = 2**53


@dataclass(frozen=True)
class Given:
    """An argument that was evaluated."""

    value: Value
    meaning: Meaning

    @property
    def span(self) -> Span:
        """Where it stands."""
        return self.value.span


def is_integer(value: SSAValue) -> bool:
    """Returns whether a value holds integers."""
    return isinstance(element_of(value.type), qint.IntType)


def spoken(meaning: Meaning | None) -> str:
    """Returns what a value is, for a message."""
    match meaning:
        case Constant():
            kind = "integers" if meaning.integral else "numbers"
            one = "an integer" if meaning.integral else "a number"
            return one if not meaning.array.ndim else f"{kind} of shape {list(meaning.array.shape)}"
        case TypeValue():
            return f"the type {meaning}"
        case Word():
            return f"the text {meaning.text[:60]!r}"
        case bool():
            return str(meaning).lower()
        case tuple():
            return f"{len(meaning)} values"
        case SSAValue():
            return "a tensor of integers" if is_integer(meaning) else "a tensor of reals"
        case _:
            return "nothing"


def matched(
    call: Call, names: Sequence[str], variadic: bool
) -> tuple[list[Argument], dict[str, Argument]]:
    """Returns the arguments of a call that stand by position of a variadic operand, and by name.

    Raises:
        StatementError: there are too many, one is given twice, or a name is not known.
    """
    rest: list[Argument] = []
    found: dict[str, Argument] = {}
    for index, argument in enumerate(call.arguments):
        if argument.name is None:
            if variadic:
                rest.append(argument)
                continue
            if index >= len(names):
                what = f"{call.function.text} takes {len(names)} arguments, got more"
                raise StatementError(argument.value.span, what, f"it takes {', '.join(names)}")
            name, span = names[index], argument.value.span
        else:
            name, span = argument.name.text, argument.name.span
            if name not in names:
                what = f"{call.function.text} has no argument {name!r}"
                remedy = suggestion(name, names, f"it takes {', '.join(names)}")
                raise StatementError(span, what, remedy)
        if name in found:
            raise StatementError(span, f"argument {name!r} is given twice", "leave one out")
        found[name] = argument
    return rest, found


class Converter:
    """Turns what arguments mean into operands and parameters of operations."""

    def __init__(self, scope: Scope, names: Naming):
        self._scope = scope
        self._names = names

    def operand(self, given: Given, integers: bool, what: str) -> SSAValue:
        """Returns an argument as a tensor, or scalar, of integers or of reals.

        Raises:
            StatementError: it is something else.
        """
        meaning = given.meaning
        if isinstance(meaning, Constant):
            return self.materialized(meaning, integers, given.span)
        wanted = "integers" if integers else "reals"
        if not isinstance(meaning, SSAValue):
            article = "a scalar" if self._scope.scalar else "a tensor"
            raise StatementError(
                given.span,
                f"{what} takes {article} of {wanted}, got {spoken(meaning)}",
                "give a value that is computed, or numbers",
            )
        if is_integer(meaning) != integers:
            remedy = (
                "write quantize(...) around it"
                if integers
                else "give its definition a scale, or write dequantize(..., scale: 1)"
            )
            raise StatementError(
                given.span, f"{what} takes {wanted}, got {spoken(meaning)}", remedy
            )
        return meaning

    def materialized(self, constant: Constant, integers: bool, span: Span) -> SSAValue:
        """Returns an operation's result that holds numbers."""
        made = constant.operation
        if made is not None and is_integer(made) == integers and not self._scope.scalar:
            return made
        if integers and (not constant.integral or self._scope.scalar):
            where = " in a scalar function" if self._scope.scalar else ""
            raise StatementError(
                span,
                f"takes integers, got {spoken(constant)}{where}",
                "write whole numbers, or quantize(...)",
            )
        if integers:
            return self._scope.emit(lambda: qint.ConstantOp(constant.array), self._names, span)
        array = checked(constant.reals, span)
        check_finite(array, span)
        if self._scope.scalar:
            return self._scope.emit(lambda: nn.ParameterOp(array), self._names, span)
        return self._scope.emit(lambda: nn.ConstantOp(array), self._names, span)

    def params(
        self,
        params: Sequence[Param],
        given: dict[str, Given],
        operands: Sequence[SSAValue],
        call: Call,
    ) -> dict[str, Any]:
        """Returns the values of all parameters, defaults included.

        Raises:
            StatementError: one is missing, or of another kind.
        """
        found: dict[str, Any] = {}
        for param in params:
            if param.name in given:
                found[param.name] = convert(param, given[param.name])
            elif param.default is REQUIRED:
                what = f"{call.function.text} needs {param.name}: {param.expectation}"
                raise StatementError(call.function.span, what, f"add {param.name}: ...")
            else:
                found[param.name] = param.default_for(operands)
        return found


def check_finite(array: Array, span: Span) -> None:
    """Raises StatementError if numbers that become parameters of the network are infinite."""
    if not np.isfinite(array).all():
        raise StatementError(span, "parameters of a network must be finite", "leave inf out")


def checked(make: Callable[[], Array], span: Span) -> Array:
    """Returns what `make` does, its ValueError with a place."""
    try:
        return make()
    except ValueError as error:
        raise StatementError(span, str(error), "use a smaller number") from None


def convert(param: Param, given: Given) -> Any:
    """Returns an argument as the value of a parameter.

    Raises:
        StatementError: it is of another kind.
    """
    found = _CONVERTERS[param.kind](param, given.meaning)
    if found is None:
        what = f"{param.name} must be {param.expectation}, got {spoken(given.meaning)}"
        if isinstance(given.meaning, Word):
            raise StatementError(
                given.span,
                what,
                suggestion(given.meaning.text, param.words, f"write {param.expectation}"),
            )
        raise StatementError(given.span, what, f"write {param.expectation}")
    if param.kind is Kind.REALS:
        return checked(lambda: found.reals().reshape(-1), given.span)
    if param.kind is Kind.REAL:
        return float(checked(found.reals, given.span))
    return found


def word_of(param: Param, value: Value) -> Word | None:
    """Returns the word that stands for itself where a parameter takes words."""
    words = ("same", "valid") if param.kind is Kind.PADS else param.words
    if not isinstance(value, Reference) or value.bounds is not None or value.shape is not None:
        return None
    return Word(value.name) if value.name in words else None


def _numbers(meaning: Meaning, rank: int, integral: bool) -> Constant | None:
    if not isinstance(meaning, Constant) or meaning.array.ndim > rank:
        return None
    return meaning if meaning.integral or not integral else None


def _int(_param: Param, meaning: Meaning) -> int | None:
    found = _numbers(meaning, 0, integral=True)
    return None if found is None else int(found.array)


def _ints(param: Param, meaning: Meaning) -> Any:
    if param.kind is Kind.PADS and isinstance(meaning, Word):
        return meaning.text if meaning.text in ("same", "valid") else None
    found = _numbers(meaning, 1, integral=True)
    if found is None or found.array.ndim != 1:
        empty = isinstance(meaning, Constant) and meaning.array.shape == (0,)
        return [] if empty else None
    return [int(number) for number in found.array]


def _integers(_param: Param, meaning: Meaning) -> Array | None:
    found = _numbers(meaning, 1, integral=True)
    return None if found is None or not found.array.size else found.array.reshape(-1)


def _reals_of(_param: Param, meaning: Meaning) -> Constant | None:
    found = _numbers(meaning, 1, integral=False)
    return None if found is None or not found.array.size else found


def _matrix(_param: Param, meaning: Meaning) -> Array | None:
    found = _numbers(meaning, 2, integral=True)
    if found is None or found.array.ndim == 0 or not found.array.size:
        return None
    return np.atleast_2d(found.array)


def _type(_param: Param, meaning: Meaning) -> IntRange | None:
    if not isinstance(meaning, TypeValue) or meaning.shape is not None or meaning.bipolar:
        return None
    return meaning.element if isinstance(meaning.element, IntRange) else None


def _word(param: Param, meaning: Meaning) -> str | None:
    return meaning.text if isinstance(meaning, Word) and meaning.text in param.words else None


_CONVERTERS: dict[Kind, Callable[[Param, Meaning], Any]] = {
    Kind.INT: _int,
    Kind.INTS: _ints,
    Kind.PADS: _ints,
    Kind.SHAPE: _ints,
    Kind.BOOL: lambda _, meaning: meaning if isinstance(meaning, bool) else None,
    Kind.WORD: _word,
    Kind.REAL: lambda _, meaning: _numbers(meaning, 0, integral=False),
    Kind.REALS: _reals_of,
    Kind.INTEGERS: _integers,
    Kind.MATRIX: _matrix,
    Kind.TYPE: _type,
}


def chosen(signatures: Sequence[Signature], operands: Sequence[Given]) -> Signature:
    """Returns the operation of a name that fits the operands: of integers or of reals."""
    tensors = [o.meaning for o in operands if isinstance(o.meaning, SSAValue)]
    if tensors:
        integers = all(map(is_integer, tensors))
    else:
        constants = [o.meaning for o in operands if isinstance(o.meaning, Constant)]
        integers = bool(constants) and all(c.integral for c in constants)
    fitting = [s for s in signatures if s.integers == integers]
    return (fitting or list(signatures))[0]


def any_broken(meanings: Sequence[Meaning]) -> bool:
    """Returns whether a value comes from a statement that was reported."""
    return any(isinstance(meaning, Broken) for meaning in meanings)

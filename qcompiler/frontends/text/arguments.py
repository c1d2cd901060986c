"""Arguments of a call, matched with operands and parameters, and turned into what those take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, element_of, shape_of
from qcompiler.errors import suggestion
from qcompiler.frontends.text.diagnostics import StatementError
from qcompiler.frontends.text.scope import Naming, Scope
from qcompiler.frontends.text.signatures import REQUIRED, Kind, Param, Signature
from qcompiler.frontends.text.syntax import Argument, Call, Number, Reference, Span, Value
from qcompiler.frontends.text.values import (
    Broken,
    Constant,
    Meaning,
    TypeValue,
    Word,
    bounds_name,
    named_type,
)

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


Unknown = Callable[[Argument], str]
"""Returns what to write for an argument whose name the operation does not have."""


def matched(
    call: Call, names: Sequence[str], variadic: bool, unknown: Unknown | None = None
) -> tuple[list[Argument], dict[str, Argument]]:
    """Returns the arguments of a call that stand by position of a variadic operand, and by name.

    Raises:
        StatementError: there are too many, one is given twice, or a name is not known; all that
            are not known are told.
    """
    rest: list[Argument] = []
    found: dict[str, Argument] = {}
    wrong: list[StatementError] = []
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
                if unknown is not None:
                    remedy = unknown(argument) or remedy
                wrong.append(StatementError(span, what, remedy))
                continue
        if name in found:
            raise _twice(call, index, name, span)
        found[name] = argument
    if wrong:
        raise StatementError(wrong[0].span, wrong[0].what, wrong[0].remedy, wrong[1:])
    return rest, found


def _twice(call: Call, index: int, name: str, span: Span) -> StatementError:
    """Returns the error for an argument that has its value already."""
    argument, before = call.arguments[index], call.arguments[index - 1]
    if argument.name is not None or before.name is None:
        return StatementError(span, f"argument {name!r} is given twice", "leave one out")
    decimals = all(isinstance(v, Number) and v.integer for v in (before.value, argument.value))
    remedy = "write a point in numbers: 0.5" if decimals else "name this one, too"
    return StatementError(span, "an argument without a name follows one with a name", remedy)


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
            text = self._scope.source.text_at(given.span)
            remedy = (
                f"write quantize({text}, int8, scale: 0.1)"
                if integers
                else f"write dequantize({text}, scale: 1), or a scale behind the type of the input"
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
                found[param.name] = convert(param, given[param.name], operands)
            elif param.default is REQUIRED:
                what = f"{call.function.text} needs {param.name}: {param.expectation}"
                raise StatementError(
                    call.function.span, what, f"add {param.name}: {example(param)}"
                )
            else:
                found[param.name] = param.default_for(operands)
        if "type" in given and "zero_point" in given:
            meaning = given["type"].meaning
            assert isinstance(meaning, TypeValue), "it was converted"
            check_zero_point(meaning, found["zero_point"], given["zero_point"].span)
        return found


def check_zero_point(of: TypeValue, zero_point: Array | int, span: Span) -> None:
    """Raises StatementError if a type that has a name does not hold a zero point, as in ONNX."""
    codes = of.element
    if of.bounds or not isinstance(codes, IntRange):
        return
    for number in np.ravel(zero_point).tolist():
        if not codes.lo <= number <= codes.hi:
            plain = TypeValue(codes)
            raise StatementError(
                span,
                f"zero_point must be {plain}, {codes.lo} to {codes.hi}, got {number}",
                f"write a number from {codes.lo} to {codes.hi}; or, if it is meant, the type as "
                f"{bounds_name(codes)}",
            )


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


_EXAMPLES = {
    Kind.INT: "1", Kind.INTS: "[2, 2]", Kind.PADS: "same", Kind.BOOL: "true", Kind.REAL: "0.1",
    Kind.REALS: "0.1", Kind.INTEGERS: "0", Kind.MATRIX: "[[1, 2, 3]]", Kind.TYPE: "int8",
    Kind.SHAPE: "[1, 16]", Kind.TEXT: '"a + b"',
}  # fmt: skip


def example(param: Param) -> str:
    """Returns a value that a parameter might have."""
    if param.name == "epsilon":
        return "1e-5"
    return param.words[0] if param.words else _EXAMPLES[param.kind]


def _remedy(param: Param, meaning: Meaning, operands: Sequence[SSAValue]) -> str:
    """Returns what to write for a parameter that got another kind of value."""
    if isinstance(meaning, Word):
        if param.kind is Kind.TYPE and named_type(meaning.text, None) is not None:
            return f"write {meaning.text} without quotes"
        if _is_number(meaning.text) and param.kind not in (Kind.WORD, Kind.TYPE):
            return f"write {meaning.text} without quotes"
        return suggestion(meaning.text, param.words, f"write {param.name}: {example(param)}")
    if isinstance(meaning, Constant) and meaning.integral and not meaning.array.ndim:
        number = int(meaning.array)
        if param.kind in (Kind.INTS, Kind.PADS):
            return f"write {param.name}: {spread(param, str(number), _rank(operands))}"
        if param.kind is Kind.BOOL:
            return f"write {param.name}: {'true' if number else 'false'}"
        if param.kind is Kind.TYPE:
            return f"write int{number} or uint{number}"
    if param.kind is Kind.TYPE and isinstance(meaning, TypeValue):
        plain = TypeValue(meaning.element)
        integers = isinstance(meaning.element, IntRange) and not meaning.bipolar
        return f"write {plain} without its shape" if integers else "write a type such as int8"
    return f"write {param.name}: {example(param)}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _rank(operands: Sequence[SSAValue]) -> int:
    return len(shape_of(operands[0].type)) if operands else 4


def spread(param: Param, number: str, rank: int) -> str:
    """Returns a list with a number once for each spatial dimension, or twice for pads."""
    if param.name in ("axes", "shape"):
        return f"[{number}]"
    if callable(param.default) or param.name == "kernel":
        rank = max(1, rank - 2)
    count = 2 * rank if param.kind is Kind.PADS else rank
    return f"[{', '.join([number] * count)}]"


def convert(param: Param, given: Given, operands: Sequence[SSAValue] = ()) -> Any:
    """Returns an argument as the value of a parameter.

    Raises:
        StatementError: it is of another kind.
    """
    found = _CONVERTERS[param.kind](param, given.meaning)
    if found is None:
        what = f"{param.name} must be {param.expectation}, got {spoken(given.meaning)}"
        raise StatementError(given.span, what, _remedy(param, given.meaning, operands))
    if param.kind is Kind.REALS:
        return checked(lambda: found.reals().reshape(-1), given.span)
    if param.kind is Kind.REAL:
        return float(checked(found.reals, given.span))
    return found


def words_of(param: Param) -> tuple[str, ...]:
    """Returns the words that a parameter may be."""
    return ("same", "valid") if param.kind is Kind.PADS else param.words


def word_of(param: Param, value: Value) -> Word | None:
    """Returns the word that stands for itself where a parameter takes words."""
    words = words_of(param)
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
    Kind.TEXT: lambda _, meaning: meaning.text if isinstance(meaning, Word) else None,
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

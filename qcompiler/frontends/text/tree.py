"""From lark's tree to the syntax tree; texts and numbers that are no good become diagnostics."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeVar, cast

import lark
from lark import Token, Transformer

from qcompiler.frontends.text.diagnostics import Diagnostics, Source, StatementError
from qcompiler.frontends.text.syntax import (
    Annotation,
    Argument,
    Assign,
    BlockDefinition,
    Body,
    Boolean,
    Call,
    Clause,
    File,
    Import,
    List,
    Name,
    NetworkDefinition,
    Number,
    Origin,
    Output,
    Parameter,
    Reference,
    Return,
    ScalarRegion,
    Span,
    String,
)

_MAX_DIGITS = 400
T = TypeVar("T")


def _integer(token: Token) -> int:
    if not re.fullmatch(r"-?[0-9]{1,20}", token):
        raise StatementError(
            Span.of(token),
            f"must be an integer, got {str(token)[:60]}",
            "write digits only, at most 20",
        )
    return int(token)


def _decimal(token: Token) -> Fraction | float:
    if "inf" in token:
        return float(token)
    digits, _, exponent = token.lower().partition("e")
    if len(digits) > _MAX_DIGITS or (exponent and abs(int(exponent[:9])) > _MAX_DIGITS):
        raise StatementError(
            Span.of(token),
            f"number has more than {_MAX_DIGITS} digits",
            "round it: a float32 needs nine digits",
        )
    value = Fraction(token)
    return -0.0 if not value and token.startswith("-") else value


_v_args: Any = getattr(lark, "v_args")  # noqa: B009  # lark leaves its type open


def build_file(tree: Any, source: Source, diagnostics: Diagnostics) -> File:
    """Returns the syntax tree for the tree of lark."""
    builder: Any = TreeBuilder(source, diagnostics)
    return cast(File, builder.transform(tree))


@_v_args(meta=True)
class TreeBuilder(Transformer[Token, File]):
    """Makes the syntax tree; texts and numbers that are no good become diagnostics."""

    def __init__(self, source: Source, diagnostics: Diagnostics):
        super().__init__()
        self._source = source
        self._diagnostics = diagnostics

    def _checked(self, read: Callable[[Token], T], token: Token, otherwise: T) -> T:
        try:
            return read(token)
        except StatementError as error:
            self._diagnostics.add(self._source, error.span, error.what, error.remedy)
            return otherwise

    def start(self, _meta: Any, items: list[Any]) -> File:
        """Returns the file; an item that an error made the parser read twice stands once."""
        return File(tuple({item.span: item for item in items}.values()))

    def import_file(self, meta: Any, parts: list[Any]) -> Import:
        """`import STRING`."""
        return Import(_span(meta), self._string(parts[0]))

    def network(self, meta: Any, parts: list[Any]) -> NetworkDefinition:
        """`network NAME (parameters) clauses body`."""
        token, parameters, *clauses, body = parts
        if token.type == "STRING":
            text = self._string(token)
            name = Name(text.span, text.value)
        else:
            name = _name(token)
        return NetworkDefinition(_span(meta), name, parameters or (), tuple(clauses), body)

    def block(self, meta: Any, parts: list[Any]) -> BlockDefinition:
        """`block NAME (parameters) body`."""
        name, parameters, body = parts
        return BlockDefinition(_span(meta), _name(name), parameters or (), body)

    def parameters(self, _meta: Any, parts: list[Any]) -> tuple[Parameter, ...]:
        """Parameters in parentheses."""
        return tuple(part for part in parts if part is not None)

    def parameter(self, _meta: Any, parts: list[Any]) -> Parameter:
        """`NAME as STRING : type clauses = value`."""
        name, *rest = parts
        return Parameter(_name(name), *rest)

    def annotation(self, _meta: Any, parts: list[Any]) -> Annotation:
        """`: assume type clauses`."""
        assumed, type_, *clauses = parts
        return Annotation(type_, tuple(clauses), assumed is not None)

    def alias(self, _meta: Any, parts: list[Any]) -> String:
        """`as STRING`."""
        return self._string(parts[0])

    def source(self, _meta: Any, parts: list[Any]) -> tuple[Origin, ...]:
        """`@ origin, origin`."""
        return tuple(parts)

    def origin(self, _meta: Any, parts: list[Any]) -> Origin:
        """`STRING : NAME`, the name in quotes perhaps."""
        node, operation = parts
        if operation is not None:
            plain = operation.type == "NAME"
            operation = str(operation) if plain else self._string(operation).value
        return Origin(self._string(node), operation)

    def body(self, meta: Any, statements: list[Any]) -> Body:
        """Statements; one that an error made the parser read twice stands once."""
        return Body(_span(meta), tuple({s.span: s for s in statements}.values()))

    def assign(self, meta: Any, parts: list[Any]) -> Assign:
        """`targets : type clauses = value @ source`."""
        targets, annotation, value, source = parts
        return Assign(_span(meta), targets, annotation, value, source or ())

    def targets(self, _meta: Any, parts: list[Any]) -> tuple[Name, ...]:
        """Names before `=`."""
        return tuple(map(_name, parts))

    def clause(self, _meta: Any, parts: list[Any]) -> Clause:
        """`NAME value`."""
        return Clause(_name(parts[0]), parts[1])

    def return_values(self, meta: Any, parts: list[Any]) -> Return:
        """`return outputs`."""
        return Return(_span(meta), tuple(parts))

    def output(self, _meta: Any, parts: list[Any]) -> Output:
        """`NAME = value as STRING`."""
        state, value, alias = parts
        return Output(None if state is None else _name(state), value, alias)

    def call(self, meta: Any, parts: list[Any]) -> Call:
        """`NAME (arguments) region`."""
        name, arguments, region = parts
        return Call(_span(meta), _name(name), arguments or (), region)

    def arguments(self, _meta: Any, parts: list[Any]) -> tuple[Argument, ...]:
        """Arguments in parentheses."""
        return tuple(part for part in parts if part is not None)

    def argument(self, _meta: Any, parts: list[Any]) -> Argument:
        """`NAME : value`."""
        return Argument(None if parts[0] is None else _name(parts[0]), parts[1])

    def region(self, meta: Any, parts: list[Any]) -> ScalarRegion:
        """`with (names) body`."""
        *names, body = parts
        return ScalarRegion(_span(meta), tuple(_name(n) for n in names if n is not None), body)

    def type(self, meta: Any, parts: list[Any]) -> Reference:
        """`NAME bounds shape`."""
        name, bounds, shape = parts
        return Reference(_span(meta), str(name), bounds, shape)

    def bounds(self, _meta: Any, parts: list[Any]) -> tuple[int, int]:
        """`<lo, hi>`."""
        return self._checked(_integer, parts[0], 0), self._checked(_integer, parts[1], 0)

    def shape(self, _meta: Any, parts: list[Any]) -> tuple[int, ...]:
        """`[extents]`."""
        return tuple(self._checked(_integer, part, 1) for part in parts if part is not None)

    def number(self, meta: Any, parts: list[Any]) -> Number:
        """A decimal or a fraction."""
        value = self._checked(_decimal, parts[0], Fraction(1))
        integer = parts[1] is None and re.fullmatch(r"-?[0-9]+", parts[0]) is not None
        if parts[1] is not None:
            divisor = self._checked(_decimal, parts[1], Fraction(1))
            if not divisor or isinstance(value, float) or isinstance(divisor, float):
                self._diagnostics.add(
                    self._source,
                    _span(meta),
                    "is not a finite fraction",
                    "divide numbers, not by zero",
                )
                value, divisor = Fraction(1), Fraction(1)
            value = value / divisor
        return Number(_span(meta), value, integer)

    def string(self, _meta: Any, parts: list[Any]) -> String:
        """Text in quotes."""
        return self._string(parts[0])

    def boolean(self, meta: Any, parts: list[Any]) -> Boolean:
        """`true` or `false`."""
        return Boolean(_span(meta), parts[0] == "true")

    def list(self, meta: Any, parts: list[Any]) -> List:
        """Values in brackets."""
        return List(_span(meta), tuple(part for part in parts if part is not None))

    def _string(self, token: Token) -> String:
        return String(Span.of(token), self._checked(_text, token, ""))


def _text(token: Token) -> str:
    try:
        return cast(str, json.loads(token, strict=False))
    except ValueError:
        raise StatementError(
            Span.of(token),
            "text has an escape that is none",
            r"write \" \\ \n \t or \u and four digits",
        ) from None


def _name(token: Token) -> Name:
    return Name(Span.of(token), str(token))


def _span(meta: Any) -> Span:
    if meta.empty:
        return Span(1, 1, 1, 1)
    return Span(meta.line, meta.column, meta.end_line, meta.end_column)

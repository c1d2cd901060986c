"""The syntax tree of .qnn: what stands in a file, with its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

from lark import Token


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a file: lines and columns from 1; the end column is behind the last character."""

    line: int
    column: int
    end_line: int
    end_column: int

    @staticmethod
    def of(token: Token) -> Span:
        """Returns the place of a token."""
        line, column = token.line or 1, token.column or 1
        return Span(line, column, token.end_line or line, token.end_column or column)

    def to(self, other: Span) -> Span:
        """Returns the place from the beginning of this one to the end of another."""
        return Span(self.line, self.column, other.end_line, other.end_column)

    def contains(self, line: int, column: int) -> bool:
        """Returns whether a position lies in the place, or directly behind it."""
        after_start = (self.line, self.column) <= (line, column)
        return after_start and (line, column) <= (self.end_line, self.end_column)


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier where it is defined, or that of a parameter or clause."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Number:
    """A number, exactly as written; `value` is a float only if it is infinite."""

    span: Span
    value: Fraction | float
    integer: bool


@dataclass(frozen=True, slots=True)
class String:
    """Text in quotes, decoded."""

    span: Span
    value: str


@dataclass(frozen=True, slots=True)
class Boolean:
    """`true` or `false`."""

    span: Span
    value: bool


@dataclass(frozen=True, slots=True)
class List:
    """Values in brackets."""

    span: Span
    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """A name or a type: `name<bounds>[shape]`."""

    span: Span
    name: str
    bounds: tuple[int, int] | None = None
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a call, with or without a name."""

    name: Name | None
    value: Value


@dataclass(frozen=True, slots=True)
class ScalarRegion:
    """The function on scalars that follows a call: `with (a, b) { ... }`."""

    span: Span
    parameters: tuple[Name, ...]
    body: Body


@dataclass(frozen=True, slots=True)
class Call:
    """An operation or a block, applied to arguments."""

    span: Span
    function: Name
    arguments: tuple[Argument, ...]
    region: ScalarRegion | None = None


Value: TypeAlias = Number | String | Boolean | List | Reference | Call


@dataclass(frozen=True, slots=True)
class Clause:
    """A word and its value, behind a type: `scale 1/255`."""

    name: Name
    value: Value


@dataclass(frozen=True, slots=True)
class Annotation:
    """What is written between a name and `=`: a type, and perhaps clauses."""

    type: Reference
    clauses: tuple[Clause, ...]
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """`"conv1": Conv`: a node of a model, and its operation there."""

    node: String
    operation: str | None


@dataclass(frozen=True, slots=True)
class Assign:
    """`targets: annotation = value @ source`; the main node of the source comes first."""

    span: Span
    targets: tuple[Name, ...]
    annotation: Annotation | None
    value: Value
    source: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class Output:
    """One value that a body returns, perhaps under a name of its own.

    With the name of a state it is what that is for the next frame.
    """

    state: Name | None
    value: Value
    alias: String | None


@dataclass(frozen=True, slots=True)
class Return:
    """`return outputs`."""

    span: Span
    outputs: tuple[Output, ...]


Statement: TypeAlias = Assign | Return


@dataclass(frozen=True, slots=True)
class Body:
    """Statements in braces."""

    span: Span
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a network or of a block."""

    name: Name
    alias: String | None
    annotation: Annotation | None
    default: Value | None


@dataclass(frozen=True, slots=True)
class Import:
    """`import "file.qnn"`."""

    span: Span
    path: String


@dataclass(frozen=True, slots=True)
class NetworkDefinition:
    """`network name(parameters) clauses { ... }`."""

    span: Span
    name: Name
    parameters: tuple[Parameter, ...]
    clauses: tuple[Clause, ...]
    body: Body


@dataclass(frozen=True, slots=True)
class BlockDefinition:
    """`block name(parameters) { ... }`."""

    span: Span
    name: Name
    parameters: tuple[Parameter, ...]
    body: Body


Item: TypeAlias = Import | NetworkDefinition | BlockDefinition


@dataclass(frozen=True, slots=True)
class File:
    """What a file defines.

    Attributes:
        items: networks, blocks and imports.
        damaged: names of blocks that are left out, because their heads are wrong.
    """

    items: tuple[Item, ...] = field(default=())
    damaged: frozenset[str] = frozenset()

    @property
    def imports(self) -> Iterator[Import]:
        """The files that it imports."""
        return (item for item in self.items if isinstance(item, Import))

    @property
    def networks(self) -> Iterator[NetworkDefinition]:
        """Its networks."""
        return (item for item in self.items if isinstance(item, NetworkDefinition))

    @property
    def blocks(self) -> Iterator[BlockDefinition]:
        """Its blocks."""
        return (item for item in self.items if isinstance(item, BlockDefinition))

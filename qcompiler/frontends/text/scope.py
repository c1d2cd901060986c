"""Names in scope while a body is read, and where the operations that it makes go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Block, Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

from qcompiler.dialects.attributes import shape_of
from qcompiler.errors import suggestion
from qcompiler.frontends import naming
from qcompiler.frontends.onnx.refusal import RefusalError
from qcompiler.frontends.onnx.tensors import check_elements
from qcompiler.frontends.text.diagnostics import (
    ExhaustedError,
    MisfitError,
    Source,
    StatementError,
)
from qcompiler.frontends.text.foreign import type_remedy
from qcompiler.frontends.text.operations import FUNCTIONS, OPERATIONS
from qcompiler.frontends.text.syntax import Name, Origin, Span
from qcompiler.frontends.text.values import Meaning, Variable, in_words, is_type_name

MAX_OPERATIONS = 20_000
"""Blocks that use blocks may grow without end; no network that fits a device has so many."""


MAX_VALUES = 1 << 20
"""Of names, numbers and calls that are looked at, blocks as often as they are put in."""

ELEMENTS = "give each axis 1 or more elements, and all together no more than that"
"""What to do about tensors that are empty, or too large."""

BLOCK_VALUES = 50
"""What putting a block in counts for; it takes the time of so many values, even if empty."""


_WORDS = {
    "true": "write true", "false": "write false", "none": "leave it out", "null": "leave it out",
    "nan": "write a number: parameters are finite", "infinity": "write inf, in clip only",
    "pi": "write 3.14159265",
}  # fmt: skip


@dataclass(frozen=True)
class Noted:
    """Something at a place of the text that an editor may tell about.

    Attributes:
        source: the text.
        span: the place.
        meaning: what stands there; a text for operations and their parameters.
        definition: where it is defined.
        path: of the text that defines it, if that is another one.
    """

    source: Source
    span: Span
    meaning: Meaning | str
    definition: Span | None = None
    path: Path | None = None


@dataclass
class Recorder:
    """Collects what an editor may tell, for one text."""

    path: object
    notes: list[Noted] = field(default_factory=list[Noted])

    def note(
        self,
        source: Source,
        span: Span,
        meaning: Meaning | str,
        definition: Span | None = None,
        path: Path | None = None,
    ) -> None:
        """Notes something, if it stands in the text that is edited."""
        if source.path == self.path:
            elsewhere = None if path == source.path else path
            self.notes.append(Noted(source, span, meaning, definition, elsewhere))


@dataclass(frozen=True)
class Site:
    """Where a block is put in.

    Attributes:
        block: its name.
        source: the text of the call.
        span: of the call's name.
    """

    block: str
    source: Source
    span: Span


def context_of(calls: Sequence[Site], source: Source) -> str:
    """Returns how a place in a block came about, for a message: the calls, the innermost first."""
    shown = [
        f"block {s.block} put in at {'line ' if s.source is source else f'{s.source.path.name}:'}"
        f"{s.span.line}"
        for s in reversed(calls)
    ]
    return f"in {', in '.join(shown[:3])}" if shown else ""


@dataclass(frozen=True)
class TextPlace:
    """Where in a text an operation comes from.

    Attributes:
        source: the text.
        span: of the call.
        operation: its name with its dialect; "" for an input.
        calls: the blocks that were put in there.
    """

    source: Source
    span: Span
    operation: str
    calls: tuple[Site, ...] = ()


@dataclass(frozen=True)
class Naming:
    """How the operations of a statement are called.

    Attributes:
        hint: of values; None for none.
        location: the node of the model.
        merged: other nodes that went into it.
    """

    hint: str | None
    location: str
    merged: tuple[str, ...] = ()


class Counter:
    """What the bodies of a network add up to.

    Attributes:
        count: operations.
        blocks: names of those that may be called.
        values: names, numbers and calls that were looked at.
        nodes: operations of the model by its nodes' names, as far as the text says.
        places: of operations and inputs, by the names of their nodes.
    """

    def __init__(self, blocks: Iterable[str] = ()) -> None:
        self.count = 0
        self.blocks = frozenset(blocks)
        self.values = 0
        self.nodes: dict[str, StringAttr] = {}
        self.places: dict[str, list[TextPlace]] = {}

    def note(self, node: str, place: TextPlace) -> None:
        """Notes where a node stands."""
        self.places.setdefault(naming.ascii_text(node).data, []).append(place)

    def look_at(self, values: int, span: Span) -> None:
        """Counts values before the work on them is done.

        Raises:
            ExhaustedError: they have become too many; even a short text may ask for endless work.
        """
        self.values += values
        if self.values > MAX_VALUES:
            what = f"the network has more than {MAX_VALUES} values, with all blocks put in"
            remedy = "use fewer blocks inside blocks; put constants into an .npz file"
            raise ExhaustedError(span, what, remedy)


@dataclass
class Scope:
    """One body while it is read.

    Attributes:
        source: the text that it stands in.
        block: where operations go.
        counter: of all operations of the network.
        prefix: of the locations of its statements.
        outer: around the scalar function that this is; constants are visible from there.
        calls: the blocks that are being put in, from the outside.
    """

    source: Source
    block: Block
    counter: Counter
    prefix: str = ""
    outer: Scope | None = None
    calls: tuple[Site, ...] = ()
    variables: dict[str, Variable] = field(default_factory=dict[str, Variable])

    @property
    def scalar(self) -> bool:
        """Whether it is a scalar function."""
        return self.outer is not None

    def define(self, name: Name, meaning: Meaning) -> None:
        """Makes a name stand for something.

        Raises:
            StatementError: values cannot have this name.
        """
        if "." in name.text or is_type_name(name.text):
            what = f"a value cannot be called {name.text!r}"
            why = "has a dot" if "." in name.text else "is a type"
            other = f"{name.text.replace('.', '_')}{'' if '.' in name.text else '_1'}"
            raise StatementError(name.span, f"{what}, which {why}", f"write {other}")
        self.variables[name.text] = Variable(meaning, name.span)

    def find(self, name: str) -> Variable | None:
        """Returns what a name stands for, here or around a scalar function."""
        found = self.variables.get(name)
        if found is None and self.outer is not None:
            return self.outer.find(name)
        return found

    def visible(self) -> list[str]:
        """Returns all names in scope."""
        return [*self.variables, *(self.outer.visible() if self.outer is not None else [])]

    def unknown(self, name: str, span: Span) -> StatementError:
        """Returns the error for a name that nothing defines."""
        as_type = type_remedy(name)
        if as_type is not None:
            return StatementError(span, f"there is no type {name!r}", as_type)
        if name.endswith((".npy", ".npz", ".qnn")):
            return StatementError(span, f"nothing is called {name!r} here", f'write "{name}"')
        if name in OPERATIONS or name in FUNCTIONS or name in self.counter.blocks:
            kind = "a block" if name in self.counter.blocks else "an operation"
            return StatementError(span, f"{name!r} is {kind}, and no value", f"write {name}(...)")
        otherwise = _WORDS.get(name.lower(), "give it a value above")
        if self.calls and name.lower() not in _WORDS:
            otherwise = "a block sees its parameters only: add it to them, and to the call"
        remedy = suggestion(name, self.visible(), otherwise)
        return StatementError(span, f"nothing is called {name!r} here", remedy)

    def naming(self, name: str, source: Sequence[Origin] = ()) -> Naming:
        """Returns how the operations of a statement are called."""
        hint = None if not name.strip("_0123456789") else name
        for origin in source:
            if origin.operation is not None:
                node = naming.ascii_text(origin.node.value).data
                self.counter.nodes[node] = naming.ascii_text(origin.operation)
        main, *merged = [o.node.value for o in source] or [f"{self.prefix}{name}"]
        return Naming(hint, main, tuple(merged))

    def emit(self, make: Callable[[], Operation], names: Naming, span: Span) -> SSAValue:
        """Adds an operation with one result; returns the result.

        Raises:
            StatementError: operands or parameters do not fit, or there are too many operations
                (ExhaustedError).
        """
        self.counter.count += 1
        if self.counter.count > MAX_OPERATIONS:
            what = f"the network has more than {MAX_OPERATIONS} operations"
            raise ExhaustedError(span, what, "use fewer blocks inside blocks")
        try:
            op = make()
            if not self.scalar:
                check_elements(shape_of(op.results[0].type))
            op.verify()
        except RefusalError as error:
            raise MisfitError(span, error.what, ELEMENTS) from None
        except (VerifyException, ValueError) as error:
            what = in_words(str(error).strip().partition("\n")[0])
            raise MisfitError(span, what, "change the arguments, or what they come from") from None
        self.counter.note(names.location, TextPlace(self.source, span, op.name, self.calls))
        op.location = naming.location(names.location, *names.merged)
        op.results[0].name_hint = names.hint
        self.block.add_op(op)
        return op.results[0]

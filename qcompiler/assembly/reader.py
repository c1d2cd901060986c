"""Reads modules from text; every error says file, line and column, and shows the text there.

xDSL places errors of syntax. Here, what a type, an attribute or an operation refuses is placed as
well. Constants may stand in an .npz file beside the text: `dense_resource<"weights.npz:c0"> :
tensor<64x64xi8>` is the entry `c0` of that file.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, Operation, TypeAttribute
from xdsl.parser import Parser
from xdsl.utils.exceptions import ParseError, VerifyException
from xdsl.utils.lexer import Input, Span

from qcompiler.assembly.printer import ELIDED, FILE_NAME
from qcompiler.dialects.attributes import Array, DenseAttr, dense_from_numpy, shape_of
from qcompiler.errors import ModelError, Problem, printable

_WIDTH = 100
T = TypeVar("T")


class LocatedError(VerifyException):
    """An operation that its verifier refuses, with its place in the text."""


def describe(error: ParseError) -> str:
    """Returns a message of three lines: place and reason, the line of text, and a mark below it."""
    return _marked(error.span, error.msg)


def _marked(span: Span[Any], message: str) -> str:
    place = span.get_location()
    start = span.input.get_start_of_line(span.start)
    line = str(span.input.content[start : span.input.get_end_of_line(span.start)])
    column = span.start - start
    first = max(0, column - _WIDTH // 2)
    shown = line[first : first + _WIDTH]
    length = max(1, min(span.end - span.start, len(shown) - (column - first)))
    mark = " " * (column - first) + "^" * length
    return f"{place}: {printable(message.strip(), 1000)}\n  {shown}\n  {mark}"


class _Reader(Parser):
    """Remembers where operations stand, and finds constants in files beside the text."""

    def __init__(self, context: Context, text: str, name: str, folder: Path | None, offset: int):
        super().__init__(context, text, name)
        self.spans: dict[Operation, Span[str]] = {}
        self._folder = folder
        self._offset = offset
        self._files: dict[str, dict[str, Array]] = {}

    def _placed(self, parse: Callable[[], T]) -> T:
        """Calls `parse`; what it refuses without a place is the text that it has read."""
        start = self._current_token.span.start
        try:
            return parse()
        except (VerifyException, ValueError) as error:
            end = max(start + 1, self._current_token.span.start)
            span = Span(start, end, self.lexer.input, self._offset)
            raise ParseError(span, str(error)) from error

    def parse_operation(self) -> Operation:
        start = self._current_token.span
        op = self._placed(super().parse_operation)
        end = start.input.get_end_of_line(start.start)
        self.spans[op] = Span(start.start, end, start.input, self._offset)
        return op

    def _get_op_by_name(self, name: str) -> type[Operation]:
        try:
            return super()._get_op_by_name(name)
        except ParseError as error:  # which points behind the name
            start = self.lexer.input.content.rfind(name, 0, error.span.start)
            error.span = Span(start, start + len(name), self.lexer.input)
            raise

    def parse_optional_type(self) -> TypeAttribute | None:
        return self._placed(super().parse_optional_type)

    def parse_optional_attribute(self) -> Attribute | None:
        return self._placed(super().parse_optional_attribute)

    def _parse_builtin_dense_resource_attr(self) -> Any:
        if self._folder is None:
            return super()._parse_builtin_dense_resource_attr()
        self.parse_characters("<", " in dense_resource attribute")
        handle = self.parse_optional_str_literal() or self.parse_identifier(" for resource")
        self.parse_characters(">", " in dense_resource attribute")
        self.parse_characters(":", " in dense_resource attribute")
        return self._constant(handle, self.parse_type())

    def _constant(self, handle: str, type_: Attribute) -> DenseAttr:
        if handle == ELIDED:
            raise ValueError("constants were left out of this text; print it without elision")
        file, _, key = handle.rpartition(":")
        arrays = self._load(file)
        if key not in arrays:
            raise ValueError(f"{file} has no entry {key!r}")
        try:
            constant = dense_from_numpy(arrays[key])
        except ValueError as error:
            raise ValueError(f"entry {key!r} of {file}: {error}") from None
        if constant.type != type_:
            shape = list(shape_of(type_))
            raise ValueError(f"entry {key!r} of {file} is a {constant.type}, not {type_} {shape}")
        return constant

    def _load(self, name: str) -> dict[str, Array]:
        assert self._folder is not None
        if not re.fullmatch(FILE_NAME, name):
            raise ValueError(f"constants must stand in an .npz beside the text, not in {name!r}")
        if name not in self._files:
            try:
                with np.load(self._folder / name, allow_pickle=False) as entries:
                    self._files[name] = {key: entries[key] for key in entries.files}
            except (OSError, ValueError, EOFError) as error:
                raise ValueError(f"cannot read {name}: {error}") from None
        return self._files[name]

    def note_lines(self, lines: dict[Operation, int]) -> None:
        """Notes the line, counted from 1, in which each operation begins."""
        starts = [found.end() for found in re.finditer("\n", self.lexer.input.content)]
        for op, span in self.spans.items():
            lines[op] = bisect_right(starts, span.start) + 1

    def check(self, module: ModuleOp) -> None:
        """Verifies the module; an operation that is refused is named by its place."""
        try:
            module.verify()
        except VerifyException as error:
            self._place(module, error)

    def _place(self, module: ModuleOp, error: VerifyException) -> NoReturn:
        for op in module.walk(region_first=True):  # inner operations before those around them
            try:
                op.verify(verify_nested_ops=False)
            except VerifyException as found:
                if op in self.spans:
                    message = str(found).strip().partition("\n")[0]
                    raise LocatedError(_marked(self.spans[op], f"{op.name}: {message}")) from None
        raise error


def _first_use(error: ParseError, text: Input[str]) -> Span[str] | Span[bytes]:
    """Returns an error's place; for values that nothing defines, which xDSL notes at the end."""
    named = re.match(r"values used but not defined: \[(%[^\],]+)", error.msg)
    if named:
        found = re.search(re.escape(named[1]) + r"(?![\w$.-])", text.content)
        if found:
            return Span(found.start(), found.end(), text)
    return error.span


def parse_module(
    context: Context,
    text: str,
    name: str = "<text>",
    *,
    folder: Path | None = None,
    offset: int = 0,
    implicit_module: bool = True,
    verify: bool = True,
    lines: dict[Operation, int] | None = None,
) -> ModuleOp:
    """Returns the module in `text`, verified.

    Args:
        context: knows the dialects.
        text: of one module, or of what stands in it.
        name: of the text, for messages.
        folder: where .npz files of constants may stand.
        offset: lines before this text in its file.
        implicit_module: allow text without a module around it.
        verify: check every operation.
        lines: takes the line, counted from 1, in which each operation begins.

    Raises:
        ParseError: the text is wrong; the error has the place.
        LocatedError: an operation is refused.
    """
    reader = _Reader(context, text, name, folder, offset)
    try:
        module = reader.parse_module(implicit_module)
    except ParseError as error:
        error.span = replace(_first_use(error, reader.lexer.input), line_offset=offset)
        raise
    if verify:
        reader.check(module)
    if lines is not None:
        reader.note_lines(lines)
    return module


def read_module(
    path: Path, context: Context, lines: dict[Operation, int] | None = None
) -> ModuleOp:
    """Returns the module in a file; `lines` as in `parse_module`.

    Raises:
        ModelError: the file cannot be read.
        ParseError, LocatedError: as `parse_module`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = Problem(str(path), f"cannot be read: {error}", "give a file of textual IR")
        raise ModelError([problem]) from None
    return parse_module(context, text, str(path), folder=path.parent, lines=lines)

"""Reads modules from text; every error says file, line and column, and shows the text there.

xDSL places errors of syntax. Here, what a type, an attribute or an operation refuses is placed as
well. Constants may stand in an .npz file beside the text: `dense_resource<"weights.npz:c0"> :
tensor<64x64xi8>` is the entry `c0` of that file.
"""

import re
import zipfile
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import BytesAttr, ModuleOp, StringAttr, TensorType
from xdsl.ir import Attribute, Operation, SSAValue, TypeAttribute
from xdsl.parser import Parser, ParserState
from xdsl.utils.exceptions import ParseError, VerifyException
from xdsl.utils.lexer import Input, Span

from qcompiler.array_files import DAMAGE, read_contents, read_header
from qcompiler.assembly.order import early_uses
from qcompiler.assembly.places import Lexer, decode, explain, marked, with_offset
from qcompiler.assembly.printer import ELIDED, FILE_NAME
from qcompiler.dialects.attributes import DenseAttr, dense_from_numpy, shape_of
from qcompiler.errors import ModelError, Problem

T = TypeVar("T")

Check = Callable[[ModuleOp], Iterable[tuple[Operation, str]]]
"""Finds operations that verify, but must not be read as they are, and says why."""

_MOST_BYTES = 1 << 30
"""Of constants in an .npz, beyond the size of that file: a small one may unpack to anything."""

_MOST = 10
"""Errors that are shown of a text."""


class LocatedError(VerifyException):
    """An operation that its verifier refuses, with its place in the text."""


def _as_text(attribute: Attribute | None) -> Attribute | None:
    r"""Returns text for bytes that are text.

    xDSL 0.74 prints characters beyond ASCII as the bytes of UTF-8 (`\C3\B6`), and reads bytes.
    """
    if not isinstance(attribute, BytesAttr):
        return attribute
    try:
        return StringAttr(attribute.data.decode())
    except UnicodeDecodeError:
        return attribute


class _Reader(Parser):
    """Remembers where operations stand, and finds constants in files beside the text."""

    def __init__(self, context: Context, text: str, name: str, folder: Path | None, offset: int):
        super().__init__(context, "", name)
        self._parser_state = ParserState(Lexer(Input(text, name)))
        self.spans: dict[Operation, Span[str]] = {}
        self._folder = folder
        self._offset = offset
        self.files = ExitStack()
        self._archives: dict[str, zipfile.ZipFile] = {}
        self._left: dict[str, int] = {}

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

    def parse_optional_type(self) -> TypeAttribute | None:
        return self._placed(super().parse_optional_type)

    def parse_optional_attribute(self) -> Attribute | None:
        return _as_text(self._placed(super().parse_optional_attribute))

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
        archive = self._archive(file)
        if f"{key}.npy" not in archive.namelist():
            raise ValueError(f"{file} has no entry {key!r}")
        try:
            return self._entry(file, archive, key, type_)
        except DAMAGE as error:
            said = error if str(error) else type(error).__name__
            raise ValueError(f"entry {key!r} of {file}: {said}") from None

    def _entry(self, file: str, archive: zipfile.ZipFile, key: str, type_: Attribute) -> DenseAttr:
        """Returns a constant; what does not have the type that the text says is not read at all."""
        with archive.open(f"{key}.npy") as opened:
            header = read_header(opened, "it")
            element = dense_from_numpy(np.empty(0, header.dtype)).get_element_type()
            if TensorType(element, header.shape) != type_:
                found, wanted = list(header.shape), list(shape_of(type_))
                raise ValueError(f"it is of {element} {found}, not {type_} {wanted}")
            self._left[file] -= header.size_bytes
            if self._left[file] < 0:
                raise ValueError(f"constants of more than {_MOST_BYTES >> 20} MiB beyond the file")
            return dense_from_numpy(read_contents(opened, header, header.size_bytes, "it"))

    def _archive(self, name: str) -> zipfile.ZipFile:
        """Returns a file beside the text, opened until `files` are closed."""
        assert self._folder is not None
        if not re.fullmatch(FILE_NAME, name):
            raise ValueError(f"constants must stand in an .npz beside the text, not in {name!r}")
        if name not in self._archives:
            path = self._folder / name
            try:
                with path.open("rb") as file:  # a missing one is told as such
                    if not zipfile.is_zipfile(file):
                        raise ValueError("it is no .npz file")
                self._archives[name] = self.files.enter_context(zipfile.ZipFile(path))
                self._left[name] = _MOST_BYTES + path.stat().st_size
            except DAMAGE as error:
                raise ValueError(f"cannot read {name}: {error}") from None
        return self._archives[name]

    def note_lines(self, lines: dict[Operation, int]) -> None:
        """Notes the line, counted from 1, in which each operation begins."""
        starts = [found.end() for found in re.finditer("\n", self.lexer.input.content)]
        for op, span in self.spans.items():
            lines[op] = bisect_right(starts, span.start) + 1

    def check(self, module: ModuleOp, checks: Sequence[Check]) -> None:
        """Verifies the module; an operation that is refused is named by its place."""
        try:
            module.verify()
        except VerifyException as error:
            self._place(module, error)
        # First: what is made of itself has no range.
        self._refuse([self._early(op, value) for op, value in early_uses(module)])
        for check in checks:
            self._refuse([(self._span(op), f"{op.name}: {what}") for op, what in check(module)])

    def _refuse(self, found: Sequence[tuple[Span[str], str]]) -> None:
        """Raises LocatedError if there is anything."""
        lines = [marked(span, what) for span, what in found[:_MOST]]
        if len(found) > _MOST:
            lines.append(f"and {len(found) - _MOST} more")
        if lines:
            raise LocatedError("\n".join(lines))

    def _span(self, op: Operation) -> Span[str]:
        """Returns where an operation stands, or the one around it that has a place."""
        while op not in self.spans and (outer := op.parent_op()) is not None:
            op = outer
        return self.spans[op]

    def _early(self, op: Operation, value: SSAValue) -> tuple[Span[str], str]:
        """Returns where an operand stands that is not made yet, and what is wrong with it."""
        span = self._span(op)
        text = str(span.input.content[span.start : span.end])
        # xDSL keeps `%h_3` as a hint `h`, and of `%3` nothing.
        hint = re.escape(value.name_hint) if value.name_hint else r"\d+"
        name = re.compile(rf"%{hint}(_\d+)?(?![\w$.-])").search(text, text.find("=") + 1)
        if name is not None:
            start = span.start + name.start()
            span = Span(start, start + len(name[0]), span.input, self._offset)
        told = name[0] if name is not None else "an operand"
        if value.owner is op:
            return span, f"{op.name}: {told} is made of itself"
        what = f"{told} is used before it is defined; write what makes it further up"
        return span, f"{op.name}: {what}"

    def _place(self, module: ModuleOp, error: VerifyException) -> NoReturn:
        redefined = re.match(r"Redefinition of symbol (\".*\")", str(error).strip())
        if redefined:
            named = [
                op for op in self.spans if str(op.get_attr_or_prop("sym_name")) == redefined[1]
            ]
            raise LocatedError(marked(self.spans[named[-1]], str(error))) from None
        for op in module.walk(region_first=True):  # inner operations before those around them
            try:
                op.verify(verify_nested_ops=False)
            except VerifyException as found:
                if op in self.spans:
                    raise LocatedError(marked(self.spans[op], f"{op.name}: {found}")) from None
        raise error


def parse_module(
    context: Context,
    text: str,
    name: str = "<text>",
    *,
    folder: Path | None = None,
    offset: int = 0,
    implicit_module: bool = True,
    verify: bool = True,
    checks: Sequence[Check] = (),
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
        checks: what else must hold, if it is verified.
        lines: takes the line, counted from 1, in which each operation begins.

    Raises:
        ParseError: the text is wrong; the error has the place.
        LocatedError: an operation is refused.
    """
    try:
        reader = _Reader(context, text, name, folder, offset)
        with reader.files:
            module = reader.parse_module(implicit_module)
    except ParseError as error:
        explained = explain(error, Input(text, name), context)
        raise with_offset(explained, offset) from error
    if verify:
        reader.check(module, checks)
    if lines is not None:
        reader.note_lines(lines)
    return module


def read_module(
    path: Path,
    context: Context,
    lines: dict[Operation, int] | None = None,
    checks: Sequence[Check] = (),
) -> ModuleOp:
    """Returns the module in a file; `lines` and `checks` as in `parse_module`.

    Raises:
        ModelError: the file cannot be read.
        ParseError, LocatedError: as `parse_module`.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        problem = Problem(str(path), f"cannot be read: {error}", "give a file of textual IR")
        raise ModelError([problem]) from None
    text = decode(data, str(path))
    return parse_module(context, text, str(path), folder=path.parent, lines=lines, checks=checks)

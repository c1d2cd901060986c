"""Where an error stands in a text, and in which words it is said there."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from xdsl.context import Context
from xdsl.utils.exceptions import ParseError
from xdsl.utils.lexer import Input, Span
from xdsl.utils.mlir_lexer import MLIRLexer, MLIRTokenKind

from qcompiler.errors import printable

_WIDTH = 100
_STRING_GAVE_UP = "End of file reached before closing string literal."
_PARSER_GAVE_UP = "Could not parse entire input!", "in block definition"


class Lexer(MLIRLexer):
    """xDSL's lexer, which notices at once that a string has no end.

    Its own expression for strings (0.74) tries every way to split one that is not closed, and takes
    time exponential in the length.
    """

    _unescaped_characters_regex = re.compile(r'"(?:[^"\\\n\v\f]++|\\(?:["nt\\]|[0-9A-Fa-f]{2}))*+"')


def describe(error: ParseError) -> str:
    """Returns a message of three lines: place and reason, the line of text, and a mark below it."""
    return marked(error.span, error.msg)


def marked(span: Span[Any], message: str) -> str:
    """Returns as `describe` for any place and reason."""
    place = span.get_location()
    start = span.input.get_start_of_line(span.start)
    line = str(span.input.content[start : span.input.get_end_of_line(span.start)])
    column = span.start - start
    first = max(0, column - _WIDTH // 2)
    shown = line[first : first + _WIDTH]
    length = max(1, min(span.end - span.start, len(shown) - (column - first)))
    mark = " " * (column - first) + "^" * length
    reason = " ".join(message.split())
    return f"{place}: {printable(reason, 1000)}\n  {shown}\n  {mark}"


def decode(data: bytes, name: str, offset: int = 0) -> str:
    """Returns the text that `data` is in UTF-8.

    Args:
        data: contents of a file, or of a part of one.
        name: of the file, for messages.
        offset: lines before `data` in the file.

    Raises:
        ParseError: it is something else; the error has the place.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        start = len(data[: error.start].decode("utf-8"))
        text = Input(data.decode("utf-8", errors="replace"), name)
        what = f"the byte 0x{data[error.start]:02x} is not UTF-8 text; save the file as UTF-8"
        raise ParseError(Span(start, start + 1, text, offset), what) from None


def explain(error: ParseError, text: Input[str], context: Context) -> ParseError:
    """Returns an error of xDSL's parser with a better place and words, where there are any."""
    for attempt in (_undefined_value, _unregistered, _gave_up, _unexpected_attribute):
        found = attempt(error, text, context)
        if found is not None:
            return found
    return error


def _undefined_value(error: ParseError, text: Input[str], _: Context) -> ParseError | None:
    """Values that nothing defines, which xDSL notes at the end of the text."""
    named = re.match(r"values used but not defined: \[(%[^\],]+)", error.msg)
    found = named and re.search(re.escape(named[1]) + r"(?![\w$.-])", text.content)
    return ParseError(Span(*found.span(), text), error.msg) if found else None


def _unregistered(error: ParseError, text: Input[str], context: Context) -> ParseError | None:
    """Names that nobody knows; xDSL points behind them."""
    named = re.match(r"(Operation |')([^ ']+)'? is not registered", error.msg)
    if named is None:
        return None
    name = named[2]
    start = text.content.rfind(name, 0, error.span.start + 1)
    dialect = context.get_optional_dialect(name.partition(".")[0])
    if dialect is None:
        what = f"no dialect is called {name.partition('.')[0]!r}"
        known: Iterable[str] = context.registered_dialect_names
        hint = _similar(name.partition(".")[0], known)
    else:
        kind, known = "operation", [op.name for op in dialect.operations]
        if named[1] == "'":
            kind, known = "type or attribute", [attr.name for attr in dialect.attributes]
        what = f"the dialect {dialect.name} has no {kind} {name!r}"
        hint = _similar(name, known)
    return ParseError(
        Span(start, start + len(name), text), f"{name} is not registered: {what}{hint}"
    )


def _similar(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _gave_up(error: ParseError, text: Input[str], _: Context) -> ParseError | None:
    """Neither an operation nor the end; or the end, and a bracket is open."""
    rest = text.content[error.span.start :]
    if not rest.strip():
        opened = _open_bracket(text)
        if opened is not None:
            return ParseError(opened, f"this {opened.text!r} is never closed: the text ends before")
        if not text.content.strip():
            return ParseError(error.span, "the text is empty; an operation was expected")
    if error.msg == _STRING_GAVE_UP:
        what = "this string does not end on its line, or has an escape that MLIR does not know"
        return ParseError(error.span, what)
    if error.msg.strip() in _PARSER_GAVE_UP:
        found = error.span.text or rest[:1]
        return ParseError(error.span, f"an operation was expected, found {found!r}")
    return None


_CLOSING = {"{": "}", "(": ")", "[": "]"}


def _open_bracket(text: Input[str]) -> Span[str] | None:
    """Returns the innermost bracket that nothing closes."""
    opened: list[Span[str]] = []
    lexer = Lexer(text)
    while (token := lexer.lex()).kind != MLIRTokenKind.EOF:
        if token.text in _CLOSING:
            opened.append(token.span)
        elif opened and token.text == _CLOSING[opened[-1].text]:
            opened.pop()
    return opened[-1] if opened else None


def _unexpected_attribute(error: ParseError, text: Input[str], _: Context) -> ParseError | None:
    """An attribute of the wrong kind, within the operation that is marked."""
    named = re.match(r"Unexpected attribute (.*)$", error.msg.strip())
    if named is None:
        return None
    start = text.content.find(named[1], error.span.start, error.span.end)
    if start < 0:
        return None
    what = f"{named[1]} is not the kind of attribute that is expected here"
    return ParseError(Span(start, start + len(named[1]), text), what)


def with_offset(error: ParseError, offset: int) -> ParseError:
    """Returns an error whose lines count from `offset` lines earlier."""
    error.span = replace(error.span, line_offset=offset)
    return error

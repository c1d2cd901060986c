"""The one layout of .qnn: tokens keep their order, comments their place; lines and spaces are new.

Each item and each statement begins a line. What does not fit into `WIDTH` columns is broken at its
outermost bracket, one argument a line; lists of numbers fill their lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lark import Token

from qcompiler.frontends.text.diagnostics import Diagnostics, LanguageError, Source
from qcompiler.frontends.text.parser import parse, tokens_of
from qcompiler.frontends.text.syntax import (
    Assign,
    Body,
    Call,
    File,
    Import,
    List,
    Span,
    Value,
)

WIDTH = 100
_STEP = "  "
_OPENING = {"(": ")", "[": "]"}
_CLAUSES = ("scale", "zero_point", "axis")


def formatted(text: str, path: Path = Path("<text>")) -> str:
    """Returns a text in the one layout; formatting that again changes nothing.

    Raises:
        LanguageError: the text has an error of syntax.
    """
    source, diagnostics = Source(path, text), Diagnostics()
    file = parse(source, diagnostics)
    if diagnostics.all:
        raise LanguageError(diagnostics.all)
    tokens, comments = tokens_of(text)
    merged = sorted([*tokens, *comments], key=lambda token: token.start_pos or 0)
    return _Writer(_lines(merged, list(_places(file)))).text()


def _places(file: File) -> Iterator[Span]:
    """Returns where items and statements stand."""
    for item in file.items:
        yield item.span
        if not isinstance(item, Import):
            yield from _in_body(item.body)


def _in_body(body: Body) -> Iterator[Span]:
    for statement in body.statements:
        yield statement.span
        values = (
            [statement.value]
            if isinstance(statement, Assign)
            else [output.value for output in statement.outputs]
        )
        for value in values:
            yield from _in_value(value)


def _in_value(value: Value) -> Iterator[Span]:
    if isinstance(value, Call):
        for argument in value.arguments:
            yield from _in_value(argument.value)
        if value.region is not None:
            yield from _in_body(value.region.body)
    elif isinstance(value, List):
        for item in value.items:
            yield from _in_value(item)


@dataclass
class _Line:
    """What stands on one line, if it fits.

    Attributes:
        depth: how many braces it stands in.
        tokens: comments among them.
        blank: whether a blank line stands before it.
        item: whether it begins an item.
        closes: whether it begins with a brace that ends a body.
    """

    depth: int
    blank: bool
    item: bool = False
    closes: bool = False
    tokens: list[Token] = field(default_factory=list[Token])


def _lines(tokens: Sequence[Token], places: Sequence[Span]) -> list[_Line]:
    beginnings = {(span.line, span.column) for span in places}
    ends = {(span.end_line, span.end_column) for span in places}
    found: list[_Line] = []
    depth = 0
    previous: Token | None = None
    complete = True  # nothing is left open by what came before
    for token in tokens:
        line, comment, closes = token.line or 0, token.type == "COMMENT", token.type == "RBRACE"
        last_line = 0 if previous is None else previous.end_line or 0
        depth -= closes
        starts = complete and line > last_line if comment else (line, token.column) in beginnings
        if starts or closes or not found:
            item = depth == 0 and token.type in ("NETWORK", "BLOCK")
            gap = previous is not None and line > last_line + 1
            found.append(_Line(depth, gap, item, closes))
        found[-1].tokens.append(token)
        if not comment:
            complete = token.type == "LBRACE" or (token.end_line, token.end_column) in ends
        depth += token.type == "LBRACE"
        previous = token
    return found


class _Writer:
    def __init__(self, lines: Sequence[_Line]):
        self._lines = lines
        self._out: list[str] = []

    def text(self) -> str:
        opened = True  # no blank line at the beginning of a body
        commented = False
        for line in self._lines:
            separate = line.blank or (line.item and not commented)
            if separate and not opened and not line.closes:
                self._out.append("")
            self._write(line)
            opened = any(t.type == "LBRACE" for t in line.tokens[-2:])
            commented = all(t.type == "COMMENT" for t in line.tokens)
        return "\n".join(self._out) + "\n" if self._out else ""

    def _write(self, line: _Line) -> None:
        indent = _STEP * line.depth
        tokens = line.tokens
        after: list[str] = []
        while len(tokens) > 1 and tokens[-1].type == "COMMENT":
            after.insert(0, _comment(tokens[-1]))
            tokens = tokens[:-1]
        before: list[Token] = []
        kept: list[Token] = []
        depth = 0
        for token in tokens:
            depth += (str(token) in _OPENING) - (str(token) in _OPENING.values())
            outside = token.type == "COMMENT" and depth == 0 and len(tokens) > 1
            (before if outside else kept).append(token)
        inside = _STEP if line.closes else ""  # before a brace is in the body that it ends
        self._out += [f"{indent}{inside}{_comment(token)}" for token in before]
        made = _statement(kept, indent)
        if after:
            made[-1] += f"  {after[0]}"
        deeper = _STEP if kept and kept[-1].type == "LBRACE" else ""
        self._out += made + [f"{indent}{deeper}{comment}" for comment in after[1:]]


def _comment(token: Token) -> str:
    return str(token).rstrip()


def _flat(tokens: Sequence[Token]) -> str:
    """Returns tokens on one line."""
    made = ""
    previous: Token | None = None
    for index, token in enumerate(tokens):
        following = str(tokens[index + 1]) if index + 1 < len(tokens) else ""
        if token == "," and following in (")", "]"):
            continue
        if previous is not None and _spaced(previous, token):
            made += " "
        made += str(token) if token.type != "COMMENT" else _comment(token)
        previous = token
    return made


def _spaced(left: Token, right: Token) -> bool:
    if str(right) in (",", ")", "]", ":", ">", "/") or str(left) in ("(", "[", "<", "/"):
        return False
    if right == "(":
        return left.type in ("WITH", "COMMA", "EQUAL")
    if right == "[":
        return left.type not in ("NAME", "MORETHAN") or str(left) in _CLAUSES
    return right != "<"


def _statement(tokens: Sequence[Token], indent: str) -> list[str]:
    """Returns the lines of a statement; where it comes from may stand on a line of its own."""
    at = next((i for i, token in enumerate(tokens) if token == "@"), 0)
    one, without = f"{indent}{_flat(tokens)}", f"{indent}{_flat(tokens[:at])}"
    if not at or not len(one) > WIDTH >= len(without) or "COMMENT" in {t.type for t in tokens}:
        return _laid_out(tokens, indent, "")
    return [without, f"{indent}{2 * _STEP}{_flat(tokens[at:])}"]


def _laid_out(tokens: Sequence[Token], indent: str, suffix: str) -> list[str]:
    """Returns the lines that tokens take, the last one with `suffix` behind it."""
    one = f"{indent}{_flat(tokens)}{suffix}"
    commented = any(token.type == "COMMENT" for token in tokens)
    group = None if commented and len(tokens) == 1 else _group(tokens, commented)
    if (len(one) <= WIDTH and not commented) or group is None:
        return [one]
    first, last = group
    inner = tokens[first + 1 : last]
    behind = [tokens[last], *tokens[last + 1 :]]
    lines = [f"{indent}{_flat(tokens[: first + 1])}"]
    elements = _elements(inner)
    if len(elements) > 4 and all(e.is_word for e in elements):
        lines += _filled([str(e.tokens[0]) for e in elements], indent + _STEP)
    else:
        for element in elements:
            lines += element.lines(indent + _STEP)
    closing = (
        _laid_out(behind, indent, suffix) if len(behind) > 1 else [f"{indent}{behind[0]}{suffix}"]
    )
    return lines + closing


def _group(tokens: Sequence[Token], commented: bool) -> tuple[int, int] | None:
    """Returns where the outermost bracket to be broken begins and ends.

    It is the first one with a comment in it, or else the longest.
    """
    found: list[tuple[int, int]] = []
    depth = start = 0
    for index, token in enumerate(tokens):
        if index == 0 and str(token) in _OPENING.values():
            continue  # what follows a bracket that was broken
        if str(token) in _OPENING:
            start = index if depth == 0 else start
            depth += 1
        elif str(token) in _OPENING.values():
            depth -= 1
            if depth == 0 and index > start + 1:
                found.append((start, index))
    if commented:
        inside = [g for g in found if any(t.type == "COMMENT" for t in tokens[g[0] : g[1]])]
        return inside[0] if inside else None
    return max(found, key=lambda g: (len(_flat(tokens[g[0] : g[1]])), -g[0])) if found else None


@dataclass
class _Element:
    """What stands between two commas.

    Attributes:
        tokens: of it.
        comments: on lines of their own before it.
        trailing: behind its comma.
    """

    tokens: list[Token] = field(default_factory=list[Token])
    comments: list[Token] = field(default_factory=list[Token])
    trailing: list[Token] = field(default_factory=list[Token])

    @property
    def is_word(self) -> bool:
        """Whether it is a single token, and nothing is said about it."""
        return len(self.tokens) == 1 and not self.comments and not self.trailing

    def lines(self, indent: str) -> list[str]:
        """Returns the lines that it takes."""
        made = [f"{indent}{_comment(comment)}" for comment in self.comments]
        if not self.tokens:
            return made
        made += _laid_out(self.tokens, indent, ",")
        if self.trailing:
            made[-1] += f"  {_comment(self.trailing[0])}"
        return made + [f"{indent}{_comment(comment)}" for comment in self.trailing[1:]]


def _elements(tokens: Sequence[Token]) -> list[_Element]:
    found = [_Element()]
    depth = angles = 0
    previous: Token | None = None
    for token in tokens:
        angles += (token == "<") - (token == ">")
        depth += (str(token) in _OPENING) - (str(token) in _OPENING.values())
        if token.type == "COMMENT" and depth == 0:
            same_line = previous is not None and previous.end_line == token.line
            current = found[-1]
            if same_line and not current.tokens and len(found) > 1:
                found[-2].trailing.append(token)
            elif current.tokens:
                current.trailing.append(token)
            else:
                current.comments.append(token)
        elif token == "," and depth == 0 and angles == 0:
            found.append(_Element())
        else:
            found[-1].tokens.append(token)
        previous = token
    return [e for e in found if e.tokens or e.comments]


def _filled(words: Sequence[str], indent: str) -> list[str]:
    lines = [indent]
    for word in words:
        if len(lines[-1]) + len(word) + 2 > WIDTH and lines[-1] != indent:
            lines.append(indent)
        gap = "" if lines[-1] == indent else " "
        lines[-1] += f"{gap}{word},"
    return lines

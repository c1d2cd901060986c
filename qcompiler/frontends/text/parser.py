"""From text to syntax tree with lark; goes on after an error with the next statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from lark import Lark, Token, Tree, UnexpectedToken
from lark.parsers.lalr_interactive_parser import InteractiveParser

from qcompiler.frontends.text.diagnostics import Diagnostics, Source
from qcompiler.frontends.text.mistakes import (
    CLOSING,
    OPENING,
    Situation,
    begins_statement,
    is_item,
    unexpected,
)
from qcompiler.frontends.text.strays import prepared, remedy_of
from qcompiler.frontends.text.syntax import File, Span
from qcompiler.frontends.text.tree import build_file

MAX_CHARACTERS = 1 << 24
MAX_TOKENS = 1 << 20
MAX_NESTING = 40

DAMAGED = "<damaged>"
"""What stands for the value of a statement that is wrong, so that its names are known."""

_GRAMMAR = Path(__file__).with_name("model.lark")


class _Lexer:
    """Lark with callbacks for what does not reach the parser: comments and stray characters."""

    def __init__(self) -> None:
        self._ignored: list[Token] = []
        self.lark: Any = Lark(
            _GRAMMAR.read_text(encoding="utf-8"),
            parser="lalr",
            lexer="basic",
            propagate_positions=True,
            maybe_placeholders=True,
            lexer_callbacks={"COMMENT": self._keep, "UNKNOWN": self._keep},
        )

    def _keep(self, token: Token) -> Token:
        self._ignored.append(token)
        return token

    def lex(self, text: str) -> tuple[list[Token], list[Token]]:
        """Returns the tokens of a text, and beside them comments and stray characters."""
        self._ignored = []
        return list(self.lark.lex(text)), self._ignored


@cache
def _lexer() -> _Lexer:
    return _Lexer()


def tokens_of(text: str) -> tuple[list[Token], list[Token]]:
    """Returns the tokens of a text, and its comments and stray characters, each in order."""
    return _lexer().lex(text)


def parse(source: Source, diagnostics: Diagnostics) -> File:
    """Returns what stands in a text; statements that are wrong are reported and left out."""
    return _Recovery(source, diagnostics).run()


class _Recovery:
    """One run of the parser that survives errors.

    Before each statement and each item the parser's stack is remembered. After an error it is taken
    back, and the tokens up to the next beginning of a statement are passed over.
    """

    def __init__(self, source: Source, diagnostics: Diagnostics):
        self._source = source
        self._diagnostics = diagnostics
        self._tokens: list[Token] = []
        self._saved: InteractiveParser | None = None
        self._item: InteractiveParser | None = None
        self._open = [0]  # brackets that are open at the top, and in each body around this place
        self._saved_open = [0]
        self._saved_index = 0

    def run(self) -> File:
        """Parses."""
        if len(self._source.text) > MAX_CHARACTERS:
            self._report(
                Span(1, 1, 1, 1),
                f"a file may have at most {MAX_CHARACTERS} characters",
                "put constants into an .npz file beside the text",
            )
            return File()
        tokens, beside = tokens_of(self._source.text)
        strays = [token for token in beside if token.type == "UNKNOWN"]
        if not self._is_text(strays):
            return File()
        self._tokens, told = prepared(tokens, strays)
        for advice in told:
            self._report(*advice)
        if not self._bounded():
            return File()
        self._tokens.append(_end_of(self._tokens))
        file = build_file(self._parse(), self._source, self._diagnostics)
        return replace(file, damaged=self._damaged_blocks(file))

    def _damaged_blocks(self, file: File) -> frozenset[str]:
        """Returns the names of blocks that are wrong in their heads, so that they were left out."""
        pairs = pairwise(self._tokens)
        named = {str(b) for a, b in pairs if a.type == "BLOCK" and b.type == "NAME"}
        return frozenset(named - {block.name.text for block in file.blocks})

    def _report(self, span: Span, what: str, remedy: str) -> None:
        self._diagnostics.add(self._source, span, what, remedy)

    def _is_text(self, strays: Sequence[Token]) -> bool:
        """Returns whether there is no zero byte, as texts have none."""
        zero = next((token for token in strays if token == "\0"), None)
        if zero is not None:
            what = "holds a zero byte, as no text does"
            self._report(Span.of(zero), what, "give a .qnn file; binary formats have other endings")
        return zero is None

    def _bounded(self) -> bool:
        if len(self._tokens) > MAX_TOKENS:
            self._report(
                Span.of(self._tokens[MAX_TOKENS]),
                f"more than {MAX_TOKENS} tokens",
                "put constants into an .npz file beside the text",
            )
            return False
        depth = 0
        for token in self._tokens:
            depth += (token.type in OPENING) - (token.type in CLOSING)
            if depth > MAX_NESTING:
                self._report(
                    Span.of(token),
                    f"brackets are nested deeper than {MAX_NESTING}",
                    "give inner values names of their own",
                )
                return False
        return True

    def _parse(self) -> Tree[Any]:
        parser = _lexer().lark.parse_interactive()
        index, line = 0, 0
        while True:
            token = self._tokens[index]
            starts = token.line != line or self._tokens[index - 1].type in ("LBRACE", "RBRACE")
            # Choices alone do not tell: in LALR, a closed bracket has those of all its places.
            starts = starts and not self._open[-1]
            if starts and ("RETURN" if self._depth else "NETWORK") in parser.choices():
                self._saved = parser.copy(deepcopy_values=False)
                self._saved_open, self._saved_index = self._open.copy(), index
                self._item = self._saved if not self._depth else self._item
            line = token.line or 0
            try:
                made = parser.feed_token(token)
            except UnexpectedToken:
                self._report_unexpected(token, parser, index)
                assert self._saved is not None
                self._open = self._saved_open.copy()
                parser, index = self._resume(self._saved.copy(deepcopy_values=False))
                line = -1
                continue
            if token.type == "$END":
                return cast("Tree[Any]", made)
            self._track(token)
            index += 1

    @property
    def _depth(self) -> int:
        return len(self._open) - 1

    def _track(self, token: Token) -> None:
        """Counts brackets; the parser has accepted them, so that they match."""
        if token.type == "LBRACE":
            self._open.append(0)
        elif token.type == "RBRACE":
            self._open.pop()
        else:
            self._open[-1] += (token.type in OPENING) - (token.type in CLOSING)

    def _resume(self, parser: InteractiveParser) -> tuple[InteractiveParser, int]:
        """Returns parser and token to go on with, after an error in a statement."""
        index = self._saved_index
        ends = self._depth and is_item(self._tokens, index)
        if self._tokens[index].type != "$END" and not ends:
            index += 1
        while not self._is_beginning(index):
            index = self._behind(index) if self._tokens[index].type == "LBRACE" else index + 1
        self._feed_damaged(parser, index)
        token = self._tokens[index]
        if token.type == "$END" or is_item(self._tokens, index):  # ends the bodies that are open
            brace = Token.new_borrow_pos("RBRACE", "}", token)
            try:
                for _ in range(self._depth):
                    parser.feed_token(brace)
            except UnexpectedToken:  # a call around a scalar function is open, too
                assert self._item is not None
                parser = self._item.copy(deepcopy_values=False)
            self._open = [0]
        return parser, index

    def _is_beginning(self, index: int) -> bool:
        """Returns whether the parser may go on here, after an error."""
        token = self._tokens[index]
        if token.type == "$END" or (token.type == "RBRACE" and self._depth):
            return True
        new_line = index == 0 or token.line != self._tokens[index - 1].line
        if new_line and is_item(self._tokens, index):
            return True
        named = token.type in ("NAME", "RETURN")
        return self._depth > 0 and new_line and named and begins_statement(self._tokens, index)

    def _behind(self, index: int) -> int:
        """Returns what follows the brace that closes the one at `index`."""
        depth = 0
        for at in range(index, len(self._tokens)):
            token = self._tokens[at]
            depth += (token.type == "LBRACE") - (token.type == "RBRACE")
            if depth == 0 or (at > index and is_item(self._tokens, at)):
                return min(at + (depth == 0), len(self._tokens) - 1)
        return len(self._tokens) - 1

    def _feed_damaged(self, parser: InteractiveParser, end: int) -> None:
        """Puts the statement that is wrong in all the same, with a value that nobody looks at.

        So what follows may use its names, and does not repeat that something is wrong.

        Args:
            parser: before the statement, which begins where it was saved.
            end: index of the token that it goes on with.
        """
        tokens = self._tokens[self._saved_index : end]
        if not self._depth or not tokens:
            return
        value = Token.new_borrow_pos("NAME", DAMAGED, tokens[0])
        equals = Token.new_borrow_pos("EQUAL", "=", tokens[0])
        made: list[Token] = []
        for name in _assigned(tokens):
            made += [name, equals, value]
        following = tokens[1].type if tokens[1:] else ""
        if tokens[0].type == "RETURN" and following != "EQUAL":
            made += [tokens[0], value]
        if not following and tokens[0].type == "NAME" and self._tokens[end].type == "RBRACE":
            made += [Token.new_borrow_pos("RETURN", "return", tokens[0]), value]
        for token in made:
            parser.feed_token(token)

    def _report_unexpected(self, token: Token, parser: InteractiveParser, index: int) -> None:
        accepted = frozenset(cast("set[str]", parser.accepts()))
        situation = Situation(self._tokens, index, self._saved_index, accepted, self._depth)
        if token.type == "UNKNOWN":
            what = f"unexpected character {str(token)!r}"
            remedy = "write , between values" if token == ";" else remedy_of(str(token))
            self._report(Span.of(token), what, remedy)
        else:
            self._report(*unexpected(situation))


def _assigned(tokens: Sequence[Token]) -> list[Token]:
    """Returns the names that statements, perhaps wrong ones, give values to."""
    found: list[Token] = []
    depth = 0
    for token, after in pairwise(tokens):
        depth += (token.type in OPENING[:2]) - (token.type in CLOSING[:2])
        ends = after.type in ("EQUAL", "COLON", "COMMA", "SLASH")
        if token.type == "NAME" and ends and not depth:
            found.append(token)
        if after.type == "EQUAL" and tokens[0].type == "NAME" and not found:
            found.append(tokens[0])
    return found


def _end_of(tokens: Sequence[Token]) -> Token:
    """Returns the token for the end of a text, behind the last of its tokens."""
    if not tokens:
        return Token("$END", "", 0, 1, 1, 1, 1, 0)
    last = tokens[-1]
    place = (last.end_pos, last.end_line, last.end_column)
    return Token("$END", "", *place, last.end_line, last.end_column, last.end_pos)

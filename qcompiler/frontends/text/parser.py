"""From text to syntax tree with lark; goes on after an error with the next statement."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, cast

from lark import Lark, Token, Tree, UnexpectedToken
from lark.parsers.lalr_interactive_parser import InteractiveParser

from qcompiler.errors import suggestion
from qcompiler.frontends.text.diagnostics import Diagnostics, Source
from qcompiler.frontends.text.syntax import File, Span
from qcompiler.frontends.text.tree import build_file

MAX_CHARACTERS = 1 << 24
MAX_TOKENS = 1 << 20
MAX_NESTING = 40

_GRAMMAR = Path(__file__).with_name("model.lark")
_OPENING, _CLOSING = ("LPAR", "LSQB", "LBRACE"), ("RPAR", "RSQB", "RBRACE")
_ITEMS = ("NETWORK", "BLOCK", "IMPORT")
KEYWORDS = ("network", "block", "import", "return", "with", "as", "assume", "true", "false")
_SPOKEN = {
    "NAME": "a name", "NUMBER": "a number", "STRING": 'a text in "quotes"', "$END": "the end",
    "LPAR": "(", "RPAR": ")", "LSQB": "[", "RSQB": "]", "LBRACE": "{", "RBRACE": "}", "COMMA": ",",
    "COLON": ":", "EQUAL": "=", "SLASH": "/", "LESSTHAN": "<", "MORETHAN": ">",
    "NETWORK": "network", "BLOCK": "block", "IMPORT": "import", "RETURN": "return", "WITH": "with",
    "AS": "as", "AT": "@", "ASSUME": "assume", "TRUE": "true", "FALSE": "false",
}  # fmt: skip


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
        self._tokens, beside = tokens_of(self._source.text)
        self._report_stray(beside)
        if not self._bounded():
            return File()
        end = self._tokens[-1] if self._tokens else Token("NAME", "", 0, 1, 1, 1, 1, 0)
        self._tokens.append(Token.new_borrow_pos("$END", "", end))
        return self._convert(self._parse())

    def _report(self, span: Span, what: str, remedy: str) -> None:
        self._diagnostics.add(self._source, span, what, remedy)

    def _report_stray(self, beside: list[Token]) -> None:
        previous = -1
        for token in beside:
            if token.type != "UNKNOWN":
                continue
            if token.start_pos != previous:  # a run of them is one problem
                remedy = "close the text on its line" if token == '"' else "remove it"
                self._report(Span.of(token), f"unexpected character {str(token)!r}", remedy)
            previous = (token.start_pos or 0) + 1

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
            depth += (token.type in _OPENING) - (token.type in _CLOSING)
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
            self._open[-1] += (token.type in _OPENING) - (token.type in _CLOSING)

    def _resume(self, parser: InteractiveParser) -> tuple[InteractiveParser, int]:
        """Returns parser and token to go on with, after an error in a statement."""
        index = self._saved_index
        if self._tokens[index].type not in ("$END", *(_ITEMS if self._depth else ())):
            index += 1
        while not self._is_beginning(index):
            index = self._behind(index) if self._tokens[index].type == "LBRACE" else index + 1
        token = self._tokens[index]
        if token.type in (*_ITEMS, "$END"):  # ends the bodies that are open
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
        if new_line and token.type in _ITEMS:
            return True
        return self._depth > 0 and new_line and self._begins_statement(index)

    def _behind(self, index: int) -> int:
        """Returns what follows the brace that closes the one at `index`."""
        depth = 0
        for at in range(index, len(self._tokens)):
            token = self._tokens[at]
            depth += (token.type == "LBRACE") - (token.type == "RBRACE")
            if depth == 0 or (at > index and token.type in _ITEMS):
                return min(at + (depth == 0), len(self._tokens) - 1)
        return len(self._tokens) - 1

    def _begins_statement(self, index: int) -> bool:
        token = self._tokens[index]
        if token.type == "RETURN":
            return True
        line = [t.type for t in self._tokens[index : index + 40] if t.line == token.line]
        return token.type == "NAME" and "EQUAL" in line

    def _report_unexpected(self, token: Token, parser: InteractiveParser, index: int) -> None:
        accepted = cast("set[str]", parser.accepts())
        words = [name.lower() for name in accepted if name in map(str.upper, KEYWORDS)]
        spoken = sorted(f"{_SPOKEN.get(name, name)}" for name in accepted)
        expected = (
            f"expected {', '.join(spoken[:-1])} or {spoken[-1]}"
            if spoken[1:]
            else (f"expected {spoken[0]}" if spoken else "remove it")
        )
        if token.type == "$END":
            self._report(Span.of(token), "the file ends too early", expected)
            return
        said = f"unexpected {_kind(token)}{str(token)[:60]!r}"
        if token.type == "NAME" and words:
            expected = suggestion(str(token), words, expected)
        previous = self._tokens[index - 1] if index else None
        if previous is not None and previous.type == "NAME" and "EQUAL" in accepted:
            keyword = suggestion(str(previous), KEYWORDS, "")
            expected = f"{expected}; {keyword}" if keyword else expected
        self._report(Span.of(token), said, expected)

    def _convert(self, tree: Tree[Any]) -> File:
        return build_file(tree, self._source, self._diagnostics)


def _kind(token: Token) -> str:
    return "keyword " if str(token) in KEYWORDS else ""

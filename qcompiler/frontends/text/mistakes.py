"""What was most likely meant where the syntax is wrong, and what to write instead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from lark import Token

from qcompiler.errors import suggestion
from qcompiler.frontends.text.infix import as_calls
from qcompiler.frontends.text.syntax import Span

KEYWORDS = ("network", "block", "import", "return", "with", "as", "assume", "true", "false")
OPENING, CLOSING = ("LPAR", "LSQB", "LBRACE"), ("RPAR", "RSQB", "RBRACE")
ITEMS = ("NETWORK", "BLOCK", "IMPORT")
_PARTNER = dict(zip(OPENING, ")]}", strict=True))
_SPOKEN = {
    "NAME": "a name", "NUMBER": "a number", "STRING": 'a text in "quotes"', "$END": "the end",
    "LPAR": "(", "RPAR": ")", "LSQB": "[", "RSQB": "]", "LBRACE": "{", "RBRACE": "}", "COMMA": ",",
    "COLON": ":", "EQUAL": "=", "SLASH": "/", "LESSTHAN": "<", "MORETHAN": ">", "AT": "@",
    **{word.upper(): word for word in KEYWORDS},
}  # fmt: skip
_CLAUSES = ("scale", "zero_point", "axis", "numerics")
_ENDS_VALUE = ("NAME", "NUMBER", "STRING", "TRUE", "FALSE", *CLOSING[:2])
_STARTS_VALUE = ("NAME", "NUMBER", "STRING", "TRUE", "FALSE", "LSQB")
_NETWORK = "write network name(x: uint8[1, 16] scale 1/255) { ... }"
OPERATORS_REMEDY = "write add(a, b), sub(a, b), mul(a, b), div(a, b), neg(a), or matmul(a, b)"
COMMENTS = "comments begin with #"
_CONTROL = ("if", "for", "while", "else", "elif", "switch", "match")
_DECLARES = ("let", "var", "const", "auto", "float", "int", "tensor", "val", "def", "param")

Advice: TypeAlias = tuple[Span, str, str]
"""Where, what, and what to write."""


@dataclass(frozen=True)
class Situation:
    """A token that the parser does not take.

    Attributes:
        tokens: of the text, stray characters among them, `$END` at the end.
        index: of the token.
        start: of the statement, or item, that it stands in.
        accepted: the kinds of tokens that might have come.
        depth: of braces around it.
    """

    tokens: Sequence[Token]
    index: int
    start: int
    accepted: frozenset[str]
    depth: int

    @property
    def token(self) -> Token:
        """The token itself."""
        return self.tokens[self.index]

    @property
    def before(self) -> Token | None:
        """The token before it, if it is of the same statement."""
        return self.tokens[self.index - 1] if self.index > self.start else None

    @property
    def after(self) -> Token | None:
        """The token behind it."""
        return self.tokens[self.index + 1] if self.index + 1 < len(self.tokens) else None

    @property
    def new_line(self) -> bool:
        """Whether it begins a line."""
        return self.index == 0 or self.tokens[self.index - 1].line != self.token.line

    def opened(self) -> list[Token]:
        """Returns the brackets of the statement that are open here, the outermost first."""
        found: list[Token] = []
        for token in self.tokens[self.start : self.index]:
            if token.type in OPENING:
                found.append(token)
            elif token.type in CLOSING and found:
                found.pop()
        return found

    def before_is(self, *types: str) -> bool:
        """Returns whether the token before is of one of these types."""
        return self.before is not None and self.before.type in types


def is_item(tokens: Sequence[Token], index: int) -> bool:
    """Returns whether a network, block or import begins at `index`."""
    named = index + 1 < len(tokens) and tokens[index + 1].type in ("NAME", "STRING")
    return tokens[index].type in ITEMS and named


def begins_statement(tokens: Sequence[Token], index: int) -> bool:
    """Returns whether the token at `index` looks like the first of a statement."""
    token = tokens[index]
    if token.type in ("RETURN", "RBRACE", "$END") or is_item(tokens, index):
        return True
    line = [t.type for t in tokens[index : index + 40] if t.line == token.line]
    return token.type == "NAME" and "EQUAL" in line


def unexpected(situation: Situation) -> Advice:
    """Returns what to say of a token that the parser does not take."""
    for rule in _RULES:
        advice = rule(situation)
        if advice is not None:
            return advice
    return Span.of(situation.token), _said(situation.token), _expected(situation)


def _said(token: Token) -> str:
    kind = "keyword " if str(token) in KEYWORDS else ""
    return f"unexpected {kind}{str(token)[:60]!r}"


def _expected(s: Situation) -> str:
    spoken = sorted(_SPOKEN.get(name, name) for name in s.accepted)
    if not spoken:
        return "remove it"
    expected = spoken[0] if len(spoken) == 1 else f"{', '.join(spoken[:-1])} or {spoken[-1]}"
    expected = f"expected {expected}"
    words = [name.lower() for name in s.accepted if name in map(str.upper, KEYWORDS)]
    if s.token.type == "NAME" and words:
        expected = suggestion(str(s.token), words, expected)
    if s.before is not None and s.before.type == "NAME" and "EQUAL" in s.accepted:
        keyword = suggestion(str(s.before), KEYWORDS, "")
        expected = f"{expected}; {keyword}" if keyword else expected
    return expected


# -- rules, the most certain first ---------------------------------------------------------------


def _bracket(s: Situation) -> Advice | None:
    """A bracket that is not closed, or closed by another."""
    opened = s.opened()
    token = s.token
    if opened and token.type == "EQUAL" and _is_next_statement(s):
        wanted = _PARTNER[opened[-1].type]
        remedy = f"add {wanted} behind {str(s.tokens[s.index - 2])[:40]}"
        return Span.of(opened[-1]), f"'{opened[-1]}' is not closed", remedy
    if s.depth and s.new_line and is_item(s.tokens, s.index) and not opened:
        what = f"the '{{' of line {_open_brace(s).line} is not closed"
        return Span.of(token), what, f"add }} before this {token}"
    if opened and opened[-1].type != "LBRACE":
        wanted = _PARTNER[opened[-1].type]
        if s.new_line and begins_statement(s.tokens, s.index):
            last = str(s.tokens[s.index - 1])[:40]
            return (
                Span.of(opened[-1]),
                f"'{opened[-1]}' is not closed",
                f"add {wanted} behind {last}",
            )
        if token.type in CLOSING and str(token) != wanted:
            place = f"line {opened[-1].line}, column {opened[-1].column}"
            what = f"'{token}' does not close the '{opened[-1]}' of {place}"
            return Span.of(token), what, f"write {wanted} before it"
    if token.type in CLOSING and not opened and token.type != "RBRACE":
        return Span.of(token), f"'{token}' closes nothing", "remove it"
    if token.type == "RBRACE" and not s.depth:
        return Span.of(token), "'}' closes nothing", "remove it"
    return None


def _is_next_statement(s: Situation) -> bool:
    """Returns whether a name before `=` begins a statement, and is no argument in brackets."""
    at = s.index - 1
    if at <= s.start or s.tokens[at].type != "NAME" or s.tokens[at - 1].type == "COMMA":
        return False
    line = [t for t in s.tokens[at : at + 60] if t.line == s.tokens[at].line]
    closes = sum((t.type in CLOSING) - (t.type in OPENING) for t in line)
    return s.tokens[at - 1].line != s.tokens[at].line and closes <= 0 and line[-1].type != "COMMA"


def _end(s: Situation) -> Advice | None:
    if s.token.type != "$END":
        return None
    if s.depth:
        brace = _open_brace(s)
        what = f"the file ends, but the '{{' of line {brace.line} is not closed"
        return Span.of(s.token), what, "add } here"
    return Span.of(s.token), "the file ends too early", _expected(s)


def _open_brace(s: Situation) -> Token:
    found: list[Token] = []
    for token in s.tokens[: s.index]:
        if token.type == "LBRACE":
            found.append(token)
        elif token.type == "RBRACE" and found:
            found.pop()
    return found[-1] if found else s.token


def _comment(s: Situation) -> Advice | None:
    after = s.after
    if s.token.type == "SLASH" and after is not None and str(after) in ("/", "*"):
        return Span.of(s.token), "unexpected '/'", COMMENTS
    return None


def _operator(s: Situation) -> Advice | None:
    token, before, after = s.token, s.before, s.after
    sign = token.type == "SLASH" and after is not None
    named = after is not None and after.type == "STRING"
    if named and token.type == "AT" and s.opened():
        return Span.of(token), "a node's name stands at the end of a statement", "move it there"
    if sign and token == "-" and after is not None and after == ">":
        what = "a network has no type of its result"
        return Span.of(token), what, "remove -> and the type: return says what comes out"
    if sign and after is not None and after.type == "EQUAL" and s.index == s.start + 1:
        return _augmented(s)
    minus = token.type == "NUMBER" and token.startswith("-") and s.before_is(*_ENDS_VALUE)
    behind = before is not None and before.type in ("SLASH", "AT") and token.type in _STARTS_VALUE
    if token.type == "SLASH" or (token.type == "AT" and s.before_is(*_ENDS_VALUE) and not named):
        return operators(s.tokens, s.start, token)
    if minus or behind:
        return operators(s.tokens, s.start, before if behind and before is not None else token)
    if token.type in ("LESSTHAN", "MORETHAN") and s.before_is(*_ENDS_VALUE):
        what = f"the language has no operator {token}"
        return Span.of(token), what, "write greater_equal(a, b) for a >= b"
    return None


def _augmented(s: Situation) -> Advice:
    """`x += 1`."""
    name, value = s.tokens[s.start], [*statement_from(s.tokens, s.start)[3:]]
    made = as_calls([name, s.token, Token("LPAR", "("), *value, Token("RPAR", ")")])
    remedy = f"write {name} = {made}" if made else OPERATORS_REMEDY
    return Span.of(s.token), f"the language has no {s.token}=", remedy


def operators(tokens: Sequence[Token], start: int, operator: Token) -> Advice:
    """Returns what to say of an operator in the statement that begins at token `start`."""
    sign = "-" if operator.type == "NUMBER" else str(operator)
    what = f"the language has calls, and no operator {sign}"
    statement = statement_from(tokens, start)
    for first in _beginnings(statement):
        made = as_calls(statement[first:])
        if made is not None and len(made) < 200:
            return Span.of(operator), what, f"write {made}"
    return Span.of(operator), what, OPERATORS_REMEDY


def statement_from(tokens: Sequence[Token], start: int) -> Sequence[Token]:
    """Returns the tokens of a statement, up to a line that begins another."""
    for index in range(start + 1, min(len(tokens), start + 400)):
        new_line = tokens[index].line != tokens[index - 1].line
        if tokens[index].type == "RBRACE" or (new_line and begins_statement(tokens, index)):
            return tokens[start:index]
    return tokens[start : start + 400]


def _beginnings(statement: Sequence[Token]) -> list[int]:
    """Returns where the value of a statement may begin: behind `=` or `return`."""
    for index, token in enumerate(statement):
        if token.type in ("EQUAL", "RETURN"):
            return [index + 1]
    return []


def _equals(s: Situation) -> Advice | None:
    """`=` or `:` where the language wants the other, or none."""
    token, before, after = s.token, s.before, s.after
    if token.type not in ("EQUAL", "COLON") or before is None or after is None:
        return None
    value = _value_text(s.tokens, s.index + 1)
    if str(before) in _CLAUSES and (token.type == "COLON" or "EQUAL" not in s.accepted):
        rest = [t.type for t in statement_from(s.tokens, s.index)[1:]]
        if not s.opened() and token.type == "EQUAL" and "EQUAL" not in rest:
            return Span.of(before), f"{before} needs its number", f"write {before} 0.5 = ..."
        what = f"{before} stands before its value without '{token}'"
        return Span.of(token), what, f"write {before} {value}"
    if token.type == "EQUAL" and s.opened() and before.type == "NAME" and s.depth:
        what = "arguments are named with ':', not '='"
        return Span.of(token), what, f"write {before}: {value}"
    if token.type == "EQUAL" and before.type in ("EQUAL", "COLON"):
        what = "a value gets its name with one '='"
        return Span.of(token), what, f"write {s.tokens[s.start]} = ..."
    if token.type == "EQUAL" and str(before) in KEYWORDS:
        return _keyword_as_name(before)
    return None


def _value_text(tokens: Sequence[Token], index: int) -> str:
    """Returns a number, a fraction, a name, or the beginning of something longer."""
    token = tokens[index]
    if token.type in OPENING:
        return f"{token}...{_PARTNER[token.type]}"
    if [t.type for t in tokens[index : index + 3]] == ["NUMBER", "SLASH", "NUMBER"]:
        return f"{token}/{tokens[index + 2]}"
    return str(token)[:40]


def _keyword_as_name(token: Token) -> Advice:
    what = f"{str(token)!r} is a word of the language, and no name"
    return Span.of(token), what, f"choose another name, such as {token}_1"


def _keyword(s: Situation) -> Advice | None:
    """A word of the language as a name."""
    token, before = s.token, s.before
    if token.type in ("EQUAL", "COMMA", "COLON") and before is not None and s.index - s.start == 1:
        return _keyword_as_name(before) if str(before) in KEYWORDS else None
    if token.type == "AS" and before is not None and not s.opened():
        what = "only inputs and outputs have other names"
        return Span.of(token), what, 'write it behind return: return y as "name"'
    if "NAME" not in s.accepted or str(token) not in KEYWORDS:
        return None
    first = s.index == s.start and s.after is not None and s.after.type in ("EQUAL", "COLON")
    ends = s.new_line and not s.opened() and (is_item(s.tokens, s.index) or token == "return")
    return _keyword_as_name(token) if first or not ends else None


def _unquoted(s: Situation) -> Advice | None:
    """A name where a text should stand."""
    if s.accepted == frozenset({"STRING"}) and s.token.type == "NAME":
        return Span.of(s.token), "a text stands in quotes", f'write "{s.token}"'
    return None


def _no_parentheses(s: Situation) -> Advice | None:
    """`h = relu x`, which is noticed in the next line."""
    if not s.depth or not s.new_line or not s.index:
        return None
    line = s.tokens[s.index - 1].line
    before = [t for t in s.tokens[max(0, s.index - 60) : s.index] if t.line == line]
    for equals, name, argument in zip(before, before[1:], before[2:], strict=False):
        if equals.type == "EQUAL" and name.type == argument.type == "NAME":
            what = f"arguments of {name} stand in parentheses"
            return Span.of(argument), what, f"write {name}({argument}, ...)"
    return None


def _number(s: Situation) -> Advice | None:
    """`0x10`, `1_000` or `8bit`."""
    before = s.before
    wordy = before is not None and before.type == "NUMBER" and s.token.type in ("NAME", "NUMBER")
    if before is None or not wordy or before.end_pos != s.token.start_pos:
        return None
    text = f"{before}{s.token}"
    try:
        remedy = f"write {int(text, 0)}"
    except ValueError:
        remedy = f"write {before}"
    return Span.of(before).to(Span.of(s.token)), f"{text[:60]!r} is no number", remedy


def _parenthesis(s: Situation) -> Advice | None:
    token = s.token
    if token.type in ("LPAR", "LBRACE") and "LSQB" in s.accepted and "NUMBER" in s.accepted:
        what = f"a value cannot begin with '{token}'"
        return Span.of(token), what, "write lists in [ ], and values without parentheses"
    return None


def _top(s: Situation) -> Advice | None:
    """Something else than an item between networks and blocks."""
    if s.depth or s.index != s.start or s.token.type != "NAME":
        return None
    word = str(s.token)
    found = suggestion(word, ("network", "block", "import"), "")
    if found:
        return Span.of(s.token), f"unexpected {word[:60]!r}", found
    if word in ("from", "include", "use", "require"):
        return Span.of(s.token), f"unexpected {word!r}", 'write import "blocks.qnn"'
    if s.after is not None and s.after.type in ("EQUAL", "COLON"):
        what = "a statement stands outside a network"
        return Span.of(s.token), what, f"{_NETWORK} around it"
    what = f"unexpected {word[:60]!r}: a text consists of network, block and import"
    return Span.of(s.token), what, f"{_NETWORK}, or block name(x) {{ ... }}"


def _header(s: Situation) -> Advice | None:
    """Something wrong between `network` and its body."""
    token, before, item = s.token, s.before, s.tokens[s.start]
    if s.depth or before is None or item.type not in ("NETWORK", "BLOCK"):
        return None
    if s.opened():
        return _parameter(s, before)
    if token.type == "LPAR" and before is item:
        return Span.of(item), f"the {item} has no name", f"write {item} name(...)"
    if token.type == "SLASH" and s.index == s.start + 2 and s.after is not None:
        name = f"{before}{token}{s.after}"
        what = f"{name!r} is no name: names have letters, digits and _"
        return Span.of(before).to(Span.of(s.after)), what, f"write {before}_{s.after}"
    if token.type == "COLON" and before.type == "RPAR":
        return Span.of(token), "the body has no '{'", "write { instead of :"
    if token.type in ("EQUAL", "COLON", "RETURN", "RBRACE", "IMPORT"):
        place = before if token.type in ("EQUAL", "COLON") else token
        return Span.of(place), "the body has no '{'", "write { behind the parentheses"
    if token.type == "LBRACE":
        return Span.of(token), f"{item} needs its inputs", _NETWORK
    return None


def _parameter(s: Situation, before: Token) -> Advice | None:
    """Something wrong between the parentheses of a network or block."""
    token, earlier = s.token, s.tokens[s.index - 2]
    if before.type == "NAME" and token.type == "NAME" and earlier.type != "COLON":
        if earlier.type == "EQUAL":
            name = s.tokens[s.index - 3]
            what = f"'{name}' gets its type behind ':'"
            return Span.of(earlier), what, f"write {name}: {before}"
        what = f"'{before}' needs a ':' before its type"
        return Span.of(token), what, f"write {before}: {token}"
    if before.type == "RSQB" and token.type == "NAME":
        opening = _matching(s.tokens, s.index - 1)
        if s.tokens[opening - 2].type == "EQUAL":
            name = s.tokens[opening - 3]
            what = f"'{name}' gets its type behind ':'"
            return Span.of(s.tokens[opening - 2]), what, f"write {name}: {s.tokens[opening - 1]}"
    if str(before) in _CLAUSES and earlier.type == "COMMA":
        return Span.of(earlier), f"{before} belongs to the type before it", "remove this ,"
    if token.type == "LPAR" and before.type == "NAME":
        return Span.of(token), "a shape stands in [ ]", f"write {before}[1, 16]"
    return None


def _matching(tokens: Sequence[Token], index: int) -> int:
    """Returns where the bracket stands that the one at `index` closes."""
    depth = 0
    for at in range(index, 0, -1):
        depth += (tokens[at].type in CLOSING) - (tokens[at].type in OPENING)
        if not depth:
            return at
    return index


def _statement_like(s: Situation) -> Advice | None:
    """Statements of other languages."""
    token, before = s.token, s.before
    if not s.depth or before is None or s.index != s.start + 1:
        return None
    word = str(before)
    if word in _CONTROL:
        what = f"the language has no {word}"
        return Span.of(before), what, "write the steps one after the other, or a block"
    if before.type == "RETURN" and token.type == "RBRACE":
        return Span.of(before), "return needs a value", "write return y"
    if before.type != "NAME":
        return None
    if token.type in ("RBRACE", "NAME") and s.new_line:
        what = f"{word!r} alone says nothing"
        return Span.of(before), what, f"write return {word}, or y = {word}"
    if token.type == "LPAR":
        return Span.of(before), "a value needs a name", f"write y = {word}(...)"
    if token.type == "LSQB":
        what = f"'{word}' cannot be changed in part"
        return Span.of(before), what, "write a new value: y = concat(..., axis: 1)"
    if token.type == "NAME" and word in _DECLARES:
        return Span.of(before), f"names are given without {word!r}", f"write {token} = ..."
    return None


def _comma(s: Situation) -> Advice | None:
    """Two values beside each other in brackets, or none."""
    if s.token.type == "COMMA" and s.before_is("COMMA", *OPENING[:2]):
        return Span.of(s.token), "there is no value before this ','", "remove it"
    if s.opened() and "COMMA" in s.accepted and s.token.type in _STARTS_VALUE:
        shown = str(s.token)[:40]
        return Span.of(s.token), f"unexpected {shown!r}", f"write , before {shown}"
    return None


def _shape(s: Situation) -> Advice | None:
    """A name where an extent of a shape should stand."""
    opened = s.opened()
    if opened and opened[-1].type == "LSQB" and str(s.token) in _CLAUSES:
        return Span.of(opened[-1]), "'[' is not closed", f"write ] before {s.token}"
    if s.accepted <= {"NUMBER", "RSQB"} and "RSQB" in s.accepted and s.token.type != "$END":
        what = f"the extents of a shape are numbers, got {str(s.token)[:40]!r}"
        return Span.of(s.token), what, "write how many there are: [1, 16]"
    return None


_RULES: tuple[Callable[[Situation], Advice | None], ...] = (
    _no_parentheses, _bracket, _end, _number, _comment, _header, _operator, _equals, _keyword,
    _unquoted, _statement_like, _parenthesis, _top, _shape, _comma,
)  # fmt: skip

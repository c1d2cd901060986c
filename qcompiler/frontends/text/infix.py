"""What to write for `x * 2 + 1`: the language has calls only."""

from __future__ import annotations

from collections.abc import Sequence

from lark import Token

_CALLS = {"+": "add", "-": "sub", "*": "mul", "/": "div", "@": "matmul", "**": "pow"}
_STRENGTH = {"+": 1, "-": 1, "*": 2, "/": 2, "@": 2, "**": 4}
_UNARY = 3
_CLOSE = {"(": ")", "[": "]"}
OPERATORS = frozenset("+-*/@")


class _NoExpressionError(Exception):
    pass


def as_calls(tokens: Sequence[Token]) -> str | None:
    """Returns an expression with operators as the language writes it; None if it is none.

    Args:
        tokens: of the expression, operators among them, up to whatever follows it.

    Examples:
        Of `x * 2 + 1` it makes `add(mul(x, 2), 1)`.
    """
    reader = _Reader(_split(tokens))
    try:
        made = reader.expression(0)
    except (_NoExpressionError, RecursionError):
        return None
    return made if reader.calls else None


def _split(tokens: Sequence[Token]) -> list[str]:
    """Returns the texts of tokens; `x -1` is a difference, `**` one operator."""
    found: list[str] = []
    for index, token in enumerate(tokens):
        text = str(token)
        operand_before = bool(found) and (found[-1] in ")]" or found[-1][-1:].isalnum())
        adjacent = index > 0 and tokens[index - 1].end_pos == token.start_pos
        if token.type == "NUMBER" and text.startswith("-") and operand_before:
            found += ["-", text[1:]]
        elif text == "*" and found and found[-1] == "*" and adjacent:
            found[-1] = "**"
        else:
            found.append(text)
    return found


class _Reader:
    """Precedence climbing over the texts of tokens."""

    def __init__(self, texts: list[str]):
        self._texts = texts
        self._at = 0
        self.calls = 0

    def _peek(self) -> str:
        return self._texts[self._at] if self._at < len(self._texts) else ""

    def _following(self) -> str:
        return self._texts[self._at + 1] if self._at + 1 < len(self._texts) else ""

    def _take(self) -> str:
        text = self._peek()
        self._at += 1
        return text

    def expression(self, least: int) -> str:
        left = self._operand()
        while (operator := self._peek()) in _CALLS and _STRENGTH[operator] > least:
            if operator == "@" and self._following().startswith('"'):
                break
            self._take()
            right = self.expression(_STRENGTH[operator] - (operator == "**"))
            self.calls += 1
            fraction = operator == "/" and _is_number(left) and _is_number(right)
            left = f"{left}/{right}" if fraction else f"{_CALLS[operator]}({left}, {right})"
        return left

    def _operand(self) -> str:
        text = self._take()
        if text == "-":
            self.calls += 1
            return f"neg({self.expression(_UNARY)})"
        if text == "+":
            self.calls += 1
            return self.expression(_UNARY)
        if text == "(":
            inner = self.expression(0)
            if self._take() != ")":
                raise _NoExpressionError
            return inner
        if text == "[":
            return self._list(text)
        if not text or not (text[0].isalnum() or text[0] in '_."-'):
            raise _NoExpressionError
        while self._peek() in _CLOSE:
            text += self._list(self._take())
        return text

    def _list(self, opening: str) -> str:
        """Returns arguments or items with their brackets; the opening one is taken already."""
        items: list[str] = []
        while self._peek() != _CLOSE[opening]:
            item = self.expression(0)
            if self._peek() == ":":
                self._take()
                item = f"{item}: {self.expression(0)}"
            items.append(item)
            if self._peek() == ",":
                self._take()
            elif self._peek() != _CLOSE[opening]:
                raise _NoExpressionError
        return f"{opening}{', '.join(items)}{self._take()}"


def _is_number(text: str) -> bool:
    return text.lstrip("-")[:1].isdigit() and "/" not in text

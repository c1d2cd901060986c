"""Characters that belong to no token: what to say of them, and how the parser goes on."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence

from lark import Token

from qcompiler.frontends.text.infix import OPERATORS
from qcompiler.frontends.text.mistakes import Advice
from qcompiler.frontends.text.syntax import Span

_OPEN_QUOTES = "'\u2018\u201a\u201c\u201e\xab"
_CLOSE_QUOTES = "'\u2019\u2018\u201d\u201c\xbb"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212"
_IGNORED = ";\\"
_STRAY = {
    '"': 'close the text on its line: write a second "',
    ";": "remove it: a statement ends where the next line begins one",
    "\\": "remove it: a statement goes on in the next line by itself",
    "&": "remove it: the language has no logic",
    "^": "write pow(a, b)", "~": "write neg(a)",
    "\xb7": "write mul(a, b)", "\xd7": "write mul(a, b)", "\xf7": "write div(a, b)",
}  # fmt: skip


def prepared(tokens: Sequence[Token], strays: Sequence[Token]) -> tuple[list[Token], list[Advice]]:
    """Returns tokens for the parser, and what to say of those that it need not see.

    Words with foreign letters become names, texts in other quotes become texts, signs become
    operators, which the parser refuses with the statement that they stand in; as it does what is
    left of type UNKNOWN. So a stray character is one problem, and not several.
    """
    waiting = sorted([*tokens, *strays], key=lambda token: token.start_pos or 0)
    if not strays:
        return waiting, []
    made: list[Token] = []
    depth = 0  # of parentheses and square brackets
    told: dict[tuple[str, object], Advice] = {}
    index = 0
    while index < len(waiting):
        token = waiting[index]
        if token.type != "UNKNOWN" and not _begins_word(waiting, index):
            depth += (token in "([") - (token in ")]")
            made.append(token)
            index += 1
            continue
        if token == ";" and depth > 0:
            made.append(token)
            index += 1
            continue
        taken, kept, advice = _one(waiting, index)
        made += kept
        if advice is not None:  # a word, or a semicolon at the end of each line, is told once
            told.setdefault((advice[1], None if taken > 1 else advice[0].line), advice)
        index += taken
    return made, list(told.values())


def _one(tokens: Sequence[Token], index: int) -> tuple[int, list[Token], Advice | None]:
    """Returns how many tokens are dealt with, those for the parser, and what to say of them."""
    token = tokens[index]
    character = str(token)
    count = _word(tokens, index)
    if count > 1 or _is_letter(token):
        return count, *_foreign_name(tokens[index : index + count])
    if character in _OPEN_QUOTES:
        closing = _closing_quote(tokens, index)
        if closing:
            return closing - index + 1, *_quoted(tokens[index : closing + 1])
    if character in OPERATORS:
        return 1, [_retyped(token, "SLASH")], None
    ignored = character in _IGNORED or character in _DASHES or _is_space(character)
    if ignored:
        return 1, [], (Span.of(token), f"unexpected character {character!r}", remedy_of(character))
    return 1, [token], None


def remedy_of(character: str) -> str:
    """Returns what to do about a character that belongs to no token."""
    if character in _STRAY:
        return _STRAY[character]
    if character in _OPEN_QUOTES or character in _CLOSE_QUOTES:
        return 'write texts in straight double quotes: "..."'
    if character in _DASHES:
        return "write the plain sign -"
    if _is_space(character):
        code = f"U+{ord(character):04X}"
        return f"write a plain space, not {code}" if character.isspace() else f"remove it: {code}"
    return "remove it"


def _is_space(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Cf", "Zs")


def _is_letter(token: Token) -> bool:
    return token.type == "UNKNOWN" and unicodedata.category(str(token))[0] in "LMN"


def _begins_word(tokens: Sequence[Token], index: int) -> bool:
    count = _word(tokens, index)
    return any(_is_letter(token) for token in tokens[index : index + count])


def _word(tokens: Sequence[Token], index: int) -> int:
    """Returns how many tokens from `index` on stand together as one word; at least one."""
    if not _wordy(tokens[index]):
        return 1
    end = index + 1
    while end < len(tokens) and end - index < 200 and _wordy(tokens[end]):
        if tokens[end].start_pos != tokens[end - 1].end_pos:
            break
        end += 1
    return end - index


def _wordy(token: Token) -> bool:
    return token.type in ("NAME", "NUMBER") or _is_letter(token)


def _foreign_name(word: Sequence[Token]) -> tuple[list[Token], Advice]:
    text = "".join(map(str, word))
    plain = unicodedata.normalize("NFKD", text.replace("\xdf", "ss"))
    plain = "".join(c for c in plain if c.isascii() and (c.isalnum() or c in "_."))
    if not plain or plain[0].isdigit():
        plain = f"v{plain}"
    span = Span.of(word[0]).to(Span.of(word[-1]))
    what = f"{text[:60]!r} is no name: names have the letters A to Z, digits and _"
    remedy = f'write {plain[:60]}; only inputs and outputs may be called as "..." besides'
    return [_retyped(word[0], "NAME", plain)], (span, what, remedy)


def _closing_quote(tokens: Sequence[Token], index: int) -> int | None:
    """Returns where the text that a foreign quote opens ends, on its line."""
    for at in range(index + 1, min(len(tokens), index + 200)):
        if tokens[at].line != tokens[index].line:
            return None
        if tokens[at].type == "UNKNOWN" and str(tokens[at]) in _CLOSE_QUOTES:
            return at
    return None


def _quoted(tokens: Sequence[Token]) -> tuple[list[Token], Advice]:
    text = json.dumps("".join(map(str, tokens[1:-1])), ensure_ascii=False)
    span = Span.of(tokens[0]).to(Span.of(tokens[-1]))
    what = f"texts stand in straight double quotes, not in {tokens[0]}"
    return [_retyped(tokens[0], "STRING", text)], (span, what, f"write {text[:60]}")


def _retyped(token: Token, kind: str, text: str | None = None) -> Token:
    return Token.new_borrow_pos(kind, str(token) if text is None else text, token)

"""Turns names and comments of untrusted models into Verilog text that cannot escape."""

from __future__ import annotations

import hashlib
import re

from qcompiler.rtl.names import RESERVED_WORDS

MAX_NAME_LENGTH = 64
MAX_COMMENT_LENGTH = 200
_HASH_LENGTH = 8


def _shorten(name: str, limit: int) -> str:
    """Cuts a name to `limit` characters; names that differ only past the cut stay different."""
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{name[: limit - _HASH_LENGTH - 1]}_{digest}"


def is_legal_identifier(name: str) -> bool:
    """Returns whether `name` can stand in Verilog as it is."""
    return (
        re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is not None
        and name.lower() not in RESERVED_WORDS
        and len(name) <= MAX_NAME_LENGTH
    )


def sanitize(name: str) -> str:
    """Returns a legal identifier of at most 64 characters that reads like `name`."""
    text = re.sub(r"[^A-Za-z0-9_]+", "_", name)
    if not text or text[0].isdigit():
        text = f"_{text}"
    if text.lower() in RESERVED_WORDS:
        text = f"{text}_"
    return _shorten(text, MAX_NAME_LENGTH)


class Namer:
    """Hands out unique legal identifiers within one scope.

    Names that differ only in case count as equal: file systems and VHDL do not tell them apart.
    """

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._next_suffix: dict[str, int] = {}

    def unique(self, wanted: str) -> str:
        """Returns `wanted`, made legal, with `_1`, `_2`, ... appended if it is taken."""
        base = sanitize(wanted)
        name, key = base, base.lower()
        if key in self._used:
            # Room for the suffix, so that the result keeps the length bound too.
            base = _shorten(base, MAX_NAME_LENGTH - _HASH_LENGTH)
            key = base.lower()
        suffix = self._next_suffix.get(key, 1)
        while name.lower() in self._used:
            name = f"{base}_{suffix}"
            suffix += 1
        self._next_suffix[key] = suffix
        self._used.add(name.lower())
        return name

    def numbered(self, prefix: str) -> str:
        """Returns the next free `prefix0`, `prefix1`, ...; `prefix` must be a legal identifier."""
        number = self._next_suffix.get(prefix.lower(), 0)
        while f"{prefix}{number}".lower() in self._used:
            number += 1
        self._next_suffix[prefix.lower()] = number + 1
        self._used.add(f"{prefix}{number}".lower())
        return f"{prefix}{number}"


def comment_text(text: str) -> str:
    """Returns `text` fit for the rest of a `//` line: printable ASCII, one line, bounded.

    Backticks (macros), comment delimiters, and a final backslash (some tools continue the line)
    are defused. Tool pragmas hide in comments, so their introducing words are broken too.
    """
    line = "".join(c if " " <= c <= "~" else "?" for c in text)
    line = line.replace("`", "'").replace("*/", "* /").replace("/*", "/ *").replace("\\", "/")
    line = re.sub(r"(?i)\b(verilator|synopsys|synthesis|pragma|cadence|xilinx)\b", r"'\1'", line)
    if len(line) > MAX_COMMENT_LENGTH:
        line = f"{line[: MAX_COMMENT_LENGTH - 3]}..."
    return line.rstrip()

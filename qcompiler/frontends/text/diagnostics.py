"""What is wrong with a text: where, what, what was expected; many at once, each with its line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qcompiler.errors import ModelError, Problem, printable
from qcompiler.frontends.text.syntax import Span

MAX_DIAGNOSTICS = 50
"""More than a reader wants to see; damaged files have no end of them."""

_WIDTH = 100


@dataclass(frozen=True)
class Source:
    """A text and where it comes from.

    Attributes:
        path: of the file; files that it names are looked for in its folder.
        text: of the whole file.
    """

    path: Path
    text: str
    lines: Sequence[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # As the parser counts: str.splitlines() would also end a line at a form feed.
        lines = [line.removesuffix("\r") for line in self.text.split("\n")]
        object.__setattr__(self, "lines", lines)

    def line(self, number: int) -> str:
        """Returns a line, counted from 1; "" behind the last one."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def text_at(self, span: Span, limit: int = 60) -> str:
        """Returns what stands at a place, for a message; `...` if that is long."""
        text = self.line(span.line)[span.column - 1 : span.end_column - 1]
        return text if span.line == span.end_line and len(text) <= limit else "..."


@dataclass(frozen=True)
class Diagnostic:
    """One problem of a text.

    Attributes:
        source: the text.
        span: where.
        what: the reason.
        remedy: what was expected, or what helps.
        warns: the network compiles all the same.
    """

    source: Source
    span: Span
    what: str
    remedy: str
    warns: bool = False

    @property
    def where(self) -> str:
        """The place as `file:line:column`."""
        return f"{self.source.path}:{self.span.line}:{self.span.column}"

    def __str__(self) -> str:
        line = self.source.line(self.span.line)
        column = min(self.span.column - 1, len(line))
        # A long line is cut around the place; one that fits stands whole.
        first = 0 if len(line) <= _WIDTH else max(0, column - _WIDTH // 2)
        shown = line[first : first + _WIDTH]
        same_line = self.span.end_line == self.span.line
        end = self.span.end_column - 1 if same_line else len(line)
        length = max(1, min(end, first + len(shown)) - column)
        # Tabs stay, so that the mark stands below what it marks.
        before = "".join(c if c == "\t" else " " for c in shown[: column - first])
        number = str(self.span.line)
        return (
            f"{self.where}: {printable(self.what, 500)}\n"
            f" {number} | {_visible(shown)}\n"
            f" {' ' * len(number)} | {before}{'^' * length}\n"
            f" {' ' * len(number)} = {printable(self.remedy, 500)}"
        )


def _visible(line: str) -> str:
    return "".join(c if c.isprintable() or c == "\t" else "?" for c in line)


class LanguageError(ModelError):
    """A text is at fault; carries every diagnostic."""

    def __init__(self, diagnostics: Sequence[Diagnostic]):
        self.diagnostics = tuple(diagnostics)
        super().__init__([Problem(d.where, d.what, d.remedy) for d in diagnostics])

    def __str__(self) -> str:
        return "\n".join(str(diagnostic) for diagnostic in self.diagnostics)


class StatementError(Exception):
    """What keeps one statement from being understood; becomes a diagnostic.

    Attributes:
        span: where in the text.
        what: the reason.
        remedy: what was expected, or what helps.
        more: others of the same statement.
    """

    def __init__(self, span: Span, what: str, remedy: str, more: Sequence[StatementError] = ()):
        self.span, self.what, self.remedy, self.more = span, what, remedy, tuple(more)
        super().__init__(f"{what}; {remedy}")


class MisfitError(StatementError):
    """An operation refuses its operands or parameters."""


class ExhaustedError(StatementError):
    """A bound of the whole network is reached; told once, as all that follows meets it, too."""


class Diagnostics:
    """Collects diagnostics, each place and reason once, up to `MAX_DIAGNOSTICS`."""

    def __init__(self) -> None:
        self._found: dict[tuple[Path, Span, str], Diagnostic] = {}

    def add(self, source: Source, span: Span, what: str, remedy: str, context: str = "") -> None:
        """Adds a diagnostic; `context` says how it came to it, and makes it no other."""
        if not self.full:
            key = (source.path, span, what)
            said = f"{what}, {context}" if context else what
            self._found.setdefault(key, Diagnostic(source, span, said, remedy))

    @property
    def full(self) -> bool:
        """Whether there are so many that going on is of no use."""
        return len(self._found) >= MAX_DIAGNOSTICS

    @property
    def all(self) -> list[Diagnostic]:
        """All of them, by file and place."""
        return sorted(
            self._found.values(),
            key=lambda d: (str(d.source.path), d.span.line, d.span.column),
        )

"""Lines of Verilog: wrapping, declarations, port lists, comments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from xdsl.ir import Operation

from qcompiler.backends.verilog.names import comment_text

LINE_LENGTH = 100
INDENT = "    "

# Where a long statement may break: before a binary operator, after a comma.
_BREAK = re.compile(r" (?=(?:[-+&|^<>=?:]|&&|\|\||<<|>>|>>>|<=|>=|==|!=) )|(?<=,) ")


class Line(str):
    """A line of Verilog that knows the operation it was printed for."""

    __slots__ = ("op",)
    op: Operation


def mark(lines: list[str], op: Operation, start: int = 0) -> None:
    """Makes those of `lines` from `start` on that know no operation know `op`."""
    for index in range(start, len(lines)):
        if lines[index] and not isinstance(lines[index], Line):
            lines[index] = line = Line(lines[index])
            line.op = op


def runs_of_lines(lines: Sequence[str]) -> list[tuple[int, int, Operation]]:
    """Returns runs of lines printed for one operation: first and last (from 1), operation."""
    runs: list[tuple[int, int, Operation]] = []
    for number, line in enumerate(lines, 1):
        if not isinstance(line, Line):
            continue
        if runs and runs[-1][1] == number - 1 and runs[-1][2] is line.op:
            runs[-1] = (runs[-1][0], number, line.op)
        else:
            runs.append((number, number, line.op))
    return runs


def wrap(text: str, indent: str = INDENT) -> list[str]:
    """Returns `text` as lines of about 100 characters, continuation lines indented once more."""
    if len(indent) + len(text) <= LINE_LENGTH:
        return [indent + text]
    lines: list[str] = []
    line = indent
    for piece in _BREAK.split(text):
        if len(line) + 1 + len(piece) > LINE_LENGTH and line.strip():
            lines.append(line)
            line = indent + INDENT + piece
        else:
            line = f"{line} {piece}" if line.strip() else line + piece
    lines.append(line)
    return lines


def comment_lines(text: str, indent: str = INDENT) -> list[str]:
    """Returns the `//` lines of one comment, every line of it made harmless."""
    return [f"{indent}// {comment_text(line)}".rstrip() for line in text.splitlines() or [""]]


def vector(kind: str, width: int, name: str) -> str:
    """Returns a declaration without semicolon, e.g. `wire [7:0] x`."""
    return f"{kind} {name}" if width == 1 else f"{kind} [{width - 1}:0] {name}"


def port_list(
    name: str, ports: Iterable[tuple[str, int, str]], attributes: Mapping[str, str] | None = None
) -> list[str]:
    """Returns the `module ... );` lines with aligned columns.

    Args:
        name: of the module.
        ports: kind, width, name of each.
        attributes: Verilog attributes of ports by name, each on a line above its port.
    """
    rows = [(kind, "" if width == 1 else f"[{width - 1}:0]", port) for kind, width, port in ports]
    if not rows:
        return [f"module {name};"]
    kind_width = max(len(kind) for kind, _, _ in rows)
    range_width = max(len(text) for _, text, _ in rows)
    lines = [f"module {name} ("]
    for index, (kind, text, port) in enumerate(rows):
        middle = f" {text:<{range_width}}" if range_width else ""
        comma = "," if index + 1 < len(rows) else ""
        if attributes and port in attributes:
            lines.append(f"{INDENT}(* {attributes[port]} *)")
        lines.append(f"{INDENT}{kind:<{kind_width}}{middle} {port}{comma}")
    return [*lines, ");"]


def tidy(lines: Sequence[str]) -> list[str]:
    """Returns `lines` without double, leading or trailing blank ones."""
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    while kept and not kept[-1]:
        kept.pop()
    return kept

"""Collects register updates into `always` blocks that read as a person would write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from xdsl.ir import Operation

from qcompiler.backends.verilog.layout import INDENT, mark, wrap

KEEP = "(* keep *)"
"""Of a register that tools are not to merge: Yosys reads it at the block, vendors at the `reg`."""


class Condition(NamedTuple):
    """When a group of registers changes: clock, reset (or None), and if/else-if conditions.

    Registers that are kept stand apart, as Yosys reads that of the block.
    """

    clock: str
    reset: str | None
    branches: tuple[str, ...]
    kept: bool = False


class Update(NamedTuple):
    """One register: its reset value, and its next value per branch (one if there is none)."""

    op: Operation
    name: str
    reset_value: str | None
    values: tuple[str, ...]
    comment: Sequence[str]


class RegisterFile:
    """Groups updates that share a condition until their block has to be printed."""

    def __init__(self) -> None:
        self._groups: dict[Condition, list[Update]] = {}
        self._pending: dict[str, Condition] = {}

    def add(self, condition: Condition, update: Update) -> None:
        """Adds a register to the block of its condition."""
        self._groups.setdefault(condition, []).append(update)
        self._pending[update.name] = condition

    def flush_readers(self, names: Sequence[str]) -> list[str]:
        """Returns the blocks of those of `names` that wait, so that logic stays after its state."""
        conditions = dict.fromkeys(self._pending[n] for n in names if n in self._pending)
        return [line for condition in conditions for line in self._flush(condition)]

    def flush_all(self) -> list[str]:
        """Returns every block that waits, oldest first."""
        return [line for condition in list(self._groups) for line in self._flush(condition)]

    def _flush(self, condition: Condition) -> list[str]:
        updates = self._groups.pop(condition)
        for update in updates:
            del self._pending[update.name]
        return _always(condition, updates)


def _assign(update: Update, value: str, indent: str) -> list[str]:
    # `q <= a <= b;` is legal and unreadable.
    value = f"({value})" if " <= " in value and not value.startswith("(") else value
    lines = wrap(f"{update.name} <= {value};", indent)
    mark(lines, update.op)
    return lines


def _always(condition: Condition, updates: Sequence[Update]) -> list[str]:
    lines = ["", *(line for update in updates for line in update.comment)]
    kept = f"{KEEP} " if condition.kept else ""
    lines.append(f"{INDENT}{kept}always @(posedge {condition.clock}) begin")
    inner = INDENT * 2
    opened = False
    if condition.reset is not None:
        lines += wrap(f"if ({condition.reset}) begin", inner)
        for update in updates:
            assert update.reset_value is not None
            lines += _assign(update, update.reset_value, inner + INDENT)
        opened = True
    for index, branch in enumerate(condition.branches or ("",)):
        head = f"if ({branch}) begin" if branch else "begin"
        if opened:
            lines += wrap(f"end else {head}", inner)
        elif branch:
            lines += wrap(head, inner)
        opened = opened or bool(branch)
        indent = inner + INDENT if opened else inner
        for update in updates:
            lines += _assign(update, update.values[index], indent)
    if opened:
        lines.append(f"{inner}end")
    lines += [f"{INDENT}end", ""]
    mark(lines, updates[0].op)  # the frame of the block
    return lines

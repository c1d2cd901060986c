"""The texts of a design: IR as each pass left it, and Verilog, with large constants left out."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from qcompiler.backends.layout import LEVELS
from qcompiler.passes.pipeline import pass_class

_NUMBERED = re.compile(r"(\d+)-(.+)")
_ENDS = {"qint": "the qint level", "stream": "the stream level", "rtl": "the rtl level"}
_IMPORT = "The network as the model's author meant it."
_SHOWN = 48
_LARGE = re.compile(
    r'dense<"0x(?P<hex>[0-9A-Fa-f]{96,})"|'
    r"(?P<open>dense<|array<i\d+: )(?P<list>[^<>\"]{200,})(?=>)"
)
_NODES = re.compile(r'nn\.nodes = \{((?:"(?:[^"\\]|\\.)*"|[^"}])*)\}')
_OPTIONS = re.compile(r", qcompiler\.options = \{[^}]*\}|qcompiler\.options = \{[^}]*\}(, )?")


@dataclass(frozen=True)
class Step:
    """A stage of a design.

    Attributes:
        name: of the file in `ir/`, without its ending.
        label: for people: the pass that left it so, or the level.
        summary: one line on what happened.
        text: IR, with large constants left out; lines are those of the file.
    """

    name: str
    label: str
    summary: str
    text: str


def elide(text: str) -> str:
    """Returns IR with large constants and the list of nodes cut short; keeps its lines."""
    head, newline, rest = text.partition("\n")
    return _NODES.sub("nn.nodes = {…}", head) + newline + _LARGE.sub(_shortened, rest)


def _shortened(found: re.Match[str]) -> str:
    digits = found["hex"]
    if digits is not None:
        return f'dense<"0x{digits[:_SHOWN]}…" /* {len(digits) // 2:,} bytes */'
    elements = found["list"]
    return f"{found['open']}{elements[:_SHOWN]}… /* {elements.count(',') + 1:,} elements */"


def read_steps(folder: Path) -> list[Step]:
    """Returns the stages of a design in order: the import, what passes left, the levels reached.

    Args:
        folder: `ir/` of a design. Files of passes are there after `--print-ir-after`; levels that
            are the same as what a pass left are not repeated.

    Raises:
        OSError, UnicodeDecodeError: a file cannot be read.
    """
    numbered = sorted(path for path in folder.glob("*.mlir") if _NUMBERED.fullmatch(path.stem))
    steps = [_after_pass(path) for path in numbered]
    seen = {_OPTIONS.sub("", step.text) for step in steps}
    for level in LEVELS:
        path = folder / f"{level}.mlir"
        if not path.is_file():
            continue
        text = elide(path.read_text(encoding="utf-8"))
        if level == "nn":
            steps.insert(0, Step("nn", "import", _IMPORT, text))
        elif _OPTIONS.sub("", text) not in seen:
            steps.insert(_place(steps, level), Step(level, _ENDS[level], "", text))
    return steps


def _after_pass(path: Path) -> Step:
    found = _NUMBERED.fullmatch(path.stem)
    assert found is not None
    text = elide(path.read_text(encoding="utf-8"))
    return Step(path.stem, found[2], _summary(found[2]), text)


def _summary(name: str) -> str:
    try:
        documentation = pass_class(name).__doc__ or ""
    except ValueError:  # a function, or a pass of a plugin that is not loaded
        return ""
    return documentation.strip().partition("\n")[0]


_LEFT_BY = {"qint": "convert-qint-to-stream", "stream": "convert-stream-to-rtl"}


def _place(steps: Sequence[Step], level: str) -> int:
    """Returns where a level belongs: before the pass that leaves it, or else at the end."""
    names = [step.label for step in steps]
    for left in list(_LEFT_BY)[list(_LEFT_BY).index(level) :] if level in _LEFT_BY else ():
        if _LEFT_BY[left] in names:
            return names.index(_LEFT_BY[left])
    return len(steps)


def step_of_level(steps: Sequence[Step], level: str) -> int | None:
    """Returns the place of the stage at which a level is complete, as `ir/LEVEL.mlir` has it."""
    names = [step.name for step in steps]
    labels = [step.label for step in steps]
    if level in names:
        return names.index(level)
    if level == "rtl":
        return len(steps) - 1 if steps else None
    left = _LEFT_BY.get(level)
    return labels.index(left) - 1 if left in labels else None


def verilog_files(folder: Path, limit_bytes: int) -> Iterator[tuple[str, str]]:
    """Yields name and text of the Verilog files, the smallest first, up to a total size.

    Raises:
        OSError, UnicodeDecodeError: a file cannot be read.
    """
    total = 0
    for path in sorted(folder.glob("*.v"), key=lambda path: (path.stat().st_size, path.name)):
        total += path.stat().st_size
        if total > limit_bytes:
            return
        yield path.name, path.read_text(encoding="utf-8")

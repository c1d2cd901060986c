"""What an editor tells about a place of a text: meaning, completions, definition."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.ir import BlockArgument, Operation, SSAValue

from qcompiler.analysis.real_ranges import RealRanges
from qcompiler.arith.decimals import float_text, shortest
from qcompiler.dialects import qint
from qcompiler.frontends.text.arguments import is_integer, spoken
from qcompiler.frontends.text.mistakes import KEYWORDS
from qcompiler.frontends.text.operations import FUNCTIONS, OPERATIONS
from qcompiler.frontends.text.reading import Analysis
from qcompiler.frontends.text.scope import Noted
from qcompiler.frontends.text.syntax import Span
from qcompiler.frontends.text.values import TYPE_NAMES, Constant, Meaning, TypeValue, type_text


@dataclass(frozen=True)
class Completion:
    """What may be written at a place.

    Attributes:
        text: to insert.
        kind: `operation`, `block`, `argument`, `word`, `value`, `type` or `keyword`.
        detail: about it, in one line.
    """

    text: str
    kind: str
    detail: str = ""


def note_at(analysis: Analysis, line: int, column: int) -> Noted | None:
    """Returns what stands at a position (counted from 1), the innermost if several do."""
    here = [note for note in analysis.notes if note.span.contains(line, column)]
    return min(here, key=lambda n: (n.span.end_line - n.span.line, n.span.end_column), default=None)


def line_before(old: Sequence[str], new: Sequence[str], line: int) -> int | None:
    """Returns where a line (counted from 1) stood in an older text; None if the edit touched it."""
    shorter = min(len(old), len(new))
    first = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    if line <= first:
        return line
    last = next((i for i in range(shorter - first) if old[-1 - i] != new[-1 - i]), shorter - first)
    return line - len(new) + len(old) if line > len(new) - last else None


def hover_at(analysis: Analysis, line: int, column: int) -> str | None:
    """Returns type, range and scale of the value at a position, or what an operation does."""
    note = note_at(analysis, line, column)
    if note is None:
        return None
    if isinstance(note.meaning, str):
        return note.meaning
    return "\n".join(_described(note.meaning, analysis.numerics))


def _described(meaning: Meaning, numerics: str) -> Iterator[str]:
    if isinstance(meaning, SSAValue):
        yield from _value(meaning, numerics)
    elif isinstance(meaning, Constant):
        yield spoken(meaning) if meaning.operation is None else type_text(meaning.operation)
        if meaning.array.size:
            lo, hi = meaning.array.min(), meaning.array.max()
            single = meaning.array.dtype == np.float32
            shown = [str(n) if meaning.integral else float_text(float(n), single) for n in (lo, hi)]
            yield f"value {shown[0]}" if lo == hi else f"values from {shown[0]} to {shown[1]}"
    elif isinstance(meaning, TypeValue):
        yield f"type {meaning}"
    else:
        yield spoken(meaning)


def _value(value: SSAValue, numerics: str) -> Iterator[str]:
    yield type_text(value)
    owner = value.owner
    if is_integer(value):
        bounds = qint.range_of(value.type)
        yield f"range {bounds.lo} to {bounds.hi}, {bounds.width_bits} bits"
    if isinstance(owner, Operation) and owner.parent is None:
        return  # nothing uses it, so that it was left out
    if isinstance(owner, qint.DequantizeOp):
        codes = qint.range_of(owner.input.type)
        yield f"codes {codes.lo} to {codes.hi}, {codes.width_bits} bits"
    if isinstance(owner, qint.DequantizeOp | qint.QuantizeOp):
        yield f"scale {_some(owner.scale_array)}"
        if owner.zero_point_array.any():
            yield f"zero point {_some(owner.zero_point_array)}"
    if not is_integer(value) and not isinstance(owner, BlockArgument):
        lo, hi = RealRanges(numerics).of(value).ends
        if np.isfinite([lo, hi]).all():
            yield f"range {lo:.6g} to {hi:.6g}"


def _some(values: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> str:
    """Returns numbers, or their extremes if they are many."""
    if values.size == 1:
        return shortest(values.reshape(-1)[0])
    lo, hi = shortest(values.min()), shortest(values.max())
    return f"{lo} to {hi}, one for each of {values.size} channels"


def completions_at(analysis: Analysis, line: int, column: int) -> list[Completion]:
    """Returns what may be written at a position (counted from 1), the nearest first."""
    before = _before(analysis.source.lines, line, column)
    found: list[Completion] = []
    call = _open_call(before)
    if call is not None:
        found += _arguments(call, analysis)
    found += _values(analysis, line, column)
    for name, (block, _) in analysis.blocks.items():
        shown = ", ".join(p.name.text for p in block.parameters)
        found.append(Completion(name, "block", f"block {name}({shown})"))
    for name, signatures in OPERATIONS.items():
        if "." not in name or len(OPERATIONS[name]) != len(OPERATIONS.get(name[3:], [])):
            found.append(Completion(name, "operation", signatures[0].summary))
    found += [Completion(name, "operation", text) for name, text in FUNCTIONS.items()]
    sizes = [f"{sign}int{bits}" for sign in ("", "u") for bits in (2, 4, 8, 16, 32)]
    found += [Completion(name, "type") for name in (*sizes, *TYPE_NAMES[2:])]
    return found + [Completion(word, "keyword") for word in KEYWORDS]


def _before(lines: Sequence[str], line: int, column: int) -> str:
    """Returns the text before a position, a few lines of it."""
    here = lines[line - 1][: column - 1] if line <= len(lines) else ""
    return "\n".join([*lines[max(0, line - 20) : line - 1], here])


def _open_call(text: str) -> str | None:
    """Returns the name of the innermost call that is open at the end of a text."""
    depth = 0
    for match in reversed(list(re.finditer(r"([\w.]*)\s*(\()|(\))", text))):
        depth += 1 if match[3] else -1
        if depth < 0:
            return match[1] or None
    return None


def _arguments(call: str, analysis: Analysis) -> Iterator[Completion]:
    if call in analysis.blocks:
        for parameter in analysis.blocks[call][0].parameters:
            yield Completion(f"{parameter.name.text}: ", "argument", f"of {call}")
    for signature in OPERATIONS.get(call, []):
        for param in signature.params:
            yield Completion(f"{param.name}: ", "argument", param.expectation)
            for word in param.words:
                yield Completion(word, "word", param.name)


def _values(analysis: Analysis, line: int, column: int) -> Iterator[Completion]:
    """Returns the names that are defined on lines before a position, in the same item."""
    items = [item for item in analysis.file.items if item.span.contains(line, column)]
    first = items[0].span.line if items else 0
    seen: set[str] = set()
    for note in reversed(analysis.notes):
        if note.definition != note.span or isinstance(note.meaning, str):
            continue
        name = analysis.source.line(note.span.line)[note.span.column - 1 : note.span.end_column - 1]
        if first <= note.span.line < line and name not in seen:
            seen.add(name)
            detail = next(_described(note.meaning, analysis.numerics), "")
            yield Completion(name, "value", detail)


def references_at(analysis: Analysis, line: int, column: int) -> list[Span]:
    """Returns all places of what stands at a position (counted from 1), its definition first."""
    found = _definition_at(analysis, line, column)
    if found is None:
        return []
    uses = {n.span for n in analysis.notes if n.definition == found and n.path is None}
    return [found, *sorted(uses - {found}, key=lambda s: (s.line, s.column))]


def _definition_at(analysis: Analysis, line: int, column: int) -> Span | None:
    note = note_at(analysis, line, column)
    if note is not None and note.definition is not None:
        return note.definition if note.path is None else None
    names = (block.name.span for block in analysis.file.blocks)
    return next((span for span in names if span.contains(line, column)), None)


def renamed_at(analysis: Analysis, line: int, column: int) -> list[Span]:
    """Returns what must change for another name; [] for parameters of blocks, which calls name."""
    places = references_at(analysis, line, column)
    parameters = {p.name.span for block in analysis.file.blocks for p in block.parameters}
    return [] if parameters & set(places) else places


def signature_at(analysis: Analysis, line: int, column: int) -> str | None:
    """Returns the arguments of the call that is open at a position (counted from 1)."""
    call = _open_call(_before(analysis.source.lines, line, column))
    if call is None:
        return None
    if call in analysis.blocks:
        return f"{call}({', '.join(p.name.text for p in analysis.blocks[call][0].parameters)})"
    if call in FUNCTIONS:
        return FUNCTIONS[call]
    return next((str(signature) for signature in OPERATIONS.get(call, [])), None)

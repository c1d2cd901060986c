"""What passes say of a network that was written as text: at its line and column, in its words."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from qcompiler.errors import ModelError, Problem
from qcompiler.frontends.text.diagnostics import Diagnostic, LanguageError
from qcompiler.frontends.text.operations import OPERATIONS
from qcompiler.frontends.text.reading import Analysis, analyse, read_source
from qcompiler.frontends.text.scope import TextPlace, context_of
from qcompiler.frontends.text.values import in_words

_WHOLE = ("model", "core", "module")
"""Where passes say that the network as a whole is at fault."""

_OPERATION = re.compile(r"\b(?:nn|qint)\.(\w+)")


@contextmanager
def placing(path: Path, numerics: str | None = None) -> Generator[None]:
    """Turns what passes refuse into diagnostics of the .qnn file that the network comes from.

    Args:
        path: the text; it is read again to find the places, in case of an error only.
        numerics: what the user chose, instead of what the text says.

    Raises:
        LanguageError: all problems that were raised have a place in the text.
        ModelError: some have none, such as those of options; the others name their place.
    """
    try:
        yield
    except LanguageError:
        raise
    except ModelError as error:
        analysis = analyse(read_source(path), numerics)
        raise located(error, analysis) from None


def located(error: ModelError, analysis: Analysis) -> ModelError:
    """Returns an error with the places of its problems in a text."""
    found = [diagnostic_of(problem, analysis) for problem in error.problems]
    placed = [d for d in found if d is not None]
    if len(placed) == len(found):
        once = {(d.where, d.what): d for d in placed}
        ordered = sorted(once.values(), key=lambda d: (d.span.line, d.span.column))
        return LanguageError(ordered)
    shown = [
        Problem(d.where, d.what, d.remedy) if d is not None else problem
        for problem, d in zip(error.problems, found, strict=True)
    ]
    return ModelError(shown)


def diagnostic_of(problem: Problem, analysis: Analysis) -> Diagnostic | None:
    """Returns what a pass says of a node; None if it is about nothing of the text."""
    what = in_words(_spoken(problem.what))
    remedy = _spoken(problem.in_text or problem.remedy)
    place = _place(problem.where, analysis.places)
    if place is not None:
        context = context_of(place.calls, place.source)
        said = f"{what}, {context}" if context else what
        return Diagnostic(place.source, place.span, said, remedy)
    network = next(analysis.file.networks, None)
    if network is None or problem.where not in _WHOLE:
        return None
    return Diagnostic(analysis.source, network.name.span, what, remedy)


def _place(where: str, places: dict[str, list[TextPlace]]) -> TextPlace | None:
    """Returns the place of `node` or `node (operation)`, as passes name operations."""
    node, bracket, rest = where.rpartition(" (")
    found = places.get(node if bracket else where) or places.get(where)
    if not found:
        return None
    same = [place for place in found if place.operation == rest.removesuffix(")")]
    return (same or found)[-1]


def _spoken(text: str) -> str:
    """Returns a text with operations called as the language calls them, `nn.relu` as `relu`."""

    def name(match: re.Match[str]) -> str:
        return match[1] if match[1] in OPERATIONS else match[0]

    return _OPERATION.sub(name, text)

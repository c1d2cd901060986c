"""docs/refusals.md from the cases; `PYTHONPATH=tests/support python -m refusals.page` writes it."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

from refusals import CASES, Case

PAGE = Path(__file__).parents[3] / "docs" / "refusals.md"
_HEAD = """# Refusals

What `qcc check` and `qcc compile` say of models that do not compile, and what helps. Each row is
a small model that a test sees refused for one reason; the test then follows the remedy, as the
last column says, and compiles the result. A message names the node that is the cause, the reason
and the remedy; all problems of a model are told at once.
"""


_ORDER = (
    "The model as a whole",
    "Quantizers that are missing",
    "Between quantized layers",
    "Scales",
    "Sums and products of activations",
    "Attention and embeddings",
    "Operations",
    "Quantizers",
    "Quantizers of particular tools",
    "Attributes and shapes of nodes",
    "Options",
)
"""The chapters, those that most people need first."""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _row(case: Case) -> str:
    with tempfile.TemporaryDirectory() as folder:
        (problem,) = case.problems(Path(folder), mended=False)
    return f"| {_cell(case.title)} | {_cell(str(problem))} | {_cell(case.change)} |"


def page(cases: Iterable[Case] = CASES) -> str:
    """Returns the page; every case is compiled for its message."""
    chapters: dict[str, list[Case]] = {}
    for case in cases:
        chapters.setdefault(case.chapter, []).append(case)
    parts = [_HEAD]
    for chapter in sorted(chapters, key=_ORDER.index):
        listed = chapters[chapter]
        rows = "\n".join(_row(case) for case in listed)
        parts.append(f"\n## {chapter}\n\n| model | message | change |\n|---|---|---|\n{rows}\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

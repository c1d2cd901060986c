"""One HTML page of a store: fronts, filters, a table, and the command line of each point."""

import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from qcompiler.backends.pages import content_policy, palette
from qcompiler.errors import printable
from qcompiler.exploration.points import FRONT, MEASURES, Point, front_of
from qcompiler.exploration.tasks import STATES
from qcompiler.options import flag

_SCRIPTS = "data.js", "chart.js", "table.js", "app.js"
_LOG = 1500


def build_page(points: Sequence[Point], name: str) -> str:
    """Returns the page.

    Args:
        points: all of a store.
        name: of the store, for the title.
    """
    assets = files("qcompiler.exploration") / "assets"
    scripts = [(assets / script).read_text(encoding="utf-8") for script in _SCRIPTS]
    style = palette() + (assets / "style.css").read_text(encoding="utf-8")
    # Nothing that models or files say can end the element that holds it: it has no `<`.
    text = json.dumps(_data(points, name), separators=(",", ":")).replace("<", "\\u003c")
    return Template((assets / "page.html").read_text(encoding="utf-8")).substitute(
        title=escape(printable(name)),
        policy=escape(content_policy([style], scripts)),
        style=style,
        data=text,
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
    )


def _data(points: Sequence[Point], name: str) -> dict[str, Any]:
    """Returns what the page shows: a column for each property, and texts once."""
    texts: dict[str, int] = {"": 0}

    def number_of(text: object) -> int:
        return texts.setdefault(str(text), len(texts))

    options = sorted({option for point in points for option in point.options})
    best = {point.key for point in front_of(points)}
    return {
        "name": name,
        "states": [state for state in STATES if any(p.state == state for p in points)],
        "measures": {
            m: list(MEASURES[m]) for m in MEASURES if any(m in p.measures for p in points)
        },
        "fronts": list(FRONT),
        "options": list(map(flag, options)),
        "rows": [
            [
                number_of(point.state),
                number_of(point.model),
                number_of(point.fault),
                int(point.key in best),
                [number_of(point.options.get(option, "")) for option in options],
                [_short(point.measures.get(measure)) for measure in MEASURES],
                point.command,
                number_of(point.log[:_LOG]),
                number_of(" ".join(point.steps)),
                number_of(point.host),
                point.key[:16],
            ]
            for point in points
        ],
        "columns": list(MEASURES),
        "texts": list(texts),
    }


def _short(value: float | None) -> float | None:
    """Returns a number with the digits that anyone looks at."""
    return None if value is None else float(f"{value:.7g}")

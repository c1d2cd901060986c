"""Draws look-up tables against latency, of what `benchmarks.low_latency --figures` measured.

`python -m benchmarks.low_latency_plot [docs/low_latency.json] [docs/images]`

One picture for each network and family; the latency is in nanoseconds where all were routed, else
in cycles.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

COLOURS = {"qcompiler": "#1f77b4", "da4ml": "#d95f02", "alkaid": "#2ca02c"}
MARKS = {"qcompiler": "o", "da4ml": "s", "alkaid": "^"}


def grouped(rows: Sequence[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Returns the figures of each network and family."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["case"], row["family"]), []).append(row)
    return found


def latency(rows: Sequence[dict[str, Any]]) -> tuple[str, list[float]]:
    """Returns what the latency is in, and that of each figure."""
    if all(row["MHz"] for row in rows):
        return "latency in ns, routed", [1e3 * row["cycles"] / row["MHz"] for row in rows]
    return "latency in cycles", [float(row["cycles"]) for row in rows]


def draw(case: str, family: str, rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Writes the picture of one network, as SVG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "low_latency"  # the same file for the same figures
    unit, values = latency(rows)
    figure: Any = Figure(figsize=(5.2, 3.4), layout="constrained")  # its types are half unknown
    axes = figure.subplots()
    for maker, colour in COLOURS.items():
        points = sorted(
            (x, row["LUT"])
            for x, row in zip(values, rows, strict=True)
            if row["made_by"].startswith(maker)
        )
        if points:
            axes.plot(*zip(*points, strict=True), MARKS[maker] + "-", color=colour, label=maker)
    axes.set(xlabel=unit, ylabel=f"LUT, {family}", title=case)
    axes.set_ylim(0, 1.15 * max(row["LUT"] for row in rows))
    axes.set_xlim(0, 1.1 * max(values))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, metadata={"Date": None})


def main() -> int:
    """Draws all pictures of the file that the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("figures", nargs="?", type=Path, default=Path("docs/low_latency.json"))
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs/images"))
    parsed = parser.parse_args()
    parsed.folder.mkdir(parents=True, exist_ok=True)
    for (case, family), rows in grouped(json.loads(parsed.figures.read_text())).items():
        path = parsed.folder / f"low_latency_{case}_{family}.svg"
        draw(case, family, rows, path)
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Prints the tables of what the study measured, and draws the pictures of the page into FOLDER.

    python tables.py results.json peak_detector_w4a4.onnx FOLDER

The second picture has the integers of the compiled detector on lines that it was not trained on.
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from detectors import BASELINES, candidates
from lines import make_lines
from matplotlib.figure import Figure

import qcompiler

ROWS = ("argmax", "centre of mass", "FIR zero crossing", "parabola", "2 bits", "3 bits", "4 bits",
        "4 bits, all layers", "5 bits", "6 bits", "7 bits", "8 bits", "float",
        "float, trained on")  # fmt: skip


def gathered(results: dict[str, Any]) -> dict[str, list[dict[str, float]]]:
    """Returns the results of each row, over the seeds that have it; NaN where nothing was found."""
    found = {name: [seed[name] for seed in results.values() if name in seed] for name in ROWS}
    return {
        name: [
            {key: np.nan if value is None else value for key, value in row.items()} for row in rows
        ]
        for name, rows in found.items()
        if rows
    }


def _spread(values: Any, digits: int = 3) -> str:
    """Returns mean and standard deviation, of the seeds that found anything."""
    known = values[~np.isnan(values)]
    none = len(values) - len(known)
    tail = f", {none} found none" if none else ""
    return f"{known.mean():.{digits}f} ± {known.std():.{digits}f}{tail}"


def table(results: dict[str, Any]) -> str:
    """Returns the table of the page."""
    lines = [
        "| detector | seeds | error, px | the bound, px | peaks found | false peaks a line |",
        "|---|---|---|---|---|---|",
    ]
    for name, rows in gathered(results).items():
        columns = {key: np.array([row[key] for row in rows]) for key in rows[0]}
        error, bound, rate, false = (columns[k] for k in ("error", "bound", "rate", "false_peaks"))
        lines.append(
            f"| {name} | {len(rows)} | {_spread(error)} | {np.nanmean(bound):.3f} "
            f"| {_spread(100 * rate, 1)} % | {false.mean():.3f} |"
        )
    return "\n".join(lines)


def table_of_seeds(results: dict[str, Any]) -> str:
    """Returns a table with a row a seed: 4 bits beside float and the best baselines."""
    lines = [
        "| seed | float, px | 4 bits, px | more | best baseline, px "
        "| found: float | 4 bits | best baseline |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for seed, rows in sorted(results.items()):
        whole, few = rows["float"], rows["4 bits"]
        baselines = [rows[name] for name in BASELINES]
        error = min(row["error"] for row in baselines if row["error"] is not None)
        rate = max(row["rate"] for row in baselines)
        lines.append(
            f"| {seed} | {whole['error']:.4f} | {few['error']:.4f} "
            f"| {100 * (few['error'] / whole['error'] - 1):.1f} % | {error:.4f} "
            f"| {100 * whole['rate']:.2f} % | {100 * few['rate']:.2f} % | {100 * rate:.2f} % |"
        )
    return "\n".join(lines)


def draw_errors(results: dict[str, Any], path: Path) -> None:
    """Draws the errors of all seeds."""
    rows = gathered(results)
    figure: Any = Figure(figsize=(6.4, 3.4), layout="constrained")
    axes = figure.subplots()
    names = [name for name in rows if name != "argmax"]
    for at, name in enumerate(names):
        errors = [row["error"] for row in rows[name]]
        bounds = [row["bound"] for row in rows[name]]
        colour = "#d95f02" if name in ROWS[:4] else "#1f77b4"
        axes.plot([at] * len(errors), errors, "o", color=colour, alpha=0.6)
        axes.plot(at, np.nanmean(bounds), "_", color="black", markersize=22)
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_ylabel("error of the position, pixels")
    axes.set_ylim(0)
    axes.grid(alpha=0.3)
    axes.set_title("one point a seed; bars: Cramer-Rao bound of the peaks found", fontsize=9)
    figure.savefig(path, metadata={"Date": None})


def draw_line(model: Path, path: Path, threshold: float) -> None:
    """Draws a line, and the peaks that the compiled detector finds."""
    lines = make_lines(40, 7)
    number = int(np.argmax((~np.isnan(lines.centres)).sum(axis=1)))
    design = qcompiler.compile(model, pixels_per_clock=32)
    made = design.predict(lines.pixels[number][None, None] / 64)
    scores, offset = made[0].astype(np.float64)
    peaks = np.flatnonzero(candidates(scores[None])[0] > threshold)
    figure: Any = Figure(figsize=(7.2, 3.0), layout="constrained")
    axes = figure.subplots()
    axes.step(
        np.arange(len(scores)), lines.pixels[number], where="mid", color="0.5", label="pixels"
    )
    for centre in lines.centres[number]:
        axes.axvline(centre, color="#2ca02c", linewidth=1)
    axes.plot(peaks + offset[peaks], lines.pixels[number][peaks], "v", color="#d95f02",
              label="4 bits, integers")  # fmt: skip
    axes.plot([], [], color="#2ca02c", label="centres")
    axes.set(xlabel="pixel", ylabel="code of 8 bits", xlim=(0, len(scores) - 1))
    axes.legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Prints the table, draws the pictures."""
    results, model, folder = map(Path, sys.argv[1:])
    known = json.loads(results.read_text(encoding="utf-8"))
    mpl.rcParams["svg.hashsalt"] = "peak_detection"
    print(table(known), table_of_seeds(known), sep="\n\n")
    draw_errors(known, folder / "peak_detection_errors.svg")
    draw_line(model, folder / "peak_detection_line.svg", 0.0)


if __name__ == "__main__":
    main()

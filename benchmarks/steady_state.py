"""Measures cycles a frame in Verilator, back to back, against the bottleneck's at several foldings.

`--write-docs` writes docs/steady_state.md.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import MODELS, REPOSITORY, markdown, print_table, save_results
from qcompiler import compile as compile_model
from qcompiler.analysis.validation import random_integers
from qcompiler.design import Design

NAMES = ("resnet8", "kws_dscnn")
FOLDINGS = (40_000, 150_000, 600_000)
"""What --cycles asks for."""
MOST_EXTRA = 0.05
_FRAMES = 4
_PAGE = REPOSITORY / "docs" / "steady_state.md"
_COLUMNS = ["model", "--cycles", "bottleneck", "folding", "measured", "extra", "mismatches", "met"]


def simulate(design: Design, frames: int) -> tuple[float, float, int]:
    """Returns cycles a frame, cycles to the end of the first frame, and integers that differ."""
    rng = np.random.default_rng(0)
    channels = [channel for port, channel in design.ports if port.direction == "in"]
    shapes = [array.shape[1:] for array in _zeros(design)]
    integers = [
        random_integers(channel.element.range, (frames, *shape), rng)
        for channel, shape in zip(channels, shapes, strict=True)
    ]
    expected = design.core(integers)
    with tempfile.TemporaryDirectory() as folder:
        rtl = design.rtl_design(Path(folder))
        limit = 4 * frames * design.timing.cycles_per_frame + 4 * design.timing.latency_cycles
        got, result = design.simulate_rtl(rtl, integers, tool="verilator", timeout_cycles=limit)
    wrong = sum(
        int((want.reshape(have.shape) != have).sum())
        for want, have in zip(expected, got, strict=True)
    )
    return result.cycles_per_frame, result.latency_cycles, wrong


def _zeros(design: Design) -> tuple[Any, ...]:
    """Returns one frame of each hardware input."""
    given = {
        name: np.zeros((1, *shape), np.float32)
        for name, shape in zip(design.names("inputs"), _shapes(design), strict=True)
    }
    return tuple(design.quantize(given))


def _shapes(design: Design) -> list[tuple[int, ...]]:
    from qcompiler.dialects.attributes import shape_of
    from qcompiler.interpreters import functions

    return [shape_of(a.type) for a in functions(design.level("qint"))["head"].args]


def measure(name: str, cycles: int) -> dict[str, Any]:
    """Compiles a model at a folding and simulates it."""
    design = compile_model(MODELS / "mlperf_tiny" / f"{name}_int8.onnx", cycles=cycles)
    measured, latency, wrong = simulate(design, _FRAMES)
    timing = design.timing
    extra = measured / timing.cycles_per_frame - 1
    return {
        "model": name,
        "cycles": cycles,
        "bottleneck": timing.bottleneck,
        "folding": timing.cycles_per_frame,
        "measured": measured,
        "latency": latency,
        "predicted_latency": timing.latency_cycles,
        "extra": extra,
        "mismatches": wrong,
        "met": extra <= MOST_EXTRA and not wrong,
    }


def _row(found: dict[str, Any]) -> list[str]:
    return [
        found["model"],
        str(found["cycles"]),
        found["bottleneck"],
        str(found["folding"]),
        f"{found['measured']:g}",
        f"{found['extra']:+.2%}",
        str(found["mismatches"]),
        "yes" if found["met"] else "NO",
    ]


_TEXT = """\
# Cycles a frame in steady state

Written by `python -m benchmarks.steady_state --write-docs`; do not edit.

{frames} frames back to back in Verilator, against the cycles that the slowest process's folding
gives. Wanted: at most {extra:.0%} more, and no integer that differs.

{table}
"""


def main() -> int:
    """Measures all foldings; exit status 1 if one is slower than wanted or wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write-docs", action="store_true", help="write docs/steady_state.md")
    parser.add_argument("--only", choices=NAMES, help="one model")
    parsed = parser.parse_args()
    results: list[dict[str, Any]] = []
    for name in [parsed.only] if parsed.only else NAMES:
        for cycles in FOLDINGS:
            results.append(measure(name, cycles))
            print(" | ".join(_row(results[-1])), flush=True)
    rows = [_row(found) for found in results]
    print_table("steady state", _COLUMNS, rows)
    save_results("steady_state", results)
    if parsed.write_docs:
        text = _TEXT.format(frames=_FRAMES, extra=MOST_EXTRA, table=markdown(_COLUMNS, rows))
        _PAGE.write_text(text, encoding="utf-8")
    return int(not all(found["met"] for found in results))


if __name__ == "__main__":
    sys.exit(main())

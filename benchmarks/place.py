"""Places and routes models with nextpnr: the clock that each reaches, against the one stated.

`--write-docs` writes docs/clock.md. Large designs take a quarter of an hour each.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import (
    MODELS,
    REPOSITORY,
    RESULTS,
    commit,
    markdown,
    print_table,
    save_results,
)
from benchmarks.steady_state import simulate
from qcompiler import compile as compile_model
from qcompiler.backends.synthesis.flow import Request, SynthesisResult, synthesize
from qcompiler.backends.synthesis.tools import Limits
from qcompiler.design import Design
from qcompiler.devices import load_device

_DIGITS = REPOSITORY / "examples" / "digits_cnn" / "digits_cnn_qdq.onnx"
_KWS = MODELS / "mlperf_tiny" / "kws_dscnn_int8.onnx"
_PAGE = REPOSITORY / "docs" / "clock.md"
_FRAMES = 3
_LIMITS = Limits(seconds=3600)
MOST_OFF = 0.1
"""Frames a second may be off by that."""


@dataclass(frozen=True)
class Case:
    """What is compiled and placed.

    Attributes:
        model: an ONNX file.
        device: the part.
        mhz: the clock that is stated.
        cycles: of a frame; None fills the part.
    """

    model: Path
    device: str
    mhz: float
    cycles: int | None = None

    @property
    def name(self) -> str:
        """Of the case, on the command line."""
        folding = "" if self.cycles is None else f"-{self.cycles}"
        return f"{self.model.stem}-{self.device}-{self.mhz:g}{folding}"


CASES = (
    Case(_DIGITS, "ecp5-25k", 100),
    Case(_DIGITS, "ecp5-25k", 50),
    Case(_DIGITS, "ice40-hx8k", 60, 18432),
    Case(_DIGITS, "ice40-up5k", 24, 18432),
    Case(_KWS, "ecp5-85k", 100, 128_000),
    Case(_KWS, "ecp5-85k", 100),
)
_COLUMNS = [
    "model", "device", "--mhz", "MHz reached", "cycles", "measured", "frames/s predicted",
    "implied", "off", "LUT", "FF", "BRAM", "DSP", "critical path", "minutes", "met",
]  # fmt: skip


def measure(case: Case) -> dict[str, Any]:
    """Compiles, simulates, places and routes one case."""
    design = compile_model(case.model, device=case.device, mhz=case.mhz, cycles=case.cycles)
    cycles, _, wrong = simulate(design, _FRAMES)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "design"
        design.write(directory)
        request = Request(load_device(case.device), case.mhz, place=True, limits=_LIMITS)
        found = synthesize(directory, request, lambda _: None)
    return _result(case, design, found, cycles, wrong)


def _result(
    case: Case, design: Design, found: SynthesisResult, measured: float, wrong: int
) -> dict[str, Any]:
    assert found.timing is not None, "it was placed"
    cycles, reached = design.timing.cycles_per_frame, found.timing.fmax_mhz
    predicted = case.mhz * 1e6 / cycles
    implied = min(reached, case.mhz) * 1e6 / measured  # the clock is the one that was stated
    off = implied / predicted - 1
    return {
        "model": case.model.stem,
        "device": case.device,
        "mhz": case.mhz,
        "reached": reached,
        "cycles": cycles,
        "measured": measured,
        "predicted": predicted,
        "implied": implied,
        "off": off,
        "total": found.total,
        "capacity": found.capacity,
        "critical": list(found.timing.critical_layers),
        "minutes": sum(found.seconds.values()) / 60,
        "mismatches": wrong,
        "met": reached >= case.mhz and abs(off) <= MOST_OFF and not wrong,
    }


def _row(found: dict[str, Any]) -> list[str]:
    shares = [
        f"{number} ({number / found['capacity'][kind]:.0%})" if found["capacity"][kind] else "0"
        for kind, number in found["total"].items()
        if kind in ("LUT", "FF", "BRAM", "DSP")
    ]
    return [
        found["model"],
        found["device"],
        f"{found['mhz']:g}",
        f"{found['reached']:.1f}",
        str(found["cycles"]),
        f"{found['measured']:g}",
        f"{found['predicted']:,.0f}",
        f"{found['implied']:,.0f}",
        f"{found['off']:+.1%}",
        *shares,
        ", ".join(found["critical"]),
        f"{found['minutes']:.0f}",
        "yes" if found["met"] else "NO",
    ]


_TEXT = """\
# Clocks after place and route

Written by `python -m benchmarks.place --write-docs` at {commits}; do not edit.

Each model is compiled for a part and a clock, simulated in Verilator ({frames} frames back to back,
every integer compared), and placed and routed by nextpnr in the measuring wrapper, seed 1.
*Implied* is the rate at the clock reached, at most that stated, with the cycles of a frame as
simulated. Wanted: the stated clock, and a rate within {off:.0%} of the predicted one. How registers
are placed: [hardware.md](hardware.md#pipeline-registers).

{table}
"""


def _known() -> dict[str, Any]:
    """Returns what earlier runs measured, by the name of the case."""
    path = RESULTS / "place.json"
    if not path.exists():
        return {}
    known = json.loads(path.read_text(encoding="utf-8"))["results"]
    return {name: result for name, result in known.items() if "commit" in result}


def main() -> int:
    """Measures cases; exit status 1 if one misses what is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write-docs", action="store_true", help="write docs/clock.md")
    names = [case.name for case in CASES]
    parser.add_argument(
        "--only", choices=names, action="append", help="one case; others stay as they were measured"
    )
    parsed = parser.parse_args()
    results = _known()
    for case in CASES:
        if not parsed.only or case.name in parsed.only:
            results[case.name] = measure(case) | {"commit": commit()}
            print(" | ".join(_row(results[case.name])), flush=True)
            save_results("place", results)
    found = [results[name] for name in names if name in results]
    rows = [_row(result) for result in found]
    print_table("clocks", _COLUMNS, rows)
    if parsed.write_docs:
        table = markdown(_COLUMNS, rows)
        commits = ", ".join(sorted({result["commit"] for result in found}))
        text = _TEXT.format(commits=commits, frames=_FRAMES, off=MOST_OFF, table=table)
        _PAGE.write_text(text, encoding="utf-8")
    return int(not all(result["met"] for result in found))


if __name__ == "__main__":
    sys.exit(main())

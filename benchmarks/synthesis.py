"""Synthesizes Verilog with Yosys (from pyosys) and counts what it takes; one child process a run.

`python -m benchmarks.synthesis FLOW TOP DIRECTORY` prints one line of JSON.
"""

import json
import re
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

FLOWS = {
    "ecp5": "synth_ecp5 -top {top}",
    "xilinx": "synth_xilinx -family xcup -flatten -top {top}",
}
_CELLS = {
    "LUT": r"LUT\d|TRELLIS_COMB|LUT4",
    "FF": r"FD[RCSP]E|TRELLIS_FF",
    "CARRY": r"CCU2C|CARRY\d",
    "DSP": r"DSP48E\d?|MULT18X18D",
    "BRAM": r"RAMB\d+E\d|DP16KD",
    "LUTRAM": r"RAM\d+\w*|TRELLIS_DPR16X4",
}


def run(flow: str, top: str, directory: Path) -> dict[str, Any]:
    """Returns seconds and cells of a design; runs in this process, in `directory`."""
    libyosys = import_module("pyosys.libyosys")
    start = time.perf_counter()
    design = libyosys.Design()
    sources = " ".join(sorted(p.name for p in directory.glob("*.v")))
    libyosys.run_pass(f"read_verilog {sources}", design)
    libyosys.run_pass(FLOWS[flow].format(top=top), design)
    libyosys.run_pass("tee -q -o stat.json stat -json", design)
    text = (directory / "stat.json").read_text(encoding="utf-8")
    statistics = json.loads(text[text.index("{") :])
    cells = statistics["design"]["num_cells_by_type"]
    counts = {
        kind: sum(n for name, n in cells.items() if re.fullmatch(pattern, name))
        for kind, pattern in _CELLS.items()
    }
    return {"seconds": round(time.perf_counter() - start, 1), **counts, "cells": cells}


def synthesize(flow: str, top: str, directory: Path, limit_seconds: float = 900) -> dict[str, Any]:
    """Returns what `run` finds, in a child process; {"error": ...} if it fails or is too slow."""
    command = [sys.executable, "-m", "benchmarks.synthesis", flow, top, str(directory)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit_seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return {"error": f"more than {limit_seconds:.0f} s"}
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not lines:
        return {"error": (done.stderr or done.stdout).strip()[-300:]}
    return json.loads(lines[0].removeprefix("RESULT "))


def main() -> int:
    """Synthesizes one design."""
    import os

    flow, top, directory = sys.argv[1:]
    os.chdir(directory)
    result = run(flow, top, Path.cwd())
    print("\nRESULT " + json.dumps(result), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

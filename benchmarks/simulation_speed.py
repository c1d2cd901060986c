"""Measures inferences a second: the interpreter, and the fully parallel design in Verilator.

With `--da4ml PYTHON` (an interpreter of an environment where da4ml is installed) a network of the
same shape, weights and bit widths goes through da4ml in the same run.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import ZOO, print_table, save_results
from qcompiler import compile as compile_model
from qcompiler.design import Design
from qcompiler.dialects import qint
from qcompiler.interpreters import functions


def rate(work: Callable[[], Any], frames: int, runs: int) -> tuple[float, float, float]:
    """Returns lowest, median and highest frames a second, after one run that does not count."""
    work()
    found: list[float] = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        found.append(frames / (time.perf_counter() - start))
    return min(found), statistics.median(found), max(found)


def weights(design: Design) -> list[list[list[int]]]:
    """Returns the integer matrices of a design's core, in order."""
    core = functions(design.level("qint"))["core"]
    return [
        op.array.reshape(op.array.shape[-2:]).tolist()
        for op in core.body.block.ops
        if isinstance(op, qint.ConstantOp)
    ]


def _peer(python: str, design: Design, frames: int, runs: int) -> dict[str, Any]:
    """Returns what benchmarks/da4ml_peer.py measures with another interpreter."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "weights.json"
        path.write_text(json.dumps(weights(design)))
        script = Path(__file__).with_name("da4ml_peer.py")
        command = [python, str(script), str(path), str(frames), str(runs)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"error": done.stderr[-2000:]}
    return json.loads(done.stdout.splitlines()[-1])


def main() -> int:
    """Measures jet_tagging_w6a6; exit status 1 if slower than wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--da4ml", metavar="PYTHON")
    parsed = parser.parse_args()
    model = next(m for m in ZOO if m.name.startswith("jet_tagging"))
    design = compile_model(model.path, inputs=model.inputs, cycles=1)
    rng = np.random.default_rng(0)
    codes = rng.integers(-(2**12), 2**12, (parsed.frames, 16))
    integers = design.quantize(codes)
    with tempfile.TemporaryDirectory() as directory:
        rtl = design.rtl_design(Path(directory))
        start = time.perf_counter()
        design.simulate_rtl(rtl, [a[:2] for a in integers], tool="verilator")
        build = time.perf_counter() - start
        measured = {
            "predict": rate(lambda: design.predict(codes), parsed.frames, parsed.runs),
            "core (integers only)": rate(lambda: design.core(integers), parsed.frames, parsed.runs),
            "simulate": rate(lambda: design.simulate(codes), parsed.frames, parsed.runs),
            "simulate_rtl (integers, files exist)": rate(
                lambda: design.simulate_rtl(rtl, integers, tool="verilator"),
                parsed.frames,
                parsed.runs,
            ),
        }
    wanted = {"predict": 100_000, "simulate": 50_000}
    peer = _peer(parsed.da4ml, design, parsed.frames, parsed.runs) if parsed.da4ml else {}
    rows = [
        [
            name,
            *(f"{value:,.0f}" for value in rates),
            f"{wanted[name]:,}" if name in wanted else "-",
        ]
        for name, rates in measured.items()
    ]
    rows += [
        [f"da4ml {n}", *(f"{v:,.0f}" for v in r), "-"] for n, r in peer.get("rates", {}).items()
    ]
    title = f"Inferences a second, batches of {parsed.frames}, load {os.getloadavg()[0]:.1f}"
    print_table(title, ["what", "lowest", "median", "highest", "wanted"], rows)
    print(f"Verilator build (or cache): {build:.1f} s; da4ml: {peer or 'not measured'}")
    save_results("simulation_speed", {"rates": measured, "build_seconds": build, "da4ml": peer})
    return int(any(measured[name][1] < least for name, least in wanted.items()))


if __name__ == "__main__":
    sys.exit(main())

"""Compiles, simulates, lints and synthesizes the MLPs of QONNX's zoo: what docs/qonnx_mlps.md says.

For each model and folding: the Verilog in Verilator against our interpreter, back to back and with
random stalls; our interpreter against qonnx's executor; cycles against prediction; lint; Yosys; and
a second compilation, which must write the same bytes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import (
    REPOSITORY,
    ZOO,
    ZooModel,
    markdown,
    model_inputs,
    print_table,
    save_results,
)
from benchmarks.reference import compare_zoo
from benchmarks.synthesis import FLOWS, synthesize
from qcompiler import compile as compile_model
from qcompiler.analysis.validation import random_integers
from qcompiler.backends.simulators import RtlDesign, SimulationError, lint, lint_icarus
from qcompiler.design import Design
from qcompiler.dialects import stream
from qcompiler.dialects.attributes import Array

_LEAST = 8
"""PE and SIMD of the wide folding, where the layer's shape allows."""
_DOCUMENT = REPOSITORY / "docs" / "qonnx_mlps.md"


@dataclass
class Row:
    """One model in one folding; times in seconds."""

    model: str
    folding: str
    multipliers: int = 0
    compile_seconds: float = 0.0
    frames: int = 0
    mismatches: int = 0
    stalled_mismatches: int = 0
    predicted_cycles: int = 0
    measured_cycles: float = 0.0
    slowest_matrix_cycles: int = 0
    predicted_latency: int = 0
    measured_latency: int = 0
    lint_verilator: str = ""
    lint_icarus: str = ""
    identical: bool = False
    simulation_seconds: float = 0.0
    synthesis: dict[str, Any] = field(default_factory=dict[str, Any])
    error: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing failed."""
        wrong = self.mismatches or self.stalled_mismatches or self.lint_verilator or self.error
        return not wrong and not self.lint_icarus and self.identical and self.cycles_as_predicted

    @property
    def cycles_as_predicted(self) -> bool:
        """Whether the simulation takes the cycles a frame that were predicted."""
        return self.measured_cycles == self.predicted_cycles


def matrices(design: Design) -> dict[str, stream.MvauOp]:
    """Returns the matrix units by name."""
    return {n: p for n, p in design.network.named() if isinstance(p, stream.MvauOp)}


def wide_folding(design: Design) -> dict[str, dict[str, int]]:
    """Returns a folding with at least 8 in PE and SIMD, or all of a layer that is smaller."""

    def least(extent: int) -> int:
        return next((d for d in stream.divisors(extent) if d >= _LEAST), extent)

    return {n: {"PE": least(p.mh), "SIMD": least(p.mw)} for n, p in matrices(design).items()}


def stimulus_integers(design: Design, count: int, seed: int) -> list[Array]:
    """Returns integers for the hardware: model inputs through the head, extremes, random ones."""
    rng = np.random.default_rng(seed)
    real = design.quantize(model_inputs(design, count // 2, rng))
    channels = [channel for port, channel in design.ports if port.direction == "in"]
    found: list[Array] = []
    for array, channel in zip(real, channels, strict=True):
        shape = (count - count // 2, *array.shape[1:])
        found.append(np.concatenate([random_integers(channel.element.range, shape, rng), array]))
    return found


def _simulate(design: Design, rtl: RtlDesign, row: Row, count: int) -> None:
    integers = stimulus_integers(design, count, seed=1)
    expected = design.core(integers)
    row.frames = count
    start = time.perf_counter()
    for stalls in (0.0, 0.3):
        got, result = design.simulate_rtl(
            rtl,
            integers,
            tool="verilator",
            stall_probability_in=stalls,
            stall_probability_out=stalls,
            seed=2,
        )
        wrong = sum(
            int((want.reshape(have.shape) != have).sum())
            for want, have in zip(expected, got, strict=True)
        ) + len(result.tlast_errors)
        if stalls:
            row.stalled_mismatches = wrong
        else:
            row.mismatches = wrong
            row.measured_cycles = result.cycles_per_frame
            row.measured_latency = result.latency_cycles
    row.simulation_seconds = round(time.perf_counter() - start, 1)


def _same_files(first: Path, second: Path) -> bool:
    """Whether two directories hold the same files with the same bytes."""
    found = [
        {str(p.relative_to(d)): p.read_bytes() for p in d.rglob("*") if p.is_file()}
        for d in (first, second)
    ]
    return found[0] == found[1]


def _compile_again(model: ZooModel, options: list[str], directory: Path) -> None:
    """Compiles in a fresh process, with another hash seed."""
    command = [sys.executable, "-m", "qcompiler.cli.main", "compile", *model.arguments, *options]
    subprocess.run([*command, "-o", str(directory)], check=True, stdout=subprocess.DEVNULL)


def measure(model: ZooModel, folding: str, count: int, flows: list[str], work: Path) -> Row:
    """Returns what is found about a model in a folding: default, wide or parallel."""
    row = Row(model.name, folding)
    options: dict[str, Any] = {}
    words: list[str] = []
    if folding == "wide":
        path = work / f"{model.name}.folding.json"
        path.write_text(json.dumps(wide_folding(compile_model(model.path, inputs=model.inputs))))
        options, words = {"folding": path}, ["--folding", str(path)]
    if folding == "parallel":
        options, words = {"cycles": 1}, ["--cycles", "1"]
    start = time.perf_counter()
    design = compile_model(model.path, inputs=model.inputs, **options)
    directory = design.write(work / f"{model.name}_{folding}")
    row.compile_seconds = round(time.perf_counter() - start, 2)
    units = matrices(design).values()
    row.multipliers = sum(p.pe.value.data * p.simd.value.data for p in units)
    row.slowest_matrix_cycles = max(
        p.mh * p.mw // (p.pe.value.data * p.simd.value.data) for p in units
    )
    row.predicted_cycles = design.timing.cycles_per_frame
    row.predicted_latency = design.timing.latency_cycles
    again = work / f"{model.name}_{folding}_again"
    _compile_again(model, words, again)
    row.identical = _same_files(directory, again)
    sources = tuple(sorted((directory / "rtl").glob("*.v")))
    rtl = RtlDesign(design.name, sources, tuple(port for port, _ in design.ports))
    row.lint_verilator, row.lint_icarus = lint(rtl)[:500], lint_icarus(rtl)[:500]
    try:
        _simulate(design, rtl, row, count)
    except SimulationError as error:
        row.error = str(error)[:500]
    for flow in flows:
        row.synthesis[flow] = synthesize(flow, rtl)
    return row


def _cycles(row: Row) -> str:
    measured = f"{row.measured_cycles:g}"
    return measured if row.cycles_as_predicted else f"{measured} (predicted {row.predicted_cycles})"


def _latency(row: Row) -> str:
    same = row.measured_latency == row.predicted_latency
    return (
        f"{row.measured_latency}"
        if same
        else f"{row.measured_latency} (predicted {row.predicted_latency})"
    )


def simulation_table(rows: list[Row]) -> tuple[list[str], list[list[Any]]]:
    """Returns columns and rows of the table about simulations."""
    columns = [
        "model", "folding", "multipliers", "compile s", "frames", "mismatches", "with stalls",
        "cycles/frame", "slowest matrix", "latency", "lint", "same bytes again",
    ]  # fmt: skip
    table = [
        [
            row.model, row.folding, row.multipliers, row.compile_seconds, row.frames,
            row.error.splitlines()[0] if row.error else row.mismatches,
            row.stalled_mismatches, _cycles(row), row.slowest_matrix_cycles, _latency(row),
            "clean" if not row.lint_verilator + row.lint_icarus else "WARNINGS",
            "yes" if row.identical else "NO",
        ]
        for row in rows
    ]  # fmt: skip
    return columns, table


def synthesis_table(rows: list[Row]) -> tuple[list[str], list[list[Any]]]:
    """Returns columns and rows of the table about Yosys."""
    kinds = ["LUT", "FF", "CARRY", "DSP", "BRAM", "LUTRAM", "seconds"]
    table = [
        [
            row.model,
            row.folding,
            flow,
            *(found.get(kind, "") for kind in kinds),
            found.get("error", ""),
        ]
        for row in rows
        for flow, found in row.synthesis.items()
    ]
    return ["model", "folding", "target", *kinds, "failure"], table


def reference_table(found: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Returns columns and rows of the table about qonnx's executor."""
    columns = [
        "model", "frames", "codes compared", "outputs compared", "mismatches",
        "float32 noise of qonnx", "relative error of results",
    ]  # fmt: skip
    table = [
        [
            name,
            c["frames"],
            c["integers"],
            c["outputs"],
            c["mismatches"],
            c["noise"],
            f"{c['largest_error']:.2g}",
        ]
        for name, c in found.items()
    ]
    return columns, table


_TEXT = """\
# The QONNX zoo in detail

Written by `python -m benchmarks.qonnx_mlps --write-docs`; do not edit.

The five models are those of [QONNX's model zoo](https://github.com/fastmachinelearning/qonnx_model_zoo)
that consist of fully connected layers. `default` is the folding that `qcc compile` chooses, `wide`
has at least 8 in PE and SIMD of each layer (all of it where the layer is smaller), `parallel` is
`--cycles 1`.

## The Verilog, simulated

Verilator against our integer interpreter: half of the frames are random inputs of the model, the
others extremes and random integers; once back to back and once with random stalls on every port
(p = 0.3). A mismatch is one output integer that differs, or a wrong TLAST. `cycles/frame` and
`latency` are measured, and equal the prediction unless another number is given. Lint is Verilator's
and Icarus's `-Wall`. `same bytes again` compares the whole output directory of a second compilation
in another process.

{simulation}

## The interpreter, against qonnx's executor

qonnx computes in float32, qcompiler in exact arithmetic. All integers after every quantizer of
activations and at the hardware's output are compared. One that differs counts as noise of the
reference only if the exact value before rounding lies closer to the switch point than float32
resolves; all else is a mismatch (`benchmarks/reference.py`).

{reference}

## Yosys

`synth_ecp5` and `synth_xilinx -family xcup -flatten` of the default folding, not placed or routed.
LUT has carry cells and distributed memories in it. BRAM of AMD parts are halves of 18 Kb.

{synthesis}

Inputs that these models leave open: `--input global_in=int16:0.0009765625` for jet_tagging_w6a6,
`--input onnx::Add_0=bipolar:1` for unsw_nb15_mlp_w2a2.
"""


def main() -> int:
    """Measures all models; exit status 1 if anything is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--models", nargs="*", default=[m.name for m in ZOO])
    parser.add_argument(
        "--no-synthesis", action="store_true", help="leave out Yosys, which is slow"
    )
    parser.add_argument("--write-docs", action="store_true", help="write docs/qonnx_mlps.md")
    parsed = parser.parse_args()
    rows: list[Row] = []
    comparisons: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="qcompiler-zoo-") as temporary:
        for model in (m for m in ZOO if m.name in parsed.models):
            design = compile_model(model.path, inputs=model.inputs)
            comparisons[model.name] = asdict(compare_zoo(model, design, parsed.frames))
            foldings = ["default", "wide"] + ["parallel"] * model.name.startswith("jet_tagging")
            for folding in foldings:
                small = folding == "default" and not parsed.no_synthesis
                flows = list(FLOWS) if small else []
                rows.append(measure(model, folding, parsed.frames, flows, Path(temporary)))
                print(rows[-1], flush=True)
    tables = {
        "simulation": simulation_table(rows),
        "reference": reference_table(comparisons),
        "synthesis": synthesis_table(rows),
    }
    for name, (columns, table) in tables.items():
        print_table(name, columns, table)
    save_results("qonnx_mlps", {"rows": [asdict(row) for row in rows], "reference": comparisons})
    if parsed.write_docs:
        text = _TEXT.format(**{name: markdown(*table) for name, table in tables.items()})
        _DOCUMENT.write_text(text, encoding="utf-8")
    failed = any(not row.good for row in rows) or any(c["mismatches"] for c in comparisons.values())
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

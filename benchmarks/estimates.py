"""Estimated area against Yosys, for whole networks: what docs/estimates.md says.

Each model is compiled at three foldings and synthesized for ECP5 and UltraScale+; some are compiled
for each device so that they have pipelines, requantizers in turns, memories in tables. What Yosys
found is kept in build/area by the Verilog's digest, so the benchmark goes on where it was stopped.
`--report` runs no Yosys: what has not been measured is shown as such.
"""

import argparse
import fnmatch
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.area import measure
from benchmarks.common import REPOSITORY, commit, markdown, print_table
from benchmarks.fit_costs import DEVICES
from benchmarks.zoo.models import Model, all_models
from qcompiler import compile as compile_model
from qcompiler.analysis.area.estimate import estimate_areas, total
from qcompiler.analysis.foldable_layers import foldable_layers
from qcompiler.arith.turns import ONCE
from qcompiler.backends.synthesis.tools import Limits
from qcompiler.design import Design
from qcompiler.devices import load_device
from qcompiler.dialects import stream
from qcompiler.errors import ModelError

_DOCUMENT = REPOSITORY / "docs" / "estimates.md"
_MULTIPLIERS = (4, 16, 64)
"""Of the largest layer, in the three foldings."""
_WITHIN_PERCENT = 10.0
_EXACT = ("BRAM", "DSP")
_NEAR = ("LUT", "FF")
_MODELS = (
    "qonnx_zoo/tfc_w1a1", "qonnx_zoo/jet_tagging_w6a6", "deeploy/minimobilenet",
    "deeploy/k_conv_dw_3x3_rq", "deeploy/k_conv_striddedpadded_2d_rq",
    "deeploy/k_gemm_regular_rqpercolumn", "qonnx_zoo/tfc_w2a2", "qonnx_zoo/kws_mlp_w3a3",
    "deeploy/cnn_linear1", "ort/conv_qdq_u8u8", "ort/conv_qdq_s8s8_perchannel",
    "brevitas/radioml_cnn_qonnx", "dory/nemo_eegnet",
    "qonnx_zoo/unsw_nb15_mlp_w2a2", "mlperf_tiny/kws_dscnn_int8", "mlperf_tiny/ad01_int8",
    "mlperf_tiny/resnet8_int8", "dory/nemo_frontnet", "dory/nemo_residual1",
)  # fmt: skip
"""The networks of others that compile, MLPs and CNNs, smaller ones first."""


_AT_ONCE = "parallel"
_IN_TURNS = "turns"
_IN_TABLES = "tables"


@dataclass(frozen=True)
class Case:
    """A network with blocks that the foldings above have not.

    Attributes:
        kind: of the blocks.
        model: name.
        options: of `qcompiler.compile`.
        device: what it is compiled for and measured on; empty for each of them.
    """

    kind: str
    model: str
    options: Mapping[str, Any]
    device: str = ""

    @property
    def title(self) -> str:
        """What its rows are called."""
        return f"{self.model}, {self.kind}"


_ALL_CYCLES = 1 << 40
"""So many that nothing is parallel: layers are told apart then."""

_CASES = (
    Case(_AT_ONCE, "deeploy/k_conv_dw_3x3_rq", {"cycles": 100}),
    Case(_AT_ONCE, "qonnx_zoo/tfc_w1a1", {
        "cycles": 3136,
        "folding": {
            "MatMul_32_mvau": {"PE": 64, "SIMD": 64},
            "MatMul_40_mvau": {"PE": 10, "SIMD": 64},
        },
    }),
    Case(_AT_ONCE, "qonnx_zoo/unsw_nb15_mlp_w2a2", {"cycles": 1}),
    Case(_IN_TURNS, "ort/conv_qdq_s8s8_perchannel", {"cycles": 146016}),
    Case(_IN_TURNS, "dory/nemo_eegnet", {"cycles": 51200}),
    Case(_IN_TURNS, "deeploy/minimobilenet", {"cycles": 8192}),
    Case(_IN_TABLES, "dory/nemo_eegnet", {"cycles": 51200, "max_brams": 6}, "ecp5-85k"),
    Case(_IN_TABLES, "dory/nemo_eegnet", {"cycles": 51200, "max_brams": 5}, "zu3eg"),
    Case(_IN_TABLES, "deeploy/minimobilenet", {"cycles": 8192, "max_brams": 3}, "ecp5-85k"),
)  # fmt: skip
"""Stretches that are pipelines of adder graphs; requantizers that take several cycles; memories
that leave the block memories."""


@dataclass(frozen=True)
class Row:
    """A model in a folding on a device.

    Attributes:
        model: name.
        cycles: a frame takes.
        device: its name.
        estimated: by kind.
        measured: by kind; empty if Yosys did not finish.
        why: why not.
    """

    model: str
    cycles: int
    device: str
    estimated: dict[str, int]
    measured: dict[str, int]
    why: str = ""

    def error(self, kind: str) -> float:
        """Returns the estimate's error in percent of what was measured."""
        have, number = self.measured[kind], self.estimated[kind]
        return 100 * (number - have) / have if have else 100.0 * bool(number)

    @property
    def misses(self) -> list[str]:
        """Kinds whose estimate is not as good as wanted."""
        far = [k for k in _NEAR if abs(self.error(k)) > _WITHIN_PERCENT]
        return far + [k for k in _EXACT if self.estimated[k] != self.measured[k]]

    def cells(self) -> list[str]:
        """Returns the row of the table."""
        head = [self.model, str(self.cycles), self.device]
        if not self.measured:
            return [*head, *[str(self.estimated[k]) for k in (*_NEAR, *_EXACT)], self.why]
        near = [f"{self.estimated[k]} / {self.measured[k]} ({self.error(k):+.1f} %)" for k in _NEAR]
        exact = [f"{self.estimated[k]} / {self.measured[k]}" for k in _EXACT]
        return [*head, *near, *exact, ", ".join(self.misses)]


def designs(patterns: Sequence[str]) -> Iterator[tuple[str, str, Design]]:
    """Yields each model in its foldings, with its name and the device if there is but one."""
    known = {model.name: model for model in all_models()}
    for name in _MODELS:
        if name in known and _is_wanted(name, patterns):
            yield from _foldings(known[name])
    for case in _CASES:
        if case.model not in known or not _is_wanted(case.title, patterns):
            continue
        for device in DEVICES:
            if case.device in ("", device):
                yield from _design(case, known[case.model], device)


def _is_wanted(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def _foldings(model: Model) -> Iterator[tuple[str, str, Design]]:
    """Yields a model in its foldings."""
    inputs = model.settings.inputs
    try:
        first = compile_model(model.path, inputs=inputs, cycles=_ALL_CYCLES)
        largest = max(layer.work for layer in foldable_layers(first.network).values())
        foldings: set[str] = set()
        for multipliers in _MULTIPLIERS:
            design = compile_model(model.path, inputs=inputs, cycles=max(1, largest // multipliers))
            if (text := "".join(design.verilog.files.values())) not in foldings:
                foldings.add(text)  # small layers have no more foldings
                yield model.name, "", design
    except ModelError as error:
        print(f"{model.name}: {error}", flush=True)


def _design(case: Case, model: Model, device: str) -> Iterator[tuple[str, str, Design]]:
    """Yields the design of a case for a device."""
    options = dict(case.options)
    with TemporaryDirectory() as folder:
        if "folding" in options:
            path = Path(folder) / "folding.json"
            path.write_text(json.dumps(options["folding"]), encoding="utf-8")
            options["folding"] = path
        try:
            design = compile_model(
                model.path, inputs=model.settings.inputs, device=device, **options
            )
        except ModelError as error:
            print(f"{model.name}: {error}", flush=True)
            return
    has = _BLOCKS[case.kind]
    assert any(has(op) for op in design.network.processes), f"{model.name}: no {case.kind}"
    yield case.title, device, design


_BLOCKS: Mapping[str, Callable[[stream.Process], bool]] = {
    _AT_ONCE: lambda op: isinstance(op, stream.PipelineOp),
    _IN_TURNS: lambda op: isinstance(op, stream.RequantizeOp) and op.turns != ONCE,
    _IN_TABLES: lambda op: op.ram_style == "distributed",
}


def rows(patterns: Sequence[str], limits: Limits, cached_only: bool) -> Iterator[Row]:
    """Yields what is estimated and measured."""
    for name, only, design in designs(patterns):
        with TemporaryDirectory() as folder:
            rtl = design.rtl_design(Path(folder))
            for device in (load_device(d) for d in DEVICES if only in ("", d)):
                areas = estimate_areas(design.level("rtl"), design.network, device.family)
                found = measure(rtl, device, limits, cached_only=cached_only)
                kinds = (*_NEAR, *_EXACT)
                measured = found.total(device.family)
                row = Row(
                    name,
                    design.timing.cycles_per_frame,
                    device.name,
                    total(areas.values()).as_dict(),
                    {} if found.error else {kind: measured[kind] for kind in kinds},
                    found.error and _reason(found.error),
                )
                print(" ".join(row.cells()), f"{found.seconds} s", flush=True)
                yield row


def summary(found: list[Row]) -> list[list[str]]:
    """Returns how many estimates are as good as wanted, by device and kind."""
    table: list[list[str]] = []
    for device in (*DEVICES, "all"):
        chosen = [r for r in found if r.measured and device in (r.device, "all")]
        if not chosen:
            continue
        good = [sum(kind not in r.misses for r in chosen) for kind in (*_NEAR, *_EXACT)]
        every = sum(not r.misses for r in chosen)
        shares = [f"{n} of {len(chosen)} ({100 * n / len(chosen):.0f} %)" for n in (*good, every)]
        table.append([device, *shares])
    return table


def page(found: list[Row]) -> str:
    """Returns docs/estimates.md."""
    table = markdown(
        ("model", "cycles", "device", "LUT", "FF", "BRAM", "DSP", "misses"),
        [row.cells() for row in found if row.measured],
    )
    absent = [
        f"- {r.model} at {r.cycles} cycles on {r.device}: {r.why}" for r in found if not r.measured
    ]
    there = {row.model for row in found}
    absent += [f"- {name}" for name in _names() if name not in there]
    counts = ", ".join(map(str, _MULTIPLIERS))
    short = markdown(("device", "LUT", "FF", "BRAM", "DSP", "all four"), summary(found))
    return f"""# Estimated area against Yosys

Made by `python -m benchmarks.estimates --write-docs`; how areas are estimated stands in
[synthesis.md](synthesis.md). The models are others' (`../shared/models`); the factors of the cost
model were fitted on none of them. Each is compiled at three foldings, with {counts} multipliers in
its largest layer, and synthesized alone, without pads. `estimated / measured`; BRAM of AMD parts
are halves of 18 Kb. Rows called `parallel` have stretches that are pipelines of adder graphs, those
called `turns` requantizers that take several cycles, those called `tables` memories that left block
memories for look-up tables; these are compiled for the device.

Figures of commit {commit()}.

Wanted: LUT and FF within {_WITHIN_PERCENT:g} %, BRAM and DSP exact. What is not is named in the
last column; what is not followed stands [there](synthesis.md#estimates).

{short}

{table}

Not measured, as Yosys failed, did not finish or was not run:

{chr(10).join(absent) or "none"}
"""


def _names() -> Sequence[str]:
    """Returns what rows are called, each once."""
    return [*_MODELS, *dict.fromkeys(case.title for case in _CASES)]


def _reason(error: str) -> str:
    """Returns the line of Yosys' last words that says what is wrong."""
    lines = error.splitlines()
    said = next((line[line.index("ERROR") :] for line in lines if "ERROR" in line), lines[0])
    return f"Yosys: {said[:80]}"


def main() -> int:
    """Measures what is not in the cache."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", metavar="PATTERN", nargs="+", default=["*"], help="e.g. 'mlperf_tiny/*'"
    )
    parser.add_argument("--seconds", type=float, default=900, help="limit of each run of Yosys")
    parser.add_argument("--report", action="store_true", help="run no Yosys, use what is kept")
    parser.add_argument("--write-docs", action="store_true", help="write docs/estimates.md")
    parsed = parser.parse_args()
    found = list(rows(parsed.only, Limits(parsed.seconds, 8 << 30), parsed.report))
    print_table("Summary", ("device", "LUT", "FF", "BRAM", "DSP", "all four"), summary(found))
    if parsed.write_docs:
        _DOCUMENT.write_text(page(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

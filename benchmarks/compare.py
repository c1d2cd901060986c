"""qcompiler beside other tools that run here, and a gallery of designs, from files of measurements.

`python -m benchmarks.compare --measure` runs the tools and keeps what they did in
docs/compare.json; `--gallery [NAME ...]` compiles, places and routes designs and keeps the figures
in docs/gallery.json. Without either, the pages docs/compare.md and docs/gallery.md are written of
these files, which a test repeats. Each row says when and with which version it was made.
"""

import argparse
import datetime
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import qcompiler
from benchmarks import low_latency
from benchmarks.common import REPOSITORY, markdown
from qcompiler import pipelines
from qcompiler.version import VERSION

DOCS = REPOSITORY / "docs"
COMPARED, GALLERY = DOCS / "compare.json", DOCS / "gallery.json"
MODELS = ("digits_mlp/digits_mlp.onnx", "digits_cnn/digits_cnn_qdq.onnx")
MATRIX = 8
"""Rows and columns of the matrix that all multiply by."""
DESIGNS = {
    "digits_mlp-ecp5": ("digits_mlp/digits_mlp.onnx", "ecp5-25k", "--cycles 64 --mhz 100"),
    "digits_mlp-ice40": ("digits_mlp/digits_mlp.onnx", "ice40-hx8k", "--cycles 1024 --mhz 50"),
    "digits_cnn-ecp5": ("digits_cnn/digits_cnn_qonnx.onnx", "ecp5-25k", "--cycles 9216 --mhz 100"),
}
"""Model, part and options of what is in the gallery, by name."""


def _today() -> str:
    return datetime.date.today().isoformat()


def accepted_by_us(model: str) -> dict[str, Any]:
    """Compiles a model of the examples; compares with what its trainer computed."""
    path = REPOSITORY / "examples" / model
    start = time.process_time()
    design = qcompiler.compile(path, cycles=1024)
    seconds = time.process_time() - start
    held = np.load(path.parent / "test_vectors.npz")
    labels = np.asarray(design.predict(held["inputs"])).argmax(axis=1)
    right = int((labels == held["labels"]).sum())
    said = f"compiles; {right} of {len(labels)} labels right, {seconds:.1f} s of processor time"
    return {"tool": f"qcompiler {VERSION}", "model": model, "said": said, "date": _today()}


def accepted_by_peer(peer: str, model: str) -> dict[str, Any]:
    """Asks the command line of a peer to convert the same file; returns the last it said."""
    with tempfile.TemporaryDirectory() as folder:
        code = f"import sys; sys.argv[0] = {peer!r}; from {peer}._cli import main; main()"
        path = REPOSITORY / "examples" / model
        command = [sys.executable, "-c", code, "convert", path, folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1]
    said = last.split(f"{REPOSITORY}/")[0].strip().rstrip(":") if done.returncode else "converts"
    return {"tool": f"{peer} {version(peer)}", "model": model, "said": said, "date": _today()}


def matrix_designs() -> list[dict[str, Any]]:
    """Returns the hardware of one constant matrix by each tool, by one script of Yosys."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "matrix.qnn"
        model.write_text(low_latency.matrix_case(MATRIX), encoding="ascii")
        at = pipelines.STREAM.index("build-adder-graphs")
        passes = (*pipelines.QINT, *pipelines.STREAM[:at])
        module = qcompiler.compile(model, cycles=1, passes=passes).level("last")
        network, pipeline = low_latency.network_of(module)
        designs = [low_latency.ours(model, {}, "ecp5-85k", 70.0, folder / "ours")]
        job = {"network": network, "cutoff": 0}
        job["vectors"] = low_latency.vectors(module, pipeline)
        for peer in low_latency.PEERS:
            designs += low_latency.peers_designs({**job, "peer": peer}, (5.0,), folder)
        for index, design in enumerate(designs):
            cells = low_latency.synthesize(design, "ecp5", folder / f"netlist_{index}")
            luts, ffs = low_latency.tables(cells, "ecp5")
            tool = design.name.replace("qcompiler", f"qcompiler {VERSION},")
            found = {"LUT": luts, "FF": ffs, "cycles": design.cycles}
            rows.append({"tool": tool, **found, "date": _today()})
    return rows


def measure() -> None:
    """Runs all tools and keeps what they did."""
    accepted = [accepted_by_us(model) for model in MODELS]
    accepted += [accepted_by_peer(peer, m) for peer in low_latency.PEERS for m in MODELS]
    machine = f"{platform.machine()}, Python {platform.python_version()}, Yosys (pyosys) "
    told = {"machine": machine + version("pyosys"), "accepted": accepted}
    _keep(COMPARED, {**told, "matrix": matrix_designs()})


def _keep(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="ascii")


def picture(name: str) -> dict[str, Any]:
    """Compiles, places and routes a design of the gallery with `qcc`; returns its row."""
    model, device, options = DESIGNS[name]
    command = f"qcc compile examples/{model} --device {device} {options}"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "design"
        report = _qcc(*command.split()[1:], "-o", str(out), "--json")
        placed = _qcc("synth", str(out), "--place", "--json")
    told = report["estimate_network_performance.json"]
    clock = min(told["clock_mhz"], placed["timing"]["fmax_mhz"])
    cycles = told["max_cycles"]
    return {
        "name": name,
        "model": model,
        "part": device,
        **{kind: placed["total"][kind] for kind in ("LUT", "FF", "BRAM", "DSP")},
        "MHz": round(placed["timing"]["fmax_mhz"], 1),
        "frames/s": int(clock * 1e6 / cycles),
        "command": f"{command} -o DIR; qcc synth DIR --place",
        "version": VERSION,
        "date": _today(),
    }


def _qcc(*words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "qcompiler.cli.main", *words]
    done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=False)
    return json.loads(done.stdout)


def hang(names: Sequence[str]) -> None:
    """Makes designs of the gallery anew, and keeps the others."""
    for name in names:
        row = picture(name)
        held: list[dict[str, Any]] = json.loads(GALLERY.read_text()) if GALLERY.exists() else []
        rows = [row, *(other for other in held if other["name"] != name)]
        _keep(GALLERY, sorted(rows, key=lambda entry: entry["name"]))


_COMPARE = """\
# Beside other tools

Made by `python -m benchmarks.compare` of docs/compare.json; do not edit. Each row was run on the
day that it names, on one machine ({machine}); `--measure` runs them again.

## The same file given to each tool

QONNX and QDQ files of the examples, given to the command lines. da4ml and alkaid trace networks
in Python or read Keras models; what their command lines say of these files stands here as they
say it. qcompiler reads neither of these.

{accepted}

## One constant matrix, fully parallel

{size} x {size} weights of 8 bits (numpy's seed 0), inputs of 8 bits. Outputs of all are compared
on 2,502 vectors first; peers' solvers run with six settings each and the cheapest by their own
count is taken. One script of Yosys for all, ECP5, no multipliers, each addition on a carry chain;
LUT is LUT4 + 2 x CCU2C. The peers count a register at the input among their cycles, which ours
does not have. Larger networks, with how they were made: [low latency](low_latency.md).

{matrix}

## Not run here

hls4ml and FINN make hardware through Vitis HLS and Vivado, which are not on this machine, so
there are no figures of theirs.
"""

_GALLERY = """\
# Gallery of designs

Made by `python -m benchmarks.compare` of docs/gallery.json; do not edit. Each row was compiled,
synthesized with Yosys, and placed and routed with nextpnr on the day that it names, in the
measuring wrapper, by the command that it names. Frames per second are at the clock reached, at
most the one stated. `python -m benchmarks.compare --gallery` makes the figures again. More
designs, with estimates and clocks: [clocks](clock.md), [use of multipliers](mac_efficiency.md).

{rows}
"""


def _table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    def cell(value: Any) -> str:
        return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "&#124;")

    return markdown(list(columns), [[cell(row[name]) for name in columns] for row in rows])


def pages() -> dict[str, str]:
    """Returns the text of both pages by their names."""
    told = json.loads(COMPARED.read_text(encoding="ascii"))
    rows = json.loads(GALLERY.read_text(encoding="ascii"))
    compare = _COMPARE.format(
        machine=told["machine"],
        size=MATRIX,
        accepted=_table(told["accepted"], ("tool", "model", "said", "date")),
        matrix=_table(told["matrix"], ("tool", "LUT", "FF", "cycles", "date")),
    )
    shown = [{**row, "command": f"`{row['command']}`"} for row in rows]
    columns = ("model", "part", "LUT", "FF", "BRAM", "DSP", "MHz", "frames/s", "command")
    gallery = _GALLERY.format(rows=_table(shown, (*columns, "version", "date")))
    return {"compare.md": compare, "gallery.md": gallery}


def main() -> int:
    """Measures what is asked for, and writes the pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true", help="run the tools")
    parser.add_argument("--gallery", nargs="*", choices=DESIGNS, help="make designs anew")
    parsed = parser.parse_args()
    if parsed.measure:
        measure()
    if parsed.gallery is not None:
        hang(parsed.gallery or list(DESIGNS))
    if COMPARED.exists() and GALLERY.exists():
        for name, text in pages().items():
            (DOCS / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""qcompiler beside other tools that run here, and a gallery of designs, from files of measurements.

`python -m benchmarks.compare --measure [--peer hls4ml=PYTHON] [--peer finn-plus=PYTHON]` runs the
tools and keeps what they did in docs/compare.json; da4ml and alkaid where they are installed beside
qcompiler, those of `--peer` with the Python of an environment of their own. Rows of a tool that is
not there stay as they are. `--gallery [NAME ...]` compiles, places and routes designs and keeps the
figures in docs/gallery.json. Without either, the pages docs/compare.md and docs/gallery.md are
written of these files, which a test repeats. Each row says when, with which version, and with which
commit of qcompiler it was made.
"""

import argparse
import datetime
import json
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import onnx

import qcompiler
from benchmarks import low_latency
from benchmarks.common import REPOSITORY, ZOO, commit, markdown
from qcompiler import pipelines
from qcompiler.backends.runtimes import runtime_of
from qcompiler.version import VERSION

DOCS = REPOSITORY / "docs"
COMPARED, GALLERY = DOCS / "compare.json", DOCS / "gallery.json"
SHIPPED = ("digits_mlp/digits_mlp.onnx", "digits_cnn/digits_cnn_qonnx.onnx")
"""Models of the examples, by their paths there."""
OF_ZOO = "jet_tagging_w6a6"
"""A model of QONNX's zoo, which the first authors of hls4ml trained."""
FRAMES = 360
SEPARATE = ("hls4ml", "finn-plus")
"""Peers that have an environment of their own."""
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


@dataclass(frozen=True)
class Given:
    """A file that all tools are given.

    Attributes:
        path: the file.
        name: as the page calls it.
        inputs: what `qcompiler.compile` is told of its inputs.
        vectors: a file of `inputs` and of the `outputs` that its trainer, or qonnx, gives.
    """

    path: Path
    name: str
    inputs: Mapping[str, str]
    vectors: Path


def given_files(folder: Path) -> list[Given]:
    """Returns the files, with vectors in the folder; that of the zoo only where it is."""
    found: list[Given] = []
    for name in SHIPPED:
        path, vectors = REPOSITORY / "examples" / name, folder / f"{Path(name).stem}.npz"
        held = np.load(path.parent / "test_vectors.npz")
        np.savez(vectors, inputs=held["inputs"], outputs=held["logits"])
        found.append(Given(path, name, {}, vectors))
    (model,) = (one for one in ZOO if one.name == OF_ZOO)
    if model.path.is_file():
        ((name, _),) = model.inputs.items()
        codes = np.random.default_rng(0).integers(-(2**13), 2**13, (FRAMES, 16))
        inputs, vectors = model.reals(name, codes), folder / f"{OF_ZOO}.npz"
        graph = onnx.load(model.path)
        runtime, result = runtime_of(graph, ()), graph.graph.output[0].name
        outputs = [runtime.run({name: frame[None]})[result][0] for frame in inputs]
        np.savez(vectors, inputs=inputs, outputs=np.asarray(outputs))
        found.append(Given(model.path, f"{OF_ZOO} (QONNX's zoo)", model.inputs, vectors))
    return found


def accepted_by_us(given: Given) -> dict[str, Any]:
    """Compiles a file; compares labels with what its trainer or qonnx computed."""
    start = time.process_time()
    design = qcompiler.compile(given.path, cycles=1024, inputs=given.inputs)
    seconds = time.process_time() - start
    held = np.load(given.vectors)
    inputs = held["inputs"]
    for spec in given.inputs.values():  # the hardware is given integers
        inputs = (inputs / float(spec.split(":")[1])).astype(np.int64)
    labels = np.asarray(design.predict(inputs)).argmax(axis=1)
    same = int((labels == held["outputs"].argmax(axis=1)).sum())
    said = f"compiles to Verilog; {same} of {len(labels)} labels as the model's, "
    return _row(f"qcompiler {VERSION}", given, f"{said}{seconds:.1f} s of processor time")


def accepted_by_peer(peer: str, given: Given) -> dict[str, Any]:
    """Asks the command line of a peer to convert the same file; returns the last it said."""
    with tempfile.TemporaryDirectory() as folder:
        code = f"import sys; sys.argv[0] = {peer!r}; from {peer}._cli import main; main()"
        said = _last_said([sys.executable, "-c", code, "convert", str(given.path), folder], given)
    return _row(f"{peer} {version(peer)}", given, said or "converts")


def accepted_elsewhere(peer: str, python: str, given: Given) -> dict[str, Any]:
    """Asks a peer in an environment of its own; returns the last it said."""
    told = f"from importlib.metadata import version; print(version({peer!r}))"
    asked = subprocess.run([python, "-c", told], capture_output=True, text=True, check=True)
    script = str(Path(__file__).with_name("compare_peer.py"))
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "made")
        said = _last_said([python, script, peer, str(given.path), str(given.vectors), out], given)
    return _row(f"{peer} {asked.stdout.strip()}", given, said)


def _row(tool: str, given: Given, said: str) -> dict[str, Any]:
    return {"tool": tool, "model": given.name, "said": said, "commit": commit(), "date": _today()}


def _last_said(command: Sequence[str], given: Given) -> str:
    """Returns the last line of a program; its exception if it failed, without the file's path."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.returncode:
        return " ".join(done.stdout.strip().splitlines()[-1:])
    text = done.stderr.strip() or done.stdout.strip()
    starts = [found.start() for found in _EXCEPTION.finditer(text)]
    words = " ".join(text[starts[-1] :].split()) if starts else text.splitlines()[-1]
    return words.split(str(given.path))[0].strip().rstrip(":")


_EXCEPTION = re.compile(r"^[\w.]*(?:Error|Exception)\b", re.MULTILINE)


def matrix_designs(peers: Sequence[str], size: int = MATRIX) -> list[dict[str, Any]]:
    """Returns the hardware of one constant matrix by each tool, by one script of Yosys."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "matrix.qnn"
        model.write_text(low_latency.matrix_case(size), encoding="ascii")
        at = pipelines.STREAM.index("build-adder-graphs")
        passes = (*pipelines.QINT, *pipelines.STREAM[:at])
        module = qcompiler.compile(model, cycles=1, passes=passes).level("last")
        network, pipeline = low_latency.network_of(module)
        designs = [low_latency.ours(model, {}, "ecp5-85k", 70.0, "0", folder / "ours")]
        job = {"network": network, "cutoff": 0}
        job["vectors"] = low_latency.vectors(module, pipeline)
        for peer in peers:
            asking = low_latency.Asking(cutoffs=(5.0,))
            designs += low_latency.peers_designs({**job, "peer": peer}, asking, folder)
        for index, design in enumerate(designs):
            cells = low_latency.synthesize(design, "ecp5", folder / f"netlist_{index}")
            luts, ffs = low_latency.tables(cells, "ecp5")
            tool = design.name.replace("qcompiler", f"qcompiler {VERSION},")
            found = {"LUT": luts, "FF": ffs, "cycles": design.cycles}
            rows.append({"tool": tool, **found, "commit": commit(), "date": _today()})
    return rows


def measure(separate: Mapping[str, str]) -> None:
    """Runs all tools that are there and keeps what they did, beside older rows of the others.

    Args:
        separate: the Python of peers that have an environment of their own.
    """
    beside = [peer for peer in low_latency.PEERS if _is_installed(peer)]
    with tempfile.TemporaryDirectory() as folder:
        files = given_files(Path(folder))
        accepted = [accepted_by_us(given) for given in files]
        accepted += [accepted_by_peer(peer, given) for peer in beside for given in files]
        for peer, python in separate.items():
            accepted += [accepted_elsewhere(peer, python, given) for given in files]
    machine = f"{platform.machine()}, Python {platform.python_version()}, Yosys (pyosys) "
    told = {"machine": machine + version("pyosys")}
    made = {"accepted": accepted, "matrix": matrix_designs(beside)}
    old = json.loads(COMPARED.read_text(encoding="ascii")) if COMPARED.exists() else {}
    _keep(COMPARED, {**told, **{key: joined(old.get(key, []), rows) for key, rows in made.items()}})


def joined(old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns new rows, and behind them old ones of tools that have no new row."""
    tools = {row["tool"].split()[0] for row in new}
    return [*new, *(row for row in old if row["tool"].split()[0] not in tools)]


def _is_installed(peer: str) -> bool:
    try:
        version(peer)
    except PackageNotFoundError:
        return False
    return True


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
        "commit": commit(),
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
day that it names and with that commit of qcompiler, on one machine ({machine}); `--measure` runs
them again.

## The same file given to each tool

QONNX files, given to each tool as its own documentation says: the command lines of da4ml and
alkaid, which trace networks in Python or read Keras models (qcompiler reads neither of these);
hls4ml's converter after the transformations of qonnx that it asks for, with `fixed<32,16>` where
the model leaves a type open; the steps of FINN (of the package finn-plus) that end with estimates.
Where a tool failed, the last line that it said stands here. Labels are the largest outputs,
compared with those of the model's trainer for the examples (360 images), and with qonnx's for 360
random frames of the zoo's model. hls4ml's are of its C++ built with g++: what follows, Vitis HLS,
is not on this machine. Seconds are of compiling or converting, without g++.

{accepted}

## One constant matrix, fully parallel

{size} x {size} weights of 8 bits (numpy's seed 0), inputs of 8 bits. Outputs of all are compared
on 2,502 vectors first; peers' solvers run with six settings each and the cheapest by their own
count is taken. One script of Yosys for all, ECP5, no multipliers, each addition on a carry chain;
LUT is LUT4 + 2 x CCU2C. The peers count a register at the input among their cycles, which ours
does not have. Larger networks, with how they were made: [low latency](low_latency.md).

{matrix}

## Hardware of hls4ml and FINN

There are no figures of theirs: hls4ml makes hardware through Vitis HLS, FINN through Vivado, and
neither program is on this machine.
"""

_GALLERY = """\
# Gallery of designs

Made by `python -m benchmarks.compare` of docs/gallery.json; do not edit. Each row was compiled,
synthesized with Yosys, and placed and routed with nextpnr on the day and with the commit that it
names, in the measuring wrapper, by the command that it names. Frames per second are at the clock
reached, at most the one stated. `python -m benchmarks.compare --gallery` makes the figures again.
More designs, with estimates and clocks: [clocks](clock.md), [use of
multipliers](mac_efficiency.md).

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
        accepted=_table(told["accepted"], ("tool", "model", "said", "commit", "date")),
        matrix=_table(told["matrix"], ("tool", "LUT", "FF", "cycles", "commit", "date")),
    )
    shown = [{**row, "command": f"`{row['command']}`"} for row in rows]
    columns = ("model", "part", "LUT", "FF", "BRAM", "DSP", "MHz", "frames/s", "command")
    gallery = _GALLERY.format(rows=_table(shown, (*columns, "version", "commit", "date")))
    return {"compare.md": compare, "gallery.md": gallery}


def main() -> int:
    """Measures what is asked for, and writes the pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true", help="run the tools")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--gallery", nargs="*", choices=DESIGNS, help="make designs anew")
    parsed = parser.parse_args()
    separate = dict(word.split("=", 1) for word in parsed.peer if "=" in word)
    if len(separate) < len(parsed.peer) or separate.keys() - set(SEPARATE):
        parser.error(f"--peer is NAME=PYTHON, once for each of {', '.join(SEPARATE)}")
    if parsed.measure:
        measure(separate)
    if parsed.gallery is not None:
        hang(parsed.gallery or list(DESIGNS))
    if COMPARED.exists() and GALLERY.exists():
        for name, text in pages().items():
            (DOCS / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

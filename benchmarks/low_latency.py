"""Fully parallel networks: ours beside da4ml and alkaid, area and latency, in one run.

`python -m benchmarks.low_latency [CASE ...] [--family ecp5 xcup] [--mhz M ...] [--effort E ...]
    [--place] [--peer-seconds S] [--settings N] [--kept FOLDER] [--figures docs/low_latency.json]`

`--figures` keeps what was measured, in place of what an earlier run found for the same; what
`python -m benchmarks.low_latency_plot` draws.

Every contender gets the same integers: matrices, biases, requantizers. Its results are compared
with ours on random vectors and corners first; what differs is no contender. Peers' solvers run with
each of their settings, and the cheapest by their own count is taken; their pipelines are cut at
several lengths. A setting that takes longer than `--peer-seconds` is left out, and said to be;
`--settings 2` tries the two that are cheapest most often. What peers make of the same integers does
not change with this repository: `--kept` keeps it, and what Yosys found, for another run. One
Yosys, one script: each addition keeps a carry chain, no hard multipliers. At the end stands, for
each family, the geometric mean of our look-up tables over the better peer's. With `--place`,
nextpnr-ecp5 places each with the same wrapper of registers around.
"""

import argparse
import hashlib
import json
import math
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

import qcompiler
from benchmarks.common import print_table
from qcompiler import pipelines
from qcompiler.analysis.network import Network
from qcompiler.arith.requantizers import MulShift, Shift, Table, Threshold, chosen_rows, rows_of
from qcompiler.backends.synthesis.chains import CHAINS, CHAINS_FILE
from qcompiler.backends.synthesis.nextpnr import REPORT, place
from qcompiler.backends.synthesis.own_sums import SUMS_FILE, sums_file
from qcompiler.backends.synthesis.timing import read_timing
from qcompiler.backends.synthesis.tools import Limits
from qcompiler.backends.synthesis.yosys import PLACED_JSON, run_script
from qcompiler.devices import load_device
from qcompiler.devices.families import FAMILIES
from qcompiler.dialects import qint, stream
from qcompiler.interpreters import run
from qcompiler.options import EFFORTS

SYNTHESIS = {
    "ecp5": "synth_ecp5 -nodsp",
    "xcup": "synth_xilinx -family xcup -nodsp -noiopad",
}
PEERS = ("da4ml", "alkaid")
METHODS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "da4ml": [
        {"method0": method, "hard_dc": hard}
        for hard in (-1, 2)
        for method in ("wmc", "mc", "wmc-dc")
    ],
    "alkaid": [
        {"method0": method, "hard_dc": hard, "binary_lut": False}
        for hard in (-1, 2)
        for method in ("wmc", "mc", "wmc-dc")
    ],
}
"""Settings of each peer's solver, those that are cheapest most often first."""
CUTOFFS = (2.0, 5.0, 10.0)
PEER_SECONDS = 900.0
VECTORS = 2000
KWS_INPUT = "41"
"""The tensor before the last three layers of kws_mlp_w3a3."""
DEVICES = {"ecp5": "ecp5-85k", "xcup": "zu3eg"}
LARGE_DEVICES = {"ecp5": "ecp5-85k", "xcup": "u280"}
"""For what the others are too small for."""
LARGE_CASES = ("int8_64", "kws")


def matrix_case(size: int) -> str:
    """Returns a network that multiplies by random bytes, numpy's seed 0."""
    weights = np.random.default_rng(0).integers(-128, 128, (size, size)).tolist()
    return (
        f"network int8_{size}(x: int8[1, {size}] scale 1) {{\n"
        f"  w: int8[{size}, {size}] scale 1 = {weights}\n  return matmul(x, w)\n}}\n"
    )


def from_tensor(path: Path, name: str, shape: Sequence[int]) -> onnx.ModelProto:
    """Returns the part of a model behind one of its tensors, which becomes its only input."""
    model = onnx.load(path)
    wanted, nodes = {output.name for output in model.graph.output}, list[onnx.NodeProto]()
    for node in reversed(model.graph.node):
        if wanted & set(node.output) - {name}:
            nodes.insert(0, node)
            wanted |= set(node.input)
    kept = [tensor for tensor in model.graph.initializer if tensor.name in wanted]
    for part in ("node", "input", "initializer", "value_info"):
        model.graph.ClearField(part)
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(kept)
    kind = onnx.TensorProto.FLOAT
    model.graph.input.append(onnx.helper.make_tensor_value_info(name, kind, shape))
    return model


def last_layers_of_kws(zoo: Path) -> onnx.ModelProto:
    """Returns the layers 256 x 256, 256 x 256 and 256 x 12 of kws_mlp_w3a3."""
    return from_tensor(zoo / "kws_mlp_w3a3.onnx", KWS_INPUT, [1, 256])


def cases(models: Path) -> dict[str, tuple[Path | str, dict[str, str]]]:
    """Returns model and inputs of each case; texts are of the model language."""
    zoo = models / "qonnx_zoo"
    return {
        "int8_16": (matrix_case(16), {}),
        "int8_64": (matrix_case(64), {}),
        "jet": (zoo / "jet_tagging_w6a6.onnx", {"global_in": "int16:0.0009765625"}),
        "unsw": (zoo / "unsw_nb15_mlp_w2a2.onnx", {"onnx::Add_0": "bipolar:1"}),
        "kws": (zoo / "kws_mlp_w3a3.onnx", {KWS_INPUT: "uint3:0.1428571492433548"}),
    }


@dataclass(frozen=True)
class Built:
    """A design to measure.

    Attributes:
        name: who made it, and how.
        top: its module.
        files: its Verilog.
        cycles: from a beat at its input to that at its output.
        seconds: that it took to make.
        mib: of memory.
    """

    name: str
    top: str
    files: tuple[Path, ...]
    cycles: int
    seconds: float
    mib: float


def network_of(module: Any) -> tuple[dict[str, Any], stream.PipelineOp]:
    """Returns the integers of a network that is one pipeline, for peers."""
    network = Network.of(module)
    assert network is not None, "it is at the stream level"
    (pipeline,) = network.processes
    assert isinstance(pipeline, stream.PipelineOp), "it is fully parallel"
    bounds = pipeline.input_channels[0].element.range
    count = pipeline.input_channels[0].lanes.data
    layers: list[dict[str, Any]] = []
    for op in pipeline.scalar_body.operations:
        if isinstance(op, qint.MatMulOp):
            weights = op.rhs.owner
            assert isinstance(weights, qint.ConstantOp), "weights are constant"
            matrix = weights.array.astype(np.int64)
            layers.append({"matrix": matrix, "bias": np.zeros(matrix.shape[1], np.int64)})
        elif isinstance(op, qint.RequantizerOp):
            layers.append(_requantizer(op, layers[-1]))
    for layer in layers:
        for key in ("matrix", "bias"):
            if key in layer:
                layer[key] = layer[key].tolist()
    return {"input": [bounds.lo, bounds.hi, count], "layers": layers}, pipeline


def _requantizer(op: qint.RequantizerOp, before: dict[str, Any]) -> dict[str, Any]:
    """Returns a requantizer whose signs and biases are those of the matrix before it."""
    form, count = op.requantizer, before["matrix"].shape[1]
    if isinstance(form, Shift | MulShift):
        factor = form.sign if isinstance(form, Shift) else form.multiplier
        before["factor"] = np.broadcast_to(factor, (count,)).tolist()
        before["bias"] = before["bias"] * factor + form.bias
        one = {"shift": form.shift, "lo": form.lo, "hi": form.hi, "tie_parity": form.tie_parity}
        return {"forms": [one] * count}
    rows = [chosen_rows(form, [i if rows_of(form) > 1 else 0]) for i in range(count)]
    if isinstance(form, Table):
        counted = [_thresholds(row) for row in rows if isinstance(row, Table)]
        before["matrix"] = before["matrix"] * [sign for sign, _ in counted]
        return {"forms": [one for _, one in counted]}
    assert isinstance(form, Threshold), f"peers have nothing like {op.name}"
    before["matrix"] = before["matrix"] * form.sign
    counts = [row for row in rows if isinstance(row, Threshold)]
    return {"forms": [{"thresholds": row.thresholds[0].tolist(), "lo": row.lo} for row in counts]}


def _thresholds(table: Table) -> tuple[int, dict[str, Any]]:
    """Returns a monotone table as comparisons, and the sign of what is compared."""
    codes, first = table.entries[0], table.x_lo
    sign = 1 if codes[0] <= codes[-1] else -1
    if sign < 0:
        codes, first = codes[::-1], -(first + len(codes) - 1)
    steps = np.diff(codes)
    assert (steps >= 0).all(), "peers have no function that rises and falls"
    reached = np.repeat(first + 1 + np.arange(len(steps)), steps)
    return sign, {"thresholds": reached.tolist(), "lo": int(codes[0])}


def vectors(module: Any, pipeline: stream.PipelineOp) -> dict[str, Any]:
    """Returns random inputs and corners, and what the interpreter makes of them."""
    bounds = pipeline.input_channels[0].element.range
    count = pipeline.input_channels[0].lanes.data
    rng = np.random.default_rng(1)
    x = rng.integers(bounds.lo, bounds.hi + 1, (VECTORS, count))
    corners = rng.choice([bounds.lo, bounds.hi, 0], (VECTORS // 4, count))
    x = np.concatenate([x, corners, np.full((1, count), bounds.lo), np.full((1, count), bounds.hi)])
    frame = pipeline.input_channels[0].frame_shape
    (y,) = run(module, "core", [x.reshape(len(x), *frame)])
    return {"x": x.tolist(), "y": y.reshape(len(x), -1).tolist()}


def ours(
    model: Path, inputs: dict[str, str], device: str, mhz: float, effort: str, folder: Path
) -> Built:
    """Compiles with qcompiler, in a process of its own; without a handshake, as peers."""
    given = [str(model), json.dumps(inputs), device, str(mhz), effort]
    command = [sys.executable, "-c", _OURS, *given]
    before = time.perf_counter()
    made = subprocess.run([*command, str(folder)], check=True, capture_output=True, text=True)
    found = json.loads(made.stdout.splitlines()[-1])
    return Built(
        f"qcompiler {mhz:g} MHz, effort {effort}",
        found["top"],
        tuple(folder.glob("rtl/*.v")),
        found["cycles"],
        time.perf_counter() - before,
        found["mib"],
    )


_OURS = """
import json, resource, sys
import qcompiler
model, inputs, device, mhz, effort, folder = sys.argv[1:]
design = qcompiler.compile(
    model, inputs=json.loads(inputs), cycles=1, device=device, mhz=float(mhz), interface="plain",
    effort=effort,
)
design.write(folder)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"top": design.name, "cycles": design.timing.latency_cycles, "mib": peak}))
"""


def ask_peer(job: dict[str, Any], seconds: float, kept: Path | None) -> dict[str, Any]:
    """Returns what a peer made of a job, or how it failed; it has so many seconds.

    With a folder that keeps results, a job that it holds is not done again.
    """
    if kept is None:
        return _ask(job, seconds)
    text = json.dumps({key: value for key, value in job.items() if key != "folder"})
    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    path = kept / f"{name}.json"
    if not path.is_file():
        found = _ask({**job, "folder": str(kept / name)} if "folder" in job else job, seconds)
        path.write_text(json.dumps(found), encoding="ascii")
    return json.loads(path.read_text(encoding="ascii"))


def _ask(job: dict[str, Any], seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.low_latency_peer"]
    text = json.dumps(job)
    try:
        made = subprocess.run(command, input=text, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return {"failed": f"no result within {seconds:g} s"}
    if made.returncode:
        return {"failed": made.stderr.strip().splitlines()[-1]}
    return json.loads(made.stdout.splitlines()[-1])


@dataclass(frozen=True)
class Asking:
    """How peers are asked.

    Attributes:
        cutoffs: adders a stage; a design each.
        seconds: for each setting.
        settings: how many are tried, at most.
        kept: a folder for what peers made.
    """

    cutoffs: Sequence[float] = CUTOFFS
    seconds: float = PEER_SECONDS
    settings: int | None = None
    kept: Path | None = None


def peers_designs(job: dict[str, Any], asking: Asking, folder: Path) -> Iterator[Built]:
    """Yields a peer's designs: of its cheapest setting, cut at several lengths."""
    peer, kept, seconds = job["peer"], asking.kept, asking.seconds
    settings = [dict(options) for options in METHODS[peer]][: asking.settings]
    if any(set(layer.get("factor", [1])) - {1, -1} for layer in job["network"]["layers"]):
        settings += [{**options, "after": True} for options in settings]
    tried: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for options in settings:
        found = ask_peer({**job, "options": options}, seconds, kept)
        print("  ", peer, options, {k: v for k, v in found.items() if k != "files"}, flush=True)
        tried.append((found, options))
    exact = [(f, o) for f, o in tried if not f.get("failed") and not f["wrong"]]
    if not exact:
        print("  ", peer, "is not exact with any setting", flush=True)
        return
    _, options = min(exact, key=lambda item: item[0]["cost"])
    for cutoff in asking.cutoffs:
        where = folder / f"{peer}_{cutoff:g}"
        asked = {**job, "options": options, "cutoff": cutoff, "folder": str(where)}
        found = ask_peer(asked, seconds, kept)
        if found.get("failed"):
            print("  ", peer, f"cut at {cutoff:g}:", found["failed"], flush=True)
            continue
        files = tuple(Path(f) for f in found["files"] if "wrapper" not in f)
        name = f"{peer} {found['version']}, {cutoff:g} adders a stage"
        yield Built(name, "peer", files, found["stages"], found["seconds"], found["mib"])


def cells_of(built: Built, family: str, folder: Path, kept: Path | None) -> Counter[str]:
    """Returns the cells of a design, if they are kept without synthesis."""
    texts = [file.read_text(encoding="utf-8") for file in sorted(built.files)]
    job = json.dumps([SYNTHESIS[family], CHAINS, built.top, texts])
    path = kept and kept / f"{hashlib.sha256(job.encode()).hexdigest()[:16]}.cells.json"
    if path and path.is_file():
        return Counter(json.loads(path.read_text(encoding="ascii")))
    found = synthesize(built, family, folder)
    if path:
        path.write_text(json.dumps(found), encoding="ascii")
    return found


def _sums(built: Built, family: str) -> str:
    """Returns the map of ours' modules that are sums; empty if there are none."""
    names = (file.stem for file in built.files)
    return sums_file(names, FAMILIES[load_device(DEVICES[family]).family], SYNTHESIS[family])


def synthesize(built: Built, family: str, folder: Path) -> Counter[str]:
    """Returns the cells of a design; the netlist is left in the folder."""
    folder.mkdir(parents=True)
    (folder / CHAINS_FILE).write_text(CHAINS, encoding="ascii")
    sums = _sums(built, family)
    (folder / SUMS_FILE).write_text(sums, encoding="ascii")
    commands = [
        # ABC proves each step of its own otherwise: of 64 x 64 for more than an hour.
        "scratchpad -set abc9.verify 0",
        *(f"read_verilog -defer {file.resolve()}" for file in built.files),
        f"hierarchy -check -top {built.top}",
        *([f"techmap -map {SUMS_FILE}"] if sums else []),
        "proc",
        "flatten",
        "opt_expr",
        "opt_clean",
        f"techmap -map {CHAINS_FILE}",
        f"{SYNTHESIS[family]} -top {built.top}",
        "write_json netlist.json",
    ]
    run_script(commands, folder, Limits(seconds=3600), lambda _: None)
    cells = json.loads((folder / "netlist.json").read_text())["modules"][built.top]["cells"]
    return Counter(cell["type"] for cell in cells.values())


def tables(cells: Counter[str], family: str) -> tuple[int, int]:
    """Returns look-up tables and flip-flops."""
    if family == "ecp5":
        return cells["LUT4"] + 2 * cells["CCU2C"], cells["TRELLIS_FF"]
    luts = sum(n for kind, n in cells.items() if kind.startswith(("LUT", "SRL")))
    return luts, sum(n for kind, n in cells.items() if kind in ("FDRE", "FDSE", "FDCE", "FDPE"))


def clock(built: Built, folder: Path, mhz: float) -> float:
    """Returns the clock of a design after routing, registers around it, in MHz."""
    ports = json.loads((folder / "netlist.json").read_text())["modules"][built.top]["ports"]
    (folder / "wrapper.v").write_text(_wrapper(built.top, ports), encoding="ascii")
    commands = [
        "read_json netlist.json",
        "design -stash finished",
        "read_verilog wrapper.v",
        "synth_ecp5 -nodsp -top wrapper",
        f"delete {built.top}",
        f"design -copy-from finished {built.top}",
        "hierarchy -top wrapper",
        "flatten",
        "delete t:$scopeinfo",
        f"write_json {PLACED_JSON}",
    ]
    run_script(commands, folder, Limits(seconds=3600), lambda _: None, "wrap")
    place(load_device("ecp5-85k"), mhz, 1, folder, Limits(seconds=7200), lambda _: None)
    return read_timing(folder / REPORT, {}).fmax_mhz


def _wrapper(top: str, ports: dict[str, Any]) -> str:
    """Returns a design's ports behind shift registers, each port behind a register of its own."""
    given = [(n, len(p["bits"])) for n, p in ports.items() if p["direction"] == "input"]
    made = [(n, len(p["bits"])) for n, p in ports.items() if p["direction"] == "output"]
    clocks = [n for n, _ in given if n in ("clk", "ap_clk")]
    data = [(n, w) for n, w in given if n not in clocks]
    lines, low = [f".{clocks[0]}(clk)"] if clocks else [], 0
    for name, width in data:
        lines.append(f".{name}(applied[{low + width - 1}:{low}])")
        low += width
    high = 0
    for name, width in made:
        lines.append(f".{name}(outputs[{high + width - 1}:{high}])")
        high += width
    declared = [f"{p['direction']} [{len(p['bits']) - 1}:0] {n}" for n, p in ports.items()]
    return f"""
module wrapper (input clk, input shift_in, input load, output shift_out);
    reg [{low - 1}:0] stimulus, applied;
    reg [{high - 1}:0] observed;
    wire [{high - 1}:0] outputs;
    always @(posedge clk) begin
        stimulus <= {{stimulus, shift_in}};
        if (load) applied <= stimulus;
        observed <= load ? outputs : {{observed, 1'b0}};
    end
    assign shift_out = observed[{high - 1}];
    {top} dut ({", ".join(lines)});
endmodule
(* blackbox *)
module {top} ({", ".join(declared)});
endmodule
"""


@dataclass(frozen=True)
class Figure:
    """A measured design.

    Attributes:
        case: the network.
        family: that it was synthesized for.
        design: which.
        luts, ffs: that it takes.
        mhz: after routing; None if it was not routed.
    """

    case: str
    family: str
    design: Built
    luts: int
    ffs: int
    mhz: float | None

    @property
    def is_ours(self) -> bool:
        """Whether qcompiler made it."""
        return self.design.name.startswith("qcompiler")


def keep(path: Path, figure: Figure) -> None:
    """Puts a figure into a file, in place of one of the same case, family and maker."""
    found: list[dict[str, Any]] = json.loads(path.read_text()) if path.is_file() else []
    row = {
        "case": figure.case,
        "family": figure.family,
        "made_by": figure.design.name,
        "LUT": figure.luts,
        "FF": figure.ffs,
        "cycles": figure.design.cycles,
        "MHz": None if figure.mhz is None else round(figure.mhz, 1),
        "seconds": round(figure.design.seconds, 1),
        "MiB": round(figure.design.mib),
    }
    key = ("case", "family", "made_by")
    found = [old for old in found if any(old[name] != row[name] for name in key)]
    rows = sorted([*found, row], key=lambda entry: [entry[name] for name in key])
    lines = ",\n  ".join(json.dumps(entry) for entry in rows)
    path.write_text(f"[\n  {lines}\n]\n", encoding="ascii")


def main() -> int:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", default=["int8_16"])
    parser.add_argument("--models", type=Path, default=Path("../shared/models"))
    parser.add_argument("--family", nargs="+", choices=SYNTHESIS, default=["ecp5"])
    parser.add_argument("--mhz", nargs="*", type=float, default=[70.0])
    parser.add_argument("--effort", nargs="+", choices=EFFORTS, default=["0"], help="ours")
    parser.add_argument("--place", action="store_true", help="route for ecp5-85k, too")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=PEERS)
    parser.add_argument(
        "--peer-seconds", type=float, default=PEER_SECONDS, help="for each setting of a peer"
    )
    parser.add_argument("--settings", type=int, help="of each peer, at most")
    parser.add_argument("--kept", type=Path, help="a folder for what peers made")
    parser.add_argument("--cutoffs", nargs="+", type=float, default=CUTOFFS, help="of the peers")
    parser.add_argument("--figures", type=Path, help="a JSON file that keeps what was measured")
    parsed = parser.parse_args()
    if parsed.kept:
        parsed.kept.mkdir(parents=True, exist_ok=True)
    known = cases(parsed.models)
    if unknown := [name for name in parsed.cases if name not in known]:
        parser.error(f"no case is called {', '.join(unknown)}; there are {', '.join(known)}")
    measured: list[Figure] = []
    for name in parsed.cases:
        with tempfile.TemporaryDirectory() as folder:
            measured += _measure(name, known[name], parsed, Path(folder))
    for family in parsed.family:
        ratios = shares([figure for figure in measured if figure.family == family])
        if ratios:
            mean = math.prod(ratios.values()) ** (1 / len(ratios))
            each = ", ".join(f"{name} {ratio:.3f}" for name, ratio in ratios.items())
            print(f"{family}: of the better peer's look-up tables {mean:.3f} ({each})")
    return 0


def shares(figures: Sequence[Figure]) -> dict[str, float]:
    """Returns our fewest look-up tables over the peers' fewest, of each case that has both."""
    found: dict[str, float] = {}
    for case in dict.fromkeys(figure.case for figure in figures):
        ours_, theirs = (
            [f.luts for f in figures if f.case == case and f.is_ours == own]
            for own in (True, False)
        )
        if ours_ and theirs:
            found[case] = min(ours_) / min(theirs)
    return found


def _model_file(name: str, given: Path | str, folder: Path) -> Path:
    """Returns the file of a case, written if it is not there as it is."""
    if isinstance(given, str):
        model = folder / f"{name}.qnn"
        model.write_text(given, encoding="ascii")
        return model
    if name != "kws":
        return given
    onnx.save(last_layers_of_kws(given.parent), folder / "kws.onnx")
    return folder / "kws.onnx"


def _measure(
    name: str, case: tuple[Path | str, dict[str, str]], parsed: Any, folder: Path
) -> list[Figure]:
    given, inputs = case
    model = _model_file(name, given, folder)
    passes = (*pipelines.QINT, *pipelines.STREAM[: pipelines.STREAM.index("build-adder-graphs")])
    module = qcompiler.compile(model, inputs=inputs, cycles=1, passes=passes).level("last")
    network, pipeline = network_of(module)
    rows: list[tuple[Any, ...]] = []
    figures: list[Figure] = []
    devices = LARGE_DEVICES if name in LARGE_CASES else DEVICES
    for family in parsed.family:
        designs = [
            ours(model, inputs, devices[family], mhz, effort, folder / f"{family}_{mhz:g}_{effort}")
            for mhz in parsed.mhz
            for effort in parsed.effort
        ]
        if parsed.peers:
            job = {"network": network, "vectors": vectors(module, pipeline), "cutoff": 0}
            asking = Asking(parsed.cutoffs, parsed.peer_seconds, parsed.settings, parsed.kept)
            for peer in parsed.peers:
                one, where = {**job, "peer": peer}, folder / family
                designs += peers_designs(one, asking, where)
        for i, design in enumerate(designs):
            where = folder / f"{family}_{i}"
            placed = parsed.place and family == "ecp5"
            cells = cells_of(design, family, where, None if placed else parsed.kept)
            luts, ffs = tables(cells, family)
            mhz = clock(design, where, 100) if placed else None
            rows.append(
                (
                    family, design.name, luts, ffs, design.cycles,
                    "-" if mhz is None else f"{mhz:.1f}",
                    "-" if mhz is None else f"{1e3 * design.cycles / mhz:.1f}",
                    f"{design.seconds:.1f}", f"{design.mib:.0f}",
                )
            )  # fmt: skip
            print(name, *rows[-1], flush=True)
            figures.append(Figure(name, family, design, luts, ffs, mhz))
            if parsed.figures is not None:
                keep(parsed.figures, figures[-1])
    print_table(name, ("family", "made by", "LUT", "FF", "cycles", "MHz", "ns", "s", "MiB"), rows)
    return figures


if __name__ == "__main__":
    sys.exit(main())

"""Verifies a written design: its Verilog, simulated, against the interpreter on its IR."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from qcompiler.analysis.validation import random_integers
from qcompiler.assembly import read_module
from qcompiler.backends.output import LEVELS, MANIFEST, is_ours
from qcompiler.backends.report.page import renew_page
from qcompiler.backends.simulators import RtlDesign
from qcompiler.backends.vectors import read_arrays
from qcompiler.design import Design
from qcompiler.devices import DEFAULT_DEVICE, Device, device_names, load_device
from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError, Problem
from qcompiler.json_files import read_json
from qcompiler.origin import Origin
from qcompiler.passes.pipeline import make_context
from qcompiler.progress import Progress, silent

_SHOWN = 5
_VERIFIED = ("qint", "stream")


@dataclass(frozen=True)
class Run:
    """One simulation.

    Attributes:
        stalls: probability of a stall per cycle and port.
        frames: sent.
        mismatches: output integers that differ from the interpreter's, or wrong TLASTs.
        cycles_per_frame: measured over the later half of the frames; None for a single frame.
        latency_cycles: of the first frame.
        cycles_total: simulated.
    """

    stalls: float
    frames: int
    mismatches: int
    cycles_per_frame: float | None
    latency_cycles: int
    cycles_total: int


@dataclass(frozen=True)
class Verification:
    """The result of `verify`.

    Attributes:
        top: module.
        simulator: which.
        predicted_cycles_per_frame, predicted_latency_cycles: by the schedules.
        runs: simulations.
        first_differences: in words.
        netlist: device of the netlist simulated; None for the Verilog itself.
    """

    top: str
    simulator: str
    predicted_cycles_per_frame: int
    predicted_latency_cycles: int
    runs: tuple[Run, ...]
    first_differences: tuple[str, ...]
    netlist: str | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing differed."""
        return not any(run.mismatches for run in self.runs)

    @property
    def frames(self) -> int:
        """Frames simulated in all runs."""
        return sum(run.frames for run in self.runs)

    def as_dict(self) -> dict[str, Any]:
        """Returns the result for a machine."""
        return {**asdict(self), "passed": self.passed}


def _is_text(value: object) -> bool:
    return value is None or (isinstance(value, str) and len(value) < 5000 and "\0" not in value)


def _is_clock(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9


def _are_sources(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(names := cast(list[object], value))
        and all(isinstance(v, str) and re.fullmatch(r"rtl/\w[\w.]*", v) for v in names)
    )


_MANIFEST: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "top": (
        "a name",
        lambda v: isinstance(v, str) and re.fullmatch(r"[A-Za-z_]\w*", v) is not None,
    ),
    "mhz": ("a positive number", _is_clock),
    "device": ("a name or null", _is_text),
    "device_file": ("a path or null", _is_text),
    "sources": ("names of files in rtl/", _are_sources),
}
"""What is relied on of `design.json`, which may have been edited: paths stay within the design."""


def load(directory: str | Path) -> Design:
    """Returns a design that `Design.write` or `qcc compile` wrote: predict, simulate, report again.

    Raises:
        ModelError: the directory holds no design, or one that cannot be read.

    Examples:
        >>> import qcompiler, tempfile
        >>> design = qcompiler.compile("examples/digits_mlp/digits_mlp.onnx", cycles=64)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = design.write(f"{folder}/digits_mlp")
        ...     again = qcompiler.load(written)
        >>> again.report() == design.report()
        True
    """
    return load_design(Path(directory), LEVELS)[0]


def load_design(directory: Path, levels: Sequence[str] = _VERIFIED) -> tuple[Design, RtlDesign]:
    """Returns a written design, and its Verilog as it stands in the directory.

    Raises:
        ModelError: the directory holds no design, or one that cannot be read.
    """
    manifest = _manifest(directory)
    try:
        modules = _modules(directory / "ir", levels)
        design = Design(modules, float(manifest["mhz"]), _known_device(manifest))
        design.origin = Origin.read(manifest.get("origin"))
        sources = tuple(directory / path for path in manifest["sources"] if path.endswith(".v"))
        missing = [path for path in manifest["sources"] if not (directory / path).is_file()]
        if missing:
            raise ValueError(f"{', '.join(missing)} missing")
        rtl = RtlDesign(design.name, sources, tuple(port for port, _ in design.ports))
    except (OSError, KeyError, ValueError) as error:
        problem = Problem(str(directory), f"cannot be read: {error}", "compile it again")
        raise ModelError([problem]) from None
    return design, rtl


def device_of(directory: Path) -> Device:
    """Returns the device that a written design was compiled for, or the default one.

    Raises:
        ModelError: the directory holds no design; or its device is not known here, or its file is
            gone or faulty.
    """
    manifest = _manifest(directory)
    name, file = manifest.get("device"), manifest.get("device_file")
    if not isinstance(name, str):
        return load_device(DEFAULT_DEVICE)
    try:
        return load_device(file if isinstance(file, str) else name)
    except ModelError as error:
        what = f"was compiled for the device {name}, which cannot be loaded"
        remedy = "give --device; or --plugin, if a plugin adds it"
        raise ModelError([Problem(str(directory), what, remedy), *error.problems]) from None


def _known_device(manifest: dict[str, Any]) -> Device | None:
    """Returns the device that a design was compiled for, as far as it is known here."""
    name, file = manifest.get("device"), manifest.get("device_file")
    try:
        if isinstance(file, str):
            return load_device(file)
        return load_device(name) if name in device_names() else None
    except ModelError:  # all but its areas can be told without it
        return None


def _manifest(directory: Path) -> dict[str, Any]:
    if not is_ours(directory):
        problem = Problem(
            str(directory), f"is no design: it has no {MANIFEST} of ours", "run qcc compile first"
        )
        raise ModelError([problem])
    found: dict[str, Any] = read_json(directory / MANIFEST)
    wrong = [
        Problem(f"{directory / MANIFEST}: {key}", f"must be {what}", "compile the design again")
        for key, (what, good) in _MANIFEST.items()
        if not good(found.get(key))
    ]
    if wrong:
        raise ModelError(wrong)
    return found


def _modules(directory: Path, levels: Sequence[str]) -> dict[str, ModuleOp]:
    """Returns the levels that a directory holds; designs compiled on from IR lack the first."""
    context = make_context()
    paths = {level: directory / f"{level}.mlir" for level in levels}
    found = {level: read_module(p, context) for level, p in paths.items() if p.is_file()}
    if "stream" not in found:
        raise ValueError("it has no stream level, only Verilog")
    found["last"] = list(found.values())[-1]
    return found


def read_vectors(path: Path, names: Sequence[str]) -> dict[str, Array] | Array:
    """Returns the model inputs in a file: an .npy array, or an .npz with one entry per input.

    Raises:
        ModelError: the file cannot be read, or lacks an input.
    """
    arrays = read_arrays(path)
    if not isinstance(arrays, dict):
        return arrays
    if len(names) == 1 and names[0] not in arrays:
        for candidate in ("inputs", "input", "x"):
            if candidate in arrays:
                return arrays[candidate]
    missing = [name for name in names if name not in arrays]
    if missing:
        what = f"has no entry {', '.join(missing)}, only {', '.join(arrays) or 'none'}"
        raise ModelError([Problem(str(path), what, "name the entries as the model's inputs")])
    return {name: arrays[name] for name in names}


def _integers(design: Design, vectors: int, file: Path | None, seed: int) -> list[Array]:
    """Returns what to send: extremes and random integers, or a file's vectors through the head."""
    if file is not None:
        try:
            return list(design.quantize(read_vectors(file, design.names("inputs"))))
        except ValueError as error:
            raise ModelError([Problem(str(file), str(error), "give the model's inputs")]) from None
    rng = np.random.default_rng(seed)
    return [
        random_integers(channel.element.range, (vectors, *channel.frame_shape), rng)
        for port, channel in design.ports
        if port.direction == "in"
    ]


def _differences(expected: Sequence[Array], got: Sequence[Array]) -> tuple[int, list[str]]:
    count, lines = 0, list[str]()
    for port, (want, have) in enumerate(zip(expected, got, strict=True)):
        flat = want.reshape(have.shape)
        wrong = np.argwhere(flat != have)
        count += len(wrong)
        lines += [
            f"m_axis_{port}, frame {frame}, element {element}: "
            f"{flat[frame, element]} expected, {have[frame, element]} simulated"
            for frame, element in wrong[:_SHOWN].tolist()
        ]
    return count, lines[:_SHOWN]


def verify(
    directory: Path,
    *,
    vectors: int = 1000,
    file: Path | None = None,
    seed: int = 0,
    stalls: float = 0.3,
    tool: str = "verilator",
    netlist: Device | None = None,
    progress: Progress = silent,
) -> Verification:
    """Simulates a written design twice, back to back and with random stalls.

    Args:
        directory: as `Design.write` made it.
        vectors: frames to send; the first are the extremes of the input's range.
        file: model inputs to send instead.
        seed: of vectors and stalls.
        stalls: chance of a stall per cycle and port in the second run; 0 skips that run.
        tool: simulator.
        netlist: simulate what `qcc synth` made for this device, instead of the Verilog.
        progress: told what goes on: `back to back: 200 of 1000 frames`.

    Raises:
        ModelError: the directory or the file cannot be read, or there is no netlist.
        SimulationError: the tool is absent, or the design breaks the rules of its ports.
        SynthesisError: a cell of the netlist has no simulation model.
    """
    progress("reading the design")
    design, rtl = load_design(directory)
    if netlist is not None:
        from qcompiler.backends.synthesis.gate_level import netlist_design

        rtl = netlist_design(directory, rtl, netlist)
    integers = _integers(design, vectors, file, seed)
    frames = len(integers[0])
    progress(f"interpreting {frames} frames")
    expected = design.core(integers)
    runs: list[Run] = []
    differences: list[str] = []
    for probability in (0.0, stalls) if stalls else (0.0,):
        run_name = "random stalls" if probability else "back to back"

        def tell(words: str, run_name: str = run_name) -> None:
            progress(f"{run_name}: {words}" if "frames" in words else words)

        got, result = design.simulate_rtl(
            rtl,
            integers,
            tool=tool,
            stall_probability_in=probability,
            stall_probability_out=probability,
            seed=seed,
            progress=tell,
        )
        mismatches, lines = _differences(expected, got)
        differences += lines + [str(error) for error in result.tlast_errors[:_SHOWN]]
        runs.append(
            Run(
                probability,
                frames,
                mismatches + len(result.tlast_errors),
                result.cycles_per_frame if frames > 1 else None,
                result.latency_cycles,
                result.cycles_total,
            )
        )
    timing = design.timing
    verification = Verification(
        design.name,
        tool,
        timing.cycles_per_frame,
        timing.latency_cycles,
        tuple(runs),
        tuple(differences),
        netlist.name if netlist else None,
    )
    name = f"netlist_{netlist.name}" if netlist else "rtlsim"
    report = directory / "report" / f"{name}_performance.json"
    report.write_text(json.dumps(verification.as_dict(), indent=2) + "\n", encoding="utf-8")
    renew_page(directory)
    return verification

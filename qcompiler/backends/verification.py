"""Verifies a written design: its Verilog, simulated, against the interpreter on its IR."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qcompiler.backends.compiled import CompiledDesign
from qcompiler.backends.corners import vectors_of
from qcompiler.backends.layout import Layout
from qcompiler.backends.model_check import ModelCheck, check_model, random_inputs
from qcompiler.backends.report.page import renew_page
from qcompiler.backends.resets import expected_after, frames_kept, random_cycles
from qcompiler.backends.simulators import Reset
from qcompiler.backends.synthesis.equivalence import Equivalence, prove_netlist
from qcompiler.backends.synthesis.gate_level import netlist_design
from qcompiler.backends.vectors import read_arrays
from qcompiler.backends.weight_sets import (
    Weights,
    external_bytes,
    random_set,
    weight_traffic,
)
from qcompiler.backends.written import load_design
from qcompiler.devices import Device
from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError, Problem
from qcompiler.progress import Progress, silent

_SHOWN = 5


@dataclass(frozen=True)
class Run:
    """One simulation.

    Attributes:
        stalls: probability of a stall per cycle and port.
        frames: sent.
        mismatches: output integers that differ from the interpreter's, or wrong TLASTs.
        cycles_per_frame: measured over the later half of the frames; None for a single frame.
        latency_cycles: of the first frame; None with resets, which may lose it.
        cycles_total: simulated.
        resets: that came while frames passed; those that had begun are lost and not compared.
        weight_bytes_per_frame: read from the memory beside the chip, over the second quarter of the
            frames; None without one, or for fewer than 8 frames.
    """

    stalls: float
    frames: int
    mismatches: int
    cycles_per_frame: float | None
    latency_cycles: int | None
    cycles_total: int
    resets: int = 0
    weight_bytes_per_frame: float | None = None


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
        predicted_weight_bytes: that a frame reads from the memory beside the chip; 0 without one.
        weight_sets: that the host wrote during a run; 0 where it writes none.
        model: how the network compares with its model in another runtime, if that was asked for.
        equivalence: how far the netlist is proven to do what the Verilog does, if that was.
    """

    top: str
    simulator: str
    predicted_cycles_per_frame: int
    predicted_latency_cycles: int
    runs: tuple[Run, ...]
    first_differences: tuple[str, ...]
    netlist: str | None = None
    predicted_weight_bytes: int = 0
    weight_sets: int = 0
    model: ModelCheck | None = None
    equivalence: Equivalence | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing differed, and what was to be proven is.

        From the model's runtime, nothing may differ by more than float noise.
        """
        equal = not any(run.mismatches for run in self.runs)
        proven = self.equivalence is None or self.equivalence.passed
        return equal and proven and (self.model is None or self.model.passed)

    @property
    def frames(self) -> int:
        """Frames simulated in all runs."""
        return sum(run.frames for run in self.runs)

    def as_dict(self) -> dict[str, Any]:
        """Returns the result for a machine."""
        model = None if self.model is None else self.model.as_dict()
        return {**asdict(self), "model": model, "passed": self.passed}


_SEQUENCE = 32
"""Frames of a sequence of a design with states, on average."""


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


def _integers(design: CompiledDesign, vectors: int, file: Path | None, seed: int) -> list[Array]:
    """Returns what to send: corners and random integers, or a file's vectors through the head."""
    if file is not None:
        try:
            return list(design.quantize(read_vectors(file, design.names("inputs"))))
        except ValueError as error:
            raise ModelError([Problem(str(file), str(error), "give the model's inputs")]) from None
    given = [channel for port, channel in design.ports if port.direction == "in"]
    ranges = [channel.element.range for channel in given]
    shapes = [channel.frame_shape for channel in given]
    found = vectors_of(ranges, shapes, vectors, np.random.default_rng(seed))
    if design.initial_states:
        index = len(design.network.ports[0])
        restart = np.random.default_rng(seed + 1).random(found[index].shape) < 1 / _SEQUENCE
        found[index] = restart.astype(np.int64)
    return found[:-1] if design.takes_swaps else found


_MOST_SETS = 4
"""Sets of weights that the host writes during a run."""


def _swaps(design: CompiledDesign, frames: int, seed: int) -> tuple[list[Array], list[Weights]]:
    """Returns a number for each frame that says which are the first of a set, and the sets.

    The first set is the model's. Of the others each weight is one of its bounds, or any.
    """
    if not design.takes_swaps:
        return [], []
    rng = np.random.default_rng(seed + 2)
    count = min(_MOST_SETS, frames)
    swaps = np.zeros((frames, 1), np.int64)
    swaps[[0, *(1 + rng.choice(frames - 1, count - 1, replace=False))]] = 1
    sets = [random_set(design.network, rng, extreme=index == 1) for index in range(1, count)]
    return [swaps], [{}, *sets]


def _against_model(
    design: CompiledDesign,
    path: Path,
    vectors: int,
    file: Path | None,
    seed: int,
    progress: Progress,
) -> tuple[ModelCheck, list[Array]]:
    """Returns how a design compares with its model, and the integers of the frames compared."""
    if design.initial_states:
        what = "keeps states, and is compared with its model frame by frame"
        remedy = "leave out --model"
        raise ModelError([Problem(design.name, what, remedy)])
    names = design.names("inputs")
    inputs = random_inputs(design, vectors, seed)
    if file is not None:
        given = read_vectors(file, names)
        inputs = given if isinstance(given, dict) else {names[0]: given}
    return check_model(design, path, inputs, progress), list(design.quantize(inputs))


def _differences(
    expected: Sequence[Array], got: Sequence[Array], resets: Sequence[Reset] = ()
) -> tuple[int, list[str]]:
    count, lines = 0, list[str]()
    for port, (want, have) in enumerate(zip(expected, got, strict=True)):
        flat = want.reshape(have.shape)
        kept = frames_kept(len(have), f"m_axis_{port}", resets)
        wrong = np.argwhere((flat != have) & kept.reshape(-1, *(1,) * (have.ndim - 1)))
        count += len(wrong)
        lines += [
            f"m_axis_{port}, frame {frame}, element {element}: "
            f"{flat[frame, element]} expected, {have[frame, element]} simulated"
            for frame, element in wrong[:_SHOWN].tolist()
        ]
    return count, lines[:_SHOWN]


def _plan(stalls: float, resets: int) -> list[tuple[float, int]]:
    """Returns the runs: chance of a stall, and how many resets come while frames pass."""
    plan = [(0.0, 0), (stalls, 0)] if stalls else [(0.0, 0)]
    return [*plan, (stalls, resets)] if resets else plan


def verify(
    directory: Path,
    *,
    vectors: int = 1000,
    file: Path | None = None,
    seed: int = 0,
    stalls: float = 0.3,
    resets: int = 0,
    tool: str = "verilator",
    netlist: Device | None = None,
    model: Path | None = None,
    prove_seconds: float | None = None,
    progress: Progress = silent,
) -> Verification:
    """Simulates a written design back to back and with random stalls, and perhaps with resets.

    With a model, that is run in its runtime first, and the frames are its inputs.

    Args:
        directory: as `Design.write` made it.
        vectors: frames to send; the first are corners, see `vectors_of`, at most half of them.
        file: model inputs to send instead.
        seed: of vectors and stalls.
        stalls: chance of a stall per cycle and port in the second run; 0 skips that run.
        resets: that come at random cycles of a third run, with stalls as in the second; 0 skips it.
        tool: simulator.
        netlist: simulate what `qcc synth` made for this device, instead of the Verilog.
        model: the ONNX file that the design was made of, to compare with.
        prove_seconds: prove the netlist equal to the Verilog, too, in so much time.
        progress: told what goes on: `back to back: 200 of 1000 frames`.

    Raises:
        ModelError: the directory or the file cannot be read, or there is no netlist.
        SimulationError: the tool is absent, or the design breaks the rules of its ports.
        SynthesisError: a cell of the netlist has no simulation model.
    """
    progress("reading the design")
    design, rtl = load_design(directory)
    equivalence: Equivalence | None = None
    if netlist is not None:
        gates = netlist_design(directory, rtl, netlist)
        if prove_seconds is not None:
            equivalence = prove_netlist(rtl, gates, netlist.name, prove_seconds, progress)
        rtl = gates
    checked: ModelCheck | None = None
    if model is None:
        integers = _integers(design, vectors, file, seed)
    else:
        whole, _ = load_design(directory, ("nn", "qint", "stream"))
        checked, integers = _against_model(whole, model, vectors, file, seed, progress)
    frames = len(integers[0])
    swaps, sets = _swaps(design, frames, seed)
    integers += swaps
    progress(f"interpreting {frames} frames")
    expected = design.core(integers, weights=sets)
    runs: list[Run] = []
    differences: list[str] = []
    for probability, count in _plan(stalls, resets):
        how = "resets" if count else "random stalls" if probability else "back to back"

        def tell(words: str, how: str = how) -> None:
            progress(f"{how}: {words}" if "frames" in words else words)

        cycles = frames * design.timing.cycles_per_frame + design.timing.latency_cycles
        got, result = design.simulate_rtl(
            rtl,
            integers,
            tool=tool,
            stall_probability_in=probability,
            stall_probability_out=probability,
            seed=seed,
            resets=random_cycles(count, cycles, seed),
            progress=tell,
            weights=sets,
        )
        came = result.resets
        wanted = expected_after(design, integers, came, sets) if came else expected
        mismatches, lines = _differences(wanted, got, came)
        differences += lines + [str(error) for error in result.tlast_errors[:_SHOWN]]
        runs.append(
            Run(
                probability,
                frames,
                mismatches + len(result.tlast_errors),
                result.cycles_per_frame if frames > 1 and not came else None,
                None if came else result.latency_cycles,
                result.cycles_total,
                len(came),
                None if came else weight_traffic(design.network, result),
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
        external_bytes(design.network),
        len(sets),
        checked,
        equivalence,
    )
    name = f"netlist_{netlist.name}" if netlist else "rtlsim"
    report = Layout(directory).report(f"{name}_performance")
    report.write_text(json.dumps(verification.as_dict(), indent=2) + "\n", encoding="utf-8")
    renew_page(directory)
    return verification

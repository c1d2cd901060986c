"""The files between Python and a running simulation, the same for every simulator.

`config.txt`, `resets.txt` and one `<port>.in` per input port go in. `report.txt` comes out, its
lines being `moved PORT BEATS`, `cycles N`, `tlast PORT BEAT VALUE`, `reset CYCLE NEXT`, `delivered
PORT FRAMES` (of the reset before), `broken PORT CYCLE RULE`, `deadlock` and `end`, with one
`<port>.out` (bytes of TDATA) per output port and one `<port>.cycles` (int64 `[2, n_frames]`: first
and last beat) per port. While it runs, `progress.txt` holds the number of frames that are through.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from qcompiler.backends.simulators.base import (
    RESET_CYCLES,
    Reset,
    RtlDesign,
    SimulationError,
    SimulationResult,
    Stimulus,
    StreamPort,
    TlastError,
)


def stall_threshold(probability: float) -> int:
    """Returns t such that a uniform 32-bit number is below t with the given probability."""
    return round(probability * 2**32)


def port_seed(seed: int, index: int, port: StreamPort) -> int:
    """Returns the odd 32-bit seed of the stalls of port number `index`; xorshift needs non-zero.

    Ports without a handshake have one seed: their beats come together.
    """
    turn = index if port.handshake else 0
    return int(np.random.SeedSequence([seed, turn]).generate_state(1)[0]) | 1


def write_stimulus(directory: Path, design: RtlDesign, stimulus: Stimulus) -> None:
    """Writes `config.txt` and the input frames into `directory`.

    Raises:
        ValueError: the frames do not fit the ports.
    """
    n_frames = stimulus.n_frames(design)
    numbers = [
        n_frames,
        stall_threshold(stimulus.stall_probability_in),
        stall_threshold(stimulus.stall_probability_out),
        stimulus.frame_gap_cycles,
        stimulus.timeout_cycles,
        stimulus.drain_cycles,
        RESET_CYCLES,
        stimulus.seed,
    ]
    lines = [" ".join(str(number) for number in numbers)]
    for index, port in enumerate(design.ports):
        lines.append(f"{port.beats} {port_seed(stimulus.seed, index, port)}")
    resets = " ".join(map(str, stimulus.resets))
    (directory / "resets.txt").write_text(resets + "\n", encoding="ascii")
    (directory / "config.txt").write_text("\n".join(lines) + "\n", encoding="ascii")
    for port in design.inputs:
        np.ascontiguousarray(stimulus.frames[port.name]).tofile(directory / f"{port.name}.in")


def link_memories(directory: Path, design: RtlDesign) -> None:
    """Makes the `.mem` files beside the sources available in `directory`, where the run happens.

    Raises:
        ValueError: two directories of sources have different memories of one name.
    """
    found: dict[str, Path] = {}
    for folder in dict.fromkeys(source.resolve().parent for source in design.sources):
        for memory in sorted(folder.glob("*.mem")):
            other = found.setdefault(memory.name, memory)
            if other.read_bytes() != memory.read_bytes():
                raise ValueError(f"{memory} and {other} differ; the names of memories must")
    for name, memory in found.items():
        (directory / name).symlink_to(memory)


def frames_done(done: int, n_frames: int) -> str:
    """Returns the words for a simulation's progress."""
    return f"{done} of {n_frames} frames"


def read_progress(directory: Path) -> int:
    """Returns the frames that are through, as far as a running simulation has told."""
    path = directory / "progress.txt"
    text = path.read_text(encoding="ascii") if path.is_file() else ""
    return int(text) if text.endswith("\n") else 0  # it may be half written


class SimulatorReport(Struct):
    """What `report.txt` says."""

    cycles_total: int = 0
    moved: dict[str, int] = field(default_factory=dict[str, int])
    tlast: list[tuple[str, int, bool]] = field(default_factory=list[tuple[str, int, bool]])
    resets: list[Reset] = field(default_factory=list[Reset])
    broken: tuple[str, int, str] | None = None
    deadlock: bool = False
    complete: bool = False


def read_report(path: Path) -> SimulatorReport:
    """Returns the parsed report; `complete` is false if the simulation stopped before its end."""
    report = SimulatorReport()
    lines = path.read_text(encoding="ascii").splitlines() if path.is_file() else []
    for line in lines:
        match line.split(maxsplit=3):
            case ["cycles", cycles]:
                report.cycles_total = int(cycles)
            case ["moved", port, beats]:
                report.moved[port] = int(beats)
            case ["tlast", port, beat, value]:
                report.tlast.append((port, int(beat), value == "1"))
            case ["reset", cycle, frame]:
                report.resets.append(Reset(int(cycle), int(frame), {}))
            case ["delivered", port, frames]:
                report.resets[-1].delivered[port] = int(frames)
            case ["broken", port, cycle, rule]:
                report.broken = (port, int(cycle), rule)
            case ["deadlock"]:
                report.deadlock = True
            case ["end"]:
                report.complete = True
            case _:
                raise SimulationError(f"{path}: unknown line {line!r}")
    return report


def raise_for(report: SimulatorReport, design: RtlDesign, stimulus: Stimulus) -> None:
    """Raises a SimulationError if the design broke a rule, deadlocked or gave too much."""
    n_frames = stimulus.n_frames(design)
    if report.broken is not None:
        port, cycle, rule = report.broken
        when = f"in cycle {cycle} " if cycle >= 0 else ""
        raise SimulationError(f"{design.top}: handshake rule broken on {port}: {when}{rule}")
    if report.deadlock:
        moved = _moved(design.ports, report, n_frames)
        raise SimulationError(
            f"{design.top}: deadlock: no beat on any port for {stimulus.timeout_cycles} cycles "
            f"before cycle {report.cycles_total}; beats moved: {moved}"
        )
    for port in design.outputs:
        if report.moved[port.name] > port.beats * n_frames:
            moved = _moved(design.ports, report, n_frames)
            raise SimulationError(f"{design.top}: too many beats on {port.name}; moved: {moved}")


def _moved(ports: Sequence[StreamPort], report: SimulatorReport, n_frames: int) -> str:
    return ", ".join(f"{p.name} {report.moved[p.name]} of {p.beats * n_frames}" for p in ports)


def read_result(
    directory: Path, design: RtlDesign, stimulus: Stimulus, report: SimulatorReport
) -> SimulationResult:
    """Returns the result from the files of a simulation that ran to its end without error."""
    n_frames = stimulus.n_frames(design)
    frames: dict[str, NDArray[np.uint8]] = {}
    for port in design.outputs:
        data = np.fromfile(directory / f"{port.name}.out", dtype=np.uint8)
        frames[port.name] = data.reshape(n_frames, port.beats, port.bytes_per_beat)
    beats = {port.name: port.beats for port in design.ports}
    first_in, last_in = _read_cycles(directory, design.inputs)
    first_out, last_out = _read_cycles(directory, design.outputs)
    return SimulationResult(
        frames=frames,
        first_in_cycle=first_in,
        last_in_cycle=last_in,
        first_out_cycle=first_out,
        last_out_cycle=last_out,
        cycles_total=report.cycles_total,
        tlast_errors=[
            TlastError(port, beat // beats[port], beat % beats[port], value)
            for port, beat, value in report.tlast
        ],
        resets=report.resets,
    )


def _read_cycles(
    directory: Path, ports: Sequence[StreamPort]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns per frame the first and the last cycle over all of `ports`."""
    arrays = [
        np.fromfile(directory / f"{port.name}.cycles", dtype=np.int64).reshape(2, -1)
        for port in ports
    ]
    stacked = np.stack(arrays)
    return stacked[:, 0].min(axis=0), stacked[:, 1].max(axis=0)

"""What every simulator takes and gives: a design, a stimulus, a result. Plain numpy and paths.

Frames are `uint8` arrays of shape `[n_frames, beats, bytes_per_beat]`; byte 0 of a beat is bits
7..0 of TDATA. Cycle numbers count rising clock edges, the first one after reset being cycle 0.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from qcompiler.progress import Progress, silent

# Names go into generated C++ and Verilog and into file names, so nothing else may pass.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

RESET_CYCLES = 8
"""Clock edges with `ap_rst_n` low before cycle 0."""


class SimulationError(Exception):
    """The tool is absent or failed, or the design broke the rules of its ports."""


def _require_name(name: str, what: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{what} must be a plain identifier, got {name!r}")


class StreamPort(Struct, frozen=True):
    """One AXI4-Stream port; its wires are `<name>_tdata`, `_tvalid`, `_tready`, `_tlast`.

    Without a handshake it has the first two alone: a beat moves in each cycle with TVALID.

    Attributes:
        name: for example `s_axis_0`.
        direction: `in` or `out`, as the design sees it.
        width_bits: payload of a beat before padding to whole bytes, at least 1.
        beats: beats per frame, at least 1.
        handshake: whether it has TREADY and TLAST.

    Raises:
        ValueError: an attribute is out of range.
    """

    name: str
    direction: Literal["in", "out"]
    width_bits: int
    beats: int
    handshake: bool = True

    def __post_init__(self) -> None:
        _require_name(self.name, "name of a stream port")
        for what, value in (("width_bits", self.width_bits), ("beats", self.beats)):
            if value < 1:
                raise ValueError(f"{self.name}: {what} must be at least 1, got {value}")

    @property
    def bytes_per_beat(self) -> int:
        """Bytes of TDATA."""
        return (self.width_bits + 7) // 8

    @property
    def forward(self) -> dict[str, int]:
        """Widths of the wires that go with the data, by the ends of their names."""
        data = {"tdata": 8 * self.bytes_per_beat, "tvalid": 1}
        return {**data, "tlast": 1} if self.handshake else data

    @property
    def backward(self) -> dict[str, int]:
        """Widths of the wires that go against the data, by the ends of their names."""
        return {"tready": 1} if self.handshake else {}


class RtlDesign(Struct, frozen=True):
    """Verilog files with AXI4-Stream ports, clock `ap_clk` and synchronous reset `ap_rst_n`.

    Attributes:
        top: name of the top module.
        sources: Verilog files. `.mem` files beside them are memory contents, which the sources
            name without a directory in `$readmemh`.
        ports: all stream ports, at least one in each direction.

    Raises:
        ValueError: no sources, a bad or repeated name, or a direction without a port.
    """

    top: str
    sources: tuple[Path, ...]
    ports: tuple[StreamPort, ...]

    def __post_init__(self) -> None:
        _require_name(self.top, "name of the top module")
        if not self.sources:
            raise ValueError(f"{self.top}: design has no Verilog source")
        names = [port.name for port in self.ports]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.top}: port names must differ, got {names}")
        if not self.inputs or not self.outputs:
            raise ValueError(f"{self.top}: needs an input and an output port, got {names}")

    @property
    def inputs(self) -> tuple[StreamPort, ...]:
        """Ports that take frames, in order."""
        return tuple(port for port in self.ports if port.direction == "in")

    @property
    def outputs(self) -> tuple[StreamPort, ...]:
        """Ports that give frames, in order."""
        return tuple(port for port in self.ports if port.direction == "out")


TIMEOUT_CYCLES = 100_000
"""Without a beat on any port, unless a stimulus says otherwise."""


class Stimulus(Struct, frozen=True):
    """What to send, and how unwillingly.

    Attributes:
        frames: for each input port an array as the module's docstring says; all with the same
            number of frames. Each output port is expected to give that number, too.
        stall_probability_in: chance per cycle that a source holds back its next beat, in [0, 1).
        stall_probability_out: chance per cycle that a sink is not ready, in [0, 1).
        seed: the same seed gives the same stalls, with every simulator.
        frame_gap_cycles: idle cycles of each source between frames; 0 is back to back.
        timeout_cycles: so many cycles without a beat on any port are a deadlock.
        drain_cycles: cycles watched for superfluous beats once all frames are through.
        resets: cycles before which `ap_rst_n` is low once more, rising; frames that have begun
            then are lost, and every source goes on with the first one that has begun nowhere.

    Raises:
        ValueError: an attribute is out of range.
    """

    frames: Mapping[str, NDArray[np.uint8]]
    stall_probability_in: float = 0.0
    stall_probability_out: float = 0.0
    seed: int = 0
    frame_gap_cycles: int = 0
    timeout_cycles: int = TIMEOUT_CYCLES
    drain_cycles: int = 64
    resets: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("stall_probability_in", "stall_probability_out"):
            value = getattr(self, name)
            if not 0.0 <= value < 1.0:
                raise ValueError(f"{name} must be in [0, 1), got {value}")
        limits = {"seed": 0, "frame_gap_cycles": 0, "timeout_cycles": 1, "drain_cycles": 0}
        for name, least in limits.items():
            value = getattr(self, name)
            if not least <= value < 2**31:
                raise ValueError(f"{name} must be in [{least}, 2**31), got {value}")
        if list(self.resets) != sorted({*self.resets}) or min(self.resets, default=0) < 0:
            raise ValueError(f"resets must be cycles, rising, got {list(self.resets)}")

    def n_frames(self, design: RtlDesign) -> int:
        """Returns the number of frames on each port, at least 1.

        Raises:
            ValueError: the arrays do not fit the ports of `design` or one another.
        """
        return check_frames(design.inputs, self.frames)


def check_frames(ports: tuple[StreamPort, ...], frames: Mapping[str, NDArray[np.uint8]]) -> int:
    """Returns the number of frames that each of `ports` has in `frames`, at least 1.

    Raises:
        ValueError: a port is missing or unknown, or an array has the wrong shape or type.
    """
    wanted = {port.name for port in ports}
    if wanted != set(frames):
        raise ValueError(f"frames are for ports {sorted(frames)}, need {sorted(wanted)}")
    n_frames = len(frames[ports[0].name])
    if n_frames < 1:
        raise ValueError(f"{ports[0].name}: needs at least 1 frame, got 0")
    for port in ports:
        array = frames[port.name]
        shape = (n_frames, port.beats, port.bytes_per_beat)
        if array.shape != shape or array.dtype != np.uint8:
            raise ValueError(
                f"{port.name}: frames must be uint8 of shape {shape}, "
                f"got {array.dtype} of shape {array.shape}"
            )
    return n_frames


class TlastError(NamedTuple):
    """TLAST of an output beat was not what the beat's place in its frame asks for."""

    port: str
    frame: int
    beat: int
    tlast: bool

    def __str__(self) -> str:
        got = "set before the end of" if self.tlast else "missing on the last beat of"
        return f"{self.port}: TLAST {got} frame {self.frame} (beat {self.beat})"


class Reset(Struct, frozen=True):
    """What a reset amid the frames did.

    Attributes:
        cycle: before which it was.
        next_frame: with which every port went on.
        delivered: frames that each output port had given in full, all the way from frame 0.
    """

    cycle: int
    next_frame: int
    delivered: dict[str, int]


class SimulationResult(Struct, frozen=True):
    """What came out, and when.

    Attributes:
        frames: for each output port the bytes of TDATA as they were, padding included.
        first_in_cycle: per frame, the cycle when any input port accepted its first beat.
        last_in_cycle: per frame, the cycle when the last input port accepted its last beat.
        first_out_cycle: per frame, the cycle of the first beat on any output port.
        last_out_cycle: per frame, the cycle of the last beat on the last output port.
        cycles_total: simulated cycles, without reset, with draining.
        tlast_errors: the wrong TLASTs, in order per port; at most 100 for each port.
        resets: those that came before the last frame was through.
    """

    frames: dict[str, NDArray[np.uint8]]
    first_in_cycle: NDArray[np.int64]
    last_in_cycle: NDArray[np.int64]
    first_out_cycle: NDArray[np.int64]
    last_out_cycle: NDArray[np.int64]
    cycles_total: int
    tlast_errors: list[TlastError] = field(default_factory=list[TlastError])
    resets: list[Reset] = field(default_factory=list[Reset])

    @property
    def latency_cycles(self) -> int:
        """Cycles from the first input beat of the first frame to its last output beat."""
        return int(self.last_out_cycle[0] - self.first_in_cycle[0])

    @property
    def cycles_per_frame(self) -> float:
        """Mean cycles between frame ends over the later half of the frames (steady state).

        Raises:
            ValueError: fewer than 2 frames were simulated.
        """
        n_frames = len(self.last_out_cycle)
        if n_frames < 2:
            raise ValueError(f"cycles per frame need at least 2 frames, got {n_frames}")
        start = (n_frames - 1) // 2
        cycles = self.last_out_cycle[-1] - self.last_out_cycle[start]
        return float(cycles) / (n_frames - 1 - start)


class Simulator(Protocol):
    """Runs designs; stateless but for its cache."""

    def run(
        self, design: RtlDesign, stimulus: Stimulus, progress: Progress = silent
    ) -> SimulationResult:
        """Sends the frames of `stimulus` through `design` and collects what comes out.

        Args:
            design: what to simulate.
            stimulus: what to send.
            progress: told what goes on: `building the simulator`, `200 of 1000 frames`.

        Raises:
            ValueError: the stimulus does not fit the ports.
            SimulationError: the design does not compile, deadlocks, gives too many beats, or
                breaks the handshake rules; the message says which, where, and names the log.
        """
        ...

"""Simulates a design in Verilator against the interpreter, back to back and with random stalls."""

import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.zoo.vectors import Batch
from qcompiler.analysis.validation import random_integers
from qcompiler.backends.simulators import SimulationError
from qcompiler.design import Design
from qcompiler.dialects import stream
from qcompiler.dialects.attributes import Array

MOST_CYCLES = 200_000
"""Cycles a frame that are asked for where the default folding takes more."""
_STALLS = 0.3


@dataclass
class Rtl:
    """What the simulation found; `status` is `done` only if both runs came to their end.

    Attributes:
        status: `done`, `failed` (see `reason`), or `not run`.
        frames: simulated.
        outputs: integers compared in each run.
        mismatches: integers that differ, and wrong TLASTs; back to back.
        stalled_mismatches: with random stalls on every port.
        measured_cycles: per frame, back to back.
    """

    status: str = "not run"
    reason: str = ""
    frames: int = 0
    outputs: int = 0
    mismatches: int = 0
    stalled_mismatches: int = 0
    measured_cycles: float = 0.0

    @property
    def equal(self) -> bool:
        """Whether both runs ended and nothing differs."""
        wrong = self.mismatches + self.stalled_mismatches
        return self.status == "done" and self.outputs > 0 and not wrong

    def as_json(self) -> dict[str, Any]:
        """Returns the fields."""
        return asdict(self)


def multipliers(design: Design) -> int:
    """Returns products per cycle of all matrix and depthwise units."""
    found = 0
    for _, process in design.network.named():
        if isinstance(process, stream.MvauOp):
            found += process.pe.value.data * process.simd.value.data
        elif isinstance(process, stream.VvauOp):
            found += process.input_channel.lanes.data
    return found


def frames_for(cycles: int) -> int:
    """Returns how many frames to simulate when one takes `cycles`."""
    return 20 if cycles <= 20_000 else 4 if cycles <= 100_000 else 2


def stimulus(design: Design, batch: Batch, count: int) -> list[Array]:
    """Returns integers for the hardware: extremes and random ones, then model inputs."""
    rng = np.random.default_rng(1)
    half = min(count // 2, batch.count)
    names = design.names("inputs")
    real = design.quantize(dict(zip(names, batch.part(0, half).given, strict=True)))
    channels = [channel for port, channel in design.ports if port.direction == "in"]
    return [
        np.concatenate(
            [array, random_integers(channel.element.range, (count - half, *array.shape[1:]), rng)]
        )
        for array, channel in zip(real, channels, strict=True)
    ]


def simulate(design: Design, batch: Batch, found: Rtl, save: Callable[[], None]) -> None:
    """Fills in `found`; calls `save` when there is something new to keep."""
    count = frames_for(design.timing.cycles_per_frame)
    integers = stimulus(design, batch, count)
    expected = design.core(integers)
    found.status, found.reason = "failed", "did not come to its end"
    found.frames, found.outputs = count, sum(a.size for a in expected)
    try:
        with tempfile.TemporaryDirectory(prefix="qcompiler-zoo-") as folder:
            rtl = design.rtl_design(Path(folder))
            for stalls in (0.0, _STALLS):
                got, result = design.simulate_rtl(
                    rtl,
                    integers,
                    tool="verilator",
                    stall_probability_in=stalls,
                    stall_probability_out=stalls,
                    seed=2,
                    timeout_cycles=10 * MOST_CYCLES,
                )
                wrong = len(result.tlast_errors) + sum(
                    int((want.reshape(have.shape) != have).sum())
                    for want, have in zip(expected, got, strict=True)
                )
                if stalls:
                    found.stalled_mismatches = wrong
                else:
                    found.mismatches, found.measured_cycles = wrong, result.cycles_per_frame
                save()
        found.status, found.reason = "done", ""
    except SimulationError as error:
        found.reason = str(error)[:500]

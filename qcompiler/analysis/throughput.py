"""Cycles per frame, latency, and how many beats wait on each channel, without simulating hardware.

Each process is known by its schedule: in which of its cycles it accepts and makes beats. Given when
beats become available, `Process.timing` tells when it takes them and when its own appear. Going
through the network once gives every beat's time, if everything happens as early as it can.

For buffers, that is too early: a fast process would fill any FIFO. So the network is gone through
backwards from the times of the outputs, which tells how late everything may happen, and forwards
again with nothing made before it is needed. The beats that wait then are what a FIFO must hold:
such a schedule exists, so no more is needed (docs/hardware.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from xdsl.ir import SSAValue

from qcompiler.analysis.network import Network
from qcompiler.dialects import stream
from qcompiler.dialects.stream.process import NEVER, Times

_FRAMES = 4


@dataclass(frozen=True)
class Timing:
    """What the schedules predict.

    Attributes:
        cycles_per_frame: steady-state distance of frames, that of the slowest process.
        bottleneck: name of the slowest process.
        latency_cycles: from the first input beat's acceptance to the last output beat, idle start.
    """

    cycles_per_frame: int
    bottleneck: str
    latency_cycles: int


@dataclass(frozen=True)
class _Pass:
    """One way through the network: when the beats of each channel come, and when they are taken."""

    arrivals: dict[SSAValue, Times]
    taken: dict[SSAValue, Times]


def _most_waiting(arrival: Times, taken: Times) -> int:
    """Returns the most beats that have arrived by a cycle and were not taken before it."""
    taken_before = np.searchsorted(taken, arrival, "left")
    return int((np.arange(1, arrival.size + 1) - taken_before).max())


def _slowest(network: Network) -> tuple[str, int]:
    cycles = {name: process.cycles_per_frame for name, process in network.named()}
    name = max(cycles, key=lambda name: cycles[name])
    return name, cycles[name]


def _forward(
    network: Network, period: int, release: Mapping[stream.Process, Times | None] | None = None
) -> _Pass:
    arrivals: dict[SSAValue, Times] = {}
    taken: dict[SSAValue, Times] = {}
    for value in network.inputs:
        beats = stream.channel_of(value).beats
        start = (np.arange(_FRAMES, dtype=np.int64) * period)[:, None]
        arrivals[value] = (start + np.arange(beats, dtype=np.int64)).reshape(-1)
    for process in network.processes:
        given = [arrivals[operand] for operand in process.operands]
        found = process.timing(given, _FRAMES, None if release is None else release[process])
        taken.update(zip(process.operands, found.taken, strict=True))
        arrivals.update(zip(process.results, found.made, strict=True))
    return _Pass(arrivals, taken)


def _releases(
    network: Network, outputs: Mapping[SSAValue, Times]
) -> dict[stream.Process, Times | None]:
    """Returns how late each process may work for the outputs to come at the given times.

    None is for a process that nothing holds back, most of them; times for each take much memory.
    """
    deadlines = dict(outputs)
    release: dict[stream.Process, Times | None] = {}
    for process in reversed(network.processes):
        demand = process.latest([deadlines[result] for result in process.results], _FRAMES)
        held = (demand.release > NEVER).any()
        release[process] = demand.release if held else None
        deadlines.update(zip(process.operands, demand.inputs, strict=True))
    return release


def predict(network: Network) -> Timing:
    """Returns the timing of a network whose input never lacks and whose output never stalls."""
    bottleneck, period = _slowest(network)
    early = _forward(network, period)
    first = min(int(early.taken[value][0]) for value in network.inputs)
    last = max(
        int(early.arrivals[value][stream.channel_of(value).beats - 1]) for value in network.outputs
    )
    return Timing(period, bottleneck, last - first)


def waiting_beats(network: Network) -> dict[SSAValue, int]:
    """Returns, per channel, the most beats that wait on it at once in a schedule of full speed."""
    _, period = _slowest(network)
    early = _forward(network, period)
    outputs = {value: early.arrivals[value] for value in network.outputs}
    late = _forward(network, period, _releases(network, outputs))
    if any((late.arrivals[value] > outputs[value]).any() for value in outputs):
        late = early  # a line buffer has no room for what comes so late
    return {value: _most_waiting(late.arrivals[value], t) for value, t in late.taken.items()}

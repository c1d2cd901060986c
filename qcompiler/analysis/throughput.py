"""Cycles per frame, latency, and how many beats wait on each channel, without simulating hardware.

Each process is known by its schedule: in which of its cycles it accepts and makes beats. Given when
beats become available, `Process.timing` tells when it takes them and when its own appear. Going
through the network once gives every beat's time.
"""

from dataclasses import dataclass

import numpy as np
from xdsl.ir import SSAValue

from qcompiler.analysis.network import Network
from qcompiler.dialects import stream
from qcompiler.dialects.stream.process import Times

_FRAMES = 4


@dataclass(frozen=True)
class Timing:
    """What the schedules predict.

    Attributes:
        cycles_per_frame: steady-state distance of frames, that of the slowest process.
        bottleneck: name of the slowest process.
        latency_cycles: from the first input beat's acceptance to the last output beat, idle start.
        waiting: per channel, the most beats that wait on it at once in steady state.
    """

    cycles_per_frame: int
    bottleneck: str
    latency_cycles: int
    waiting: dict[SSAValue, int]


def _most_waiting(arrival: Times, taken: Times) -> int:
    """Returns the most beats that have arrived by a cycle and were not taken before it."""
    taken_before = np.searchsorted(taken, arrival, "left")
    return int((np.arange(1, arrival.size + 1) - taken_before).max())


def predict(network: Network) -> Timing:
    """Returns the timing of a network whose input never lacks and whose output never stalls."""
    schedules = [(name, process, process.schedule()) for name, process in network.named()]
    bottleneck, _, slowest = max(schedules, key=lambda entry: entry[2].cycles)
    period = slowest.cycles
    arrivals: dict[SSAValue, Times] = {}
    for value in network.inputs:
        beats = stream.channel_of(value).beats
        start = (np.arange(_FRAMES, dtype=np.int64) * period)[:, None]
        arrivals[value] = (start + np.arange(beats, dtype=np.int64)).reshape(-1)
    waiting: dict[SSAValue, int] = {}
    first = None
    for _, process, _ in schedules:
        taken, made = process.timing(arrivals[process.input], _FRAMES)
        first = int(taken[0]) if first is None else first
        waiting[process.input] = _most_waiting(arrivals[process.input], taken)
        arrivals[process.result] = made
    last = max(
        int(arrivals[value][stream.channel_of(value).beats - 1]) for value in network.outputs
    )
    return Timing(period, bottleneck, last - (first or 0), waiting)

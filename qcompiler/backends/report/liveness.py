"""The certificate that FIFOs are deep enough: `report/liveness.json`, which `qcc prove` checks.

It is a schedule that repeats for ever: the cycle of each beat on each channel. If every block can
move its beats in these cycles, the network never stops and makes a frame each `period` cycles.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from qcompiler.analysis.network import Network
from qcompiler.analysis.throughput import periodic_schedule
from qcompiler.dialects.stream.schedule import Times

LIVENESS = "liveness"


def certificate(network: Network) -> dict[str, Any] | None:
    """Returns the certificate; None for a network of which no schedule is known, as with states."""
    if not network.has_handshake:
        return None
    schedule = periodic_schedule(network)
    if schedule is None:
        return None
    channels = [
        {"from": giver, "to": taker, "cycles": runs_of(schedule.moves[value])}
        for giver, taker, value in _links(network)
    ]
    return {"period": schedule.period, "channels": channels}


def _links(network: Network) -> Iterator[tuple[str, str, SSAValue]]:
    """Yields each channel between blocks and ports: which gives, which takes, and the channel."""
    givers = {value: network.input_name(value) for value in network.inputs}
    for name, process in network.named():
        if process.is_wires:
            givers[process.results[0]] = givers[process.operands[0]]
            continue
        for port, value in _ports("in", process.operands):
            yield givers[value], f"{name}.{port}", value
        givers |= {value: f"{name}.{port}" for port, value in _ports("out", process.results)}
    for index, value in enumerate(network.outputs):
        yield givers[value], f"m_axis_{index}", value


def _ports(kind: str, values: Any) -> list[tuple[str, SSAValue]]:
    return [(kind if len(values) == 1 else f"{kind}{n}", value) for n, value in enumerate(values)]


def runs_of(times: Times) -> list[list[int]]:
    """Returns increasing numbers as [start, count, step, times, stride], as few as come easily."""
    steps = np.diff(times)
    breaks = np.append(np.flatnonzero(np.diff(steps)) + 1, len(times) - 1).tolist()
    found: list[list[int]] = []
    at, following = 0, iter(breaks)
    last = next(following)
    while at < len(times):
        while last <= at and at < len(times) - 1:
            last = next(following)
        end = max(last, at)
        step = int(steps[at]) if end > at else 1
        _append(found, [int(times[at]), end - at + 1, step, 1, 0])
        at = end + 1
    return found


def _append(found: list[list[int]], run: list[int]) -> None:
    """Appends a run, or makes the one before it repeat."""
    if found and found[-1][1:3] == run[1:3]:
        before = found[-1]
        stride = run[0] - before[0] - (before[3] - 1) * before[4]
        if before[3] == 1 or stride == before[4]:
            before[3:] = [before[3] + 1, stride]
            return
    found.append(run)

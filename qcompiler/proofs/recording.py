"""Makes the certificate of FIFO sizes: records what the control of all blocks does together.

Nothing of it is trusted: `qcompiler.proofs.liveness` checks what is written here.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qcompiler.analysis.network import Network
from qcompiler.dialects.attributes import Array
from qcompiler.proofs.block import Refuted, Undecided
from qcompiler.proofs.blocks import find_input, find_output
from qcompiler.proofs.circuit import Circuit
from qcompiler.proofs.compiled import Control, compile_control
from qcompiler.proofs.cycle import Cycle
from qcompiler.proofs.liveness import Certificate, Wave
from qcompiler.proofs.terms import Terms
from qcompiler.proofs.traces import last_cycles
from qcompiler.proofs.wiring import Link, links

_MOST_KEPT = 1 << 16
_CHECKED = 1 << 10
"""Cycles after which the time is looked at."""


class _Part:
    """A block, and the places of its channels among all of them."""

    def __init__(self, name: str, circuit: Circuit, channels: list[Link]):
        self.name, self.circuit = name, circuit
        takes = [(i, to) for i, (_, to) in enumerate(channels) if to.rpartition(".")[0] == name]
        gives = [(i, by) for i, (by, _) in enumerate(channels) if by.rpartition(".")[0] == name]
        self.takes, self.gives = [i for i, _ in takes], [i for i, _ in gives]
        ports = [port.rpartition(".")[2] for _, port in takes]
        outs = [port.rpartition(".")[2] for _, port in gives]
        self.valids = [find_input(circuit, f"{port}_valid") for port in ports]
        self.readies = [find_input(circuit, f"{port}_ready") for port in outs]
        ready = [find_output(circuit, f"{port}_ready") for port in ports]
        valid = [find_output(circuit, f"{port}_valid") for port in outs]
        registers = circuit.registers_behind([*ready, *valid])
        becomes = [circuit.next[n] for n in registers]
        cycle, reset = (
            Cycle(circuit, Terms(), [*becomes, *ready, *valid]),
            circuit.inputs["ap_rst_n"],
        )
        after = cycle.compute({reset: cycle.terms.const(1, 0)})
        # What reset leaves open is anything at all: here it is 0.
        self.state = tuple([cycle.terms.value(after[node]) or 0 for node in becomes])
        fixed = cycle.integers() | {reset: 1}
        self._valid = self._compiled(fixed, registers, valid)
        self._ready = self._compiled(fixed, [*registers, *self.valids], ready)
        self._next = self._compiled(fixed, [*registers, *self.valids, *self.readies], becomes)
        self._known: dict[Any, tuple[int, ...]] = {}

    def _compiled(self, fixed: Mapping[int, Any], given: list[int], wanted: list[int]) -> Control:
        made = compile_control(self.circuit, fixed, given, wanted)
        if made is None:
            raise Undecided(f"when beats of {self.name} move depends on data, or within a cycle")
        return made

    def _found(self, number: int, function: Control, *given: int) -> tuple[int, ...]:
        key = number, self.state, given
        found = self._known.get(key)
        if found is None:
            if len(self._known) > _MOST_KEPT:
                self._known.clear()
            found = self._known[key] = function((*self.state, *given))
        return found

    def offer(self, valid: bytearray) -> None:
        """Says which outputs have a beat."""
        for place, high in zip(self.gives, self._found(0, self._valid), strict=True):
            valid[place] = high

    def accept(self, valid: bytearray, ready: bytearray) -> None:
        """Says which inputs are ready."""
        given = [valid[place] for place in self.takes]
        for place, high in zip(self.takes, self._found(1, self._ready, *given), strict=True):
            ready[place] = high

    def step(self, valid: bytearray, ready: bytearray) -> bool:
        """Goes on to the next cycle; returns whether anything changes."""
        given = [valid[place] for place in self.takes] + [ready[place] for place in self.gives]
        before, self.state = self.state, self._found(2, self._next, *given)
        return self.state != before


@dataclass(frozen=True)
class _Run:
    """Valid of all channels, then ready, [cycles, 2 * channels]; and from where it comes again."""

    waves: Array
    again: int | None


def record(network: Network, circuit_of: Callable[[str], Circuit], end: float) -> dict[str, Any]:
    """Returns a certificate of a network.

    Args:
        network: the processes, as the top module connects them.
        circuit_of: returns the circuit of a process with its register slices, by name.
        end: CPU time of this process, past which it is given up.

    Raises:
        Refuted: the network stops.
        Undecided: nothing comes again in time, or there is no such run.
    """
    wanted = dict(links(network))
    channels = list(wanted)
    parts = [
        _Part(name, circuit_of(name), channels)
        for name, process in network.named()
        if not process.is_wires
    ]
    found = _run(parts, channels, wanted, end)
    valid, ready = np.split(found.waves.astype(np.bool_).T, 2)
    waves = dict(zip(channels, zip(valid, ready, strict=True), strict=True))
    cycles = len(found.waves)
    if found.again is None:
        words = f"it stops for ever in cycle {cycles - 1}"
        raise held_up(Certificate(cycles - 1, waves), words, circuit_of)
    written = [
        {"from": giver, "to": taker, "valid": _runs(valid), "ready": _runs(ready)}
        for (giver, taker), (valid, ready) in waves.items()
    ]
    return {"cycles": cycles, "again": found.again, "channels": written}


def _runs(wave: Wave) -> list[list[int]]:
    return runs_of(np.flatnonzero(wave))


def held_up(certificate: Certificate, words: str, circuit_of: Callable[[str], Circuit]) -> Refuted:
    """Returns what says that a network stops or is slow, with a trace of where most beats wait.

    Args:
        certificate: what the network does.
        words: what is wrong.
        circuit_of: returns the circuit of a process, by name.
    """
    waits = {
        link[1]: int((valid & ~ready)[certificate.again :].sum())
        for link, (valid, ready) in certificate.waves.items()
        if "." in link[1] and "." in link[0]
    }
    fifos = {to: count for to, count in waits.items() if count and to.endswith("fifo.in")}
    places = fifos or waits
    if not places:
        return Refuted(words)
    place = max(places, key=lambda to: places[to])
    words = f"{words}; beats wait before {place}"
    block = place.rpartition(".")[0]
    circuit = circuit_of(block)
    driven: dict[int, Sequence[int]] = {}
    for (giver, taker), (valid, ready) in certificate.waves.items():
        for end, wire, wave in ((taker, "valid", valid), (giver, "ready", ready)):
            name, _, port = end.rpartition(".")
            if name == block:
                driven[find_input(circuit, f"{port}_{wire}")] = wave.astype(int).tolist()
    return Refuted(words, trace=last_cycles(block, circuit, driven, words), certain=True)


def _run(parts: list[_Part], channels: list[Link], beats: Mapping[Link, int], end: float) -> _Run:
    """Runs until everything comes again, or nothing moves; looks where frames end."""
    last = next(i for i, (_, taker) in enumerate(channels) if "." not in taker)
    valid, ready = bytearray(len(channels)), bytearray(len(channels))
    for place, (giver, taker) in enumerate(channels):
        valid[place], ready[place] = "." not in giver, "." not in taker
    rows: list[bytes] = []
    seen: dict[tuple[Any, ...], int] = {}
    moved, frame = 0, beats[channels[last]]

    def waves() -> Array:
        shape = len(rows), 2 * len(channels)
        return np.frombuffer(b"".join(rows), np.uint8).reshape(shape)

    while True:
        if moved % frame == 0 and (not rows or rows[-1][last]):
            state = tuple([part.state for part in parts])
            if state in seen:
                return _Run(waves(), seen[state])
            seen[state] = len(rows)
        for part in parts:
            part.offer(valid)
        for part in parts:
            part.accept(valid, ready)
        changes = [part.step(valid, ready) for part in parts]
        rows.append(bytes(valid + ready))
        moved += valid[last]
        if not any(changes) and not any(a and b for a, b in zip(valid, ready, strict=True)):
            return _Run(waves(), None)
        if len(rows) % _CHECKED == 0 and time.process_time() > end:
            raise Undecided(f"nothing came again in {len(rows)} cycles, {moved // frame} frames")


def runs_of(times: Array) -> list[list[int]]:
    """Returns increasing numbers as [start, count, step, times, stride], as few as come easily."""
    steps = np.diff(times)
    breaks = iter([*(np.flatnonzero(np.diff(steps)) + 1).tolist(), len(times) - 1])
    found: list[list[int]] = []
    at, last = 0, next(breaks)
    while at < len(times):
        while last <= at and at < len(times) - 1:
            last = next(breaks)
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

"""Checks the certificate that FIFOs are deep enough, `report/liveness.json`, on the Verilog.

The certificate is a run of the design from reset on, in which beats are always offered to it, and
always taken from it: `valid` and `ready` of each channel, cycle by cycle, until everything comes
again. Each block, with its register slices, runs alone; what other blocks do is taken from the
certificate, what it does itself must be there. As nothing within a cycle depends on itself, blocks
that all do so do it together: the run is that of the hardware. What comes again does so for ever.

Nothing here is shared with what sizes FIFOs, or knows how blocks work.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from qcompiler.analysis.network import Network
from qcompiler.proofs.block import Refuted
from qcompiler.proofs.blocks import find_input, find_output
from qcompiler.proofs.circuit import Circuit
from qcompiler.proofs.compiled import compile_control
from qcompiler.proofs.cycle import Cycle, Value
from qcompiler.proofs.terms import UNKNOWN, Terms
from qcompiler.proofs.traces import last_cycles
from qcompiler.proofs.wiring import Link, links

LIVENESS = "liveness"

Wave: TypeAlias = NDArray[np.bool_]
"""Whether a wire is high, cycle by cycle."""
State: TypeAlias = tuple[int, ...]
"""Registers; -1 is unknown."""

_MOST_TURNS = 64
_MOST_KEPT = 1 << 16
_MOST_CYCLES = 1 << 26


@dataclass(frozen=True)
class Certificate:
    """A run that repeats: after its last cycle comes the cycle `again`.

    Attributes:
        again: number of a cycle.
        waves: valid and ready of each channel.
    """

    again: int
    waves: Mapping[Link, tuple[Wave, Wave]]

    @staticmethod
    def read(path: Path) -> "Certificate":
        """Returns the certificate in a file.

        Raises:
            Refuted: it is none.
        """
        try:
            data: Any = json.loads(path.read_text(encoding="utf-8"))
            cycles, again, channels = int(data["cycles"]), int(data["again"]), data["channels"]
            waves = {
                (str(c["from"]), str(c["to"])): (
                    _wave(cycles, c["valid"]), _wave(cycles, c["ready"])
                )
                for c in channels
            }  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
            raise Refuted(f"{path.name} is no certificate: {error!r}") from None
        if not 0 <= again < cycles or len(waves) != len(channels):
            raise Refuted(f"{path.name} comes again in cycle {again}, or has a channel twice")
        return Certificate(again, waves)


def _wave(cycles: int, runs: Sequence[Sequence[int]]) -> Wave:
    """Returns a wave that is high in the cycles of runs [start, count, step, times, stride]."""
    if not 0 < cycles <= _MOST_CYCLES:
        raise ValueError(f"a run of {cycles} cycles")
    wave = np.zeros(cycles, np.bool_)
    for start, count, step, times, stride in runs:
        if not 0 < count * times <= cycles:
            raise ValueError(f"a run of {count} times {times} cycles")
        inner, outer = np.arange(count) * step, np.arange(times)[:, None] * stride
        wave[start + outer + inner] = True
    return wave


def check(
    certificate: Certificate, network: Network, circuit_of: Callable[[str], Circuit]
) -> Fraction:
    """Checks a certificate; returns the cycles of a frame, for ever.

    Args:
        certificate: to check.
        network: the processes, as the top module connects them.
        circuit_of: returns the circuit of a process with its register slices, by name.

    Raises:
        Refuted: it is not what these blocks do.
    """
    wanted = dict(links(network))
    if wanted.keys() != certificate.waves.keys():
        odd = sorted(" to ".join(link) for link in wanted.keys() ^ certificate.waves.keys())
        raise Refuted(f"its channels are not the network's: {odd[0]}")
    paces: list[Fraction] = []
    for link, (valid, ready) in certificate.waves.items():
        if not ("." in link[0] or valid.all()) or not ("." in link[1] or ready.all()):
            raise Refuted(f"a port of {' to '.join(link)} waits")
        moves = (valid & ready)[certificate.again :]
        if not moves.any():
            raise Refuted(f"no beat moves from {' to '.join(link)} when all comes again")
        paces.append(Fraction(len(moves) * wanted[link], int(moves.sum())))
    for name, process in network.named():
        if not process.is_wires:
            _Replay(name, circuit_of(name), certificate).run()
    return max(paces)


class _Replay:
    """A block alone, to which all others do what the certificate says."""

    def __init__(self, name: str, circuit: Circuit, certificate: Certificate):
        self.name, self.circuit, self.again = name, circuit, certificate.again
        self.asks: list[str] = []
        self.asked: list[int] = []
        self.driven: list[int] = []
        drives: list[Wave] = []
        answers: list[Wave] = []
        for link, waves in certificate.waves.items():
            for end, wires in ((1, ("valid", "ready")), (0, ("ready", "valid"))):
                block, _, port = link[end].rpartition(".")
                if block == name:
                    drive, ask = (f"{port}_{wire}" for wire in wires)
                    self.driven.append(find_input(circuit, drive))
                    self.asked.append(find_output(circuit, ask))
                    self.asks.append(ask)
                    drives.append(waves[end == 0])
                    answers.append(waves[end == 1])
        self.drives = [tuple(row) for row in np.stack(drives, 1).astype(int).tolist()]
        self.answers = [tuple(row) for row in np.stack(answers, 1).astype(int).tolist()]
        self.terms, self.reset = Terms(), find_input(circuit, "ap_rst_n")
        self.registers = circuit.registers_behind(self.asked)
        self.wanted = [*(circuit.next[n] for n in self.registers), *self.asked]
        self.cycle = Cycle(circuit, self.terms, self.wanted)
        fixed = self.cycle.integers() | {self.reset: 1}
        given = [*self.registers, *self.driven]
        self.fast = compile_control(circuit, fixed, given, self.wanted)
        self._after = lru_cache(_MOST_KEPT)(self._compute)

    def run(self) -> None:
        """Runs from reset until the same comes again. Raises as `check`."""
        state, at, turns = self._after(None, self.drives[0]), 0, 0
        count, seen = len(self.registers), set[State]()
        while turns < _MOST_TURNS:
            found = self._after(state[:count], self.drives[at])
            if found[count:] != self.answers[at]:
                self._refuse(at, found[count:])
            state, at = found, at + 1
            if at == len(self.drives):
                at, turns = self.again, turns + 1
                if state[:count] in seen:
                    return
            if at == self.again:
                seen.add(state[:count])
        raise Refuted(f"{self.name} is in no state again after {_MOST_TURNS} turns")

    def _refuse(self, at: int, found: State) -> None:
        place = next(i for i, want in enumerate(self.answers[at]) if found[i] != want)
        shown = "unknown" if found[place] < 0 else found[place]
        wanted = self.answers[at][place]
        words = f"{self.name}.{self.asks[place]} is {shown} in cycle {at}, not {wanted}"
        driven = dict(zip(self.driven, zip(*self.drives[: at + 1], strict=True), strict=True))
        raise Refuted(words, trace=last_cycles(self.name, self.circuit, driven, words))

    def _compute(self, state: State | None, drives: State) -> State:
        """Returns the state after a cycle, and what the ports answer in it; None is reset."""
        if state is not None and self.fast is not None and min(state, default=0) >= 0:
            return self.fast((*state, *drives))
        given: dict[int, Value] = {self.reset: self.terms.const(1, state is not None)}
        for node, number in zip(
            [*self.driven, *self.registers], (*drives, *(state or ())), strict=False
        ):
            width = self.circuit.nodes[node].sort.width
            given[node] = self.terms.const(width, number) if number >= 0 else UNKNOWN
        values = self.cycle.compute(given)
        known = [self.terms.value(values[node]) for node in self.wanted]
        return tuple([-1 if value is None else value for value in known])

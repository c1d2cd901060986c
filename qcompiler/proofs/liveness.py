"""Checks the certificate that FIFOs are deep enough, `report/liveness.json`, on the Verilog.

The certificate is a schedule: the cycles in which the beats of a frame move on each channel, again
and again after `period` cycles. Each block, with its register slices, runs alone: valid is high in
just the cycles in which a beat must come to it, ready in those in which one must leave it. It must
move all of them, until a state of its control comes again at the same place of the schedule: then
it does so for ever. So the blocks together can follow the schedule. They need not: they take what
comes at once, and as no block is later because something came earlier, none ever is later than it.

Nothing here is shared with what makes the schedule, or sizes FIFOs.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from xdsl.ir import SSAValue

from qcompiler.analysis.network import Network
from qcompiler.dialects import stream
from qcompiler.dialects.attributes import Array
from qcompiler.proofs.block import Refuted, Undecided
from qcompiler.proofs.blocks import find_input, find_output
from qcompiler.proofs.circuit import Circuit
from qcompiler.proofs.cycle import Cycle, Value
from qcompiler.proofs.terms import Terms, Word
from qcompiler.proofs.traces import last_cycles
from qcompiler.proofs.wiring import ports_of, source_of

Link: TypeAlias = tuple[str, str]
"""What gives beats, and what takes them: `s_axis_0`, `fc1_mvau.out`, ..."""

_MOST_PERIODS = 256
_NEVER = 1 << 62


@dataclass(frozen=True)
class Certificate:
    """A schedule that repeats.

    Attributes:
        period: cycles.
        cycles: of the beats of a frame, per channel; increasing.
    """

    period: int
    cycles: Mapping[Link, Array]

    @staticmethod
    def read(path: Path) -> "Certificate":
        """Returns the certificate in a file.

        Raises:
            Refuted: it is none.
        """
        try:
            data: Any = json.loads(path.read_text(encoding="utf-8"))
            period = int(data["period"])
            channels: list[Any] = data["channels"]
            cycles = {(str(c["from"]), str(c["to"])): _times(c["cycles"]) for c in channels}
        except FileNotFoundError:
            raise Undecided(f"the design has no {path.name}: compile it again") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Refuted(f"{path.name} is no certificate: {error!r}") from None
        if period < 1 or len(cycles) != len(channels):
            raise Refuted(f"{path.name} has a period of {period}, or a channel twice")
        return Certificate(period, cycles)


def _times(runs: Sequence[Sequence[int]]) -> Array:
    """Returns the numbers of runs [start, count, step, times, stride]."""
    parts: list[Array] = [np.zeros(0, np.int64)]
    for start, count, step, times, stride in runs:
        if not 0 < count * times <= 1 << 26:
            raise ValueError(f"a run of {count} times {times} beats")
        inner, outer = np.arange(count) * step, np.arange(times)[:, None] * stride
        parts.append((start + outer + inner).reshape(-1))
    return np.concatenate(parts)


def links(network: Network) -> Iterator[tuple[Link, int]]:
    """Yields each channel between blocks and ports of a network, and its beats a frame."""
    givers: dict[SSAValue, str] = {value: network.input_name(value) for value in network.inputs}
    takers: list[tuple[str, SSAValue]] = []
    for name, process in network.named():
        if not process.is_wires:
            givers |= {v: f"{name}.{port}" for port, v in ports_of("out", process.results)}
            takers += [(f"{name}.{port}", v) for port, v in ports_of("in", process.operands)]
    takers += [(f"m_axis_{index}", value) for index, value in enumerate(network.outputs)]
    for taker, value in takers:
        yield (givers[source_of(value)], taker), stream.channel_of(value).beats


def check(certificate: Certificate, network: Network, circuit_of: Callable[[str], Circuit]) -> str:
    """Checks a certificate; returns what it shows, in words.

    Args:
        certificate: to check.
        network: the processes, as the top module connects them.
        circuit_of: returns the circuit of a process with its register slices, by name.

    Raises:
        Refuted: it is not the schedule of these blocks.
        Undecided: a block comes to no end.
    """
    wanted = dict(links(network))
    if wanted.keys() != certificate.cycles.keys():
        odd = sorted(" to ".join(link) for link in wanted.keys() ^ certificate.cycles.keys())
        raise Refuted(f"its channels are not the network's: {odd[0]}")
    for link, beats in wanted.items():
        _check_order(" to ".join(link), certificate.cycles[link], beats, certificate.period)
    blocks = 0
    for name, process in network.named():
        if not process.is_wires:
            blocks += 1
            _Replay(name, circuit_of(name), certificate).run()
    pace = f"a frame each {certificate.period} cycles for ever"
    return f"{pace}: {blocks} blocks keep the times of {len(wanted)} channels"


def _check_order(name: str, cycles: Array, beats: int, period: int) -> None:
    if len(cycles) != beats:
        raise Refuted(f"{name} has {len(cycles)} beats, must have {beats}")
    if cycles[0] < 0 or (np.diff(cycles) < 1).any() or cycles[-1] >= cycles[0] + period:
        raise Refuted(f"beats of {name} move at once, or not in their order")


class _Replay:
    """A block that moves its beats as the schedule says."""

    def __init__(self, name: str, circuit: Circuit, certificate: Certificate):
        self.name, self.circuit, self.period = name, circuit, certificate.period
        self.ports: list[str] = []
        self.driven: list[int] = []
        self.asked: list[int] = []
        self.starts: list[list[int]] = []
        self.last = 0
        for link, cycles in certificate.cycles.items():
            for end, drives, asks in ((1, "valid", "ready"), (0, "ready", "valid")):
                block, _, port = link[end].rpartition(".")
                if block == name:
                    self.ports.append(port)
                    self.driven.append(find_input(circuit, f"{port}_{drives}"))
                    self.asked.append(find_output(circuit, f"{port}_{asks}"))
                    starts = np.full(self.period, _NEVER)
                    starts[cycles % self.period] = cycles
                    self.starts.append(starts.tolist())
                    self.last = max(self.last, int(cycles[-1]))
        self.terms = Terms()
        self.registers = circuit.registers_behind(self.asked)
        roots = [*self.asked, *(circuit.next[n] for n in self.registers)]
        self.cycle = Cycle(circuit, self.terms, roots)
        self.bit = self.terms.const(1, 0), self.terms.const(1, 1)
        self.reset = find_input(circuit, "ap_rst_n")
        self._known: dict[tuple[Any, ...], tuple[tuple[Value, ...], tuple[Word, ...]]] = {}

    def run(self) -> None:
        """Runs from reset until the same comes again. Raises as `check`."""
        state, _ = self._step(None, (False,) * len(self.ports))
        seen: set[tuple[Value, ...]] = set()
        for cycle in range(self.last + _MOST_PERIODS * self.period):
            place = cycle % self.period
            if not place and cycle > self.last:
                if state in seen:
                    return
                seen.add(state)
            moves = tuple([starts[place] <= cycle for starts in self.starts])
            state, answers = self._step(state, moves)
            for port, moving, answer in zip(self.ports, moves, answers, strict=True):
                if moving and answer != self.bit[1]:
                    words = f"{self.name}.{port} moves no beat in cycle {cycle}, as it must"
                    driven = dict(zip(self.driven, self.starts, strict=True))
                    trace = last_cycles(self.name, self.circuit, driven, cycle, words)
                    raise Refuted(words, trace=trace)
        raise Undecided(f"{self.name} is in no state again after {_MOST_PERIODS} frames")

    def _step(
        self, state: tuple[Value, ...] | None, moves: tuple[bool, ...]
    ) -> tuple[tuple[Value, ...], tuple[Word, ...]]:
        """Returns the state after a cycle, and what the ports answer in it; None is reset."""
        key = (state, moves)
        if key not in self._known:
            given: dict[int, Value] = {self.reset: self.bit[state is not None]}
            given |= zip(self.registers, state or (), strict=False)
            given |= zip(self.driven, [self.bit[move] for move in moves], strict=True)
            values = self.cycle.compute(given)
            reached = tuple([values[self.circuit.next[n]] for n in self.registers])
            self._known[key] = reached, tuple([values[n] for n in self.asked])
        return self._known[key]

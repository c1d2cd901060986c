"""Runs of a block with values, to show what a proof found: as a trace (VCD) of all its signals.

Source: IEEE Std 1364-2005, clause 18, for value change dumps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qcompiler.dialects.attributes import Array
from qcompiler.proofs.block import Block, Meaning, Port, Refuted
from qcompiler.proofs.cycle import Cycle, Value, Values
from qcompiler.proofs.terms import UNKNOWN, Terms, Word

_RUNS = 40
_MORE_CYCLES = 400


@dataclass
class Trace:
    """What happened, cycle by cycle.

    Attributes:
        block: name.
        signals: names and widths.
        cycles: of each cycle, the values; None for unknown ones.
        words: what is wrong in the last one.
    """

    block: str
    signals: list[tuple[str, int]]
    cycles: list[list[int | None]]
    words: str

    def write(self, path: Path) -> None:
        """Writes it as VCD, a cycle in 10 ns."""
        lines = [
            f"$comment {self.block}: {self.words} $end",
            "$timescale 1ns $end",
            f"$scope module {self.block} $end",
            "$var wire 1 ! ap_clk $end",
        ]
        ids = [f"s{number}" for number in range(len(self.signals))]
        for mark, (name, width) in zip(ids, self.signals, strict=True):
            lines.append(f"$var wire {width} {mark} {name.replace('.', '_')} $end")
        lines += ["$upscope $end", "$enddefinitions $end"]
        before: list[int | None] = [-1] * len(ids)
        for number, values in enumerate(self.cycles):
            lines += [f"#{10 * number}", "1!"]
            for mark, (_, width), value, old in zip(ids, self.signals, values, before, strict=True):
                if value != old:
                    bits = "x" if value is None else format(value, "b")
                    lines.append(f"b{bits} {mark}" if width > 1 else f"{bits}{mark}")
            lines += [f"#{10 * number + 5}", "0!"]
            before = values
        path.write_text("\n".join(lines) + "\n", encoding="ascii")


class _Run:
    """A run of a block with values."""

    def __init__(self, block: Block, meaning: Meaning, steps: Sequence[tuple[int, ...]]):
        self.block, self.meaning, self.steps = block, meaning, steps
        self.terms = Terms()
        circuit = block.circuit
        hidden = {block.circuit.inputs.get("ap_clk")}
        named = {**circuit.inputs, **circuit.names}
        self.named = {
            name: node
            for name, node in named.items()
            if node not in hidden and not circuit.nodes[node].sort.address
        }
        roots = [*circuit.next.values(), *self.named.values()]
        self.cycle = Cycle(circuit, self.terms, roots)
        widths = [(name, circuit.nodes[node].sort.width) for name, node in self.named.items()]
        self.trace = Trace(block.name, widths, [], "")
        self.taken: list[list[Array]] = [[] for _ in block.inputs]
        self.given = [0] * len(block.outputs)

    def go(self, rng: np.random.Generator, value: int | None) -> str | None:
        """Runs; returns what went wrong, None if nothing did."""
        circuit, block = self.block.circuit, self.block
        state: dict[int, Value] = {n: self.cycle.unknown(n) for n in circuit.states}
        for number in range(-1, len(self.steps)):
            step = self.steps[number] if number >= 0 else (0,) * len(self.steps[0])
            given: dict[int, Value] = {**state, block.reset: self.terms.const(1, number >= 0)}
            beats: list[Array] = []
            for port, node in zip((*block.inputs, *block.outputs), step, strict=True):
                given[port.valid if port in block.inputs else port.ready] = self.terms.const(
                    1, node
                )
            for port in block.inputs:
                beat, word = self._beat(port, rng, value)
                beats.append(beat)
                given[port.data] = word
            values = self.cycle.compute(given)
            self.trace.cycles.append([self._value(values[node]) for node in self.named.values()])
            problem = self._look(values, step, beats) if number >= 0 else None
            if problem is not None:
                return problem
            state = {n: values[circuit.next[n]] for n in circuit.states}
        return None

    def _value(self, word: Any) -> int | None:
        return self.terms.value(word) if word != UNKNOWN else None

    def _beat(self, port: Port, rng: np.random.Generator, value: int | None) -> tuple[Array, Word]:
        range_ = port.element
        if value is None or not range_.lo <= value <= range_.hi:
            hi = min(range_.hi, (1 << 62) - 1)
            beat: Array = rng.integers(range_.lo, hi, size=port.lanes, endpoint=True)
        else:
            beat = np.full(port.lanes, value, np.int64)
        width, bits = range_.width_bits, 0
        for lane, element in enumerate(beat.tolist()):
            bits |= (element % (1 << width)) << (lane * width)
        return beat, self.terms.const(width * port.lanes, bits)

    def _look(self, values: Values, step: tuple[int, ...], beats: list[Array]) -> str | None:
        block = self.block
        inputs = len(block.inputs)
        for i, port in enumerate(block.inputs):
            ready = self._value(values[port.ready])
            if ready is None:
                return f"ready of {port.name} is unknown"
            if step[i] and ready:
                self.taken[i].append(beats[i])
        for number, port in enumerate(block.outputs):
            valid = self._value(values[port.valid])
            if valid is None:
                return f"valid of {port.name} is unknown"
            if not (valid and step[inputs + number]):
                continue
            problem = self._compare(number, port, values[port.data])
            if problem is not None:
                return problem
        return None

    def _compare(self, number: int, port: Port, word: Word) -> str | None:
        unit, beat = divmod(self.given[number], self.meaning.out_beats[number])
        self.given[number] += 1
        sizes = self.meaning.in_beats
        parts = [t[unit * n : (unit + 1) * n] for t, n in zip(self.taken, sizes, strict=True)]
        if not any(parts):
            return f"{port.name} makes a beat of which nothing came in"
        units: list[Array] = []
        for part, size, source in zip(parts, sizes, self.block.inputs, strict=True):
            rest = min(max(0, source.element.lo), source.element.hi)
            whole = np.full(size * source.lanes, rest, np.int64)
            if part:
                whole[: len(part) * source.lanes] = np.concatenate(part)
            units.append(whole[None])
        wanted = self.meaning.evaluate(units)[number][0]
        width = port.element.width_bits
        for lane in range(port.lanes):
            found = self._value(self.terms.slice(word, width * port.lanes, lane * width, width))
            must = int(wanted[beat * port.lanes + lane]) % (1 << width)
            if found != must:
                shown = "unknown" if found is None else found
                return f"{port.name}, beat {beat} of unit {unit}, lane {lane}: {shown}, not {must}"
        return None


def show(block: Block, meaning: Meaning, refuted: Refuted) -> Trace | None:
    """Returns a run with values that goes wrong; None if none was found.

    Args:
        block: that was refuted.
        meaning: what it must compute.
        refuted: how.
    """
    rng = np.random.default_rng(0)
    ports = len(block.inputs) + len(block.outputs)
    for number in range(_RUNS):
        chance = (1.0, 0.5)[number % 2]
        more = rng.random((_MORE_CYCLES, ports)) < chance
        steps = [*refuted.steps, *(tuple(map(int, step)) for step in more.tolist())]
        run = _Run(block, meaning, refuted.steps if refuted.certain else steps)
        problem = run.go(rng, refuted.value if number < _RUNS // 2 else None)
        if refuted.certain:
            problem = str(refuted)
        if problem is not None:
            run.trace.words = problem
            return run.trace
    return None

"""Runs of a block with values, to show what a proof found: as a trace (VCD) of all its signals."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from qcompiler.dialects.attributes import Array
from qcompiler.proofs.block import Block, Meaning, Port, Refuted
from qcompiler.proofs.circuit import Circuit
from qcompiler.proofs.cycle import Cycle, Value, Values
from qcompiler.proofs.terms import UNKNOWN, Terms, Word
from qcompiler.proofs.vcd import Trace

_RUNS = 40
_MORE_CYCLES = 400
_SHOWN = 256
"""Cycles of a trace that can be long: its last ones."""


class Recorder:
    """Collects the values of all signals of a circuit.

    Args:
        circuit: the circuit.
        terms: of its values.
    """

    def __init__(self, circuit: Circuit, terms: Terms):
        self._terms = terms
        named = {**circuit.inputs, **circuit.names}
        self.named = {
            name: node
            for name, node in named.items()
            if name != "ap_clk" and not circuit.nodes[node].sort.address
        }
        self._widths = [(name, circuit.nodes[node].sort.width) for name, node in self.named.items()]
        self._cycles: list[list[int | None]] = []

    def add(self, values: Values) -> None:
        """Notes a cycle."""
        self._cycles.append([self.value(values[node]) for node in self.named.values()])

    def value(self, word: Any) -> int | None:
        """Returns the value of a word, None if it is unknown."""
        return self._terms.value(word) if word != UNKNOWN else None

    def trace(self, name: str, words: str) -> Trace:
        """Returns the cycles that were noted.

        Args:
            name: of the block.
            words: what is wrong in the last one.
        """
        return Trace(name, self._widths, self._cycles, words)


class _Run:
    """A run of a block with values."""

    def __init__(self, block: Block, meaning: Meaning, steps: Sequence[tuple[int, ...]]):
        self.block, self.meaning, self.steps = block, meaning, steps
        self.terms = Terms()
        circuit = block.circuit
        self.recorder = Recorder(circuit, self.terms)
        roots = [*circuit.next.values(), *self.recorder.named.values()]
        self.cycle = Cycle(circuit, self.terms, roots)
        self.taken: list[list[Array]] = [[] for _ in block.inputs]
        self.offered: list[tuple[Array, Word] | None] = [None for _ in block.inputs]
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
            for i, port in enumerate(block.inputs):
                before = self.offered[i]
                beat, word = before or self._beat(port, rng, value)
                stays = number >= 0 and (step[i] or (before and self.meaning.early))
                self.offered[i] = (beat, word) if stays else None
                beats.append(beat)
                given[port.data] = word
            values = self.cycle.compute(given)
            self.recorder.add(values)
            problem = self._look(values, step, beats) if number >= 0 else None
            if problem is not None:
                return problem
            state = {n: values[circuit.next[n]] for n in circuit.states}
        return None

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
            ready = self.recorder.value(values[port.ready])
            if ready is None:
                return f"ready of {port.name} is unknown"
            if step[i] and ready:
                self.taken[i].append(beats[i])
                self.offered[i] = None
        for number, port in enumerate(block.outputs):
            valid = self.recorder.value(values[port.valid])
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
        came = self.taken
        if self.meaning.early:
            offered = [[] if one is None else [one[0]] for one in self.offered]
            came = [[*t, *more] for t, more in zip(came, offered, strict=True)]
        parts = [t[unit * n : (unit + 1) * n] for t, n in zip(came, sizes, strict=True)]
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
            part = self.terms.slice(word, width * port.lanes, lane * width, width)
            found = self.recorder.value(part)
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
            return run.recorder.trace(block.name, problem)
    return None


def differs(node: int, first: Values, second: Values) -> bool:
    """Whether a node has another value in the second of two cycles."""
    return first[node] != second[node]


def two_cycles(
    name: str,
    circuit: Circuit,
    words: str,
    shows: Callable[[Values, Values], bool],
    *,
    fixed: Mapping[int, int] | None = None,
    moving: bool = True,
) -> Trace:
    """Returns two cycles of a circuit from a state and inputs that are random.

    Args:
        name: of the block.
        circuit: the circuit.
        words: what is wrong.
        shows: whether two cycles show it; some that do are looked for.
        fixed: values of registers in the first cycle, and of inputs.
        moving: whether the second cycle follows the first; else it is another one of the same
            state, with other inputs.
    """
    terms, rng, fixed = Terms(), np.random.default_rng(0), fixed or {}
    given = list(circuit.inputs.values())
    recorder = Recorder(circuit, terms)
    for _ in range(_RUNS):
        recorder = Recorder(circuit, terms)
        cycle = Cycle(circuit, terms, [*circuit.next.values(), *recorder.named.values()])

        def words_of(numbers: Sequence[int], rng: np.random.Generator = rng) -> dict[int, Value]:
            return {n: _random_value(circuit, terms, n, rng, fixed.get(n)) for n in numbers}

        state = words_of(circuit.states)
        first = cycle.compute({**state, **words_of(given)})
        recorder.add(first)
        if moving:
            state = {n: first[circuit.next[n]] for n in circuit.states}
        second = cycle.compute({**state, **words_of(given)})
        recorder.add(second)
        if shows(first, second):
            break
    return recorder.trace(name, words)


def last_cycles(
    name: str, circuit: Circuit, driven: Mapping[int, Sequence[int]], words: str
) -> Trace:
    """Returns the last cycles of a run from reset with given valid and ready, and data unknown.

    Args:
        name: of the block.
        circuit: the circuit.
        driven: per input, what it is in each cycle of the run.
        words: what is wrong in the last one.
    """
    terms = Terms()
    recorder = Recorder(circuit, terms)
    cycle = Cycle(circuit, terms, [*circuit.next.values(), *recorder.named.values()])
    state: dict[int, Value] = {}
    count = len(next(iter(driven.values())))
    for at in range(-1, count):
        given: dict[int, Value] = {circuit.inputs["ap_rst_n"]: terms.const(1, at >= 0)}
        given |= {node: terms.const(1, wave[max(at, 0)]) for node, wave in driven.items()}
        values = cycle.compute({**state, **given})
        state = {n: values[circuit.next[n]] for n in circuit.states}
        if at >= count - _SHOWN:
            recorder.add(values)
    return recorder.trace(name, words)


def _random_value(
    circuit: Circuit, terms: Terms, number: int, rng: np.random.Generator, fixed: int | None
) -> Value:
    sort = circuit.nodes[number].sort
    words = [
        terms.const(sort.width, int.from_bytes(rng.bytes(sort.width // 8 + 1)))
        for _ in range(1 << sort.address)
    ]
    if sort.address:
        return tuple(words)
    return words[0] if fixed is None else terms.const(sort.width, fixed)

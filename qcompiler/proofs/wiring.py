"""Proves the top module: that it connects blocks as the network says, and that TLAST is right."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TypeAlias

from xdsl.ir import SSAValue

from qcompiler.analysis.network import Network
from qcompiler.backends.synthesis.tools import Limits
from qcompiler.dialects import stream
from qcompiler.proofs.block import Refuted
from qcompiler.proofs.blocks import Sources, find_input, find_output, top_circuit
from qcompiler.proofs.circuit import Circuit
from qcompiler.proofs.cycle import Cycle, Value
from qcompiler.proofs.terms import Terms, Word
from qcompiler.proofs.traces import Recorder, differs, two_cycles
from qcompiler.proofs.vcd import Trace

Link: TypeAlias = tuple[str, str]
"""What gives beats, and what takes them: `s_axis_0`, `fc1_mvau.out`, ..."""

READER, WRITER = "weight_reader", "weight_writer"
BUS, SWAP = "bus", "swap"

_SHOWN = 64
"""Cycles of a trace of TLAST: its last ones."""


class Wiring:
    """The top module, with what its blocks make as unknown words of their own."""

    def __init__(self, circuit: Circuit, network: Network):
        self.circuit, self.network, self.terms = circuit, network, Terms()
        roots = [*circuit.names.values(), *circuit.next.values()]
        self.cycle = Cycle(circuit, self.terms, roots)
        self.words: dict[int, Value] = {}
        for number in [*circuit.inputs.values(), *circuit.states]:
            self.words[number] = self.terms.fresh(circuit.nodes[number].sort.width, number)
        self.values = self.cycle.compute(self.words)

    def given(self, name: str) -> Word:
        """Returns what comes from outside or from a block."""
        word = self.words[find_input(self.circuit, name)]
        assert isinstance(word, int), "ports are words"
        return word

    def taken(self, name: str) -> Word:
        """Returns what goes outside or into a block."""
        return self.values[find_output(self.circuit, name)]

    def check(self) -> int:
        """Compares each connection; returns how many there are.

        Raises:
            Refuted: one is wrong.
        """
        count = 0
        for name, found, wanted in self._connections():
            count += 1
            if found != wanted:
                words = f"{name} is not connected as the network says"
                node = find_output(self.circuit, name.removeprefix("padding of "))
                trace = two_cycles("top", self.circuit, words, partial(differs, node))
                raise Refuted(words, trace=trace)
        return count

    def _connections(self) -> Iterator[tuple[str, Word, Word]]:
        sources = self._sources()
        for name, process in self.network.named():
            if process.is_wires:
                continue
            for wire in ("ap_clk", "ap_rst_n"):
                yield f"{name}.{wire}", self.taken(f"{name}.{wire}"), self.given(wire)
            for port, value in ports_of("in", process.operands):
                data, valid, ready = sources[source_of(value)]
                yield f"{name}.{port}_data", self.taken(f"{name}.{port}_data"), data
                yield f"{name}.{port}_valid", self.taken(f"{name}.{port}_valid"), valid
                if process.has_handshake:
                    yield ready, self.taken(ready), self.given(f"{name}.{port}_ready")
        yield from self._buses()
        for index, value in enumerate(self.network.outputs):
            data, valid, ready = sources[source_of(value)]
            width = stream.channel_of(value).width_bits
            name = f"m_axis_{index}"
            whole = self.circuit.nodes[find_output(self.circuit, f"{name}_tdata")].sort.width
            found = self.taken(f"{name}_tdata")
            yield f"{name}_tdata", self.terms.slice(found, whole, 0, width), data
            if whole > width:
                padding = self.terms.slice(found, whole, width, whole - width)
                yield f"padding of {name}_tdata", padding, self.terms.const(whole - width, 0)
            yield f"{name}_tvalid", self.taken(f"{name}_tvalid"), valid
            if self.network.has_handshake:
                yield ready, self.taken(ready), self.given(f"{name}_tready")

    def _buses(self) -> Iterator[tuple[str, Word, Word]]:
        """Yields what goes between those that take weights and what brings them from outside."""
        for writes, giver in ((False, READER), (True, WRITER)):
            takers = [name for name, taker in self.network.sources if taker.is_writable == writes]
            for index, name in enumerate(takers):
                own = (BUS, SWAP) if writes else (BUS,)
                for port in own:
                    there = f"{giver}.out{index}_" + (f"{port}_" if port == SWAP else "")
                    for wire in ("data", "valid"):
                        given = self.given(f"{there}{wire}")
                        yield f"{name}.{port}_{wire}", self.taken(f"{name}.{port}_{wire}"), given
                    ready = self.given(f"{name}.{port}_ready")
                    yield f"{there}ready", self.taken(f"{there}ready"), ready

    def _sources(self) -> dict[SSAValue, tuple[Word, Word, str]]:
        """Returns data and valid of each channel, and the name of where its ready goes."""
        sources: dict[SSAValue, tuple[Word, Word, str]] = {}
        for index, value in enumerate(self.network.inputs):
            name, width = f"s_axis_{index}", stream.channel_of(value).width_bits
            whole = self.circuit.nodes[find_input(self.circuit, f"{name}_tdata")].sort.width
            data = self.terms.slice(self.given(f"{name}_tdata"), whole, 0, width)
            sources[value] = data, self.given(f"{name}_tvalid"), f"{name}_tready"
        for name, process in self.network.named():
            if not process.is_wires:
                for port, value in ports_of("out", process.results):
                    data = self.given(f"{name}.{port}_data")
                    valid = self.given(f"{name}.{port}_valid")
                    sources[value] = data, valid, f"{name}.{port}_ready"
        return sources

    def check_last(self, index: int) -> list[tuple[int, int]]:
        """Proves that TLAST of an output marks the last beat of each frame, and no other.

        Returns:
            The values of valid and ready that were met.

        Raises:
            Refuted: it does not.
        """
        try:
            return self._count_beats(index)
        except Refuted as refuted:
            raise Refuted(str(refuted), trace=self._beats(index, str(refuted))) from None

    def _beats(self, index: int, words: str) -> Trace:
        """Returns the end of a run in which a beat moves in each cycle of a frame, and two more."""
        name, circuit, terms = f"m_axis_{index}", self.circuit, self.terms
        beats = stream.channel_of(self.network.outputs[index]).beats
        recorder = Recorder(circuit, terms)
        moves = find_output(circuit, f"{name}_tvalid"), find_input(circuit, f"{name}_tready")
        reset = find_input(circuit, "ap_rst_n")
        state: dict[int, Value] = {}
        for cycle in range(-1, beats + 2):
            given = dict.fromkeys(moves, terms.const(1, cycle >= 0))
            values = self.cycle.compute({**state, **given, reset: terms.const(1, cycle >= 0)})
            state = {n: values[circuit.next[n]] for n in circuit.states}
            if cycle > beats - _SHOWN:
                recorder.add(values)
        return recorder.trace("top", words)

    def _count_beats(self, index: int) -> list[tuple[int, int]]:
        """Goes through the states of an output's counter. Raises as `check_last`."""
        name = f"m_axis_{index}"
        beats = stream.channel_of(self.network.outputs[index]).beats
        circuit, terms = self.circuit, self.terms
        last = find_output(circuit, f"{name}_tlast")
        counters = circuit.registers_behind([last])
        zero, one = terms.const(1, 0), terms.const(1, 1)
        reset = find_input(circuit, "ap_rst_n")
        moves = find_output(circuit, f"{name}_tvalid"), find_input(circuit, f"{name}_tready")
        after = self.cycle.compute({**self.words, reset: zero})
        state = tuple(after[circuit.next[n]] for n in counters)
        seen: dict[tuple[Word, ...], int] = {}
        steps: list[tuple[int, int]] = []
        for beat in range(beats + 1):
            if (known := seen.get(state)) is not None:
                if beat == beats and known == 0:
                    return steps
                raise Refuted(f"{name}_tlast comes again after {beat - known} of {beats} beats")
            seen[state] = beat
            held = {**self.words, **dict(zip(counters, state, strict=True)), reset: one}
            for valid, ready in ((0, 0), (0, 1), (1, 0), (1, 1)):
                given = {**held, moves[0]: terms.const(1, valid), moves[1]: terms.const(1, ready)}
                values = self.cycle.compute(given)
                steps.append((valid, ready))
                if values[last] != (one if beat == beats - 1 else zero):
                    raise Refuted(f"{name}_tlast is wrong at beat {beat} of {beats}")
                reached = tuple(values[circuit.next[n]] for n in counters)
                if not (valid and ready) and reached != state:
                    raise Refuted(f"{name}_tlast counts a beat that did not move")
            state = reached
        raise Refuted(f"{name}_tlast does not come again after {beats} beats")


def ports_of(kind: str, values: Sequence[SSAValue]) -> Iterator[tuple[str, SSAValue]]:
    """Yields the names of a block's ports, and their channels."""
    for number, value in enumerate(values):
        yield (kind if len(values) == 1 else f"{kind}{number}"), value


def source_of(value: SSAValue) -> SSAValue:
    """Returns the channel that a value is, past processes that are wires only."""
    while isinstance(value.owner, stream.Process) and value.owner.is_wires:
        value = value.owner.operands[0]
    return value


def links(network: Network) -> Iterator[tuple[Link, int]]:
    """Yields each channel between blocks and ports of a network, and its beats a frame.

    What brings weights is outside of it.
    """
    givers: dict[SSAValue, str] = {value: network.input_name(value) for value in network.inputs}
    takers: list[tuple[str, SSAValue]] = []
    for name, process in network.named():
        if not process.is_wires:
            givers |= {v: f"{name}.{port}" for port, v in ports_of("out", process.results)}
            takers += [(f"{name}.{port}", v) for port, v in ports_of("in", process.operands)]
    takers += [(f"m_axis_{index}", value) for index, value in enumerate(network.outputs)]
    for taker, value in takers:
        yield (givers[source_of(value)], taker), stream.channel_of(value).beats
    for name, source in network.sources:
        yield (f"weights of {name}", f"{name}.{BUS}"), source.bus_beats


def prove_top(sources: Sources, network: Network, limits: Limits) -> str:
    """Proves the top module; returns what was shown, in words.

    Raises:
        Refuted: it is wrong.
        SynthesisError: Yosys is absent, or failed.
        ValueError: its circuit is none of ours.
    """
    wiring = Wiring(top_circuit(sources, limits), network)
    count = wiring.check()
    if not network.has_handshake:
        return f"{count} connections"
    cases = sum(len(wiring.check_last(index)) for index in range(len(network.outputs)))
    return f"{count} connections, TLAST in {cases} cases"

"""Proves a pipeline that nothing stalls: its core, the beats that it lets in, and what keeps them.

A core of so many registers on every way computes a beat in each cycle. Beside it, a chain of as
many registers says which beats are there. Credits count the room in the storage behind: a beat
enters with one, which comes back when a beat leaves. Three things are shown:

- The core makes of the beat of a cycle what it must, `latency` cycles later; see `layers`.
- Beats in the chain, those in the storage's memory, one that left it in the cycle before, and
  credits are always as many together as the credits after reset; a beat enters only with a credit.
  So the memory never holds more than that.
- The storage gives the beats that came, in order, if its memory is never given more than that.
"""

import time
from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from qcompiler.backends.synthesis.tools import Limits
from qcompiler.dialects import stream
from qcompiler.interpreters import run
from qcompiler.proofs.block import Refuted, Undecided
from qcompiler.proofs.blocks import (
    Sources,
    find_input,
    find_output,
    shell_circuit,
    whole_circuit,
)
from qcompiler.proofs.circuit import Circuit
from qcompiler.proofs.cycle import Cycle, Value, Values
from qcompiler.proofs.layers import Layers, differs
from qcompiler.proofs.meaning import alone
from qcompiler.proofs.storage import StorageExplorer, storage_block
from qcompiler.proofs.terms import Element, Terms, Word
from qcompiler.proofs.traces import Recorder, two_cycles
from qcompiler.proofs.wiring import ports_of

_TRIES, _SECONDS = 1000, 20.0
_CORE, _STORAGE = "core", "made_beats"


class PipelineProof:
    """The proof of a pipeline.

    Args:
        sources: the design's files.
        name: of the process.
        op: the process.
        limits: of Yosys.
        most, end: states, and CPU time of this process, past which a proof is given up.
    """

    def __init__(
        self,
        sources: Sources,
        name: str,
        op: stream.PipelineOp,
        limits: Limits,
        *,
        most: int,
        end: float,
    ):
        self.sources, self.name, self.op, self.limits = sources, name, op, limits
        self.most, self.end = most, end
        self.module = sources.module_of(name)
        self.ports = [port for port, _ in ports_of("in", op.operands)]

    def run(self) -> str:
        """Proves it; returns what was shown, in words.

        Raises:
            Refuted: it is wrong.
            Undecided: it is not followed.
            SynthesisError, ValueError: as `process_block`.
        """
        op = self.op
        if op.has_handshake and op.kept_parts > 1:
            raise Undecided("what it makes is kept in parts")
        functions = self._core()
        words = f"{functions} functions of sums, {op.stages} registers on every way"
        if not op.has_handshake:
            self._shell()
            return words
        depth = self._shell()
        storage = storage_block(self.sources, self.name, f"{self.module}_storage", self.limits)
        explorer = StorageExplorer(storage, depth, most=self.most, end=self.end)
        states = explorer.prove()
        return f"{words}, {depth} credits, {states} states of what is kept"

    # The core.

    def _core(self) -> int:
        """Proves what the core computes; returns how many functions of a sum are in it."""
        circuit = whole_circuit(self.sources, f"{self.module}_{_CORE}", self.limits)
        terms = Terms()
        layers = Layers(terms)
        words: list[list[Word]] = []
        given: dict[int, Value] = {}
        for number, (port, channel) in enumerate(
            zip(self.ports, self.op.input_channels, strict=True)
        ):
            range_ = channel.element.range
            lanes = [
                terms.element(range_.width_bits, Element(number, 0, lane, range_.lo, range_.hi))
                for lane in range(channel.lanes.data)
            ]
            words.append(lanes)
            packed = [(lane, 0, range_.width_bits) for lane in lanes]
            given[find_input(circuit, f"{port}_data")] = terms.put_together(packed)
        wanted = layers.outputs(self.op, words)
        out = find_output(circuit, "out_data")
        cycle = Cycle(circuit, terms, [out, *circuit.next.values()])
        (values,) = _after(cycle, given, self.op.stages)
        channel = self.op.output_channels[0]
        width = channel.element.width_bits
        whole = circuit.nodes[out].sort.width
        for lane, form in enumerate(wanted):
            part = terms.slice(values[out], whole, lane * width, width)
            problem = differs(terms, part, form) if terms.is_known(part) else "depends on more"
            if problem is not None:
                raise self._wrong(circuit, f"element {lane} {problem}")
        return layers.functions

    def _wrong(self, circuit: Circuit, words: str) -> Exception:
        """Returns a refusal with a run in which the core is wrong, if one is found."""
        op, rng = self.op, np.random.default_rng(0)
        out = find_output(circuit, "out_data")
        until = time.process_time() + _SECONDS
        for _ in range(_TRIES):
            if time.process_time() > until:
                break
            terms = Terms()
            recorder = Recorder(circuit, terms)
            roots = [out, *circuit.next.values(), *recorder.named.values()]
            cycle = Cycle(circuit, terms, roots)
            given: dict[int, Value] = {}
            frames: list[np.ndarray] = []
            for port, channel in zip(self.ports, op.input_channels, strict=True):
                range_, width = channel.element.range, channel.element.width_bits
                beat = rng.integers(range_.lo, range_.hi, size=channel.lanes.data, endpoint=True)
                bits = sum((x % (1 << width)) << (i * width) for i, x in enumerate(beat.tolist()))
                given[find_input(circuit, f"{port}_data")] = terms.const(width * beat.size, bits)
                frame = np.full(int(np.prod(channel.frame_shape)), beat[0], np.int64)
                frame[: beat.size] = beat
                frames.append(frame.reshape(1, *channel.frame_shape))
            wanted = run(alone(op), "core", frames)[0].reshape(-1)
            every = _after(cycle, given, op.stages, recorder)
            channel = op.output_channels[0]
            width, whole = channel.element.width_bits, circuit.nodes[out].sort.width
            for lane in range(channel.lanes.data):
                part = terms.value(terms.slice(every[-1][out], whole, lane * width, width))
                must = int(wanted[lane]) % (1 << width)
                if part != must:
                    said = f"out, lane {lane} is {part}, not {must}"
                    return Refuted(said, trace=recorder.trace(self.name, said))
        return Undecided(f"{words}; no run that shows it was found")

    # What lets beats in.

    def _shell(self) -> int:
        """Proves the chain beside the core; returns the credits, 0 if there are none."""
        kept = self.op.has_handshake
        opened = [f"{self.module}_{_CORE}"] + [f"{self.module}_storage"] * kept
        circuit = shell_circuit(self.sources, self.module, opened, self.limits)
        shell = _Shell(self.name, circuit, self.ports)
        shell.check_wires(kept=kept)
        chain = shell.chain(f"{_STORAGE}.in_valid" if kept else "out_valid", self.op.stages)
        if kept:
            return shell.check_credits(chain)
        shell.check_entering(chain)
        return 0


def _always(first: Values, second: Values) -> bool:
    return bool(first) and bool(second)


def _after(
    cycle: Cycle, given: dict[int, Value], cycles: int, recorder: Recorder | None = None
) -> list[Values]:
    """Returns the cycle so many after one with given inputs, of which alone something is known."""
    values = cycle.compute(given)
    for _ in range(cycles):
        if recorder is not None:
            recorder.add(values)
        values = cycle.compute({n: values[node] for n, node in cycle.circuit.next.items()})
    if recorder is not None:
        recorder.add(values)
    return [values]


class _Shell:
    """A pipeline without its core and what keeps beats: registers are words of their own."""

    def __init__(self, name: str, circuit: Circuit, ports: Sequence[str]):
        self.name, self.circuit, self.ports, self.terms = name, circuit, ports, Terms()
        self.cycle = Cycle(circuit, self.terms, [*circuit.names.values(), *circuit.next.values()])
        self.reset = find_input(circuit, "ap_rst_n")
        self.fresh: dict[int, Value] = {
            n: self.terms.fresh(circuit.nodes[n].sort.width, n)
            for n in (*circuit.inputs.values(), *circuit.states)
        }
        self.fresh[self.reset] = self.terms.const(1, 1)
        self.values = self.cycle.compute(self.fresh)

    def _require(self, holds: bool, words: str, fixed: Mapping[int, int] | None = None) -> None:
        if not holds:
            given = {self.reset: 1} | dict(fixed or {})
            trace = two_cycles(self.name, self.circuit, words, _always, fixed=given)
            raise Refuted(words, trace=trace)

    def check_wires(self, *, kept: bool) -> None:
        """Proves that data pass from the inputs to the core, and on to what keeps them, and out."""
        wires = [(f"{_CORE}.{port}_data", f"{port}_data") for port in self.ports]
        if kept:
            wires += [
                (f"{_STORAGE}.in_data", f"{_CORE}.out_data"),
                ("out_data", f"{_STORAGE}.out_data"),
                ("out_valid", f"{_STORAGE}.out_valid"),
                (f"{_STORAGE}.out_ready", "out_ready"),
                (f"{_STORAGE}.ap_rst_n", "ap_rst_n"),
            ]
        else:
            wires.append(("out_data", f"{_CORE}.out_data"))
        for there, here in wires:
            one, other = find_output(self.circuit, there), find_input(self.circuit, here)
            self._require(self.values[one] == self.values[other], f"{there} is not {here}")

    def chain(self, last: str, stages: int) -> list[int]:
        """Returns the registers that say which beats are in the core, the first one first."""
        word: Word = self.values[find_output(self.circuit, last)]
        found: list[int] = []
        after = self.cycle.compute({self.reset: self.terms.const(1, 0)})
        for stage in range(stages, 0, -1):
            fresh = word >= 0 and self.terms.kinds[word] == "fresh"
            node: int = self.terms.args[word][0] if fresh else -1
            self._require(node in self.circuit.next, f"{last} has no register at stage {stage}")
            become = self.circuit.next[node]
            zero = self.terms.value(after[become]) == 0
            self._require(zero, f"the register at stage {stage} is not empty after reset")
            found.insert(0, node)
            word = self.values[become]
        return found

    @property
    def _valids(self) -> list[int]:
        return [find_input(self.circuit, f"{port}_valid") for port in self.ports]

    def check_entering(self, chain: list[int]) -> None:
        """Proves that a beat enters if it is there on all inputs."""
        for given in product((0, 1), repeat=len(self.ports)):
            drives = dict(zip(self._valids, given, strict=True))
            must = {self.circuit.next[chain[0]]: int(all(given))}
            self._check_case(drives, must, "a beat enters")

    def check_credits(self, chain: list[int]) -> int:
        """Proves in each case when a beat enters, and how credits count; returns them at reset."""
        circuit, terms = self.circuit, self.terms
        readies = [find_output(circuit, f"{port}_ready") for port in self.ports]
        credits = find_output(circuit, "credits")
        leaves = find_output(circuit, "beat_left")
        left_now = self.values[find_input(circuit, f"{_STORAGE}.left")]
        same = leaves in circuit.next and self.values[circuit.next[leaves]] == left_now
        self._require(same, "a credit does not return in the cycle after its beat has left")
        known = (*chain, credits, leaves)
        others = [n for n in circuit.registers_behind(readies) if n not in known]
        self._require(len(others) == 1, "ready follows other registers than one for credits")
        (some,) = others
        through = circuit.cone(readies) & (set(circuit.inputs.values()) - {*self._valids})
        self._require(not through, "ready depends on an output within a cycle")
        after = self.cycle.compute({self.reset: terms.const(1, 0)})
        depth, begins, returns = (
            terms.value(after[circuit.next[n]]) for n in (credits, some, leaves)
        )
        self._require(returns == 0, "a credit returns after reset")
        if depth is None or begins != 1:
            raise Refuted(f"there are {depth} credits after reset, and {begins} that says so")
        for count, given, left in product(
            range(depth + 1), product((0, 1), repeat=len(self.ports)), (0, 1)
        ):
            if count == depth and left:
                continue  # nothing is kept
            enters = int(count > 0 and all(given))
            following = count - enters + left
            must = {
                circuit.next[chain[0]]: enters,
                circuit.next[credits]: following,
                circuit.next[some]: int(following > 0),
            }
            for i, node in enumerate(readies):
                must[node] = int(count > 0 and all(v for j, v in enumerate(given) if j != i))
            drives = {credits: count, some: int(count > 0), leaves: left}
            drives |= dict(zip(self._valids, given, strict=True))
            self._check_case(drives, must, f"with {count} credits, a beat enters")
        return depth

    def _check_case(self, drives: Mapping[int, int], must: Mapping[int, int], words: str) -> None:
        """Proves what nodes are where registers and inputs have some values."""
        nodes = self.circuit.nodes
        case = {n: self.terms.const(nodes[n].sort.width, value) for n, value in drives.items()}
        values = self.cycle.compute(self.fresh | case)
        for node, wanted in must.items():
            found = self.terms.value(values[node])
            said = f"{words} or is counted wrongly: {found}, not {wanted}"
            self._require(found == wanted, said, drives)

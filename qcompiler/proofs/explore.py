"""Proves a block by going through all states that its control can reach.

Control is every register that no data reach: counters, addresses, valid bits. All its states are
visited, with every pattern of valid and ready from there. What the other registers hold is a term
in each state, the same on all ways that lead there, or else unknown. So what is shown holds for all
data, all patterns of stalls, and for ever.
"""

import gc
import math
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple, TypeAlias

from qcompiler.proofs.ageing import Ageing
from qcompiler.proofs.block import Block, Difference, Meaning, Port, Refuted, TooLarge
from qcompiler.proofs.compiled import Stepper
from qcompiler.proofs.contents import Contents, Counts, State
from qcompiler.proofs.cycle import Cycle, Value, Values
from qcompiler.proofs.frozen import is_frozen
from qcompiler.proofs.recognized import recognized
from qcompiler.proofs.terms import Element, Terms, Word
from qcompiler.proofs.values import UnsetError

Step: TypeAlias = tuple[int, ...]
"""Valid of each input, then ready of each output."""

_MOST_WORDS = 20_000_000
"""Words that all states together may keep."""


@dataclass(frozen=True)
class Explored:
    """What was found.

    Attributes:
        states: of the control.
        cycles: that were computed.
        data: whether what comes out was compared, or only how many beats, and when.
        longest: cycles from some state until a beat comes out, if nobody waits, at most.
    """

    states: int
    cycles: int
    data: bool
    longest: int


class _Edge(NamedTuple):
    state: State
    moved: bool


@contextmanager
def _without_collection() -> Generator[None]:
    """Keeps Python from looking for circles among millions of states, of which there are none."""
    used = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if used:
            gc.enable()


class Explorer:
    """Goes through the states of a block.

    Args:
        block: the block.
        meaning: what it must compute.
        data: whether to compare what comes out; else data are anything at all.
        most: states, past which the proof is given up.
        end: CPU time of this process, past which it is.
        share: whether what memories hold is kept as `Contents` does, else in each state.

    Attributes:
        control: registers that no data reach.
        data_registers: the others.
        cycle: computes one cycle.
        cycles: that were computed.
        reached: all states, once they were visited.
        in_beats: the words that come in, per input and beat of a unit.
        bit: the constants 0 and 1.
    """

    def __init__(
        self,
        block: Block,
        meaning: Meaning,
        *,
        data: bool,
        most: int,
        end: float = math.inf,
        share: bool = True,
    ):
        self.block, self.meaning, self.data = block, meaning, data
        self.most, self.end = most, end
        self.terms = Terms()
        self._ageing = Ageing(self.terms, -meaning.held - 1)
        self.terms.recognize = recognized if meaning.recognizes else None
        circuit = block.circuit
        tainted = circuit.tainted(port.data for port in block.inputs)
        self.control = [state for state in circuit.states if state not in tainted]
        self.data_registers = (
            [state for state in circuit.states if state in tainted] if data else []
        )
        ports = (*block.inputs, *block.outputs)
        roots = [circuit.next[state] for state in (*self.control, *self.data_registers)]
        roots += [port.ready for port in block.inputs] + [port.valid for port in block.outputs]
        roots += [port.data for port in block.outputs] if data else []
        self._deciding = [self._decides(n) if share else None for n in self.data_registers]
        if data:  # each state keeps a word for each register, and for some words of memories
            own = zip(self.data_registers, self._deciding, strict=True)
            sorts = [circuit.nodes[state].sort for state, places in own if places is None]
            words = sum(1 << sort.address for sort in sorts)
            self.most = min(most, _MOST_WORDS // (words + 1))
        self.cycle = Cycle(circuit, self.terms, roots)
        registers = self.control, self.data_registers
        self.fast = Stepper(block, self.cycle, *registers, tainted, compares=data)
        self._wide = [circuit.nodes[n].sort.width for n in self.control]
        self.in_beats = [self._beats_of(i, port) for i, port in enumerate(block.inputs)]
        self.bit = [self.terms.const(1, 0), self.terms.const(1, 1)]
        self._counts_of_start: Counts = ((0, 0),) * len(ports)
        self._checked: set[tuple[int, int, Word, tuple[int, ...]]] = set()
        self._asked = [port.ready for port in block.inputs]
        self._asked += [port.valid for port in block.outputs]
        self._driven = [port.valid for port in block.inputs]
        self._driven += [port.ready for port in block.outputs]
        self._from: dict[State, tuple[State, Step] | None] = {}
        self._eager: dict[State, _Edge] = {}
        self._counts: dict[Counts, Counts] = {}
        self.cycles: int = 0
        self.reached: Sequence[State] = ()

    @property
    def shares(self) -> bool:
        """Whether it keeps what some memory holds for several states together."""
        return any(places is not None for places in self._deciding)

    def _decides(self, register: int) -> list[int] | None:
        """Returns the places in the control that decide what a memory is written, see `Contents`.

        None for a register, and where they are all of the control.
        """
        circuit = self.block.circuit
        if not circuit.nodes[register].sort.address:
            return None
        reads = circuit.cone([circuit.next[register]])
        places = [place for place, state in enumerate(self.control) if state in reads]
        return places if len(places) < len(self.control) else None

    def _beats_of(self, number: int, port: Port) -> list[Word]:
        """Returns the words that the beats of a unit are."""
        width, range_ = port.element.width_bits, port.element
        beats: list[Word] = []
        for beat in range(self.meaning.in_beats[number]):
            lanes = [
                Element(number, 0, beat * port.lanes + lane, range_.lo, range_.hi)
                for lane in range(port.lanes)
            ]
            words = [self.terms.element(width, lane) for lane in lanes]
            beats.append(self.terms.put_together([(word, 0, width) for word in words]))
        return beats

    def explore(self) -> Explored:
        """Visits all states.

        Raises:
            Refuted: the block does something else than it must.
            TooLarge: there are too many states.
        """
        with _without_collection():
            return self._explore()

    def _explore(self) -> Explored:
        (begin, counts), held = self._start()
        start = self._as_integers(begin), counts
        content = Contents(self._deciding, len(self.block.inputs))
        content.add(start, held)
        self._from[start] = None
        steps = self._steps()
        todo = [start]
        waiting = {start}
        while todo:
            self._keep_within(content)
            state = todo.pop()
            waiting.discard(state)
            known = content.of(state)
            for step in self._distinct(state, self._allowed(state, steps)):
                reached, left = self._advance(state, known, step)
                if reached not in content:
                    self._from[reached] = (state, step)
                for one in content.add(reached, left):
                    if one not in waiting:
                        waiting.add(one)
                        todo.append(one)
        self.reached = content.states()
        return Explored(len(content), self.cycles, self.data, self._longest_wait())

    def _allowed(self, state: State, steps: Sequence[Step]) -> Sequence[Step]:
        """Returns the steps that can come in a state."""
        del state
        return steps

    def _idle(self) -> Iterable[State]:
        """Returns the states in which no beat need ever come out."""
        return ()

    def _distinct(self, state: State, steps: Sequence[Step]) -> Sequence[Step]:
        """Returns steps without those that do in a state what a later one does."""
        control, _ = state
        if not self.fast.works or min(control, default=0) < 0:
            return steps
        found: dict[tuple[tuple[int, ...], ...], Step] = {}
        for step in steps:
            answers, reached = self.fast.control(control, step)
            found[reached, tuple([a & d for a, d in zip(answers, step, strict=True)])] = step
        return [*found.values()]

    def _keep_within(self, content: Contents) -> None:
        if len(content) > self.most or content.words > _MOST_WORDS:
            raise TooLarge(f"its control has more than {len(content) - 1} states")
        self._keep_in_time(len(content))

    def _keep_in_time(self, states: int) -> None:
        if time.process_time() > self.end:
            raise TooLarge(f"it took too long, after {states} states of its control")

    def _steps(self) -> list[Step]:
        """Returns the patterns of valid and ready to try."""
        block = self.block
        readies = [(1,)] * len(block.outputs) if self.is_frozen() else [(0, 1)] * len(block.outputs)
        return list(product(*[(0, 1)] * len(block.inputs), *readies))

    def is_frozen(self) -> bool:
        """Whether waiting is all that ready does, see `is_frozen`."""
        return is_frozen(self.block, self.cycle, [*self.control, *self.data_registers])

    def _start(self) -> tuple[State, tuple[Value, ...]]:
        """Returns the state after reset, whatever was before."""
        values = self.cycle.compute({self.block.reset: self.bit[0]})
        becomes = self.block.circuit.next
        control = tuple(values[becomes[n]] for n in self.control)
        return (control, self._counts_of_start), tuple(
            values[becomes[n]] for n in self.data_registers
        )

    def _advance(
        self, state: State, content: tuple[Value, ...], step: Step
    ) -> tuple[State, tuple[Value, ...]]:
        """Returns the state after a cycle, and what its registers of data hold."""
        self.cycles += 1
        block, (control, counts) = self.block, state
        words: list[tuple[int, Word]] = []
        for i, port in enumerate(block.inputs):
            if step[i] and self.data:
                words.append((port.data, self.in_beats[i][counts[i][0]]))
        if self.fast.works and min(control, default=0) >= 0:
            answers, control, values = self.fast.step(control, step, content, words)
        else:
            answers, control, values = self._step(control, step, content, words)
        moved = self._moved(answers, step, state)
        self._check(values, moved, state, step)
        after, ended = self._count(counts, moved, state, step)
        becomes = block.circuit.next
        left = tuple([values[becomes[n]] for n in self.data_registers])
        for port in ended:
            left = tuple([self._ageing.value(value, port) for value in left])
        reached = (control, after)
        if step == self._all_ready:
            self._eager[state] = _Edge(reached, any(moved[len(block.inputs) :]))
        return reached, left

    def _step(
        self,
        control: Sequence[int],
        step: Step,
        content: Sequence[Value],
        words: Sequence[tuple[int, Word]],
    ) -> tuple[tuple[int | None, ...], tuple[int, ...], Values]:
        """Does what `Stepper.step` does, where something of the control is not known."""
        terms, circuit = self.terms, self.block.circuit
        given: dict[int, Value] = dict(zip(self.data_registers, content, strict=True))
        for n, width, number in zip(self.control, self._wide, control, strict=True):
            given[n] = terms.const(width, number) if number >= 0 else -number - 2
        given[self.block.reset] = self.bit[1]
        given |= {node: self.bit[drive] for node, drive in zip(self._driven, step, strict=True)}
        given |= dict(words)
        values = self.cycle.compute(given)
        answers = tuple([terms.value(values[node]) for node in self._asked])
        return answers, self._as_integers(values[circuit.next[n]] for n in self.control), values

    def _as_integers(self, words: Iterable[Value]) -> tuple[int, ...]:
        """Returns words of control as integers, those that are not known as negative ones."""
        found: list[int] = []
        for word in words:
            assert isinstance(word, int), "control is no memory"
            value = self.terms.value(word)
            found.append(-word - 2 if value is None else value)
        return tuple(found)

    def _moved(self, answers: Sequence[int | None], step: Step, state: State) -> list[bool]:
        """Returns at which ports a beat moves."""
        if None in answers:
            block, place = self.block, answers.index(None)
            port = (*block.inputs, *block.outputs)[place]
            what = "ready" if port in block.inputs else "valid"
            raise Refuted(f"{what} of {port.name} is unknown", self._path(state, step))
        return [bool(answer and other) for answer, other in zip(answers, step, strict=True)]

    def _count(
        self, counts: Counts, moved: Sequence[bool], state: State, step: Step
    ) -> tuple[Counts, list[int]]:
        """Returns how many beats moved by now, and the input ports whose unit ended."""
        inputs = len(self.block.inputs)
        sizes = (*self.meaning.in_beats, *self.meaning.out_beats)
        after: list[tuple[int, int]] = []
        ended: list[int] = []
        for port, ((beat, unit), size, moves) in enumerate(zip(counts, sizes, moved, strict=True)):
            beat += moves
            if beat == size:
                beat, unit = 0, unit + 1
                if port < inputs:
                    ended.append(port)
            after.append((beat, unit))
        first = min(unit for _, unit in after[inputs:])
        if max(unit for _, unit in after) - first > self.meaning.held:
            words = f"more than {self.meaning.held} units are inside: beats are lost, or made up"
            raise Refuted(words, self._path(state, step), certain=True)
        counted = tuple([(beat, unit - first) for beat, unit in after])
        return self._counts.setdefault(counted, counted), ended

    def _check(self, values: Values, moved: Sequence[bool], state: State, step: Step) -> None:
        """Compares the beats that go out with what they must be."""
        _, counts = state
        inputs = len(self.block.inputs)
        for number, port in enumerate(self.block.outputs):
            if not moved[inputs + number]:
                continue
            beat, unit = counts[inputs + number]
            units = tuple(unit - counts[i][1] for i in range(inputs))
            begun = [counts[i][0] + moved[i] > 0 or ahead < 0 for i, ahead in enumerate(units)]
            # What is used before it is taken has not moved, but then it is known by its data.
            if max(units) > 0 or not (any(begun) or (self.meaning.early and self.data)):
                words = f"{port.name} makes beat {beat} of a unit of which nothing came in"
                raise Refuted(words, self._path(state, step), certain=True)
            if self.data:
                problem = self._compare(values[port.data], number, beat, units)
                if problem is not None:
                    words = f"{port.name}, beat {beat}: {problem.words}"
                    raise Refuted(words, self._path(state, step), problem.value)

    def _compare(
        self, word: Word, number: int, beat: int, units: tuple[int, ...]
    ) -> Difference | None:
        key = (number, beat, word, units)
        if key in self._checked:
            return None
        port = self.block.outputs[number]
        width = port.element.width_bits
        for lane in range(port.lanes):
            part = self.terms.slice(word, width * port.lanes, lane * width, width)
            place = number, beat * port.lanes + lane
            if not self.terms.is_known(part):
                return Difference(f"lane {lane} depends on more than its inputs")
            try:
                problem = self.meaning.difference(self.terms, place, part, units)
            except UnsetError:
                return Difference(f"lane {lane} reads a word of a memory that nothing set")
            if problem is not None:
                return replace(problem, words=f"lane {lane}: {problem.words}")
        self._checked.add(key)
        return None

    def _path(self, state: State, step: Step) -> list[Step]:
        """Returns the steps from reset to a state, and one more."""
        steps = [step]
        while (came := self._from[state]) is not None:
            state, before = came
            steps.append(before)
        return steps[::-1]

    def _longest_wait(self) -> int:
        """Returns how many cycles it takes until a beat comes out if nobody waits, at most.

        Raises:
            Refuted: from some state, none ever does.
        """
        wait: dict[State, int] = dict.fromkeys(self._idle(), 0)
        for state in self._eager:
            way: list[State] = []
            seen: set[State] = set()
            while state not in wait:
                if state in seen:
                    words = "never makes a beat again although nobody waits"
                    raise Refuted(words, self._path(state, self._all_ready), certain=True)
                way.append(state)
                seen.add(state)
                edge = self._eager[state]
                if edge.moved:
                    wait[state] = 1
                    way.pop()
                    break
                state = edge.state
            for earlier in reversed(way):
                wait[earlier] = wait[state] + 1
                state = earlier
        return max(wait.values(), default=0)

    @property
    def _all_ready(self) -> Step:
        return (1,) * (len(self.block.inputs) + len(self.block.outputs))

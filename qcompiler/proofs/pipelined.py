"""Proves blocks that take a beat in each cycle and make one of it a fixed number of cycles later.

Such a block is a pipeline behind a few registers that walk (the channel whose parameters are next).
From each state of these, with all other registers unknown, one beat goes in, and after some cycles
in which anything may follow, its result must come out; where none went in, none may. So beats that
are in the pipeline at the same time need not be considered together.

Source: Seger and Bryant, "Formal verification by symbolic evaluation of partially-ordered
trajectories", 1995, for runs with unknown values.
"""

from collections.abc import Sequence
from itertools import product

from qcompiler.proofs.block import Undecided
from qcompiler.proofs.cycle import Value, Values
from qcompiler.proofs.explore import Explored, Explorer, State, Step

_MOST_LATENCY = 64


class PipelinedExplorer(Explorer):
    """Goes through the states of the walk.

    Where it cannot prove a block, it raises `Undecided`: the block need not be wrong.
    """

    def explore(self) -> Explored:
        """Visits all states of the walk.

        Raises:
            Undecided: the block is none of this kind, or not shown to be right.
        """
        if not self.is_frozen():
            raise Undecided("it does not stand still while its output waits")
        self._walk = self._walking()
        start, held = self._start()
        walk = tuple(w for n, w in zip(self.control, start[0], strict=True) if n in self._walk)
        first: State = (walk, self._counts_of_start)
        latency = 0
        seen = {first}
        todo = [first]
        while todo:
            self._keep_in_time(len(seen))
            state = todo.pop()
            for valids in product((0, 1), repeat=len(self.block.inputs)):
                step = (*valids, 1)
                values = self._first_cycle(state, step)
                fired = self._fired(values, step)
                if fired and not latency:
                    latency = self._latency(values)
                reached = self._next_state(state, values, fired)
                if reached not in seen:
                    seen.add(reached)
                    todo.append(reached)
        for state in seen:
            self._check_beats(state, latency)
        self._check_start(dict(zip(self.control, start[0], strict=True)), held, latency)
        return Explored(len(seen), self.cycles, data=True, longest=latency + 1)

    def _walking(self) -> list[int]:
        """Returns the registers of control that depend on themselves, and what these depend on."""
        block, terms, bit = self.block, self.terms, self.bit
        given: dict[int, Value] = {
            n: terms.fresh(block.circuit.nodes[n].sort.width, n) for n in self.control
        }
        (out,) = block.outputs
        given |= {block.reset: bit[1], out.ready: bit[1]}
        for port in block.inputs:
            given[port.valid] = terms.fresh(1, port.valid)
        values = self.cycle.compute(given)
        behind: dict[int, set[int]] = {
            n: terms.fresh_names(values[block.circuit.next[n]]) & set(self.control)
            for n in self.control
        }
        while True:
            grown = {n: some.union(*(behind[m] for m in some)) for n, some in behind.items()}
            if grown == behind:
                break
            behind = grown
        loops = {n for n in self.control if n in behind[n]}
        needed = loops.union(*(behind[n] for n in loops))
        return [n for n in self.control if n in needed]

    def _first_cycle(self, state: State, step: Step) -> Values:
        walk, counts = state
        given: dict[int, Value] = dict(zip(self._walk, walk, strict=True))
        return self._run(given, step, [beat for beat, _ in counts])

    def _run(self, given: dict[int, Value], step: Sequence[int], beats: Sequence[int]) -> Values:
        """Computes a cycle without stalls; valid is unknown where `step` ends before it."""
        self.cycles += 1
        block = self.block
        (out,) = block.outputs
        given |= {block.reset: self.bit[1], out.ready: self.bit[1]}
        for i, port in enumerate(block.inputs):
            if step:
                given[port.valid] = self.bit[step[i]]
                if step[i]:
                    given[port.data] = self.in_beats[i][beats[i]]
        return self.cycle.compute(given)

    def _fired(self, values: Values, step: Step) -> bool:
        """Returns whether a beat is taken at all inputs.

        Raises:
            Undecided: one is taken at some of them only.
        """
        moved: set[bool] = set()
        for port, valid in zip(self.block.inputs, step, strict=False):
            ready = self.terms.value(values[port.ready])
            if ready is None:
                raise Undecided(f"ready of {port.name} is unknown")
            moved.add(bool(ready and valid))
        if len(moved) > 1:
            raise Undecided("it takes beats of one input only")
        return moved.pop()

    def _next_state(self, state: State, values: Values, fired: bool) -> State:
        walk = tuple([values[self.block.circuit.next[n]] for n in self._walk])
        sizes = (*self.meaning.in_beats, *self.meaning.out_beats)
        counts = tuple(
            ((beat + fired) % n, 0) for (beat, _), n in zip(state[1], sizes, strict=True)
        )
        return walk, counts

    def _later(self, values: Values) -> Values:
        """Returns the cycle after `values`, whatever comes in."""
        becomes = self.block.circuit.next
        registers = (*self.control, *self.data_registers)
        return self._run({n: values[becomes[n]] for n in registers}, (), ())

    def _latency(self, values: Values) -> int:
        (out,) = self.block.outputs
        for cycles in range(1, _MOST_LATENCY):
            values = self._later(values)
            if self.terms.value(values[out.valid]) == 1:
                return cycles
        raise Undecided("a beat that goes in does not come out")

    def _check_beats(self, state: State, latency: int) -> None:
        """Compares what comes of a beat, and of none.

        Raises:
            Undecided: it is not what must come, or not known to be.
        """
        (out,) = self.block.outputs
        inputs = len(self.block.inputs)
        beat = state[1][inputs][0]
        for valids in product((0, 1), repeat=inputs):
            step = (*valids, 1)
            values = self._first_cycle(state, step)
            fired = self._fired(values, step)
            for _ in range(latency):
                values = self._later(values)
            if self.terms.value(values[out.valid]) != int(fired):
                raise Undecided("a beat comes out late, or although none went in")
            if fired:
                problem = self._compare(values[out.data], 0, beat, (0,) * inputs)
                if problem is not None:
                    raise Undecided(problem.words)

    def _check_start(self, control: dict[int, Value], held: Sequence[Value], latency: int) -> None:
        """Proves that nothing comes out after reset before a beat went in."""
        (out,) = self.block.outputs
        given = {**control, **dict(zip(self.data_registers, held, strict=True))}
        values = self._run(given, (), ())
        for _ in range(latency):
            if self.terms.value(values[out.valid]) != 0:
                raise Undecided("a beat comes out after reset although none went in")
            values = self._later(values)

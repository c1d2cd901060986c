"""Proves what keeps the beats of a pipeline, which is given one only where its memory has room."""

from collections.abc import Iterable, Sequence
from itertools import product

from qcompiler.arith.ranges import IntRange
from qcompiler.backends.synthesis.tools import Limits
from qcompiler.proofs.block import Block, Port, Refuted
from qcompiler.proofs.blocks import Sources, circuit_of, find_input, find_output
from qcompiler.proofs.contents import State
from qcompiler.proofs.cycle import Cycle, Values
from qcompiler.proofs.explore import Explorer, Step
from qcompiler.proofs.meaning import SliceMeaning
from qcompiler.proofs.rules import check_ports
from qcompiler.proofs.traces import show, two_cycles

_BESIDE = 4
"""Beats that a storage holds beside its memory at most."""


def storage_block(sources: Sources, name: str, module: str, limits: Limits) -> Block:
    """Returns the block of a storage, a beat a word, under a name. Raises as `process_block`."""
    circuit = circuit_of(sources, module, limits)
    data = find_input(circuit, "in_data")
    word = IntRange(0, (1 << circuit.nodes[data].sort.width) - 1)
    into = data, find_input(circuit, "in_valid"), find_output(circuit, "in_ready")
    out = (
        find_output(circuit, "out_slice.in_data"),
        find_output(circuit, "out_slice.in_valid"),
        find_input(circuit, "out_slice.in_ready"),
    )
    ports = Port("in", *into, word, 1), Port("out", *out, word, 1)
    return Block(name, circuit, (ports[0],), (ports[1],), find_input(circuit, "ap_rst_n"))


class _Kept(SliceMeaning):
    """What comes in goes out."""

    def __init__(self, depth: int):
        self.held = depth + _BESIDE


class StorageExplorer(Explorer):
    """Goes through the states of a storage that is given a beat only while its memory has room.

    Args:
        block: the storage; its register `count` is what its memory holds, which is shown.
        depth: beats that its memory may hold.
        most, end: as `Explorer` takes them.
    """

    def __init__(self, block: Block, depth: int, *, most: int, end: float):
        super().__init__(block, _Kept(depth), data=True, most=most, end=end, share=False)
        self._depth = depth
        self._counter = self.control.index(find_output(block.circuit, "count"))
        self._left = find_output(block.circuit, "left")

    @property
    def _all_ready(self) -> Step:
        return (0, 1)

    def _allowed(self, state: State, steps: Sequence[Step]) -> Sequence[Step]:
        if state[0][self._counter] < self._depth:
            return steps
        return [step for step in steps if not step[0]]

    def _idle(self) -> Iterable[State]:
        return [state for state in self._eager if state[1][0] == state[1][1]]

    def prove(self) -> int:
        """Proves it; returns how many states there are.

        Raises:
            Refuted: it loses a beat, or counts what leaves its memory wrongly.
            TooLarge: there are too many states.
        """
        check_ports(self.block)
        try:
            found = self.explore()
            self._check_count()
        except Refuted as refuted:
            words = f"what is kept: {refuted}"
            shown = Refuted(words, refuted.steps, certain=True)  # no other beats than may come
            trace = refuted.trace or show(self.block, self.meaning, shown)
            raise Refuted(words, trace=trace) from None
        return found.states

    def _check_count(self) -> None:
        """Proves that `count` goes up with a beat that comes, and down with one that leaves it."""
        block, place = self.block, self._counter
        cycle = Cycle(block.circuit, self.terms, [self._left])
        for control, counts in self.reached:
            words = zip(self.control, self._wide, control, strict=True)
            given = {n: self.terms.const(width, value) for n, width, value in words}
            for step in self._allowed((control, counts), [*product((0, 1), repeat=2)]):
                drives = {block.outputs[0].ready: self.bit[step[1]], block.reset: self.bit[1]}
                left = self.terms.value(cycle.compute(given | drives)[self._left])
                _, after = self.fast.control(control, step)
                if left is None or after[place] != control[place] + step[0] - left:
                    moved = f"{step[0]} came, {left} left"
                    said = f"count is {after[place]} after {control[place]}: {moved}"
                    raise Refuted(said, trace=two_cycles(block.name, block.circuit, said, _always))


def _always(first: Values, second: Values) -> bool:
    return bool(first) and bool(second)

"""What registers and memories that data reach hold, in each state of a block's control.

A memory's words follow from what was written: they are kept for each state of the few registers
that decide that, not for each state of all control. A line buffer of 256 words whose writer and
reader are in 256 states each needs 256 times 256 words so, not 256 times more.
"""

from collections.abc import Sequence
from typing import TypeAlias

from qcompiler.proofs.cycle import Value, join, joined

Counts: TypeAlias = tuple[tuple[int, int], ...]
"""Of each port, inputs first: beats of its unit that moved, and the unit."""
State: TypeAlias = tuple[tuple[int, ...], Counts]
"""The control: integers; negative ones stand for what is not known. And what moved."""

_Key: TypeAlias = tuple[Value | int, ...]


class _Shared:
    """One memory: its words by the registers that decide what is written.

    Args:
        place: of the memory among all that is held.
        deciding: places in the control of those registers.
        inputs: how many ports a block takes.
    """

    def __init__(self, place: int, deciding: Sequence[int], inputs: int):
        self.place, self.deciding, self.inputs = place, tuple(deciding), inputs
        self.words: dict[_Key, Value] = {}
        self.users: dict[_Key, list[State]] = {}

    def key(self, state: State) -> _Key:
        control, counts = state
        beats = [counts[i][0] for i in range(self.inputs)]
        return (*[control[i] for i in self.deciding], *beats)


class Contents:
    """What is held in each state: what all ways that lead there agree on.

    Args:
        deciding: per register or memory, the places in the control that decide what is written to
            it; None where all of the state does.
        inputs: how many ports the block takes.

    Attributes:
        words: that are kept, of memories.
    """

    def __init__(self, deciding: Sequence[Sequence[int] | None], inputs: int):
        self._count = len(deciding)
        self._own = [i for i, places in enumerate(deciding) if places is None]
        self._shared = [
            _Shared(i, places, inputs) for i, places in enumerate(deciding) if places is not None
        ]
        self._held: dict[State, tuple[Value, ...]] = {}
        self.words: int = 0

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, state: State) -> bool:
        return state in self._held

    def states(self) -> list[State]:
        """Returns all states that are known."""
        return [*self._held]

    def of(self, state: State) -> tuple[Value, ...]:
        """Returns what is held in a state that is known, in the order of `deciding`."""
        own = self._held[state]
        if not self._shared:
            return own
        found: list[Value] = [0] * self._count
        for place, value in zip(self._own, own, strict=True):
            found[place] = value
        for memory in self._shared:
            found[memory.place] = memory.words[memory.key(state)]
        return tuple(found)

    def add(self, state: State, held: Sequence[Value]) -> list[State]:
        """Notes a way that leads to a state; returns the states of which less is known now."""
        own = tuple([held[i] for i in self._own])
        known = self._held.get(state)
        less: list[State] = []
        if known is None or (own := joined(known, own)) != known:
            self._held[state] = own
            less.append(state)
        for memory in self._shared:
            less += self._add(memory, state, held[memory.place], new=known is None)
        return less

    def _add(self, memory: _Shared, state: State, value: Value, *, new: bool) -> list[State]:
        key = memory.key(state)
        known = memory.words.get(key)
        less: list[State] = []
        if known is None:
            memory.words[key], memory.users[key] = value, []
            self.words += len(value) if isinstance(value, tuple) else 1
        elif known != value and (both := join(known, value)) != known:
            memory.words[key] = both
            less = [*memory.users[key]]
        if new:
            memory.users[key].append(state)
        return less

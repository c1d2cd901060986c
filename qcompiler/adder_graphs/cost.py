"""What an adder of a graph takes: the questions that a solver asks a device.

An adder is a carry chain from the lowest place where both operands have bits up to the top of its
sum. What one operand has below passes as it is. If that one is subtracted the chain starts with it,
which the solver avoids by computing the negative. Where operands do not overlap, wires do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from qcompiler.adder_graphs.graph import AdderGraph, Term, shifted
from qcompiler.arith.arrays import IntArray


class Operand(NamedTuple):
    """One operand of an addition, as it stands there.

    Attributes:
        lo: lowest integer before the sign is applied, the shift included.
        hi: highest.
        zeros: low bits that are always zero, the shift included.
        negative: whether it is subtracted.
    """

    lo: int
    hi: int
    zeros: int
    negative: bool = False


class AdderCost(Protocol):
    """What a device answers for its adders."""

    @property
    def operands(self) -> int:
        """How many operands one adder takes, 2 or 3."""
        ...

    @property
    def inputs(self) -> int:
        """Inputs of a look-up table."""
        ...

    def adder(self, places: int) -> int:
        """Returns look-up tables of an adder whose chain has so many places, at least 0."""
        ...


def width(lo: int, hi: int) -> int:
    """Returns the bits of a range: two's complement if signed, else unsigned; 0 for [0, 0]."""
    if lo < 0:
        return max((~lo).bit_length(), hi.bit_length() if hi > 0 else 0) + 1
    return hi.bit_length()


def places(operands: Sequence[Operand], lo: int, hi: int) -> int:
    """Returns over how many places the chain of an adder with sums in [lo, hi] goes, 0 for wires.

    Example: a 4-bit number plus one moved up by three places.

        >>> places([Operand(0, 15, 0), Operand(0, 120, 3)], 0, 135)
        5
    """
    lower, upper, *third = sorted(operands, key=lambda operand: operand.zeros)
    start = lower.zeros if lower.negative or third else upper.zeros
    apart = lower.lo >= 0 and lower.hi.bit_length() <= upper.zeros
    if apart and not (third or lower.negative or upper.negative):
        return 0
    return max(width(lo, hi) - start, 0)


@dataclass(frozen=True)
class CarryChains:
    """Adders on carry chains with one table a place, as all common families have.

    Attributes:
        places_per_cell: chains come in cells of so many places.
        operands: 3 where one table a place adds three operands.
        inputs: of a look-up table.
    """

    places_per_cell: int = 1
    operands: int = 2
    inputs: int = 4

    def adder(self, places: int) -> int:
        """Returns tables as `AdderCost` asks."""
        return -(-places // self.places_per_cell) * self.places_per_cell


CELLS_OF_TWO = CarryChains(places_per_cell=2)
"""Cells of two places, `CCU2C`."""

TABLE_A_PLACE = CarryChains(inputs=6)
"""A table a place, the chain beside them."""


def comparison_luts(bits: int, cost: AdderCost) -> int:
    """Returns look-up tables of a comparison of so many bits with a constant: a tree, no chain."""
    return max(-(-(bits - 1) // (cost.inputs - 1)), 0)


def function_luts(words: IntArray, cost: AdderCost) -> int:
    """Returns about how many look-up tables a function of few bits takes.

    Multiplexers behind tables count nothing, equal and constant tables nothing either.

    Args:
        words: what it makes of each pattern of bits, [2**bits].
        cost: of tables.
    """
    size = 1 << min(cost.inputs, max(len(words) - 1, 0).bit_length())
    tables: set[bytes] = set()
    for bit in range(int(np.bitwise_or.reduce(words ^ words[0])).bit_length()):
        parts = (words >> bit & 1).reshape(-1, size)
        tables.update(part.tobytes() for part in parts if part.any() and not part.all())
    return len(tables)


def graph_luts(graph: AdderGraph, cost: AdderCost) -> int:
    """Returns look-up tables of all adders, and of outputs that are negated."""
    lo: list[int] = graph.lo.tolist()
    hi: list[int] = graph.hi.tolist()
    zeros: list[int] = graph.zeros.tolist()

    def operand(term: Term) -> Operand:
        at = term.value
        low, high = shifted(lo[at], term.shift), shifted(hi[at], term.shift)
        return Operand(low, high, zeros[at] + term.shift, term.sign < 0)

    chains = [places([operand(t) for t in terms], lo[at], hi[at]) for at, terms in graph]
    outputs: list[list[int]] = graph.outputs.tolist()
    negated = {(at, shift) for at, shift, sign in outputs if sign < 0}
    chains += [width(-hi[at], -lo[at]) - zeros[at] for at, _ in negated]
    return sum(cost.adder(chain) for chain in chains)

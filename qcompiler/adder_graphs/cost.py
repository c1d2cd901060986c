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


def is_logic(operands: Sequence[Operand], hi: int) -> bool:
    """Whether an addition is so narrow that gates make it, not a chain."""
    if len(operands) > 2:
        return takes_carry(operands) and width(0, hi) <= _WIDEST_LOGIC
    bits = sum(width(op.lo, op.hi) - op.zeros for op in operands if op.lo != op.hi)
    return bits <= _FEWEST_INPUTS and sum(op.negative for op in operands) <= 1


def takes_carry(operands: Sequence[Operand]) -> bool:
    """Whether three operands are two and a carry that enters: none negative, the last one a bit."""
    positive = all(op.lo >= 0 and not op.negative for op in operands)
    return len(operands) == 3 and positive and (operands[2].hi, operands[2].zeros) == (1, 0)


def is_inverted(operands: Sequence[Operand]) -> bool:
    """Whether a sum is all ones less a number that has as many bits: inverters do that."""
    if len(operands) != 2:
        return False
    one, other = sorted(operands, key=lambda op: op.negative)
    ones = one.lo == one.hi == other.hi and one.lo & (one.lo + 1) == 0
    return ones and other.negative and not one.negative and other.lo == 0


def node_luts(operands: Sequence[Operand], lo: int, hi: int, cost: AdderCost) -> int:
    """Returns the look-up tables of an addition with sums in [lo, hi], by a chain or by gates."""
    if is_inverted(operands):
        return 0
    chain = places(operands, lo, hi)
    if not is_logic(operands, hi):
        return cost.adder(chain + (len(operands) > 2))
    if len(operands) == 2:
        return min(chain, cost.adder(chain))
    # Two tables a full adder; tables of five inputs do with one a bit of the sum.
    return max(2 * (chain - 1) if cost.inputs < 5 else chain, 2)


_WIDEST_LOGIC = 3
_FEWEST_INPUTS = 4
"""Of a look-up table, in any family."""


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


def operands_of(graph: AdderGraph, terms: Sequence[Term]) -> list[Operand]:
    """Returns the operands that a graph's terms are."""
    found: list[Operand] = []
    for at, shift, sign in terms:
        ends = graph.range_of(at)
        lo, hi = shifted(ends.lo, shift), shifted(ends.hi, shift)
        found.append(Operand(lo, hi, int(graph.zeros[at]) + shift, sign < 0))
    return found


def graph_luts(graph: AdderGraph, cost: AdderCost) -> int:
    """Returns look-up tables of all adders, and of outputs that are negated."""
    lo, hi, zeros = graph.lo, graph.hi, graph.zeros
    luts = sum(
        node_luts(operands_of(graph, terms), int(lo[at]), int(hi[at]), cost) for at, terms in graph
    )
    outputs: list[list[int]] = graph.outputs.tolist()
    negated = {(at, shift) for at, shift, sign in outputs if sign < 0}
    chains = [width(-int(hi[at]), -int(lo[at])) - int(zeros[at]) for at, _ in negated]
    return luts + sum(cost.adder(chain) for chain in chains)

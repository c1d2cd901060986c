"""What an adder of a graph takes: the questions that a solver asks a device.

An adder is a carry chain from the lowest place where both operands have bits up to the top of its
sum. What one operand has below passes as it is. If that one is subtracted the chain starts with it,
which the solver avoids by computing the negative. Where operands do not overlap, wires do.

Where chains come in cells of two places, a sum whose chain has an odd number of them leaves half a
cell empty. Its top place is then one table beside the chain, if that does with the table's inputs:
the carry into the top follows from the bits one place below it, of the operands and of the sum.

Where tables have two outputs, one a place adds three operands: its place of the sum of each three
bits and the carry of the place below, and the carry of its own three.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from msgspec import Struct

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

    def leaves_half(self, places: int) -> bool:
        """Whether a chain of so many places has a last cell that is half empty."""
        ...


def width(lo: int, hi: int) -> int:
    """Returns the bits of a range: two's complement if signed, else unsigned; 0 for [0, 0]."""
    if lo < 0:
        return max((~lo).bit_length(), hi.bit_length() if hi > 0 else 0) + 1
    return hi.bit_length()


def start_of_three(operands: Sequence[Operand]) -> int:
    """Returns the lowest place of the chain of three operands: below, the lowest one passes."""
    lowest, second, _ = sorted(operands, key=lambda operand: operand.zeros)
    return lowest.zeros if lowest.negative else second.zeros


def places(operands: Sequence[Operand], lo: int, hi: int) -> int:
    """Returns over how many places the chain of an adder with sums in [lo, hi] goes, 0 for wires.

    Example: a 4-bit number plus one moved up by three places.

        >>> places([Operand(0, 15, 0), Operand(0, 120, 3)], 0, 135)
        5
    """
    if is_apart(operands):
        return 0
    lower, upper, *third = sorted(operands, key=lambda operand: operand.zeros)
    start = lower.zeros if lower.negative or third else upper.zeros
    return max(width(lo, hi) - start, 0)


def is_apart(operands: Sequence[Operand]) -> bool:
    """Whether two operands are added that do not overlap: one stands above the other."""
    lower, upper, *third = sorted(operands, key=lambda operand: operand.zeros)
    positive = not (third or lower.negative or upper.negative)
    return positive and lower.lo >= 0 and lower.hi.bit_length() <= upper.zeros


def is_topped(operands: Sequence[Operand], lo: int, hi: int, cost: AdderCost) -> bool:
    """Whether the top place of a sum in [lo, hi] is a table, and its chain one place shorter.

    Args:
        operands: one or two, those that `is_logic` leaves.
        lo: lowest sum.
        hi: highest.
        cost: of adders; says which chains that makes shorter.
    """
    bits = width(lo, hi)
    if (
        len(operands) > 2
        or bits < _NARROWEST_CHAIN
        or not cost.leaves_half(chain_places(operands, lo, hi))
    ):
        return False
    varying = {
        (number, bit)
        for number, operand in enumerate(operands)
        for place in (bits - 1, bits - 2)
        if (bit := _bit_at(operand, place)) is not None
    }
    return len(varying) < cost.inputs


def _bit_at(operand: Operand, place: int) -> int | None:
    """Returns the place of an operand's bit that stands at a place; None for a constant."""
    lo, hi, zeros, _ = operand
    top = width(lo, hi) - 1
    if lo == hi or place < zeros or (place > top and lo >= 0):
        return None
    return min(place, top)


def chain_places(operands: Sequence[Operand], lo: int, hi: int) -> int:
    """Returns the places of the chain of a sum in [lo, hi]; of one operand, of its negative."""
    if len(operands) == 1:
        return max(width(lo, hi) - operands[0].zeros, 0)
    return places(operands, lo, hi)


def sum_luts(operands: Sequence[Operand], lo: int, hi: int, cost: AdderCost) -> int:
    """Returns the tables of a sum in [lo, hi] on a chain, its top place perhaps beside it."""
    chain = chain_places(operands, lo, hi)
    if is_topped(operands, lo, hi, cost):
        return topped_luts(chain, cost)
    return cost.adder(chain + (len(operands) > 2))


def topped_luts(places: int, cost: AdderCost) -> int:
    """Returns the tables of a sum of so many places if its top place may be beside its chain."""
    beside = cost.leaves_half(places)
    return cost.adder(places - beside) + beside


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


def is_centred(operands: Sequence[Operand]) -> bool:
    """Whether a sum is an unsigned number less half its range: an inverter for its highest bit."""
    if len(operands) != 2:
        return False
    one, half = sorted(operands, key=lambda op: op.negative)
    constant = half.negative and half.lo == half.hi == 1 << half.zeros
    return constant and not one.negative and one.lo >= 0 and width(0, one.hi) == half.zeros + 1


def is_wired(operands: Sequence[Operand]) -> bool:
    """Whether wires make an addition, and inverters, which the tables around it take in."""
    if len(operands) != 2:
        return False
    return is_apart(operands) or is_inverted(operands) or is_centred(operands)


def node_luts(operands: Sequence[Operand], lo: int, hi: int, cost: AdderCost) -> int:
    """Returns the look-up tables of an addition with sums in [lo, hi], by a chain or by gates."""
    if is_wired(operands):
        return 0
    if len(operands) > 2 and not takes_carry(operands):
        return cost.adder(max(width(lo, hi) - start_of_three(operands), 0))
    chain = places(operands, lo, hi)
    if not is_logic(operands, hi):
        return sum_luts(operands, lo, hi, cost)
    if len(operands) == 2:
        return chain
    # Two tables a full adder; tables of five inputs do with one a bit of the sum.
    return max(2 * (chain - 1) if cost.inputs < 5 else chain, 2)


_NARROWEST_CHAIN = 2
"""Bits of a sum whose top place may be beside it."""

_WIDEST_LOGIC = 3
_FEWEST_INPUTS = 4
"""Of a look-up table, in any family."""


class CarryChains(Struct, frozen=True):
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

    def leaves_half(self, places: int) -> bool:
        """Says what `AdderCost` asks."""
        return places % self.places_per_cell != 0


CELLS_OF_TWO = CarryChains(places_per_cell=2)
"""Cells of two places, `CCU2C`."""

TABLE_A_PLACE = CarryChains(inputs=6)
"""A table a place, the chain beside them."""

THREE_A_PLACE = CarryChains(operands=3, inputs=6)
"""The same with tables of two outputs: a full adder's upper bit goes to the next place's table."""


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
    lo, hi = graph.lo, graph.hi
    luts = sum(
        node_luts(operands_of(graph, terms), int(lo[at]), int(hi[at]), cost) for at, terms in graph
    )
    outputs: list[list[int]] = graph.outputs.tolist()
    negated = {(at, shift) for at, shift, sign in outputs if sign < 0}
    return luts + sum(
        sum_luts(operands_of(graph, [Term(at, 0, -1)]), -int(hi[at]), -int(lo[at]), cost)
        for at, _ in negated
    )

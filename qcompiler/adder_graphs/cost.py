"""What an adder of a graph takes: the questions that a solver asks a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from qcompiler.adder_graphs.graph import AdderGraph, Term, shifted


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

    @property
    def ends(self) -> tuple[int, int]:
        """Lowest and highest integer that is added, the sign applied."""
        return (-self.hi, -self.lo) if self.negative else (self.lo, self.hi)


class AdderCost(Protocol):
    """What a device answers for its adders."""

    @property
    def operands(self) -> int:
        """How many operands one adder takes, 2 or 3."""
        ...

    def luts(self, operands: Sequence[Operand], lo: int, hi: int) -> int:
        """Returns look-up tables of an adder whose sum is in [lo, hi]."""
        ...

    def negation(self, lo: int, hi: int) -> int:
        """Returns look-up tables of -x for x in [lo, hi]."""
        ...


def width(lo: int, hi: int) -> int:
    """Returns the bits of a range: two's complement if signed, else unsigned; 0 for [0, 0]."""
    if lo < 0:
        return max((~lo).bit_length(), hi.bit_length() if hi > 0 else 0) + 1
    return hi.bit_length()


@dataclass(frozen=True)
class CarryChains:
    """Adders on carry chains with one table a bit, as all common families have.

    The chain begins where both operands have bits. What one of them has below passes as it is, or
    as wires above where they do not overlap at all; if it is subtracted, the chain starts with it.

    Attributes:
        bits_per_cell: chains come in cells of so many bits, 2 on ECP5.
        operands: 3 where one table a bit adds three operands.
    """

    bits_per_cell: int = 1
    operands: int = 2

    def luts(self, operands: Sequence[Operand], lo: int, hi: int) -> int:
        """Returns tables as `AdderCost` asks."""
        lower, upper, *third = sorted(operands, key=lambda operand: operand.zeros)
        if lower.negative or third:
            return self._cells(width(lo, hi) - lower.zeros)
        apart = lower.lo >= 0 and lower.hi.bit_length() <= upper.zeros
        if apart and not upper.negative:
            return 0
        return self._cells(width(lo, hi) - upper.zeros)

    def negation(self, lo: int, hi: int) -> int:
        """Returns tables as `AdderCost` asks."""
        return self._cells(width(-hi, -lo))

    def _cells(self, bits: int) -> int:
        return -(-max(bits, 0) // self.bits_per_cell) * self.bits_per_cell


ECP5 = CarryChains(bits_per_cell=2)
XILINX = CarryChains()


def graph_luts(graph: AdderGraph, cost: AdderCost) -> int:
    """Returns look-up tables of all adders, and of outputs that are negated."""
    lo: list[int] = graph.lo.tolist()
    hi: list[int] = graph.hi.tolist()
    zeros: list[int] = graph.zeros.tolist()

    def operand(term: Term) -> Operand:
        at = term.value
        low, high = shifted(lo[at], term.shift), shifted(hi[at], term.shift)
        return Operand(low, high, zeros[at] + term.shift, term.sign < 0)

    total = sum(cost.luts([operand(t) for t in terms], lo[at], hi[at]) for at, terms in graph)
    outputs: list[list[int]] = graph.outputs.tolist()
    negated = {(at, shift) for at, shift, sign in outputs if sign < 0}
    return total + sum(cost.negation(lo[at], hi[at]) for at, _ in negated)

"""Makes an adder graph node by node, and knows each value's exact range on the way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qcompiler.adder_graphs.cost import AdderCost, Operand, node_luts, width
from qcompiler.adder_graphs.graph import ABSENT, AdderGraph, Term, shifted, trailing_zeros
from qcompiler.arith.arrays import IntArray


class Builder:
    """Values by number, as in `AdderGraph`; equal nodes are made once.

    Attributes:
        cost: of adders.
        first_node: number of the first node.
        lo: lowest integer of each value.
        hi: highest.
        zeros: low bits that are always zero.
        depth: adders before each value.
        widths: bits of each value, without its zeros.
        luts: of each value's adder.

    Args:
        inputs: lowest and highest integer and zeros of each, [I, 3].
        constants: further values.
        cost: of adders.
        input_depths: adders before each input.
    """

    def __init__(
        self,
        inputs: IntArray,
        constants: Sequence[int],
        cost: AdderCost,
        input_depths: Sequence[int] | None = None,
    ) -> None:
        self._inputs = inputs
        self._constants = list(constants)
        self.cost = cost
        ends: list[list[int]] = [*inputs.tolist(), *([c, c, 0] for c in constants)]
        self.first_node = len(ends)
        self._box: IntArray = np.array(ends, np.int64).reshape(-1, 3)
        unit: IntArray = np.eye(len(ends), dtype=np.int64)
        self._forms: list[IntArray] = list(unit)
        self.lo = [lo for lo, _, _ in ends]
        self.hi = [hi for _, hi, _ in ends]
        self.zeros = [zeros for _, _, zeros in ends]
        for at, constant in enumerate(constants, len(inputs)):
            self.zeros[at] = int(trailing_zeros(np.array(constant)))
        self.depth = list(input_depths or [0] * len(inputs)) + [0] * len(self._constants)
        self.widths = [
            width(lo, hi) - zeros
            for lo, hi, zeros in zip(self.lo, self.hi, self.zeros, strict=True)
        ]
        self.luts = [0] * len(ends)
        self._nodes: list[tuple[Term, ...]] = []
        self._known: dict[tuple[Term, ...], int] = {}

    def add(self, a: Term, b: Term, *, keep_sign: bool = False) -> Term:
        """Returns a term that is the sum of two, of a new node if there is none yet.

        The node is the sum or its negative, whichever is cheaper, unless it is to keep its sign.
        """
        low = min(a.shift, b.shift)
        a, b = sorted((a, b), key=lambda term: (term.shift + self.zeros[term.value], term.value))
        sign = a.sign
        if keep_sign and a.sign != b.sign:
            sign = 1
        key = (
            Term(a.value, a.shift - low, a.sign * sign),
            Term(b.value, b.shift - low, b.sign * sign),
        )
        value = self._known.get(key)
        if value is None:
            value = self._known[key] = self._new(*key)
        return Term(value, low, sign)

    def add_up(self, *terms: Term) -> Term:
        """Returns two terms and perhaps a carry as one; none is shifted or negative."""
        value = self._known.get(terms)
        if value is None:
            value = self._known[terms] = self._new(*terms)
        return Term(value, 0, 1)

    def terms(self, node: int) -> tuple[Term, ...]:
        """Returns what a node adds."""
        return self._nodes[node - self.first_node]

    def _new(self, *terms: Term) -> int:
        form: IntArray = np.sum([self._scaled(term) for term in terms], axis=0)
        self._nodes.append(terms)
        self._forms.append(form)
        lo, hi, zeros = self._bounds(form)
        self.lo.append(lo)
        self.hi.append(hi)
        self.zeros.append(zeros)
        self.widths.append(width(lo, hi) - zeros)
        self.depth.append(max(self.depth[term.value] for term in terms) + 1)
        operands = [self._operand(term) for term in terms]
        self.luts.append(node_luts(operands, lo, hi, self.cost))
        return len(self._forms) - 1

    def _scaled(self, term: Term) -> IntArray:
        form = self._forms[term.value] * term.sign
        return form << term.shift if term.shift >= 0 else form >> -term.shift

    def _bounds(self, form: IntArray) -> tuple[int, int, int]:
        lo, hi, zeros = self._box[:, 0], self._box[:, 1], self._box[:, 2]
        one, other = form * lo, form * hi
        known = trailing_zeros(np.where(lo == hi, one, form << zeros)).min(initial=63)
        return int(np.minimum(one, other).sum()), int(np.maximum(one, other).sum()), int(known)

    def ends(self, term: Term) -> tuple[int, int]:
        """Returns lowest and highest integer of a term."""
        lo = shifted(self.lo[term.value], term.shift)
        hi = shifted(self.hi[term.value], term.shift)
        return (lo, hi) if term.sign > 0 else (-hi, -lo)

    def low(self, term: Term) -> int:
        """Returns how many low bits of a term are always zero."""
        return self.zeros[term.value] + term.shift

    def price(self, a: Term, b: Term, lo: int, hi: int) -> int:
        """Returns the tables of an adder of two terms, with sums in [lo, hi]."""
        return node_luts((self._operand(a), self._operand(b)), lo, hi, self.cost)

    def _operand(self, term: Term) -> Operand:
        value, shift, sign = term
        lo, hi = shifted(self.lo[value], shift), shifted(self.hi[value], shift)
        return Operand(lo, hi, self.zeros[value] + shift, sign < 0)

    def graph(self, outputs: Sequence[Term | None]) -> AdderGraph:
        """Returns the graph of what these outputs depend on; None is zero."""
        return AdderGraph.of(
            [tuple(row) for row in self._inputs.tolist()],
            self._nodes,
            [ABSENT if term is None else term for term in outputs],
            self._constants,
        ).pruned()

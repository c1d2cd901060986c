"""Makes an adder graph node by node, and knows each value's exact range on the way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qcompiler.adder_graphs.cost import AdderCost, Operand
from qcompiler.adder_graphs.graph import ABSENT, AdderGraph, Term, shifted, trailing_zeros
from qcompiler.arith.arrays import IntArray


class Builder:
    """Values by number, as in `AdderGraph`; equal nodes are made once.

    Args:
        inputs: lowest and highest integer and zeros of each, [I, 3].
        constants: further values.
        cost: of adders.
        input_depths: levels of adders before each input.
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
        count = len(inputs)
        ends: list[list[int]] = [*inputs.tolist(), *([c, c, 0] for c in constants)]
        self._box: IntArray = np.array(ends, np.int64).reshape(-1, 3)
        unit: IntArray = np.eye(len(ends), dtype=np.int64)
        self.forms: list[IntArray] = list(unit)
        self.lo = [lo for lo, _, _ in ends]
        self.hi = [hi for _, hi, _ in ends]
        self.zeros = [zeros for _, _, zeros in inputs.tolist()]
        self.zeros += [int(trailing_zeros(np.array(constant))) for constant in constants]
        self.depth = list(input_depths or [0] * count) + [0] * len(self._constants)
        self.luts = [0] * len(ends)
        self._nodes: list[tuple[Term, Term]] = []
        self._known: dict[tuple[Term, Term], int] = {}

    def add(self, a: Term, b: Term) -> Term:
        """Returns a term that is the sum of two, of a new node if there is none yet."""
        sign = 1
        low = min(a.shift, b.shift)
        a, b = sorted((a, b), key=lambda term: (term.shift + self.zeros[term.value], term.value))
        if a.sign < 0:
            sign = -1
        key = (
            Term(a.value, a.shift - low, a.sign * sign),
            Term(b.value, b.shift - low, b.sign * sign),
        )
        value = self._known.get(key)
        if value is None:
            value = self._known[key] = self._new(*key)
        return Term(value, low, sign)

    def _new(self, a: Term, b: Term) -> int:
        form = self.scaled(a) + self.scaled(b)
        self._nodes.append((a, b))
        self.forms.append(form)
        lo, hi, zeros = self._bounds(form)
        self.lo.append(lo)
        self.hi.append(hi)
        self.zeros.append(zeros)
        self.depth.append(max(self.depth[a.value], self.depth[b.value]) + 1)
        self.luts.append(self.price(a, b, (lo, hi)))
        return len(self.forms) - 1

    def scaled(self, term: Term) -> IntArray:
        """Returns the coefficients of a term."""
        form = self.forms[term.value] * term.sign
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

    def price(self, a: Term, b: Term, ends: tuple[int, int] | None = None) -> int:
        """Returns the tables of an adder of two terms; its range is theirs added if not known."""
        if ends is None:
            one, other = self.ends(a), self.ends(b)
            ends = one[0] + other[0], one[1] + other[1]
        return self.cost.luts((self._operand(a), self._operand(b)), *ends)

    def _operand(self, term: Term) -> Operand:
        value, shift, sign = term
        lo, hi = shifted(self.lo[value], shift), shifted(self.hi[value], shift)
        return Operand(lo, hi, self.zeros[value] + shift, sign < 0)

    def graph(self, outputs: Sequence[Term | None]) -> AdderGraph:
        """Returns the graph of what these outputs depend on; None is zero."""
        made = AdderGraph.of(
            [tuple(row) for row in self._inputs.tolist()],
            self._nodes,
            [ABSENT if term is None else term for term in outputs],
            self._constants,
        )
        return pruned(made)


def pruned(graph: AdderGraph) -> AdderGraph:
    """Returns a graph without the constants and nodes on which no output depends."""
    live = graph.live()
    live[: len(graph.inputs)] = True
    number = np.cumsum(live) - 1
    nodes = graph.nodes.reshape(-1, 3, 3)[live[graph.first_node :]].copy()
    outputs = graph.outputs.copy()
    for terms in (nodes, outputs):
        there = terms[..., 2] != 0
        terms[..., 0][there] = number[terms[..., 0][there]]
    constants = graph.constants[live[len(graph.inputs) : graph.first_node]]
    return AdderGraph(graph.inputs, constants, nodes.reshape(-1, 9), outputs)

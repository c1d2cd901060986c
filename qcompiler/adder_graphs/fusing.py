"""Two additions in one: where a table a place adds three operands, sums that one adder reads go.

A sum of two terms, one of them a sum that nothing else reads, adds three. Which pairs become one is
chosen for each tree of such sums by what all of it takes; no sum is in two pairs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from qcompiler.adder_graphs.cost import AdderCost, node_luts, operands_of, takes_carry
from qcompiler.adder_graphs.graph import AdderGraph, Term

_TOGETHER = 3


def fused(graph: AdderGraph, cost: AdderCost) -> AdderGraph:
    """Returns a graph with fewest tables that adds up to three terms at once."""
    if cost.operands < _TOGETHER:
        return graph
    chosen = _Pairs(graph, cost).chosen()
    nodes = [chosen.get(at, terms) for at, terms in graph]
    return AdderGraph.of(
        [(lo, hi, zeros) for lo, hi, zeros in graph.inputs.tolist()],
        nodes,
        [Term(*row) for row in graph.outputs.tolist()],
        graph.constants.tolist(),
    ).pruned()


class _Pairs:
    def __init__(self, graph: AdderGraph, cost: AdderCost) -> None:
        self._graph = graph
        self._cost = cost
        self._terms = dict(graph)
        outputs: list[list[int]] = graph.outputs.tolist()
        reads = Counter(term.value for terms in self._terms.values() for term in terms)
        reads.update(value for value, _, sign in outputs if sign)
        leaving = {value for value, _, sign in outputs if sign}
        self._inner = {at for at in self._terms if reads[at] == 1 and at not in leaving}
        self._luts: dict[int, int] = {}
        """Of each sum, and of the inner ones below it, at their best."""

    def chosen(self) -> dict[int, list[Term]]:
        """Returns the three terms of sums that take in one of their operands.

        That one is not made then, whatever it was to be: nothing else reads it.
        """
        found: dict[int, list[Term]] = {}
        for at, terms in self._terms.items():
            ways: list[list[Term]] = [terms]
            if len(terms) < _TOGETHER:
                longer = [self._with(terms, inner) for inner in terms if self._joins(inner)]
                ways += [way for way in longer if self._fits(way)]
            priced = [(self._luts_of(at, way), way) for way in ways]
            self._luts[at], best = min(priced, key=lambda item: item[0])
            if best is not terms:
                found[at] = best
        return found

    def _joins(self, term: Term) -> bool:
        return term.value in self._inner and len(self._terms[term.value]) < _TOGETHER

    def _with(self, terms: Sequence[Term], inner: Term) -> list[Term]:
        """Returns terms with those of an inner sum in its place."""
        value, shift, sign = inner
        below = [Term(at, by + shift, s * sign) for at, by, s in self._terms[value]]
        return [*(term for term in terms if term is not inner), *below]

    def _fits(self, terms: Sequence[Term]) -> bool:
        operands = operands_of(self._graph, terms)
        return any(term.sign > 0 for term in terms) and not takes_carry(operands)

    def _luts_of(self, at: int, terms: Sequence[Term]) -> int:
        graph = self._graph
        lo, hi = int(graph.lo[at]), int(graph.hi[at])
        own = node_luts(operands_of(graph, terms), lo, hi, self._cost)
        return own + sum(self._luts[term.value] for term in terms if term.value in self._inner)

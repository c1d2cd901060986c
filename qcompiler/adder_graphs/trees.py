"""Trees that add the terms of one output with few tables, no deeper than allowed.

Terms are put in an order and neighbours are joined: of all such trees, by length of the stretch and
depth, dynamic programming finds the cheapest. Good orders are those by lowest place, by highest and
by the middle: terms that stand near each other make short chains. All three are tried.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np
from msgspec import Struct

from qcompiler.adder_graphs.builder import Builder
from qcompiler.adder_graphs.cost import topped_luts
from qcompiler.adder_graphs.graph import Term
from qcompiler.arith.arrays import IntArray

_MOST = 96
"""Terms that are ordered at once; more are cut into stretches first."""

_NEVER = 1 << 40

Tree = Term | tuple["Tree", "Tree"]


def least_depth(depths: list[int]) -> int:
    """Returns the depth of the shallowest tree of adders over values of these depths."""
    return max((sum(1 << depth for depth in depths) - 1).bit_length(), 0) if depths else 0


def add_all(builder: Builder, terms: list[Term], max_depth: int) -> Term | None:
    """Returns the sum of terms, None for none; as shallow as possible if that is over `max_depth`.

    Its sign is 1 unless all terms are negative.
    """
    if not terms:
        return None
    depth = max(max_depth, least_depth([builder.depth[term.value] for term in terms]))
    plans = [_plan(builder, sorted(terms, key=order), depth) for order in _orders(builder)]
    _, tree = min(plans, key=lambda plan: plan[0])
    return _made(builder, tree if tree is not None else _shallow(builder, terms), 1)


def _orders(builder: Builder) -> list[Callable[[Term], tuple[int, int, int]]]:
    def top(term: Term) -> int:
        lo, hi = builder.ends(term)
        return max(-lo, hi).bit_length()

    return [
        lambda term: (builder.low(term), -term.sign, top(term)),
        lambda term: (top(term), builder.low(term), -term.sign),
        lambda term: (top(term) + builder.low(term), -term.sign, top(term)),
    ]


def _plan(builder: Builder, terms: list[Term], depth: int) -> tuple[int, Tree | None]:
    """Returns the cheapest tree that joins neighbours, and its tables; none if all are too deep."""
    if len(terms) <= _MOST:
        return _Stretches.of(builder, terms).cheapest(depth)
    parts = -(-len(terms) // _MOST)
    size = -(-len(terms) // parts)
    whole = 0
    roots: list[Term] = []
    for at in range(0, len(terms), size):
        part = terms[at : at + size]
        luts, tree = _plan(builder, part, depth - (parts - 1).bit_length())
        if tree is None:
            return _NEVER, None
        whole += luts
        roots.append(_made(builder, tree))
    luts, tree = _plan(builder, roots, depth)
    return whole + luts, tree


class _Stretches(Struct, frozen=True, eq=False):
    """Terms in order, and what joining two stretches of them takes.

    Attributes:
        terms: n of them.
        depths: of each.
        luts: at place L - 2, the adder that joins the first l terms of a stretch of L terms from
            term i on to the others, [L - 1, n - L + 1].
    """

    terms: list[Term]
    depths: IntArray
    luts: list[IntArray]

    @staticmethod
    def of(builder: Builder, terms: list[Term]) -> _Stretches:
        """Returns the stretches of terms in this order."""
        count = len(terms)
        ends = np.array([builder.ends(term) for term in terms], np.int64)
        total = np.concatenate([np.zeros((1, 2), np.int64), np.cumsum(ends, axis=0)])
        low = np.full((count + 1, count), 63, np.int64)  # of a stretch, by length and first term
        low[1] = [builder.low(term) for term in terms]
        table = np.array([topped_luts(places, builder.cost) for places in range(80)], np.int64)
        luts: list[IntArray] = []
        for length in range(2, count + 1):
            first = np.arange(count - length + 1, dtype=np.int64)
            low[length, first] = np.minimum(low[length - 1, first], low[1, first + length - 1])
            split = np.arange(1, length, dtype=np.int64)[:, None]
            start = np.maximum(low[split, first], low[length - split, first + split])
            sums = total[first + length] - total[first]
            places = _widths(sums[:, 0], sums[:, 1]) - start
            luts.append(table[np.maximum(places, 0)])
        depths = np.array([builder.depth[term.value] for term in terms], np.int64)
        return _Stretches(terms, depths, luts)

    def cheapest(self, depth: int) -> tuple[int, Tree | None]:
        """Returns the tables of the cheapest tree that is not too deep, and the tree."""
        count = len(self.terms)
        # By length and by first term, and by length and last term: rows then are slices.
        before = np.full((count + 1, count), _NEVER, np.int64)
        splits: list[IntArray] = []
        for level in range(depth + 1):
            by_end = np.full_like(before, _NEVER)
            for length in range(1, count + 1):
                by_end[length, length - 1 :] = before[length, : count - length + 1]
            now, split = before.copy(), np.zeros_like(before)
            now[1, self.depths <= level] = 0
            for length in range(2, count + 1) if level else ():
                left = before[1:length, : count - length + 1]
                right = by_end[length - 1 : 0 : -1, length - 1 :]
                luts = left + right + self.luts[length - 2]
                best: IntArray = luts.argmin(axis=0)
                found = luts[best, np.arange(len(best))]
                better = found < before[length, : count - length + 1]
                now[length, : count - length + 1][better] = found[better]
                split[length, : count - length + 1][better] = best[better] + 1
            splits.append(split)
            before = now
        luts = int(before[count, 0])
        return (luts, self._tree(splits, 0, count)) if luts < _NEVER else (_NEVER, None)

    def _tree(self, splits: list[IntArray], first: int, length: int) -> Tree:
        if length == 1:
            return self.terms[first]
        while not splits[-1][length, first]:
            splits = splits[:-1]
        split = int(splits[-1][length, first])
        left = self._tree(splits[:-1], first, split)
        return left, self._tree(splits[:-1], first + split, length - split)


def _widths(lo: IntArray, hi: IntArray) -> IntArray:
    largest = np.maximum(np.where(lo < 0, ~lo, 0), np.maximum(hi, 0))
    # From 2**53 on, frexp may be a bit too wide just below a power of two: a cost, no more.
    return np.frexp(largest.astype(np.float64))[1].astype(np.int64) + (lo < 0)


def _shallow(builder: Builder, terms: list[Term]) -> Tree:
    """Returns the shallowest tree: the two shallowest terms are joined first."""
    ordered = sorted(terms, key=lambda term: (builder.depth[term.value], builder.low(term)))
    heap: list[tuple[int, int, Tree]] = [
        (builder.depth[term.value], at, term) for at, term in enumerate(ordered)
    ]
    heapq.heapify(heap)
    number = len(heap)
    while len(heap) > 1:
        _, _, a = heapq.heappop(heap)
        depth, _, b = heapq.heappop(heap)
        heapq.heappush(heap, (depth + 1, number, (a, b)))
        number += 1
    return heap[0][2]


def _made(builder: Builder, tree: Tree, sign: int = 0) -> Term:
    """Returns a tree's sum; if sign 1 is wanted, with it where any term is positive.

    A node that keeps its sign may need a longer chain, so only what must be is made so.
    """
    if isinstance(tree, Term):
        return tree
    a, b = (_made(builder, part) for part in tree)
    if sign and a.sign < 0 and b.sign < 0:
        a = _made(builder, tree[0], sign)
        if a.sign < 0:
            b = _made(builder, tree[1], sign)
    return builder.add(a, b, keep_sign=sign > 0)

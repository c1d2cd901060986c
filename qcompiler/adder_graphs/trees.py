"""Trees that add the terms of one output: cheap adders first, no deeper than allowed."""

from __future__ import annotations

from itertools import combinations

from qcompiler.adder_graphs.builder import Builder
from qcompiler.adder_graphs.graph import Term


def least_depth(depths: list[int]) -> int:
    """Returns the depth of the shallowest tree of adders over values of these depths."""
    weight = sum(1 << depth for depth in depths)
    return max((weight - 1).bit_length(), 0) if depths else 0


def add_all(builder: Builder, terms: list[Term], max_depth: int | None = None) -> Term | None:
    """Returns the sum of terms, None for no terms; as shallow as possible where that is over depth.

    Of all pairs whose adder leaves a tree within the depth possible, the cheapest goes first: a
    tree exists while the terms' 2**depth add up to at most 2**max_depth (Kraft's inequality).
    """
    terms = list(terms)
    least = least_depth([builder.depth[term.value] for term in terms])
    most = least if max_depth is None else max(max_depth, least)
    prices: dict[tuple[Term, Term], int] = {}
    while len(terms) > 1:
        weight = sum(1 << builder.depth[term.value] for term in terms)
        best: tuple[int, int, int, int, int] | None = None
        for i, j in combinations(range(len(terms)), 2):
            a, b = terms[i], terms[j]
            da, db = builder.depth[a.value], builder.depth[b.value]
            depth = max(da, db) + 1
            if weight - (1 << da) - (1 << db) + (1 << depth) > 1 << most:
                continue
            if (a, b) not in prices:
                prices[a, b] = builder.price(a, b)
            rank = (depth, prices[a, b], abs(da - db), i, j)
            best = rank if best is None else min(best, rank)
        assert best is not None, "two of the shallowest terms can always be added"
        i, j = best[3:]
        joined = builder.add(terms[i], terms[j])
        terms = [term for at, term in enumerate(terms) if at not in (i, j)]
        terms.append(joined)
    return terms[0] if terms else None

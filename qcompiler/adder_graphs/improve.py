"""Improves shared sums: some are dissolved and sought again, and what is better is kept.

Source: large neighbourhood search after Shaw (1998), worse states accepted as in simulated
annealing.
"""

from __future__ import annotations

import math
import random
from functools import cache

from qcompiler.adder_graphs.cost import width
from qcompiler.adder_graphs.sharing import Sharing

_LARGEST_PART = 0.5
_NOISE = 0.2
_TRY = 500
_HOTTEST = 0.001
"""How much of all tables a state may be worse at first and yet be accepted."""


def improve(sharing: Sharing, work: int, seed: int) -> None:
    """Improves within some work, counted as `Sharing.work` is; the best state found stays."""
    generator = random.Random(seed)
    columns = _Columns(sharing)
    best = current = columns.luts()
    kept = chosen = sharing.state()
    heat = _HOTTEST * best
    start = sharing.work
    while sharing.nodes and sharing.work < start + work:
        nodes = sorted(sharing.nodes.values())
        part = generator.random() * _LARGEST_PART
        some = generator.sample(nodes, max(1, int(len(nodes) * part)))
        changed = sharing.dissolve(some)
        sharing.share(changed, (_NOISE, generator))
        found = columns.luts()
        left = 1 - (sharing.work - start) / work
        if found <= current - max(left, 0) * heat * math.log(1 - generator.random()):
            current, chosen = found, sharing.state()
            if current < best:
                best, kept = current, chosen
        else:
            sharing.restore(chosen)
        # Taking apart and judging takes a while, too.
        sharing.work += _TRY + sum(map(len, sharing.columns))
    sharing.restore(kept)


class _Columns:
    """Estimates tables without making trees."""

    def __init__(self, sharing: Sharing) -> None:
        self._sharing = sharing
        self._adder = cache(sharing.builder.cost.adder)

    def luts(self) -> int:
        """Returns the tables of all sums and of the columns' trees."""
        self._sharing.drop_unused()
        shared = sum(self._sharing.builder.luts[node] for node in self._sharing.nodes.values())
        return shared + sum(self._tree(at) for at in range(len(self._sharing.columns)))

    def _tree(self, column: int) -> int:
        """Returns the tables of adding one term after the other, narrow ones first.

        That is near the cheapest tree: what is added early makes no later adder wider.
        """
        builder = self._sharing.builder
        terms: list[tuple[int, int, int, int]] = []
        for term in self._sharing.terms(column):
            lo, hi = builder.ends(term)
            terms.append((max(-lo, hi).bit_length(), builder.low(term), lo, hi))
        terms.sort()
        luts = lowest = low = high = 0
        for at, (_, zeros, lo, hi) in enumerate(terms):
            low, high = low + lo, high + hi
            if at:
                luts += self._adder(max(width(low, high) - max(zeros, lowest), 0))
            lowest = min(zeros, lowest) if at else zeros
        return luts

"""Improves shared sums: some are dissolved and sought again, and what is better is kept.

Source: large neighbourhood search after Shaw (1998), worse states accepted as in simulated
annealing.
"""

from __future__ import annotations

import math
import random

from qcompiler.adder_graphs.cost import topped_luts, width
from qcompiler.adder_graphs.sharing import Sharing

_LARGEST_PART = 0.5
_NOISE = 0.2
_TRY = 500
_LEAST_TRIES = 20
_HOTTEST = 0.001
"""How much of all tables a state may be worse at first and yet be accepted."""


def improve(sharing: Sharing, work: int, seed: int) -> None:
    """Improves within some work, counted as `Sharing.work` is; the best state found stays."""
    generator = random.Random(seed)
    best = current = estimate(sharing)
    kept = chosen = sharing.state()
    heat = _HOTTEST * best
    start = sharing.work
    # A try takes as much as sharing from the start, or as the part of it that is dissolved.
    largest = min(_LARGEST_PART, work / max(start, 1) / _LEAST_TRIES)
    while sharing.nodes and sharing.work < start + work:
        nodes = sorted(sharing.nodes.values())
        some = generator.sample(nodes, max(1, int(len(nodes) * generator.random() * largest)))
        changed = sharing.dissolve(some)
        sharing.share(changed, (_NOISE, generator))
        found = estimate(sharing)
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


def estimate(sharing: Sharing) -> int:
    """Returns about how many tables all sums and the columns' trees take, without making trees."""
    sharing.drop_unused()
    shared = sum(sharing.builder.luts[node] for node in sharing.nodes.values())
    return shared + sum(_tree(sharing, at) for at in range(len(sharing.columns)))


def _tree(sharing: Sharing, column: int) -> int:
    """Returns the tables of adding one term after the other, narrow ones first.

    That is near the cheapest tree: what is added early makes no later adder wider.
    """
    builder = sharing.builder
    terms: list[tuple[int, int, int, int]] = []
    for term in sharing.terms(column):
        lo, hi = builder.ends(term)
        terms.append((max(-lo, hi).bit_length(), builder.low(term), lo, hi))
    terms.sort()
    luts = lowest = low = high = 0
    for at, (_, zeros, lo, hi) in enumerate(terms):
        low, high = low + lo, high + hi
        if at:
            places = max(width(low, high) - max(zeros, lowest), 0)
            luts += topped_luts(places, builder.cost)
        lowest = min(zeros, lowest) if at else zeros
    return luts

"""Choosing among a layer's foldings, against a plain loop over them."""

import numpy as np

from qcompiler.analysis.area.estimate import Area
from qcompiler.folding.choices import Choices

PRICES = {"LUT": 1.0, "FF": 0.25, "BRAM": 40.0, "DSP": 90.0}


def expected(cycles, areas, plain, target, styles):
    allowed = [i for i, own in enumerate(plain) if own or styles]
    fast = [i for i in allowed if cycles[i] <= target]
    if not fast:
        return min(allowed, key=lambda i: cycles[i])
    cost = [sum(PRICES[k] * n for k, n in area.as_dict().items()) for area in areas]
    return min(fast, key=lambda i: (cost[i], cycles[i], i))


def test_the_cheapest_that_is_fast_enough_else_the_fastest():
    rng = np.random.default_rng(0)
    for _ in range(50):
        cycles = rng.integers(1, 9, 12).tolist()
        areas = [Area(*row) for row in rng.integers(0, 3, (12, 4)).tolist()]
        plain = [True, *rng.integers(0, 2, 11).astype(bool).tolist()]
        choices = Choices.of(cycles, areas, plain)
        for target in range(10):
            for styles in (False, True):
                found = choices.cheapest(target, PRICES, styles=styles)
                assert found == expected(cycles, areas, plain, target, styles)

"""Registers of pipelines: legal for every delay, and as few bits as any other places have."""

from itertools import product

import numpy as np
import pytest

from qcompiler.rtl.retiming import (
    Delays,
    as_soon_as_possible,
    fewest_registers,
    register_bits,
    spare_time,
)

BUDGET = 10.0


def pipeline(seed: int, cells: int) -> Delays:
    """Random cells; the first two are inputs."""
    rng = np.random.default_rng(seed)
    reads = [[], []]
    for cell in range(2, cells):
        reads.append(sorted(set(rng.integers(0, cell, rng.integers(1, 3)).tolist())))
    ns = [0.0, 0.0, *rng.uniform(1, 6, cells - 2).tolist()]
    widths = rng.integers(1, 9, cells).tolist()
    read = {source for sources in reads for source in sources}
    outputs = [cell for cell in range(2, cells) if cell not in read]
    return Delays(ns, widths, reads, outputs, BUDGET)


def longest(made: Delays, stages: list[int]) -> float:
    """Returns the longest way between two registers, but for cells that are longer alone."""
    times: list[float] = []
    worst = 0.0
    for cell, reads in enumerate(made.reads):
        start = 0.0
        joined = False
        for read in reads:
            inside = stages[read] == stages[cell] and made.reads[read]
            joined = joined or bool(inside)
            start = max(start, times[read] if inside else 0.0)
        times.append(start + made.ns[cell])
        if joined:
            worst = max(worst, times[-1])
    return worst


def legal(made: Delays, stages: list[int], last: int) -> bool:
    order = all(stages[r] <= stages[c] for c, reads in enumerate(made.reads) for r in reads)
    ends = all(stages[output] < last for output in made.outputs)
    inputs = all(stages[c] == 0 for c, reads in enumerate(made.reads) if not reads)
    return order and ends and inputs and longest(made, stages) <= BUDGET


@pytest.mark.parametrize("seed", range(24))
def test_as_few_bits_as_all_places_that_were_tried(seed):
    made = pipeline(seed, 7)
    earliest = as_soon_as_possible(made)
    last = max(earliest[output] for output in made.outputs) + 1
    found = fewest_registers(made, last)
    assert legal(made, found, last)
    bits = register_bits(made, found, last)
    assert bits <= register_bits(made, earliest, last)
    inner = [cell for cell, reads in enumerate(made.reads) if reads]
    for choice in product(range(last), repeat=len(inner)):
        stages = [0] * len(made.reads)
        for cell, stage in zip(inner, choice, strict=True):
            stages[cell] = stage
        if legal(made, stages, last):
            assert register_bits(made, stages, last) >= bits


@pytest.mark.parametrize("seed", range(4))
def test_large_pipelines_stay_legal(seed):
    made = pipeline(100 + seed, 150)
    earliest = as_soon_as_possible(made)
    last = max(earliest[output] for output in made.outputs) + 2
    found = fewest_registers(made, last)
    assert legal(made, found, last)
    assert register_bits(made, found, last) <= register_bits(made, earliest, last)


@pytest.mark.parametrize("seed", range(5))
def test_spare_time_is_used_and_no_more(seed):
    made = pipeline(seed, 40)
    stages = fewest_registers(made, max(as_soon_as_possible(made)) + 1)
    some = [cell % 2 == 0 and cell > 1 for cell in range(40)]
    slower = spare_time(made, stages, some, 1.5)
    assert slower
    assert all(some[cell] for cell in slower)
    ns = [each + 1.5 * (cell in slower) for cell, each in enumerate(made.ns)]
    assert longest(Delays(ns, made.widths, made.reads, made.outputs, BUDGET), stages) <= BUDGET

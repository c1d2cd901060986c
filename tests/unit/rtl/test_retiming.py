"""Registers of pipelines: legal for every delay, and as few bits as any other places have."""

from itertools import product

import numpy as np
import pytest

from qcompiler.rtl.retiming import Delays, as_soon_as_possible, fewest_registers, register_bits

BUDGET = 10.0


def pipeline(seed: int, cells: int, *, wires: bool) -> Delays:
    """Random cells; the first two are inputs."""
    rng = np.random.default_rng(seed)
    reads = [[], []]
    for cell in range(2, cells):
        reads.append(sorted(set(rng.integers(0, cell, rng.integers(1, 3)).tolist())))
    ns = [0.0, 0.0, *rng.uniform(1, 6, cells - 2).tolist()]
    widths = rng.integers(1, 9, cells).tolist()
    read = {source for sources in reads for source in sources}
    outputs = [cell for cell in range(2, cells) if cell not in read]
    reach = rng.uniform(0, 2, cells).tolist() if wires else [0.0] * cells
    return Delays(ns, widths, reads, outputs, BUDGET, reach)


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
            start = max(start, (times[read] if inside else 0.0) + made.reach[read])
        times.append(start + made.ns[cell])
        if joined:
            worst = max(worst, times[-1])
    return worst


def legal(made: Delays, stages: list[int], last: int) -> bool:
    order = all(stages[r] <= stages[c] for c, reads in enumerate(made.reads) for r in reads)
    ends = all(stages[output] < last for output in made.outputs)
    inputs = all(stages[c] == 0 for c, reads in enumerate(made.reads) if not reads)
    return order and ends and inputs and longest(made, stages) <= BUDGET


@pytest.mark.parametrize("wires", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_as_few_bits_as_all_places_that_were_tried(seed, wires):
    made = pipeline(seed, 7, wires=wires)
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
    made = pipeline(100 + seed, 150, wires=True)
    earliest = as_soon_as_possible(made)
    last = max(earliest[output] for output in made.outputs) + 2
    found = fewest_registers(made, last)
    assert legal(made, found, last)
    assert register_bits(made, found, last) <= register_bits(made, earliest, last)


def test_a_wire_that_many_read_takes_a_part_of_the_cycle():
    """Two cells in a row fit a cycle, unless their wires are long."""
    reads, outputs = [[], [0], [1]], [2]
    near = Delays([0.0, 4.0, 4.0], [1, 1, 1], reads, outputs, BUDGET, [0.0, 0.0, 0.0])
    far = Delays([0.0, 4.0, 4.0], [1, 1, 1], reads, outputs, BUDGET, [1.5, 1.0, 0.0])
    assert as_soon_as_possible(near) == [0, 0, 0]
    assert as_soon_as_possible(far) == [0, 0, 1]

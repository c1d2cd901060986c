"""Where registers stand in a pipeline: few bits of them, and no stage longer than the clock.

A cell's *stage* is how many registers lie before it. A cell reads from its own stage or earlier
ones; what it reads from earlier is kept in registers, one a stage, that its readers share.
"""

from collections.abc import Sequence
from heapq import heappop, heappush

from msgspec import Struct

from qcompiler.arith.max_flow import Closures


class Delays(Struct, frozen=True):
    """What retiming knows of a pipeline.

    Attributes:
        ns: how long it takes to make each cell.
        widths: bits of each cell.
        reads: numbers of the cells that each is made of, all smaller.
        outputs: numbers of the cells that leave.
        budget: of a stage, ns.
    """

    ns: Sequence[float]
    widths: Sequence[int]
    reads: Sequence[Sequence[int]]
    outputs: Sequence[int]
    budget: float


def as_soon_as_possible(pipeline: Delays) -> list[int]:
    """Returns the lowest stage of each cell."""
    stages: list[int] = []
    times: list[float] = []
    for ns, reads in zip(pipeline.ns, pipeline.reads, strict=True):
        stage = max((stages[read] for read in reads), default=0)
        start = max((times[read] for read in reads if stages[read] == stage), default=0.0)
        if start > 0 and start + ns > pipeline.budget:
            stage, start = stage + 1, 0.0
        stages.append(stage)
        times.append(start + ns)
    return stages


def register_bits(pipeline: Delays, stages: Sequence[int], last: int) -> int:
    """Returns the bits of all registers, if outputs leave behind `last` of them."""
    latest = list(stages)
    for cell, reads in enumerate(pipeline.reads):
        for read in reads:
            latest[read] = max(latest[read], stages[cell])
    for output in pipeline.outputs:
        latest[output] = max(latest[output], last)
    spans = zip(pipeline.widths, latest, stages, strict=True)
    return sum(width * (end - start) for width, end, start in spans)


def fewest_registers(pipeline: Delays, last: int) -> list[int]:
    """Returns stages with fewest register bits, if outputs leave behind `last` registers.

    Least-area retiming. The bits are an L-natural-convex function of the stages, so steepest ascent
    from the lowest ones leads to the least; each step is the best closure of cells to move one
    stage on. Source: Leiserson and Saxe, "Retiming Synchronous Circuitry", Algorithmica 6, 1991;
    Murota, "Discrete Convex Analysis", SIAM 2003, section 10.3.

    Args:
        pipeline: the cells.
        last: registers on every way, at least one more than the lowest stage of any output.
    """
    stages = as_soon_as_possible(pipeline)
    readers: list[list[int]] = [[] for _ in stages]
    for cell, reads in enumerate(pipeline.reads):
        for read in set(reads):
            readers[read].append(cell)
    apart = _apart(pipeline, readers)
    leaving = set(pipeline.outputs)
    fixed = [not reads for reads in pipeline.reads]
    while moved := _step(pipeline, stages, readers, apart, leaving, fixed, last):
        for cell in moved:
            stages[cell] += 1
    return stages


def spare_time(
    pipeline: Delays, stages: Sequence[int], some: Sequence[bool], ns: float
) -> set[int]:
    """Returns cells among some that may all take so much longer, and no stage too long.

    Later ones go first: fewer ways lead through them.
    """
    starts: list[float] = []
    for cell, reads in enumerate(pipeline.reads):
        before = (read for read in reads if stages[read] == stages[cell])
        starts.append(max((starts[read] + pipeline.ns[read] for read in before), default=0.0))
    found: set[int] = set()
    tails = [0.0] * len(stages)
    for cell in reversed(range(len(stages))):
        whole = pipeline.ns[cell] + tails[cell]
        if some[cell] and starts[cell] + whole + ns <= pipeline.budget:
            found.add(cell)
            whole += ns
        for read in pipeline.reads[cell]:
            if stages[read] == stages[cell]:
                tails[read] = max(tails[read], whole)
    return found


def _apart(pipeline: Delays, readers: Sequence[Sequence[int]]) -> list[list[int]]:
    """Returns for each cell those between which and it a register must lie."""
    ns, budget = pipeline.ns, pipeline.budget
    found: list[list[int]] = []
    for start in range(len(ns)):
        times = {start: ns[start]}
        waiting = [start]
        far: list[int] = []
        while waiting:
            cell = heappop(waiting)
            time = times[cell]
            if time > budget and cell != start:
                far.append(cell)
                continue
            for reader in readers[cell]:
                if reader not in times:
                    heappush(waiting, reader)
                    times[reader] = time + ns[reader]
                elif times[reader] < time + ns[reader]:
                    times[reader] = time + ns[reader]
        found.append(far)
    # What a reader is apart from, its source is as well.
    return [
        list(set(far).difference(*(found[reader] for reader in readers[cell])))
        for cell, far in enumerate(found)
    ]


def _step(
    pipeline: Delays,
    stages: Sequence[int],
    readers: Sequence[Sequence[int]],
    apart: Sequence[Sequence[int]],
    leaving: set[int],
    fixed: Sequence[bool],
    last: int,
) -> list[int]:
    """Returns the cells that are best moved one stage on; none if it helps no more."""
    count = len(stages)
    stuck = 2 * count
    profits = [*pipeline.widths, *(-width for width in pipeline.widths), -(1 << 40)]
    requires: list[tuple[int, int]] = []
    for cell, stage in enumerate(stages):
        end = last if cell in leaving else max((stages[r] for r in readers[cell]), default=stage)
        if fixed[cell] or stage == last - 1:
            requires.append((cell, stuck))
        if stage == end:
            requires.append((cell, count + cell))
        for reader in readers[cell]:
            if stages[reader] == stage:
                requires.append((cell, reader))
            if stages[reader] == end:
                requires.append((reader, count + cell))
        for far in apart[cell]:
            if stages[far] == stage + 1:
                requires.append((cell, far))
    return [cell for cell in Closures(profits, requires).best() if cell < count]

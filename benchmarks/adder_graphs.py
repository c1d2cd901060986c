"""Adder graphs of constant matrices: ours, da4ml's and alkaid's; what docs/adder_graphs.md says.

Each solver's graph becomes ours, is proven equal to the matrix, and is judged in the same way: by
tables as the solver's cost model counts them and, with `--yosys`, by Yosys from the same Verilog,
one carry chain an addition. The peers run in all settings that their solvers have (`_sweep`).
"""

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import qcompiler
from benchmarks.common import REPOSITORY, ZOO, commit, print_table, save_results
from benchmarks.graph_verilog import YOSYS, synthesized_luts
from qcompiler.adder_graphs.cost import CELLS_OF_TWO, TABLE_A_PLACE, graph_luts
from qcompiler.adder_graphs.graph import ABSENT, AdderGraph, Term
from qcompiler.adder_graphs.solve import solve

Ranges = list[tuple[int, int]]
Matrix = np.ndarray[Any, np.dtype[np.int64]]
_DOCUMENT = REPOSITORY / "docs" / "adder_graphs.md"
_MARK = "<!-- table: benchmarks/adder_graphs.py -->"


@dataclass
class Result:
    """One graph for one matrix."""

    case: str
    solver: str
    settings: str
    adders: int
    depth: int
    ecp5: int
    xilinx: int
    seconds: float
    yosys: dict[str, int] = field(default_factory=dict[str, int])


def cases(names: list[str]) -> Iterator[tuple[str, Matrix, Ranges]]:
    """Yields matrices [I, O] and the ranges of their inputs, those with these names or all."""
    for size in (16, 64):
        name = f"{size} x {size} int8"
        if not names or name in names:
            random = np.random.default_rng(0).integers(-128, 128, (size, size))
            yield name, random, [(-128, 127)] * size
    for model in ZOO:
        if model.name not in ("jet_tagging_w6a6", "unsw_nb15_mlp_w2a2", "kws_mlp_w3a3"):
            continue
        if names and not any(name.startswith(model.name) for name in names):
            continue
        design = qcompiler.compile(model.path, inputs=dict(model.inputs))
        ops = [op for op in design.level("qint").walk() if op.name == "qint.matmul"]
        for at, op in enumerate(ops):
            name = f"{model.name} {at}"
            if names and name not in names and model.name not in names:
                continue
            x, weights = (operand.type for operand in op.operands)
            shape = weights.get_shape()
            matrix = np.array(op.operands[1].owner.value.get_values(), np.int64).reshape(shape)
            element = x.element_type
            yield name, matrix, [(element.lo.data, element.hi.data)] * shape[0]


def converted(stages: Any, ranges: Ranges) -> AdderGraph:
    """Returns a peer's graph as ours: its stages one after the other."""
    nodes: list[list[Term]] = []
    current: list[Term | None] = [Term(at, 0, 1) for at in range(len(ranges))]
    for stage in stages:
        made: list[Term | None] = []
        for op in stage.ops:
            alkaid = hasattr(op, "addr")
            data = op.data[0] if alkaid else op.data
            if op.opcode == -1:
                source = data if alkaid else op.id0
                made.append(_moved(current[source], stage.inp_shifts[source]))
                continue
            assert op.opcode in (0, 1), f"an addition, not {op}"
            first, second = op.addr if alkaid else (op.id0, op.id1)
            pair = made[first], _moved(made[second], data, op.opcode == 1)
            assert pair[0], "what is added is there"
            assert pair[1], "what is added is there"
            low = min(pair[0].shift, pair[1].shift)
            nodes.append([term._replace(shift=term.shift - low) for term in pair if term])
            made.append(Term(len(ranges) + len(nodes) - 1, low, 1))
        outputs = zip(stage.out_idxs, stage.out_shifts, stage.out_negs, strict=True)
        current = [None if at < 0 else _moved(made[at], by, neg) for at, by, neg in outputs]
    return AdderGraph.of(ranges, nodes, [term or ABSENT for term in current]).pruned()


def _moved(term: Term | None, shift: int, negative: bool = False) -> Term | None:
    if term is None:
        return None
    return Term(term.value, term.shift + shift, -term.sign if negative else term.sign)


def _peer(name: str) -> Callable[..., Any]:
    if name == "da4ml":
        from da4ml._binary import solve as da4ml_solve

        return lambda *given, **named: da4ml_solve(*given, **named).solutions
    from alkaid._binary import cmvm_solve

    return cmvm_solve


_MOST_SEARCHED = 2**15
"""Numbers of a matrix; with more, a peer that tries all decompositions takes hours."""


def _sweep(size: int) -> Iterator[tuple[str, dict[str, Any]]]:
    if size > _MOST_SEARCHED:
        for one in (-1, 0):
            only = {"search_all_decompose_dc": False, "decompose_dc": one}
            yield f"wmc, decomposition {one} only", {"method0": "wmc", "hard_dc": -1, **only}
        return
    methods = ("wmc",) if size > 4000 else ("wmc", "mc")
    # More delay than 2 changes nothing here, or is as no limit at all (-1).
    for method, delay in itertools.product(methods, (-1, 0, 1, 2)):
        yield f"{method}, delay {delay}", {"method0": method, "hard_dc": delay}


def peers(case: str, matrix: Matrix, ranges: Ranges) -> Iterator[tuple[Result, AdderGraph]]:
    """Yields what the peers find in all their settings."""
    given: dict[str, Any] = {
        "qintervals": [(float(lo), float(hi), 1.0) for lo, hi in ranges],
        "latencies": [0.0] * len(ranges),
    }
    for name in ("da4ml", "alkaid"):
        for said, settings in _sweep(matrix.size):
            start = time.perf_counter()
            stages = _peer(name)(matrix.astype(np.float32), **given, **settings)
            seconds = time.perf_counter() - start
            graph = converted(stages, ranges)
            yield _result(case, name, said, graph, seconds, matrix), graph


def ours(
    case: str, matrix: Matrix, ranges: Ranges, efforts: list[int], depths: list[int]
) -> Iterator[tuple[Result, AdderGraph]]:
    """Yields what we find with some efforts, within the depths of peers."""
    for effort in efforts:
        for depth in depths:
            start = time.perf_counter()
            graph = solve(matrix, ranges, cost=CELLS_OF_TWO, effort=effort, max_depth=depth)
            seconds = time.perf_counter() - start
            said = f"effort {effort}, depth {depth}"
            yield _result(case, "ours", said, graph, seconds, matrix), graph


def _result(
    case: str, solver: str, settings: str, graph: AdderGraph, seconds: float, matrix: Matrix
) -> Result:
    graph.check(matrix)
    ecp5, xilinx = (graph_luts(graph, cost) for cost in (CELLS_OF_TWO, TABLE_A_PLACE))
    adders, depth = len(graph.nodes), graph.depth()
    return Result(case, solver, settings, adders, depth, ecp5, xilinx, round(seconds, 2))


def _best(found: list[tuple[Result, AdderGraph]]) -> list[tuple[Result, AdderGraph]]:
    """Returns each solver's smallest graph, and its smallest one of those that are shallowest."""
    kept: list[tuple[Result, AdderGraph]] = []
    for solver in dict.fromkeys(result.solver for result, _ in found):
        mine = [one for one in found if one[0].solver == solver]
        for key in (
            lambda one: (one[0].ecp5, one[0].depth),
            lambda one: (one[0].depth, one[0].ecp5),
        ):
            best = min(mine, key=key)
            if best not in kept:
                kept.append(best)
    return kept


def measure(
    case: str, matrix: Matrix, ranges: Ranges, efforts: list[int], yosys: bool
) -> list[Result]:
    """Returns the best graphs of the peers, and ours at no more than the depths of these."""
    best = _best(list(peers(case, matrix, ranges)))
    smallest = min(best, key=lambda one: one[0].ecp5)
    depths = sorted({smallest[0].depth, min(result.depth for result, _ in best)})
    mine = list(ours(case, matrix, ranges, efforts, depths))
    fair = [one for one in mine if one[0].depth <= smallest[0].depth] or mine
    if yosys:
        for result, graph in (smallest, min(fair, key=lambda one: one[0].ecp5)):
            with tempfile.TemporaryDirectory() as folder:
                for family in YOSYS:
                    result.yosys[family] = synthesized_luts(graph, family, Path(folder))
    return [result for result, _ in (*best, *mine)]


def table(results: list[Result]) -> tuple[list[str], list[list[str]]]:
    """Returns the columns and rows of a table."""
    columns = ["matrix", "solver", "settings", "adders", "depth", "ECP5", "UltraScale+", "s"]
    yosys = [family for family in YOSYS if any(family in one.yosys for one in results)]
    rows = [
        [
            *(one.case, one.solver, one.settings, str(one.adders), str(one.depth)),
            *(f"{one.ecp5:,}", f"{one.xilinx:,}", f"{one.seconds:.1f}"),
            *(f"{one.yosys[family]:,}" if one.yosys else "" for family in yosys),
        ]
        for one in results
    ]
    return columns + [f"Yosys {family}" for family in yosys], rows


def main() -> int:
    """Measures; exit status 1 if we need more tables than the better peer at its depth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", help="names of matrices or models (default: all)")
    parser.add_argument("--efforts", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--yosys", action="store_true", help="count tables of netlists, too")
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    parsed = parser.parse_args()
    results: list[Result] = []
    for case, matrix, ranges in cases(parsed.cases):
        found = measure(case, matrix, ranges, parsed.efforts, parsed.yosys)
        print_table(case, *table(found))
        results += found
    save_results("adder_graphs", [asdict(result) for result in results])
    if parsed.write:
        _write(results)
    return int(any(_behind([one for one in results if one.case == r.case]) for r in results))


def _behind(results: list[Result]) -> bool:
    ours_best = min(one.ecp5 for one in results if one.solver == "ours")
    return ours_best > min(one.ecp5 for one in results if one.solver != "ours")


def _write(results: list[Result]) -> None:
    from benchmarks.common import markdown

    text = _DOCUMENT.read_text(encoding="utf-8")
    head, _, rest = text.partition(_MARK)
    _, _, tail = rest.partition(_MARK)
    made = f"{_MARK}\n\nMade at commit {commit()}.\n\n{markdown(*table(results))}\n\n{_MARK}"
    _DOCUMENT.write_text(head + made + tail, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

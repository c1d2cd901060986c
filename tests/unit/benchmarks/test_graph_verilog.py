"""Modules that Yosys counts compute what the graph does, constants and narrow chains included."""

import sys
from pathlib import Path

import numpy as np
import pytest
from rtl_testing import simulate

sys.path.insert(0, str(Path(__file__).parents[3]))
from benchmarks.graph_verilog import verilog
from qcompiler.adder_graphs.cost import width
from qcompiler.adder_graphs.solve import solve


@pytest.mark.simulation
def test_module_equals_the_graph(tmp_path: Path):
    rng = np.random.default_rng(7)
    ranges = [(-8, 7), (0, 15), (-100, 20, 1), (0, 1), (5, 5), (0, 63)]
    matrix = rng.integers(-30, 30, (len(ranges), 5))
    matrix[:, 3] = -matrix[:, 1]
    matrix[:, 4] = (0, 16, 0, -1, 0, 64)
    bias = np.array([7, 0, -400, 0, 3])
    graph = solve(matrix, ranges, bias=bias)
    x = np.stack([rng.integers(lo, hi + 1, 300) for lo, hi, *_ in ranges], axis=1)
    x[:, 2] &= -2
    sizes = [max(width(lo, hi), 1) for lo, hi, *_ in ranges]
    inputs = {f"v{at}": size for at, size in enumerate(sizes)}
    ends = [graph.output_range(at) for at in range(5)]
    outputs = {f"y{at}": width(end.lo, end.hi) for at, end in enumerate(ends)}
    ports = [f"input [{size - 1}:0] {name}" for name, size in inputs.items()]
    ports += [f"output [{size - 1}:0] {name}" for name, size in outputs.items()]
    wires = ", ".join(f".{name}({name})" for name in (*inputs, *outputs))
    shell = f"module shell(input clk, {', '.join(ports)});\n  top graph({wires});\nendmodule\n"
    source = tmp_path / "top.v"
    source.write_text(verilog(graph) + shell, encoding="ascii")
    masks = [(1 << size) - 1 for size in sizes]
    stimuli = [[v & m for v, m in zip(row, masks, strict=True)] for row in x.tolist()]
    found = simulate([source], "shell", inputs, outputs, stimuli)
    wanted = graph.evaluate(x).tolist()
    masks = [(1 << size) - 1 for size in outputs.values()]
    assert [tuple(v & m for v, m in zip(row, masks, strict=True)) for row in wanted] == found
    assert (graph.evaluate(x) == x @ matrix + bias).all()

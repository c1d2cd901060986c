"""Sums whose top bit is a table beside their chain take what the graph's cost says."""

import numpy as np

import qcompiler
from qcompiler.adder_graphs.cost import CELLS_OF_TWO, graph_luts
from qcompiler.dialects import stream


def test_a_matrix_takes_what_its_graph_costs(tmp_path):
    weights = np.random.default_rng(0).integers(-128, 128, (8, 8)).tolist()
    path = tmp_path / "matrix.qnn"
    path.write_text(
        "network matrix(x: int8[1, 8] scale 1) {\n"
        f"  w: int8[8, 8] scale 1 = {weights}\n  return matmul(x, w)\n}}\n"
    )
    asked = {"cycles": 1, "device": "ecp5-85k", "interface": "plain"}
    areas = {mhz: qcompiler.compile(path, mhz=mhz, **asked) for mhz in (20.0, 150.0)}
    slow, fast = (design.report().area["LUT"] for design in areas.values())
    (graph,) = (
        op.graph for op in areas[20.0].level("stream").walk() if isinstance(op, stream.AdderGraphOp)
    )
    assert slow == graph_luts(graph, CELLS_OF_TWO)
    assert fast > slow  # where the clock leaves no time for it, half cells stay empty

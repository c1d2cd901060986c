"""What a turn of n channels takes: a butterfly, two units of ones and minus ones, two others, one.

Each is compiled alone on ECP5, for inputs of eight bits, at two rates. The units of ones and minus
ones have the rows of a Hadamard matrix in another order, so that they are not butterflies.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import print_table, save_results
from qcompiler import compile as compile_model
from qcompiler.arith.hadamard import sylvester
from qcompiler.dialects.attributes import Array
from qcompiler.quantization.graph import Graph, Node
from qcompiler.quantization.onnx_writer import quantized_model
from qcompiler.quantization.placement import groups
from qcompiler.quantization.quantizers import Quantized, Quantizer, nearest
from qcompiler.quantization.turned_layers import keep_exact, turned_value
from qcompiler.quantization.turns import Turn, two_factors

SIZES = (4, 8, 16, 32, 64, 128)
FORMS = ("butterfly", "two units of signs", "two orthogonal units", "one unit")
_LARGEST_UNIT = 64
"""Inputs of the largest unit that is compiled whole: it takes thousands of multipliers."""
VECTORS = 16
CYCLES = (16, 64)
"""Cycles a vector may take."""
TURNS = ("channels", "cycles a vector", "form", "LUT", "FF", "BRAM", "DSP")


def _turn(n: int, form: str, random: np.random.Generator) -> Turn:
    if form != "two units of signs":
        return Turn.random(n, random, signs=form == "butterfly")
    left, right = (random.permutation(sylvester(size)) for size in two_factors(n))
    return Turn(left.astype(float), right.astype(float))


def network(n: int, form: str) -> Quantized:
    """Returns a network that turns vectors and does nothing else."""
    random = np.random.default_rng(0)
    graph = Graph("turn", {"x": (1, VECTORS, n)}, ["y"], [], {}, {"x": (1, VECTORS, n)})
    if form == "one unit":
        whole: Array = np.linalg.qr(random.standard_normal((n, n)))[0]
        graph.constants["w"] = whole.astype(np.float32)
        graph.nodes.append(Node("matmul", "turn", ["x", "w"], "y"))
        graph.shapes["y"] = graph.shapes["x"]
    else:
        turn = _turn(n, form, random)
        end = turned_value(graph, "x", turn)
        graph.nodes.append(Node("relu", "relu", [end], "y"))
        graph.shapes["y"] = graph.shapes[end]
    listed = groups(graph)
    activations = {group: Quantizer(2.0**-6, 8, signed=True) for group in listed}
    keep_exact(graph, listed, activations)
    weights = {
        layer.output: nearest(graph.weights(layer), layer.fixed.weight_bits or 8, 1)
        for layer in graph.layers()
    }
    return Quantized(graph, activations, weights)


def row(n: int, cycles: int, form: str) -> list[Any]:
    """Returns what a form takes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "turn.onnx"
        path.write_bytes(quantized_model(network(n, form), "qonnx").SerializeToString())
        area = compile_model(path, cycles=cycles * VECTORS).report().area
    return [n, cycles, form, *(area[kind] for kind in TURNS[3:])]


def main() -> int:
    """Measures; exit status 1 if signs take a multiplier, or a butterfly pays nowhere."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parsed = parser.parse_args()
    rows: list[list[Any]] = []
    for n in parsed.sizes:
        for cycles in CYCLES:
            for form in FORMS:
                if form == "one unit" and n > _LARGEST_UNIT:
                    continue
                rows.append(row(n, cycles, form))
                print(rows[-1], flush=True)
    print_table("Turns", TURNS, rows)
    save_results("turns", [dict(zip(TURNS, r, strict=True)) for r in rows])
    multiplies = any(r[-1] for r in rows if r[2] in FORMS[:2])
    luts = {(n, cycles, form): found for n, cycles, form, found, *_ in rows}
    largest = max(parsed.sizes)
    dearer = any(
        luts[largest, cycles, FORMS[0]] >= luts[largest, cycles, FORMS[1]] for cycles in CYCLES
    )
    return int(multiplies or dearer)


if __name__ == "__main__":
    sys.exit(main())

"""The guess at products with a constant matrix, before graphs of adders are built.

`python -m benchmarks.guessed_products` builds graphs of random matrices (numpy's seed 5), compares
their look-up tables on ECP5, by the model, with `analysis.area.pipelines.products`, and fits the
two factors that stand there.
"""

import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.common import print_table
from qcompiler.adder_graphs.cost import CELLS_OF_TWO, graph_luts
from qcompiler.adder_graphs.plan import weights
from qcompiler.adder_graphs.solve import solve
from qcompiler.analysis.area.pipelines import products
from qcompiler.arith.ranges import IntRange

Matrix = np.ndarray[Any, np.dtype[np.int64]]
_SIZES = ((8, 8), (16, 16), (32, 32), (16, 64), (64, 16), (64, 64))
_INPUTS = (IntRange(0, 1), IntRange(0, 15), IntRange(-128, 127))


def matrices() -> Iterator[tuple[str, Matrix, IntRange]]:
    """Yields matrices, dense ones of 2 to 8 bits and sparse ones, and their inputs' range."""
    rng = np.random.default_rng(5)
    for size in _SIZES:
        for bits in (2, 4, 6, 8):
            top = 1 << (bits - 1)
            for x in _INPUTS:
                yield f"{size[0]} x {size[1]} int{bits}", rng.integers(-top, top, size), x
    for density in (0.1, 0.3):
        dense = rng.integers(-8, 8, (64, 64))
        name = f"64 x 64 int4, {density:.0%} not zero"
        yield name, np.where(rng.random((64, 64)) < density, dense, 0), IntRange(0, 63)
    yield "128 x 128 int3", rng.integers(-4, 4, (128, 128)), IntRange(0, 7)


def main() -> int:
    """Compares and fits."""
    rows: list[list[Any]] = []
    terms: list[tuple[float, float]] = []
    for name, matrix, x in matrices():
        before = time.process_time()
        graph = solve(matrix, [(x.lo, x.hi)] * len(matrix), cost=CELLS_OF_TWO)
        seconds = time.process_time() - before
        luts, guess = graph_luts(graph, CELLS_OF_TWO), products(matrix, x).luts
        adders = int(np.maximum(weights(matrix).sum(axis=0) - 1, 0).sum())
        terms.append((adders / luts, adders * x.width_bits / luts))
        error = f"{100 * (guess - luts) / luts:+.0f} %"
        rows.append([name, x.width_bits, adders, luts, guess, error, f"{seconds:.1f}"])
    header = ("matrix", "input bits", "plain additions", "LUT", "guess", "error", "s")
    print_table("products", header, rows)
    left = np.array(terms)
    factors, *_ = np.linalg.lstsq(left, np.ones(len(left)), rcond=None)
    errors = left @ factors - 1
    print(f"an addition: {factors[0]:.3f}, each bit of the inputs besides: {factors[1]:.3f}")
    print(
        f"errors of these: {errors.min():+.0%} to {errors.max():+.0%}, deviation {errors.std():.0%}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

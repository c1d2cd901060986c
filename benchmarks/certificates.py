"""Whether each sound design has a certificate of FIFO sizes that the checker keeps.

`python -m benchmarks.certificates --count N` compiles N random networks and N random graphs in
random foldings, and the examples at several; of each, the certificate is made and checked. It
prints what was not proven, and counts. `--seed S --count 1` repeats one.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from benchmarks.common import REPOSITORY
from benchmarks.random_graphs import random_graph
from benchmarks.random_models import random_model
from qcompiler import compile as compile_model
from qcompiler.errors import ModelError
from qcompiler.faults import InternalError
from qcompiler.proofs.jobs import Effort, Proofs, Result
from qcompiler.proofs.liveness import LIVENESS

EXAMPLES = {
    "digits_mlp/digits_mlp.onnx": (2, 8, 16, 32, 64, 100, 500),
    "digits_cnn/digits_cnn_qonnx.onnx": (64, 128, 192, 288, 576, 768, 2304),
    "brevitas_residual/brevitas_residual_qonnx.onnx": (16, 64, 200, 1000),
}
CYCLES = (0, 0, 1, 2, 4, 7, 8, 16, 50, 200)
EFFORT = Effort(seconds=60, traces=False)


def cases(first: int, count: int) -> Iterator[tuple[str, Path, int]]:
    """Yields name, model, and cycles a frame; 0 for the default."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.onnx"
        for seed in range(first, first + count):
            cycles = int(np.random.default_rng([seed, 3]).choice(CYCLES))
            path.write_bytes(random_model(seed).SerializeToString())
            yield f"network {seed}", path, cycles
            path.write_bytes(random_graph(seed).model.SerializeToString())
            yield f"graph {seed}", path, cycles


def examples() -> Iterator[tuple[str, Path, int]]:
    """Yields the examples as `cases`."""
    for model, foldings in EXAMPLES.items():
        for cycles in foldings:
            yield model, REPOSITORY / "examples" / model, cycles


def proven(model: Path, cycles: int) -> Result | None:
    """Returns what came of a design's certificate; None if there is no such design."""
    try:
        design = compile_model(model, cycles=cycles or None)
    except ModelError:
        return None
    with tempfile.TemporaryDirectory() as folder:
        design.write(Path(folder) / "d")
        proofs = Proofs.read(Path(folder) / "d", EFFORT)
        return proofs.prove(LIVENESS) if LIVENESS in proofs.names else None


def main() -> int:
    """Prints what was not proven; exit status 1 if there is any."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--no-examples", action="store_true")
    parsed = parser.parse_args()
    counts: Counter[str] = Counter()
    every = () if parsed.no_examples else examples()
    for name, model, cycles in chain(every, cases(parsed.seed, parsed.count)):
        counts[_shown(name, model, cycles)] += 1
    print(", ".join(f"{n} {status}" for status, n in sorted(counts.items())))
    return int(any(counts[status] for status in ("refuted", "undecided")))


def _shown(name: str, model: Path, cycles: int) -> str:
    try:
        result = proven(model, cycles)
    except InternalError as error:
        print(f"{name} at {cycles}: {error}"[:200], flush=True)
        return "a fault of a pass"
    if result is None:
        return "not compiled"
    if result.status != "proven" or "onnx" in name:
        print(f"{name} at {cycles}: {result.status}: {result.words}", flush=True)
    return result.status


if __name__ == "__main__":
    sys.exit(main())

"""How long `Design.predict` takes beside onnxruntime, one thread each, the same frames.

Both run in turn; the table has the median of each in processor time, which is that of the clock
where nothing else runs, and the median of the ratios pair by pair, with the least and the largest.
Frames are random (seed 0).
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import onnxruntime

import qcompiler
from benchmarks.common import MODELS, model_inputs, print_table, save_results

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_NAMES = ("kws_dscnn_int8", "resnet8_int8", "ad01_int8")


def main() -> int:
    """Measures all models; exit status 1 if one takes more than `--most` times onnxruntime's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=64, help="in a batch (default: 64)")
    parser.add_argument("--runs", type=int, default=15, help="of each (default: 15)")
    parser.add_argument("--most", type=float, default=10, help="ratio that is still fine")
    parsed = parser.parse_args()
    if not _ONE_THREAD.items() <= os.environ.items():  # numpy's BLAS reads them once
        command = [sys.executable, "-m", "benchmarks.predict_speed", *sys.argv[1:]]
        return subprocess.run(command, env={**os.environ, **_ONE_THREAD}, check=False).returncode
    rows = [_measure(name, parsed.frames, parsed.runs) for name in _NAMES]
    print_table(
        f"Processor seconds for {parsed.frames} frames, {parsed.runs} runs",
        ("model", "predict", "onnxruntime", "ratio", "least", "largest"),
        rows,
    )
    save_results("predict_speed", rows)
    return int(any(float(row[3]) > parsed.most for row in rows))


def _measure(name: str, frames: int, runs: int) -> list[str]:
    path = MODELS / "mlperf_tiny" / f"{name}.onnx"
    design = qcompiler.compile(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    values = model_inputs(design, frames, np.random.default_rng(0))
    (x,) = (value.reshape(frames, *given.shape[1:]) for value in values.values())
    kind = {"tensor(int8)": np.int8, "tensor(uint8)": np.uint8}.get(given.type, np.float32)
    # A model with a batch of one takes its frames one after the other.
    each = given.shape[0] if isinstance(given.shape[0], int) else frames
    batches = [x[i : i + each].astype(kind) for i in range(0, frames, each)]

    def ours() -> None:
        design.predict(x)

    def theirs() -> None:
        for batch in batches:
            session.run(None, {given.name: batch})

    pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(runs + 1)][1:]
    ratios = sorted(a / b for a, b in pairs)
    medians = [statistics.median(side) for side in zip(*pairs, strict=True)]
    return [
        name,
        *(f"{seconds:.4f}" for seconds in medians),
        *(f"{value:.1f}" for value in (statistics.median(ratios), ratios[0], ratios[-1])),
    ]


def _seconds(run: Callable[[], None]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


if __name__ == "__main__":
    sys.exit(main())

"""How long `qcc prove` takes as it is: time of processors, and that passed.

`python -m benchmarks.proofs [MODEL...] [--only NAME...] [--jobs N]`.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.common import REPOSITORY
from qcompiler import compile as compile_model
from qcompiler.proofs.prove import Report, prove

MODELS = ("digits_mlp/digits_mlp.onnx", "digits_cnn/digits_cnn_qonnx.onnx")


def processor_seconds() -> float:
    """Returns the time that this process and those that it waited for have used."""
    whose = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    used = [resource.getrusage(who) for who in whose]
    return sum(one.ru_utime + one.ru_stime for one in used)


def proven(model: Path, only: Sequence[str], jobs: int) -> tuple[Report, float, float]:
    """Returns what is proven of a design, the seconds of processors, and those that passed."""
    with tempfile.TemporaryDirectory() as folder:
        compile_model(model).write(Path(folder) / "d")
        start, used = time.monotonic(), processor_seconds()
        report = prove(Path(folder) / "d", only=only, jobs=jobs, cache=False)
        return report, processor_seconds() - used, time.monotonic() - start


def main() -> int:
    """Prints a line a model; exit status 1 if something is not proven."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--only", nargs="+", default=())
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parsed = parser.parse_args()
    passed = True
    for model in parsed.models or [REPOSITORY / "examples" / name for name in MODELS]:
        report, used, wall = proven(model, parsed.only, parsed.jobs)
        passed = passed and report.passed
        counts = f"{report.count('proven')} of {len(report.results)} proven"
        print(f"{model.name}: {counts}, {used:.0f} s of processors, {wall:.0f} s", flush=True)
        for result in report.results:
            if result.status != "proven":
                print(f"  {result.name}: {result.status}: {result.words}", flush=True)
    return int(not passed)


if __name__ == "__main__":
    sys.exit(main())

"""qcc explore on digits_cnn: 72 designs with one worker and with two, each equal to `qcc compile`.

`python -m benchmarks.explore [--small]`: exit status 1 if a result differs, or if two workers
are less than 1.7 times as fast as one, which needs two cores that are free: the load is printed.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import REPOSITORY
from qcompiler.exploration.run import Exploration, explore
from qcompiler.exploration.space import space_of
from qcompiler.exploration.store import Store, open_store

MODEL = REPOSITORY / "examples" / "digits_cnn" / "digits_cnn_qonnx.onnx"
SPACE: dict[str, Any] = {
    "models": [str(MODEL)],
    "options": {
        "device": ["ecp5-85k", "zynq-7020", "u280"],
        "fps": [10_000, 25_000, 50_000, 100_000],
        "multipliers": ["hard", "any"],
        "requantizer": ["auto", "threshold", "mul_shift"],
    },
}
SMALL = {"device": "u280", "fps": [10_000, 50_000], "multipliers": "hard"}
WANTED = 1.7


def run(folder: Path, jobs: int, *, small: bool) -> tuple[Exploration, Path]:
    """Explores with so many workers, in a store of its own."""
    options = {**SPACE["options"], **(SMALL if small else {})}
    path = folder / f"{jobs}.sqlite"
    with open_store(path, make=True) as store:
        found = explore(space_of({**SPACE, "options": options}, folder), store, jobs=jobs)
    trials = sum(point.measures["seconds"] for point in found.points)
    load = os.getloadavg()[0]
    print(
        f"{jobs} workers: {found.ran} trials in {found.seconds:.1f} s, {found.counts}; trials took "
        f"{trials:.1f} s in all, {trials / found.seconds:.2f} at once; load {load:.1f}",
        flush=True,
    )
    return found, path


def compiled(command: str, folder: Path) -> dict[str, Any] | str:
    """Returns what the command line of a point prints, or its refusal."""
    words = [sys.executable, "-m", "qcompiler.cli.main", *shlex.split(command)[1:]]
    words += ["-o", str(folder / "design"), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else " ".join(done.stderr.split())


def differences(store: Store, folder: Path) -> int:
    """Counts the points whose command line does not give the same."""
    wrong = 0
    for trial in store.trials():
        assert trial.task is not None, "it is not damaged"
        said = compiled(trial.task.command, folder)
        if isinstance(said, str):
            where, _, what = trial.outcome.log.partition(": ")
            same = trial.state == "refused" and where in said and what.split(";")[0] in said
        else:
            result = trial.outcome.result or {}
            same = (
                result.get("estimate") == said["estimate_network_performance.json"]
                and result.get("resources") == said["estimate_layer_resources.json"]["total"]
            )
        if not same:
            print(f"differs: {trial.task.command}: {trial.outcome} {said}")
        wrong += not same
    return wrong


def main() -> int:
    """Runs it all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="six designs instead of 72")
    parser.add_argument("--no-ratio", action="store_true", help="run with two workers only")
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        two, path = run(folder, 2, small=parsed.small)
        ratio = None
        if not parsed.no_ratio:
            one, _ = run(folder, 1, small=parsed.small)
            ratio = one.seconds / two.seconds
            print(f"two workers are {ratio:.2f} times as fast as one", flush=True)
        start = time.monotonic()
        with open_store(path) as store:
            wrong = differences(store, folder)
        print(
            f"{wrong} of {len(two.points)} differ, {time.monotonic() - start:.0f} s of qcc compile"
        )
    return int(bool(wrong) or (ratio is not None and ratio < WANTED))


if __name__ == "__main__":
    sys.exit(main())

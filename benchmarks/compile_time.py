"""Times `qcc compile` in processes of their own, and shows where the time goes.

`--phases` compiles once in this process and times the import, each pass, each verification, the
Verilog and the writing; `--profile` adds the functions with the most time of their own.
"""

import argparse
import cProfile
import json
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import ZOO, print_table, save_results

CASES = (
    ("kws_mlp_w3a3", [], 5.0, 700.0),
    ("tfc_w1a1", [], 3.0, 700.0),
    ("jet_tagging_w6a6", [], 3.0, 700.0),
    ("jet_tagging_w6a6", ["--cycles", "1"], 3.0, 700.0),
)
"""Model, options, and what is wanted: seconds and MiB."""

_CHILD = """
import os, resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
seconds = time.perf_counter() - start
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, done.returncode)
"""


_BYTECODE = {
    "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "qcompiler_bytecode"),
}
"""Where Python keeps what it compiled of our modules, as an installed package has it beside them.

Whatever is set here: without, each run compiles all modules anew.
"""


def cold(arguments: list[str], tree: Path | None = None) -> tuple[float, float, float]:
    """Returns wall seconds, processor seconds and peak MiB of one compilation.

    Args:
        arguments: of `qcc compile`.
        tree: a work tree to run the compiler of; None for this one.
    """
    environment = {**os.environ, **_BYTECODE}
    where: dict[str, Any] = {"env": environment}
    if tree is not None:
        where = {"cwd": tree, "env": {**environment, "PYTHONPATH": str(tree)}}
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "qcompiler.cli.main", "compile", *arguments]
        command += ["-o", str(Path(directory) / "out")]
        # A process between, because the peak of RUSAGE_CHILDREN is that of all children ever.
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, *command],
            capture_output=True,
            text=True,
            check=True,
            **where,
        )
    wall, processor, mebibytes, status = map(float, done.stdout.split()[-4:])
    if status:
        raise RuntimeError(f"qcc compile failed: {done.stderr[-500:]}")
    return wall, processor, mebibytes


def phases(model: str, options: list[str]) -> dict[str, float]:
    """Returns seconds by phase of one compilation in this process."""
    found: dict[str, float] = {}
    start = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal start
        now = time.perf_counter()
        found[name] = found.get(name, 0.0) + now - start
        start = now

    from qcompiler import pipelines
    from qcompiler.compiler import Options, import_model
    from qcompiler.design import Design
    from qcompiler.frontends.onnx import parse_input_option
    from qcompiler.passes.pipeline import make_context, make_pass

    lap("python imports")
    zoo = next(m for m in ZOO if m.name == model)
    specs = dict(parse_input_option(f"{n}={s}") for n, s in zoo.inputs.items())
    cycles = int(options[1]) if options else None
    asked = Options(inputs=specs, cycles=cycles)
    lap("options")
    module = import_model(zoo.path, asked)
    lap("import model")
    context = make_context()
    lap("context")
    levels = {"nn": module.clone()}
    lap("clone levels")
    for name in pipelines.DEFAULT:
        pass_ = make_pass(name, asked.pass_options().get(name))
        pass_.apply(context, module)
        lap(f"pass {name}")
        module.verify()
        lap("verify")
        for level, passes in pipelines.LEVELS.items():
            if passes and passes[-1] == name:
                levels[level] = module.clone()
                lap("clone levels")
    design = Design({**levels, "last": module})
    _ = design.timing
    lap("timing")
    _ = design.verilog
    lap("verilog")
    with tempfile.TemporaryDirectory() as directory:
        start = time.perf_counter()
        design.write(Path(directory) / "out")
        lap("write")
    return found


def hot_spots(
    model: str, options: list[str], count: int = 15
) -> list[tuple[str, float, float, int]]:
    """Returns the functions with most own time: name, own seconds, with callees, calls."""
    profile = cProfile.Profile()
    profile.enable()
    phases(model, options)
    profile.disable()
    rows = []
    for (file, line, name), (_, calls, own, total, _) in pstats.Stats(profile).stats.items():
        place = "/".join(Path(file).parts[-2:])
        rows.append((f"{place}:{line} {name}", own, total, calls))
    return sorted(rows, key=lambda row: -row[1])[:count]


def _one_phase_run(model: str, options: list[str]) -> dict[str, float]:
    """As `phases`, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.compile_time", "--phases-of", model, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> int:
    """Measures all cases; exit status 1 if one takes longer or more memory than wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--phases", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--phases-of", metavar="MODEL", help=argparse.SUPPRESS)
    parser.add_argument("--cycles", help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if parsed.phases_of:
        print(
            json.dumps(
                phases(parsed.phases_of, ["--cycles", parsed.cycles] if parsed.cycles else [])
            )
        )
        return 0
    rows, results, failed = [], [], False
    for name, options, wanted_seconds, wanted_mebibytes in CASES:
        model = next(m for m in ZOO if m.name == name)
        runs = [cold([*model.arguments, *options]) for _ in range(parsed.runs)]
        wall, processor, mebibytes = (
            statistics.median(column) for column in zip(*runs, strict=True)
        )
        good = wall < wanted_seconds and mebibytes < wanted_mebibytes
        failed |= not good
        label = " ".join([name, *options])
        result: dict[str, Any] = {"case": label, "seconds": wall, "cpu_seconds": processor}
        result |= {"MiB": mebibytes, "runs": runs, "wanted_seconds": wanted_seconds}
        rows.append(
            [
                label,
                f"{wall:.2f}",
                f"{processor:.2f}",
                f"{mebibytes:.0f}",
                f"{wanted_seconds:g} s, {wanted_mebibytes:g} MiB",
                "yes" if good else "NO",
            ]
        )
        if parsed.phases:
            result["phases"] = _one_phase_run(name, options)
            shown = sorted(result["phases"].items(), key=lambda entry: -entry[1])
            print_table(label, ["phase", "s"], [(n, f"{s:.3f}") for n, s in shown if s > 0.005])
        if parsed.profile:
            result["hot"] = hot_spots(name, options)
            spots = [(n, f"{own:.3f}", f"{total:.3f}", c) for n, own, total, c in result["hot"]]
            print_table(f"{label}: own time", ["function", "own s", "total s", "calls"], spots)
        results.append(result)
    columns = ["case", "wall s", "cpu s", "MiB", "wanted", "met"]
    load = os.getloadavg()[0]
    print_table(f"qcc compile, median of {parsed.runs} cold runs, load {load:.1f}", columns, rows)
    save_results("compile_time", results)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

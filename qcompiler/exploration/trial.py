"""What one trial does, in a process and a folder of its own.

The program is `python -m qcompiler.exploration.trial FOLDER`. The folder holds `task.json` and the
task's `files/`. At the end, it holds `outcome.json`, and what the trial made. Whoever started the
process holds the other end of its standard input: when that is closed, the starter is dead, and so
is this trial, with all that it started.
"""

import gc
import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from qcompiler.exploration.process_tree import kill_marked, limit_memory
from qcompiler.exploration.tasks import (
    DONE,
    FAILED,
    OUT_OF_MEMORY,
    OUT_OF_TIME,
    REFUSED,
    Limits,
    Task,
)

TASK, OUTCOME, FILES, OUTPUT, DESIGN = "task.json", "outcome.json", "files", "output.onnx", "design"
DEVICES = "devices"
"""Below `FILES`: device files of the user's folder, which are known by their names."""


def main(folder: Path) -> int:
    """Runs the trial in a folder; returns the exit status."""
    threading.Thread(target=_end_with_starter, daemon=True).start()
    data = json.loads((folder / TASK).read_text(encoding="utf-8"))
    limits = Limits(**data["limits"])
    limit_memory(limits.memory_bytes)
    gc.disable()  # as qcc does: what a compilation makes lives to its end
    try:
        outcome = _outcome(Task.of(data["task"]), limits, folder)
    except MemoryError:
        outcome = {"state": OUT_OF_MEMORY, "log": "an array or list did not fit"}
    part = folder / f"{OUTCOME}.part"
    part.write_text(json.dumps(outcome), encoding="utf-8")
    part.replace(folder / OUTCOME)
    return 0


def _end_with_starter() -> None:
    """Ends this process and what it started when standard input is closed."""
    while os.read(0, 1):
        pass
    kill_marked()
    os._exit(1)


def _outcome(task: Task, limits: Limits, folder: Path) -> dict[str, Any]:
    """Returns state, and result or last words."""
    from qcompiler.analysis.validation import ValidationError
    from qcompiler.backends.simulators import SimulationError
    from qcompiler.backends.synthesis.tools import SynthesisError
    from qcompiler.errors import ModelError
    from qcompiler.faults import InternalError
    from qcompiler.plugins import load_plugin

    if wrong := _wrong_versions(task):
        return {"state": FAILED, "log": wrong}
    try:
        for name in task.spec.get("plugins", ()):
            load_plugin(folder / FILES / name)
        return {"state": DONE, "result": _KINDS[task.kind](task, limits, folder)}
    except ModelError as error:
        return {"state": OUT_OF_MEMORY if _is_starved(error) else REFUSED, "log": str(error)}
    except SynthesisError as error:
        state = {"time": OUT_OF_TIME, "memory": OUT_OF_MEMORY}.get(error.limit or "", FAILED)
        return {"state": state, "log": str(error)}
    except InternalError as error:
        return {"state": OUT_OF_MEMORY if _is_starved(error) else FAILED, "log": str(error)}
    except (SimulationError, ValidationError) as error:
        return {"state": FAILED, "log": str(error)}


def _is_starved(error: BaseException | None) -> bool:
    """Whether an error comes of a lack of memory, whatever it was turned into since."""
    while error is not None and not isinstance(error, MemoryError):
        error = error.__cause__ or error.__context__
    return error is not None


def _wrong_versions(task: Task) -> str:
    """Returns why this machine would give another result than the task asks for, else ""."""
    from qcompiler.exploration.versions import host_name, other_versions

    other = other_versions(task.spec["versions"], task.spec["steps"])
    if not other:
        return ""
    return (
        f"the machine {host_name()} has {'; '.join(other)}; install the same versions on all "
        "machines of the cluster"
    )


def _design(task: Task, limits: Limits, folder: Path) -> dict[str, Any]:
    from qcompiler.compiler import compile as compile_model

    spec = task.spec
    design = compile_model(spec["model"], inputs=spec["inputs"], **spec["options"])
    report = design.report()
    files = report.files()
    found: dict[str, Any] = {
        "estimate": files["estimate_network_performance.json"],
        "resources": files["estimate_layer_resources.json"]["total"],
    }
    further = [step for step in ("synth", "verify") if step in spec["steps"]]
    if "place" in spec["steps"]:
        further = ["synth", *(step for step in further if step == "verify")]
    if further:
        design.write(folder / DESIGN)
    if "synth" in further:
        found["synth"] = _synthesize(spec, limits, folder / DESIGN)
    if "verify" in further:
        found["verify"] = _verify(spec, folder / DESIGN)
    return found


def _synthesize(spec: Mapping[str, Any], limits: Limits, directory: Path) -> dict[str, Any]:
    from qcompiler.backends.synthesis import tools
    from qcompiler.backends.synthesis.flow import Request, synthesize
    from qcompiler.backends.written import device_of

    request = Request(
        device_of(directory),
        place="place" in spec["steps"],
        dsp=not spec.get("no-dsp", False),
        seed=spec.get("seed", 1),
        limits=tools.Limits(limits.seconds, limits.memory_bytes),
    )
    found = synthesize(directory, request, _tell).as_dict()
    kept = "device", "capacity", "total", "estimate", "fits", "seconds", "mhz", "digest"
    timing = found["timing"]
    return {
        **{name: found[name] for name in kept},
        "fmax_mhz": None if timing is None else timing["fmax_mhz"],
    }


def _verify(spec: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    from qcompiler.backends.verification import verify

    found = verify(directory, vectors=spec.get("vectors", 100), progress=_tell).as_dict()
    return {name: found[name] for name in ("passed", "runs", "first_differences", "simulator")}


def _quantize(task: Task, limits: Limits, folder: Path) -> dict[str, Any]:
    from qcompiler.quantization import quantize

    spec = task.spec
    result = quantize(spec["model"], spec["data"], _tell, **spec["settings"])
    result.write(folder / OUTPUT)
    return {"format": result.format}


def _accuracy(task: Task, limits: Limits, folder: Path) -> dict[str, Any]:
    """Returns how a compiled network does on data: what `qcc evaluate` says of the design."""
    from qcompiler.compiler import compile as compile_model
    from qcompiler.quantization import evaluate

    spec = task.spec
    options = {name: spec["options"][name] for name in ("numerics",) if name in spec["options"]}
    design = compile_model(spec["model"], inputs=spec["inputs"], **options)
    design.write(folder / DESIGN)
    score = evaluate([folder / DESIGN], spec["data"], progress=_tell)
    return {"accuracy": score.scores[0].accuracy, "frames": score.frames}


_KINDS: Mapping[str, Callable[[Task, Limits, Path], dict[str, Any]]] = {
    "design": _design,
    "quantize": _quantize,
    "accuracy": _accuracy,
}


def _tell(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.chdir(Path(sys.argv[1]) / FILES)
    sys.exit(main(Path(sys.argv[1])))

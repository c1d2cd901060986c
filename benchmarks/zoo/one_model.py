"""Measures one model, in a process of its own: `python -m benchmarks.zoo.one_model NAME RESULT`.

RESULT is written anew after each step, so that what was found stays when the process is killed.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from benchmarks.zoo import front_end, references, rtl
from benchmarks.zoo.models import Model, all_models
from benchmarks.zoo.prepare import Prepared, prepare
from benchmarks.zoo.runtimes import element_types
from benchmarks.zoo.vectors import random_batch
from benchmarks.zoo.verdict import groups
from qcompiler import compile as compile_model
from qcompiler.design import Design
from qcompiler.dialects.attributes import shape_of
from qcompiler.errors import ModelError
from qcompiler.interpreters import functions

_MEMORY_BYTES = 12 << 30
VECTORS = 100


class Recorder:
    """The result so far, and the file that keeps it."""

    def __init__(self, path: Path, data: dict[str, Any]):
        self.path, self.data = path, data

    def step(self, name: str) -> None:
        """Says what is done next."""
        self.data["step"] = name
        self.save()

    def save(self) -> None:
        """Writes the file, whole or not at all."""
        temporary = self.path.with_suffix(".part")
        temporary.write_text(json.dumps(self.data, indent=1) + "\n", encoding="utf-8")
        temporary.replace(self.path)


def measure(model: Model, record: Recorder, with_rtl: bool) -> None:
    """Fills in the result of a model."""
    data = record.data
    with tempfile.TemporaryDirectory(prefix="qcompiler-zoo-") as folder:
        record.step("prepare")
        prepared = prepare(model, Path(folder))
        data["inputs"], data["notes"] = prepared.inputs, prepared.notes
        record.step("compile")
        design = _compile(prepared, data)
        types = element_types(prepared.path, prepared.names)
        if design is not None:
            prepared.shapes = [
                (1, *shape[1:]) if shape_of(argument.type)[:1] == (1,) else shape
                for argument, shape in zip(
                    functions(design.level("qint"))["head"].args, prepared.shapes, strict=True
                )
            ]
        data["comparisons"] = []
        if design is None:
            record.step("front end")
            data["comparisons"] += [c.as_json() for c in front_end.compare(prepared, types)]
            return
        record.step("random inputs")
        batch = random_batch(design, prepared, VECTORS, types)
        for found in references.all_comparisons(design, prepared, model, batch, types, record.step):
            data["comparisons"].append(found.as_json())
            record.save()
        if all(c["differ"] for c in groups(data).get("onnxruntime", [{"differ": 0}])):
            record.step("first difference")
            data["first_difference"] = front_end.first_difference(prepared, batch)
        if with_rtl:
            record.step("rtl")
            _simulate(design, prepared, batch, record)


def _compile(prepared: Prepared, data: dict[str, Any], **options: Any) -> Design | None:
    """Compiles down to Verilog; None if the model is refused, which `data` says."""
    start = time.perf_counter()
    try:
        design = compile_model(prepared.path, inputs=prepared.inputs, **options)
        data["verilog_lines"] = sum(text.count("\n") for text in design.verilog.files.values())
    except ModelError as error:
        data["status"] = "refused"
        data["problems"] = [[p.where, p.what, p.remedy] for p in error.problems]
        return None
    data["status"] = "compiled"
    data["compile_seconds"] = round(time.perf_counter() - start, 2)
    data["default_cycles"] = data["predicted_cycles"] = design.timing.cycles_per_frame
    data["multipliers"] = rtl.multipliers(design)
    return design


def _simulate(design: Design, prepared: Prepared, batch: Any, record: Recorder) -> None:
    data = record.data
    found = rtl.Rtl()
    data["rtl"] = found.as_json()
    default = design.timing.cycles_per_frame
    if default > rtl.MOST_CYCLES:
        faster = _compile(prepared, data, cycles=rtl.MOST_CYCLES)
        if faster is None:
            data["status"] = "compiled"
            data["rtl"]["reason"] = f"refused with --cycles {rtl.MOST_CYCLES}"
            return
        design = faster
        data["default_cycles"], data["folding"] = default, f"--cycles {rtl.MOST_CYCLES}"

    def save() -> None:
        data["rtl"] = found.as_json()
        record.save()

    rtl.simulate(design, batch, found, save)
    save()


def main() -> int:
    """Measures the model named; whatever goes wrong is in the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("result", type=Path)
    parser.add_argument("--no-rtl", action="store_true")
    parsed = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    model = next(m for m in all_models() if m.name == parsed.name)
    record = Recorder(parsed.result, {"model": model.name, "status": "started"})
    try:
        measure(model, record, with_rtl=not parsed.no_rtl)
    except MemoryError:
        record.data["crash"] = f"more than {_MEMORY_BYTES >> 30} GiB of memory"
        record.data["traceback"] = traceback.format_exc()
    except Exception as error:  # whatever it is, it is a result
        record.data["crash"] = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        record.data["traceback"] = traceback.format_exc()
    else:
        record.data["step"] = "end"
    record.save()
    return 0


if __name__ == "__main__":
    sys.exit(main())

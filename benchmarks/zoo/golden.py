"""Reads the golden vectors beside a model, in the six ways in which their sources wrote them.

`NAME.io.npz` (onnx_node: in0.. out0..; tract: names), `NAME.inputs.npz` with `NAME.outputs.npz`
(deeploy), and `NAME.vectors.npz`: in0_K.. out0_K.. of runtimes; x with y_RUNTIME (mlperf_tiny);
x with y_final_golden and outN or ort_out_N (dory).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qcompiler.dialects.attributes import Array

OF_RUNTIME = "golden of a runtime"
"""Not from the model's source, but made with the executor that INDEX.md names."""


@dataclass(frozen=True)
class Golden:
    """One set of inputs with the outputs that some sources give for them.

    Attributes:
        inputs: per graph input one array as the file has it: of the input's shape, or with more in
            its open first axis, or with one axis more in front.
        outputs: per source, one array for each output, batched in the same way.
    """

    inputs: tuple[Array, ...]
    outputs: Mapping[str, tuple[Array, ...]]


def load(stem: Path, inputs: Sequence[str], outputs: Sequence[str]) -> list[Golden]:
    """Returns the golden sets of a model, whose inputs and outputs have these names."""
    io, vectors = stem.with_name(f"{stem.name}.io.npz"), stem.with_name(f"{stem.name}.vectors.npz")
    given = stem.with_name(f"{stem.name}.inputs.npz")
    if given.exists():
        made = stem.with_name(f"{stem.name}.outputs.npz")
        return [Golden(_in_order(given, inputs), {"golden": _in_order(made, outputs)})]
    if io.exists():
        data = dict(np.load(io))
        if "in0" in data:
            return [Golden(_numbered(data, "in"), {"golden": _numbered(data, "out")})]
        makes = tuple(data[name] for name in outputs)
        return [Golden(tuple(data[name] for name in inputs), {"golden": makes})]
    if not vectors.exists():
        return []
    data = dict(np.load(vectors))
    if "x" not in data:
        count = sum(name.startswith("in0_") for name in data)
        return [
            Golden(_numbered(data, "in", f"_{k}"), {OF_RUNTIME: _numbered(data, "out", f"_{k}")})
            for k in range(count)
        ]
    return [Golden((data["x"],), _of_runtimes(data, len(outputs)))]


def _in_order(path: Path, names: Sequence[str]) -> tuple[Array, ...]:
    """Returns the arrays of a file by name where it has these names, else in its own order."""
    data = dict(np.load(path))
    return tuple(data[n] for n in names) if set(names) <= set(data) else tuple(data.values())


def _numbered(data: Mapping[str, Array], prefix: str, suffix: str = "") -> tuple[Array, ...]:
    found: list[Array] = []
    while f"{prefix}{len(found)}{suffix}" in data:
        found.append(data[f"{prefix}{len(found)}{suffix}"])
    return tuple(found)


def _of_runtimes(data: Mapping[str, Array], count: int) -> dict[str, tuple[Array, ...]]:
    found: dict[str, tuple[Array, ...]] = {}
    for name, array in data.items():
        if name == "y_final_golden":  # one number per output, or all of one output
            found["golden"] = tuple(np.split(array, count)) if count > 1 else (array,)
        elif name.startswith("y_"):
            found[f"golden {name.removeprefix('y_')}"] = (array,)
    for prefix, label in (("out", "golden onnxruntime"), ("ort_out_", "golden onnxruntime")):
        arrays = _numbered(data, prefix)
        if arrays:
            found[label] = arrays
    return found

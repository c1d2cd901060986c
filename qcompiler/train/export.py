"""Writes a model as QONNX: scale 1 everywhere, so that every tensor holds the integers."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import get_args
from warnings import warn

import numpy as np
import onnx
from torch import nn

from qcompiler.errors import ModelError, Problem
from qcompiler.train.boundary import Input
from qcompiler.train.graph import Graph, Step, trace
from qcompiler.train.layer import Fixed
from qcompiler.train.model import name_layers
from qcompiler.train.onnx_graph import FLOAT32_INTEGERS, Format, OnnxGraph


def export(model: nn.Module, path: str | Path, form: Format = "qonnx") -> Path:
    """Writes a model as QONNX or QDQ, which `qcc compile` takes as it is; returns the path.

    Real numbers are the integers themselves; a requantizer is a factor, a summand and a quantizer
    that rounds down, exact in float32 while sums stay below 2**24. A warning says where they do
    not: hardware is exact there too, but a runtime that computes in float32 may not be.

    Args:
        model: made of layers of integers.
        path: of the file.
        form: `qonnx`, or `qdq` with QuantizeLinear and DequantizeLinear of 8 bits, cut to fewer.

    Raises:
        ModelError: a module has no integers, or the shape of an input is not known; all of them. Or
            the file cannot be written.
        ValueError: there is no such form.
    """
    if form not in get_args(Format):
        raise ValueError(f"form must be one of {', '.join(get_args(Format))}, got {form!r}")
    name_layers(model)
    graph = trace(model)
    shapes = _input_shapes(graph)
    made = OnnxGraph(form)
    tensors = dict(zip(graph.inputs, (made.input(name) for name in graph.inputs), strict=True))
    values: dict[str, Fixed] = {}
    reach: dict[str, float] = {}
    for name, shape in shapes.items():
        values[name] = Fixed(np.zeros((1, *shape), np.int64))
        reach[name] = 0.0
        made.shapes[tensors[name]] = (1, *shape)
    for step in graph.steps:
        taken = [tensors[name] for name in step.inputs]
        made.label = _label(step)
        tensors[step.name] = tensor = step.layer.write(made, *taken)
        values[step.name] = value = step.fixed([values[name] for name in step.inputs])
        made.shapes[tensor], made.fractions[tensor] = value.codes.shape, value.fraction
        reach[step.name] = step.layer.reach(*(reach[name] for name in step.inputs))
        if reach[step.name] * 2.0**value.fraction > FLOAT32_INTEGERS:
            made.notes.append(f"{step.layer.where()}: its numbers have more than 24 bits")
    if made.notes:
        warn("float32 may not compute this model exactly: " + "; ".join(made.notes), stacklevel=2)
    return _write(made.model(type(model).__name__, tensors[graph.output]), Path(path))


def _label(step: Step) -> str:
    """Returns the module's path; with its kind where that is only a number."""
    last = step.label.rpartition(".")[2]
    return f"{step.label}_{step.layer.kind.lower()}" if last.isdigit() else step.label


def _input_shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    """Returns the shape of each input, without the batch axis.

    Raises:
        ModelError: an input goes elsewhere than into an `Input`, or its shape is not known.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    problems: list[Problem] = []
    for name in graph.inputs:
        takers = [step for step in graph.steps if name in step.inputs]
        for step in takers:
            if isinstance(step.layer, Input):
                shapes[name] = step.layer.input_shape()
            else:
                what = "takes the model's input, which are real numbers"
                remedy = "put a train.Input before it"
                problems.append(Problem(step.where(), what, remedy))
        if not takers:
            problems.append(Problem(name, "this input is not used", "leave it out of forward"))
    if problems:
        raise ModelError(problems)
    return shapes


def shapes_of(graph: Graph) -> dict[str, tuple[int, ...]]:
    """Returns the shape of what each step makes, with a batch of one, by its name.

    Raises:
        ModelError: as `export`.
    """
    found: dict[str, tuple[int, ...]] = {}

    def visit(step: Step, values: Sequence[Fixed]) -> Fixed:
        made = step.fixed(values)
        found[step.name] = made.codes.shape
        return made

    given = _input_shapes(graph).items()
    graph.run(visit, {name: Fixed(np.zeros((1, *shape), np.int64)) for name, shape in given})
    return found


def _write(model: onnx.ModelProto, path: Path) -> Path:
    """Writes a file, whole or not at all.

    Raises:
        ModelError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(model.SerializeToString())
        part.replace(path)
    except OSError as error:
        what = f"cannot be written: {error.strerror or error}"
        raise ModelError([Problem(str(path), what, "name another place")]) from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return path

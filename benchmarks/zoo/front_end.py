"""Looks into the nn level: of models that are refused later, and where codes begin to differ."""

from collections.abc import Iterator

import numpy as np
import onnx
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from benchmarks.zoo import runtimes
from benchmarks.zoo.agreement import Agreement, for_each
from benchmarks.zoo.prepare import Prepared
from benchmarks.zoo.vectors import Batch, NotOnGrid, golden_batch
from qcompiler.compiler import Options, import_model
from qcompiler.dialects import qint
from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError
from qcompiler.frontends.onnx import parse_input_option
from qcompiler.interpreters import run_model
from qcompiler.provenance.sources import source_node

_TOLERANCE = 1e-5
"""Of the largest magnitude, where outputs are reals."""


def imported(prepared: Prepared) -> ModuleOp:
    """Returns the model at the nn level.

    Raises:
        ModelError: the front end refuses it.
    """
    specs = dict(parse_input_option(f"{n}={text}") for n, text in prepared.inputs.items())
    return import_model(prepared.path, Options(inputs=specs))


def compare(prepared: Prepared, types: list[type]) -> Iterator[Agreement]:
    """Yields comparisons of the nn level with golden data; none if the front end refuses."""
    try:
        module = imported(prepared)
    except ModelError:
        return
    for one in prepared.golden:
        try:
            batch = golden_batch(prepared, one.inputs, types)
        except NotOnGrid as error:
            yield Agreement("front end, golden", "front end", reason=str(error))
            continue
        ours = for_each(run_model(module, batch.given), batch.count)
        for name, theirs in one.outputs.items():
            yield _outputs(f"front end, {name}", ours, theirs, batch.count)


def _outputs(
    label: str, ours: tuple[Array, ...], theirs: tuple[Array, ...], count: int
) -> Agreement:
    found = Agreement(label, "front end", vectors=count)
    for index, (mine, other) in enumerate(zip(ours, theirs, strict=False)):
        if mine.size != other.size:
            found.reason = f"output {index} has {other.size} elements there, {mine.size} here"
            return found
        other = other.reshape(mine.shape)
        if mine.dtype.kind == "f":
            found.kind = "reals"
        allowed = _TOLERANCE * float(np.abs(other).max()) if mine.dtype.kind == "f" else 0.0
        wrong = ~(np.abs(other.astype(np.float64) - mine) <= allowed)
        found.compared += mine.size
        found.differ += int(wrong.sum())
        if wrong.any() and not found.notes:
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            found.notes = f"output {index} at {list(at)}: {mine[at]:g} here, {other[at]:g} there"
    return found


def first_difference(prepared: Prepared, batch: Batch) -> str:
    """Returns the first quantizer whose codes differ between the nn level and onnxruntime, plain.

    Raises:
        NotRunnable: onnxruntime does not run the model.
    """
    codes: dict[str, Array] = {}

    def keep(op: Operation, results: tuple[Array, ...]) -> None:
        if isinstance(op, qint.QuantizeOp):
            codes[source_node(op) or ""] = results[0]

    run_model(imported(prepared), batch.given, keep)
    model = onnx.load(prepared.runtime_path)
    names = {n.output[0]: n.name or n.output[0] for n in model.graph.node}
    wanted = [output for output, name in names.items() if name in codes]
    present = {o.name for o in model.graph.output}
    shown = [output for output in wanted if output not in present]
    model.graph.output.extend(onnx.ValueInfoProto(name=output) for output in shown)
    session = runtimes.session(model.SerializeToString(), optimised=False, precise=False)
    values = dict(
        zip(
            (o.name for o in session.get_outputs()),
            runtimes.run(session, prepared.names, batch),
            strict=True,
        )
    )
    for output in wanted:
        mine, theirs = codes[names[output]], values[output]
        if mine.size != theirs.size or theirs.dtype.kind not in "iu":
            continue
        wrong = theirs.reshape(mine.shape) != mine
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            there = theirs.reshape(mine.shape)[at]
            return (
                f"{names[output]}: {int(wrong.sum())} of {wrong.size} codes differ, "
                f"at {list(at)} {mine[at]} here, {there} there"
            )
    return f"none of {len(wanted)} quantizers at the nn level: a pass, or a fused kernel"

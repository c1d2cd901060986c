"""Everything that a design's outputs are compared with: golden data, onnxruntime, qonnx."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import onnx

from benchmarks import reference
from benchmarks.zoo import agreement, runtimes
from benchmarks.zoo.agreement import Agreement, Outputs
from benchmarks.zoo.integer_kernels import integer_kernels
from benchmarks.zoo.models import Model
from benchmarks.zoo.prepare import Prepared
from benchmarks.zoo.vectors import Batch, NotOnGrid, golden_batch
from qcompiler.design import Design
from qcompiler.dialects.attributes import Array
from qcompiler.interpreters import run_model

_QONNX_OPERATIONS = ("Quant", "IntQuant", "BipolarQuant", "Trunc")
_QONNX_INTEGERS = 6_000_000
"""Ten times the most input elements that qonnx's executor gets at once."""

INTEGER_KERNELS = {
    "onnxruntime integer kernels": False,
    "onnxruntime integer kernels, exact averages": True,
}
"""The rewritten models, and whether averages are rewritten, too."""

Step = Callable[[str], None]


def all_comparisons(
    design: Design, prepared: Prepared, model: Model, batch: Batch, types: list[type], step: Step
) -> Iterator[Agreement]:
    """Yields each comparison as it is made, also those that were impossible, with the reason."""
    step("golden vectors")
    yield from _golden(design, prepared, model, types)
    operations = {n.op_type for n in onnx.load(prepared.path).graph.node}
    if operations & set(_QONNX_OPERATIONS):
        step("qonnx")
        part = _affordable(_with_golden(prepared, batch, types, first=True))
        yield from _qonnx(design, prepared, part)
        step("nn level")
        yield _nn_level(design, part)
        return
    step("onnxruntime")
    yield from _onnxruntime(design, prepared, _with_golden(prepared, batch, types))


def _golden(
    design: Design, prepared: Prepared, model: Model, types: list[type]
) -> Iterator[Agreement]:
    for index, one in enumerate(prepared.golden):
        label = f" {index}" if len(prepared.golden) > 1 else ""
        try:
            batch = golden_batch(prepared, one.inputs, types)
            ours = agreement.outputs_of(design, batch)
        except (NotOnGrid, ValueError) as error:
            yield Agreement(f"golden{label}", "golden", reason=str(error)[:160])
            continue
        for name, arrays in one.outputs.items():
            theirs = _batched(arrays, ours)
            if model.settings.golden_at == "core" and name == "golden":
                yield agreement.compare_core(f"{name}{label}", ours, theirs)
            else:
                yield agreement.compare(f"{name}{label}", "golden", design, ours, theirs)
    if prepared.unused:
        reason = f"{prepared.unused} more golden sets have other parameters"
        yield Agreement("golden, others", "golden", reason=reason)


def _with_golden(prepared: Prepared, batch: Batch, types: list[type], first: bool = False) -> Batch:
    """Returns the batch with the golden inputs added, where they are such as the design takes."""
    for one in prepared.golden:
        try:
            golden = golden_batch(prepared, one.inputs, types)
        except (NotOnGrid, ValueError):
            continue
        batch = golden.followed_by(batch) if first else batch.followed_by(golden)
    return batch


def _batched(arrays: tuple[Array, ...], ours: Outputs) -> tuple[Array, ...]:
    """Returns outputs with the batch axis of ours, where the sizes are the same."""
    return tuple(
        a.reshape(b.shape) if a.size == b.size else a
        for a, b in zip(arrays, ours.results, strict=False)
    )


def _onnxruntime(design: Design, prepared: Prepared, batch: Batch) -> Iterator[Agreement]:
    ours = agreement.outputs_of(design, batch)
    for name, optimised, precise in runtimes.CONFIGURATIONS:
        label = f"onnxruntime {name}"
        try:
            session = runtimes.session(prepared.runtime_path, optimised, precise)
            theirs = runtimes.run(session, prepared.names, batch)
        except runtimes.NotRunnable as error:
            yield Agreement(label, "onnxruntime", reason=str(error))
            continue
        yield agreement.compare(label, "onnxruntime", design, ours, theirs)
    yield from _integer_kernels(design, prepared, batch, ours)


def _integer_kernels(
    design: Design, prepared: Prepared, batch: Batch, ours: Outputs
) -> Iterator[Agreement]:
    """Compares with the kernels that do not saturate, if the model calls any of them."""
    model = onnx.load(prepared.runtime_path)
    before = 0
    for label, exact_averages in INTEGER_KERNELS.items():
        rewritten, count = integer_kernels(model, exact_averages)
        if count == before:
            continue
        before = count
        try:
            session = runtimes.session(rewritten.SerializeToString(), False, False)
            theirs = runtimes.run(session, prepared.names, batch)
        except runtimes.NotRunnable as error:
            yield Agreement(label, "onnxruntime", reason=str(error))
            continue
        yield agreement.compare(label, "onnxruntime", design, ours, theirs)


def _qonnx(design: Design, prepared: Prepared, batch: Batch) -> Iterator[Agreement]:
    """Compares the codes after every quantizer, explains noise (`reference`), and the results."""
    label = "qonnx, every code"
    given, reals = (_by_name(prepared, arrays) for arrays in (batch.given, batch.reals))
    try:
        found = reference.compare(design, prepared.path, given, reals)
    except Exception as error:  # the executor is not ours, and stops in many ways
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        yield Agreement(label, "qonnx", reason=reason)
        return
    yield Agreement(
        label,
        "qonnx",
        vectors=found.frames,
        compared=found.integers + found.outputs,
        differ=int(found.mismatches),
        noise=int(found.noise),
        notes="; ".join(found.notes[:2]),
    )
    yield Agreement(
        "qonnx, results",
        "results of qonnx",
        vectors=found.frames,
        compared=found.results,
        differ=found.wrong_results,
        kind="reals",
        reason="codes differ by float32 noise before" if found.noise else "",
    )


def _affordable(batch: Batch) -> Batch:
    """Returns fewer vectors of large inputs: the executor keeps every tensor of all vectors."""
    size = max(int(np.prod(a.shape[1:])) for a in batch.given)
    return batch.part(0, max(2, _QONNX_INTEGERS // size // 10))


def _nn_level(design: Design, batch: Batch) -> Agreement:
    """Compares with real arithmetic on the imported network, which qonnx's codes are those of.

    It ties the hardware to qonnx where results cannot be compared, as a code differs by noise.
    """
    ours = agreement.outputs_of(design, batch)
    theirs = [run_model(design.level("nn"), batch.part(k, k + 1).given) for k in range(batch.count)]
    joined = tuple(np.concatenate(column) for column in zip(*theirs, strict=True))
    return agreement.compare("nn level", "passes", design, ours, joined)


def _by_name(prepared: Prepared, arrays: tuple[Array, ...]) -> Mapping[str, Array]:
    return dict(zip(prepared.names, arrays, strict=True))

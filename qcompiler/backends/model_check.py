"""Compares a network with its model in another program's runtime, quantizer by quantizer.

At each quantizer, integers are computed from those that the runtime has before it, so that a
difference shows where it arises, and nowhere else. It is float noise if the exact real number lies
so close to the boundary between two codes that the runtime's roundings can take it across.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
from onnx import ModelProto, NodeProto
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from qcompiler.analysis.validation import random_integers
from qcompiler.arith.rounding import round_float, rounding_mode
from qcompiler.arith.softmax import undecided
from qcompiler.backends.compiled import CompiledDesign
from qcompiler.backends.runtimes import Runtime, inputs_of, runtime_of
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, element_of, shape_of
from qcompiler.errors import ModelError, Problem
from qcompiler.frontends.onnx.loader import load_model
from qcompiler.frontends.onnx.naming import source_name
from qcompiler.interpreters import functions, run_watched
from qcompiler.progress import Progress, silent
from qcompiler.provenance.bounds import bounds_of
from qcompiler.provenance.sources import source_node

Results: TypeAlias = tuple[Array, ...]

_NOISE_CODES, _NOISE_RELATIVE = 2.0**-10, 2.0**-20
"""How far from the boundary of two codes float noise may take a number: a thousandth of a code, and
for large codes 16 roundings of the number itself."""

_OUTPUT_TOLERANCE = 1e-5
"""Of the model's outputs, which are floats, relative to the largest: they are one integer times a
scale, computed in another order."""


@dataclass(frozen=True)
class Comparison:
    """What became of integers in two computations.

    Attributes:
        name: of the node that makes them.
        integers: that were compared.
        equal: in both.
        noise: that differ as float noise explains.
        other: that differ otherwise.
        farthest: in codes, of those that noise explains: from the boundary between both codes.
        undecided, rows: behind a softmax, codes that may differ in the hardware, as its bound does
            not decide them, and the rows that they are in.
        bound: that one: distance of the hardware to real softmax at most, in codes.
    """

    name: str
    integers: int
    equal: int
    noise: int = 0
    other: int = 0
    farthest: float = 0.0
    undecided: int = 0
    rows: int = 0
    bound: float = 0.0


@dataclass(frozen=True)
class ModelCheck:
    """What came of the comparison with a runtime.

    Attributes:
        runtime: which.
        frames: that were computed.
        quantizers: each on its own, from what the runtime has before it.
        outputs: of the whole: what the design makes of the inputs; a frame's differences count as
            noise if some quantizer's do, or a softmax does not decide a code of it, and none's are
            of another kind.
    """

    runtime: str
    frames: int
    quantizers: tuple[Comparison, ...]
    outputs: tuple[Comparison, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing differs but for noise."""
        return not any(c.other for c in (*self.quantizers, *self.outputs))

    def as_dict(self) -> dict[str, Any]:
        """Returns the result for a machine."""
        return {**asdict(self), "passed": self.passed}


def random_inputs(design: CompiledDesign, frames: int, seed: int) -> dict[str, Array]:
    """Returns inputs of a design's model by name, [frames, ...]: over the range of its quantizers.

    Raises:
        ModelError: the design was not made of a model.
    """
    rng = np.random.default_rng(seed)
    found: dict[str, Array] = {}
    arguments = functions(design.level("nn"))["main"].args
    for name, argument in zip(design.names("inputs"), arguments, strict=True):
        shape = (frames, *shape_of(argument.type))
        element = element_of(argument.type)
        users = (use.operation for use in argument.uses)
        first = next((op for op in users if isinstance(op, qint.QuantizeOp)), None)
        if isinstance(element, qint.IntType):
            found[name] = random_integers(element.range, shape, rng)
        elif first is None:
            found[name] = rng.standard_normal(shape).astype(np.float32)
        else:
            codes = random_integers(qint.range_of(first.result.type), shape, rng)
            inside = codes - _along(first, first.zero_point_array) + rng.uniform(-0.4, 0.4, shape)
            found[name] = (inside * _along(first, first.scale_array)).astype(np.float32)
    return found


def check_model(
    design: CompiledDesign,
    path: Path,
    inputs: Mapping[str, Array],
    progress: Progress = silent,
) -> ModelCheck:
    """Returns how a design compares with its model.

    Args:
        design: with its nn level.
        path: of the ONNX model.
        inputs: [frames, ...] of each of the model's inputs, by name.
        progress: told what goes on.

    Raises:
        ModelError: the model cannot be read, is not the design's, or its runtime is missing.
    """
    load_model(path)  # as the compiler reads it, which says what is wrong with the file
    model: ModelProto = onnx.load(path)  # pyright: ignore[reportUnknownMemberType] of a path's kind
    module = design.level("nn")
    nodes = {source_name(node): node for node in model.graph.node}
    quantizers = _quantizers(module, nodes, path)
    tensors = [nodes[name].output[0] for name in quantizers.values()]
    runtime = runtime_of(model, tensors)
    frames = len(next(iter(inputs.values())))
    ends = [output.name for output in model.graph.output]
    found = _run(runtime, model, inputs, {*tensors, *ends}, progress)
    progress("comparing quantizers")
    codes = {op: _codes(op, found[nodes[name].output[0]]) for op, name in quantizers.items()}
    arguments = [inputs[name] for name in design.names("inputs")]
    forced = _Forced(codes, frames, {**bounds_of(design.level("last"))})
    run_watched(module, "main", arguments, forced.note_ours)
    run_watched(module, "main", arguments, forced.note_exact, exact=True)
    compared = [forced.compared(op, name) for op, name in quantizers.items() if op in forced.ours]
    made = design.predict(arguments)
    outputs = [
        _compared_output(name, found[name], array, forced)
        for name, array in zip(ends, made if isinstance(made, tuple) else (made,), strict=True)
    ]
    return ModelCheck(runtime.name, frames, tuple(compared), tuple(outputs))


def _quantizers(
    module: ModuleOp, nodes: Mapping[str, NodeProto], path: Path
) -> dict[qint.QuantizeOp, str]:
    """Returns the quantizers of activations, and the nodes whose output they make."""
    found: dict[qint.QuantizeOp, str] = {}
    for op in functions(module)["main"].body.block.ops:
        if isinstance(op, qint.QuantizeOp) and (name := source_node(op)) is not None:
            if name not in nodes:
                what = f"has no node {name}, which the design was made of"
                raise ModelError([Problem(str(path), what, "give the model of this design")])
            found[op] = name
    names = list(found.values())
    return {op: name for op, name in found.items() if names.count(name) == 1}


def _run(
    runtime: Runtime,
    model: ModelProto,
    inputs: Mapping[str, Array],
    names: set[str],
    progress: Progress,
) -> dict[str, Array]:
    """Returns tensors of all frames, [frames, elements]."""
    kinds = inputs_of(model)
    missing = sorted(kinds.keys() ^ inputs.keys())
    if missing:
        what = f"and the design do not have the same inputs: {', '.join(missing)}"
        raise ModelError([Problem("model", what, "give the model of this design")])
    frames = len(next(iter(inputs.values())))
    found: dict[str, list[Array]] = {name: [] for name in names}
    for frame in range(frames):
        progress(f"{runtime.name}: {frame + 1} of {frames} frames")
        feeds = {
            name: inputs[name][frame].reshape(shape).astype(kind)
            for name, (shape, kind) in kinds.items()
        }
        made = runtime.run(feeds)
        for name in names:
            found[name].append(np.asarray(made[name]).reshape(-1))
    return {name: np.stack(rows) for name, rows in found.items()}


def _codes(op: qint.QuantizeOp, values: Array) -> Array:
    """Returns the integers in what a runtime has behind a quantizer, [frames, elements]."""
    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    shaped = values.astype(np.float64).reshape(len(values), *shape_of(op.result.type))
    scale, zero = (_along(op, p) for p in (op.scale_array, op.zero_point_array))
    return np.rint(shaped / scale + zero).astype(np.int64).reshape(len(values), -1)


def _along(op: qint.QuantizeOp, parameter: Array) -> Array:
    """Returns a parameter in a shape that broadcasts to a batch of what is quantized."""
    shape = [1] * len(shape_of(op.result.type))
    if op.channel_axis is not None:
        shape[op.channel_axis] = parameter.size
    return parameter.reshape(shape)


class _Forced:
    """Computes each quantizer from the integers that the runtime has before it.

    Args:
        codes: of the runtime, [frames, elements], per quantizer.
        frames: how many there are.
        bounds: of the softmax functions in hardware, in codes, by node.

    Attributes:
        ours: what we make there.
        noisy, wrong: whether a frame has differences of noise, or of another kind.
    """

    def __init__(
        self,
        codes: Mapping[qint.QuantizeOp, Array],
        frames: int,
        bounds: Mapping[str | None, Fraction],
    ):
        self._codes, self._bounds = codes, bounds
        self.ours: dict[Operation, Array] = {}
        self._exact: dict[Operation, Array] = {}
        self.noisy = np.zeros(frames, bool)
        self.wrong = np.zeros(frames, bool)

    def note_ours(self, op: Operation, given: Results, made: Results) -> Results:
        """Notes what our numerics make, and goes on with what the runtime has."""
        codes = self._fitting(op, made)
        if codes is None:
            return made
        self.ours[op] = made[0].reshape(codes.shape)
        return (codes.reshape(made[0].shape),)

    def note_exact(self, op: Operation, given: Results, made: Results) -> Results:
        """Notes the real number that is rounded, and goes on with what the runtime has."""
        codes = self._fitting(op, made)
        if codes is None:
            return made
        assert isinstance(op, qint.QuantizeOp), "there are codes of no other"
        real = given[0].astype(np.float64) / _along(op, op.scale_array)
        if op.zero_point_after_rounding is None:
            real = real + _along(op, op.zero_point_array)
        self._exact[op] = np.broadcast_to(real, made[0].shape).reshape(codes.shape)
        return (codes.reshape(made[0].shape),)

    def _fitting(self, op: Operation, made: Results) -> Array | None:
        """Returns what the runtime has behind a quantizer; None where it cannot be compared."""
        codes = self._codes.get(op) if isinstance(op, qint.QuantizeOp) else None
        if codes is None or codes.size != made[0].size or len(made[0]) != len(codes):
            return None
        range_ = qint.range_of(op.results[0].type)
        inside = codes.size and range_.lo <= codes.min() <= codes.max() <= range_.hi
        return codes if inside else None

    def compared(self, op: qint.QuantizeOp, name: str) -> Comparison:
        """Returns what became of the integers of a quantizer."""
        codes, ours = self._codes[op], self.ours[op]
        differ = codes != ours
        mode, range_ = rounding_mode(op.rounding.data), qint.range_of(op.result.type)
        after = op.zero_point_after_rounding is not None
        zero = np.broadcast_to(
            _along(op, op.zero_point_array) if after else 0, shape_of(op.result.type)
        ).reshape(-1)
        frames, places = np.nonzero(differ)
        real, theirs = self._exact[op][differ], codes[differ]
        reach = _NOISE_CODES + np.abs(real) * _NOISE_RELATIVE
        noise = np.zeros(len(real), bool)
        for moved in (real - reach, real + reach):
            code = np.clip(round_float(moved, mode) + zero[places], range_.lo, range_.hi)
            noise |= code == theirs
        self.noisy[frames[noise]] = True
        self.wrong[frames[~noise]] = True
        boundary = np.floor(real) + 0.5 if "half" in mode else np.rint(real)
        farthest = float(np.abs(real - boundary)[noise].max(initial=0))
        count = int(noise.sum())
        equal = codes.size - len(real)
        counts = codes.size, equal, count, len(real) - count, farthest
        return Comparison(name, *counts, *self._near_borders(op))

    def _near_borders(self, op: qint.QuantizeOp) -> tuple[int, int, float]:
        """Returns how many codes a softmax does not decide, in how many rows, and its bound."""
        softmax = op.input.owner
        if not isinstance(softmax, nn.SoftmaxOp):
            return 0, 0, 0.0
        bound = self._bounds.get(source_node(softmax))
        if bound is None:  # the driver computes it
            return 0, 0, 0.0
        exact = self._exact[op]
        near = undecided(exact, bound).reshape(len(exact), *shape_of(op.result.type))
        self.noisy |= near.reshape(len(exact), -1).any(axis=1)
        rows = near.any(axis=1 + softmax.axis.value.data)
        return int(near.sum()), int(rows.sum()), float(bound)


def _compared_output(name: str, theirs: Array, ours: Array, forced: _Forced) -> Comparison:
    """Returns what became of an output of the model, which the design makes of the inputs."""
    wanted, made = theirs.astype(np.float64), ours.reshape(theirs.shape).astype(np.float64)
    span = float(np.abs(wanted).max(initial=0))
    differ = np.abs(wanted - made) > _OUTPUT_TOLERANCE * span
    if theirs.dtype.kind in "iu":
        differ = wanted != made
    explained = differ & (forced.noisy & ~forced.wrong)[:, None]
    count, noise = int(differ.sum()), int(explained.sum())
    return Comparison(name, differ.size, differ.size - count, noise, count - noise)

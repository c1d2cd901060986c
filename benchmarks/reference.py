"""Compares integers with qonnx's executor, and explains each that differs or reports it.

qonnx computes in float32. After each quantizer its tensors stand for integers: value / scale. Our
network at the nn level is replayed in float64, operation by operation, on the same inputs. Where
the executor's integer differs from the exact one, the exact value before rounding must lie as close
to the point where the rounding changes as float32 can err on the way there (a bound from the
magnitudes of the operands: the analysis of Higham, Accuracy and Stability, section 3.1). Then it
counts as noise of the reference, and the replay goes on with the executor's integer, so that all
that follows is compared again exactly. Any other difference is a mismatch. No tolerance is used.
"""

import argparse
import sys
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import onnx
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.change_batchsize import ChangeBatchSize
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter
from xdsl.ir import Operation, SSAValue

from benchmarks.common import ZOO, ZooModel, model_inputs, print_table, save_results
from qcompiler import compile as compile_model
from qcompiler.design import Design
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.interpreters import functions, numpy_ops
from qcompiler.interpreters.nn import NNFunctions
from qcompiler.interpreters.qint import QintFunctions
from qcompiler.provenance.sources import source_node

_UNIT = 2.0**-24
"""Relative error of one float32 operation."""
_OPERATIONS = 16
"""More than the float32 operations on one value between two quantizers, dot products apart."""


def executed(path: Path, inputs: Mapping[str, Array]) -> tuple[dict[str, Array], onnx.GraphProto]:
    """Returns every tensor that qonnx's executor computes on a batch of inputs, and its graph.

    Args:
        path: the model, whose batch size must be one.
        inputs: float32 by name, shape [batch, ...] with the model's own batch axis replaced.
    """
    make_model = onnx.helper.make_model

    def old_enough(*arguments: Any, **options: Any) -> onnx.ModelProto:
        # onnx 1.23 writes an IR version that onnxruntime 1.31 does not read yet.
        model = make_model(*arguments, **options)
        model.ir_version = min(model.ir_version, 10)
        return model

    count = len(next(iter(inputs.values())))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # qonnx renames FINN's old domains
        model = ModelWrapper(str(path))
    model.model.ir_version = max(model.model.ir_version, 4)
    constants = {i.name for i in model.graph.initializer}
    real_inputs = [i for i in model.graph.input if i.name not in constants]
    del model.graph.input[:]  # constants as inputs would get a new batch size
    model.graph.input.extend(real_inputs)
    _inline_constants(model)
    model = model.transform(ChangeBatchSize(count))
    _infer_shapes(model)
    with warnings.catch_warnings(), patch.object(onnx.helper, "make_model", old_enough):
        # Shapes that onnx could not infer are guessed by qonnx; the values do not depend on them.
        warnings.simplefilter("ignore")
        context = execute_onnx(model, dict(inputs), return_full_exec_context=True)
    return {name: np.asarray(value) for name, value in context.items()}, model.graph


def _inline_constants(model: ModelWrapper) -> None:
    """Makes initializers of Constant nodes, which ChangeBatchSize takes for activations."""
    for node in [n for n in model.graph.node if n.op_type == "Constant"]:
        array = onnx.numpy_helper.to_array(node.attribute[0].t)
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, node.output[0]))
        model.graph.node.remove(node)


def _infer_shapes(model: ModelWrapper) -> None:
    """Fills in all shapes: qonnx's own inference does not follow Shape -> Concat -> Reshape."""
    quantizers = [n for n in model.graph.node if "Quant" in n.op_type]
    saved = [(n.op_type, n.domain, list(n.input), list(n.attribute)) for n in quantizers]
    for n in quantizers:  # onnx knows no Quant, but it has the shape of its input
        n.op_type, n.domain = "Identity", ""
        del n.input[1:], n.attribute[:]
    inferred = onnx.shape_inference.infer_shapes(model.model, data_prop=True, strict_mode=True)
    for n, (op_type, domain, inputs, attributes) in zip(quantizers, saved, strict=True):
        n.op_type, n.domain = op_type, domain
        del n.input[:]
        n.input.extend(inputs)
        n.attribute.extend(attributes)
    del model.graph.value_info[:]
    model.graph.value_info.extend(inferred.graph.value_info)
    known = {v.name for v in model.graph.value_info}
    model.graph.value_info.extend(  # the executor looks for the types of constants here
        onnx.helper.make_tensor_value_info(i.name, i.data_type, i.dims)
        for i in model.graph.initializer
        if i.name not in known
    )


@dataclass
class Comparison:
    """What the comparison found.

    Attributes:
        frames: compared.
        integers: codes compared after quantizers of activations, all frames.
        outputs: integers compared where the hardware's results come out.
        noise: codes that differ, each explained by float32.
        noise_outputs: outputs of the hardware that differ because of them.
        mismatches: integers that differ without such an explanation.
        largest_tie_distance: of all explained, in steps of their quantizer.
        largest_offset: how far the reference's last tensor lies from whole integers at most.
        largest_error: of the model's final outputs, relative to their largest magnitude.
        results: numbers of the model's final outputs.
        wrong_results: of them, those that differ by more than 1e-5 of the largest magnitude.
        notes: the first differences, in words.
    """

    frames: int = 0
    integers: int = 0
    outputs: int = 0
    noise: int = 0
    noise_outputs: int = 0
    mismatches: int = 0
    largest_tie_distance: float = 0.0
    largest_offset: float = 0.0
    largest_error: float = 0.0
    results: int = 0
    wrong_results: int = 0
    notes: list[str] = field(default_factory=list[str])

    def note(self, text: str) -> None:
        """Keeps the first few."""
        if len(self.notes) < 8:
            self.notes.append(text)


class Replay:
    """Runs @main at the nn level in float64, with the reference's tensors beside it.

    Attributes:
        found: what the comparison of each quantizer's codes found.
    """

    def __init__(self, module: ModuleOp, tensors: Mapping[str, Array], graph: onnx.GraphProto):
        """Prepares a network at the nn level; a module of exact numerics for single operations."""
        self.interpreter = Interpreter(module)
        for implementation in (NNFunctions(np.float64), QintFunctions(np.float64)):
            self.interpreter.register_implementations(implementation)
        self.main = functions(module)["main"]
        self.tensors = tensors
        self.outputs = {_name(node): node.output[0] for node in graph.node}
        self.values: dict[SSAValue, Array] = {}
        self.magnitudes: dict[SSAValue, Array] = {}
        self.terms: dict[SSAValue, int] = {}
        self.found = Comparison()

    def run(self, inputs: list[Array]) -> None:
        """Replays a batch."""
        for argument, array in zip(self.main.args, inputs, strict=True):
            self._keep(argument, array, np.abs(array), 0)
        for op in self.main.body.block.ops:
            if isinstance(op, func.ReturnOp):
                return
            args = tuple(self.values[operand] for operand in op.operands)
            (value,) = self.interpreter.run_op(op, args)
            if isinstance(op, qint.QuantizeOp):
                value = self._compare(op, value)
            terms = max((self.terms[operand] for operand in op.operands), default=0)
            terms += _terms(op)
            self._keep(op.results[0], value, self._magnitude(op, args, value), terms)

    def _keep(self, result: SSAValue, value: Array, magnitude: Array, terms: int) -> None:
        self.values[result], self.magnitudes[result], self.terms[result] = value, magnitude, terms

    def _magnitude(self, op: Operation, args: tuple[Array, ...], value: Array) -> Array:
        """Returns the sum of magnitudes of the terms that `value` is a sum of."""
        sizes = [self.magnitudes[operand] for operand in op.operands]
        match op:
            case nn.AddOp() | nn.SubOp():
                rank = len(shape_of(op.result.type))
                lhs, rhs = (numpy_ops.align(size, rank) for size in sizes)
                return lhs + rhs
            case nn.MulOp() | nn.MatMulOp() | nn.ConvOp():
                (result,) = self.interpreter.run_op(op, tuple(sizes))
                return result
            case nn.DivOp():
                (result,) = self.interpreter.run_op(op, (sizes[0], np.abs(args[1])))
                return result
            case nn.BatchNormOp():
                _, scale, bias, mean, variance = args
                shape = (1, 1, -1, *(1,) * (value.ndim - 3))
                deviation = np.sqrt(variance + op.epsilon.value.data)
                gain = np.abs(scale / deviation).reshape(shape)
                return (sizes[0] + np.abs(mean).reshape(shape)) * gain + np.abs(bias).reshape(shape)
            case nn.ReluOp():
                return sizes[0]
            case nn.ConcatOp():
                (result,) = self.interpreter.run_op(op, tuple(sizes))
                return result
            case (
                nn.ReshapeOp()
                | nn.TransposeOp()
                | nn.MaxPoolOp()
                | nn.AveragePoolOp()
                | nn.DepthToSpaceOp()
                | nn.SliceOp()
                | nn.ResizeNearestOp()
            ):
                (result,) = self.interpreter.run_op(op, (sizes[0],))
                return result
            case _:
                return np.abs(value)

    def _reference_codes(self, op: qint.QuantizeOp, shape: tuple[int, ...]) -> Array | None:
        """Returns the codes that the reference's tensor after this quantizer stands for."""
        tensor = self.tensors.get(self.outputs.get(source_node(op) or "", ""))
        if tensor is None:
            return None
        user = next(use.operation for use in op.result.uses)
        multiplier, offset = np.ones(1), np.zeros(1)
        if isinstance(user, qint.AffineOp):
            multiplier, offset = user.multiplier_array, user.offset_array
            user = next(use.operation for use in user.result.uses)
        assert isinstance(user, qint.DequantizeOp)
        codes = _integers(tensor.reshape(shape), user)
        ndim, axis = len(shape), user.channel_axis
        unshifted = codes - numpy_ops.per_channel(offset, ndim, axis)
        return np.rint(unshifted / numpy_ops.per_channel(multiplier, ndim, axis)).astype(np.int64)

    def _compare(self, op: qint.QuantizeOp, codes: Array) -> Array:
        """Compares a quantizer's codes and returns the reference's."""
        reference = self._reference_codes(op, codes.shape)
        activation = codes.shape[0] > 1
        if reference is None:
            self.found.note(f"{source_node(op)}: the reference has no such tensor")
            self.found.mismatches += 1
            return codes
        self.found.integers += codes.size if activation else 0
        if np.array_equal(reference, codes):
            return codes
        scale = numpy_ops.per_channel(
            op.scale_array.astype(np.float64), codes.ndim, op.channel_axis
        )
        zero = numpy_ops.per_channel(op.zero_point_array, codes.ndim, op.channel_axis)
        exact = self.values[op.input] / scale + zero
        magnitude = self.magnitudes[op.input] / scale + np.abs(zero)
        bound = (self.terms[op.input] + _OPERATIONS) * _UNIT * magnitude
        for index in map(tuple, np.argwhere(reference != codes)):
            self._explain(op, exact[index], bound[index], int(codes[index]), int(reference[index]))
        return reference

    def _explain(
        self, op: qint.QuantizeOp, exact: float, bound: float, code: int, reference: int
    ) -> None:
        between = (code + reference) / 2  # the two codes meet at a half for rounding to nearest,
        if not op.rounding.data.startswith("half"):
            between = np.rint(exact)  # and at an integer for all others
        distance = abs(exact - between)
        explained = abs(code - reference) == 1 and distance <= bound
        self.found.noise += explained
        self.found.mismatches += not explained
        if explained:
            self.found.largest_tie_distance = max(self.found.largest_tie_distance, float(distance))
        self.found.note(
            f"{source_node(op)}: {code} exact, {reference} in the reference; before rounding "
            f"{exact:.9g}, {distance:.3g} from the switch point, float32 resolves {bound:.3g}"
            f"{'' if explained else ': MISMATCH'}"
        )


def _terms(op: Operation) -> int:
    """Returns how many products the reference adds up for one element of an operation."""
    if isinstance(op, nn.MatMulOp):
        return shape_of(op.lhs.type)[-1]
    if isinstance(op, nn.ConvOp):
        return int(np.prod(shape_of(op.weights.type)[1:]))
    if isinstance(op, nn.AveragePoolOp):
        return int(np.prod(op.kernel_shape))
    return 0


def _name(node: onnx.NodeProto) -> str:
    return node.name


def _integers(tensor: Array, op: qint.DequantizeOp) -> Array:
    """Returns the (not yet rounded) integers that a float tensor stands for at a dequantize."""
    scale = numpy_ops.per_channel(op.scale_array.astype(np.float64), tensor.ndim, op.channel_axis)
    zero = numpy_ops.per_channel(op.zero_point_array, tensor.ndim, op.channel_axis)
    return tensor.astype(np.float64) / scale + zero


def compare(
    design: Design, path: Path, given: Mapping[str, Array], reals: Mapping[str, Array]
) -> Comparison:
    """Compares a design with qonnx's executor on a batch.

    Args:
        design: compiled from `path` with exact numerics.
        path: the ONNX model.
        given: inputs as `Design.predict` takes them, shape [batch, *model input shape].
        reals: the same as float32, as the model takes them.
    """
    count = len(next(iter(given.values())))
    fed = {n: a.reshape(count, *a.shape[2:]) for n, a in reals.items()}
    tensors, graph = executed(path, fed)
    replay = Replay(design.level("nn"), tensors, graph)
    replay.run([_argument(given[name]) for name in design.names("inputs")])
    found = replay.found
    found.frames = count
    core = design.core(design.quantize(given))
    _compare_last(design, core, replay)
    got = design.dequantize(core)
    for name, ours in zip(design.names("outputs"), got, strict=True):
        theirs = tensors[name].reshape(ours.shape).astype(np.float64)
        error = np.abs(ours - theirs) / max(1e-30, np.abs(theirs).max())
        found.largest_error = max(found.largest_error, float(error.max()))
        found.results += error.size
        found.wrong_results += int((~(error <= 1e-5)).sum())
    return found


def _argument(array: Array) -> Array:
    return array.astype(np.float64) if array.dtype.kind == "f" else array.astype(np.int64)


def _compare_last(design: Design, core: tuple[Array, ...], replay: Replay) -> None:
    """Compares the hardware's outputs with the reference's tensor at the same place."""
    tail, found = functions(design.level("qint"))["tail"], replay.found
    values: dict[SSAValue, Array] = dict(zip(tail.args, core, strict=True))
    for op in tail.body.block.ops:
        if isinstance(op, qint.AffineOp):
            values[op.result] = numpy_ops.affine(
                values[op.input], op.multiplier_array, op.offset_array, op.channel_axis
            )
        if isinstance(op, qint.ReshapeOp | qint.TransposeOp):
            (values[op.results[0]],) = replay.interpreter.run_op(op, (values[op.operands[0]],))
        if not isinstance(op, qint.DequantizeOp):
            continue
        if op.input not in values:
            continue  # behind a quantizer of the host, whose codes were compared already
        ours = values[op.input]
        node = source_node(op) or ""
        tensor = replay.tensors.get(replay.outputs.get(node, ""))
        if tensor is None or tensor.size != ours.size:
            found.note(f"{node}: the reference has no tensor at the hardware's output")
            found.mismatches += 1
            continue
        found_here = _replayed(replay, node)
        added = np.zeros(ours.shape) if found_here is None else found_here[1]
        theirs = _integers((tensor - added.reshape(-1, *tensor.shape[1:])).reshape(ours.shape), op)
        found.largest_offset = max(
            found.largest_offset, float(np.abs(theirs - np.rint(theirs)).max())
        )
        found.outputs += ours.size
        found.noise_outputs += int((np.rint(theirs) != ours).sum())
        # With the reference's codes put in, what is left must be equal without exception.
        if found_here is None:
            found.mismatches += int((np.rint(theirs) != ours).sum())
            continue
        redone = np.rint(_integers(found_here[0].reshape(ours.shape), op))
        wrong = int((redone != np.rint(theirs)).sum())
        undisturbed = ~(redone != ours).reshape(len(ours), -1).any(axis=1)
        found.mismatches += wrong
        if wrong:
            found.note(f"{node}: {wrong} integers at the hardware's output differ: MISMATCH")
        if not found.noise and not undisturbed.all():
            found.mismatches += int((~undisturbed).sum())
            found.note(f"{node}: core and nn level differ in {int((~undisturbed).sum())} frames")


def _replayed(replay: Replay, node: str) -> tuple[Array, Array] | None:
    """Returns the replay's matrix product at a node of the model, and what the node adds to it.

    A Gemm adds its bias, which is the host's when the model ends there.
    """
    ops = [op for op in replay.main.body.block.ops if source_node(op) == node]
    if not ops:
        return None
    last = replay.values[ops[-1].results[0]]
    products = [op for op in ops if isinstance(op, nn.MatMulOp | nn.ConvOp)]
    product = replay.values[products[-1].result] if products else last
    if product.shape[1:] != last.shape[1:]:
        return last, np.zeros_like(last)
    return product, last - product


def compare_zoo(model: ZooModel, design: Design, count: int, seed: int = 0) -> Comparison:
    """Compares a design of a zoo model on random inputs."""
    given = model_inputs(design, count, np.random.default_rng(seed))
    reals = {n: model.reals(n, a) if n in model.inputs else a for n, a in given.items()}
    return compare(design, model.path, given, reals)


def main() -> int:
    """Compares all models of the zoo; exit status 1 if an integer differs without explanation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--models", nargs="*", default=[m.name for m in ZOO])
    parser.add_argument("--seed", type=int, default=0)
    parsed = parser.parse_args()
    rows, results = [], {}
    for model in ZOO:
        if model.name not in parsed.models:
            continue
        design = compile_model(model.path, inputs=model.inputs)
        found = compare_zoo(model, design, parsed.frames, parsed.seed)
        results[model.name] = asdict(found)
        rows.append(
            [
                model.name,
                found.frames,
                found.integers,
                found.outputs,
                found.mismatches,
                found.noise,
                found.noise_outputs,
                f"{found.largest_tie_distance:.2g}",
                f"{found.largest_offset:.2g}",
                f"{found.largest_error:.2g}",
            ]
        )
        for line in found.notes:
            print(f"{model.name}: {line}")
    columns = [
        "model",
        "frames",
        "codes",
        "outputs",
        "mismatches",
        "float32 noise",
        "outputs it reaches",
        "largest distance to a tie",
        "offset of outputs",
        "relative error of results",
    ]
    print_table("Integers against qonnx's executor", columns, rows)
    save_results("reference", results)
    return int(any(r["mismatches"] for r in results.values()))


if __name__ == "__main__":
    sys.exit(main())

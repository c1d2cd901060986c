"""Makes a model compilable as it stands: parameters that are graph inputs become constants.

One-operation tests hand over everything as inputs: scales, zero points, weights. The copy has them
as initializers, with the golden values, and open extents fixed to the golden shapes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from benchmarks.zoo.golden import Golden, load
from benchmarks.zoo.models import Model
from qcompiler.dialects.attributes import Array

_DATA_INPUTS: dict[str, tuple[int, ...]] = {
    "Attention": (0, 1, 2),
    "GridSample": (0, 1),
    "DeformConv": (0, 2, 4),
    "QLinearAdd": (0, 3),
    "RequantShift": (0,),
}
_ONE_DATA_INPUT = (
    "BitShift", "Conv", "ConvInteger", "ConvTranspose", "DequantizeLinear", "MatMulInteger",
    "QLinearConv", "QLinearMatMul", "QuantizeLinear", "Resize", "TopK",
)  # fmt: skip
"""Operations whose other operands are parameters in practice."""
_FLOAT_CONSUMERS = ("QuantizeLinear", "DynamicQuantizeLinear", "Quant", "BipolarQuant")


@dataclass
class Prepared:
    """A model ready to compile.

    Attributes:
        path: the file, or the copy.
        runtime_path: the same with operator domains that runtimes know.
        inputs: `--input` by name.
        names: of the graph's inputs that are left.
        shapes: of each of them, as the compiler takes it: an open first axis is one.
        open_batch: per input, whether its first axis is open.
        outputs: names.
        golden: sets, with those inputs only.
        notes: what was changed, in words.
        unused: golden sets left out, as their parameters are others.
    """

    path: Path
    runtime_path: Path
    inputs: dict[str, str]
    names: list[str] = field(default_factory=list[str])
    shapes: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])
    open_batch: list[bool] = field(default_factory=list[bool])
    outputs: list[str] = field(default_factory=list[str])
    golden: list[Golden] = field(default_factory=list[Golden])
    notes: list[str] = field(default_factory=list[str])
    unused: int = 0


def prepare(model: Model, folder: Path) -> Prepared:
    """Returns the model to compile; a copy in `folder` where something had to change."""
    proto = onnx.load(model.path)
    graph = proto.graph
    constants = {i.name for i in graph.initializer}
    inputs = [i for i in graph.input if i.name not in constants]
    outputs = [o.name for o in graph.output]
    sets = load(model.golden_stem, [i.name for i in inputs], outputs)
    found = Prepared(model.path, model.path, dict(model.settings.inputs), outputs=outputs)
    frozen = [i for i in inputs if sets and _is_parameter(graph, i.name, model.settings.freeze)]
    if frozen:
        found.notes.append("constant: " + ", ".join(i.name for i in frozen))
    kept = [k for k, i in enumerate(inputs) if i not in frozen]
    _freeze(graph, inputs, frozen, sets)
    found.golden = [
        Golden(tuple(s.inputs[k] for k in kept), s.outputs)
        for s in sets
        if _same_parameters(s, sets[0], [k for k in range(len(inputs)) if k not in kept])
    ]
    found.unused = len(sets) - len(found.golden)
    found.golden = _stacked(found.golden)
    fixed = [_fix_shape(inputs[k], sets[0].inputs[k]) for k in kept] if sets else []
    if any(fixed):
        found.notes.append("open extents fixed")
    for k in kept:
        _describe(found, inputs[k])
        if sets and len(graph.node) == 1:
            _give_integers(found, graph, inputs[k], sets[0].inputs[k])
    if frozen or any(fixed):
        found.path = found.runtime_path = folder / model.path.name
        onnx.save(proto, found.path)
    if model.settings.domains:
        found.runtime_path = folder / f"{model.path.stem}.runtime.onnx"
        _set_domains(proto, model.settings.domains)
        onnx.save(proto, found.runtime_path)
    return found


def _set_domains(proto: onnx.ModelProto, domains: Mapping[str, str]) -> None:
    for node in proto.graph.node:
        node.domain = domains.get(node.op_type, node.domain)
    for domain in set(domains.values()) - {o.domain for o in proto.opset_import}:
        proto.opset_import.append(helper.make_opsetid(domain, 1))


def _is_parameter(graph: onnx.GraphProto, name: str, freeze: Sequence[str]) -> bool:
    if name in freeze:
        return True
    for node in graph.node:
        data = _DATA_INPUTS.get(node.op_type, (0,) if node.op_type in _ONE_DATA_INPUT else None)
        for index, operand in enumerate(node.input):
            if operand == name and (data is None or index in data):
                return False
    return True


def _freeze(
    graph: onnx.GraphProto,
    inputs: list[onnx.ValueInfoProto],
    frozen: list[onnx.ValueInfoProto],
    sets: list[Golden],
) -> None:
    for info in frozen:
        array = sets[0].inputs[inputs.index(info)]
        element = info.type.tensor_type.elem_type
        # Plain numbers stand for types that numpy lacks; make_tensor knows how to pack them.
        graph.initializer.append(
            helper.make_tensor(info.name, element, array.shape, array.ravel().tolist())
        )
        graph.input.remove(info)


def _same_parameters(one: Golden, other: Golden, parameters: list[int]) -> bool:
    return all(np.array_equal(one.inputs[k], other.inputs[k]) for k in parameters)


def _stacked(sets: list[Golden]) -> list[Golden]:
    """Makes one set of several that have the same shapes."""
    if len({tuple(a.shape for a in s.inputs) for s in sets}) != 1 or len(sets) < 2:
        return sets
    inputs = _stack([s.inputs for s in sets])
    outputs = {name: _stack([s.outputs[name] for s in sets]) for name in sets[0].outputs}
    return [Golden(inputs, outputs)]


def _stack(rows: Sequence[tuple[Array, ...]]) -> tuple[Array, ...]:
    return tuple(np.stack(column) for column in zip(*rows, strict=True))


def _fix_shape(info: onnx.ValueInfoProto, array: Array) -> bool:
    """Fixes open extents but the first, which is the batch."""
    dims = info.type.tensor_type.shape.dim
    changed = False
    for dim, extent in list(zip(dims, array.shape[-len(dims) :], strict=False))[1:]:
        if dim.dim_value <= 0:
            dim.dim_value, changed = extent, True
    return changed


def _describe(found: Prepared, info: onnx.ValueInfoProto) -> None:
    extents = [d.dim_value for d in info.type.tensor_type.shape.dim]
    found.names.append(info.name)
    found.open_batch.append(bool(extents) and extents[0] <= 0)
    found.shapes.append(tuple(max(1, extent) for extent in extents))


def _give_integers(
    found: Prepared, graph: onnx.GraphProto, info: onnx.ValueInfoProto, array: Array
) -> None:
    """Says which integers the floats of a one-operation test are, unless it quantizes them."""
    element = info.type.tensor_type.elem_type
    if info.name in found.inputs or element != TensorProto.FLOAT:
        return
    if graph.node[0].op_type in _FLOAT_CONSUMERS:
        return
    low, high = float(array.min()), float(array.max())
    sign, lowest, highest = ("", -128, 127) if low < 0 else ("u", 0, 255)
    if np.array_equal(array, np.rint(array)) and low >= lowest and high <= highest:
        found.inputs[info.name] = f"{sign}int8:1"
        return
    largest = max(abs(low), abs(high), 2.0**-20)
    exponent = int(np.ceil(np.log2(largest))) - (8 if sign else 7)
    found.inputs[info.name] = f"{sign}int8:{2.0**exponent:g}"

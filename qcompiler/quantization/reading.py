"""Reads float ONNX models as graphs."""

from collections.abc import Iterable, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue
from xdsl.utils.hints import isa

from qcompiler.dialects import nn
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.errors import ModelError, Problem
from qcompiler.frontends.onnx import import_onnx
from qcompiler.interpreters.host_calls import CALLS, host_call, real_function
from qcompiler.provenance.sources import source_node
from qcompiler.quantization.graph import Graph, Node
from qcompiler.quantization.onnx_writer import ROWS


def read_float_model(path: str | Path) -> Graph:
    """Returns the graph of a float ONNX model.

    Raises:
        ModelError: the file cannot be read, or holds what cannot be quantized; names all of it.
    """
    return graph_of(import_onnx(path, floats=True))


def graph_of(module: ModuleOp) -> Graph:
    """Returns the graph of an imported network.

    Raises:
        ModelError: it has quantizers already, or operations without a meaning here; names all.
    """
    main = next(op for op in module.ops if isinstance(op, FuncOp))
    block = main.body.block
    names, outputs = _strings(module, "nn.inputs"), _strings(module, "nn.outputs")
    walk = _Walk(names, outputs)
    for argument, name in zip(block.args, names, strict=True):
        walk.define(argument, name)
        walk.graph.inputs[name] = shape_of(argument.type)
    for op in block.ops:
        walk.add(op)
    if walk.quantized:
        count, first = len(walk.quantized), walk.quantized[0]
        what = f"is quantized already: {count} nodes are of integers, {first} the first"
        remedy = "compile it as it is, or give the float model"
        raise ModelError([Problem("model", what, remedy)])
    if walk.problems:
        raise ModelError(walk.problems)
    walk.graph.name = _string(module, "nn.name")
    merge_biases(walk.graph)
    return walk.graph


def _string(module: ModuleOp, name: str) -> str:
    found = module.attributes[name]
    assert isinstance(found, StringAttr)
    return found.data


def _strings(module: ModuleOp, name: str) -> list[str]:
    found = module.attributes[name]
    assert isa(found, ArrayAttr[StringAttr])
    return [entry.data for entry in found.data]


class _Walk:
    """Makes nodes of operations, constants of those without activations."""

    def __init__(self, inputs: Sequence[str], outputs: Sequence[str]):
        self.graph = Graph("", {}, list(outputs), [], {}, {})
        self.problems: list[Problem] = []
        self.quantized: list[str] = []
        self.names: dict[SSAValue, str] = {}
        self._reserved = {*inputs, *outputs}
        self._results: dict[SSAValue, str] = {}

    def define(self, value: SSAValue, name: str) -> None:
        """Gives a value its name."""
        self.names[value] = name
        self.graph.shapes[name] = shape_of(value.type)

    def add(self, op: Operation) -> None:
        """Adds an operation."""
        if isinstance(op, ReturnOp):
            self._end(op)
            return
        if isinstance(op, nn.ConstantOp):
            self._constant(op.result, op.array.astype(np.float32), source_node(op) or "constant")
            return
        where = source_node(op) or op.name
        found = _kind_and_attributes(op)
        if found is None or found[0] not in ROWS:
            if op.name.startswith("qint."):
                self.quantized.append(where)
            else:
                what = f"{op.name} cannot be quantized"
                self.problems.append(Problem(where, what, "end the model before it"))
            self.names.update(dict.fromkeys(op.results, where))
            return
        inputs = [self.names[operand] for operand in op.operands]
        if all(name in self.graph.constants for name in inputs):
            self._constant(op.results[0], self._folded(op, inputs), where)
            return
        name = self._free(where)
        self.define(op.results[0], name)
        self.graph.nodes.append(Node(found[0], where, inputs, name, found[1]))

    def _folded(self, op: Operation, inputs: Iterable[str]) -> Array:
        arrays = [self.graph.constants[name][None].astype(np.float64) for name in inputs]
        if isinstance(op, nn.Binary):
            found = np.asarray(real_function(op)(*arrays, *op.parameters))
        else:
            found = host_call(op).run(*arrays)
        return found[0].astype(np.float32)

    def _constant(self, value: SSAValue, array: Array, name: str) -> None:
        name = self._free(name)
        self.names[value] = name
        self.graph.constants[name] = array

    def _free(self, wanted: str) -> str:
        name = self.graph.free_name(wanted)
        return name if name not in self._reserved else self.graph.free_name(f"{wanted}_value")

    def _end(self, op: ReturnOp) -> None:
        """Gives the values that are returned the model's names of outputs."""
        graph = self.graph
        for operand, name in zip(op.operands, graph.outputs, strict=True):
            value = self.names[operand]
            maker = graph.maker(value)
            if maker is None or value in graph.outputs:
                what = "is an input, a constant, or another output, too"
                remedy = "leave this output out of the model"
                self.problems.append(Problem(f"{name} (output)", what, remedy))
                continue
            for node in graph.nodes:
                node.inputs = [name if i == value else i for i in node.inputs]
            maker.output = name
            graph.shapes[name] = graph.shapes.pop(value)
            self.names = {v: name if n == value else n for v, n in self.names.items()}


def _kind_and_attributes(op: Operation) -> tuple[str, dict[str, Any]] | None:
    """Returns the kind of an operation and the keywords of its function; None if it has none."""
    if isinstance(op, nn.Unary | nn.Binary):
        names = list(signature(real_function(op)).parameters) if op.parameters else []
        more = names[len(op.operands) :]
        return op.function, dict(zip(more, op.parameters, strict=True))
    if isinstance(op, nn.BatchNormOp):
        return "batch_norm", {"epsilon": float(op.epsilon.value.data)}
    if not op.name.startswith("nn.") or type(op) not in CALLS:
        return None
    return op.name.removeprefix("nn."), dict(host_call(op).static)


def merge_biases(graph: Graph) -> None:
    """Makes constants that are added to a layer's output, one a channel, the layer's bias."""
    for node in list(graph.nodes):
        if node.kind != "add" or len(graph.activations(node)) != 1:
            continue
        (value,) = graph.activations(node)
        layer = graph.maker(value)
        if layer is None or not graph.is_layer(layer) or len(layer.inputs) > 2:
            continue
        if len(graph.users(value)) > 1 or value in graph.outputs:
            continue
        (constant,) = [name for name in node.inputs if name in graph.constants]
        bias = per_channel(graph.constants[constant], graph.shapes[value], layer.kind == "matmul")
        if bias is None:
            continue
        graph.set_bias(layer, graph.bias(layer) + bias)
        node.inputs = [value]
        graph.bypass(node)


def per_channel(constant: Array, shape: Sequence[int], last: bool) -> Array | None:
    """Returns a constant that broadcasts to `shape` as one number a channel; None if it is not so.

    Args:
        constant: it varies along no axis but that of channels.
        shape: of an activation.
        last: whether channels are its last axis, or its second.
    """
    axis = len(shape) - 1 if last else 1
    aligned = constant.reshape((1,) * (len(shape) - constant.ndim) + constant.shape)
    if any(extent > 1 for place, extent in enumerate(aligned.shape) if place != axis):
        return None
    return np.broadcast_to(aligned.reshape(-1), (shape[axis],)).astype(np.float32)

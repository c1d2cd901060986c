"""Networks that are compared: a float model, a quantized one, a compiled one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr
from xdsl.ir import Operation
from xdsl.utils.hints import isa

from qcompiler.compiler import compile as compile_model
from qcompiler.design import Design, load
from qcompiler.dialects import nn
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.errors import ModelError, Problem
from qcompiler.frontends.onnx import import_onnx
from qcompiler.interpreters import functions, run_model
from qcompiler.provenance.sources import own_nodes
from qcompiler.quantization.batch_norm import fold_batch_norms
from qcompiler.quantization.graph import Graph
from qcompiler.quantization.reading import graph_of
from qcompiler.quantization.runtime import values

BATCH = 32
Feeds = Mapping[str, Array]


@dataclass
class Network:
    """One of the networks that are compared.

    Attributes:
        name: as it was given.
        kind: `float`, `quantized` or `compiled`.
        inputs: shapes of one frame by name, with the batch of one in front.
        run: returns the first output for frames, [frames, ...].
        layers: returns the outputs of layers by the names of their nodes.
    """

    name: str
    kind: str
    inputs: dict[str, tuple[int, ...]]
    run: Callable[[Feeds], Array] = field(repr=False)
    layers: Callable[[Feeds], dict[str, Array]] = field(repr=False, default=lambda feeds: {})


def open_networks(path: str | Path) -> list[Network]:
    """Returns the networks that a path stands for.

    Args:
        path: of a float model, which is one network; of a quantized model, which is two, itself and
            what it compiles to; or a design's directory.

    Raises:
        ModelError: it is none of them, or does not compile.
    """
    path = Path(path)
    if path.is_dir():
        return [_of_design(path.name, load(path))]
    module = import_onnx(path, floats=True)
    if not any(op.name.startswith("qint.") for op in module.walk()):
        return [_of_graph(path.name, graph_of(module))]
    name, design = path.name, compile_model(path)
    return [_of_module(name, module), _of_design(name, design)]


def _of_graph(name: str, graph: Graph) -> Network:
    folded = graph.copy()
    fold_batch_norms(folded)
    layers = {node.name: node.output for node in folded.layers()}

    def outputs_of_layers(feeds: Feeds) -> dict[str, Array]:
        found = values(folded, feeds, [*layers.values()])
        return {node: found[value] for node, value in layers.items()}

    def run(feeds: Feeds) -> Array:
        return values(graph, feeds, graph.outputs[:1])[graph.outputs[0]]

    return Network(name, "float", graph.inputs, run, outputs_of_layers)


def _inputs(module: ModuleOp) -> dict[str, tuple[int, ...]]:
    names = module.attributes["nn.inputs"]
    assert isa(names, ArrayAttr[StringAttr])
    arguments = functions(module)["main"].args
    pairs = zip(names.data, arguments, strict=True)
    return {name.data: shape_of(argument.type) for name, argument in pairs}


def _of_module(name: str, module: ModuleOp) -> Network:
    inputs = _inputs(module)

    def ran(feeds: Feeds, heard: dict[str, list[Array]] | None) -> list[Array]:
        def listen(op: Operation, results: tuple[Array, ...]) -> None:
            if heard is not None and (node := _layer_of(op)) is not None:
                found[node] = results[0][:, 0]

        parts: list[Array] = []
        count = min(len(feeds[i]) for i in inputs)
        for start in range(0, count, BATCH):
            found: dict[str, Array] = {}
            batch = [feeds[i][start : start + BATCH] for i in inputs]
            parts.append(np.asarray(run_model(module, batch, listen)[0]))
            for node, array in found.items():
                assert heard is not None
                heard.setdefault(node, []).append(array)
        return parts

    def run(feeds: Feeds) -> Array:
        return np.concatenate(ran(feeds, None))

    def layers(feeds: Feeds) -> dict[str, Array]:
        heard: dict[str, list[Array]] = {}
        ran(feeds, heard)
        return {node: np.concatenate(arrays) for node, arrays in heard.items()}

    return Network(name, "quantized", inputs, run, layers)


def _layer_of(op: Operation) -> str | None:
    """Returns the node of an operation that makes a layer's output: the product, then its bias."""
    kinds = nn.ConvOp | nn.ConvTransposeOp | nn.MatMulOp | nn.AddOp
    nodes = own_nodes(op) if isinstance(op, kinds) else ()
    return nodes[0] if nodes else None


def _of_design(name: str, design: Design) -> Network:
    inputs = _inputs(design.level("nn"))

    def run(feeds: Feeds) -> Array:
        count = min(len(feeds[i]) for i in inputs)
        parts: list[Array] = []
        for start in range(0, count, BATCH):
            batch = [feeds[i][start : start + BATCH][:, None] for i in inputs]
            made = design.predict(batch if len(batch) > 1 else batch[0])
            parts.append(np.asarray(made[0] if isinstance(made, tuple) else made))
        return np.concatenate(parts)

    return Network(name, "compiled", inputs, run)


def check_same_inputs(networks: list[Network]) -> None:
    """Raises ModelError if networks do not take the same data."""
    first = networks[0]
    problems = [
        Problem(other.name, f"takes {_listed(other)}, but {first.name} {_listed(first)}",
                "compare networks that take the same inputs")
        for other in networks
        if other.inputs != first.inputs
    ]  # fmt: skip
    if problems:
        raise ModelError(problems)


def _listed(network: Network) -> str:
    return ", ".join(f"{name} {list(shape[1:])}" for name, shape in network.inputs.items())

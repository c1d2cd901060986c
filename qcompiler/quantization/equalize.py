"""Balances the ranges of channels between layers: cross-layer equalization.

ReLU, pools and means commute with positive factors, so a channel may be divided by a number behind
one layer and multiplied by it in the next. Factors make the ranges of the channel's weights equal
in both, so that one large channel does not cost all others their resolution.

Source: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV
2019, section 4.1.
"""

from dataclasses import dataclass

import numpy as np

from qcompiler.dialects.attributes import Array
from qcompiler.quantization.batch_norm import scale_outputs
from qcompiler.quantization.graph import Graph, Node, output_axis

_COMMUTE = ("relu", "max_pool", "average_pool", "reduce_mean")
_ROUNDS = 20
_CLOSE = 1e-3


@dataclass(frozen=True)
class _Pair:
    """Layers of which the second alone reads the first; how many inputs there are of a channel."""

    first: Node
    second: Node
    repeat: int


def equalize(graph: Graph) -> int:
    """Balances all pairs of layers that can be; returns how many there are."""
    pairs = [pair for layer in graph.layers() if (pair := _pair(graph, layer)) is not None]
    for _ in range(_ROUNDS):
        moved = [_balance(graph, pair) for pair in pairs]
        if max(moved, default=0.0) < _CLOSE:
            break
    return len(pairs)


def _pair(graph: Graph, first: Node) -> _Pair | None:
    """Returns the pair that begins with a layer, if there is one."""
    value, repeat = first.output, 1
    if first.kind == "conv_transpose":
        return None
    while True:
        users = graph.users(value)
        if len(users) != 1 or value in graph.outputs:
            return None
        (node,) = users
        if graph.is_layer(node):
            return _Pair(first, node, repeat) if _fits(graph, first, node, repeat) else None
        if not _passes(graph, node):
            return None
        if node.kind == "reshape":
            before, after = graph.shapes[value], graph.shapes[node.output]
            repeat *= after[1] // before[1]
        value = node.output


def _passes(graph: Graph, node: Node) -> bool:
    """Whether a node leaves factors of channels where they are."""
    if node.kind == "reshape":
        before, after = graph.shapes[node.inputs[0]], graph.shapes[node.output]
        return len(after) == 2 and len(before) > 2 and before[0] == after[0]
    if node.kind == "reduce_mean":
        return not {0, 1}.intersection(node.attributes["axes"])
    return node.kind in _COMMUTE


def _fits(graph: Graph, first: Node, second: Node, repeat: int) -> bool:
    if second.kind == "conv_transpose" or second.inputs[0] in graph.constants:
        return False
    if second.kind == "matmul":
        one_axis = len(graph.shapes[second.output]) == 2
        return one_axis and graph.weights(second).ndim == 2
    return first.kind == "conv" and repeat == 1


def _inputs_first(graph: Graph, pair: _Pair) -> Array:
    """Returns the weights of the second layer as [channels, ...], a view in another order."""
    weights = graph.weights(pair.second)
    if pair.second.kind == "matmul":
        return weights.reshape(-1, pair.repeat * weights.shape[1])
    group = pair.second.attributes["group"]
    grouped = weights.reshape(group, -1, *weights.shape[1:])
    return np.moveaxis(grouped, 2, 1).reshape(group * weights.shape[1], -1)


def _scale_inputs(graph: Graph, pair: _Pair, factors: Array) -> None:
    weights, node = graph.weights(pair.second), pair.second
    if node.kind == "matmul":
        scaled = weights * np.repeat(factors, pair.repeat)[:, None]
    else:
        group = node.attributes["group"]
        grouped = weights.reshape(group, -1, *weights.shape[1:])
        shape = (group, 1, weights.shape[1], *(1,) * (weights.ndim - 2))
        scaled = (grouped * factors.reshape(shape)).reshape(weights.shape)
    name = graph.free_name(f"{node.output}_weights")
    node.inputs[1] = name
    graph.constants[name] = scaled.astype(np.float32)


def _balance(graph: Graph, pair: _Pair) -> float:
    """Balances a pair once; returns by how much a factor differs from one at most."""
    weights = graph.weights(pair.first)
    axis = output_axis(pair.first, weights)
    first = np.abs(np.moveaxis(weights, axis, 0)).reshape(weights.shape[axis], -1).max(axis=1)
    second = np.abs(_inputs_first(graph, pair)).max(axis=1)
    usable = (first > 0) & (second > 0)
    factors = np.ones(len(first))
    factors[usable] = np.sqrt(first[usable].astype(np.float64) / second[usable])
    scale_outputs(graph, pair.first, 1 / factors)
    graph.set_bias(pair.first, graph.bias(pair.first) / factors)
    _scale_inputs(graph, pair, factors)
    return float(np.abs(factors - 1).max())

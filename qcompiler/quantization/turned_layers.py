"""Puts layers into bases in which no weight stands out, and the turns into the network.

`y = W x + b` becomes `y = U (W' V (x / s)) + b`, where `V` and `U` are two small matrices
each, with elements moved between. They are layers like any other, with weights of eight bits, or
ones and minus ones. `1 / s` is part of the function in front of the quantizer; `V` and `1 / s` are
part of the layer before where nothing stands between.

Source: Chee et al., "QuIP", NeurIPS 2023, section 4.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from qcompiler.dialects.attributes import Array
from qcompiler.quantization.graph import Fixed, Graph, Node
from qcompiler.quantization.placement import Group, input_group
from qcompiler.quantization.quantizers import Quantizer
from qcompiler.quantization.rounding import rescaling
from qcompiler.quantization.runtime import each_batch
from qcompiler.quantization.turns import Turn

_NONE: Mapping[str, Any] = {}
TURN_BITS = 8
"""Least width of what is inside of turns, and of their weights where these are not 1 and -1."""
_EXACT_BITS = 16
"""Of integers between two factors of ones and minus ones; fewer are used, as the compiler finds."""
_LEAST = 4
"""Vectors that are shorter are not turned."""


def turn_layers(graph: Graph, feeds: Mapping[str, Array], seed: int, *, signs: bool = True) -> None:
    """Turns each convolution of one group, and each matrix, whose sides are long enough.

    Args:
        graph: batch norms folded; is changed, and computes the same.
        feeds: frames by input.
        seed: of the matrices.
        signs: whether factors that are powers of two are ones and minus ones.
    """
    random = np.random.default_rng(seed)
    turned = [layer for layer in graph.layers() if _is_turned(graph, layer)]
    squares = _mean_squares(graph, feeds, {layer.inputs[0]: layer.kind for layer in turned})
    done: set[str] = set()
    for layer in reversed(turned):  # what is before may take a turn over
        inputs, outputs = _sides(graph.weights(layer), layer)
        if inputs >= _LEAST:
            _turn_inputs(
                graph,
                layer,
                squares[layer.inputs[0]],
                Turn.random(inputs, random, signs=signs),
                done,
            )
        if outputs >= _LEAST and layer.output not in done:
            turn = Turn.random(outputs, random, signs=signs, after=True)
            _turn_outputs(graph, layer, turn)
        if max(inputs, outputs) >= _LEAST:
            layer.fixed = Fixed(least_bits=layer.fixed.least_bits, incoherent=True)


def keep_exact(graph: Graph, listed: Sequence[Group], activations: dict[Group, Quantizer]) -> None:
    """Gives what is between the factors of a turn of ones and minus ones all of its bits."""
    for group in listed:
        maker = graph.maker(group.values[0])
        if maker is None or not maker.fixed.exact:
            continue
        before = activations[input_group(graph, [*listed], maker)]
        if before.bits + len(graph.weights(maker)).bit_length() <= _EXACT_BITS:
            activations[group] = Quantizer(before.scale, _EXACT_BITS, signed=True)


def turned_value(graph: Graph, value: str, turn: Turn) -> str:
    """Adds nodes that turn a value along its last axis at a graph's end; returns the result."""
    nodes = _Nodes(graph, value)
    end = nodes.turn(value, turn, "turn", channels_first=False)
    nodes.put(len(graph.nodes))
    return end


def _is_turned(graph: Graph, layer: Node) -> bool:
    shape, weights = graph.shapes[layer.inputs[0]], graph.weights(layer)
    if layer.kind == "matmul":
        return weights.ndim == 2 and len(shape) > 1 and shape[0] == 1
    return layer.kind == "conv" and layer.attributes["group"] == 1


def _sides(weights: Array, layer: Node) -> tuple[int, int]:
    """Returns how many inputs and outputs a layer has."""
    first, second = weights.shape[:2]
    return (first, second) if layer.kind == "matmul" else (second, first)


def _mean_squares(
    graph: Graph, feeds: Mapping[str, Array], kinds: Mapping[str, str]
) -> dict[str, Array]:
    """Returns the mean square of each channel of values, by name; `kinds` are of their readers."""
    sums: dict[str, Array] = {}
    for batch in each_batch(graph, feeds, [*kinds]):
        for name, kind in kinds.items():
            x = np.square(batch[name].astype(np.float64))
            axis = x.ndim - 1 if kind == "matmul" else 1
            found = x.sum(tuple(a for a in range(x.ndim) if a != axis))
            sums[name] = sums.get(name, 0.0) + found / len(batch[name])
    return sums


def _turn_inputs(graph: Graph, layer: Node, squares: Array, turn: Turn, done: set[str]) -> None:
    axis = 0 if layer.kind == "matmul" else 1
    weights = np.moveaxis(graph.weights(layer).astype(np.float64), axis, -1)
    scales = rescaling(squares, np.square(weights).reshape(-1, len(squares)).sum(0))
    scales = scales / np.exp(np.log(scales).mean())
    turned = turn.apply(weights * scales) / turn.gain**2
    _set_weights(graph, layer, np.moveaxis(turned, -1, axis))
    before = graph.maker(layer.inputs[0])
    if before is not None and _takes(graph, before, layer):
        _fold(graph, before, turn, scales)
        done.add(before.output)
        return
    value = layer.inputs[0]
    nodes = _Nodes(graph, layer.output)
    shape = _of_channels(graph.shapes[value], layer, scales)
    scaled = nodes.add("mul", "scaled", [value, nodes.constant("scales", 1 / shape)])
    scaled.fixed = Fixed(least_bits=TURN_BITS)
    layer.inputs[0] = nodes.turn(scaled.output, turn, "in", channels_first=layer.kind != "matmul")
    nodes.put(graph.nodes.index(layer))


def _takes(graph: Graph, before: Node, layer: Node) -> bool:
    """Whether a layer may take over what is done to its outputs."""
    if not graph.is_layer(before) or not _is_turned(graph, before):
        return False
    alone = len(graph.users(before.output)) == 1 and before.output not in graph.outputs
    return alone and before.kind == layer.kind


def _fold(graph: Graph, before: Node, turn: Turn, scales: Array) -> None:
    axis = 1 if before.kind == "matmul" else 0
    weights = np.moveaxis(graph.weights(before).astype(np.float64), axis, -1)
    _set_weights(graph, before, np.moveaxis(turn.apply(weights / scales), -1, axis))
    graph.set_bias(before, turn.apply(graph.bias(before) / scales))


def _turn_outputs(graph: Graph, layer: Node, turn: Turn) -> None:
    axis = 1 if layer.kind == "matmul" else 0
    weights = np.moveaxis(graph.weights(layer).astype(np.float64), axis, -1)
    _set_weights(graph, layer, np.moveaxis(weights @ turn.matrix() / turn.gain**2, -1, axis))
    bias, output = graph.bias(layer), layer.output
    shape, users, place = graph.shapes[output], graph.nodes.index(layer), layer.name
    del layer.inputs[2:]
    layer.output = graph.free_name(f"{output}_turned")
    layer.name = layer.output
    layer.fixed = Fixed(least_bits=TURN_BITS)
    graph.shapes[layer.output] = shape
    nodes = _Nodes(graph, output)
    last = nodes.turn(layer.output, turn, "out", channels_first=layer.kind != "matmul")
    added = nodes.constant("turned_bias", _of_channels(shape, layer, bias))
    nodes.nodes.append(Node("add", place, [last, added], output))
    nodes.put(users + 1)


def _of_channels(shape: tuple[int, ...], layer: Node, numbers: Array) -> Array:
    """Returns one number a channel in a shape that broadcasts to `shape`."""
    axis = len(shape) - 1 if layer.kind == "matmul" else 1
    return numbers.reshape([-1 if place == axis else 1 for place in range(len(shape))])


def _set_weights(graph: Graph, layer: Node, weights: Array) -> None:
    """Gives a layer weights of its own."""
    if len(graph.users(layer.inputs[1])) > 1:
        layer.inputs[1] = graph.free_name(f"{layer.output}_weights")
    graph.constants[layer.inputs[1]] = weights.astype(np.float32)


class _Nodes:
    """Nodes that are put into a graph together."""

    def __init__(self, graph: Graph, stem: str):
        self.graph, self._stem = graph, stem
        self.nodes: list[Node] = []

    def constant(self, name: str, array: Array) -> str:
        """Adds a constant; returns its name."""
        found = self.graph.free_name(f"{self._stem}_{name}")
        self.graph.constants[found] = array.astype(np.float32)
        return found

    def add(
        self, kind: str, name: str, inputs: list[str], attributes: Mapping[str, Any] = _NONE,
        shape: tuple[int, ...] | None = None,
    ) -> Node:  # fmt: skip
        """Adds a node, by default of the shape of its first input; returns it."""
        output = self.graph.free_name(f"{self._stem}_{name}")
        self.graph.shapes[output] = shape if shape is not None else self.graph.shapes[inputs[0]]
        made = Node(kind, output, inputs, output, dict(attributes))
        self.nodes.append(made)
        return made

    def put(self, place: int) -> None:
        """Puts the nodes into the graph."""
        self.graph.nodes[place:place] = self.nodes

    def turn(self, value: str, turn: Turn, name: str, *, channels_first: bool) -> str:
        """Adds what turns a value along its axis of channels; returns the result."""
        shape = self.graph.shapes[value]
        p, q = len(turn.left), len(turn.right)
        order = [0, *range(2, len(shape)), 1] if channels_first else [*range(len(shape))]
        last = tuple(shape[axis] for axis in order)
        count = prod(last[1:-1])
        if channels_first:
            value = self._transposed(value, f"{name}_last", order)
        if q > 1:
            value = self._reshaped(value, f"{name}_pairs", (1, count, p, q))
            rows = self._product(value, f"{name}_rows", turn.right)
            rows.fixed = Fixed(_bits(turn.right), TURN_BITS, exact=_bits(turn.right) < TURN_BITS)
            value = self._transposed(rows.output, f"{name}_columns", [0, 1, 3, 2])
        made = self._product(
            value, f"{name}_product", turn.left if q > 1 else turn.left * turn.right
        )
        made.fixed = Fixed(_bits(turn.left))
        value = self._reshaped(made.output, f"{name}_flat", last)
        return (
            self._transposed(value, f"{name}_first", list(np.argsort(order)))
            if channels_first
            else value
        )

    def _product(self, value: str, name: str, matrix: Array) -> Node:
        return self.add("matmul", name, [value, self.constant(f"{name}_matrix", matrix)])

    def _reshaped(self, value: str, name: str, shape: tuple[int, ...]) -> str:
        if self.graph.shapes[value] == shape:
            return value
        return self.add("reshape", name, [value], {"shape": list(shape)}, shape).output

    def _transposed(self, value: str, name: str, order: list[int]) -> str:
        shape = tuple(self.graph.shapes[value][axis] for axis in order)
        more = {"permutation": [int(axis) for axis in order]}
        return self.add("transpose", name, [value], more, shape).output


def _bits(matrix: Array) -> int:
    """Returns the width of a factor's weights."""
    return 2 if set(np.unique(matrix)) <= {-1.0, 1.0} else TURN_BITS

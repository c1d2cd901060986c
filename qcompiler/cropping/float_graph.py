"""The channels of a float network from a file, and the network without some of them."""

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from qcompiler.cropping.groups import (
    Channels,
    Group,
    Kept,
    Span,
    Spans,
    Taker,
    elements,
    flattened,
    made_by_layer,
    strongest,
    tie,
    unknown,
    weights_left,
)
from qcompiler.cropping.widths import Widths
from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError, Problem
from qcompiler.quantization.graph import Graph, Node

_PASSING = frozenset((
    "relu", "clip", "leaky_relu", "gelu", "gelu_tanh", "hard_sigmoid", "hard_swish", "sqrt", "neg",
    "sigmoid", "tanh", "erf", "floor", "ceil", "round", "max_pool", "average_pool",
    "resize_nearest", "softmax", "log_softmax",
))  # fmt: skip
_MEETING = frozenset(("add", "sub", "mul", "div", "min", "max", "pow", "mul_add"))
_AXIS = 1


class _Reader:
    """Finds the spans of the channels of all values, axis 1 of each."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.spans: dict[str, Spans] = {}
        self.found = Channels()
        self.problems: list[Problem] = []
        for name, shape in graph.inputs.items():
            self.spans[name] = (Span(Group(shape[_AXIS] if len(shape) > 1 else 1, is_fixed=True)),)
        for node in graph.nodes:
            if all(name in self.spans for name in graph.activations(node)):
                self._node(node)
        for name in graph.outputs:
            for span in self.spans.get(name, ()):
                span.group.root().is_fixed = True

    def _node(self, node: Node) -> None:
        given = [self.spans[name] for name in self.graph.activations(node)]
        made = _ROWS[node.kind](self, node, given) if node.kind in _ROWS else None
        if made is None and node.kind in _PASSING and len(given) == 1:
            made = given[0]
        if made is None:
            self.problems.append(unknown(node.name, node.kind))
            return
        self.spans[node.output] = made

    def shape(self, name: str) -> tuple[int, ...]:
        """Returns the shape of a value."""
        return self.graph.shapes[name]

    def layer(self, node: Node, given: Sequence[Spans]) -> Spans | None:
        """Returns what a convolution or a dense layer makes."""
        graph = self.graph
        if not graph.is_layer(node) or (node.kind == "matmul" and len(self.shape(node.output)) > 2):
            return None
        weights, groups = graph.weights(node), int(node.attributes.get("group", 1))
        outputs = self.shape(node.output)[_AXIS]
        made = made_by_layer(given[0], outputs, groups)
        if made is not None:
            self.found.takers.append(Taker(node.output, given[0], made, weights.size, groups))
        return made

    def normalization(self, node: Node, given: Sequence[Spans]) -> Spans:
        """Returns what a batch normalization makes."""
        self.found.takers.append(Taker(node.output, given[0], given[0]))
        return given[0]

    def meeting(self, node: Node, given: Sequence[Spans]) -> Spans | None:
        """Returns what meets element by element, with constants of one number at most a channel."""
        constants = [self.graph.constants[n] for n in node.inputs if n in self.graph.constants]
        rank = len(self.shape(node.output))
        if any(c.size > 1 and not _is_per_channel(c, rank) for c in constants) or not tie(given):
            return None
        if any(c.size > 1 for c in constants):
            self.found.takers.append(Taker(node.output, given[0], given[0]))
        return given[0]

    def reshape(self, node: Node, given: Sequence[Spans]) -> Spans | None:
        """Returns the spans of a flattened value; of another shape, nothing is known."""
        before, after = self.shape(node.inputs[0]), self.shape(node.output)
        if len(after) == 2 and after[0] == before[0]:
            return flattened(given[0], prod(before[2:]))
        return given[0] if before[:2] == after[:2] else None

    def concat(self, node: Node, given: Sequence[Spans]) -> Spans | None:
        """Returns the spans of all inputs, one after the other."""
        axis = int(node.attributes["axis"]) % len(self.shape(node.output))
        if axis != _AXIS or len(given) < len(node.inputs):
            return None
        return [span for spans in given for span in spans]

    def spatial(self, node: Node, given: Sequence[Spans]) -> Spans | None:
        """Returns the spans of what changes only places."""
        before, after = self.shape(node.inputs[0]), self.shape(node.output)
        keeps = len(before) > 2 and before[:2] == after[:2]
        return given[0] if keeps or _drops_places(node, before) else None


def _drops_places(node: Node, before: Sequence[int]) -> bool:
    axes = node.attributes.get("axes", (0,))
    return all(int(axis) % len(before) > _AXIS for axis in axes)


def _is_per_channel(constant: Array, rank: int) -> bool:
    shape = (1,) * (rank - constant.ndim) + constant.shape
    return all(extent == 1 for axis, extent in enumerate(shape) if axis != _AXIS)


Row = Callable[[_Reader, Node, Sequence[Spans]], Spans | None]
_ROWS: dict[str, Row] = {
    "conv": _Reader.layer,
    "matmul": _Reader.layer,
    "batch_norm": _Reader.normalization,
    "reshape": _Reader.reshape,
    "concat": _Reader.concat,
    **dict.fromkeys(_MEETING, _Reader.meeting),
    **dict.fromkeys(("reduce_mean", "slice", "pad"), _Reader.spatial),
}


class FloatChannels:
    """A float network and its channels.

    Raises:
        ModelError: something has channels of which nothing is known; all such nodes.
    """

    def __init__(self, graph: Graph) -> None:
        reader = _Reader(graph)
        if reader.problems:
            raise ModelError(reader.problems)
        self.graph, self.channels, self.spans = graph, reader.found, reader.spans

    def cropped(self, widths: Widths) -> Graph:
        """Returns the network with the channels that stay: those with the largest weights."""
        graph = self.graph.copy()
        nodes = {node.output: node for node in graph.nodes}
        layers = self.channels.layers
        sizes = {each.name: np.abs(_outputs_first(nodes[each.name], graph)) for each in layers}
        kept = strongest(widths.kept, layers, sizes)
        for taker in widths.channels.takers:
            _slice(graph, nodes[taker.name], taker, kept)
        for name, spans in self.spans.items():
            shape = graph.shapes[name]
            left = len(elements(spans, kept))
            graph.shapes[name] = (*shape[:_AXIS], left, *shape[_AXIS + 1 :])
        for node in graph.nodes:
            if node.kind == "reshape":
                node.attributes["shape"] = graph.shapes[node.output]
        return graph


def _outputs_first(node: Node, graph: Graph) -> Array:
    weights = graph.weights(node)
    return weights.T if node.kind == "matmul" else weights


def _slice(graph: Graph, node: Node, taker: Taker, kept: Kept) -> None:
    """Gives a node constants of its own, without what is of channels that go."""
    made, taken = elements(taker.made, kept), elements(taker.taken, kept)
    constants = [at for at, name in enumerate(node.inputs) if name in graph.constants]
    for at in constants:
        values = graph.constants[node.inputs[at]]
        if taker.weights and at == 1:
            values = weights_left(_outputs_first(node, graph), taker, kept)
            values = values.T if node.kind == "matmul" else values
        elif values.size > 1:
            axis = int(np.argmax(values.shape))
            values = np.take(values, made, axis)
        name = graph.free_name(f"{node.output}_{at}")
        graph.constants[name] = np.ascontiguousarray(values)
        node.inputs[at] = name
    if taker.weights and taker.is_depthwise:
        node.attributes["group"] = len(taken)

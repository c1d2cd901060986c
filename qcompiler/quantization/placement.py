"""Where quantizers go: on what meets weights or other activations.

Matrix products, sums, averages, normalizations and softmax compute in integers, so each activation
that goes into one has a quantizer. It sits where the number is made: before pools, reshapes and
other moves, which move integers as well. What is concatenated, or comes from one place by several
ways, has one quantizer in common. Functions of one number (ReLU, batch norm, ...) stay real,
between the layer and the next quantizer: the compiler makes integer functions of them. Those that
fall and rise, such as GELU, have one in front, too, which keeps tables small.
"""

from dataclasses import dataclass

from qcompiler.quantization.graph import LAYERS, Graph, Node

MOVES = ("reshape", "transpose", "max_pool", "slice", "resize_nearest", "depth_to_space", "concat")
AVERAGES = ("average_pool", "reduce_mean")
ROW_FUNCTIONS = ("layer_norm", "softmax")
TURNING = ("gelu", "gelu_tanh", "hard_swish")
"""Functions that fall and rise: hardware looks them up, which few bits keep small."""
_BINARY = ("add", "sub", "mul", "min", "max")


@dataclass(frozen=True)
class Group:
    """Values that share a quantizer.

    Attributes:
        values: what is quantized, in the graph's order.
        joined: whether one of them meets another activation, as in a residual sum.
    """

    values: tuple[str, ...]
    joined: bool = False

    @property
    def name(self) -> str:
        """Of the first value."""
        return self.values[0]


def meets(graph: Graph, node: Node) -> bool:
    """Whether a node takes its activations as integers."""
    if node.kind in (*LAYERS, *AVERAGES, *TURNING):
        return True
    if node.kind in ROW_FUNCTIONS:
        return not _is_last(graph, node)
    return node.kind in _BINARY and len(graph.activations(node)) > 1


def _is_last(graph: Graph, node: Node) -> bool:
    """Whether what a node makes goes to outputs only, through moves: the host computes it then."""
    return all(user.kind in MOVES and _is_last(graph, user) for user in graph.users(node.output))


def sources(graph: Graph, value: str) -> list[str]:
    """Returns where the numbers of a value are made: before the moves that lead to it."""
    node = graph.maker(value)
    if node is None or node.kind not in MOVES:
        return [value]
    return [s for i in graph.activations(node) for s in sources(graph, i)]


def groups(graph: Graph) -> list[Group]:
    """Returns the quantizers of activations that a graph needs, in its order."""
    found: dict[str, set[str]] = {}
    joined: set[str] = set()
    for node in graph.nodes:
        if not meets(graph, node):
            continue
        inputs = [set(sources(graph, value)) for value in graph.activations(node)]
        for tied in inputs:
            _unite(found, tied)
        if node.kind in _BINARY:
            joined.update(*inputs)
    order = {name: place for place, name in enumerate(graph.shapes)}
    unique = {id(group): group for group in found.values()}.values()
    listed = [tuple(sorted(group, key=order.__getitem__)) for group in unique]
    listed.sort(key=lambda values: order[values[0]])
    return [Group(values, not joined.isdisjoint(values)) for values in listed]


def _unite(found: dict[str, set[str]], tied: set[str]) -> None:
    whole = set(tied).union(*(found[name] for name in tied if name in found))
    for name in whole:
        found[name] = whole


def group_of(listed: list[Group], value: str) -> Group | None:
    """Returns the group that quantizes a value."""
    return next((group for group in listed if value in group.values), None)


def input_group(graph: Graph, listed: list[Group], layer: Node) -> Group:
    """Returns the group of a layer's activations."""
    group = group_of(listed, sources(graph, layer.inputs[0])[0])
    assert group is not None, "what meets weights is quantized"
    return group


def residual_ties(graph: Graph, listed: list[Group]) -> list[list[Group]]:
    """Returns the groups that meet in sums: they have one bit width."""
    ties: list[list[Group]] = []
    for node in graph.nodes:
        activations = graph.activations(node)
        if node.kind not in ("add", "sub") or len(activations) < 2:
            continue
        met = [group_of(listed, s) for value in activations for s in sources(graph, value)]
        ties.append([group for group in dict.fromkeys(met) if group is not None])
    return ties

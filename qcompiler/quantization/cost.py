"""What layers cost on any machine: numbers of weights, multiplications, bit operations."""

from math import prod

from qcompiler.quantization.graph import Graph, Node


def layer_multiplications(graph: Graph, layer: Node) -> int:
    """Returns how many products of an activation and a weight a layer computes for a frame."""
    weights, shape = graph.weights(layer), graph.shapes[layer.output]
    if layer.kind == "matmul":
        return prod(shape) * weights.shape[-2]
    if layer.kind == "conv_transpose":
        return prod(graph.shapes[layer.inputs[0]][2:]) * weights.size
    return prod(shape[2:]) * weights.size


def multiplications(graph: Graph) -> int:
    """Returns how many products of an activation and a weight a frame takes."""
    return sum(layer_multiplications(graph, layer) for layer in graph.layers())

"""What layers cost on any machine: numbers of weights, multiplications, bit operations."""

from math import prod

from qcompiler.arith.hadamard import signs_of
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


def weight_bytes(graph: Graph, layer: Node, bits: int) -> float:
    """Returns the bytes of a layer's weights of so many bits; of a butterfly, those of its signs.

    Args:
        graph: with the layer.
        layer: with constant weights.
        bits: width of a weight.
    """
    weights = graph.weights(layer)
    return (len(weights) if _is_butterfly(graph, layer) else weights.size * bits) / 8


def bit_operations(graph: Graph, layer: Node, weight_bits: int, activation_bits: int) -> float:
    """Returns the products of bits that a layer takes for a frame, as it is built.

    A matrix of Hadamard is no product but `n log2(n)` additions for each vector, which count as
    products by one bit.
    """
    if _is_butterfly(graph, layer):
        n = len(graph.weights(layer))
        additions = prod(graph.shapes[layer.output]) * (n.bit_length() - 1)
        return float(additions * activation_bits)
    return float(layer_multiplications(graph, layer) * weight_bits * activation_bits)


def _is_butterfly(graph: Graph, layer: Node) -> bool:
    """Whether the compiler builds a layer of additions only."""
    weights = graph.weights(layer)
    return layer.kind == "matmul" and weights.ndim == 2 and signs_of(weights) is not None

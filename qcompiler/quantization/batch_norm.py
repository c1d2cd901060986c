"""Batch normalizations become part of the layers before them; what they knew of their inputs."""

from dataclasses import dataclass

import numpy as np

from qcompiler.dialects.attributes import Array
from qcompiler.quantization.graph import Graph, Node, output_axis


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of each channel of a value, as training saw them."""

    value: str
    mean: Array
    deviation: Array


def statistics(graph: Graph) -> list[Statistics]:
    """Returns what the batch normalizations of a graph say of their inputs."""
    found: list[Statistics] = []
    for node in graph.nodes:
        if node.kind == "batch_norm" and all(name in graph.constants for name in node.inputs[1:]):
            _, _, mean, var = (graph.constants[name] for name in node.inputs[1:])
            deviation = np.sqrt(var + np.float32(node.attributes["epsilon"]))
            found.append(Statistics(node.inputs[0], mean, deviation))
    return found


def fold_batch_norms(graph: Graph) -> None:
    """Folds each batch normalization into the layer before it, where nothing else reads that."""
    for node in [node for node in graph.nodes if node.kind == "batch_norm"]:
        layer = graph.maker(node.inputs[0])
        if layer is None or not _takes(graph, layer, node):
            continue
        scale, bias, mean, var = (graph.constants[name] for name in node.inputs[1:])
        gain = scale / np.sqrt(var.astype(np.float64) + node.attributes["epsilon"])
        scale_outputs(graph, layer, gain)
        graph.set_bias(layer, (graph.bias(layer) - mean) * gain + bias)
        node.inputs = node.inputs[:1]
        graph.bypass(node)


def _takes(graph: Graph, layer: Node, node: Node) -> bool:
    if not graph.is_layer(layer) or len(graph.users(layer.output)) > 1:
        return False
    if layer.output in graph.outputs or (layer.kind == "conv_transpose"):
        return False
    # A matrix product's channels are last; those of a normalization are the second axis.
    return layer.kind != "matmul" or len(graph.shapes[layer.output]) == 2


def scale_outputs(graph: Graph, layer: Node, gain: Array) -> None:
    """Multiplies the weights of each output channel of a layer, not its bias."""
    weights = graph.weights(layer)
    shape = [1] * weights.ndim
    shape[output_axis(layer, weights)] = -1
    name = graph.free_name(f"{layer.output}_weights")
    layer.inputs[1] = name
    graph.constants[name] = (weights * gain.reshape(shape)).astype(np.float32)

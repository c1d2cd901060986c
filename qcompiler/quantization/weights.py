"""Codes of weights, and what biases make up for."""

from collections.abc import Mapping, Sequence

import numpy as np

from qcompiler.dialects.attributes import Array
from qcompiler.progress import Progress
from qcompiler.quantization.graph import Graph, Node, output_axis
from qcompiler.quantization.layer_inputs import has_matrix, matrices, moments, of_matrices
from qcompiler.quantization.placement import Group, input_group
from qcompiler.quantization.quantizers import (
    Quantizer,
    WeightCodes,
    least_error,
    nearest,
    widest,
)
from qcompiler.quantization.rounding import damped, ldlq
from qcompiler.quantization.settings import Settings


def codes_of(graph: Graph, layer: Node, bits: int, settings: Settings) -> WeightCodes:
    """Returns the nearest codes of a layer, on the scales that the settings ask for."""
    weights = graph.weights(layer)
    made = least_error if settings.ranges == "mse" else nearest
    return made(weights, bits, output_axis(layer, weights))


def round_with_feedback(
    graph: Graph,
    feeds: Mapping[str, Array],
    activations: Mapping[Group, Quantizer],
    codes: Mapping[str, WeightCodes],
    progress: Progress,
) -> dict[str, WeightCodes]:
    """Returns codes on the same scales, rounded with feedback where a layer is a matrix."""
    found, listed = dict(codes), [*activations]
    for layer in graph.layers():
        if not has_matrix(layer):
            continue
        progress(f"rounding {layer.name}")
        q = activations[input_group(graph, listed, layer)]
        second = moments(graph, feeds, layer, q, second=True).second
        assert second is not None, "it was asked for"
        before = codes[layer.output]
        units = (graph.weights(layer) / before.scales).astype(np.float64)
        most = widest(before.bits)
        parts = [
            ldlq(part, damped(h), -most, most)
            for part, h in zip(matrices(layer, units), second, strict=True)
        ]
        made = of_matrices(layer, np.stack(parts), units.shape).astype(np.int64)
        found[layer.output] = WeightCodes(made, before.scales, before.bits)
    return found


def correct_biases(
    graph: Graph,
    feeds: Mapping[str, Array],
    activations: Mapping[Group, Quantizer],
    codes: Mapping[str, WeightCodes],
    listed: Sequence[Group],
) -> None:
    """Takes the mean error that rounded weights make out of the biases.

    Source: Nagel et al., ICCV 2019, section 4.2, with means from data.
    """
    for layer in graph.layers():
        if not has_matrix(layer):
            continue
        q = activations[input_group(graph, [*listed], layer)]
        mean = moments(graph, feeds, layer, q, second=False).mean
        errors = matrices(layer, codes[layer.output].values - graph.weights(layer))
        shift = np.einsum("goi,gi->go", errors.astype(np.float64), mean)
        graph.set_bias(layer, graph.bias(layer) - shift.reshape(-1))

"""Codes of weights, and what biases make up for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from qcompiler.dialects.attributes import Array
from qcompiler.progress import Progress
from qcompiler.quantization.graph import Graph, Node, output_axis
from qcompiler.quantization.layer_inputs import (
    LAYER_ROWS,
    has_matrix,
    matrices,
    moments,
    of_matrices,
)
from qcompiler.quantization.placement import Group, input_group
from qcompiler.quantization.quantizers import (
    Quantizer,
    WeightCodes,
    least_error,
    nearest,
    one_grid,
)
from qcompiler.quantization.rounding import INCOHERENT_DAMPING, RANGE, damped, ldlq
from qcompiler.quantization.settings import Settings

_MOST_FEEDBACK_BITS = 7
"""Of wider codes, the nearest are as good."""


def codes_of(graph: Graph, layer: Node, bits: int, settings: Settings) -> WeightCodes:
    """Returns the nearest codes of a layer, on the scales that the settings ask for."""
    weights = graph.weights(layer)
    if layer.fixed.incoherent:
        return one_grid(weights, bits, output_axis(layer, weights), RANGE)
    made = least_error if settings.ranges == "mse" else nearest
    return made(weights, bits, output_axis(layer, weights))


def round_with_feedback(
    graph: Graph,
    feeds: Mapping[str, Array],
    activations: Mapping[Group, Quantizer],
    codes: Mapping[str, WeightCodes],
    progress: Progress,
) -> dict[str, WeightCodes]:
    """Returns codes on the same scales, rounded with feedback where that gains something."""
    found, listed = dict(codes), [*activations]
    for layer in graph.layers():
        q = activations[input_group(graph, listed, layer)]
        before = codes[layer.output]
        if not _gains(layer, before.bits):
            continue
        progress(f"rounding {layer.name}")
        found[layer.output] = _with_feedback(graph, layer, before, _second(graph, feeds, layer, q))
    return found


def with_feedback_at(
    graph: Graph,
    feeds: Mapping[str, Array],
    layer: Node,
    q: Quantizer,
    codes: Mapping[int, WeightCodes],
) -> dict[int, WeightCodes]:
    """Returns the codes of a layer at several widths, rounded as by `round_with_feedback`."""
    gaining = [bits for bits in codes if _gains(layer, bits)]
    if not gaining:
        return dict(codes)
    second = _second(graph, feeds, layer, q)
    return {**codes, **{b: _with_feedback(graph, layer, codes[b], second) for b in gaining}}


def feedback_work(graph: Graph) -> int:
    """Returns about how many multiplications rounding with feedback takes at one width."""
    return sum(
        LAYER_ROWS * matrix.shape[-1] ** 2
        for layer in graph.layers()
        if has_matrix(layer)
        for matrix in matrices(layer, graph.weights(layer))
    )


def _gains(layer: Node, bits: int) -> bool:
    """Whether feedback makes a layer better."""
    chosen = layer.fixed.weight_bits is None and bits <= _MOST_FEEDBACK_BITS
    return chosen and has_matrix(layer)


def _second(graph: Graph, feeds: Mapping[str, Array], layer: Node, q: Quantizer) -> Sequence[Array]:
    """Returns the second moment of the inputs of each group of a layer."""
    second = moments(graph, feeds, layer, q, second=True).second
    assert second is not None, "it was asked for"
    return [damped(h, INCOHERENT_DAMPING) for h in second] if layer.fixed.incoherent else [*second]


def _with_feedback(
    graph: Graph, layer: Node, before: WeightCodes, second: Iterable[Array]
) -> WeightCodes:
    """Returns codes on the same grid; `second` are moments of the inputs of each group."""
    units = (graph.weights(layer) / before.scales).astype(np.float64)
    most, step = 2 ** (before.width - 1) - 1, 1 + before.odd
    lo, hi = (0, most) if before.odd else (-most, most)
    shift = most if before.odd else 0
    parts = [
        ldlq((part + shift) / step, damped(h), lo, hi) * step - shift
        for part, h in zip(matrices(layer, units), second, strict=True)
    ]
    made = of_matrices(layer, np.stack(parts), units.shape).astype(np.int64)
    return replace(before, codes=made)


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
        if not has_matrix(layer) or layer.fixed.weight_bits is not None:
            continue
        q = activations[input_group(graph, [*listed], layer)]
        mean = moments(graph, feeds, layer, q, second=False).mean
        errors = matrices(layer, codes[layer.output].values - graph.weights(layer))
        shift = np.einsum("goi,gi->go", errors.astype(np.float64), mean)
        graph.set_bias(layer, graph.bias(layer) - shift.reshape(-1))

"""What layers see on data: means and second moments of what their weights are multiplied with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from qcompiler.dialects.attributes import Array
from qcompiler.interpreters.numpy_windows import windows
from qcompiler.quantization.graph import Graph, Node
from qcompiler.quantization.quantizers import Quantizer
from qcompiler.quantization.runtime import each_batch

LAYER_ROWS = 4096
"""Most places of a batch that are looked at, for each group of channels."""


@dataclass(frozen=True)
class Moments:
    """Of the vectors that each group of a layer's outputs is computed from.

    Attributes:
        mean: [groups, inputs].
        second: mean of `x x^T`, [groups, inputs, inputs]; None if it was not asked for.
    """

    mean: Array
    second: Array | None


def has_matrix(layer: Node) -> bool:
    """Whether a layer is matrices of weights, one a group of channels."""
    return layer.kind in ("conv", "matmul")


def matrices(layer: Node, weights: Array) -> Array:
    """Returns the weights of a layer as matrices [groups, outputs, inputs]."""
    if layer.kind == "matmul":
        return weights.reshape(-1, weights.shape[-1]).T[None]
    return weights.reshape(layer.attributes["group"], -1, int(np.prod(weights.shape[1:])))


def of_matrices(layer: Node, found: Array, shape: tuple[int, ...]) -> Array:
    """Returns matrices [groups, outputs, inputs] as weights of a layer, in their shape."""
    return found[0].T.reshape(shape) if layer.kind == "matmul" else found.reshape(shape)


def moments(
    graph: Graph, feeds: Mapping[str, Array], layer: Node, q: Quantizer, *, second: bool
) -> Moments:
    """Returns the moments of a layer's inputs, as they are when quantized.

    Args:
        graph: of real numbers.
        feeds: frames by input.
        layer: `has_matrix`.
        q: of the layer's inputs.
        second: whether second moments are wanted.
    """
    total, products, count = None, None, 0
    random = np.random.default_rng(0)
    for rows in _rows(graph, feeds, layer, q, random):
        wide = rows.astype(np.float64)
        count += rows.shape[1]
        total = wide.sum(axis=1) + (0.0 if total is None else total)
        if second:
            made = np.stack([part.T @ part for part in wide])
            products = made if products is None else products + made
    assert total is not None, "there are frames"
    return Moments(total / count, None if products is None else products / count)


def _rows(
    graph: Graph, feeds: Mapping[str, Array], layer: Node, q: Quantizer,
    random: np.random.Generator,
) -> Iterator[Array]:  # fmt: skip
    """Yields vectors [groups, rows, inputs] of each batch."""
    value = layer.inputs[0]
    for batch in each_batch(graph, feeds, [value]):
        x = q.rounded(batch[value])
        if layer.kind == "matmul":
            rows = x.reshape(1, -1, x.shape[-1])
        else:
            static, group = layer.attributes, layer.attributes["group"]
            kernel = graph.weights(layer).shape[2:]
            taps = windows(x, kernel, static["strides"], static["dilations"], static["pads"], 0.0)
            space, rank = taps.shape[2 : 2 + len(kernel)], len(kernel)
            parts = taps.reshape(len(x), group, -1, *space, *kernel)
            moved = np.moveaxis(parts, 2, 2 + rank)
            moved = np.moveaxis(moved, 0, 1)
            rows = moved.reshape(group, len(x) * int(np.prod(space)), -1)
        if rows.shape[1] > LAYER_ROWS:
            rows = rows[:, random.integers(0, rows.shape[1], LAYER_ROWS)]
        yield rows

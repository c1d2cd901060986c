"""SPADE: how far a network may pull apart inputs that lie close together, on given samples.

Two graphs join each sample with its nearest neighbours, one among inputs, one among outputs. With
their Laplacians L_X and L_Y, the score of a network is the largest eigenvalue of
`L_X v = lambda L_Y v`: large where neighbours among the inputs are far apart in the outputs.

Source: Cheng et al., "SPADE: A Spectral Method for Black-Box Adversarial Robustness Evaluation",
ICML 2021. Laplacians are combinatorial, plus 1e-6 on the diagonal: normalized ones have null spaces
that differ, and the score would be that of the regularization.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError, Problem
from qcompiler.quantization.extra import library

NEIGHBOURS = 10
EIGENVALUES = 2
REGULARIZATION = 1e-6


@dataclass(frozen=True)
class Spade:
    """What was found.

    Attributes:
        score: the largest eigenvalue.
        eigenvalues: the largest ones, the largest first.
        nodes: of each sample, how much its edges are stretched; 1 for the least robust.
        parts: into how many parts the graph of outputs falls. Of several, as where a network keeps
            classes apart, the score is that of edges between them, over 1e-6: it says little.
    """

    score: float
    eigenvalues: tuple[float, ...]
    nodes: Array
    parts: int

    def least_robust(self, count: int = 10) -> list[int]:
        """Returns the samples whose edges are stretched most, those first."""
        order = np.argsort(-self.nodes, kind="stable")
        return [int(place) for place in order[:count]]


def laplacian(points: Array, neighbours: int) -> Any:
    """Returns the regularized Laplacian of the graph of nearest neighbours, a sparse matrix.

    Args:
        points: [samples, features].
        neighbours: of each; edges have no direction and the weight one.
    """
    neighbours_module, sparse = library("sklearn.neighbors"), library("scipy.sparse")
    found = neighbours_module.kneighbors_graph(points, neighbours)
    adjacency = found.maximum(found.T)
    degrees = np.asarray(adjacency.sum(axis=1)).reshape(-1)
    regularized = sparse.diags_array(degrees + REGULARIZATION)
    return regularized - adjacency


def spade(inputs: Array, outputs: Array, neighbours: int = NEIGHBOURS) -> Spade:
    """Returns the score of a network on samples.

    Args:
        inputs: of the network, [samples, ...].
        outputs: of the network for them, [samples, ...].
        neighbours: of each sample, in both graphs.

    Raises:
        ModelError: there are not more samples than neighbours.
    """
    samples = len(inputs)
    if samples <= neighbours + EIGENVALUES:
        what = f"has {samples} samples, and {neighbours} neighbours of each are asked for"
        raise ModelError([Problem("--data", what, "give more frames")])
    x = laplacian(inputs.reshape(samples, -1).astype(np.float64), neighbours)
    y = laplacian(outputs.reshape(samples, -1).astype(np.float64), neighbours)
    start = np.random.default_rng(0).standard_normal(samples)
    linalg, sparse = library("scipy.sparse.linalg"), library("scipy.sparse")
    values, vectors = linalg.eigsh(sparse.csc_array(x), EIGENVALUES, sparse.csc_array(y), v0=start,
                                   which="LM", tol=1e-10, ncv=min(samples - 1, 60))  # fmt: skip
    order = np.argsort(-values)
    values, vectors = values[order], vectors[:, order]
    return Spade(float(values[0]), tuple(map(float, values)), _nodes(x, values, vectors), _parts(y))


def _parts(graph: Any) -> int:
    """Returns how many parts a graph has between which there is no edge."""
    count, _ = library("scipy.sparse.csgraph").connected_components(graph, directed=False)
    return int(count)


def _nodes(x: Any, values: Array, vectors: Array) -> Array:
    """Returns the mean of `sum(lambda_i (v_i[p] - v_i[q])**2)` over the edges of each sample."""
    adjacency = (-x).tocoo()
    apart = adjacency.row != adjacency.col
    rows, columns = adjacency.row[apart], adjacency.col[apart]
    edges = (values * np.square(vectors[rows] - vectors[columns])).sum(axis=1)
    sums = np.bincount(rows, edges, len(vectors))
    means = sums / np.maximum(np.bincount(rows, minlength=len(vectors)), 1)
    return means / max(float(means.max()), np.finfo(float).tiny)

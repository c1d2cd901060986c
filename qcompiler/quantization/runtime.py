"""Runs models in onnxruntime, batch by batch."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import ModelProto

from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError, Problem
from qcompiler.quantization.extra import library
from qcompiler.quantization.graph import Graph
from qcompiler.quantization.onnx_writer import float_model, is_batched

BATCH = 64


def batches(graph: Graph, feeds: Mapping[str, Array]) -> Iterator[dict[str, Array]]:
    """Yields the feeds in pieces that a runtime takes at once."""
    size = BATCH if is_batched(graph) else 1
    count = min(len(feeds[name]) for name in graph.inputs)
    for start in range(0, count, size):
        yield {name: feeds[name][start : start + size] for name in graph.inputs}


class Session:
    """A model that is run with onnxruntime on one thread, so that its numbers never change."""

    def __init__(self, model: ModelProto):
        onnxruntime = library("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        # Its optimizer rewrites quantizers, with kernels that round in other ways.
        level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.graph_optimization_level = level
        self.names = [output.name for output in model.graph.output]
        self._session: Any = onnxruntime.InferenceSession(model.SerializeToString(), options)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Returns the outputs by name."""
        found = self._session.run(None, dict(feeds))
        return dict(zip(self.names, map(np.asarray, found), strict=True))


def values(graph: Graph, feeds: Mapping[str, Array], names: Sequence[str]) -> dict[str, Array]:
    """Returns values of a graph for all frames, by name.

    Raises:
        ModelError: one of them is not finite.
    """
    pieces: dict[str, list[Array]] = {name: [] for name in names}
    for found in each_batch(graph, feeds, names):
        for name, array in found.items():
            pieces[name].append(array)
    return {name: np.concatenate(parts) for name, parts in pieces.items()}


def each_batch(
    graph: Graph, feeds: Mapping[str, Array], names: Sequence[str]
) -> Iterator[dict[str, Array]]:
    """Yields values of a graph by name, batch by batch.

    Raises:
        ModelError: one of them is not finite.
    """
    session = Session(float_model(graph, names))
    for batch in batches(graph, feeds):
        found = {**batch, **session.run(batch)}
        wanted = {name: found[name] for name in names}
        bad = [name for name, array in wanted.items() if not np.isfinite(array).all()]
        if bad:
            what = "the network computes numbers that are not finite there, on this data"
            remedy = "give inputs that are prepared as for the model"
            raise ModelError([Problem(name, what, remedy) for name in bad])
        yield wanted

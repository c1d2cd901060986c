"""Ranges of activations, from what they are on data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from qcompiler.dialects.attributes import Array
from qcompiler.quantization.graph import Graph
from qcompiler.quantization.placement import AVERAGES, Group, group_of, sources
from qcompiler.quantization.quantizers import Quantizer, activation_quantizer
from qcompiler.quantization.runtime import each_batch

Method = Literal["min-max", "percentile", "mse"]
PERCENT = 99.99
_KEPT = 1 << 15
"""Most numbers that are kept of a value in a batch, for percentiles and errors."""
_SHRINKS = np.linspace(0.2, 1.0, 41)


@dataclass
class Observed:
    """What was seen of a group.

    Attributes:
        lo, hi: the least and greatest number.
        samples: some of the numbers.
    """

    lo: float = np.inf
    hi: float = -np.inf
    samples: list[Array] = field(default_factory=list[Array])

    def add(self, numbers: Array, random: np.random.Generator) -> None:
        """Takes note of numbers."""
        self.lo = min(self.lo, float(numbers.min()))
        self.hi = max(self.hi, float(numbers.max()))
        flat = numbers.reshape(-1)
        if flat.size > _KEPT:
            flat = flat[random.integers(0, flat.size, _KEPT)]
        self.samples.append(flat)


def observe(
    graph: Graph, feeds: Mapping[str, Array], listed: Sequence[Group], seed: int = 0
) -> dict[Group, Observed]:
    """Returns what activations are on data.

    Raises:
        ModelError: a number is not finite.
    """
    random = np.random.default_rng(seed)
    found = {group: Observed() for group in listed}
    names = [value for group in listed for value in group.values]
    for batch in each_batch(graph, feeds, names):
        for group in listed:
            for value in group.values:
                found[group].add(batch[value], random)
    return found


def quantizer(seen: Observed, bits: int, method: Method) -> Quantizer:
    """Returns the quantizer of what was seen.

    Args:
        seen: of one group.
        bits: width of codes.
        method: `min-max` reaches all, `percentile` all but one in ten thousand, `mse` as far as
            makes the mean squared error least.
    """
    if method == "min-max":
        return activation_quantizer(seen.lo, seen.hi, bits)
    samples = np.concatenate(seen.samples).astype(np.float64)
    if method == "percentile":
        lo, hi = np.percentile(samples, [100 - PERCENT, PERCENT])
        return activation_quantizer(min(float(lo), 0.0), max(float(hi), 0.0), bits)
    tried = [activation_quantizer(seen.lo * s, seen.hi * s, bits) for s in _SHRINKS]
    errors = [float(np.square(q.rounded(samples) - samples).mean()) for q in tried]
    return tried[int(np.argmin(errors))]


def widen_averages(graph: Graph, seen: dict[Group, Observed]) -> None:
    """Lets averages reach as far as what they are of.

    Distilled inputs have the remembered mean in every frame and channel, so that their averages
    hardly differ, while those of real frames do.
    """
    listed = [*seen]
    for group in listed:
        for value in group.values:
            maker = graph.maker(value)
            if maker is None or maker.kind not in AVERAGES:
                continue
            inner = group_of(listed, sources(graph, maker.inputs[0])[0])
            assert inner is not None, "what is averaged is quantized"
            lo, hi = seen[inner].lo, seen[inner].hi
            seen[group] = Observed(lo, hi, [np.array([lo, hi], np.float32)])

"""Models that are refused, each with what its message says to do: for tests and a page."""

from refusals import (
    attributes,
    elements,
    formats,
    graphs,
    joins,
    layers,
    nodes,
    options,
    quantizers,
)
from refusals.cases import CASES, INTERNAL, Case

__all__ = [
    "CASES",
    "INTERNAL",
    "Case",
    "attributes",
    "elements",
    "formats",
    "graphs",
    "joins",
    "layers",
    "nodes",
    "options",
    "quantizers",
]

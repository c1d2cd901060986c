"""Models that are refused, each with what its message says to do: for tests and a page."""

from refusals import (
    attention,
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
    "attention",
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

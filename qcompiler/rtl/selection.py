"""Choosing one of several signals by a number."""

from collections.abc import Sequence

from qcompiler.rtl.builder import ModuleBuilder, Signal


def indexed(b: ModuleBuilder, index: Signal, values: Sequence[Signal]) -> Signal:
    """Returns the value at an index by a tree of multiplexers; beyond the last, any of them."""
    left = list(values)
    for place in range(index.width):
        pairs = [left[i : i + 2] for i in range(0, len(left), 2)]
        left = [p[0] if p[0] is p[-1] else b.mux(index.bit(place), p[-1], p[0]) for p in pairs]
    return left[0]

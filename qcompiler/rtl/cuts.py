"""How many registers logic in series needs: trees of sums, products, parameters from memories.

A block is logic in series, with cuts where registers may stand. Registers stand at the last cut
before the delay model says that the clock cycle is over.
"""

from collections.abc import Callable
from typing import Any

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.trees import group_sizes
from qcompiler.devices.delays import DelayModel, Segment
from qcompiler.dialects import stream


def tree_levels(model: DelayModel, count: int, ns: Callable[[int], float]) -> tuple[int, float]:
    """Returns how many levels of a tree have registers behind them, and how long the first takes.

    Args:
        model: of delays.
        count: of values.
        ns: how long it takes to make one of so many values.
    """
    levels = 1
    while True:
        sizes = group_sizes(count, levels)
        if max(sizes) <= 2 or max(map(ns, sizes)) <= model.budget:
            return levels - 1, ns(sizes[0])
        levels += 1


def multiply(
    model: DelayModel, cut: str, a: int, b: int, width: int, *, in_logic: bool = False
) -> list[Segment]:
    """Returns a product: in one, or in pieces and their sum."""
    if in_logic:
        return [Segment(cut, model.multiply_in_logic(a, b, width))]
    whole = model.product(cut, a, b, width)
    if whole.ns <= model.budget or not model.is_long(a, b, width):
        return [whole]
    delays = model.device.delays
    piece = Segment(cut, delays.multiplier, delays.spread)
    return [piece, Segment("pieces", model.add(4, width))]


def range_of(values: Any) -> IntRange:
    """Returns the range of an array."""
    return IntRange(int(values.min()), int(values.max()))


def read_and(
    model: DelayModel,
    op: stream.RequantizeOp,
    parameters: list[Any],
    segments: list[Segment],
) -> dict[str, int]:
    """Returns the cuts of logic that takes operands and parameters, which may come from ROMs."""
    channels, lanes = op.input_channel.channels, op.input_channel.lanes.data
    start = 0.0
    for values in parameters:
        if values.shape[0] > 1 and channels > lanes:
            width = IntRange(int(values.min()), int(values.max())).width_bits
            word = width * lanes * (values.shape[1] if values.ndim > 1 else 1)
            start = max(start, model.read(channels // lanes, word, rom=True))
    return model.cuts(segments, start)

"""Test vectors: the corners of what a design's inputs may be, then random integers."""

from collections.abc import Sequence

import numpy as np

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import Array

_SHARE = 2
"""At most one in so many vectors is a corner: an image has more of them than anyone simulates."""


def vectors_of(
    ranges: Sequence[IntRange],
    shapes: Sequence[Sequence[int]],
    count: int,
    rng: np.random.Generator,
) -> list[Array]:
    """Returns `count` frames for each input: corners of all inputs together, then uniform ones.

    Corners are all elements lowest, all highest, both in turn; then, for one element after another,
    that one highest and all others lowest, the reverse, and it highest or lowest among zeros.
    Where these are more than half of the frames, a random choice of them.

    Args:
        ranges: of each input.
        shapes: of a frame of each input.
        count: frames, at least 1.
        rng: for the rest.
    """
    sizes = [int(np.prod(shape)) for shape in shapes]
    low = np.repeat([r.lo for r in ranges], sizes)
    high = np.repeat([r.hi for r in ranges], sizes)
    frames = rng.integers(low, high, (count, len(low)), dtype=np.int64, endpoint=True)
    corners = _corners(low, high, -(-count // _SHARE), rng)
    frames[: len(corners)] = corners
    ends = np.cumsum(sizes)
    parts = np.split(frames, ends[:-1], axis=1)
    return [part.reshape(count, *shape) for part, shape in zip(parts, shapes, strict=True)]


def _corners(low: Array, high: Array, most: int, rng: np.random.Generator) -> Array:
    even = np.arange(len(low)) % 2 == 0
    whole = [low, high, np.where(even, low, high), np.where(even, high, low)]
    base = np.clip(0, low, high)
    single = [(low, high), (high, low), (base, high), (base, low)]
    # A number is an element and what is around it: no matrix of them all is made.
    total = len(single) * len(low)
    left = max(0, most - len(whole))
    chosen = np.arange(total) if total <= left else rng.choice(total, left, replace=False)
    rows = np.empty((len(chosen), len(low)), np.int64)
    for row, number in zip(rows, chosen.tolist(), strict=True):
        element, kind = divmod(number, len(single))
        around, to = single[kind]
        row[:] = around
        row[element] = to[element]
    return np.concatenate([np.stack(whole), rows])[:most]

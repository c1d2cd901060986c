"""Sampling in integers equals real arithmetic on fractions, at every code."""

from fractions import Fraction
from itertools import product
from math import floor

import numpy as np
import pytest

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.sampling import Sampling, nearest

RANDOM = np.random.default_rng(18)


def sampling(kernel=(2, 2), fraction=2, mode="bilinear", **changes):
    """A sampling whose codes each displace one coordinate of one tap."""
    groups = changes.get("offset_groups", 1)
    count = 2 * kernel[0] * kernel[1] * groups
    parts = {
        "kernel": kernel, "strides": (1, 1), "dilations": (1, 1), "pads": (1, 0),
        "steps": (1,) * count, "origins": (0,) * count, "sources": tuple(range(count)),
        "fraction": fraction, "offset_groups": groups, "mode": mode, "border": False,
    }  # fmt: skip
    return Sampling(**(parts | changes))


def real_sample(image, y, x, mode, border):
    """A sample of one image [h, w] at a position that is a fraction, after ONNX's definition."""
    height, width = image.shape
    if border:
        y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)

    def at(row, column):
        inside = 0 <= row < height and 0 <= column < width
        return int(image[row, column]) if inside else 0

    if mode == "nearest":
        return Fraction(at(round(Fraction(y)), round(Fraction(x))))
    top, left = floor(y), floor(x)
    total = Fraction(0)
    for i, j in product((0, 1), repeat=2):
        weight = (1 - abs(y - (top + i))) * (1 - abs(x - (left + j)))
        total += weight * at(top + i, left + j)
    return total


@pytest.mark.parametrize("border", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("fraction", [0, 1, 3])
def test_pairs_of_codes_at_every_place(fraction, mode, border):
    """One tap on a small frame: offsets far beyond each border."""
    image = RANDOM.integers(-9, 10, (3, 4))
    reach = 4 << fraction
    codes = np.arange(-reach, reach + 1)
    made = sampling((1, 1), fraction, mode, border=border, pads=(0, 0))
    pairs = np.stack(np.meshgrid(codes, codes, indexing="ij"), axis=-1).reshape(-1, 1, 1, 2)
    if len(pairs) > 400:  # some of them, the ends among these
        kept = RANDOM.choice(len(pairs), 400, replace=False)
        pairs = pairs[np.union1d(kept, [0, len(codes) - 1, len(pairs) - 1])]
    grid = np.broadcast_to(pairs, (len(pairs), 3, 4, 2))
    x = np.broadcast_to(image[None, :, :, None], (len(pairs), 3, 4, 1))
    unit = 1 << made.unit_bits
    found = made.sample(x, grid)[..., 0, 0]
    for n, (dy, dx) in enumerate(pairs.reshape(-1, 2)):
        for row, column in product(range(3), range(4)):
            y, x_ = (
                row + Fraction(int(dy), 1 << fraction),
                column + Fraction(int(dx), 1 << fraction),
            )
            assert found[n, row, column] == unit * real_sample(image, y, x_, mode, border)


def test_taps_groups_strides_and_mask():
    made = sampling((2, 3), 1, strides=(2, 1), dilations=(1, 2), pads=(1, 2), offset_groups=2)
    x = RANDOM.integers(-8, 8, (2, 5, 6, 4))
    codes = RANDOM.integers(-6, 7, (2, 2, 3, 24))
    mask = RANDOM.integers(0, 4, (2, 2, 3, 12))
    found = made.sample(x, codes, mask)
    assert found.shape == (2, 2, 3, 6, 4)
    for n, oh, ow, tap, channel in np.ndindex(found.shape):
        group, (row, column) = channel // 2, divmod(tap, 3)
        at = group * 12 + tap * 2
        y = oh * 2 - 1 + row + Fraction(int(codes[n, oh, ow, at]), 2)
        x_ = ow - 2 + 2 * column + Fraction(int(codes[n, oh, ow, at + 1]), 2)
        value = real_sample(x[n, :, :, channel], y, x_, "bilinear", False)
        factor = int(mask[n, oh, ow, group * 6 + tap])
        assert found[n, oh, ow, tap, channel] == 4 * value * factor


def test_reach_is_what_is_read():
    """The rows of all samples that lie inside are within the reach, whose ends are attained."""
    for fraction, mode in product((0, 2), ("bilinear", "nearest")):
        made = sampling((3, 1), fraction, mode, pads=(0, 0))
        codes = IntRange(-7, 5)
        reach = made.reach(0, codes)
        firsts = [
            made.positions(np.full((1, 1, 1, 6), code))[..., 0].reshape(-1) for code in (-7, 5)
        ]
        if mode == "nearest":
            rows = np.concatenate([nearest(first, fraction) for first in firsts])
        else:
            rows = np.concatenate([first >> fraction for first in firsts])
            rows = np.concatenate([rows, rows + made.interpolates])
        assert (rows.min(), rows.max()) == (reach.lo, reach.hi)


def square(reach, **changes):
    """One code displaces all taps: (row - 1) * d, (column - 1) * d."""
    steps = tuple(place for i in range(3) for j in range(3) for place in (i - 1, j - 1))
    return sampling((3, 3), 0, steps=steps, sources=(0,) * 18, **changes), IntRange(-reach, reach)


def test_taps_of_a_square_meet_in_a_column():
    made, codes = square(7, dilations=(1, 1))
    # At d = -1 all rows of a column are one row, and so are the columns.
    assert made.columns_meet(codes)
    free = sampling((3, 3), 0)
    assert not free.columns_meet(codes)
    # At d = -1 rows meet, but each row of taps moved sideways by another distance.
    steps = tuple(i - 1 for i in range(3) for _ in range(3) for _ in range(2))
    assert not sampling((3, 3), 0, steps=steps, sources=(0,) * 18).columns_meet(codes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode": "cubic"}, "mode must be bilinear or nearest, got cubic"),
        ({"pads": (1, 1, 1)}, "kernel, strides, dilations and pads have two entries"),
        ({"strides": (-1, 1)}, "kernel, dilations and groups must be positive"),
        ({"fraction": -1}, "fraction and sources must not be negative"),
        ({"steps": (1,)}, "steps, origins and sources must have 8 entries"),
    ],
)
def test_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        sampling(**changes)

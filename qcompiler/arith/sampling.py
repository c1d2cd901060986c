"""Sampling of a tensor at positions that are computed: deformable windows and grids, exactly.

A position is an integer in units of 2**-fraction elements. Between elements the value is bilinear:
`sum over the four neighbours of x * (2**f - distance in y) * (2**f - distance in x)`, an integer in
units of 2**-2f of those of x.
"""

from math import prod

import numpy as np
from msgspec import Struct

from qcompiler.arith.arrays import IntArray
from qcompiler.arith.ranges import IntRange

_MOST_CODES = 2**12
"""Codes of which each is tried."""


class Sampling(Struct, frozen=True):
    """Where samples are taken, and how.

    Tap k of window o is at `base + origin + step * code` on each axis, where `base` is
    `(o * stride - pad + k * dilation) * 2**fraction`. Positions are listed as
    [offset group, tap, (y, x)]: `steps`, `origins` and `sources` have an entry for each of them.

    Attributes:
        kernel: (rows, columns) of taps.
        strides: distance of neighbouring windows; 0 for positions in the whole frame, a grid.
        dilations: distance of neighbouring taps.
        pads: virtual elements before the tensor, (rows, columns).
        steps: what a code is worth, in units of 2**-fraction elements.
        origins: what is added, in the same units.
        sources: which channel of the codes.
        fraction: bits behind the binary point of a position.
        offset_groups: parts of the channels that have positions of their own.
        mode: `bilinear`, or `nearest`, halves to even.
        border: whether positions outside are moved to the border; zeros are there otherwise.

    Raises:
        ValueError: lengths differ, or an entry is out of range.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    pads: tuple[int, int]
    steps: tuple[int, ...]
    origins: tuple[int, ...]
    sources: tuple[int, ...]
    fraction: int
    offset_groups: int
    mode: str
    border: bool

    def __post_init__(self) -> None:
        if self.mode not in ("bilinear", "nearest"):
            raise ValueError(f"mode must be bilinear or nearest, got {self.mode}")
        pairs = (self.kernel, self.strides, self.dilations, self.pads)
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError(f"kernel, strides, dilations and pads have two entries, got {pairs}")
        if min((*self.kernel, *self.dilations, self.offset_groups)) < 1 or min(self.strides) < 0:
            raise ValueError(f"kernel, dilations and groups must be positive, got {pairs}")
        if self.fraction < 0 or min(self.sources, default=0) < 0:
            raise ValueError("fraction and sources must not be negative")
        count = 2 * self.taps * self.offset_groups
        lengths = [len(part) for part in (self.steps, self.origins, self.sources)]
        if set(lengths) != {count}:
            raise ValueError(f"steps, origins and sources must have {count} entries, got {lengths}")

    @property
    def taps(self) -> int:
        """Samples of a window, per channel."""
        return prod(self.kernel)

    @property
    def interpolates(self) -> bool:
        """Whether samples lie between elements, so that four of these make one."""
        return self.mode == "bilinear" and self.fraction > 0

    @property
    def unit_bits(self) -> int:
        """Samples are in units of 2**-unit_bits of those of the tensor."""
        return 2 * self.fraction if self.interpolates else 0

    def bases(self, axis: int, count: int) -> IntArray:
        """Returns where taps stand without offset, in elements: [windows, taps of the axis]."""
        windows = np.arange(count, dtype=np.int64) * self.strides[axis] - self.pads[axis]
        taps = np.arange(self.kernel[axis], dtype=np.int64) * self.dilations[axis]
        return windows[:, np.newaxis] + taps

    def tap_offset(self, entry: int) -> int:
        """Returns how many elements the tap of a position is from its window's first."""
        tap, axis = divmod(entry % (2 * self.taps), 2)
        place = divmod(tap, self.kernel[1])[axis]
        return place * self.dilations[axis]

    def displacement(self, entry: int, codes: IntRange) -> IntRange:
        """Returns how far a position is from its window's start, in units of 2**-fraction."""
        base = (self.tap_offset(entry) << self.fraction) + self.origins[entry]
        return IntRange(base, base) + IntRange(self.steps[entry], self.steps[entry]) * codes

    def reach(self, axis: int, codes: IntRange) -> IntRange:
        """Returns which elements along an axis are read, from the window's start.

        Args:
            axis: 0 for rows, 1 for columns.
            codes: what a code may be.
        """
        found = [self.displacement(entry, codes) for entry in range(axis, len(self.steps), 2)]
        lo, hi = min(r.lo for r in found), max(r.hi for r in found)
        half = (1 << self.fraction) >> 1 if self.mode == "nearest" else 0
        lo, hi = (lo - (1 if half else 0) + half) >> self.fraction, (hi + half) >> self.fraction
        return IntRange(lo, hi + self.interpolates)

    def columns_meet(self, codes: IntRange) -> bool:
        """Whether the taps of each column of a window always read different rows, or one element.

        So it is where one code displaces all taps alike (a square): it is tried for all codes.

        Args:
            codes: what a code may be.
        """
        alike = len(set(self.sources)) == 1 and self.offset_groups == 1
        if not alike or self.interpolates or self.border or codes.size > _MOST_CODES:
            return False
        every = np.arange(codes.lo, codes.hi + 1).astype(object)[:, np.newaxis]
        moved = every * np.array(self.steps, object) + np.array(self.origins, object)
        offsets = np.array([self.tap_offset(entry) for entry in range(len(self.steps))], np.int64)
        moved += offsets << self.fraction
        at = nearest(moved, self.fraction) if self.mode == "nearest" else moved >> self.fraction
        places = at.reshape(-1, *self.kernel, 2)
        pairs = np.abs(places[:, :, np.newaxis] - places[:, np.newaxis])  # [code, row, row, column]
        same_row, same_column = pairs[..., 0] == 0, pairs[..., 1] == 0
        return bool((~same_row | same_column).all())

    def result_range(self, x: IntRange, mask: IntRange | None) -> IntRange:
        """Returns the bounds of a sample, times the mask if there is one."""
        seen = x if self.border else x.union(IntRange(0, 0))
        one = 1 << self.unit_bits
        sampled = seen * IntRange(one, one)
        return sampled if mask is None else sampled * mask

    def positions(self, codes: IntArray) -> IntArray:
        """Returns positions in units of 2**-fraction: [batch, oh, ow, offset group, tap, (y, x)].

        Args:
            codes: [batch, oh, ow, channels of codes], and what positions are held in.
        """
        batch, rows, columns = codes.shape[:3]
        kind = codes.dtype
        moved = codes[..., list(self.sources)] * np.array(self.steps, kind)
        moved = (moved + np.array(self.origins, kind)).reshape(
            batch, rows, columns, self.offset_groups, *self.kernel, 2
        )
        y, x = (
            self.bases(axis, (rows, columns)[axis]).astype(kind) << self.fraction for axis in (0, 1)
        )
        moved[..., 0] += y[:, np.newaxis, np.newaxis, :, np.newaxis]
        moved[..., 1] += x[:, np.newaxis, np.newaxis, :]
        return moved.reshape(batch, rows, columns, self.offset_groups, self.taps, 2)

    def sample(self, x: IntArray, codes: IntArray, mask: IntArray | None = None) -> IntArray:
        """Returns the samples: [batch, oh, ow, taps, channels].

        Args:
            x: [batch, height, width, channels]; Python's integers, as the codes are, where
                samples need more than 63 bits.
            codes: [batch, oh, ow, channels of codes].
            mask: [batch, oh, ow, offset groups * taps]; samples are multiplied by it.
        """
        size = x.shape[1], x.shape[2]
        parts: list[IntArray] = []
        positions = self.positions(codes)
        channels = np.split(x, self.offset_groups, axis=-1)
        for group, part in enumerate(channels):
            at = positions[:, :, :, group]
            if self.border:
                last = (np.array(size, at.dtype) - 1) << self.fraction
                at = np.clip(at, 0, last)
            parts.append(self._at(part, at))
        samples = np.concatenate(parts, axis=-1)
        if mask is None:
            return samples
        factors = mask.reshape(*mask.shape[:3], self.offset_groups, self.taps, 1)
        split = samples.reshape(*samples.shape[:4], self.offset_groups, -1)
        scaled = split * factors.transpose(0, 1, 2, 4, 3, 5)
        return scaled.reshape(samples.shape)

    def side_by_side(self, samples: IntArray) -> IntArray:
        """Returns the samples of `sample` as an image: [batch, oh * rows, ow * columns, channels].

        A convolution of the kernel, with strides of its extents, takes window after window.
        """
        batch, height, width, _, channels = samples.shape
        rows, columns = self.kernel
        tiled = samples.reshape(batch, height, width, rows, columns, channels)
        tiled = tiled.transpose(0, 1, 3, 2, 4, 5)
        return tiled.reshape(batch, height * rows, width * columns, channels)

    def _at(self, x: IntArray, at: IntArray) -> IntArray:
        if self.mode == "nearest":
            return _read(x, nearest(at, self.fraction).astype(np.int64))
        corner, one = at >> self.fraction, 1 << self.fraction
        elements = corner.astype(np.int64)
        if not self.interpolates:
            return _read(x, elements)
        beside = at - (corner << self.fraction)
        total = np.zeros((*at.shape[:-1], x.shape[-1]), x.dtype)
        for y, x_ in np.ndindex(2, 2):
            weight = np.abs(one * (1 - np.array([y, x_])) - beside)
            total += _read(x, elements + np.array([y, x_])) * (weight[..., :1] * weight[..., 1:])
        return total


def nearest(numerators: IntArray, fraction: int) -> IntArray:
    """Returns `numerators / 2**fraction`, rounded to the nearest integer, halves to even."""
    if not fraction:
        return numerators
    half = 1 << (fraction - 1)
    rounded = (numerators + half) >> fraction
    tie = (numerators & ((1 << fraction) - 1)) == half
    return rounded - (tie & (rounded & 1 == 1))


def _read(x: IntArray, at: IntArray) -> IntArray:
    """Returns the elements at (y, x) in the last axis of `at`, zero outside."""
    height, width = x.shape[1:3]
    row, column = at[..., 0], at[..., 1]
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    frame = np.arange(len(x)).reshape(-1, *[1] * (row.ndim - 1))
    read = x[frame, np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
    return np.where(inside[..., np.newaxis], read, 0)

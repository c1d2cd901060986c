"""Integer intervals, and the exact bounds of dot products."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from qcompiler.arith.arrays import BoolArray, IntArray


class IntRange(Struct, frozen=True):
    """All integers from `lo` to `hi`, both included; never empty.

    Raises:
        ValueError: `lo` is greater than `hi`.
    """

    lo: int
    hi: int

    def __post_init__(self) -> None:
        if self.lo > self.hi:
            raise ValueError(f"range must not be empty, got lo {self.lo} > hi {self.hi}")

    @property
    def signed(self) -> bool:
        """Whether a negative value occurs, so that hardware needs a sign bit."""
        return self.lo < 0

    @property
    def width_bits(self) -> int:
        """Smallest width that holds the range: two's complement if signed, else unsigned; >= 1."""
        if self.signed:
            return max((~self.lo).bit_length(), max(self.hi, 0).bit_length()) + 1
        return max(self.hi.bit_length(), 1)

    @property
    def fits_int64(self) -> bool:
        """Whether arrays of int64 hold these integers."""
        return self.lo >= -(2**63) and self.hi < 2**63

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Element type of arrays of them: int64, or Python's own where that is too small."""
        return np.dtype(np.int64 if self.fits_int64 else object)

    @property
    def size(self) -> int:
        """How many integers the range holds."""
        return self.hi - self.lo + 1

    @staticmethod
    def for_bits(bits: int, signed: bool, narrow: bool = False) -> IntRange:
        """Returns the range of a `bits` wide integer; `narrow` drops one extreme as QONNX does.

        Signed narrow drops the lowest value (symmetric range), unsigned narrow the highest.

        Raises:
            ValueError: `bits` is not positive, or narrow leaves no value.
        Source: `min_int` and `max_int` in qonnx/util/basic.py.
        """
        if bits < 1:
            raise ValueError(f"bits must be at least 1, got {bits}")
        if signed:
            return IntRange(-(2 ** (bits - 1)) + int(narrow), 2 ** (bits - 1) - 1)
        return IntRange(0, 2**bits - 1 - int(narrow))

    def __add__(self, other: IntRange) -> IntRange:
        return IntRange(self.lo + other.lo, self.hi + other.hi)

    def __neg__(self) -> IntRange:
        return IntRange(-self.hi, -self.lo)

    def __mul__(self, other: IntRange) -> IntRange:
        products = [a * b for a in (self.lo, self.hi) for b in (other.lo, other.hi)]
        return IntRange(min(products), max(products))

    def union(self, other: IntRange) -> IntRange:
        """Returns the smallest range that contains both."""
        return IntRange(min(self.lo, other.lo), max(self.hi, other.hi))

    def contains(self, other: IntRange | int) -> bool:
        """Returns whether an integer, or every integer of another range, lies in this one."""
        if isinstance(other, int):
            return self.lo <= other <= self.hi
        return self.lo <= other.lo and other.hi <= self.hi


class ChannelRanges(Struct, frozen=True, eq=False):
    """A range for each channel.

    Attributes:
        lo: int64 [channels].
        hi: int64 [channels], nowhere less.
    """

    lo: IntArray
    hi: IntArray

    @staticmethod
    def of(range_: IntRange, channels: int) -> ChannelRanges:
        """Returns the same range, of int64, for each channel."""
        return ChannelRanges(
            np.full(channels, range_.lo, np.int64), np.full(channels, range_.hi, np.int64)
        )

    @property
    def constant(self) -> BoolArray:
        """Which channels have one value, [channels]."""
        return self.lo == self.hi

    def union(self, other: IntRange) -> ChannelRanges:
        """Returns the ranges with what another one holds."""
        return ChannelRanges(np.minimum(self.lo, other.lo), np.maximum(self.hi, other.hi))

    def within(self, other: IntRange) -> ChannelRanges:
        """Returns what the ranges have in common with one that holds all values, too."""
        lo, hi = (np.clip(end, other.lo, other.hi) for end in (self.lo, self.hi))
        return ChannelRanges(lo, hi)

    def repeated(self, extent: int) -> ChannelRanges | None:
        """Returns the ranges along an axis that has the channels again and again, or fewer times.

        None where the axis does not hold them so.
        """
        have = len(self.lo)
        if extent % have == 0:
            return ChannelRanges(np.tile(self.lo, extent // have), np.tile(self.hi, extent // have))
        if have % extent:
            return None
        rows = (end.reshape(-1, extent) for end in (self.lo, self.hi))
        lo, hi = rows
        return ChannelRanges(lo.min(axis=0), hi.max(axis=0))


WIDEST_BITS = 127
"""Of any integer between layers. Beyond 63 bits arrays hold Python's integers: exact, and slow."""


LARGEST_INT64 = 2.0**62
"""Sums below this in float64 do not wrap in int64; a bit is room for float64's error."""


class WidthError(ValueError):
    """Integers may not fit the bits that are computed with: the model asks for too many."""


def dot_range(weights: IntArray, x: IntRange) -> tuple[IntArray, IntArray]:
    """Returns the exact bounds (lo [N], hi [N]) of `x @ weights` with each input element in `x`.

    Args:
        weights: integers of shape [K, N].
        x: range of every one of the K input elements.

    Raises:
        WidthError: a bound may not fit `WIDEST_BITS`.
    """
    w = np.asarray(weights, np.int64)
    # Judged in float64 because int64 sums would wrap silently; a bit is room for its error.
    magnitude = np.abs(w.astype(np.float64)).sum(axis=0).max(initial=0.0)
    largest = magnitude * float(max(abs(x.lo), abs(x.hi)))
    if largest >= 2.0 ** (WIDEST_BITS - 1):
        raise WidthError(
            f"dot product must fit {WIDEST_BITS} bits, got weights that sum to {int(magnitude)} "
            f"and inputs in [{x.lo}, {x.hi}]"
        )
    if largest >= LARGEST_INT64:
        w = w.astype(object)
    positive = np.where(w > 0, w, 0)
    negative = np.where(w < 0, w, 0)
    up, down = positive.sum(axis=0), negative.sum(axis=0)
    return up * x.lo + down * x.hi, up * x.hi + down * x.lo


def mixed_ranges(weights: IntArray, x: ChannelRanges) -> ChannelRanges:
    """Returns the exact bounds of sums of products, by the range of each input channel.

    Args:
        weights: integers [taps, inputs, outputs]; sums fit int64.
        x: of the inputs.
    """
    up = np.maximum(weights, 0).sum(axis=0, dtype=np.int64)
    down = np.minimum(weights, 0).sum(axis=0, dtype=np.int64)
    return ChannelRanges(x.lo @ up + x.hi @ down, x.hi @ up + x.lo @ down)

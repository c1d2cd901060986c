"""The hardware forms of a scalar function, as integer arithmetic in numpy.

Every form holds rows of parameters: one per channel, or a single one when all channels agree. In
formulas c is the channel. Constructions that prove a form equal to a function stand in
`requantizer_proofs`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qcompiler.arith.arrays import IntArray, along_axis, indices
from qcompiler.arith.ranges import IntRange


def _tie_fixed(total: IntArray, shift: int, tie_parity: int | None) -> IntArray:
    """Returns total >> shift; an exact tie that lands on the wrong parity goes one down."""
    y = total >> shift
    if tie_parity is None:
        return y
    # Ties are rare: look at those alone.
    ties = np.flatnonzero((total & ((1 << shift) - 1)) == 0)
    at_ties = y.reshape(-1)[ties]
    y.reshape(-1)[ties] = at_ties - ((at_ties & 1) != tie_parity)
    return y


@dataclass(frozen=True, eq=False)
class Shift:
    """y = clamp((sign[c] * x + bias[c]) >> shift, lo, hi); no multiplier.

    A negative `shift` is a left one: y = clamp((sign[c] * x << -shift) + bias[c], lo, hi).

    Attributes:
        shift: bits to the right.
        bias: int64 [R]; includes the rounding half.
        sign: int64 [R], 1 or -1.
        lo: smallest code.
        hi: largest code.
        tie_parity: if set, a sum whose low `shift` bits are all zero is a tie between y - 1 and y,
            and takes the one with this lowest bit: 0 rounds half to even, 1 half to odd, which is
            half to even below an odd zero point.
    """

    shift: int
    bias: IntArray
    sign: IntArray
    lo: int
    hi: int
    tie_parity: int | None = None

    def apply(self, x: IntArray, channel_axis: int = -1) -> IntArray:
        """Returns the codes of accumulators x, any shape, channels along `channel_axis`."""
        z = x * along_axis(self.sign, x.ndim, channel_axis)
        total = (z << max(-self.shift, 0)) + along_axis(self.bias, x.ndim, channel_axis)
        y = _tie_fixed(total, max(self.shift, 0), self.tie_parity)
        return np.clip(y, self.lo, self.hi)

    def sum_range(self, x: IntRange) -> IntRange:
        """Returns the range of the sum before the shift, for accumulators in x; gives its width."""
        left = IntRange(2 ** max(-self.shift, 0), 2 ** max(-self.shift, 0))
        return _sum_range(x * left, self.sign, self.bias)


@dataclass(frozen=True, eq=False)
class MulShift:
    """y = clamp((x * multiplier[c] + bias[c]) >> shift, lo, hi).

    Attributes:
        multiplier: int64 [R]; negative for decreasing channels.
        bias: int64 [R]; includes the rounding half.
        shift: bits to the right, the same for all channels, at least 0.
        lo: smallest code.
        hi: largest code.
        tie_parity: as in `Shift`.
    """

    multiplier: IntArray
    bias: IntArray
    shift: int
    lo: int
    hi: int
    tie_parity: int | None = None

    def apply(self, x: IntArray, channel_axis: int = -1) -> IntArray:
        """Returns the codes of accumulators x, any shape, channels along `channel_axis`."""
        product = x * along_axis(self.multiplier, x.ndim, channel_axis)
        total = product + along_axis(self.bias, x.ndim, channel_axis)
        return np.clip(_tie_fixed(total, self.shift, self.tie_parity), self.lo, self.hi)

    @property
    def multiplier_range(self) -> IntRange:
        """Range of the multipliers; its width is the multiplier's."""
        return IntRange(int(self.multiplier.min()), int(self.multiplier.max()))

    def sum_range(self, x: IntRange) -> IntRange:
        """Returns the range of x * multiplier + bias, for accumulators in x; gives its width."""
        return _sum_range(x, self.multiplier, self.bias)


def _sum_range(x: IntRange, factor: IntArray, bias: IntArray) -> IntRange:
    rows = max(factor.shape[0], bias.shape[0])
    factors, biases = np.broadcast_to(factor, (rows,)), np.broadcast_to(bias, (rows,))
    # Python integers: this is also the check that int64 suffices.
    ends = [
        end * m + b
        for m, b in zip(factors.tolist(), biases.tolist(), strict=True)
        for end in (x.lo, x.hi)
    ]
    return IntRange(min(ends), max(ends))


@dataclass(frozen=True, eq=False)
class Threshold:
    """y = lo + (number of k with sign[c] * x >= thresholds[c, k]).

    Attributes:
        thresholds: int64 [R, K], rising along K; repeated where several codes are skipped at once.
            One beyond the accumulator's range is a comparison that is always or never true.
        sign: int64 [R], 1 or -1.
        lo: smallest code; lo + K is the largest.
    """

    thresholds: IntArray
    sign: IntArray
    lo: int

    def apply(self, x: IntArray, channel_axis: int = -1) -> IntArray:
        """Returns the codes of accumulators x, any shape, channels along `channel_axis`."""
        z = x * along_axis(self.sign, x.ndim, channel_axis)
        if self.thresholds.shape[0] == 1:
            return self.lo + np.searchsorted(self.thresholds[0], z, "right").astype(np.int64)
        y = np.empty(x.shape, np.int64)
        for row, values, out in zip(
            self.thresholds,
            np.moveaxis(z, channel_axis, 0),
            np.moveaxis(y, channel_axis, 0),
            strict=True,
        ):
            out[...] = np.searchsorted(row, values, "right")
        return self.lo + y


@dataclass(frozen=True, eq=False)
class Table:
    """y = entries[c, x - x_lo].

    Attributes:
        entries: int64 [R, N] for the accumulators x_lo to x_lo + N - 1.
        x_lo: accumulator of the first entry.
    """

    entries: IntArray
    x_lo: int

    def apply(self, x: IntArray, channel_axis: int = -1) -> IntArray:
        """Returns the codes of accumulators x, any shape, channels along `channel_axis`.

        Raises:
            ValueError: an accumulator has no entry.
        """
        x_hi = self.x_lo + self.entries.shape[1] - 1
        if x.size and (int(x.min()) < self.x_lo or int(x.max()) > x_hi):
            raise ValueError(
                f"accumulators must lie in [{self.x_lo}, {x_hi}], got [{x.min()}, {x.max()}]"
            )
        rows = indices(0, self.entries.shape[0])
        return self.entries[along_axis(rows, x.ndim, channel_axis), x - self.x_lo]


Requantizer = Shift | MulShift | Threshold | Table

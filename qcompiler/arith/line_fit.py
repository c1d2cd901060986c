"""Finds integer lines that take every step of a monotone function at the right accumulator.

A line is p(z) = m * z + b; its code is p >> shift. It has level k from threshold t on exactly if

    m * t + b >= k * 2**shift      and      m * (t - 1) + b <= k * 2**shift - 1.

For a given m these are bounds on b. With the tie fix, the level whose parity a tie must not take
begins one above the multiple: w[k] = 1 is added to both right-hand sides.
"""

from __future__ import annotations

import numpy as np

from qcompiler.arith.arrays import FloatArray, IntArray, indices
from qcompiler.arith.switch_points import SwitchPoints

# Sums stay below this in magnitude: int64 with two bits to spare for intermediate steps.
_LARGEST_SUM = 2.0**60
_NO_BOUND = 2**62
_LARGEST_SHIFT = 48


class LineFit:
    """The constraints on lines for the channels of some switch points.

    Levels that a channel always or never has constrain one side only; the clamp to [lo, hi] frees
    the sides beyond.
    """

    def __init__(self, points: SwitchPoints) -> None:
        self._t = points.thresholds
        self._levels = indices(points.lo + 1, points.hi + 1)
        self._lower = ~points.never
        self._upper = ~points.always
        z = np.maximum(np.abs(points.z_lo), np.abs(points.z_hi)).astype(np.float64) + 1
        self._reach = z
        self._tallest = max(abs(points.lo), abs(points.hi)) + 2
        self._steepness = self._find_steepness()

    def largest_shift(self, *, shared: bool = False) -> int:
        """Returns the largest shift with which no product that the search tries leaves int64.

        The search tries no multiplier above 2**shift * steepness + 2.

        Args:
            shared: one multiplier serves all channels, so the steepest meets the widest range.
        """
        steepness = self._steepness.max(initial=0.0) if shared else self._steepness
        growth = float((steepness * self._reach).max(initial=0.0)) + self._tallest
        return min(int(np.log2(_LARGEST_SUM / growth)), _LARGEST_SHIFT)

    def _find_steepness(self) -> FloatArray:
        """Returns a bound on (k - j) / (t[k] - t[j] + 1) over needed levels k > j, per channel.

        Levels l apart, 2**i <= l < 2**(i + 1), are at least as far apart as some 2**i apart.
        """
        needed = self._lower & self._upper
        steepest = np.zeros(self._t.shape[0])
        lag = 1
        while lag < self._t.shape[1]:
            both = needed[:, lag:] & needed[:, :-lag]
            slope = 2.0 * lag / (self._t[:, lag:] - self._t[:, :-lag] + 1)
            steepest = np.maximum(steepest, np.where(both, slope, 0.0).max(axis=1))
            lag *= 2
        return steepest

    def may_be(self, m: int, shift: int) -> bool:
        """Returns whether the outermost levels that a channel needs leave it that slope.

        Of levels j < k that some accumulators have and some have not, the definition of a line
        gives m * (t[k] - 1 - t[j]) < (k - j) * 2**shift < m * (t[k] - t[j] + 1), or equal where
        ties are fixed.
        """
        needed = self._lower & self._upper
        if not needed.size:
            return True
        first, last = needed.argmax(axis=1), needed.shape[1] - 1 - needed[:, ::-1].argmax(axis=1)
        every = indices(0, len(needed))
        apart = self._t[every, last] - self._t[every, first]
        rise = (last - first) << shift
        fits = (m * (apart - 1) <= rise) & (m * (apart + 1) >= rise)
        return bool((fits | ~needed.any(axis=1)).all())

    def _starts(self, shift: int, tie_parity: int | None) -> IntArray:
        """Returns the smallest sum with each level, [K]."""
        starts = self._levels << shift
        if tie_parity is None:
            return starts
        return starts + ((self._levels & 1) != tie_parity).astype(np.int64)

    def _bounds(self, m: IntArray, starts: IntArray) -> tuple[IntArray, IntArray]:
        """Returns lower and upper bounds on b from every level, [C, K] each."""
        products = m[:, None] * self._t
        lower = np.where(self._lower, starts - products, -_NO_BOUND)
        upper = np.where(self._upper, starts - 1 - products + m[:, None], _NO_BOUND)
        return lower, upper

    def smallest_multipliers(
        self, shift: int, tie_parity: int | None, *, shared: bool
    ) -> IntArray | None:
        """Returns the smallest m >= 0 of each channel [C] for which some b exists, else None.

        Newton's method from the left on g(m) = min upper - max lower, which is concave: the binding
        pair of levels is a line above g, so no m before that line's root is feasible.

        Args:
            shift: at most `largest_shift`.
            tie_parity: as in `Shift`.
            shared: look for one m for all channels.
        """
        starts = self._starts(shift, tie_parity)
        channels = self._t.shape[0]
        m = np.zeros(channels, np.int64)
        if self._t.shape[1] == 0:
            return m
        every = indices(0, channels)
        while True:
            lower, upper = self._bounds(m, starts)
            high, low = lower.argmax(axis=1), upper.argmin(axis=1)
            gap = upper[every, low] - lower[every, high]
            if (gap >= 0).all():
                return m
            slope = self._t[every, high] - self._t[every, low] + 1
            if ((gap < 0) & (slope <= 0)).any():
                return None
            m = m + np.where(gap < 0, -(gap // np.maximum(slope, 1)), 0)
            if shared:
                m = np.full(channels, m.max())

    def smallest_shift(
        self, tie_parity: int | None, *, shared: bool, at_most: int = _LARGEST_SHIFT
    ) -> int | None:
        """Returns the smallest shift for which multipliers exist, or None; bisection.

        Doubling m and b carries a fit over to the next shift, so feasibility is monotone.
        """
        below = -1 if tie_parity is None else 0
        found: int = min(self.largest_shift(shared=shared), at_most)
        if found <= below or self.smallest_multipliers(found, tie_parity, shared=shared) is None:
            return None
        while found - below > 1:
            middle: int = (found + below) // 2
            if self.smallest_multipliers(middle, tie_parity, shared=shared) is None:
                below = middle
            else:
                found = middle
        return found

    def biases(self, m: IntArray, shift: int, tie_parity: int | None) -> IntArray | None:
        """Returns a bias for each channel [C], the same one if possible, or None.

        Args:
            m: multipliers [C].
            shift: bits to the right.
            tie_parity: as in `Shift`.
        """
        if self._t.shape[1] == 0:
            return np.zeros_like(m)
        lower, upper = self._bounds(m, self._starts(shift, tie_parity))
        low: IntArray = lower.max(axis=1)
        high: IntArray = upper.min(axis=1)
        if (low > high).any():
            return None
        # A channel bounded on one side only takes the bias next to that bound.
        low = np.where(low == -_NO_BOUND, high - (1 << shift) + 1, low)
        high = np.where(high == _NO_BOUND, low + (1 << shift) - 1, high)
        if low.max() <= high.min():
            low[:], high[:] = low.max(), high.min()
        return _roundest(low, high)


def _roundest(low: IntArray, high: IntArray) -> IntArray:
    """Returns the integers in [low, high] with the most trailing zeros, cheapest to add."""
    best = low
    for zeros in range(1, 61):
        candidate = -((-low) >> zeros) << zeros
        fits = candidate <= high
        if not fits.any():
            break
        best = np.where(fits, candidate, best)
    return best

"""Where a monotone scalar function steps from one code to the next.

Decreasing channels are mirrored: everything is said about z = sign * x, in which all increase.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec import Struct

from qcompiler.arith.arrays import BoolArray, FloatArray, IntArray, indices, per_channel
from qcompiler.arith.scalar_evaluation import approximate_at, evaluate, evaluate_at
from qcompiler.arith.scalar_function import FunctionError, ScalarFunction
from qcompiler.arith.trends import UNKNOWN

ENUMERATION_LIMIT = 2**20
"""Most points (channels times range) that a function is evaluated on one by one."""

LARGEST_ACCUMULATOR = 2**53
"""Bound on |x|: float64 holds every such integer, and sums of two fit int64 with room."""

# Elements bisected at a time: about 20 arrays of this length fit a second-level cache.
_BLOCK = 2**14

_FEWEST_GUESSED = 16
"""Levels from which on guessing pays."""

_GUESSED_WITHIN = 3
"""How far from its guess a switch point is looked for: both ends of the line are rounded."""

CodeAt = Callable[[IntArray, IntArray], IntArray]
"""Code at z of a channel; arguments broadcast."""


class SwitchPoints(Struct, frozen=True, eq=False):
    """A monotone function per channel, on a range, given by its steps.

    For x in [x_lo, x_hi]:  y = lo + (number of k with sign * x >= thresholds[:, k]).

    Attributes:
        lo: smallest code that any channel reaches; `hi` the largest.
        hi: see `lo`; hi - lo = K.
        thresholds: int64 [C, K], rising along K: the smallest z = sign * x whose code is at least
            lo + 1 + k. `z_lo` if every z has it, `z_hi` + 1 if none has.
        sign: int64 [C], -1 for decreasing channels, else 1.
        x_lo: int64 [C], smallest accumulator.
        x_hi: int64 [C], largest accumulator.
    """

    lo: int
    hi: int
    thresholds: IntArray
    sign: IntArray
    x_lo: IntArray
    x_hi: IntArray

    @property
    def channels(self) -> int:
        """C."""
        return self.thresholds.shape[0]

    @property
    def z_lo(self) -> IntArray:
        """Smallest mirrored accumulator, [C]."""
        return np.where(self.sign > 0, self.x_lo, -self.x_hi)

    @property
    def z_hi(self) -> IntArray:
        """Largest mirrored accumulator, [C]."""
        return np.where(self.sign > 0, self.x_hi, -self.x_lo)

    @property
    def always(self) -> BoolArray:
        """Levels [C, K] that even z_lo has."""
        return self.thresholds <= self.z_lo[:, None]

    @property
    def never(self) -> BoolArray:
        """Levels [C, K] that not even z_hi has."""
        return self.thresholds > self.z_hi[:, None]

    @property
    def reached(self) -> tuple[IntArray, IntArray]:
        """Smallest and largest code of each channel, [C] each."""
        return self.lo + self.always.sum(axis=1), self.hi - self.never.sum(axis=1)

    def widened(self, lo: int, hi: int) -> SwitchPoints:
        """Returns the same function with levels from `lo` to `hi` that no accumulator tells apart.

        A form that clamps to [lo, hi] must keep its unclamped value inside on its own.
        """
        below, above = max(self.lo - lo, 0), max(hi - self.hi, 0)
        always = np.repeat(self.z_lo[:, None], below, axis=1)
        never = np.repeat(self.z_hi[:, None] + 1, above, axis=1)
        thresholds = np.concatenate([always, self.thresholds, never], axis=1)
        lo, hi = min(lo, self.lo), max(hi, self.hi)
        return SwitchPoints(lo, hi, thresholds, self.sign, self.x_lo, self.x_hi)

    def evaluate(self, x: IntArray) -> IntArray:
        """Returns the codes [C, N] of accumulators x [C, N] that lie in the range."""
        z = x * self.sign[:, None]
        y = np.empty(x.shape, np.int64)
        for row, values, out in zip(self.thresholds, z, y, strict=True):
            out[:] = np.searchsorted(row, values, "right")
        return self.lo + y


def find_switch_points(
    function: ScalarFunction, x_lo: IntArray | int, x_hi: IntArray | int
) -> SwitchPoints | None:
    """Returns the switch points of a function, or None if some channel is not monotone.

    Channels whose direction does not follow from the function's structure are enumerated.

    Args:
        function: with C channels.
        x_lo: smallest accumulator, a scalar or per channel [C].
        x_hi: largest accumulator, a scalar or per channel [C].

    Raises:
        ValueError: a range is empty or too wide, the enumeration would exceed `ENUMERATION_LIMIT`,
            or the function is undefined at a point.
    """
    x_lo, x_hi = _checked_range(function, x_lo, x_hi)
    sign = _signs(function, x_lo, x_hi)
    if sign is None:
        return None
    z_lo = np.where(sign > 0, x_lo, -x_hi)
    z_hi = np.where(sign > 0, x_hi, -x_lo)

    def code_at(z: IntArray, channel: IntArray) -> IntArray:
        return evaluate_at(function, z * sign[channel], channel)

    def rough_code_at(z: IntArray, channel: IntArray) -> IntArray:
        return approximate_at(function, z * sign[channel], channel)

    every = indices(0, function.channels)
    lo = int(code_at(z_lo, every).min())
    hi = int(code_at(z_hi, every).max())
    near_code_at = rough_code_at if function.numerics == "exact" else code_at
    levels = indices(lo + 1, hi + 1)
    guess: _Line | None = None
    if hi - lo >= _FEWEST_GUESSED:
        guess = _Search(every[:, None], levels, z_lo[:, None], z_hi[:, None]).line(near_code_at)
    thresholds = np.empty((function.channels, hi - lo), np.int64)
    for block in _blocks(function.channels, hi - lo):
        search = _Search(every[block, None], levels, z_lo[block, None], z_hi[block, None])
        if guess is None:
            found = search.bisect(near_code_at)
        else:
            found = search.near(guess.rows(block), near_code_at)
        thresholds[block] = search.repaired(found, code_at)
    return SwitchPoints(lo, hi, thresholds, sign, x_lo, x_hi)


def enumerate_codes(
    function: ScalarFunction, x_lo: IntArray | int, x_hi: IntArray | int
) -> IntArray:
    """Returns the codes [R, N] on the N integers from the smallest x_lo to the largest x_hi.

    R is 1 if the function is the same for all channels, else C. Outside its own range a channel
    repeats the code of the range's end.

    Raises:
        ValueError: as `find_switch_points`.
    """
    x_lo, x_hi = _checked_range(function, x_lo, x_hi)
    first, last = int(x_lo.min()), int(x_hi.max())
    one_for_all = function.uniform and bool((x_lo == first).all() and (x_hi == last).all())
    _check_enumerable(1 if one_for_all else function.channels, last - first + 1)
    x = indices(first, last + 1)
    if one_for_all:
        return evaluate_at(function, x[None, :], np.zeros((1, 1), np.int64))
    return evaluate(function, np.clip(x[None, :], x_lo[:, None], x_hi[:, None]))


def _checked_range(
    function: ScalarFunction, x_lo: IntArray | int, x_hi: IntArray | int
) -> tuple[IntArray, IntArray]:
    lo, hi = per_channel(x_lo, function.channels), per_channel(x_hi, function.channels)
    if (lo > hi).any():
        worst = int(np.argmax(lo > hi))
        raise ValueError(
            f"accumulator range must not be empty, got lo {lo[worst]} > hi {hi[worst]} "
            f"in channel {worst}"
        )
    if lo.min() < -LARGEST_ACCUMULATOR or hi.max() > LARGEST_ACCUMULATOR:
        raise FunctionError(
            f"takes integers from {int(lo.min())} to {int(hi.max())}, and this function at most "
            "those of 54 bits",
            "put a quantizer of at most 16 bits before the activation function",
        )
    return lo, hi


def _check_enumerable(channels: int, size: int) -> None:
    if channels * size > ENUMERATION_LIMIT:
        raise FunctionError(
            "a function that neither rises nor falls throughout is looked up in a table: "
            f"{channels * size} entries for all channels, at most {ENUMERATION_LIMIT} allowed",
            "put a quantizer of at most 16 bits before the activation function",
        )


def _signs(function: ScalarFunction, x_lo: IntArray, x_hi: IntArray) -> IntArray | None:
    direction = function.direction
    sign = np.where(direction == -1, -1, 1).astype(np.int64)
    unknown = np.flatnonzero(direction == UNKNOWN)
    if unknown.size == 0:
        return sign
    first, last = int(x_lo[unknown].min()), int(x_hi[unknown].max())
    _check_enumerable(unknown.size, last - first + 1)
    x = indices(first, last + 1)[None, :]
    x = np.clip(x, x_lo[unknown, None], x_hi[unknown, None])
    steps = np.diff(evaluate_at(function, x, unknown[:, None]), axis=1)
    rises, falls = (steps >= 0).all(axis=1), (steps <= 0).all(axis=1)
    sign[unknown] = np.where(rises, 1, -1)
    return sign if bool((rises | falls).all()) else None


def _blocks(channels: int, levels: int) -> list[slice]:
    rows = max(1, _BLOCK // max(levels, 1))
    return [slice(i, min(i + rows, channels)) for i in range(0, channels, rows)]


class _Line(Struct, frozen=True, eq=False):
    """The straight line through the first and the last level that each channel's range reaches.

    Attributes:
        first: that level, [C, 1]; `last` the other.
        last: see `first`.
        start: the smallest z with the first level, [C, 1].
        slope: by how much z grows a level, [C, 1].
    """

    first: IntArray
    last: IntArray
    start: IntArray
    slope: FloatArray

    def rows(self, block: slice) -> _Line:
        """Returns the lines of some channels."""
        return _Line(self.first[block], self.last[block], self.start[block], self.slope[block])


class _Search:
    """Looks for the smallest z in [z_lo, z_hi] whose code is at least `level`; arrays broadcast."""

    def __init__(self, channel: IntArray, level: IntArray, z_lo: IntArray, z_hi: IntArray) -> None:
        self._channel, self._level, self._z_lo, self._z_hi = channel, level, z_lo, z_hi

    def bisect(self, code_at: CodeAt) -> IntArray:
        """Returns that z; z_hi + 1 if there is none."""
        shape = np.broadcast_shapes(self._z_lo.shape, self._level.shape)
        below = np.broadcast_to(self._z_lo - 1, shape)
        found = np.broadcast_to(self._z_hi + 1, shape)
        for _ in range(int((self._z_hi - self._z_lo + 1).max(initial=0)).bit_length()):
            # Rounding up makes a finished search ask at `found` again, which changes nothing.
            middle = (below + found + 1) >> 1
            has = code_at(np.minimum(middle, self._z_hi), self._channel) >= self._level
            found, below = np.where(has, middle, found), np.where(has, below, middle)
        return found

    def line(self, code_at: CodeAt) -> _Line:
        """Returns the lines that rows [C, L] may be: most functions are, between two clamps."""
        first = code_at(self._z_lo, self._channel) + 1
        last = code_at(self._z_hi, self._channel)
        ends = np.concatenate([np.minimum(first, last), last], axis=1)
        start, end = np.split(
            _Search(self._channel, ends, self._z_lo, self._z_hi).bisect(code_at), 2, axis=1
        )
        return _Line(first, last, start, (end - start) / np.maximum(last - first, 1))

    def near(self, line: _Line, code_at: CodeAt) -> IntArray:
        """Returns that z as far as the levels of a row lie on a line; else something near it."""
        levels, first = self._level.reshape(1, -1), line.first
        middle = line.start + np.rint((levels - first) * line.slope).astype(np.int64)
        low, high = self._z_lo - 1, self._z_hi + 1
        below = np.clip(middle - _GUESSED_WITHIN, low, self._z_hi)
        found = np.clip(middle + _GUESSED_WITHIN, self._z_lo, high)

        def within(z: IntArray, channel: IntArray) -> IntArray:
            return code_at(np.clip(z, self._z_lo, self._z_hi), channel)

        near = _Search(self._channel, levels, below + 1, found - 1).bisect(within)
        return np.where(levels < first, self._z_lo, np.where(levels > line.last, high, near))

    def repaired(self, found: IntArray, code_at: CodeAt) -> IntArray:
        """Returns approximate results of `bisect` made exact.

        Args:
            found: results of `bisect` with a function close to `code_at`.
            code_at: the exact function.
        """
        at = code_at(np.minimum(found, self._z_hi), self._channel)
        before = code_at(np.maximum(found - 1, self._z_lo), self._channel)
        right = (at >= self._level) | (found > self._z_hi)
        right &= (before < self._level) | (found <= self._z_lo)
        if right.all():
            return found
        parts = (self._channel, self._level, self._z_lo, self._z_hi)
        wrong = _Search(*(np.broadcast_to(part, found.shape)[~right] for part in parts))
        found = found.copy()
        found[~right] = wrong.bisect(code_at)
        return found


def switch_points_of(
    codes: Callable[[IntArray], IntArray], sign: IntArray, x_lo: IntArray, x_hi: IntArray
) -> SwitchPoints:
    """Returns the switch points of something that computes a monotone function.

    Args:
        codes: of accumulators [C, N]; asked within the range only.
        sign: int64 [C], -1 where codes fall, else 1.
        x_lo: int64 [C], smallest accumulator.
        x_hi: int64 [C], largest accumulator.
    """
    signs = sign[:, None]

    def code_at(z: IntArray, channel: IntArray) -> IntArray:
        del channel  # one row per channel
        return codes(z * signs)

    z_lo, z_hi = np.where(sign > 0, x_lo, -x_hi), np.where(sign > 0, x_hi, -x_lo)
    every = indices(0, sign.size)[:, None]
    lo = int(code_at(z_lo[:, None], every).min())
    hi = int(code_at(z_hi[:, None], every).max())
    search = _Search(every, indices(lo + 1, hi + 1), z_lo[:, None], z_hi[:, None])
    found = search.bisect(code_at) if hi > lo else np.empty((sign.size, 0), np.int64)
    return SwitchPoints(lo, hi, found, sign, x_lo, x_hi)

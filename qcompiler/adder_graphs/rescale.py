"""Requantizers in parallel networks: constants that take few adders, or a comparison for each step.

    y = clamp((((x >> zeros) + before) * multiplier + bias) >> shift, lo, hi)

Which lines take every step at its accumulator is known exactly: for each shift, one inequality from
below and one from above for every step, so a convex polygon of multipliers and biases. Of all its
integer points those with the fewest signed digits are taken. `before` belongs to the bias of the
matrix before and costs nothing there; it is all of the bias where the polygon allows that.

Functions that round half to even have no such line with a power of two. With `tie_parity`, a sum
whose low `shift` bits are all zero is a tie between y - 1 and y and takes the one with this lowest
bit, as in `arith.requantizers`. For parity 0 that only clears the lowest bit of a code.

A multiplication by a constant of n digits is n - 1 adders, none for a power of two. Few steps are
cheaper as comparisons: y = lo + how many thresholds x reaches.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from qcompiler.adder_graphs.cost import AdderCost, comparison_luts, width
from qcompiler.adder_graphs.digits import weight
from qcompiler.arith.arrays import IntArray
from qcompiler.arith.exact_fit import roundest
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.switch_points import SwitchPoints

_MORE_SHIFTS = 6
_MOST_SHIFT = 40


class Rescale(Struct, frozen=True):
    """y = clamp((((x >> zeros) + before) * multiplier + bias) >> shift, lo, hi), one channel.

    Attributes:
        zeros: low bits of x that are always zero.
        before: what is added first; for the matrix before to add.
        multiplier: negative for decreasing functions; 1 or -1 where wires do.
        bias: what is added to the product; 0 wherever `before` can be all.
        shift: bits to the right, rounding down.
        lo: smallest code.
        hi: largest.
        tie_parity: what ties go to; None if they are no special case.
        sums: range of the product with its bias; a clamp is needed beyond lo and hi.
    """

    zeros: int
    before: int
    multiplier: int
    bias: int
    shift: int
    lo: int
    hi: int
    sums: IntRange
    tie_parity: int | None = None

    def apply(self, x: IntArray) -> IntArray:
        """Returns the codes of accumulators."""
        total = ((x >> self.zeros) + self.before) * self.multiplier + self.bias
        code = total >> self.shift
        if self.tie_parity is not None:
            tie = total & ((1 << self.shift) - 1) == 0
            code -= tie & (code & 1 != self.tie_parity)
        return np.clip(code, self.lo, self.hi)

    def luts(self, cost: AdderCost) -> int:
        """Returns look-up tables: the product, its bias and the clamp, but not `before`."""
        bits = width(self.sums.lo, self.sums.hi)
        adders = max(weight(self.multiplier) - 1, self.multiplier < 0)
        low = (self.bias & -self.bias).bit_length() - 1
        tables = adders * cost.adder(bits)
        if self.bias:
            tables += cost.adder(max(bits - low, 0))
        shifted = IntRange(self.sums.lo >> self.shift, self.sums.hi >> self.shift)
        if self.tie_parity is not None:
            tables += -(-self.shift // 3) + 1 + self.tie_parity * cost.adder(shifted.width_bits)
        return tables + _clamp_luts(shifted, IntRange(self.lo, self.hi))


class Comparisons(Struct, frozen=True):
    """y = lo + how many of the thresholds sign * x reaches, one channel.

    Attributes:
        sign: -1 for decreasing functions.
        thresholds: rising; a code that no accumulator has makes two of them equal.
        lo: smallest code.
        bits: of x, without low bits that are always zero.
        zeros: these low bits.
    """

    sign: int
    thresholds: tuple[int, ...]
    lo: int
    bits: int
    zeros: int

    def apply(self, x: IntArray) -> IntArray:
        """Returns the codes of accumulators."""
        reached = (self.sign * x)[..., None] >= np.array(self.thresholds, np.int64)
        return self.lo + reached.sum(axis=-1, dtype=np.int64)

    def luts(self, cost: AdderCost) -> int:
        """Returns tables: of each comparison, less the threshold's zeros, and the code's."""
        tables = 0
        for threshold in set(self.thresholds):
            low = (threshold & -threshold).bit_length() - 1 - self.zeros if threshold else self.bits
            tables += comparison_luts(self.bits - max(low, 0), cost)
        return tables + max(len(self.thresholds) - 1, 0)


def _clamp_luts(values: IntRange, codes: IntRange) -> int:
    """Returns tables of a clamp: a bit of the code takes one, each side's test a third of a bit."""
    if codes.contains(values):
        return 0
    spare = max(values.width_bits - codes.width_bits, 1)
    sides = (values.lo < codes.lo) + (values.hi > codes.hi)
    return codes.width_bits + sides * -(-spare // 3)


def rescales(points: SwitchPoints, channel: int, zeros: int = 0) -> list[Rescale]:
    """Returns lines with few digits that have a channel's codes, for several shifts; may be none.

    Args:
        points: the function's steps.
        channel: of which.
        zeros: low bits of its accumulators that are always zero.
    """
    found: list[Rescale] = []
    for parity in (None, 0, 1):
        lines = _Lines.of(points, channel, zeros, parity)
        for shift in lines.shifts():
            low, high = lines.multipliers(shift)
            made = (lines.rescale(multiplier, shift) for multiplier in fewest_digits(low, high))
            found += [form for form in made if form is not None]
    return found


def comparisons(points: SwitchPoints, channel: int, zeros: int = 0) -> Comparisons:
    """Returns a channel's codes as comparisons; arguments as in `rescales`."""
    needed = ~points.always[channel] & ~points.never[channel]
    thresholds = tuple(points.thresholds[channel][needed].tolist())
    lo = points.lo + int(points.always[channel].sum())
    bits = width(int(points.x_lo[channel]), int(points.x_hi[channel])) - zeros
    return Comparisons(int(points.sign[channel]), thresholds, lo, max(bits, 0), zeros)


def fewest_digits(low: int, high: int) -> list[int]:
    """Returns integers in [low, high], 0 < low, that have the fewest signed digits; some of them.

    Example:
        >>> fewest_digits(27, 29), fewest_digits(100, 130), fewest_digits(91, 92)
        ([28], [128], [92])
    """
    most = min(weight(low), weight(high))
    for count in range(1, most + 1):
        found = sorted(set(_with_digits(low, high, count)))
        if found:
            return found
    return []


def _with_digits(low: int, high: int, count: int) -> Iterator[int]:
    """Yields integers in [low, high] with at most `count` digits."""
    if low <= 0 <= high:
        yield 0
    if not count:
        return
    largest = max(abs(low), abs(high))
    for sign in (1, -1):
        # The first digit of n is at most a power of two away from n.
        for power in range(max(largest.bit_length() - 2, 0), largest.bit_length() + 1):
            digit = sign << power
            if count == 1:
                if low <= digit <= high:
                    yield digit
            elif max(low - digit, digit - high, 0) < 1 << power:
                for rest in _with_digits(low - digit, high - digit, count - 1):
                    yield digit + rest


class _Point(NamedTuple):
    """m * z + b is at least, or below, (level << shift) + more."""

    z: int
    level: int
    more: int


def _corners(points: list[_Point], side: int) -> list[_Point]:
    """Returns the points of the hulls above (1) or below (-1) of rising points; they imply all."""
    return [at for more in (0, 1) for at in _hull([p for p in points if p.more == more], side)]


def _hull(points: list[_Point], side: int) -> list[_Point]:
    found: list[_Point] = []
    for point in points:
        while len(found) > 1:
            (z0, k0, _), (z1, k1, _) = found[-2:]
            if side * ((k1 - k0) * (point.z - z0) - (point.level - k0) * (z1 - z0)) > 0:
                break
            found.pop()
        found.append(point)
    return found


class _Lines(Struct, frozen=True):
    """What a line must satisfy: points that it must reach, and points that it must stay below.

    Attributes:
        above: where it reaches a level.
        below: where it does not yet.
        form: what all lines share.
        ends: range of z.
        sign: z = sign * (x >> zeros).
    """

    above: list[_Point]
    below: list[_Point]
    form: Rescale
    ends: IntRange
    sign: int

    @staticmethod
    def of(points: SwitchPoints, channel: int, zeros: int, parity: int | None) -> _Lines:
        """Returns the conditions of a channel."""
        levels = range(points.lo + 1, points.hi + 1)
        # The first multiple of 2**zeros that reaches a threshold, and the one before.
        starts = (-(-points.thresholds[channel] >> zeros)).tolist()
        ends = IntRange(-(-int(points.z_lo[channel]) >> zeros), int(points.z_hi[channel]) >> zeros)
        # A level that ties do not go to begins one above them.
        each = [
            _Point(at, k, int(parity is not None and k & 1 != parity))
            for at, k in zip(starts, levels, strict=True)
        ]
        above = [point for point in each if point.z <= ends.hi]
        below = [point._replace(z=point.z - 1) for point in each if point.z > ends.lo]
        form = Rescale(zeros, 0, 1, 0, 0, points.lo, points.hi, ends, parity)
        corners = _corners(above, 1), _corners(below, -1)
        return _Lines(*corners, form, ends, int(points.sign[channel]))

    def _biases(self, multiplier: int, shift: int) -> tuple[int, int]:
        """Returns the least and the largest bias; none fits if the least is larger."""
        step = 1 << shift
        least = max((k * step + e - multiplier * z for z, k, e in self.above), default=None)
        most = min((k * step + e - 1 - multiplier * z for z, k, e in self.below), default=None)
        if least is None:
            return (0, 0) if most is None else (most - step + 1, most)
        return least, least + step - 1 if most is None else most

    def _room(self, multiplier: int, shift: int) -> int:
        least, most = self._biases(multiplier, shift)
        return most - least

    def shifts(self) -> Iterator[int]:
        """Yields shifts from the smallest one on for which there are lines."""
        some = range(self.form.tie_parity is not None, _MOST_SHIFT)
        first = next((shift for shift in some if self._feasible(shift) is not None), None)
        if first is not None:
            yield from range(first, first + _MORE_SHIFTS)

    def _slopes(self, shift: int) -> tuple[int, int]:
        """Returns bounds on multipliers, from the steps that are furthest apart."""
        low, high, step = 1, 1 << (shift + 1), 1 << shift
        last, first = max(self.above), min(self.below)
        rise, run = (last.level - first.level) * step, last.z - first.z
        if rise > 0 and run > 0:
            low = max(low, (rise - 1) // run)
        first, last = min(self.above), max(self.below)
        rise, run = (last.level - first.level + 1) * step, last.z - first.z
        high = -(-rise // run) if run > 0 else max(high, 2 * low)
        return low, max(high, low)

    def _feasible(self, shift: int) -> int | None:
        """Returns a multiplier for which a bias exists: room is concave, so ternary search."""
        if not self.above or not self.below:
            return 1
        low, high = self._slopes(shift)
        while high - low > 2:
            third = (high - low) // 3
            a, b = low + third, high - third
            if self._room(a, shift) >= 0:
                return a
            if self._room(a, shift) < self._room(b, shift):
                low = a + 1
            else:
                high = b
        return next((m for m in range(low, high + 1) if self._room(m, shift) >= 0), None)

    def multipliers(self, shift: int) -> tuple[int, int]:
        """Returns the least and the largest multiplier that has a bias, around a feasible one."""
        inside = self._feasible(shift)
        if inside is None:
            return 1, 0
        if not self.above or not self.below:
            return 1, 1
        low, high = self._slopes(shift)
        return self._edge(inside, low - 1, shift), self._edge(inside, high + 1, shift)

    def _edge(self, inside: int, outside: int, shift: int) -> int:
        if outside > 0 and self._room(outside, shift) >= 0:
            return outside
        while abs(outside - inside) > 1:
            middle = (inside + outside) // 2
            if middle > 0 and self._room(middle, shift) >= 0:
                inside = middle
            else:
                outside = middle
        return inside

    def rescale(self, multiplier: int, shift: int) -> Rescale | None:
        """Returns the form with a multiplier, its bias before it where that is possible."""
        least, most = self._biases(multiplier, shift)
        if least > most:
            return None
        zeros = (multiplier & -multiplier).bit_length() - 1
        ties = self.form.tie_parity is not None
        down = min(zeros, shift - ties)
        before = roundest(-(-least // multiplier), most // multiplier)
        bias = 0
        if not least <= before * multiplier <= most:
            before, bias = 0, roundest(least, most)
        if bias == 0:  # an even product lies in as well without its zeros
            multiplier, shift = multiplier >> down, shift - down
        sums = IntRange(*((z + before) * multiplier + bias for z in (self.ends.lo, self.ends.hi)))
        return replace(
            self.form,
            before=self.sign * before,
            multiplier=self.sign * multiplier,
            bias=bias,
            shift=shift,
            sums=sums,
        )

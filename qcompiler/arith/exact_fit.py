"""Integer arithmetic that equals a line's codes, proven at the corners of convex hulls.

A line p(z) = m * z + b has code k where k * 2**shift <= p(z) < (k + 1) * 2**shift. That is one
inequality from below and one from above for each z; those at the corners that `lattice` finds imply
all others. So nothing is enumerated, however many codes or accumulators there are.

Where many accumulators lie exactly between two codes, p is kept at k * 2**shift or at most
2**tie_width above it there, and clear of that everywhere else: then hardware sees the tie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from math import lcm
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from qcompiler.arith.arrays import integers, one_row
from qcompiler.arith.exact_lines import CodeLine
from qcompiler.arith.lattice import first_multiple, points_above, points_below
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import WIDEST_SUM_BITS, MulShift, Shift

_LARGEST_SHIFT = WIDEST_SUM_BITS


class Bound(NamedTuple):
    """m * z + b >= level * 2**shift, or <= that - 1; a tie's width more if `tie`."""

    z: int
    level: int
    tie: bool = False


class Bounds(NamedTuple):
    """What a line must satisfy to have the codes of one channel."""

    lower: list[Bound]
    upper: list[Bound]


class Channel(Struct, frozen=True):
    """One channel's codes, as bounds on lines.

    Attributes:
        sign: z = sign * x.
        slope: of the line in z, codes per accumulator.
        plain: for a line without a tie fix; None if no line steps at the right accumulators.
        with_ties: for one with a tie fix; None if ties go up and down in another way.
        tie_bits: how many bits tell a tie from what is none, at least; 0 without ties.
        tie_parity: lowest bit of the code that a tie takes.
    """

    sign: int
    slope: Fraction
    plain: Bounds | None
    with_ties: Bounds | None
    tie_bits: int = 0
    tie_parity: int = 0


class _Line(Struct, frozen=True):
    """w(z) = (p * z + r) / q with p >= 0, the lowest of all possible lines."""

    p: int
    q: int
    r: int
    code: CodeLine

    @staticmethod
    def of(code: CodeLine) -> _Line:
        slope, offset = abs(code.slope), code.offset - code.error
        q = lcm(slope.denominator, offset.denominator)
        return _Line(int(slope * q), q, int(offset * q), code)

    def level(self, z: int) -> int:
        """Returns floor(w(z))."""
        return (self.p * z + self.r) // self.q

    def first_with(self, level: int, z_lo: int, z_hi: int) -> int:
        """Returns the first z in [z_lo, z_hi + 1] whose code is at least `level`."""
        if self.p == 0:
            return z_lo if self.code.code_of(Fraction(self.r, self.q)) >= level else z_hi + 1
        distance = level * self.q - self.r
        upward = self.code.upward(level)
        z = -(-distance // self.p) if upward else distance // self.p + 1
        return min(max(z, z_lo), z_hi + 1)

    def ties(self, lo: int, hi: int) -> range:
        """Returns all z in [lo, hi] with an integer w(z)."""
        found = None if self.code.error else first_multiple(self.p, self.q, self.r)
        if found is None:
            return range(0)
        start, period = found
        return range(lo + (start - lo) % period, hi + 1, period)

    def hulls(self, lo: int, hi: int, *, upward: bool) -> Bounds:
        """Returns the points (z, code) and (z, code + 1) on [lo, hi] that imply all others."""
        r = self.r if upward else self.r - 1
        below, above = (f(self.p, self.q, r, lo, hi) for f in (points_below, points_above))
        return Bounds([Bound(*at) for at in below], [Bound(*at) for at in above])


def channel_of(code: CodeLine, x_lo: int, x_hi: int, clamp: IntRange) -> Channel | None:
    """Returns what a line must satisfy on [x_lo, x_hi], None if the line is not known well enough.

    Args:
        code: the channel's codes.
        x_lo: smallest accumulator.
        x_hi: largest.
        clamp: where the form clamps; what is cut elsewhere, the line itself must not pass.
    """
    sign = -1 if code.slope < 0 else 1
    code = replace(code, lo=max(code.lo, clamp.lo), hi=min(code.hi, clamp.hi))
    line = _Line.of(code)
    z_lo, z_hi = (x_lo, x_hi) if sign > 0 else (-x_hi, -x_lo)
    start, end = (line.first_with(level, z_lo, z_hi) for level in (code.lo + 1, code.hi))
    ends = Bounds([], [])
    if code.hi > clamp.lo and end <= z_hi:
        ends.lower.append(Bound(end, code.hi, not code.upward(code.hi)))
    if code.lo < clamp.hi and start > z_lo:
        ends.upper.append(Bound(start - 1, code.lo + 1, not code.upward(code.lo + 1)))
    if code.lo > clamp.lo and start > z_lo:
        ends.lower.append(Bound(z_lo, code.lo, True))
    if code.hi < clamp.hi and end <= z_hi:
        ends.upper.append(Bound(z_hi, code.hi + 1))
    inner = (start, end - 1)
    plain = _plain(line, *inner)
    if code.error and not _certain(line, [*ends.upper, *plain.upper] if plain else ends.upper):
        return None
    bits, with_ties = _with_ties(line, *inner)
    return Channel(
        sign,
        abs(code.slope),
        _joined(ends, plain),
        _joined(ends, with_ties),
        bits,
        int(code.tie_to == "odd"),
    )


def _joined(a: Bounds, b: Bounds | None) -> Bounds | None:
    return None if b is None else Bounds(a.lower + b.lower, a.upper + b.upper)


def _plain(line: _Line, start: int, end: int) -> Bounds | None:
    """Returns the bounds on [start, end], where no code is clamped, for a line without tie fix."""
    code = line.code
    ties = line.ties(start, end)
    alternate = code.tie_to in ("even", "odd")
    if alternate and len(ties) > 1 and (line.level(ties[1]) - line.level(ties[0])) % 2:
        return None
    parts = [(start, end)]
    if code.tie_to in ("away", "toward") and ties:
        first_above_zero = (code.zero * line.q - line.r) // line.p + 1 if line.p else start
        middle = min(max(first_above_zero, start), end + 1)
        parts = [(start, middle - 1), (middle, end)]
    found = Bounds([], [])
    for a, b in parts:
        if a <= b:
            inside = line.ties(a, b)
            upward = not inside or code.upward(line.level(inside[0]))
            low, high = line.hulls(a, b, upward=upward)
            found.lower.extend(low)
            found.upper.extend(high)
    return found


def _certain(line: _Line, upper: Sequence[Bound]) -> bool:
    """Whether the highest of all possible lines stays below the same points as the lowest."""
    highest = line.r + int(2 * line.code.error * line.q) + 1
    return all(line.p * z + highest < level * line.q for z, level, _ in upper)


def _with_ties(line: _Line, start: int, end: int) -> tuple[int, Bounds | None]:
    """Returns bounds that keep ties within their width above a level, all others clear of it.

    And how many bits tell a tie from the next number above.
    """
    if line.code.tie_to not in ("even", "odd"):
        return 0, None
    if start > end:
        return 0, Bounds([], [])
    lower = [bound._replace(tie=True) for bound in line.hulls(start, end, upward=False).lower]
    upper = line.hulls(start, end, upward=True).upper
    ties = line.ties(start, end)
    if not ties:
        return 0, Bounds(lower, upper)
    # Ties lie evenly on a line: what holds at the first and at the last one holds at all.
    for z in (ties[0], ties[-1]):
        lower.append(Bound(z, line.level(z)))
        upper.append(Bound(z, line.level(z), True))
    return max((ties.step - 1).bit_length(), 1), Bounds(lower, upper)


class Fit:
    """The search for lines p(z) = m * z + b that satisfy the bounds of all channels.

    Args:
        channels: what must hold.
        tie_bits: a sum is a tie if this many bits below its code are zero; None for no tie fix.
    """

    def __init__(self, channels: Sequence[Channel], tie_bits: int | None = None) -> None:
        self._tie_bits = tie_bits
        given = [c.plain if tie_bits is None else c.with_ties for c in channels]
        self._bounds = [bounds for bounds in given if bounds is not None]
        self.possible = len(self._bounds) == len(channels)

    def tie_width(self, shift: int) -> int:
        """Returns how many low bits of a sum may be anything in a tie."""
        return 0 if self._tie_bits is None else shift - self._tie_bits

    def _ends(self, bounds: Bounds, shift: int) -> tuple[list[_Sum], list[_Sum]]:
        width = 0 if self._tie_bits is None else 1 << self.tie_width(shift)
        lower = [_Sum(z, (level << shift) + tie * width) for z, level, tie in bounds.lower]
        upper = [_Sum(z, (level << shift) - 1 + tie * width) for z, level, tie in bounds.upper]
        return lower, upper

    def multipliers(self, shift: int, *, shared: bool = False) -> list[int] | None:
        """Returns the smallest m >= 0 of each channel for which some b exists, or None.

        Args:
            shift: bits to the right.
            shared: the same m for all.
        """
        ends = [self._ends(bounds, shift) for bounds in self._bounds]
        if not shared:
            found = [_smallest(*one, 0) for one in ends]
            return None if None in found else [m for m in found if m is not None]
        m: int | None = 0
        while True:
            before = m
            for one in ends:
                m = _smallest(*one, m)
                if m is None:
                    return None
            if m == before:
                return [m] * len(ends)

    def smallest_shift(self, *, shared: bool = False) -> int | None:
        """Returns the smallest shift for which multipliers exist, or None.

        Doubling m and b carries a fit over to the next shift, so feasibility is monotone.
        """
        below = (0 if self._tie_bits is None else self._tie_bits) - 1
        if shared:
            return _bisect(below, lambda shift: self.multipliers(shift, shared=True) is not None)
        found = below + 1
        for bounds in self._bounds:
            if not self._feasible(bounds, found):
                shift = _bisect(found, lambda s, of=bounds: self._feasible(of, s))
                if shift is None:
                    return None
                found = shift
        return found

    def _feasible(self, bounds: Bounds, shift: int) -> bool:
        return _smallest(*self._ends(bounds, shift), 0) is not None

    def biases(self, multipliers: Sequence[int], shift: int) -> list[int]:
        """Returns a b of each channel, the same one if possible, with many zeros at its end."""
        ranges: list[tuple[int, int]] = []
        for m, bounds in zip(multipliers, self._bounds, strict=True):
            lower, upper = self._ends(bounds, shift)
            least = max((end.total - m * end.z for end in lower), default=None)
            most = min((end.total - m * end.z for end in upper), default=None)
            # A channel bounded on one side only takes a whole step next to that bound.
            step = (1 << shift) - 1
            if least is None:
                least = 0 if most is None else most - step
            ranges.append((least, least + step if most is None else most))
        common = max(least for least, _ in ranges), min(most for _, most in ranges)
        if common[0] <= common[1]:
            ranges = [common] * len(ranges)
        return [roundest(least, most) for least, most in ranges]


class _Sum(NamedTuple):
    z: int
    total: int


def _smallest(lower: Sequence[_Sum], upper: Sequence[_Sum], m: int) -> int | None:
    """Returns the smallest multiplier from m on for which a bias exists, or None.

    Newton's method from the left on the room between the bounds, which is concave in m: the pair
    of bounds that is violated most is a line above it, so no m before that line's root is feasible.
    """
    if not lower or not upper:
        return m
    while True:
        least = max(lower, key=lambda end: end.total - m * end.z)
        most = min(upper, key=lambda end: end.total - m * end.z)
        room = (most.total - m * most.z) - (least.total - m * least.z)
        if room >= 0:
            return m
        gain = least.z - most.z
        if gain <= 0:
            return None
        m += -(room // gain)


def _bisect(below: int, feasible: Callable[[int], bool]) -> int | None:
    """Returns the smallest feasible number above `below`, by doubling steps and bisection."""
    step = 8
    while not feasible(below + step):
        below += step
        if below > _LARGEST_SHIFT:
            return None
        step *= 2
    found = below + step
    while found - below > 1:
        middle = (found + below) // 2
        if feasible(middle):
            found = middle
        else:
            below = middle
    return found


def roundest(least: int, most: int) -> int:
    """Returns the integer in [least, most] with the most trailing zeros, cheapest to add."""
    best = least
    for zeros in range(1, max(most - least, 1).bit_length() + 1):
        candidate = -(-least >> zeros) << zeros
        if candidate <= most:
            best = candidate
    return 0 if least <= 0 <= most else best


def forms_of(
    channels: Sequence[Channel], x: IntRange, clamp: IntRange
) -> Iterator[tuple[str, Shift | MulShift]]:
    """Yields forms that have the codes of all channels, each with what distinguishes it.

    Args:
        channels: their bounds.
        x: range of the accumulators of all channels.
        clamp: where the form clamps.
    """
    fits: list[tuple[str, Fit]] = [("plain", Fit(channels))]
    bits = max(channel.tie_bits for channel in channels)
    parities = {channel.tie_parity for channel in channels if channel.tie_bits}
    if bits and len(parities) == 1:
        parity = parities.pop()
        variant = f"ties to {'odd' if parity else 'even'}"
        # One bit more leaves half the width to ties, and more room to all others.
        fits += [(variant, Fit(channels, bits + more)) for more in (0, 1)]
    else:
        parity = 0
    for variant, fit in fits:
        for shared in (False, True) if _alike(channels) else (False,):
            shift = fit.smallest_shift(shared=shared) if fit.possible else None
            if shift is None:
                continue
            m = fit.multipliers(shift, shared=shared)
            assert m is not None, "the shift is feasible"
            name = f"{variant}, one multiplier" if shared else variant
            ties = None if variant == "plain" else (parity, fit.tie_width(shift))
            form = _form(channels, m, fit.biases(m, shift), shift, clamp, ties)
            if form.sum_range(x).width_bits <= WIDEST_SUM_BITS:
                yield name, form


def _alike(channels: Sequence[Channel]) -> bool:
    """Whether several channels may well share a multiplier."""
    return len(channels) > 1 and len({(c.sign, c.slope) for c in channels}) == 1


def _form(
    channels: Sequence[Channel],
    multipliers: Sequence[int],
    biases: Sequence[int],
    shift: int,
    clamp: IntRange,
    ties: tuple[int, int] | None,
) -> Shift | MulShift:
    parity, width = (None, 0) if ties is None else ties
    signs = one_row(integers([channel.sign for channel in channels]))
    bias = one_row(integers(biases))
    left = multipliers[0].bit_length() - 1
    power = len(set(multipliers)) == 1 and multipliers[0] == 1 << max(left, 0)
    if power and (left == 0 or (shift == 0 and parity is None)):
        amount = shift if left == 0 else -left
        return Shift(amount, bias, signs, clamp.lo, clamp.hi, parity, width)
    signed = [m * channel.sign for m, channel in zip(multipliers, channels, strict=True)]
    factors = one_row(integers(signed))
    return MulShift(factors, bias, shift, clamp.lo, clamp.hi, parity, width)

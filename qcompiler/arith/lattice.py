"""Integer points next to a line: the few that decide whether another line has the same floor.

For a line (p * x + r) / q on [lo, hi], every point (x, floor) lies below the upper convex hull of
all of them. A second line stays above all of the points if it stays above the hull's corners, and
there are only about as many corners as the numbers have bits. So equality on 2**60 integers is
proven by looking at some fifty.

Source: the corners are found by the continued fraction of the slope, as in Harvey, "Computing
two-dimensional integer hulls", SIAM J. Comput. 28 (1999); the step to the next better point is the
"first in range" problem of modular arithmetic.
"""

from __future__ import annotations

from math import gcd
from typing import NamedTuple


class Point(NamedTuple):
    """An integer point."""

    x: int
    y: int


def first_in_range(factor: int, modulus: int, least: int, most: int) -> int | None:
    """Returns the smallest x >= 0 with least <= factor * x mod modulus <= most, None if none has.

    Args:
        factor: at least 0.
        modulus: at least 1.
        least: at least 0, at most `most`.
        most: below `modulus`.
    """
    rounds: list[tuple[int, int, int]] = []
    while True:
        factor %= modulus
        if least == 0:
            x = 0
            break
        if factor == 0:
            return None
        x = -(-least // factor)
        if x * factor <= most:
            break
        # x is the first for which factor * x reaches least + modulus * y, for the least such y.
        rounds.append((factor, modulus, least))
        factor, modulus, least, most = modulus, factor, -most % factor, -least % factor
    for factor, modulus, least in reversed(rounds):
        x = -(-(least + modulus * x) // factor)
    return x


def points_below(p: int, q: int, r: int, lo: int, hi: int) -> list[Point]:
    """Returns points (x, floor((p * x + r) / q)), lo <= x <= hi, all corners of the hull included.

    A line that is nowhere below these is nowhere below any of the points on [lo, hi].

    Args:
        p: numerator of the slope.
        q: denominator, positive.
        r: numerator of the offset.
        lo: first x.
        hi: last x, at least `lo`.
    """
    # Left of the point closest to the line, corners are closer to it than all points before them;
    # right of it, than all after them.
    from_left = _records(p, q, r, lo, hi)
    from_right = _records(-p, q, r, -hi, -lo)
    return from_left + [Point(-x, y) for x, y in from_right]


def points_above(p: int, q: int, r: int, lo: int, hi: int) -> list[Point]:
    """Returns points (x, floor((p * x + r) / q) + 1), all corners of their lower hull included."""
    # Mirrored, floor + 1 is the largest integer strictly below the line.
    return [Point(x, -y) for x, y in points_below(-p, q, -r - 1, lo, hi)]


def _records(p: int, q: int, r: int, lo: int, hi: int) -> list[Point]:
    """Returns points, from `lo` on, closer to the line than all before; of equal steps the ends."""
    x = lo
    below = (p * x + r) % q
    found = [Point(x, (p * x + r) // q)]
    while below and x < hi:
        step = first_in_range(-p % q, q, 1, below)
        if step is None:
            break
        gain = -p * step % q
        times = min(below // gain, (hi - x) // step)
        if times == 0:
            break
        x += times * step
        below -= times * gain
        found.append(Point(x, (p * x + r) // q))
    return found


def first_multiple(p: int, q: int, r: int) -> tuple[int, int] | None:
    """Returns (x, period): p * x + r is a multiple of q at x + k * period only; None if nowhere.

    x is in [0, period).
    """
    common = gcd(p, q)
    if r % common:
        return None
    period = q // common
    if period == 1:
        return 0, 1
    return -r // common * pow(p // common, -1, period) % period, period

"""Layer and root-mean-square normalization of codes, and the quantizer behind, as one formula.

With codes x of scale s, n in a row, N = n x - sum(x) and V = n sum(x^2) - sum(x)^2, a normalized
element is g N / sqrt(V + k) + b, where k = n^2 epsilon / s^2 (without the mean: N = n x and
V = n sum(x^2)). All of these but the root are rational. So for an integer D that makes
(b / t + 1/2) D whole, t the scale of the codes that leave, the code before rounding to even is

    floor((±sqrt(R) + B) / D),   R = (g N D / t)^2 / (V + k),   B = (b / t + 1/2) D

and a floor of a sum of an integer and a root is that of the root's floor, or ceiling where it is
negative: integer square roots of integer quotients. It is a tie if the root is whole and D divides.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import gcd, lcm

from msgspec import Struct


class Normalization(Struct, frozen=True):
    """A formula of x (a), the sum of its squares (b) and its sum (c), and its tables.

    Attributes:
        text: of the formula.
        gains: table t, one a position.
        offsets: table u, one a position.
    """

    text: str
    gains: tuple[int, ...]
    offsets: tuple[int, ...]


def normalization(
    scale: Fraction,
    epsilon: Fraction,
    parameters: tuple[Sequence[Fraction], Sequence[Fraction]],
    made: tuple[Fraction, int, int, int],
    *,
    centered: bool,
) -> Normalization:
    """Returns the formula of a normalization and the quantizer behind it.

    Args:
        scale: s, of the codes.
        epsilon: positive.
        parameters: g and b, one of each for every element of a row.
        made: (t, zero point, lowest, highest) of the codes that leave.
        centered: whether the mean is taken away.
    """
    gains, offsets = parameters
    step, zero, lowest, highest = made
    count = len(gains)
    unit = _common(gains)
    halves = [offset / step + Fraction(1, 2) for offset in offsets]
    parts = lcm(*(half.denominator for half in halves))
    small = Fraction(count**2) * epsilon / scale**2
    factor = unit * parts / step
    up, down = factor.numerator**2 * small.denominator, factor.denominator**2
    shared = gcd(up, down)
    n = f"{count} * a - c" if centered else f"{count} * a"
    v = f"max({count} * b - c * c, 0)" if centered else f"{count} * b"
    text = (
        f"n = {n}; v = {v} * {small.denominator} + {small.numerator}; g = n * t[position]; "
        f"m = g < 0; x = g * g * {up // shared}; y = v * {down // shared}; "
        f"r = sqrt(max(x - m, 0) // y) + m; s = (-r if m else r) + u[position]; q = s // {parts}; "
        f"o = (r * r * y == x) * (s == q * {parts}) * (q - (q >> 1 << 1)); "
        f"max(min(q - o + {zero}, {highest}), {lowest})"
    )
    return Normalization(
        text,
        tuple(int(gain / unit) for gain in gains),
        tuple(int(half * parts) for half in halves),
    )


def _common(numbers: Sequence[Fraction]) -> Fraction:
    """Returns the largest number of which all are whole multiples."""
    whole = lcm(*(number.denominator for number in numbers))
    return Fraction(gcd(*(int(number * whole) for number in numbers)) or 1, whole)

"""Exact real arithmetic: intervals of fractions.

Rational operations map points to points. An irrational one (a future sigmoid) returns an interval
that shrinks as the precision grows (the first argument of every function, in bits); the evaluator
asks for more until the rounded code is certain.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple


class Enclosure(NamedTuple):
    """A real number known to lie in [lo, hi]; a point if both are equal."""

    lo: Fraction
    hi: Fraction


def point(value: Fraction) -> Enclosure:
    """Returns the enclosure of a known rational."""
    return Enclosure(value, value)


_LONGEST_BITS = 2**14
_LARGEST_EXPONENT = 2**16


class TooLargeError(ValueError):
    """A number on the way to a code is too large to be worked with."""


def shortened(x: Enclosure, bits: int) -> Enclosure:
    """Returns x, or, where its numbers are long, an enclosure that is wider by 2**-bits of it.

    Raises:
        TooLargeError: x may be larger than any number of a network.
    """
    if all(max(e.numerator.bit_length(), e.denominator.bit_length()) <= _LONGEST_BITS for e in x):
        return x
    return Enclosure(-_rounded_up(-x.lo, bits), _rounded_up(x.hi, bits))


def _rounded_up(x: Fraction, bits: int) -> Fraction:
    exponent = x.numerator.bit_length() - x.denominator.bit_length()
    if exponent > _LARGEST_EXPONENT:
        what = f"numbers before a quantizer must stay below 2**{_LARGEST_EXPONENT}"
        raise TooLargeError(f"{what}, got 2**{exponent}")
    if exponent < -_LARGEST_EXPONENT:
        return Fraction(0) if x <= 0 else Fraction(1, 1 << _LARGEST_EXPONENT)
    places = bits - exponent
    if places >= 0:
        return Fraction(math.ceil(x * (1 << places)), 1 << places)
    return Fraction(math.ceil(x / (1 << -places)) << -places)


def add(_bits: int, a: Enclosure, b: Enclosure) -> Enclosure:
    """Returns a + b."""
    return Enclosure(a.lo + b.lo, a.hi + b.hi)


def sub(_bits: int, a: Enclosure, b: Enclosure) -> Enclosure:
    """Returns a - b."""
    return Enclosure(a.lo - b.hi, a.hi - b.lo)


def mul(_bits: int, a: Enclosure, b: Enclosure) -> Enclosure:
    """Returns a * b."""
    if a.lo == a.hi and b.lo == b.hi:
        return point(a.lo * b.lo)
    products = [x * y for x in a for y in b]
    return Enclosure(min(products), max(products))


def div(bits: int, a: Enclosure, b: Enclosure) -> Enclosure:
    """Returns a / b.

    Raises:
        ZeroDivisionError: b may be zero.
    """
    if b.lo <= 0 <= b.hi:
        raise ZeroDivisionError
    return mul(bits, a, Enclosure(1 / b.hi, 1 / b.lo))


def neg(_bits: int, a: Enclosure) -> Enclosure:
    """Returns -a."""
    return Enclosure(-a.hi, -a.lo)


def sqrt(bits: int, a: Enclosure) -> Enclosure:
    """Returns the square root of a, to about `bits` bits; a point if it is rational.

    Raises:
        ValueError: a may be negative.
    """
    if a.lo < 0:
        raise ValueError(f"square root must be of a number >= 0, got {float(a.lo)}")
    return Enclosure(_root(bits, a.lo)[0], _root(bits, a.hi)[1])


def _root(bits: int, x: Fraction) -> tuple[Fraction, Fraction]:
    """Returns fractions below and above the root of x, equal if it is rational."""
    # sqrt(n / d) = sqrt(n * d) / d; scaled by 4**bits, its integer part has `bits` more bits.
    # Small numbers need more: as many as the denominator is long.
    shift = bits + x.denominator.bit_length()
    radicand = (x.numerator * x.denominator) << (2 * shift)
    whole = math.isqrt(radicand)
    divisor = x.denominator << shift
    low = Fraction(whole, divisor)
    return low, low if whole * whole == radicand else Fraction(whole + 1, divisor)


def maximum(_bits: int, a: Enclosure, b: Enclosure) -> Enclosure:
    """Returns the larger of a and b."""
    return Enclosure(max(a.lo, b.lo), max(a.hi, b.hi))


def minimum(_bits: int, a: Enclosure, b: Enclosure) -> Enclosure:
    """Returns the smaller of a and b."""
    return Enclosure(min(a.lo, b.lo), min(a.hi, b.hi))


def greater_equal(_bits: int, a: Enclosure, b: Enclosure) -> Enclosure:
    """Returns 1 where a >= b, else 0; both where more bits are needed to tell."""
    return Enclosure(Fraction(int(a.lo >= b.hi)), Fraction(int(a.hi >= b.lo)))

"""Enclosures of sigmoid, tanh and the normal distribution, to any precision, in integers alone.

Everything rests on exp(-m) for a rational m >= 0, in fixed point with p fractional bits: halve m
until it is at most 2**-8, sum Taylor's alternating series (whose partial sums lie on both sides),
square back. Every division of integers rounds outward.
"""

from __future__ import annotations

import math
from fractions import Fraction

from qcompiler.arith import enclosures
from qcompiler.arith.enclosures import Enclosure, point

_ONE = Fraction(1)
_ZERO = Fraction(0)
_HALF = Fraction(1, 2)
_SERIES_BITS = 8  # the series converges by this many bits a term


def exp_minus(bits: int, m: Fraction) -> Enclosure:
    """Returns exp(-m) for m >= 0, to an absolute error of about 2**-bits."""
    if m == 0:
        return point(_ONE)
    if m >= bits:
        return Enclosure(_ZERO, Fraction(1, 1 << bits))  # exp(-m) < 2**-m
    halvings = max(0, math.ceil(m)).bit_length() + _SERIES_BITS
    p = bits + 2 * halvings + 16
    one = 1 << p
    scaled = (m.numerator << p) // (m.denominator << halvings)  # 2**p * m / 2**halvings, below
    low, high = _series(scaled + 1, p)[0], _series(scaled, p)[1]
    for _ in range(halvings):
        low, high = (low * low) >> p, -(-(high * high) >> p)
    return Enclosure(Fraction(max(low, 0), one), Fraction(min(high, one), one))


def _series(y: int, p: int) -> tuple[int, int]:
    """Returns integers below and above 2**p * exp(-y / 2**p), for 0 <= y < 2**p."""
    total = term = 1 << p
    steps = 0
    while term:
        steps += 1
        term = (term * y >> p) // steps
        total += -term if steps % 2 else term
    # Each term is too small by less than 2 * steps units (its own and its factors' roundings),
    # and the first term left out is smaller than one.
    slack = 2 * steps * steps + 2
    return total - slack, total + slack


def _ratio(bits: int, top: Enclosure, bottom: Enclosure) -> Enclosure:
    """Returns a quotient of positive numbers on short fractions, rounded outward."""
    shift = bits + 8
    low, high = top.lo / bottom.hi, top.hi / bottom.lo
    one = 1 << shift
    return Enclosure(Fraction(math.floor(low * one), one), Fraction(math.ceil(high * one), one))


def _sigmoid_at(bits: int, x: Fraction) -> Enclosure:
    if x == 0:
        return point(_HALF)
    power = exp_minus(bits, abs(x))
    whole = Enclosure(1 + power.lo, 1 + power.hi)
    upper = _ratio(bits, point(_ONE), whole)
    return upper if x > 0 else Enclosure(1 - upper.hi, 1 - upper.lo)


def sigmoid(bits: int, a: Enclosure) -> Enclosure:
    """Returns 1 / (1 + exp(-a))."""
    low = _sigmoid_at(bits, a.lo)
    return low if a.lo == a.hi else Enclosure(low.lo, _sigmoid_at(bits, a.hi).hi)


def tanh(bits: int, a: Enclosure) -> Enclosure:
    """Returns the hyperbolic tangent of a: 2 * sigmoid(2 * a) - 1."""
    inner = sigmoid(bits + 1, Enclosure(2 * a.lo, 2 * a.hi))
    return Enclosure(2 * inner.lo - 1, 2 * inner.hi - 1)


def pi(bits: int) -> Enclosure:
    """Returns pi = 16 * atan(1 / 5) - 4 * atan(1 / 239) (Machin)."""
    p = bits + 16
    total = 16 * _arctangent(5, p) - 4 * _arctangent(239, p)
    slack = 20 * (p + 2)
    return Enclosure(Fraction(total - slack, 1 << p), Fraction(total + slack, 1 << p))


def _arctangent(n: int, p: int) -> int:
    """Returns 2**p * atan(1 / n), off by at most the number of its terms (at most p / 2 + 2)."""
    power = (1 << p) // n
    total, k = power, 1
    while power:
        power //= n * n
        k += 2
        total += power // k if k % 4 == 1 else -(power // k)
    return total


def _normal_at(bits: int, x: Fraction) -> Enclosure:
    """Returns the normal distribution function at x.

    For x >= 0 it is 1/2 + exp(-x**2 / 2) / sqrt(2 * pi) * sum x**(2 n + 1) / (1 * 3 * ... (2n+1)).
    """
    if x == 0:
        return point(_HALF)
    if x < 0:
        above = _normal_at(bits, -x)
        return Enclosure(1 - above.hi, 1 - above.lo)
    square = x * x / 2
    if square >= bits:
        return Enclosure(1 - Fraction(1, 1 << bits), _ONE)  # the rest is below exp(-x**2 / 2) / 2
    # The sum is at most exp(x**2 / 2) * sqrt(pi / 2), so it needs that many more bits.
    p = bits + math.ceil(2 * square) + 32
    total = _odd_series(x, p)
    density = exp_minus(p, square)
    root = enclosures.sqrt(p, Enclosure(2 * pi(p).lo, 2 * pi(p).hi))
    low = _HALF + density.lo * total.lo / root.hi
    high = _HALF + density.hi * total.hi / root.lo
    one = 1 << (bits + 8)
    return Enclosure(Fraction(math.floor(low * one), one), Fraction(math.ceil(high * one), one))


def _odd_series(x: Fraction, p: int) -> Enclosure:
    """Returns sum x**(2 n + 1) / (2 n + 1)!! for x > 0, all of whose terms are positive."""
    one = 1 << p
    low = high = 0
    term_low, term_high = math.floor(x * one), math.ceil(x * one)
    numerator, denominator = (x * x).numerator, (x * x).denominator
    n = 1
    # Beyond 2 * x**2 <= n every term is at most half of the one before.
    while term_high > 1 or n < 2 * x * x:
        low, high = low + term_low, high + term_high
        n += 2
        term_low = term_low * numerator // (denominator * n)
        term_high = -(-term_high * numerator // (denominator * n))
    return Enclosure(Fraction(low, one), Fraction(high + 2 * term_high + 2, one))


def erf(bits: int, a: Enclosure) -> Enclosure:
    """Returns the error function of a: 2 * normal(sqrt(2) * a) - 1."""
    if a.lo == a.hi == 0:
        return a
    root = enclosures.sqrt(bits + 8, point(Fraction(2)))
    scaled = enclosures.mul(bits, root, a)
    low, high = _normal_at(bits + 2, scaled.lo), _normal_at(bits + 2, scaled.hi)
    return Enclosure(2 * low.lo - 1, 2 * high.hi - 1)


def gelu(bits: int, a: Enclosure) -> Enclosure:
    """Returns a times the normal distribution function at a."""
    low = _normal_at(bits, a.lo)
    gate = low if a.lo == a.hi else Enclosure(low.lo, _normal_at(bits, a.hi).hi)
    return enclosures.mul(bits, a, gate)


def gelu_tanh(bits: int, a: Enclosure) -> Enclosure:
    """Returns a / 2 * (1 + tanh(sqrt(2 / pi) * (a + 0.044715 * a**3)))."""
    constant = pi(bits)
    factor = enclosures.sqrt(bits, Enclosure(2 / constant.hi, 2 / constant.lo))
    cubic = Enclosure(*(end + Fraction(44715, 1_000_000) * end**3 for end in a))
    gate = tanh(bits, enclosures.mul(bits, factor, cubic))
    half = Enclosure(a.lo / 2, a.hi / 2)
    return enclosures.mul(bits, half, Enclosure(1 + gate.lo, 1 + gate.hi))

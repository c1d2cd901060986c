"""Float64 arithmetic that carries a proven bound on its distance to the real result.

Errors of sums and products are computed exactly (two-sum, two-product), so a result that is exact
in float64 keeps the bound zero. That matters: rounding ties come from exact operations, and only a
positive bound sends an element to the slow evaluation on fractions.

Source: Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.3 (running
error); Dekker 1971 (two-product); Knuth TAOCP 2, 4.2.2 (two-sum).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from qcompiler.arith.arrays import FloatArray

_UNIT_ROUNDOFF = 2.0**-53
_SPLITTER = 2.0**27 + 1
# Covers the roundings made while computing a bound itself: a handful, each at most 2**-53.
_INFLATION = 1 + 2.0**-48
# No positive bound is smaller than this, so that underflow can never turn a bound into zero.
_SMALLEST_BOUND = 2.0**-900
_ZERO = np.float64(0)


class Bounded(NamedTuple):
    """Float64 values and bounds: the real value lies in [value - error, value + error].

    An element whose value or error is not a number or infinite makes no claim.
    """

    value: FloatArray
    error: FloatArray


def exactly(value: FloatArray) -> Bounded:
    """Returns values that are exact."""
    return Bounded(value, np.asarray(_ZERO))


def from_integers(x: FloatArray) -> Bounded:
    """Returns values that were converted from int64 by rounding to nearest."""
    magnitude = np.abs(x)
    if magnitude.max(initial=0.0) < 2.0**53:
        return exactly(x)
    return Bounded(x, np.where(magnitude < 2.0**53, 0.0, magnitude * _UNIT_ROUNDOFF))


def ends(x: Bounded) -> tuple[FloatArray, FloatArray]:
    """Returns float64 values (lo, hi) that enclose the real value; one object if all are exact."""
    if not x.error.any():
        return x.value, x.value
    # value - error rounds too, by less than 2**-51 of the value.
    slack = np.where(x.error == 0, 0.0, (x.error + np.abs(x.value) * 2.0**-51) * _INFLATION)
    return x.value - slack, x.value + slack


def _inflate(bound: FloatArray, inexact: FloatArray) -> FloatArray:
    return np.where(inexact == 0, 0.0, bound * _INFLATION + _SMALLEST_BOUND)


def _product_error(a: FloatArray, b: FloatArray, product: FloatArray) -> FloatArray:
    """Returns |a * b - product| exactly, or a bound where it underflows; NaN on overflow."""
    spread_a, spread_b = _SPLITTER * a, _SPLITTER * b
    a_high, b_high = spread_a - (spread_a - a), spread_b - (spread_b - b)
    a_low, b_low = a - a_high, b - b_high
    error = np.abs(((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low)
    tiny = np.abs(product) < _SMALLEST_BOUND
    if tiny.any():
        return np.where(tiny, np.where((a == 0) | (b == 0), 0.0, _SMALLEST_BOUND), error)
    return error


def add(a: Bounded, b: Bounded) -> Bounded:
    """Returns a + b."""
    total = a.value + b.value
    b_part = total - a.value
    rounding = np.abs((a.value - (total - b_part)) + (b.value - b_part))
    bound = a.error + b.error + rounding
    return Bounded(total, _inflate(bound, bound) if bound.any() else bound)


def neg(a: Bounded) -> Bounded:
    """Returns -a."""
    return Bounded(-a.value, a.error)


def sub(a: Bounded, b: Bounded) -> Bounded:
    """Returns a - b."""
    return add(a, neg(b))


def mul(a: Bounded, b: Bounded) -> Bounded:
    """Returns a * b."""
    product = a.value * b.value
    rounding = _product_error(a.value, b.value, product)
    inexact = a.error + b.error + rounding
    if not inexact.any():
        return Bounded(product, inexact)
    carried = np.abs(a.value) * b.error + np.abs(b.value) * a.error + a.error * b.error
    return Bounded(product, _inflate(carried + rounding, inexact))


def div(a: Bounded, b: Bounded) -> Bounded:
    """Returns a / b; an element whose divisor may be zero gets an infinite bound."""
    quotient = a.value / b.value
    product = quotient * b.value
    exact = (product == a.value) & (_product_error(quotient, b.value, product) == 0)
    rounding = np.where(exact, 0.0, np.abs(quotient) * _UNIT_ROUNDOFF + _SMALLEST_BOUND)
    inexact = a.error + b.error + rounding
    if not inexact.any():
        return Bounded(quotient, inexact)
    room = np.abs(b.value) - b.error
    carried = (a.error + np.abs(quotient) * b.error) / room
    bound = _inflate(carried + rounding, inexact)
    return Bounded(quotient, np.where(room > 0, bound, np.inf))


def sqrt(a: Bounded) -> Bounded:
    """Returns the square root of a; an element that may be negative gets an infinite bound."""
    root = np.sqrt(a.value)
    exact = (root * root == a.value) & (_product_error(root, root, a.value) == 0) & (a.error == 0)
    # |sqrt(v) - sqrt(t)| = |v - t| / (sqrt(v) + sqrt(t)) <= |v - t| / sqrt(v).
    bound = a.error / root + root * _UNIT_ROUNDOFF
    safe = (a.value - a.error > 0) & np.isfinite(root)
    error = np.where(safe, bound * _INFLATION + _SMALLEST_BOUND, np.inf)
    return Bounded(root, np.where(exact, 0.0, error))


def maximum(a: Bounded, b: Bounded) -> Bounded:
    """Returns the larger of a and b; a clear winner passes on its own bound only."""
    # Strict comparisons of rounded values are sound: rounding is monotone.
    a_wins = a.value - a.error > b.value + b.error
    b_wins = b.value - b.error > a.value + a.error
    error = np.where(a_wins, a.error, np.where(b_wins, b.error, np.maximum(a.error, b.error)))
    return Bounded(np.maximum(a.value, b.value), error)


def minimum(a: Bounded, b: Bounded) -> Bounded:
    """Returns the smaller of a and b."""
    return neg(maximum(neg(a), neg(b)))


def rounded(a: Bounded, function: Callable[[FloatArray], FloatArray]) -> Bounded:
    """Returns a rounded to integers; an infinite bound where that is not certain.

    Args:
        a: the values.
        function: a rounding that is exact on floats and never falls, such as floor.
    """
    low, high = (function(end) for end in ends(a))
    return Bounded(low, np.where(low == high, 0.0, np.inf))


def greater_equal(a: Bounded, b: Bounded) -> Bounded:
    """Returns 1 where a >= b, else 0; an infinite bound where that is not certain."""
    (alo, ahi), (blo, bhi) = ends(a), ends(b)
    always = np.asarray(alo >= bhi)
    certain = np.isfinite(alo - bhi) & (always | (ahi < blo))
    return Bounded(always.astype(np.float64), np.where(certain, 0.0, np.inf))

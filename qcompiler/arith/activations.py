"""Rows of `scalar_ops` for activation functions: how far off floats are, and what is exact.

The float64 error of transcendental functions is taken as at most 2**-46 of the result:
numpy documents 4 units in the last place for its worst function, and a handful of IEEE operations
follow, each of 2**-53. The exact evaluation on fractions decides wherever that bound leaves two
codes possible.
"""

from __future__ import annotations

import numpy as np

from qcompiler.arith import enclosures, error_bounds, real_functions, trends
from qcompiler.arith.arrays import FloatArray
from qcompiler.arith.enclosures import Enclosure, point
from qcompiler.arith.error_bounds import Bounded
from qcompiler.arith.trends import Trend

_RELATIVE = 2.0**-46
_ABSOLUTE = 2.0**-900


def leaky_relu_bounded(a: Bounded, slope: Bounded) -> Bounded:
    """Returns a where it is not negative, slope * a elsewhere."""
    below = error_bounds.mul(a, slope)
    # Around zero both branches are near: their distance, slope included, bounds the error.
    either = a.error + below.error + np.abs(a.value - below.value)
    error = np.where(
        a.value - a.error >= 0, a.error, np.where(a.value + a.error < 0, below.error, either)
    )
    return Bounded(np.where(a.value >= 0, a.value, below.value), error)


def leaky_relu_exact(bits: int, a: Enclosure, slope: Enclosure) -> Enclosure:
    """Returns a where it is not negative, slope * a elsewhere."""
    if a.lo >= 0:
        return a
    below = enclosures.mul(bits, Enclosure(a.lo, min(a.hi, type(a.hi)(0))), slope)
    return below if a.hi < 0 else Enclosure(min(below.lo, a.hi), max(below.hi, a.hi))


def leaky_relu_trend(a: Trend, slope: Trend) -> Trend:
    """Returns the trend: that of a if no slope is negative."""
    if slope.constant is None:
        return trends.mul(a, slope)
    kept, scaled = a, trends.mul(a, slope)
    return Trend(kept.rises & scaled.rises, kept.falls & scaled.falls)


def hard_sigmoid_bounded(a: Bounded, alpha: Bounded, beta: Bounded) -> Bounded:
    """Returns max(0, min(1, alpha * a + beta))."""
    ramp = error_bounds.add(error_bounds.mul(a, alpha), beta)
    one, zero = (error_bounds.exactly(np.asarray(v)) for v in (1.0, 0.0))
    return error_bounds.maximum(error_bounds.minimum(ramp, one), zero)


def hard_sigmoid_exact(bits: int, a: Enclosure, alpha: Enclosure, beta: Enclosure) -> Enclosure:
    """Returns max(0, min(1, alpha * a + beta))."""
    ramp = enclosures.add(bits, enclosures.mul(bits, a, alpha), beta)
    one, zero = (point(type(a.lo)(v)) for v in (1, 0))
    return enclosures.maximum(bits, enclosures.minimum(bits, ramp, one), zero)


def hard_sigmoid_trend(a: Trend, alpha: Trend, beta: Trend) -> Trend:
    """Returns the trend of alpha * a + beta."""
    return trends.keep(trends.mul(a, alpha), beta)


def hard_swish_bounded(a: Bounded) -> Bounded:
    """Returns a * max(0, min(1, a / 6 + 1 / 2))."""
    sixth = error_bounds.div(*(error_bounds.exactly(np.asarray(v)) for v in (1.0, 6.0)))
    gate = hard_sigmoid_bounded(a, sixth, error_bounds.exactly(np.asarray(0.5)))
    return error_bounds.mul(a, gate)


def hard_swish_exact(bits: int, a: Enclosure) -> Enclosure:
    """Returns a * max(0, min(1, a / 6 + 1 / 2))."""
    real = type(a.lo)
    gate = hard_sigmoid_exact(bits, a, point(real(1) / 6), point(real(1) / 2))
    return enclosures.mul(bits, a, gate)


def _bounded(a: Bounded, value: FloatArray, steepness: float, noise: FloatArray) -> Bounded:
    """Returns a value whose function has slopes of at most `steepness`, computed with `noise`."""
    return Bounded(value, (a.error * steepness + noise) * (1 + 2.0**-40) + _ABSOLUTE)


def sigmoid_bounded(a: Bounded) -> Bounded:
    """Returns 1 / (1 + exp(-a)), whose slope is at most 1 / 4."""
    value = real_functions.sigmoid(a.value)
    return _bounded(a, value, 0.25, value * _RELATIVE)


def tanh_bounded(a: Bounded) -> Bounded:
    """Returns tanh(a), whose slope is at most 1; exact at zero."""
    value = real_functions.tanh(a.value)
    found = _bounded(a, value, 1.0, np.abs(value) * _RELATIVE)
    return Bounded(value, np.where((a.value == 0) & (a.error == 0), 0.0, found.error))


def erf_bounded(a: Bounded) -> Bounded:
    """Returns the error function, whose slope is at most 2 / sqrt(pi); exact at zero."""
    value = real_functions.erf(a.value)
    found = _bounded(a, value, 1.25, np.abs(value) * _RELATIVE)
    return Bounded(value, np.where((a.value == 0) & (a.error == 0), 0.0, found.error))


def _gelu_like(a: Bounded, value: FloatArray) -> Bounded:
    # Slopes of both forms lie in [-0.14, 1.14]. Where the gate is near zero, 1 + erf cancels: its
    # error is then relative to 1, not to the result. The tanh form's argument grows as a**3 / 28,
    # but where that is large, tanh is flat.
    found = _bounded(a, value, 1.25, np.abs(a.value) * _RELATIVE)
    return Bounded(value, np.where((a.value == 0) & (a.error == 0), 0.0, found.error))


def gelu_bounded(a: Bounded) -> Bounded:
    """Returns a times the normal distribution function at a."""
    return _gelu_like(a, real_functions.gelu(a.value))


def gelu_tanh_bounded(a: Bounded) -> Bounded:
    """Returns the tanh approximation of gelu."""
    return _gelu_like(a, real_functions.gelu_tanh(a.value))


def no_trend(*operands: Trend) -> Trend:
    """Returns the trend of a function that is not monotone: known for constants only."""
    steady = np.asarray(True)
    for operand in operands:
        steady = steady & operand.rises & operand.falls
    return Trend(steady, steady)

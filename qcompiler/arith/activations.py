"""Rows of `scalar_ops` for activation functions: how floats compute them, and how far off.

Transcendental functions are computed in float64 and rounded once to the type of the operand, so
that a float32 result does not depend on the vector unit of the machine. Their float64 error is
taken as at most 2**-46 of the result: numpy documents 4 units in the last place for its worst
function, and a handful of IEEE operations follow, each of 2**-53. The exact evaluation on
fractions decides wherever that bound leaves two codes possible.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from qcompiler.arith import enclosures, error_bounds, trends
from qcompiler.arith.arrays import FloatArray
from qcompiler.arith.enclosures import Enclosure, point
from qcompiler.arith.error_bounds import Bounded
from qcompiler.arith.trends import Trend

_RELATIVE = 2.0**-46
_ABSOLUTE = 2.0**-900
_ERF: Callable[[FloatArray], FloatArray] = np.vectorize(math.erf, otypes=[np.float64])


def leaky_relu_ieee(a: Any, slope: Any) -> Any:
    """Returns a where it is not negative, slope * a elsewhere."""
    zero = a.dtype.type(0)
    return np.maximum(a, zero) + np.minimum(a, zero) * slope  # one of the two is zero: exact


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


def hard_sigmoid_ieee(a: Any, alpha: Any, beta: Any) -> Any:
    """Returns max(0, min(1, alpha * a + beta))."""
    one, zero = a.dtype.type(1), a.dtype.type(0)
    return np.maximum(np.minimum(a * alpha + beta, one), zero)


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


def hard_swish_ieee(a: Any) -> Any:
    """Returns a * max(0, min(1, a / 6 + 1 / 2)), as onnxruntime orders it."""
    real = a.dtype.type
    return a * hard_sigmoid_ieee(a, real(1) / real(6), real(0.5))


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


def _sigmoid(a: FloatArray) -> FloatArray:
    power = np.exp(-np.abs(a))
    return np.where(a >= 0, 1.0, power) / (1 + power)


def _gelu(a: FloatArray) -> FloatArray:
    return 0.5 * a * (1 + _ERF(a / np.sqrt(2.0)))


def _gelu_tanh(a: FloatArray) -> FloatArray:
    return 0.5 * a * (1 + np.tanh(np.sqrt(2 / np.pi) * (a + 0.044715 * a**3)))


def _erf(a: FloatArray) -> FloatArray:
    return _ERF(a)


def _rounded_once(function: Callable[[FloatArray], FloatArray]) -> Callable[[Any], Any]:
    def run(a: Any) -> Any:
        return function(a.astype(np.float64)).astype(a.dtype)

    return run


sigmoid_ieee = _rounded_once(_sigmoid)
tanh_ieee = _rounded_once(np.tanh)
gelu_ieee = _rounded_once(_gelu)
gelu_tanh_ieee = _rounded_once(_gelu_tanh)
erf_ieee = _rounded_once(_erf)


def _bounded(a: Bounded, value: FloatArray, steepness: float, noise: FloatArray) -> Bounded:
    """Returns a value whose function has slopes of at most `steepness`, computed with `noise`."""
    return Bounded(value, (a.error * steepness + noise) * (1 + 2.0**-40) + _ABSOLUTE)


def sigmoid_bounded(a: Bounded) -> Bounded:
    """Returns 1 / (1 + exp(-a)), whose slope is at most 1 / 4."""
    value = _sigmoid(a.value)
    return _bounded(a, value, 0.25, value * _RELATIVE)


def tanh_bounded(a: Bounded) -> Bounded:
    """Returns tanh(a), whose slope is at most 1; exact at zero."""
    value = np.tanh(a.value)
    found = _bounded(a, value, 1.0, np.abs(value) * _RELATIVE)
    return Bounded(value, np.where((a.value == 0) & (a.error == 0), 0.0, found.error))


def erf_bounded(a: Bounded) -> Bounded:
    """Returns the error function, whose slope is at most 2 / sqrt(pi); exact at zero."""
    value = _ERF(a.value)
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
    return _gelu_like(a, _gelu(a.value))


def gelu_tanh_bounded(a: Bounded) -> Bounded:
    """Returns the tanh approximation of gelu."""
    return _gelu_like(a, _gelu_tanh(a.value))


def no_trend(*operands: Trend) -> Trend:
    """Returns the trend of a function that is not monotone: known for constants only."""
    steady = np.asarray(True)
    for operand in operands:
        steady = steady & operand.rises & operand.falls
    return Trend(steady, steady)

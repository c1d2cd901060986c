"""How floats compute each real function on elements: for the rows of `scalar_ops`, and for hosts.

The driver that ships with a design carries the source of these functions, so each is
self-contained: no name from elsewhere but `np` and `math`. Operands and numbers are of one float
type, and so is the result. Transcendental functions are computed in float64 and rounded once, so
that a float32 result does not depend on the vector unit of the machine.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def relu(x: Array) -> Array:
    """Returns max(x, 0)."""
    return np.maximum(x, 0)


def clip(x: Array, lo: Any, hi: Any) -> Array:
    """Returns min(max(x, lo), hi)."""
    return np.minimum(np.maximum(x, lo), hi)


def identity(x: Array) -> Array:
    """Returns x."""
    return x


def leaky_relu(x: Array, slope: Any) -> Array:
    """Returns x where it is not negative, slope * x elsewhere."""
    return np.where(x >= 0, x, x * slope)


def greater_equal(a: Array, b: Array) -> Array:
    """Returns 1 where a >= b, else 0."""
    return (a >= b).astype(np.result_type(a, b))


def hard_sigmoid(x: Array, alpha: Any, beta: Any) -> Array:
    """Returns max(0, min(1, alpha * x + beta))."""
    return np.maximum(np.minimum(x * alpha + beta, 1), 0)


def hard_swish(x: Array) -> Array:
    """Returns x * max(0, min(1, x / 6 + 1 / 2)); one sixth is rounded to the float type of x."""
    sixth = x.dtype.type(1) / x.dtype.type(6)
    return x * np.maximum(np.minimum(x * sixth + x.dtype.type(0.5), 1), 0)


def sigmoid(x: Array) -> Array:
    """Returns 1 / (1 + exp(-x))."""
    power = np.exp(-np.abs(x.astype(np.float64)))  # at most 1: no overflow
    return (np.where(x >= 0, 1.0, power) / (1 + power)).astype(x.dtype)


def tanh(x: Array) -> Array:
    """Returns the hyperbolic tangent."""
    return np.tanh(x.astype(np.float64)).astype(x.dtype)


def erf(x: Array) -> Array:
    """Returns the error function."""
    return np.vectorize(math.erf, otypes=[np.float64])(x.astype(np.float64)).astype(x.dtype)


def gelu(x: Array) -> Array:
    """Returns x times the normal distribution function."""
    wide = x.astype(np.float64)
    gate = np.vectorize(math.erf, otypes=[np.float64])(wide / np.sqrt(2.0))
    return (0.5 * wide * (1 + gate)).astype(x.dtype)


def gelu_tanh(x: Array) -> Array:
    """Returns the tanh approximation of gelu."""
    wide = x.astype(np.float64)
    gate = np.tanh(np.sqrt(2 / np.pi) * (wide + 0.044715 * wide**3))
    return (0.5 * wide * (1 + gate)).astype(x.dtype)

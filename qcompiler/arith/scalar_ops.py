"""The table of real operations that may stand between an accumulator and its quantizer.

A new operation is one row: how float32/float64 computes it, how far that may be off, what it is
exactly, and which way it moves.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from msgspec import Struct

from qcompiler.arith import (
    activations,
    enclosures,
    error_bounds,
    real_functions,
    transcendental,
    trends,
)
from qcompiler.arith.enclosures import Enclosure
from qcompiler.arith.error_bounds import Bounded
from qcompiler.arith.fused import mul_add
from qcompiler.arith.trends import Trend

_ZERO = np.asarray(0.0)


class ScalarOp(Struct, frozen=True):
    """One operation on reals.

    Attributes:
        arity: number of operands.
        ieee: elementwise numpy evaluation, one rounding per IEEE operation, in the operands' type;
            also what hosts compute. A numpy function, or a self-contained one.
        bounded: float64 evaluation with an error bound.
        exact: evaluation on enclosures; its first argument is the precision wanted, in bits.
        trend: which way the result moves, from the operands' trends.
    """

    arity: int
    ieee: Callable[..., Any]  # Any: float32 in gives float32 out, float64 gives float64
    bounded: Callable[..., Bounded]
    exact: Callable[..., Enclosure]
    trend: Callable[..., Trend]


def _relu_bounded(a: Bounded) -> Bounded:
    return error_bounds.maximum(a, error_bounds.exactly(_ZERO))


def _relu_exact(_bits: int, a: Enclosure) -> Enclosure:
    return Enclosure(max(a.lo, type(a.lo)(0)), max(a.hi, type(a.hi)(0)))


def _clip_bounded(a: Bounded, lo: Bounded, hi: Bounded) -> Bounded:
    return error_bounds.minimum(error_bounds.maximum(a, lo), hi)


def _clip_exact(bits: int, a: Enclosure, lo: Enclosure, hi: Enclosure) -> Enclosure:
    return enclosures.minimum(bits, enclosures.maximum(bits, a, lo), hi)


def _identity(a: Bounded) -> Bounded:
    return a


def _identity_exact(_bits: int, a: Enclosure) -> Enclosure:
    return a


def _mul_add_bounded(a: Bounded, b: Bounded, factor: Bounded) -> Bounded:
    return error_bounds.add(error_bounds.mul(a, factor), b)


def _mul_add_exact(bits: int, a: Enclosure, b: Enclosure, factor: Enclosure) -> Enclosure:
    return enclosures.add(bits, enclosures.mul(bits, a, factor), b)


def _mul_add_trend(a: Trend, b: Trend, factor: Trend) -> Trend:
    return trends.keep(trends.mul(a, factor), b)


def _rounding(floats: Callable[[Any], Any], fraction: Callable[[Fraction], int]) -> ScalarOp:
    """Returns the row of a function that rounds to integers."""

    def bounded(a: Bounded) -> Bounded:
        return error_bounds.rounded(a, floats)

    def exact(_bits: int, a: Enclosure) -> Enclosure:
        return Enclosure(Fraction(fraction(a.lo)), Fraction(fraction(a.hi)))

    return ScalarOp(1, floats, bounded, exact, trends.keep)


OPS: dict[str, ScalarOp] = {
    "add": ScalarOp(2, np.add, error_bounds.add, enclosures.add, trends.keep),
    "sub": ScalarOp(2, np.subtract, error_bounds.sub, enclosures.sub, trends.sub),
    "mul": ScalarOp(2, np.multiply, error_bounds.mul, enclosures.mul, trends.mul),
    "mul_add": ScalarOp(3, mul_add, _mul_add_bounded, _mul_add_exact, _mul_add_trend),
    "div": ScalarOp(2, np.divide, error_bounds.div, enclosures.div, trends.div),
    "min": ScalarOp(2, np.minimum, error_bounds.minimum, enclosures.minimum, trends.keep),
    "max": ScalarOp(2, np.maximum, error_bounds.maximum, enclosures.maximum, trends.keep),
    "neg": ScalarOp(1, np.negative, error_bounds.neg, enclosures.neg, trends.flip),
    "sqrt": ScalarOp(1, np.sqrt, error_bounds.sqrt, enclosures.sqrt, trends.keep),
    "relu": ScalarOp(1, real_functions.relu, _relu_bounded, _relu_exact, trends.keep),
    "clip": ScalarOp(3, real_functions.clip, _clip_bounded, _clip_exact, trends.keep),
    "identity": ScalarOp(1, real_functions.identity, _identity, _identity_exact, trends.keep),
    "leaky_relu": ScalarOp(
        2,
        real_functions.leaky_relu,
        activations.leaky_relu_bounded,
        activations.leaky_relu_exact,
        activations.leaky_relu_trend,
    ),
    "hard_sigmoid": ScalarOp(
        3,
        real_functions.hard_sigmoid,
        activations.hard_sigmoid_bounded,
        activations.hard_sigmoid_exact,
        activations.hard_sigmoid_trend,
    ),
    "hard_swish": ScalarOp(
        1,
        real_functions.hard_swish,
        activations.hard_swish_bounded,
        activations.hard_swish_exact,
        activations.no_trend,
    ),
    "sigmoid": ScalarOp(
        1,
        real_functions.sigmoid,
        activations.sigmoid_bounded,
        transcendental.sigmoid,
        trends.keep,
    ),
    "tanh": ScalarOp(
        1, real_functions.tanh, activations.tanh_bounded, transcendental.tanh, trends.keep
    ),
    "gelu": ScalarOp(
        1,
        real_functions.gelu,
        activations.gelu_bounded,
        transcendental.gelu,
        activations.no_trend,
    ),
    "gelu_tanh": ScalarOp(
        1,
        real_functions.gelu_tanh,
        activations.gelu_tanh_bounded,
        transcendental.gelu_tanh,
        activations.no_trend,
    ),
    "floor": _rounding(np.floor, math.floor),
    "ceil": _rounding(np.ceil, math.ceil),
    "trunc": _rounding(np.trunc, math.trunc),
    "round": _rounding(np.rint, round),
    "greater_equal": ScalarOp(
        2,
        real_functions.greater_equal,
        error_bounds.greater_equal,
        enclosures.greater_equal,
        trends.sub,
    ),
    "erf": ScalarOp(
        1, real_functions.erf, activations.erf_bounded, transcendental.erf, trends.keep
    ),
}

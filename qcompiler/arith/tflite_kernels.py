"""The integer arithmetic of TensorFlow Lite's reference kernels.

Source: tensorflow/lite/kernels/internal/common.h and quantization_util.cc, gemmlowp's
fixedpoint.h, reference/integer_ops/logistic.h and tanh.h.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from qcompiler.arith.arrays import FloatArray, IntArray

INT32 = (-(2**31), 2**31 - 1)


@dataclass(frozen=True)
class QuantizedMultiplier:
    """A real factor as the kernels have it, one or one per channel.

    `x` becomes `round_away(round_up(x * 2**left * multiplier / 2**31) / 2**right)`: halves are
    rounded up first, and away from zero then.

    Attributes:
        multiplier: of 31 bits, shape [1] or [C].
        left: shift before the multiplication, at least 0.
        right: shift after it, at least 0.
    """

    multiplier: IntArray
    left: IntArray
    right: IntArray

    @staticmethod
    def of(factors: FloatArray) -> QuantizedMultiplier:
        """Returns what the kernels make of positive factors.

        Source: QuantizeMultiplier, quantization_util.cc.
        """
        flat = np.atleast_1d(factors).astype(np.float64).reshape(-1)
        rows = [_quantized(float(factor)) for factor in flat]
        multiplier, shift = (np.array(column, np.int64) for column in zip(*rows, strict=True))
        return QuantizedMultiplier(multiplier, np.maximum(shift, 0), np.maximum(-shift, 0))

    @property
    def factor(self) -> FloatArray:
        """What the first of the two roundings rounds, per unit of x: exact in float64."""
        return np.ldexp(self.multiplier.astype(np.float64), self.left - 31)

    def apply(self, x: IntArray) -> IntArray:
        """Returns the products; channels last."""
        first = (x * (self.multiplier << self.left) + 2**30) >> 31
        return divided_by_power(first, self.right)


def _quantized(factor: float) -> tuple[int, int]:
    if factor == 0:
        return 0, 0
    fraction, shift = math.frexp(factor)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def divided_by_power(x: IntArray, exponent: IntArray | int) -> IntArray:
    """Returns x / 2**exponent, halves rounded away from zero (RoundingDivideByPOT)."""
    mask = (np.int64(1) << np.asarray(exponent, np.int64)) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)


def clamped_codes(limit: float, scale: float, zero_point: int) -> int:
    """Returns the code at which a fused activation cuts off the real number `limit`.

    Source: CalculateActivationRangeQuantized, kernel_util.cc; the quotient is of float32.
    """
    quotient = float(np.float32(limit) / np.float32(scale))
    return zero_point + int(math.copysign(math.floor(abs(quotient) + 0.5), quotient))


# gemmlowp's fixed point: 32 bits, of which some are integer bits; products are rounded half up.


def _product(a: IntArray, b: IntArray | int) -> IntArray:
    return (a * b + 2**30) >> 31


def _saturated(x: IntArray) -> IntArray:
    return np.clip(x, *INT32)


_EXP_MINUS_EIGHTH = 1895147668
_ONE_THIRD = 715827883
_EXP_OF_POWERS = {
    -2: 1672461947, -1: 1302514674, 0: 790015084, 1: 290630308, 2: 39332535, 3: 720401, 4: 242,
}  # fmt: skip


def exp_on_negative_values(a: IntArray, integer_bits: int) -> IntArray:
    """Returns exp(a) with 31 fraction bits, for a <= 0 with 31 - integer_bits of them."""
    fraction = 31 - integer_bits
    quarter = 1 << (fraction - 2)
    part = (a & (quarter - 1)) - quarter
    x = _saturated(part << integer_bits) + (1 << 28)
    x2 = _product(x, x)
    x3, x4 = _product(x2, x), _product(x2, x2)
    terms = _product(divided_by_power(x4, 2) + x3, _ONE_THIRD) + x2
    result = _EXP_MINUS_EIGHTH + _product(x + divided_by_power(terms, 1), _EXP_MINUS_EIGHTH)
    remainder = part - a
    for exponent, factor in _EXP_OF_POWERS.items():
        if integer_bits > exponent:
            has_bit = remainder & (1 << (fraction + exponent))
            result = np.where(has_bit, _product(result, factor), result)
    return np.where(a == 0, INT32[1], result)


def one_over_one_plus(x: IntArray) -> IntArray:
    """Returns 1 / (1 + x) with 31 fraction bits, for x in [0, 1) with as many."""
    half_denominator = (x + INT32[1] + 1) >> 1
    y = 1515870810 + _product(half_denominator, -1010580540)
    for _ in range(3):
        error = (1 << 29) - _product(half_denominator, y)
        y = y + _saturated(_product(y, error) << 2)
    return _saturated(y << 1)


def logistic_codes(codes: IntArray, scale: float, zero_point: int) -> IntArray:
    """Returns the int8 codes, of scale 1/256 and zero point -128, of logistic(scale * (x - z))."""
    fraction, shift = math.frexp(float(np.float32(scale)) * 2.0**27)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    radius = _input_radius(4, shift)
    x = codes - zero_point
    form = QuantizedMultiplier(
        *(np.array([n], np.int64) for n in (multiplier, max(shift, 0), max(-shift, 0)))
    )
    inner = np.clip(x, -radius, radius)
    a = form.apply(inner)
    positive = one_over_one_plus(exp_on_negative_values(-np.abs(a), 4))
    result = np.where(a > 0, positive, INT32[1] - positive)
    result = np.where(a == 0, 1 << 30, result)
    found = np.clip(divided_by_power(result, 23) - 128, -128, 127)
    return np.where(x <= -radius, -128, np.where(x >= radius, 127, found))


def _input_radius(integer_bits: int, left_shift: int) -> int:
    """Returns how far from 0 an input may be. Source: CalculateInputRadius."""
    return math.floor(((1 << integer_bits) - 1) * 2.0 ** (31 - integer_bits) / 2.0**left_shift)

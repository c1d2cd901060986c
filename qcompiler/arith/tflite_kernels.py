"""The integer arithmetic of TensorFlow Lite's reference kernels.

Source: tensorflow/lite/kernels/internal/common.h and quantization_util.cc,
reference/integer_ops/logistic.h, reference/softmax.h.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from qcompiler.arith.arrays import FloatArray, IntArray
from qcompiler.arith.gemmlowp import divided_by_power, exp_on_negative_values, one_over_one_plus

INT32 = (-(2**31), 2**31 - 1)


@dataclass(frozen=True)
class QuantizedMultiplier:
    """A real factor as the kernels have it, one or one per channel.

    `x` becomes `round_away(round_up(x * 2**left * multiplier / 2**31) / 2**right)`: halves are
    rounded up first, and away from zero then.

    Attributes:
        multiplier: of 31 bits, shape [1] or [C].
        left: shift before the multiplication, at least 0 where there are two roundings.
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

    @property
    def in_one_step(self) -> QuantizedMultiplier:
        """The same factor with one rounding behind it: all of the shift is before it."""
        return replace(self, left=self.left - self.right, right=np.zeros_like(self.right))

    def divided_by(self, count: int) -> QuantizedMultiplier:
        """Returns the factor of a mean of so many: the multiplier's quotient, rounded down.

        Source: QuantizedMeanOrSum, reference/reduce.h.
        """
        before = self.left - self.right
        shift = np.minimum(min(count.bit_length() - 1, 32), 31 + before)
        multiplier = (self.multiplier << shift) // count
        after = before - shift
        return QuantizedMultiplier(multiplier, np.maximum(after, 0), np.maximum(-after, 0))

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


def clamped_codes(limit: float, scale: float, zero_point: int) -> int:
    """Returns the code at which a fused activation cuts off the real number `limit`.

    Source: CalculateActivationRangeQuantized, kernel_util.cc; the quotient is of float32.
    """
    quotient = float(np.float32(limit) / np.float32(scale))
    return zero_point + int(math.copysign(math.floor(abs(quotient) + 0.5), quotient))


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
    result = np.where(a > 0, positive, 2**31 - 1 - positive)
    result = np.where(a == 0, 1 << 30, result)
    found = np.clip(divided_by_power(result, 23) - 128, -128, 127)
    return np.where(x <= -radius, -128, np.where(x >= radius, 127, found))


def _input_radius(integer_bits: int, left_shift: int) -> int:
    """Returns how far from 0 an input may be. Source: CalculateInputRadius."""
    return math.floor(((1 << integer_bits) - 1) * 2.0 ** (31 - integer_bits) / 2.0**left_shift)


def softmax_parameters(scale: float, beta: float) -> tuple[int, int, int]:
    """Returns multiplier and left shift of differences, and the least that is not 0, of a softmax.

    Source: PreprocessSoftmaxScaling and CalculateInputRadius.
    """
    real = float(np.float32(beta)) * float(np.float32(scale)) * 2.0**26
    multiplier, shift = _quantized(min(real, 2.0**31 - 1.0))
    return multiplier, shift, -_input_radius(5, shift)

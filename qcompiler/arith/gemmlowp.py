"""gemmlowp's fixed point in integers of 32 bits: products are rounded half up, at 31 fraction bits.

Drivers hold the source of these functions, so each has its own numbers.

Source: gemmlowp/fixedpoint/fixedpoint.h; tensorflow/lite/kernels/internal/reference/softmax.h.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def divided_by_power(x: NDArray[np.int64], exponent: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """Returns x / 2**exponent, halves rounded away from zero (RoundingDivideByPOT)."""
    mask = (np.int64(1) << np.asarray(exponent, np.int64)) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)


def fixed_product(a: NDArray[np.int64], b: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """Returns a * b / 2**31, halves rounded up (SaturatingRoundingDoublingHighMul)."""
    return (a * b + 2**30) >> 31


def exp_on_negative_values(a: NDArray[np.int64], integer_bits: int) -> NDArray[np.int64]:
    """Returns exp(a) with 31 fraction bits, for a <= 0 with 31 - integer_bits of them."""
    powers = {
        -2: 1672461947, -1: 1302514674, 0: 790015084, 1: 290630308, 2: 39332535, 3: 720401, 4: 242,
    }  # fmt: skip
    eighth, third = 1895147668, 715827883  # exp(-1/8), 1/3
    fraction = 31 - integer_bits
    quarter = 1 << (fraction - 2)
    part = (a & (quarter - 1)) - quarter
    x = (part << integer_bits) + (1 << 28)
    x2 = fixed_product(x, x)
    x3, x4 = fixed_product(x2, x), fixed_product(x2, x2)
    terms = fixed_product(divided_by_power(x4, 2) + x3, third) + x2
    result = eighth + fixed_product(x + divided_by_power(terms, 1), eighth)
    remainder = part - a
    for exponent, factor in powers.items():
        if integer_bits > exponent:
            has_bit = remainder & (1 << (fraction + exponent))
            result = np.where(has_bit, fixed_product(result, factor), result)
    return np.where(a == 0, 2**31 - 1, result)


def one_over_one_plus(x: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns 1 / (1 + x) with 31 fraction bits, for x in [0, 1) with as many."""
    least, most = -(2**31), 2**31 - 1
    half_denominator = (x + 2**31) >> 1
    y = 1515870810 + fixed_product(half_denominator, -1010580540)
    for _ in range(3):
        error = (1 << 29) - fixed_product(half_denominator, y)
        y = y + np.clip(fixed_product(y, error) << 2, least, most)
    return np.clip(y << 1, least, most)


def softmax_codes(
    x: NDArray[np.int64], multiplier: int, shift: int, least: int
) -> NDArray[np.int64]:
    """Returns the softmax of codes over the last axis, as int8 of scale 1/256 and zero point -128.

    Args:
        x: codes.
        multiplier: of differences, 31 bits.
        shift: to the left, before it.
        least: smaller differences from the largest code count as 0.
    """
    difference = x - x.max(axis=-1, keepdims=True)
    inner = np.maximum(difference, least)
    scaled = fixed_product(inner << shift, multiplier)
    power = exp_on_negative_values(scaled, 5)
    counts = difference >= least
    total = np.where(counts, divided_by_power(power, 12), 0).sum(axis=-1, keepdims=True)
    headroom = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)  # leading zeros
    factor = one_over_one_plus((total << headroom) - 2**31)
    found = divided_by_power(fixed_product(factor, power), 12 - headroom + 31 - 8)
    return np.where(counts, np.clip(found - 128, -128, 127), -128)

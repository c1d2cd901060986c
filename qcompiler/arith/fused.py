"""Multiplication and addition with one rounding, as processors have it.

The shipped driver carries the source of this function, so it names nothing but `np`.
"""

from typing import Any

import numpy as np


def mul_add(a: Any, b: Any, factor: Any) -> Any:
    """Returns a * factor + b, rounded once where a and b are float32, as C's `fmaf` does.

    Of float64 operands, product and sum are rounded.

    Source: Boldo and Melquiond 2008, Emulation of FMA and correctly rounded sums: a sum that is
    rounded to odd keeps what a rounding to fewer bits needs.
    """
    a, b = np.asarray(a), np.asarray(b)
    # The product of two float32 numbers is a float64.
    product, summand = a.astype(np.float64) * np.float64(factor), b.astype(np.float64)
    total = product + summand
    part = total - product
    error = (product - (total - part)) + (summand - part)
    even = np.asarray(total).view(np.int64) % 2 == 0
    toward = np.where(error > 0, np.inf, -np.inf)
    odd = np.where((error != 0) & even, np.nextafter(total, toward), total)
    return odd.astype(np.float32) if np.result_type(a, b) == np.float32 else total

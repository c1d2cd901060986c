"""Products of integers by the fastest arithmetic that is exact for their sums."""

import numpy as np

from qcompiler.arith.arrays import IntArray
from qcompiler.arith.ranges import IntRange

_EXACT_FLOATS = ((2**24, np.float32), (2**53, np.float64))


def exact_type(largest: int) -> np.dtype[np.generic]:
    """Returns the fastest type whose sums are exact if none exceeds `largest` in magnitude.

    Beyond 64 bits these are Python's integers.
    """
    for bound, real in _EXACT_FLOATS:
        if largest <= bound:
            return np.dtype(real)
    return IntRange(-largest, largest).dtype


def exact_matmul(lhs: IntArray, rhs: IntArray, largest: int) -> IntArray:
    """Returns the integer product, given that no partial sum exceeds `largest` in magnitude."""
    kind = exact_type(largest)
    product = np.matmul(lhs.astype(kind), rhs.astype(kind))
    return product if kind.kind == "O" else product.astype(np.int64)

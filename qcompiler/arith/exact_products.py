"""Products of integers by the fastest arithmetic that is exact for their sums."""

import numpy as np

from qcompiler.arith.arrays import IntArray

_EXACT_FLOATS = ((2**24, np.float32), (2**53, np.float64))


def exact_type(largest: int) -> np.dtype[np.generic]:
    """Returns the fastest type whose sums are exact if none exceeds `largest` in magnitude.

    Raises:
        OverflowError: 64 bits do not hold the sums.
    """
    for bound, real in _EXACT_FLOATS:
        if largest <= bound:
            return np.dtype(real)
    if largest >= 2**63:
        raise OverflowError(f"sums up to {largest} exceed 64 bits")
    return np.dtype(np.int64)


def exact_matmul(lhs: IntArray, rhs: IntArray, largest: int) -> IntArray:
    """Returns the integer product, given that no partial sum exceeds `largest` in magnitude.

    Raises:
        OverflowError: 64 bits do not hold the sums.
    """
    kind = exact_type(largest)
    return np.matmul(lhs.astype(kind), rhs.astype(kind)).astype(np.int64)

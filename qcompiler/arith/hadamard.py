"""Matrices of ones and minus ones whose products are butterflies: n log n additions, not n * n.

Source: Sylvester's construction; the fast Walsh-Hadamard transform.
"""

import numpy as np

from qcompiler.arith.arrays import IntArray


def sylvester(n: int) -> IntArray:
    """Returns Sylvester's matrix of 1 and -1 for a power of two: `[[H, H], [H, -H]]` of halves."""
    made = np.ones((1, 1), np.int64)
    while len(made) < n:
        made = np.block([[made, made], [made, -made]])
    assert len(made) == n, "a power of two"
    return made


def signs_of(matrix: IntArray) -> tuple[IntArray, IntArray] | None:
    """Returns signs r and c with `matrix = r[:, None] * sylvester(n) * c`; None if there are none.

    Args:
        matrix: [n, n], of any integers.
    """
    n = len(matrix)
    if matrix.shape != (n, n) or n < 2 or n & (n - 1) or not (np.abs(matrix) == 1).all():
        return None
    columns = matrix[0].astype(np.int64)
    rows = matrix[:, 0].astype(np.int64) * columns[0]
    if (columns < 0).all():
        rows, columns = -rows, -columns
    found = rows[:, None] * sylvester(n) * columns
    return (rows, columns) if np.array_equal(found, matrix) else None


def transformed(vectors: IntArray) -> IntArray:
    """Returns `vectors @ sylvester(n)` along the last axis, n a power of two."""
    n, size = vectors.shape[-1], 1
    made = vectors
    while size < n:
        pairs = made.reshape(*made.shape[:-1], n // (2 * size), 2, size)
        first, second = pairs[..., 0, :], pairs[..., 1, :]
        made = np.stack([first + second, first - second], axis=-2).reshape(vectors.shape)
        size *= 2
    return made

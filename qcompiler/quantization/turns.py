"""Orthogonal matrices that are cheap to multiply with: two small ones, elements moved between.

Incoherence wants weights in a basis in which none stands out. A random matrix [n, n] would do, and
cost as much as a layer; with n = p * q, one of two factors does as well, for n * (p + q) products.
Where a factor is a power of two, it is a Hadamard matrix of ones and minus ones: additions only. A
power of two needs no second factor: the hardware of its matrix is a butterfly of n * log2(n)
additions.

Source: Chee et al., "QuIP", NeurIPS 2023, section 4.1 (two factors); Tseng et al., "QuIP#", ICML
2024, section 3 (randomized Hadamard matrices).
"""

from dataclasses import dataclass

import numpy as np

from qcompiler.arith.hadamard import sylvester
from qcompiler.dialects.attributes import Array

_LARGEST = 1024
"""Elements of the longest vector that is turned by one matrix."""


@dataclass(frozen=True)
class Turn:
    """`x`, as a matrix [p, q], becomes `(left^T x right)^T`, which is read row by row.

    `matrix()` has orthogonal rows of the length `gain`: that of ones and minus ones is not 1.

    Attributes:
        left: [p, p], rows of one length.
        right: [q, q], the same.
    """

    left: Array
    right: Array

    @classmethod
    def random(
        cls, n: int, random: np.random.Generator, *, signs: bool = True, after: bool = False
    ) -> "Turn":
        """Returns a random one for vectors of `n` elements.

        Args:
            n: how many elements.
            random: of entries.
            signs: whether a factor that is a power of two has ones and minus ones for entries.
            after: whether random signs are those of the results: such turn back what others turned.
        """
        p, q = (n, 1) if signs and _is_butterfly(n) else two_factors(n)
        parts = [
            _hadamard(size, random, after=after)
            if signs and size & (size - 1) == 0
            else _special_orthogonal(size, random)
            for size in (p, q)
        ]
        return cls(parts[0], parts[1])

    @property
    def gain(self) -> float:
        """The length of each row."""
        return float(np.linalg.norm(self.left[0]) * np.linalg.norm(self.right[0]))

    def matrix(self) -> Array:
        """Returns it as one matrix [n, n], that columns are multiplied with from the left."""
        return self.apply(np.eye(len(self.left) * len(self.right))).T

    def apply(self, vectors: Array) -> Array:
        """Returns the product with vectors [..., n]."""
        p, q = len(self.left), len(self.right)
        rows = vectors.reshape(*vectors.shape[:-1], p, q) @ self.right
        return (np.swapaxes(rows, -1, -2) @ self.left).reshape(vectors.shape)


def two_factors(n: int) -> tuple[int, int]:
    """Returns p and q with p * q = n: products of every other prime factor."""
    primes: list[int] = []
    divisor, left = 2, n
    while left > 1:
        while left % divisor == 0:
            primes.append(divisor)
            left //= divisor
        divisor += 1
    return int(np.prod(primes[0::2], dtype=int)), int(np.prod(primes[1::2], dtype=int))


def _special_orthogonal(n: int, random: np.random.Generator) -> Array:
    q, r = np.linalg.qr(random.standard_normal((n, n)))
    q = q * np.sign(np.diag(r))
    if np.linalg.det(q) < 0:
        q[0] = -q[0]
    return q


def _is_butterfly(n: int) -> bool:
    """Whether a matrix [n, n] of ones and minus ones is not too large to be written into a file."""
    return n & (n - 1) == 0 and n <= _LARGEST


def _hadamard(n: int, random: np.random.Generator, *, after: bool) -> Array:
    """Returns Sylvester's matrix of 1 and -1 with random signs of its rows, or its columns."""
    signs = random.choice([-1.0, 1.0], n)
    return sylvester(n) * (signs if after else signs[:, None])

"""Rounds matrices of weights so that the outputs of a layer suffer least, not the weights.

The measure is the proxy loss `tr((Q - W) H (Q - W)^T)`, where H is the second moment of the inputs.
LDLQ rounds columns one after the other, each after adding what the errors of the columns before it
ask for; it is the same as OPTQ. It was found best among all such feedback on an unbounded grid.

Source: Chee et al., "QuIP: 2-Bit Quantization of Large Language Models With Guarantees", NeurIPS
2023, sections 3 and 4.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from qcompiler.dialects.attributes import Array

DAMPING = 0.01
RANGE = 2.4
"""Half the width of the grid of incoherent weights, in root mean squares of them."""
Rounding = Callable[[Array, Array, int, int], Array]
"""Rounds a matrix [outputs, inputs] in units of its grid, by H [inputs, inputs], to lo .. hi."""


def proxy_loss(error: Array, h: Array) -> float:
    """Returns `tr(error h error^T)`."""
    return float(np.einsum("ij,jk,ik->", error, h, error, optimize=True))


def nearest(weights: Array, h: Array, lo: int, hi: int) -> Array:
    """Rounds each weight for itself, half up."""
    return np.clip(np.floor(weights + 0.5), lo, hi)


def ldlq(weights: Array, h: Array, lo: int, hi: int) -> Array:
    """Rounds columns from the last to the first, with linear feedback of their errors.

    Args:
        weights: [outputs, inputs], in units of the grid.
        h: [inputs, inputs], positive definite.
        lo: the least code.
        hi: the greatest code.
    """
    lower = np.linalg.cholesky(h)
    feedback = lower / np.diag(lower) - np.eye(len(h))
    codes = weights.astype(np.float64).copy()
    for column in range(len(h) - 1, -1, -1):
        errors = weights[:, column:] - codes[:, column:]
        wanted = weights[:, column] + errors @ feedback[column:, column]
        codes[:, column] = np.clip(np.floor(wanted + 0.5), lo, hi)
    return codes


def damped(h: Array) -> Array:
    """Returns a second moment that has an inverse: inputs that are always zero count as ones."""
    dead = np.diag(h) <= 0
    found = h + np.diag(np.where(dead, 1.0, 0.0))
    return found + DAMPING * np.diag(found).mean() * np.eye(len(h))


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


@dataclass(frozen=True)
class Kronecker:
    """An orthogonal matrix as two small ones between permutations.

    `x -> (left x right^T, x as a matrix [p, q])`, elements permuted before and after.

    Attributes:
        left: [p, p].
        right: [q, q].
        before: places that elements come from.
        after: the same, behind the product.
    """

    left: Array
    right: Array
    before: Array
    after: Array

    @classmethod
    def random(cls, n: int, random: np.random.Generator) -> "Kronecker":
        """Returns a random one for vectors of `n` elements."""
        p, q = two_factors(n)
        parts = _special_orthogonal(p, random), _special_orthogonal(q, random)
        return cls(*parts, random.permutation(n), random.permutation(n))

    def matrix(self) -> Array:
        """Returns it as one matrix [n, n]."""
        whole = np.kron(self.left, self.right)
        return whole[self.after][:, np.argsort(self.before)]

    def apply(self, vectors: Array) -> Array:
        """Returns the product with vectors [..., n]."""
        p, q = len(self.left), len(self.right)
        parts = vectors[..., self.before].reshape(*vectors.shape[:-1], p, q)
        made = self.left @ parts @ self.right.T
        return made.reshape(vectors.shape)[..., self.after]


def _special_orthogonal(n: int, random: np.random.Generator) -> Array:
    q, r = np.linalg.qr(random.standard_normal((n, n)))
    q = q * np.sign(np.diag(r))
    if np.linalg.det(q) < 0:
        q[0] = -q[0]
    return q


@dataclass(frozen=True)
class Incoherent:
    """A matrix whose large entries were spread out: `weights = outputs^T codes inputs / scales`.

    Attributes:
        values: what the codes stand for, [outputs, inputs], in the turned basis.
        inputs: turns the inputs of a layer, `V`.
        outputs: turns its outputs, `U`; they are turned back behind it.
        scales: of each input, by which the weights were multiplied before.
    """

    values: Array
    inputs: Kronecker
    outputs: Kronecker
    scales: Array

    def weights(self) -> Array:
        """Returns the weights that layer and turns amount to, [outputs, inputs]."""
        return self.outputs.matrix().T @ self.values @ self.inputs.matrix() / self.scales


def incoherent(
    weights: Array, h: Array, bits: int, rounding: Rounding, random: np.random.Generator
) -> Incoherent:
    """Returns weights rounded in a random orthogonal basis, in which none stands out.

    Args:
        weights: [outputs, inputs].
        h: second moment of the inputs.
        bits: width of codes, on one grid for the matrix.
        rounding: of the matrix that was turned.
        random: of the orthogonal matrices.
    """
    h = h / np.abs(h).max()
    squares = np.maximum(np.square(weights).sum(axis=0), 1e-30)
    scales = np.maximum((np.diag(h) / squares) ** 0.25, 1e-8)
    weights, h = weights * scales, h / np.outer(scales, scales)
    h = h * len(h) / np.trace(h) + 1e-2 * np.eye(len(h))
    u = Kronecker.random(weights.shape[0], random)
    v = Kronecker.random(weights.shape[1], random)
    turned = u.matrix() @ weights @ v.matrix().T
    h = v.matrix() @ h @ v.matrix().T
    h = h + DAMPING * np.diag(h).mean() * np.eye(len(h))
    reach = RANGE * np.sqrt(np.square(turned).mean())
    levels = 2**bits - 1
    codes = rounding((turned / reach + 1) / 2 * levels, h, 0, levels)
    return Incoherent((codes / levels * 2 - 1) * reach, v, u, scales)


def min_max(weights: Array, h: Array, bits: int, rounding: Rounding) -> Array:
    """Returns weights rounded on a grid from the least to the greatest of each row."""
    least, most = weights.min(axis=1, keepdims=True), weights.max(axis=1, keepdims=True)
    step = np.maximum(most - least, 1e-30) / (2**bits - 1)
    return rounding((weights - least) / step, h, 0, 2**bits - 1) * step + least

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
from qcompiler.quantization.turns import Turn

DAMPING = 0.01
INCOHERENT_DAMPING = 0.01
"""What is added to the second moment before it is turned, of its mean diagonal."""
RANGE = 2.4
"""Half the width of the grid of incoherent weights, in root mean squares of them."""
_BLOCK = 128
"""Columns whose feedback from all later ones is one product of matrices."""
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
    codes, errors = np.empty(weights.shape), np.zeros(weights.shape)
    for end in range(len(h), 0, -_BLOCK):
        start = max(end - _BLOCK, 0)
        wanted = weights[:, start:end] + errors[:, end:] @ feedback[end:, start:end]
        for column in range(end - 1, start - 1, -1):
            later = slice(column + 1, end)
            asked = wanted[:, column - start] + errors[:, later] @ feedback[later, column]
            codes[:, column] = np.clip(np.floor(asked + 0.5), lo, hi)
            errors[:, column] = weights[:, column] - codes[:, column]
    return codes


def damped(h: Array, damping: float = DAMPING) -> Array:
    """Returns a second moment that has an inverse: inputs that are always zero count as ones."""
    dead = np.diag(h) <= 0
    found = h + np.diag(np.where(dead, 1.0, 0.0))
    return found + damping * np.diag(found).mean() * np.eye(len(h))


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
    inputs: Turn
    outputs: Turn
    scales: Array

    def weights(self) -> Array:
        """Returns the weights that layer and turns amount to, [outputs, inputs]."""
        u, v = (turn.matrix() / turn.gain for turn in (self.outputs, self.inputs))
        return u.T @ self.values @ v / self.scales


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
    scales = rescaling(np.diag(h), np.square(weights).sum(axis=0))
    weights, h = weights * scales, h / np.outer(scales, scales)
    turns = [Turn.random(n, random, signs=False) for n in weights.shape]
    u, v = (turn.matrix() for turn in turns)
    turned, h = u @ weights @ v.T, v @ damped(h, INCOHERENT_DAMPING) @ v.T
    reach = RANGE * np.sqrt(np.square(turned).mean())
    levels = 2**bits - 1
    codes = rounding((turned / reach + 1) / 2 * levels, damped(h), 0, levels)
    return Incoherent((codes / levels * 2 - 1) * reach, turns[1], turns[0], scales)


def rescaling(inputs: Array, weights: Array) -> Array:
    """Returns by what the weights of each input are multiplied, so that errors matter alike.

    Args:
        inputs: mean squares of the inputs.
        weights: sums of squares of their weights.
    """
    most = max(float(inputs.max()), 1e-30)
    return np.maximum((inputs / most / np.maximum(weights, 1e-30)) ** 0.25, 1e-8)


def min_max(weights: Array, h: Array, bits: int, rounding: Rounding) -> Array:
    """Returns weights rounded on a grid from the least to the greatest of each row, with zero."""
    least, most = weights.min(axis=1, keepdims=True), weights.max(axis=1, keepdims=True)
    step = np.maximum(most - least, 1e-30) / (2**bits - 1)
    zero = np.rint(-least / step)
    return (rounding(weights / step + zero, h, 0, 2**bits - 1) - zero) * step

"""What a softmax takes, as codes with a scale, and which of them a mask leaves out.

A mask adds a very low number to some scores of a row, the same for every input; or it replaces them
by one. `Add` of a constant and `Where` with a constant condition both arrive here as factors and
summands of each element.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from xdsl.ir import SSAValue

from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.passes.rewriting import constant_array, plain_dequantize

_ENDLESS = float(np.finfo(np.float32).min) / 2
"""What is lower stands for minus infinity."""


class EmptyRowError(ValueError):
    """A mask leaves out all elements of a row."""


@dataclass(frozen=True)
class Scores:
    """Real numbers that are codes times a scale, but for those that a mask changes.

    Attributes:
        codes: integers.
        scale: of one.
        changed: which ones are more than that; shape of the codes, None if none are.
        above: how large those may be at most, in float64.
    """

    codes: SSAValue
    scale: Fraction
    changed: Array | None = None
    above: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The codes' shape."""
        return shape_of(self.codes.type)

    def scaled(self, factor: Fraction) -> Scores:
        """Returns the same times a positive number."""
        above = None if self.above is None else self.above * float(factor)
        return replace(self, scale=self.scale * factor, above=above)

    def _bounds(self) -> tuple[Array, Array]:
        if self.changed is not None and self.above is not None:
            return self.changed, self.above
        codes, scale = qint.range_of(self.codes.type), float(self.scale)
        return np.zeros(self.shape, bool), np.full(self.shape, codes.hi * scale)

    def times(self, flags: Array) -> Scores:
        """Returns the same, 0 where flags are not set."""
        changed, above = self._bounds()
        dropped = np.broadcast_to(flags == 0, self.shape)
        return replace(self, changed=changed | dropped, above=np.where(dropped, 0.0, above))

    def plus(self, summands: Array) -> Scores:
        """Returns the same plus a number for each element."""
        changed, above = self._bounds()
        added = np.broadcast_to(summands, self.shape).astype(np.float64)
        return replace(self, changed=changed | (added != 0), above=above + added)

    def kept(self, axis: int, margin: float) -> Array | None:
        """Returns which elements of rows count; the others lie as far below as `margin`.

        Args:
            axis: of the rows.
            margin: distance from the lowest that an element which counts may be.

        Returns:
            Booleans of the codes' shape; None if others may come nearer: then it is no mask.

        Raises:
            EmptyRowError: no element of a row counts.
        """
        changed, above = self._bounds()
        empty = changed.all(axis=axis, keepdims=True)
        if (empty & (above < _ENDLESS)).any():
            raise EmptyRowError
        lowest = qint.range_of(self.codes.type).lo * float(self.scale)
        if empty.any() or (above[changed] > lowest - margin).any():
            return None
        return ~changed


def scores_of(value: SSAValue) -> Scores | None:
    """Returns the codes behind a real value; None if it is no integer with a scale and a mask."""
    steps: list[tuple[nn.Binary, Array]] = []
    while isinstance(value.owner, nn.MulOp | nn.DivOp | nn.AddOp | nn.SubOp):
        op = value.owner
        value, constant = op.lhs, op.rhs
        if constant_array(value) is not None and isinstance(op, nn.MulOp | nn.AddOp):
            value, constant = constant, value
        numbers = constant_array(constant)
        if numbers is None or not np.isfinite(numbers).all():
            return None
        if shape_of(value.type) != shape_of(op.result.type):
            return None
        steps.append((op, numbers))
    source = plain_dequantize(value)
    if source is None or source.scale_array.size > 1:
        return None
    scores: Scores | None = Scores(source.input, Fraction(float(source.scale_array[0])))
    for op, numbers in reversed(steps):
        scores = None if scores is None else _step(scores, op, numbers)
    return scores


def _step(scores: Scores, op: nn.Binary, numbers: Array) -> Scores | None:
    if isinstance(op, nn.AddOp):
        return scores.plus(numbers)
    if isinstance(op, nn.SubOp):
        return scores.plus(-numbers.astype(np.float64))
    if isinstance(op, nn.MulOp) and numbers.size > 1:
        return scores.times(numbers) if ((numbers == 0) | (numbers == 1)).all() else None
    number = float(numbers.reshape(-1)[0])
    if numbers.size > 1 or number <= 0:
        return None
    return scores.scaled(Fraction(number) if isinstance(op, nn.MulOp) else 1 / Fraction(number))

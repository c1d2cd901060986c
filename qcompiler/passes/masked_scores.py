"""What a softmax takes, as codes with a scale, and which of them a mask leaves out.

A mask adds a very low number to some scores of a row, the same for every input; or it replaces them
by one. `Add` of a constant and `Where` with a constant condition both arrive here as factors and
summands of each element.
"""

from __future__ import annotations

from fractions import Fraction
from math import prod

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from xdsl.ir import SSAValue

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.passes.rewriting import constant_array, plain_dequantize

_ENDLESS = float(np.finfo(np.float32).min) / 2
"""What is lower stands for minus infinity."""


class EmptyRowError(ValueError):
    """A mask leaves out all elements of a row."""


class Condition(Struct, frozen=True):
    """What the network decides of each element of rows: whether a mask leaves it out.

    Attributes:
        value: 1 or 0 by element, or broadcast.
        keeps: which of the two lets an element count.
        above: how large others may be at most.
    """

    value: SSAValue
    keeps: bool
    above: float

    def rule(self, axis_length: int) -> tuple[SSAValue, str, Array] | None:
        """Returns how an element of a row is told: by a number of the frame, and its place.

        Returns:
            The number as integers; a formula that is 1 where the element counts, in which b is the
            number and t a table by place; and that table. None if the condition is no comparison
            of one number with a constant by place.

        Raises:
            EmptyRowError: for some numbers no element counts.
        """
        compared = self.value.owner
        if not isinstance(compared, nn.GreaterEqualOp):
            return None
        for number, constant, text in (
            (compared.lhs, compared.rhs, "b >= {}"),
            (compared.rhs, compared.lhs, "{} >= b"),
        ):
            source, limits = plain_dequantize(number), constant_array(constant)
            if source is None or limits is None or source.scale_array.tolist() != [1.0]:
                continue
            whole = limits.astype(np.int64)
            fits = limits.size in (1, axis_length) and limits.shape[-1:] == (limits.size,)
            if prod(shape_of(source.input.type)) != 1 or not fits or (whole != limits).any():
                return None
            table = np.broadcast_to(whole.reshape(-1), (axis_length,))
            self._check(table, qint.range_of(source.input.type), number is compared.lhs)
            alike = bool((table == np.arange(axis_length)).all())
            said = text.format("position" if alike else "t[position]")
            return source.input, said if self.keeps else f"({said}) == 0", table
        return None

    def _check(self, limits: Array, numbers: IntRange, number_first: bool) -> None:
        """Raises EmptyRowError if for some number no element of a row counts."""
        if number_first:  # number >= limit
            fine = limits.min() <= numbers.lo if self.keeps else limits.max() > numbers.hi
        else:
            fine = limits.max() >= numbers.hi if self.keeps else limits.min() < numbers.lo
        if not fine:
            raise EmptyRowError


class Scores(Struct, frozen=True):
    """Real numbers that are codes times a scale, but for those that a mask changes.

    Attributes:
        codes: integers.
        scale: of one.
        changed: which ones are more than that; shape of the codes, None if none are.
        above: how large those may be at most, in float64.
        condition: what the network leaves out besides.
    """

    codes: SSAValue
    scale: Fraction
    changed: Array | None = None
    above: Array | None = None
    condition: Condition | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The codes' shape."""
        return shape_of(self.codes.type)

    def scaled(self, factor: Fraction) -> Scores:
        """Returns the same times a positive number."""
        above = None if self.above is None else self.above * float(factor)
        condition = self.condition
        if condition is not None:
            condition = replace(condition, above=condition.above * float(factor))
        return replace(self, scale=self.scale * factor, above=above, condition=condition)

    def left_out(self, op: nn.WhereOp, added: SSAValue | None = None) -> Scores | None:
        """Returns the same where a condition says so, elsewhere a constant; None if it says less.

        Args:
            op: chooses between the scores and a number, or between 0 and one that is added.
            added: the choice, if it is added.
        """
        constants = [constant_array(value) for value in (op.a, op.b)]
        low = [c is not None and c.size == 1 and bool((c < 0).all()) for c in constants]
        if self.condition is not None or self.changed is not None or low.count(True) != 1:
            return None
        keeps = low[1]
        number, other = constants[1 if keeps else 0], constants[0 if keeps else 1]
        if number is None or (added is not None and (other is None or other.any())):
            return None
        above = float(number.reshape(-1)[0])
        if added is not None:
            above += qint.range_of(self.codes.type).hi * float(self.scale)
        return replace(self, condition=Condition(op.condition, keeps, above))

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
        if self.condition is not None and self.condition.above > lowest - margin:
            return None
        return ~changed


def scores_of(value: SSAValue) -> Scores | None:
    """Returns the codes behind a real value; None if it is no integer with a scale and a mask."""
    steps: list[tuple[nn.Binary | nn.WhereOp, SSAValue]] = []
    while isinstance(value.owner, nn.MulOp | nn.DivOp | nn.AddOp | nn.SubOp | nn.WhereOp):
        op = value.owner
        inner, constant = (op.a, op.b) if isinstance(op, nn.WhereOp) else (op.lhs, op.rhs)
        if _is_known(inner) and isinstance(op, nn.MulOp | nn.AddOp | nn.WhereOp):
            inner, constant = constant, inner
        if not _is_known(constant) or shape_of(inner.type) != shape_of(op.result.type):
            return None
        steps.append((op, constant))
        value = inner
    source = plain_dequantize(value)
    if source is None or source.scale_array.size > 1:
        return None
    scores: Scores | None = Scores(source.input, Fraction(float(source.scale_array[0])))
    for op, constant in reversed(steps):
        scores = None if scores is None else _step(scores, op, constant)
    return scores


def _is_known(value: SSAValue) -> bool:
    """Whether a value is a finite constant, or one of two that the network chooses."""
    if isinstance(value.owner, nn.WhereOp):
        return all(constant_array(v) is not None for v in (value.owner.a, value.owner.b))
    numbers = constant_array(value)
    return numbers is not None and bool(np.isfinite(numbers).all())


def _step(scores: Scores, op: nn.Binary | nn.WhereOp, constant: SSAValue) -> Scores | None:
    if isinstance(op, nn.WhereOp):
        return scores.left_out(op)
    if isinstance(constant.owner, nn.WhereOp):
        return scores.left_out(constant.owner, constant) if isinstance(op, nn.AddOp) else None
    numbers = constant_array(constant)
    if numbers is None or (scores.condition is not None and numbers.size > 1):
        return None
    if isinstance(op, nn.AddOp | nn.SubOp) and scores.condition is not None:
        return None
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

"""Joins in `exact` numerics: up to where the operands meet, each value is a sum of lines."""

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.joint_function import IntMap, JointFunction
from qcompiler.arith.requantizers import MulShift
from qcompiler.arith.scalar_builder import ScalarBuilder
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array
from qcompiler.interpreters.joint_bodies import (
    LARGEST,
    JoinError,
    before_join,
    finished,
    gain_of,
    too_far_apart,
)
from qcompiler.interpreters.scalar_functions import parameter_row


def exact_joint_function(body: qint.ScalarBody, meeting: Operation, channels: int) -> JointFunction:
    """Returns what a region computes of real numbers, of activations that meet at `meeting`.

    Raises:
        JoinError: an operation keeps them apart.
        FunctionError: their lines have no common unit.
    """
    lines = _Lines(body, channels)
    operations = body.operations
    for op in operations[: operations.index(meeting)]:
        lines.add(op)
    if isinstance(meeting, nn.MulOp):
        maps, unit = lines.product(meeting)
        kind = "product"
    else:
        maps, unit = lines.sum(meeting)
        kind = "sum"
    builder = ScalarBuilder(channels, "exact")
    factor = np.array([float(u) for u in unit])
    if any(Fraction(float(f)) != u for f, u in zip(factor, unit, strict=True)):
        raise too_far_apart()
    start = builder.apply("mul", builder.x, parameter_row(factor, channels))
    tail = finished(builder, start, body, meeting, channels)
    return JointFunction(tuple(maps), kind, tail, gain_of(body, meeting, factor))


class _Lines:
    """Follows values as sums of lines, one per operand."""

    def __init__(self, body: qint.ScalarBody, channels: int):
        self.channels = channels
        self.count = len(body.arguments)
        self.values: dict[SSAValue, dict[int | None, list[Fraction]]] = {
            argument: {i: [Fraction(1)] * channels} for i, argument in enumerate(body.arguments)
        }

    def add(self, op: Operation) -> None:
        """Follows one operation.

        Raises:
            VerifyException: its result is no line.
        """
        terms = [self.values[operand] for operand in op.operands]
        self.values[op.results[0]] = self._result(op, terms)

    def _result(
        self, op: Operation, terms: list[dict[int | None, list[Fraction]]]
    ) -> dict[int | None, list[Fraction]]:
        match op:
            case nn.ParameterOp():
                return {None: _fractions(op.array, self.channels)}
            case qint.AffineOp():
                line = self._scaled(terms[0], _fractions(op.multiplier_array, self.channels))
                offset: dict[int | None, list[Fraction]] = {
                    None: _fractions(op.offset_array, self.channels)
                }
                return self._sum(line, offset, 1)
            case qint.DequantizeOp():
                return self._scaled(terms[0], _fractions(op.scale_array, self.channels))
            case nn.AddOp() | nn.SubOp():
                return self._sum(terms[0], terms[1], 1 if isinstance(op, nn.AddOp) else -1)
            case nn.MulAddOp():
                factor = [Fraction(op.parameters[0])] * self.channels
                return self._sum(self._scaled(terms[0], factor), terms[1], 1)
            case nn.NegOp():
                return self._scaled(terms[0], [Fraction(-1)] * self.channels)
            case nn.MulOp() if set(terms[1]) == {None}:
                return self._scaled(terms[0], terms[1][None])
            case nn.MulOp() if set(terms[0]) == {None}:
                return self._scaled(terms[1], terms[0][None])
            case nn.DivOp() if set(terms[1]) == {None} and all(terms[1][None]):
                return self._scaled(terms[0], [1 / f for f in terms[1][None]])
            case _:
                raise before_join(op)

    @staticmethod
    def _scaled(
        line: dict[int | None, list[Fraction]], factors: Sequence[Fraction]
    ) -> dict[int | None, list[Fraction]]:
        return {
            key: [a * f for a, f in zip(row, factors, strict=True)] for key, row in line.items()
        }

    @staticmethod
    def _sum(
        a: dict[int | None, list[Fraction]], b: dict[int | None, list[Fraction]], sign: int
    ) -> dict[int | None, list[Fraction]]:
        total = dict(a)
        for key, row in b.items():
            old = total.get(key, [Fraction(0)] * len(row))
            total[key] = [x + sign * y for x, y in zip(old, row, strict=True)]
        return total

    def sum(self, meeting: Operation) -> tuple[list[IntMap], list[Fraction]]:
        """Returns integer maps, and what one unit of their sum is worth, per channel."""
        self.add(meeting)
        line = self.values[meeting.results[0]]
        rows = [line[i] for i in range(self.count)]
        offset = line.get(None, [Fraction(0)] * self.channels)
        unit = [_unit(column) for column in zip(*rows, offset, strict=True)]
        maps = [self._map([a / u for a, u in zip(row, unit, strict=True)]) for row in rows]
        constant = [int(b / u) for b, u in zip(offset, unit, strict=True)]
        first = maps[0]
        bias = np.array(constant, np.int64)
        maps[0] = MulShift(first.multiplier, _one(bias), 0, -LARGEST, LARGEST)
        return list(maps), unit

    def product(self, meeting: Operation) -> tuple[list[IntMap], list[Fraction]]:
        """Returns integer maps, and what one unit of their product is worth, per channel."""
        if self.count != 2:
            raise JoinError(
                meeting,
                f"multiplies {self.count} activations, some of them joined before",
                "add a quantizer after each two that are joined",
            )
        maps: list[IntMap | None] = [None, None]
        unit = [Fraction(1)] * self.channels
        for operand in meeting.operands:
            line = self.values[operand]
            keys = [key for key in line if key is not None]
            if len(keys) != 1:
                raise VerifyException("a product of sums needs quantizers between")
            offset = line.get(None, [Fraction(0)] * self.channels)
            own = [_unit(column) for column in zip(line[keys[0]], offset, strict=True)]
            made = self._map([a / u for a, u in zip(line[keys[0]], own, strict=True)])
            bias = np.array([int(b / u) for b, u in zip(offset, own, strict=True)], np.int64)
            maps[keys[0]] = MulShift(made.multiplier, _one(bias), 0, -LARGEST, LARGEST)
            unit = [a * b for a, b in zip(unit, own, strict=True)]
        return [m for m in maps if m is not None], unit

    @staticmethod
    def _map(factors: Sequence[Fraction]) -> MulShift:
        multiplier = np.array([int(f) for f in factors], np.int64)
        return MulShift(_one(multiplier), np.zeros(1, np.int64), 0, -LARGEST, LARGEST)


def _fractions(values: Array, channels: int) -> list[Fraction]:
    row = np.broadcast_to(values.reshape(-1), (channels,)) if values.size == 1 else values
    return [Fraction(float(v)) for v in row.reshape(-1)]


def _one(row: Array) -> Array:
    return row[:1] if bool((row == row[0]).all()) else row


def _unit(numbers: Sequence[Fraction]) -> Fraction:
    """Returns the largest fraction of which all numbers are integer multiples.

    Raises:
        FunctionError: the multiples exceed 62 bits.
    """
    present = [abs(n) for n in numbers if n]
    if not present:
        return Fraction(1)
    denominator = lcm(*(n.denominator for n in present))
    unit = Fraction(int(np.gcd.reduce([int(n * denominator) for n in present])), denominator)
    if max(present) / unit >= LARGEST:
        raise too_far_apart()
    return unit

"""What is to be solved, without what needs no solving: dead inputs, zeros, equal columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from qcompiler.adder_graphs.graph import Term, trailing_zeros
from qcompiler.arith.arrays import IntArray


class Use(NamedTuple):
    """How an output follows from a column: `sign * factor * column * 2**shift + bias`.

    Attributes:
        column: which one, None for a constant.
        shift: places.
        sign: 1 or -1.
        bias: what is to be added afterwards.
        factor: odd and positive.
    """

    column: int | None
    shift: int
    sign: int
    bias: int
    factor: int = 1


class Problem(Struct, frozen=True, eq=False):
    """Distinct columns to be made, and how the outputs follow from them.

    Attributes:
        inputs: lowest and highest integer and zeros of each, [I, 3].
        matrix: columns that differ by more than sign, shift and factor, zero for fixed inputs, and
            in a last row what is added to each, [I + 1, C].
        uses: how each output is made.
    """

    inputs: IntArray
    matrix: IntArray
    uses: list[Use]

    @staticmethod
    def of(matrix: IntArray, inputs: IntArray, bias: IntArray, *, factors: bool) -> Problem:
        """Returns the problem of a matrix [I, O] and a bias [O].

        Args:
            matrix: coefficients.
            inputs: lowest and highest integer and zeros of each, [I, 3].
            bias: what is added.
            factors: whether what all numbers of a column are divisible by is multiplied afterwards.
        """
        fixed = inputs[:, 0] == inputs[:, 1]
        constant = bias + np.where(fixed, inputs[:, 0], 0) @ matrix
        varying = np.where(fixed[:, None], 0, matrix)
        outputs = [
            _output(varying[:, o], int(constant[o]), factors) for o in range(matrix.shape[1])
        ]
        groups: dict[bytes, list[int]] = {}
        for at, (column, _) in enumerate(outputs):
            if column.any():
                groups.setdefault(column.tobytes(), []).append(at)
        uses = [Use(None, 0, 1, use.bias) for _, use in outputs]
        biases: list[int] = []
        for number, members in enumerate(groups.values()):
            biases.append(_common_bias(uses, outputs, members, number))
        columns = [outputs[at[0]][1].sign * outputs[at[0]][0] for at in groups.values()]
        whole = np.zeros((len(inputs) + 1, len(columns)), np.int64)
        for at, column in enumerate(columns):
            whole[:-1, at] = column
        whole[-1] = biases
        return Problem(inputs, whole, uses)


_Output = tuple[IntArray, Use]


def _output(column: IntArray, bias: int, factors: bool) -> _Output:
    """Returns a column without common zeros and factors, its first number positive; and its use."""
    used = column[column != 0]
    if not used.size:
        return column, Use(None, 0, 1, bias)
    shift = int(trailing_zeros(used).min())
    sign = 1 if used[0] > 0 else -1
    factor = int(np.gcd.reduce(used)) >> shift if factors else 1
    return sign * (column >> shift) // factor, Use(None, shift, sign, bias, factor)


def _common_bias(uses: list[Use], outputs: list[_Output], members: list[int], number: int) -> int:
    """Notes what a column's outputs use, and returns the bias that is added before they part.

    If they need different ones each adds its own. The first output has its column's sign.
    """
    needed = set[int | None]()
    first = outputs[members[0]][1].sign
    for at in members:
        use = outputs[at][1]
        inside, left = divmod(use.bias, use.factor << use.shift)
        needed.add(None if left else use.sign * first * inside)
    shared = needed.pop() if len(needed) == 1 else None
    for at in members:
        use = outputs[at][1]
        left = use.bias if shared is None else 0
        uses[at] = use._replace(column=number, sign=use.sign * first, bias=left)
    return 0 if shared is None else shared


def odd_parts(numbers: Iterable[int]) -> list[int]:
    """Returns the odd positive integers of which integers are shifted or negated ones; sorted."""
    return sorted({abs(number) // (number & -number) for number in numbers if number})


def term_of(number: int, constants: dict[int, int]) -> Term:
    """Returns the term of a constant, of which only odd positive ones are values."""
    zeros = (number & -number).bit_length() - 1
    return Term(constants[abs(number) >> zeros], zeros, 1 if number > 0 else -1)

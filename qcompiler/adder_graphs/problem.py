"""What is to be solved, without what needs no solving: dead inputs, zeros, equal columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from qcompiler.adder_graphs.graph import Term, trailing_zeros
from qcompiler.arith.arrays import IntArray


@dataclass(frozen=True, eq=False)
class Problem:
    """Distinct columns to be made, and how the outputs follow from them.

    Attributes:
        inputs: lowest and highest integer and zeros of each, [I, 3].
        matrix: columns that differ by more than sign and shift, zero for fixed inputs, and in a
            last row what is added to each, [I + 1, C].
        uses: column, shift, sign and what is to be added afterwards, of each output; column None
            for a constant.
    """

    inputs: IntArray
    matrix: IntArray
    uses: list[tuple[int | None, int, int, int]]

    @staticmethod
    def of(matrix: IntArray, inputs: IntArray, bias: IntArray) -> Problem:
        """Returns the problem of a matrix [I, O] and a bias [O]."""
        fixed = inputs[:, 0] == inputs[:, 1]
        constant = bias + np.where(fixed, inputs[:, 0], 0) @ matrix
        varying = np.where(fixed[:, None], 0, matrix)
        outputs = [_output(varying[:, o], int(constant[o])) for o in range(matrix.shape[1])]
        groups: dict[bytes, list[int]] = {}
        for at, (column, _, _, _) in enumerate(outputs):
            if column.any():
                groups.setdefault(column.tobytes(), []).append(at)
        uses: list[tuple[int | None, int, int, int]] = [(None, 0, 1, b) for _, _, _, b in outputs]
        biases: list[int] = []
        for number, members in enumerate(groups.values()):
            biases.append(_common_bias(uses, outputs, members, number))
        columns = [outputs[at[0]][2] * outputs[at[0]][0] for at in groups.values()]
        whole = np.zeros((len(inputs) + 1, len(columns)), np.int64)
        for at, column in enumerate(columns):
            whole[:-1, at] = column
        whole[-1] = biases
        return Problem(inputs, whole, uses)


_Output = tuple[IntArray, int, int, int]


def _output(column: IntArray, bias: int) -> _Output:
    """Returns a column without common zeros, its first number positive; shift, sign and bias."""
    used = column[column != 0]
    if not used.size:
        return column, 0, 1, bias
    shift = int(trailing_zeros(used).min())
    sign = 1 if used[0] > 0 else -1
    return sign * (column >> shift), shift, sign, bias


def _common_bias(
    uses: list[tuple[int | None, int, int, int]],
    outputs: list[_Output],
    members: list[int],
    number: int,
) -> int:
    """Notes what a column's outputs use, and returns the bias that is added before they part.

    If they need different ones each adds its own. The first output has its column's sign.
    """
    needed = set[int | None]()
    first = outputs[members[0]][2]
    for at in members:
        _, shift, sign, bias = outputs[at]
        sign *= first
        whole = bias % (1 << shift) == 0
        needed.add(sign * (bias >> shift) if whole else None)
    shared = needed.pop() if len(needed) == 1 else None
    for at in members:
        _, shift, sign, bias = outputs[at]
        uses[at] = (number, shift, sign * first, bias if shared is None else 0)
    return 0 if shared is None else shared


def odd_parts(numbers: Iterable[int]) -> list[int]:
    """Returns the odd positive integers of which integers are shifted or negated ones; sorted."""
    return sorted({abs(number) // (number & -number) for number in numbers if number})


def term_of(number: int, constants: dict[int, int]) -> Term:
    """Returns the term of a constant, of which only odd positive ones are values."""
    zeros = (number & -number).bit_length() - 1
    return Term(constants[abs(number) >> zeros], zeros, 1 if number > 0 else -1)

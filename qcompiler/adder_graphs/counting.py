"""Sums of bits as counts: full adders first, wider ones that take a carry, chains at the end.

A full adder makes a number of two bits of three bits. Two numbers and a bit, as the carry that
enters, make the next one: so n bits take about n full adders and no sign is ever extended. A bit
that is subtracted is added inverted, less one. What all this is off by is a constant, added once.

Source: the counters of Dadda, "Some schemes for parallel multipliers", Alta Frequenza 34 (1965).
"""

from __future__ import annotations

from functools import cache

import numpy as np

from qcompiler.adder_graphs.builder import Builder
from qcompiler.adder_graphs.cost import AdderCost, Operand, node_luts
from qcompiler.adder_graphs.digits import signed_digits
from qcompiler.adder_graphs.graph import AdderGraph, Term
from qcompiler.adder_graphs.problem import Problem, Use, odd_parts, term_of
from qcompiler.adder_graphs.trees import add_all


def is_counting(problem: Problem) -> bool:
    """Whether all inputs that a problem's columns use are bits."""
    used = problem.matrix[:-1].any(axis=1)
    return bool(used.any() and (problem.inputs[used] == [0, 1, 0]).all())


def count(problem: Problem, cost: AdderCost) -> AdderGraph:
    """Returns the graph that counts bits for each output; inputs are bits."""
    return _Counting(problem, cost).graph()


class _Counting:
    def __init__(self, problem: Problem, cost: AdderCost) -> None:
        self._problem = problem
        self._cost = cost
        self._sums = {
            (use.column, use.sign): self._digits(use.column, use.sign)
            for use in problem.uses
            if use.column is not None
        }
        biases = (bias for _, bias in self._sums.values())
        numbers = odd_parts([1, *biases, *(use.bias for use in problem.uses)])
        self._constants = {c: len(problem.inputs) + at for at, c in enumerate(numbers)}
        self._builder = Builder(problem.inputs, numbers, cost)

    def _digits(self, column: int, sign: int) -> tuple[dict[int, list[tuple[int, int]]], int]:
        """Returns a column's bits by power, as (input, sign), and what is added to their count."""
        coefficients = self._problem.matrix[:, column] * sign
        bias = int(coefficients[-1])
        bits: dict[int, list[tuple[int, int]]] = {}
        for value in np.flatnonzero(coefficients[:-1]).tolist():
            for power, one in signed_digits(int(coefficients[value])):
                bits.setdefault(power, []).append((value, one))
                if one < 0:
                    bias -= 1 << power
        return bits, bias

    def graph(self) -> AdderGraph:
        """Returns the graph."""
        made = {key: self._sum(*sums) for key, sums in self._sums.items()}
        outputs: list[Term | None] = []
        for use in self._problem.uses:
            terms = [] if use.column is None else self._multiple(made[use.column, use.sign], use)
            outputs.append(add_all(self._builder, terms + self._constant(use.bias), 0))
        return self._builder.graph(outputs)

    def _sum(self, bits: dict[int, list[tuple[int, int]]], bias: int) -> Term:
        terms = self._constant(bias)
        for power, members in bits.items():
            total = self._count([self._bit(*member) for member in members])
            terms.append(total._replace(shift=power))
        found = add_all(self._builder, terms, 0)
        assert found is not None, "columns are not zero"
        return found

    def _multiple(self, column: Term, use: Use) -> list[Term]:
        digits = [
            Term(column.value, column.shift + power + use.shift, column.sign * sign)
            for power, sign in signed_digits(use.factor)
        ]
        total = add_all(self._builder, digits, 0)
        return [] if total is None else [total]

    def _bit(self, value: int, sign: int) -> Term:
        plain = Term(value, 0, 1)
        if sign > 0:
            return plain
        return self._builder.add(term_of(1, self._constants), Term(value, 0, -1), keep_sign=True)

    def _count(self, bits: list[Term]) -> Term:
        left, right, carry = _split(len(bits), self._cost)
        if not right:
            return bits[0]
        terms = [self._count(bits[:left]), self._count(bits[left : left + right])]
        return self._builder.add_up(*terms, *bits[len(bits) - carry :])

    def _constant(self, number: int) -> list[Term]:
        return [term_of(number, self._constants)] if number else []


def _split(bits: int, cost: AdderCost) -> tuple[int, int, int]:
    """Returns how many bits make the first number, the second one, and the carry."""
    return _best(bits, cost)[1]


@cache
def _best(bits: int, cost: AdderCost) -> tuple[int, tuple[int, int, int]]:
    """Returns the tables of the cheapest way to count bits, and its last split."""
    if bits == 1:
        return 0, (1, 0, 0)
    full = {(1 << power) - 1 for power in range(1, bits.bit_length() + 1)}
    found: list[tuple[int, tuple[int, int, int]]] = []
    for left in sorted(full | {bits // 2, (bits - 1) // 2}):
        for carry in (1, 0):
            right = bits - left - carry
            if left and 0 < right <= left:
                operands = [Operand(0, size, 0) for size in (left, right, carry) if size]
                luts = node_luts(operands, 0, bits, cost)
                luts += _best(left, cost)[0] + _best(right, cost)[0]
                found.append((luts, (left, right, carry)))
    return min(found)

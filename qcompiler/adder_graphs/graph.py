"""Graphs of adders: products with a constant matrix, made of additions of shifted values.

Values are numbered: the inputs 0 to I - 1, then the constants, then the nodes in an order in which
each adds values of smaller numbers only. A node adds two or three *terms*; a term is a value, a
shift and a sign, and stands for `sign * value * 2**shift`. An output is one term, or zero. So all
of a graph are four dense arrays of integers.

Every value is a linear form of the inputs. Its range over all inputs within theirs follows from its
coefficients, exactly: the sum of lowest products is reached at a corner. The same for zeros at its
low end. Hardware needs no wire for these.

Example: y = 5 * x0 - 10 * x1 for x in [0, 15] with one adder for x0 - 2 * x1, and one for 5 of it.

    >>> graph = AdderGraph.of([(0, 15)] * 2, [[(0, 0, 1), (1, 1, -1)], [(2, 0, 1), (2, 2, 1)]],
    ...                       [(3, 0, 1)])
    >>> graph.check(np.array([[5], [-10]]))
    >>> graph.evaluate(np.array([[15, 1]])).tolist(), graph.range_of(3), graph.depth()
    ([[65]], IntRange(lo=-150, hi=75), 2)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from qcompiler.arith.arrays import BoolArray, FloatArray, IntArray
from qcompiler.arith.ranges import LARGEST_INT64, IntRange, WidthError

_BLOCK = 64


class Term(NamedTuple):
    """sign * value * 2**shift; the shift may be negative where the value has as many zeros."""

    value: int
    shift: int
    sign: int


ABSENT = Term(-1, 0, 0)
"""A node's third term if it adds two; an output that is zero."""


class GraphError(ValueError):
    """A graph does not compute what it should, or is none."""


class AdderGraph(Struct, frozen=True, eq=False, dict=True):
    """Additions that make linear forms of integers.

    Attributes:
        inputs: lowest and highest integer of each, and its zeros at the low end, [I, 3].
        constants: [K].
        nodes: three terms of each, [N, 9]; the third one absent where two are added.
        outputs: a term each, [O, 3]; absent for zero.

    Raises:
        GraphError: an array is no such list, or a term refers to a later value.
        WidthError: a value may not fit 63 bits.
    """

    inputs: IntArray
    constants: IntArray
    nodes: IntArray
    outputs: IntArray

    def __post_init__(self) -> None:
        for name, columns in (("inputs", 3), ("nodes", 9), ("outputs", 3)):
            found = getattr(self, name)
            if found.ndim != 2 or found.shape[1] != columns:
                raise GraphError(f"{name} must have shape [n, {columns}], got {found.shape}")
        if (self.inputs[:, 0] > self.inputs[:, 1]).any():
            raise GraphError("ranges of inputs must not be empty")
        self._check_order()
        self._check_zeros()

    @staticmethod
    def of(
        inputs: Sequence[tuple[int, int] | tuple[int, int, int]],
        nodes: Sequence[Sequence[Term | tuple[int, int, int]]],
        outputs: Sequence[Term | tuple[int, int, int]],
        constants: Sequence[int] = (),
    ) -> AdderGraph:
        """Returns a graph from lists; nodes are two or three terms each."""
        rows = [[*one, *([ABSENT] * (3 - len(one)))] for one in nodes]
        return AdderGraph(
            np.array([(*one, 0)[:3] for one in inputs], np.int64).reshape(-1, 3),
            np.array(constants, np.int64),
            np.array(rows, np.int64).reshape(-1, 9),
            np.array(outputs, np.int64).reshape(-1, 3),
        )

    @property
    def first_node(self) -> int:
        """Number of the first node's value."""
        return len(self.inputs) + len(self.constants)

    @property
    def values(self) -> int:
        """How many values there are: inputs, constants and nodes."""
        return self.first_node + len(self.nodes)

    def terms(self, node: int) -> list[Term]:
        """Returns the terms of a node, counted from 0."""
        row: list[int] = self.nodes[node].tolist()
        found = [Term(*row[at : at + 3]) for at in (0, 3, 6)]
        return [term for term in found if term.sign]

    def __iter__(self) -> Iterator[tuple[int, list[Term]]]:
        """Yields each node's value number and terms, in order."""
        for node in range(len(self.nodes)):
            yield self.first_node + node, self.terms(node)

    @cached_property
    def _levels(self) -> list[IntArray]:
        """Nodes, counted from 0, that depend on earlier ones of these lists only."""
        level = np.zeros(self.values, np.int64)
        for node, terms in self:
            level[node] = 1 + max(int(level[term.value]) for term in terms)
        level = level[self.first_node :]
        return [np.flatnonzero(level == at) for at in range(1, level.max(initial=0) + 1)]

    def _check_order(self) -> None:
        nodes = self.nodes.reshape(-1, 3, 3)
        numbers = self.first_node + np.arange(len(nodes), dtype=np.int64)
        value, sign = nodes[..., 0], nodes[..., 2]
        present = sign != 0
        if not present[:, :2].all():
            raise GraphError("a node must add at least two terms")
        if ((value >= numbers[:, None]) | (value < 0))[present].any():
            raise GraphError("a node must add values of smaller numbers only")
        there = self.outputs[:, 2] != 0
        if (self.outputs[there, 0] >= self.values).any() or (self.outputs[there, 0] < 0).any():
            raise GraphError("an output must be a value of the graph")
        signs = np.concatenate([sign.ravel(), self.outputs[:, 2]])
        if (np.abs(signs) > 1).any():
            raise GraphError("signs must be 1 or -1, or 0 where there is no term")

    def _check_zeros(self) -> None:
        used = np.concatenate([self.nodes.reshape(-1, 3), self.outputs])
        used = used[used[:, 2] != 0]
        if (used[:, 1] < -self.zeros[used[:, 0]]).any():
            raise GraphError("a value must not be shifted right beyond its zeros")

    def _forms(self, first: int, last: int) -> IntArray:
        """Returns the coefficients of inputs first to last - 1 in each value [V, last - first]."""
        found = np.zeros((self.values, last - first), np.int64)
        inside = np.arange(first, min(last, len(self.inputs)), dtype=np.int64)
        found[inside, inside - first] = 1
        if last > len(self.inputs):
            found[len(self.inputs) : self.first_node, -1] = self.constants
        self._propagate(found)
        return found

    def _propagate(self, values: IntArray) -> None:
        """Computes the rows of nodes in place, from those of inputs and constants."""
        nodes = self.nodes.reshape(-1, 3, 3)
        for level in self._levels:
            total = np.zeros((len(level), values.shape[1]), np.int64)
            for at in range(3):
                total += _shifted(values, nodes[level, at])
            values[self.first_node + level] = total

    def _blocks(self) -> Iterator[tuple[int, IntArray]]:
        """Yields forms of some inputs at a time; the constant is the input behind the last."""
        count = len(self.inputs) + 1
        for first in range(0, count, _BLOCK):
            yield first, self._forms(first, min(first + _BLOCK, count))

    @cached_property
    def _facts(self) -> tuple[IntArray, IntArray, IntArray]:
        """Returns lowest and highest integer and low zeros of each value, [V] each."""
        reach = np.maximum(self._reach, 1)
        results = np.ldexp(reach[self.outputs[:, 0]], self.outputs[:, 1])
        if (reach > LARGEST_INT64).any() or (
            results[self.outputs[:, 2] != 0] > LARGEST_INT64
        ).any():
            raise WidthError("a value of the adder graph may not fit 63 bits")
        low, high = np.zeros(self.values, np.int64), np.zeros(self.values, np.int64)
        known: IntArray = np.full(self.values, 63, np.int64)
        inputs = np.concatenate([self.inputs, [[1, 1, 0]]])
        for first, forms in self._blocks():
            box = inputs[first : first + forms.shape[1]]
            lo, hi, zeros = box[:, 0], box[:, 1], box[:, 2]
            one, other = forms * lo, forms * hi
            low += np.minimum(one, other).sum(axis=1)
            high += np.maximum(one, other).sum(axis=1)
            parts = trailing_zeros(np.where(lo == hi, one, forms << zeros))
            known = np.minimum(known, parts.min(axis=1, initial=63))
        return low, high, known

    @cached_property
    def _reach(self) -> FloatArray:
        """A bound on the magnitude of each value and of all terms that it is made of."""
        reach = np.zeros(self.values)
        reach[: len(self.inputs)] = np.abs(self.inputs[:, :2].astype(np.float64)).max(axis=1)
        reach[len(self.inputs) : self.first_node] = np.abs(self.constants.astype(np.float64))
        nodes = self.nodes.reshape(-1, 3, 3)
        for level in self._levels:
            terms = nodes[level]
            sizes = np.ldexp(reach[terms[..., 0]], terms[..., 1]) * np.abs(terms[..., 2])
            reach[self.first_node + level] = sizes.sum(axis=1)
        return reach

    @property
    def lo(self) -> IntArray:
        """Lowest integer that each value takes, [V]."""
        return self._facts[0]

    @property
    def hi(self) -> IntArray:
        """Highest integer that each value takes, [V]."""
        return self._facts[1]

    @property
    def zeros(self) -> IntArray:
        """How many low bits of each value are always zero, [V]; 63 if the value is zero."""
        return self._facts[2]

    def range_of(self, value: int) -> IntRange:
        """Returns the exact range of a value."""
        return IntRange(int(self.lo[value]), int(self.hi[value]))

    def output_range(self, output: int) -> IntRange:
        """Returns the exact range of an output."""
        value, shift, sign = self.outputs[output].tolist()
        if sign == 0:
            return IntRange(0, 0)
        of = self.range_of(value)
        return IntRange(*sorted(sign * shifted(end, shift) for end in (of.lo, of.hi)))

    def depths(self, input_depths: Sequence[int] | None = None) -> IntArray:
        """Returns how many adders lead to each value at most, [V], on top of those of inputs."""
        depth = np.zeros(self.values, np.int64)
        if input_depths is not None:
            depth[: len(self.inputs)] = input_depths
        nodes = self.nodes.reshape(-1, 3, 3)
        for level in self._levels:
            terms = nodes[level]
            before = np.where(terms[..., 2] != 0, depth[terms[..., 0]], 0)
            depth[self.first_node + level] = before.max(axis=1) + 1
        return depth

    def depth(self, input_depths: Sequence[int] | None = None) -> int:
        """Returns how many adders lead to an output at most."""
        there = self.outputs[:, 2] != 0
        return int(self.depths(input_depths)[self.outputs[there, 0]].max(initial=0))

    def evaluate(self, x: IntArray) -> IntArray:
        """Returns the outputs [batch, O] for inputs [batch, I] within their ranges."""
        values = np.zeros((self.values, x.shape[0]), np.int64)
        values[: len(self.inputs)] = x.T
        values[len(self.inputs) : self.first_node] = self.constants[:, None]
        self._propagate(values)
        return _shifted(values, self.outputs).T

    def check(self, matrix: IntArray, bias: IntArray | None = None) -> None:
        """Proves that the outputs are x @ matrix + bias, by comparing coefficients.

        An input that is always the same integer counts as that.

        Args:
            matrix: [I, O].
            bias: [O], zero if not given.

        Raises:
            GraphError: an output differs, or the shapes do.
        """
        if matrix.shape != (len(self.inputs), len(self.outputs)):
            raise GraphError(
                f"the matrix must have shape {(len(self.inputs), len(self.outputs))}, "
                f"got {matrix.shape}"
            )
        added = np.zeros(matrix.shape[1], np.int64) if bias is None else bias
        whole = np.concatenate([matrix, added[None]])
        fixed = np.append(self.inputs[:, 0] == self.inputs[:, 1], True)
        at = np.append(self.inputs[:, 0], 1)
        wrong: set[int] = set()
        rest = [0] * matrix.shape[1]
        for first, forms in self._blocks():
            here = slice(first, first + forms.shape[1])
            more: IntArray = _shifted(forms, self.outputs) - whole[here].T
            wrong.update(np.flatnonzero(more[:, ~fixed[here]].any(axis=1)).tolist())
            change: IntArray = (more * np.where(fixed[here], at[here], 0)).sum(axis=1)
            rest = [one + more for one, more in zip(rest, change.tolist(), strict=True)]
        wrong.update(at for at, one in enumerate(rest) if one)
        if wrong:
            raise GraphError(f"outputs {sorted(wrong)} are not those of the matrix")

    def live(self) -> BoolArray:
        """Returns which values an output depends on, [V]."""
        found = np.zeros(self.values, np.bool_)
        there = self.outputs[:, 2] != 0
        found[self.outputs[there, 0]] = True
        nodes = self.nodes.reshape(-1, 3, 3)
        for level in reversed(self._levels):
            terms = nodes[level[found[self.first_node + level]]].reshape(-1, 3)
            found[terms[terms[:, 2] != 0, 0]] = True
        return found

    def pruned(self) -> AdderGraph:
        """Returns the same without the constants and nodes on which no output depends."""
        live = self.live()
        live[: len(self.inputs)] = True
        number = np.cumsum(live) - 1
        nodes = self.nodes.reshape(-1, 3, 3)[live[self.first_node :]].copy()
        outputs = self.outputs.copy()
        for terms in (nodes, outputs):
            there = terms[..., 2] != 0
            terms[..., 0][there] = number[terms[..., 0][there]]
        constants = self.constants[live[len(self.inputs) : self.first_node]]
        return AdderGraph(self.inputs, constants, nodes.reshape(-1, 9), outputs)


def trailing_zeros(numbers: IntArray) -> IntArray:
    """Returns how many low bits of each integer are zero; 63 for zero."""
    lowest = numbers & -numbers
    return np.where(lowest == 0, 63, np.frexp(lowest.astype(np.float64))[1] - 1).astype(np.int64)


def shifted(number: int, shift: int) -> int:
    """Returns number * 2**shift, for a shift to the right of zeros that the number has."""
    return number << shift if shift >= 0 else number >> -shift


def _shifted(values: IntArray, terms: IntArray) -> IntArray:
    """Returns terms [T, 3] of values [V, n] as numbers [T, n]; absent ones are zero."""
    value, shift, sign = (terms[:, at : at + 1] for at in range(3))
    taken = values[value[:, 0]]
    return sign * ((taken << np.maximum(shift, 0)) >> np.maximum(-shift, 0))

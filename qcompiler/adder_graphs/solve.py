"""Finds small adder graphs for products of integers with a constant matrix.

    y[o] = sum over i of x[i] * matrix[i, o] + bias[o]

Use: `graph = solve(matrix, input_ranges, cost=CELLS_OF_TWO, effort=2)`, then `graph.nodes` in
order, each the sum of two terms, then `graph.outputs`. What is returned has
been proven equal to the matrix, coefficient by coefficient. The steps:

1. `problem`: constant inputs, columns that are zero, equal, negated or shifted are left out, and
   what all numbers of a column are divisible by is multiplied afterwards.
2. `differences`, `parts` and `offsets`: columns near others are made of these, or what two have in
   common becomes a column of its own, or all take multiples of one sum of the inputs.
3. `sharing`: sums of two values that several columns need are made once, the best ones first.
4. `improve`: some of these are dissolved and sought again, as long as work is left.
5. `trees`: what a column still adds becomes a tree, cheap within its depth.
6. `fusing`: where adders take three operands, two additions become one.

Steps 2 to 5 are tried in several ways, and the graph with fewest tables is returned. The same
arguments give the same graph: effort is a budget of work that is counted, not a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import mul

import numpy as np
import numpy.typing as npt

from qcompiler.adder_graphs.builder import Builder
from qcompiler.adder_graphs.cost import CELLS_OF_TWO, AdderCost, graph_luts, width
from qcompiler.adder_graphs.counting import count, is_counting
from qcompiler.adder_graphs.differences import chained
from qcompiler.adder_graphs.digits import signed_digits
from qcompiler.adder_graphs.fusing import fused
from qcompiler.adder_graphs.graph import AdderGraph, Term
from qcompiler.adder_graphs.improve import estimate, improve
from qcompiler.adder_graphs.offsets import offset
from qcompiler.adder_graphs.parts import split
from qcompiler.adder_graphs.plan import Plan, weights_of
from qcompiler.adder_graphs.problem import Problem, Use, odd_parts, term_of
from qcompiler.adder_graphs.sharing import GROWTH_BITS, Sharing
from qcompiler.adder_graphs.trees import add_all
from qcompiler.arith.arrays import IntArray
from qcompiler.arith.ranges import LARGEST_INT64, WidthError

_MORE_DEPTH = 2
_WORK_OF_PLANS = 400_000
_WORK_OF_QUICK_PLANS = 250_000
_WORK_OF_CHANGES = 100_000
_FINALISTS = 3
_MANY_DIGITS = 4000
_QUICK_PLANS = (("parts", 6), ("parts", 10))
_FIRST_PLANS = (*_QUICK_PLANS, ("longest", 64), ("chains", 4))
_MORE_PLANS = (("parts", 15), ("chains", 2), ("parts", 4), ("chains", 1), ("parts", 8))


def solve(
    matrix: npt.ArrayLike,
    input_ranges: Sequence[tuple[int, int]] | Sequence[tuple[int, int, int]],
    *,
    cost: AdderCost = CELLS_OF_TWO,
    effort: int = 1,
    max_depth: int | None = None,
    input_depths: Sequence[int] | None = None,
    bias: npt.ArrayLike | None = None,
) -> AdderGraph:
    """Returns a proven graph of adders with few tables.

    Args:
        matrix: integer coefficients, [I, O].
        input_ranges: lowest and highest integer of each input, and how many of its low bits are
            always zero, if any.
        cost: what adders take.
        effort: 0 for up to three quick tries; 1 for several and some improvement, a second or two
            where a try is a tenth of that; each step more is allowed four times the work.
        max_depth: adders one after the other, at most; as few as possible where that is less. Two
            more than possible if not given, where most is gained.
        input_depths: adders before each input, [I].
        bias: integers to add to the outputs, [O].

    Raises:
        ValueError: shapes do not fit, numbers are no integers, or `effort` is negative.
        WidthError: a value may not fit 63 bits.
    """
    columns = _integers(matrix)
    inputs = np.array([(*one, 0)[:3] for one in input_ranges], np.int64).reshape(-1, 3)
    added = np.zeros(columns.shape[-1], np.int64) if bias is None else _integers(bias)
    if columns.ndim != 2 or len(inputs) != len(columns) or added.shape != columns.shape[1:]:
        raise ValueError(
            f"matrix, ranges and bias must have shapes [I, O], [I] and [O], got "
            f"{columns.shape}, {inputs.shape[:1]} and {added.shape}"
        )
    if effort < 0:
        raise ValueError(f"effort must be at least 0, got {effort}")
    reach = _reach(columns, inputs, added)
    depths = list(input_depths or [0] * len(inputs))
    # A factor is one more adder or two on the way, so only where depth is free.
    problem = Problem.of(columns, inputs, added, factors=max_depth is None)
    depth = _depth(problem, depths, max_depth)
    search = _Search(problem, cost, depths, depth, reach < LARGEST_INT64 / 16, max_depth is None)
    graph = fused(search.best(effort), cost)
    graph.check(columns, added)
    return graph


def _integers(numbers: npt.ArrayLike) -> IntArray:
    found = np.asarray(numbers)
    if found.size and not np.can_cast(found.dtype, np.int64):
        raise ValueError(f"matrix and bias must be integers of 64 bits, got {found.dtype}")
    return found.astype(np.int64)


def _reach(matrix: IntArray, inputs: IntArray, bias: IntArray) -> float:
    """Returns a bound on the magnitude of all sums of an output's terms.

    Raises:
        WidthError: it is beyond 63 bits.
    """
    largest = np.maximum(np.abs(inputs[:, :2].astype(np.float64)).max(axis=1, initial=0), 1)
    sizes = np.abs(matrix.astype(np.float64))
    # Digits of both signs add up to less than twice the number.
    digits = np.where(np.log2(np.maximum(sizes, 1)) % 1 > 0, 2 * sizes, sizes)
    reach = float((largest @ digits + np.abs(bias.astype(np.float64))).max(initial=0))
    if reach > LARGEST_INT64:
        raise WidthError("an output of the matrix may not fit 63 bits")
    return reach


def _depth(problem: Problem, depths: list[int], wanted: int | None) -> int:
    """Returns the depth that is allowed: what is wanted, or possible for all columns."""
    digits = weights_of(problem.matrix)
    each = [1 << depth for depth in (*depths, 0)]
    needed = max(
        (sum(map(mul, column, each)) - 1).bit_length() for column in [[1], *digits.T.tolist()]
    )
    return needed + _MORE_DEPTH if wanted is None else max(wanted, needed)


class _Search:
    """Solves one problem in several ways.

    Args:
        problem: what is to be solved.
        cost: of adders.
        depths: adders before each input.
        depth: adders one after the other.
        moves: whether columns may be made of others.
        counts: whether bits may be counted, whatever the depth: full adders are fast.
    """

    def __init__(
        self,
        problem: Problem,
        cost: AdderCost,
        depths: list[int],
        depth: int,
        moves: bool,
        counts: bool,
    ) -> None:
        self._problem = problem
        self._cost = cost
        self._depths = depths
        self._depth = depth
        self._moves = moves
        self._counts = counts

    def best(self, effort: int) -> AdderGraph:
        """Returns the best graph found; one not too deep if there is any."""
        more = 1 << 2 * (effort - 1) if effort else 0
        counted = None
        if self._counts and is_counting(self._problem):
            counted = count(self._problem, self._cost)
        found = self._shared(effort, more)
        if counted is None:
            return found
        return min(found, counted, key=lambda graph: graph_luts(graph, self._cost))

    def _shared(self, effort: int, more: int) -> AdderGraph:
        """Returns the best graph found that shares sums."""
        attempts: list[_Attempt] = []
        for plan, work, slack, always in self._plans(effort):
            if plan.fits(self._depths) or (always and not attempts):
                attempt = _Attempt(self._problem, self._cost, self._depths, plan, slack)
                attempt.sharing.work += work
                attempts.append(attempt)
            spent = sum(attempt.sharing.work for attempt in attempts)
            if attempts and spent + attempts[0].sharing.work > (
                _WORK_OF_PLANS * more or _WORK_OF_QUICK_PLANS
            ):
                break
        attempts.sort(key=_Attempt.estimate)
        graphs = [attempt.graph() for attempt in attempts[: _FINALISTS if more else 1]]
        best = min(range(len(graphs)), key=lambda at: self._rank(graphs[at]))
        if more:
            improve(attempts[best].sharing, _WORK_OF_CHANGES * more, seed=0)
            graphs.append(attempts[best].graph())
        return min(graphs, key=self._rank)

    def _rank(self, graph: AdderGraph) -> tuple[bool, int]:
        return graph.depth(self._depths) > self._depth, graph_luts(graph, self._cost)

    def _plans(self, effort: int) -> Iterator[tuple[Plan, int, int, bool]]:
        """Yields plans, their work, how much shallower than allowed trees stay, and a fallback.

        That one, the last item says, is taken even if it does not fit, before there is another.
        """
        matrix = self._problem.matrix
        plain = chained(matrix, self._depth, 0)
        # Where that leaves room to share, trees that may be deeper than needed are cheaper.
        slack = int(plain.fits(self._depths, 2))
        # Of large matrices, common parts are found much faster than pairs, and are worth more.
        large = self._moves and weights_of(matrix).sum() > _MANY_DIGITS
        if self._moves and (less := offset(matrix)) is not None:
            for _, size in _QUICK_PLANS:
                plan, work = split(less.matrix, self._depths, self._depth, size, less.links)
                yield plan, work, 0, False
        if not large:
            yield plain, 0, slack, True
        if self._moves:
            for plan, work in self._moved(effort):
                yield plan, work, 0, False
        if large:
            yield plain, 0, slack, True

    def _moved(self, effort: int) -> Iterator[tuple[Plan, int]]:
        """Yields plans in which columns are made of others, and the work they took."""
        matrix = self._problem.matrix
        most = min(self._depth, matrix.shape[1]) - 1
        plans = (_QUICK_PLANS, _FIRST_PLANS, _FIRST_PLANS + _MORE_PLANS)[min(effort, 2)]
        for kind, size in plans:
            if kind == "parts":
                yield split(matrix, self._depths, self._depth, size)
            elif size <= most or kind == "longest":
                yield chained(matrix, self._depth, min(size, most)), 0


class _Attempt:
    """One plan, what its columns share, and the graph that follows.

    Attributes:
        sharing: of the columns.
    """

    def __init__(
        self,
        problem: Problem,
        cost: AdderCost,
        depths: list[int],
        plan: Plan,
        slack: int,
    ) -> None:
        self._problem = problem
        self._plan = plan
        self._biases: list[int] = plan.matrix[-1].tolist()
        numbers = odd_parts([*self._biases, *(use.bias for use in problem.uses)])
        self._constants = {c: len(problem.inputs) + at for at, c in enumerate(numbers)}
        builder = Builder(problem.inputs, numbers, cost, depths)
        every = range(len(plan.links))
        columns = [_coefficients(plan.matrix[:-1, at]) for at in every]
        # A bias is one more value, so a sum with it may be shared as any other.
        for column, bias in zip(columns, self._biases, strict=True):
            column.update({term.value: term.sign << term.shift for term in self._constant(bias)})
        self.sharing = Sharing(builder, columns, [plan.room(at, slack) for at in every])
        self.sharing.share()
        self._links = self._links_luts()

    def estimate(self) -> int:
        """Returns about how many tables the graph takes, without making it."""
        return estimate(self.sharing) + self._links

    def _links_luts(self) -> int:
        """Returns about how many tables adding other columns takes."""
        plan, inputs = self._plan, self._problem.inputs
        whole = plan.matrix[:-1].copy()
        for column in plan.order:
            for value, shift, sign in plan.links[column]:
                part = whole[:, value]
                whole[:, column] += sign * (part << shift if shift >= 0 else part >> -shift)
        one, other = whole.T * inputs[:, 0], whole.T * inputs[:, 1]
        ends = np.minimum(one, other).sum(axis=1), np.maximum(one, other).sum(axis=1)
        luts = [width(lo, hi) for lo, hi in zip(*(end.tolist() for end in ends), strict=True)]
        return sum(luts[link.value] + GROWTH_BITS for links in plan.links for link in links)

    def graph(self) -> AdderGraph:
        """Returns the graph of what is shared."""
        builder = self.sharing.builder
        made: dict[int, Term] = {}
        for column in self._plan.order:
            terms = self.sharing.terms(column)
            terms += [_moved(made[link.value], *link[1:]) for link in self._plan.links[column]]
            total = add_all(builder, terms, self._plan.limits[column])
            assert total is not None, "columns are not zero"
            made[column] = total
        outputs: list[Term | None] = []
        for use in self._problem.uses:
            terms = [] if use.column is None else self._multiple(made[use.column], use)
            outputs.append(add_all(builder, terms + self._constant(use.bias), 0))
        return builder.graph(outputs)

    def _multiple(self, column: Term, use: Use) -> list[Term]:
        """Returns a column as an output takes it."""
        digits = [_moved(column, power, sign) for power, sign in signed_digits(use.factor)]
        total = add_all(self.sharing.builder, digits, 0)
        assert total is not None, "a factor is not zero"
        return [_moved(total, use.shift, use.sign)]

    def _constant(self, number: int) -> list[Term]:
        return [term_of(number, self._constants)] if number else []


def _moved(term: Term, shift: int, sign: int) -> Term:
    return Term(term.value, term.shift + shift, term.sign * sign)


def _coefficients(column: IntArray) -> dict[int, int]:
    return {at: int(column[at]) for at in np.flatnonzero(column).tolist()}

"""Parts that two columns have in common become columns of their own.

Two columns, one shifted against the other and perhaps negated, share the digits that both have in
the same rows. A new column is made of these, and both take it as one term: for r digits that saves
r - 1 adders. A search for pairs of inputs finds such a part only piece by piece, and by then has
spent some of its digits on others. What is left of all columns goes on to that search.

As in `sharing`, all shortest signed forms are searched, the largest part goes first, and old counts
are bounds.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from qcompiler.adder_graphs.digits import digits_of, weight
from qcompiler.adder_graphs.graph import Term
from qcompiler.adder_graphs.plan import Plan
from qcompiler.arith.arrays import IntArray


class _Pair(NamedTuple):
    """Two columns: what a has, b has `sign` times, `shift` places higher; a <= b."""

    a: int
    b: int
    shift: int
    sign: int


class _Part(NamedTuple):
    """A digit of what two columns share: sign * 2**power of the row, in the first one."""

    row: int
    power: int
    sign: int


def split(
    matrix: IntArray,
    depths: Sequence[int],
    depth: int,
    least: int,
    links: Sequence[Sequence[Term]] = (),
) -> tuple[Plan, int]:
    """Returns a plan with common parts as columns of their own, and the work that was done.

    Args:
        matrix: coefficients, constants in the last row, [I + 1, O].
        depths: adders before each input, [I].
        depth: of each column's tree, at most.
        least: digits of the smallest part, at least 2.
        links: what each column takes of the last one, which takes none.
    """
    search = _Parts(matrix, depths, depth, links)
    search.run(least)
    return search.plan(matrix), search.work


class _Parts:
    def __init__(
        self,
        matrix: IntArray,
        depths: Sequence[int],
        depth: int,
        links: Sequence[Sequence[Term]],
    ) -> None:
        self.work = 0
        self._weights = [1 << one for one in depths]
        self._columns: list[dict[int, int]] = []
        self._links: list[list[Term]] = []
        self._limits: list[int] = []
        self._needed: list[int] = []
        largest = int(np.abs(matrix[:-1]).max(initial=0))
        self._reach = largest.bit_length() + 1
        self._stride = 2 * self._reach + 2
        self._plus: list[int] = []
        self._minus: list[int] = []
        self._heap: list[tuple[int, _Pair]] = []
        for at in range(matrix.shape[1]):
            rows = np.flatnonzero(matrix[:-1, at]).tolist()
            column = {row: int(matrix[row, at]) for row in rows}
            constant = int(matrix[-1, at] != 0)
            self._add(column, depth, constant)
        self._is_linked = bool(links)
        if links:
            self._link(links)

    def _link(self, links: Sequence[Sequence[Term]]) -> None:
        """Lets columns take the last one, whose tree is nearly as shallow as can be."""
        shallowest = max(self._needed[-1] - 1, 0).bit_length()
        self._limits[-1] = min(shallowest + 1, self._limits[-1])
        for column, terms in enumerate(links):
            self._links[column] += terms
            self._needed[column] += len(terms) << self._limits[-1]

    def _add(self, column: dict[int, int], limit: int, constant: int = 0) -> int:
        self._columns.append(column)
        self._links.append([])
        self._limits.append(limit)
        self._needed.append(constant + self._sum(column))
        self._plus.append(0)
        self._minus.append(0)
        for row in column:
            self._note(len(self._columns) - 1, row)
        return len(self._columns) - 1

    def _sum(self, column: dict[int, int]) -> int:
        """Returns what 2**depth of a column's terms adds up to."""
        return sum(weight(c) * self._weights[row] for row, c in column.items())

    def _note(self, column: int, row: int) -> None:
        plus = minus = 0
        for power, sign in digits_of(self._columns[column].get(row, 0)):
            if sign > 0:
                plus |= 1 << power
            else:
                minus |= 1 << power
        at = row * self._stride
        clear = ~(((1 << self._stride) - 1) << at)
        self._plus[column] = (self._plus[column] & clear) | plus << at
        self._minus[column] = (self._minus[column] & clear) | minus << at

    def run(self, least: int) -> None:
        """Splits until no two columns share so many digits."""
        for b in range(len(self._columns)):
            self._push(b, least)
        while self._heap:
            bound, pair = heapq.heappop(self._heap)
            plus, minus = self._matches(pair)
            if self._postponed(pair, plus.bit_count() + minus.bit_count(), bound, least):
                continue
            shared = self._shared(pair, plus, minus)
            if not self._postponed(pair, len(shared), bound, least):
                self._take(pair, shared, least)

    def _postponed(self, pair: _Pair, count: int, bound: int, least: int) -> bool:
        if count < least:
            return True
        if self._heap and -count > self._heap[0][0] and -count > bound:
            heapq.heappush(self._heap, (-count, pair))
            return True
        return False

    def _push(self, b: int, least: int) -> None:
        """Looks at a column and all before it."""
        for a in range(b + 1):
            for shift in range(1 if a == b else -self._reach, self._reach + 1):
                for sign in (1, -1):
                    pair = _Pair(a, b, shift, sign)
                    plus, minus = self._matches(pair)
                    count = plus.bit_count() + minus.bit_count()
                    if count >= least:
                        heapq.heappush(self._heap, (-count, pair))

    def _matches(self, pair: _Pair) -> tuple[int, int]:
        self.work += 1
        a, b, shift, sign = pair
        plus, minus = self._plus[b], self._minus[b]
        if sign < 0:
            plus, minus = minus, plus
        if shift < 0:
            return self._plus[a] & plus << -shift, self._minus[a] & minus << -shift
        return self._plus[a] & plus >> shift, self._minus[a] & minus >> shift

    def _shared(self, pair: _Pair, plus: int, minus: int) -> list[_Part]:
        """Returns the digits that both columns can give, one after the other."""
        found: list[_Part] = []
        left: dict[int, tuple[int, int]] = {}
        both = plus | minus
        while both:
            lowest = both & -both
            both ^= lowest
            row, power = divmod(lowest.bit_length() - 1, self._stride)
            for sign in (1, -1):
                if not lowest & (plus if sign > 0 else minus):
                    continue
                a, b = left.get(row) or (self._columns[pair.a][row], self._columns[pair.b][row])
                first = sign << power
                second = (sign * pair.sign) << (power + pair.shift)
                if pair.a == pair.b:
                    rest = a - first - second
                    if weight(rest) == weight(a) - 2:
                        left[row] = rest, rest
                        found.append(_Part(row, power, sign))
                elif weight(a - first) < weight(a) and weight(b - second) < weight(b):
                    left[row] = a - first, b - second
                    found.append(_Part(row, power, sign))
        return found

    def _take(self, pair: _Pair, shared: list[_Part], least: int) -> None:
        a, b, shift, sign = pair
        low = min(shift, 0)
        part: dict[int, int] = {}
        for row, power, one in shared:
            part[row] = part.get(row, 0) + (one << (power + low))
        links = (
            (a, Term(len(self._columns), -low, 1)),
            (b, Term(len(self._columns), shift - low, sign)),
        )
        limit = self._limit(pair, part)
        if limit is None:
            return
        for column, link in links:
            for row, coefficient in part.items():
                rest = self._columns[column][row] - ((coefficient * link.sign) << link.shift)
                self._columns[column][row] = rest
                self._note(column, row)
                if not rest:
                    del self._columns[column][row]
            self._links[column].append(link)
            self._needed[column] += (1 << limit) - self._sum(part)
        self._push(self._add(part, limit), least)

    def _limit(self, pair: _Pair, part: dict[int, int]) -> int | None:
        """Returns how deep the part's tree may be; none if not even the shallowest leaves room."""
        taken = self._sum(part)
        shallowest = (taken - 1).bit_length()
        times = 2 if pair.a == pair.b else 1
        for limit in (shallowest + 1, shallowest):
            more = times * ((1 << limit) - taken)
            if all(self._needed[c] + more <= 1 << self._limits[c] for c in (pair.a, pair.b)):
                return limit
        return None

    def plan(self, matrix: IntArray) -> Plan:
        """Returns the plan of what was found: parts behind the columns, later ones in earlier."""
        whole: IntArray = np.zeros((matrix.shape[0], len(self._columns)), np.int64)
        for at, column in enumerate(self._columns):
            for row, coefficient in column.items():
                whole[row, at] = coefficient
        whole[-1, : matrix.shape[1]] = matrix[-1]
        count = matrix.shape[1]
        first = count - self._is_linked  # what others take is made before them
        order = [*range(len(self._columns) - 1, first - 1, -1), *range(first)]
        return Plan(whole, self._links, self._limits, order)

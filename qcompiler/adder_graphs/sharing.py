"""Finds sums of two values that several outputs share.

Outputs are columns: an integer coefficient for each value that they add. A digit of a coefficient
is there for the taking if what is left has one digit less, so all shortest signed forms of a number
are searched at once, not the canonical one only. A *pattern* is two values, how far the second one
is shifted against the first, and whether the signs differ. Where a column has digits of both values
so, the sum of the two, a new value, takes their place. What that saves is judged by tables: the
columns' trees get fewer and perhaps wider terms, and one adder is paid.

The best pattern goes first. Taking digits never makes new ones, so what a known pattern saves only
falls, and the heap's old figures are bounds: only the top is looked at again. Digits are bits of
one long integer for each value, all columns side by side, so a pattern is counted by a few
operations.

Source: digits of all minimal forms as in Park and Kang, "Digital filter synthesis based on an
algorithm to generate all minimal signed digit representations", IEEE TCAD 21 (2002); patterns by
how often they occur as in Hosangadi, Fallah and Kastner, "Algebraic methods for optimizing constant
multiplications in linear systems", J. VLSI Signal Processing 49 (2007).
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from qcompiler.adder_graphs.builder import Builder
from qcompiler.adder_graphs.cost import width
from qcompiler.adder_graphs.digits import digits_of, signed_digits, weight
from qcompiler.adder_graphs.graph import Term

Column = dict[int, int]
"""Coefficients by value."""

GROWTH_BITS = 4
"""How much wider than a term the adder is, on average, that adds it in its column's tree."""


class Pattern(NamedTuple):
    """a + sign * b * 2**shift, up to a power of two; a <= b."""

    a: int
    b: int
    shift: int
    sign: int


Key = tuple[int, int, int, int]
"""A pattern as a plain tuple: there are millions."""


class _Hit(NamedTuple):
    """Where a pattern occurs: sign * a * 2**shift and what belongs to it."""

    column: int
    shift: int
    sign: int


class State(NamedTuple):
    """A copy of what `Sharing` has found."""

    columns: list[Column]
    nodes: dict[Key, int]
    plus: dict[int, int]
    minus: dict[int, int]
    slack: list[int]


class Sharing:
    """Columns, and the sums that they share so far.

    Attributes:
        builder: holds all values, those that are no longer used, too.
        columns: what each output still adds.
        nodes: the sums in use, by pattern.
        work: patterns counted so far, a measure of time that is the same on all machines.

    Args:
        builder: holds the inputs.
        columns: of the outputs.
        rooms: what 2**depth of each one's terms may add up to, so that its tree is not too deep.
    """

    def __init__(self, builder: Builder, columns: Sequence[Column], rooms: Sequence[int]) -> None:
        self.builder = builder
        self.columns = [dict(column) for column in columns]
        self.nodes: dict[Key, int] = {}
        self.work = 0
        self._rooms = list(rooms)
        # A value's coefficient may come to be a sum of powers, so with digits one place above them.
        self._reaches = _reaches(columns)
        self._reach = max(self._reaches.values(), default=1)
        self._stride = 2 * self._reach + 2
        self._plus: dict[int, int] = {}
        self._minus: dict[int, int] = {}
        for at, column in enumerate(self.columns):
            for value, coefficient in column.items():
                self._note(value, at, coefficient)
        self._slack = [0] * len(self.columns)
        for at in range(len(self.columns)):
            self._measure(at)
        self._gains: dict[Key, tuple[int, int]] = {}
        self._noise: tuple[float, random.Random] = (0.0, random.Random(0))
        self._factors: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []

    def share(
        self, columns: Iterable[int] | None = None, noise: tuple[float, random.Random] | None = None
    ) -> None:
        """Shares sums until none saves anything.

        Args:
            columns: those that changed since the last time; all if not given.
            noise: how much what a pattern saves is exaggerated at most, at random.
        """
        self._noise = noise or (0.0, self._noise[1])
        self._factors = {}
        self._heap = []
        self._push(self._all_patterns() if columns is None else self._patterns_in(columns))
        while self._heap:
            bound, key = heapq.heappop(self._heap)
            pattern = Pattern(*key)
            found = self._matches(pattern)
            if self._postponed(pattern, found[0].bit_count() + found[1].bit_count(), bound):
                continue
            hits = self._hits(pattern, *found)
            if not self._postponed(pattern, len(hits), bound):
                self._take(pattern, hits)

    def _postponed(self, pattern: Pattern, count: int, bound: float) -> bool:
        """Whether a pattern that occurs so often is not the best one; another turn may be."""
        score = self._score(pattern, count)
        if score <= 0:
            return True
        if self._heap and -score > self._heap[0][0] and -score > bound:
            heapq.heappush(self._heap, (-score, pattern))
            return True
        return False

    def _score(self, pattern: Pattern, count: int) -> float:
        """Returns how many tables are saved by taking a pattern so often; 0 for nothing."""
        known = pattern in self.nodes
        if count < (1 if known else 2):
            return 0
        gain, price = self._gain(pattern)
        score = count * gain - (0 if known else price)
        return score * self._factor(pattern)

    def _factor(self, key: Key) -> float:
        """Returns by how much what a pattern saves is exaggerated."""
        noise, generator = self._noise
        if not noise:
            return 1.0
        if key not in self._factors:
            self._factors[key] = 1 + noise * generator.random()
        return self._factors[key]

    def _gain(self, pattern: Pattern) -> tuple[int, int]:
        """Returns tables saved in each column, and those of the sum."""
        found = self._gains.get(pattern)
        if found is None:
            builder = self.builder
            a, b = self._terms(pattern)
            one, other = builder.ends(a), builder.ends(b)
            lo, hi = one[0] + other[0], one[1] + other[1]
            bits = width(lo, hi) - min(builder.low(a), builder.low(b))
            gain = builder.widths[a.value] + builder.widths[b.value] - bits + GROWTH_BITS
            found = self._gains[pattern] = gain, builder.price(a, b, lo, hi)
        return found

    @staticmethod
    def _terms(pattern: Pattern) -> tuple[Term, Term]:
        low = min(pattern.shift, 0)
        return Term(pattern.a, -low, 1), Term(pattern.b, pattern.shift - low, pattern.sign)

    def _note(self, value: int, column: int, coefficient: int) -> None:
        """Writes down the digits of a coefficient."""
        plus = minus = 0
        for power, sign in digits_of(coefficient):
            if sign > 0:
                plus |= 1 << power
            else:
                minus |= 1 << power
        at = column * self._stride
        clear = ~(((1 << self._stride) - 1) << at)
        self._plus[value] = (self._plus.get(value, 0) & clear) | plus << at
        self._minus[value] = (self._minus.get(value, 0) & clear) | minus << at

    def _matches(self, pattern: Pattern) -> tuple[int, int]:
        """Returns where a's digits, plus and minus, have a digit of b that fits."""
        self.work += 1
        a, b, shift, sign = pattern
        if sign > 0:
            plus, minus = self._plus[b], self._minus[b]
        else:
            plus, minus = self._minus[b], self._plus[b]
        if shift < 0:
            return self._plus[a] & plus << -shift, self._minus[a] & minus << -shift
        return self._plus[a] & plus >> shift, self._minus[a] & minus >> shift

    def _all_patterns(self) -> Iterable[Key]:
        values = sorted(value for value in self._reaches if self._plus[value] | self._minus[value])
        for at, a in enumerate(values):
            for b in values[at:]:
                low, high = -self._reaches[a], self._reaches[b] + 1
                for shift in range(1 if a == b else low, high):
                    yield a, b, shift, 1
                    yield a, b, shift, -1

    def _patterns_in(self, columns: Iterable[int]) -> list[Key]:
        found: set[Key] = set()
        for at in columns:
            column = sorted(self.columns[at].items())
            digits = [(value, power, s) for value, c in column for power, s in digits_of(c)]
            for i, (a, power, sign) in enumerate(digits):
                for b, other, other_sign in digits[i + 1 :]:
                    if a != b or power != other:
                        found.add((a, b, other - power, sign * other_sign))
        return sorted(found)

    def _patterns_with(self, node: int, columns: Iterable[int]) -> list[Key]:
        found: set[Key] = set()
        for at in columns:
            column = self.columns[at]
            for power, sign in digits_of(column.get(node, 0)):
                for value, coefficient in column.items():
                    if value < node:
                        found.update(
                            (value, node, power - other, sign * s)
                            for other, s in digits_of(coefficient)
                        )
                    else:
                        found.update(
                            (node, value, other - power, sign * s)
                            for other, s in digits_of(coefficient)
                            if value > node or other > power
                        )
        return sorted(found)

    def _push(self, patterns: Iterable[Key]) -> None:
        """Puts patterns on the heap, with bounds on what they save: few are looked at again."""
        plus, minus, heap = self._plus, self._minus, self._heap
        low, width_ = self.builder.zeros, self.builder.widths
        for key in patterns:
            self.work += 1
            a, b, shift, sign = key
            one, other = (plus[b], minus[b]) if sign > 0 else (minus[b], plus[b])
            if shift < 0:
                count = (plus[a] & one << -shift).bit_count()
                count += (minus[a] & other << -shift).bit_count()
            else:
                count = (plus[a] & one >> shift).bit_count()
                count += (minus[a] & other >> shift).bit_count()
            if count < 2 and not (count and key in self.nodes):
                continue
            at, of = low[a], low[b] + shift
            top, other_top = at + width_[a], of + width_[b]
            highest = max(top, other_top)
            gain = width_[a] + width_[b] - highest + min(at, of) + GROWTH_BITS
            score = count * gain
            if key not in self.nodes and min(top, other_top) > max(at, of):
                score -= highest - max(at, of)
            if score > 0:
                heapq.heappush(heap, (-score * self._factor(key), key))

    def _hits(self, pattern: Pattern, plus: int, minus: int) -> list[_Hit]:
        """Returns where a pattern with these matches can be taken, one place after the other."""
        depths = self.builder.depth
        hits: list[_Hit] = []
        at, left, slack = -1, (0, 0), 0
        both = plus | minus
        growth = self._growth(depths[pattern.a], depths[pattern.b])
        while both:
            lowest = both & -both
            both ^= lowest
            column, power = divmod(lowest.bit_length() - 1, self._stride)
            if column != at:
                at, coefficients = column, self.columns[column]
                left = coefficients.get(pattern.a, 0), coefficients.get(pattern.b, 0)
                slack = self._slack[column]
            for sign in (1, -1):
                if growth <= slack and lowest & (plus if sign > 0 else minus):
                    hit = _Hit(column, power, sign)
                    rest = self._rest(pattern, hit, *left)
                    if rest is not None:
                        left = rest
                        slack -= growth
                        hits.append(hit)
        return hits

    @staticmethod
    def _growth(a: int, b: int) -> int:
        """Returns how much the sum of 2**depth grows if terms of these depths are added."""
        return (2 << max(a, b)) - (1 << a) - (1 << b)

    @staticmethod
    def _rest(pattern: Pattern, hit: _Hit, a: int, b: int) -> tuple[int, int] | None:
        """Returns both coefficients less their digits, None if that saves less than two digits."""
        first = hit.sign << hit.shift
        second = (hit.sign * pattern.sign) << (hit.shift + pattern.shift)
        if pattern.a == pattern.b:
            rest = a - first - second
            return (rest, rest) if weight(rest) == weight(a) - 2 else None
        rest = a - first, b - second
        fits = weight(rest[0]) < weight(a) and weight(rest[1]) < weight(b)
        return rest if fits else None

    def _take(self, pattern: Pattern, hits: list[_Hit]) -> None:
        low = min(pattern.shift, 0)
        term = self.builder.add(*self._terms(pattern))
        node = self.nodes[pattern] = term.value
        for hit in hits:
            column = self.columns[hit.column]
            for value, power, sign in (
                (pattern.a, hit.shift, -hit.sign),
                (pattern.b, hit.shift + pattern.shift, -hit.sign * pattern.sign),
                (node, hit.shift + low + term.shift, hit.sign * term.sign),
            ):
                column[value] = column.get(value, 0) + (sign << power)
        touched = sorted({hit.column for hit in hits})
        for column in touched:
            for value in {pattern.a, pattern.b, node}:
                self._write(column, value)
            self._measure(column)
        self._push(self._patterns_with(node, touched))

    def _measure(self, column: int) -> None:
        """Notes how much 2**depth of a column's terms may still grow together."""
        depths = self.builder.depth
        terms = self.columns[column].items()
        needed = sum(weight(coefficient) << depths[value] for value, coefficient in terms)
        self._slack[column] = self._rooms[column] - needed

    def _write(self, column: int, value: int) -> None:
        """Notes a coefficient that has changed."""
        coefficient = self.columns[column].get(value, 0)
        self._note(value, column, coefficient)
        if not coefficient:
            self.columns[column].pop(value, None)

    def terms(self, column: int) -> list[Term]:
        """Returns what a column still adds, as terms."""
        return [
            Term(value, power, sign)
            for value, coefficient in sorted(self.columns[column].items())
            for power, sign in signed_digits(coefficient)
        ]

    def dissolve(self, nodes: Iterable[int]) -> list[int]:
        """Replaces nodes, and those that add them, by their terms; returns the columns changed."""
        gone = set(nodes)
        for (a, b, _, _), node in sorted(self.nodes.items(), key=lambda item: item[1]):
            if a in gone or b in gone:
                gone.add(node)
        self.nodes = {p: node for p, node in self.nodes.items() if node not in gone}
        changed: set[int] = set()
        for node in sorted(gone, reverse=True):
            for at, column in enumerate(self.columns):
                coefficient = column.get(node, 0)
                if coefficient:
                    changed.add(at)
                    column[node] = 0
                    self._write(at, node)
                    for value, shift, sign in self.builder.terms(node):
                        column[value] = column.get(value, 0) + ((coefficient * sign) << shift)
                        self._write(at, value)
        for at in changed:
            self._measure(at)
        return sorted(changed)

    def drop_unused(self) -> None:
        """Forgets nodes that no column depends on."""
        used = {value for column in self.columns for value in column}
        for pattern, node in sorted(self.nodes.items(), key=lambda item: -item[1]):
            if node in used:
                used.update(pattern[:2])
            else:
                del self.nodes[pattern]

    def state(self) -> State:
        """Returns a copy of what is found so far."""
        columns = [dict(column) for column in self.columns]
        return State(
            columns, dict(self.nodes), dict(self._plus), dict(self._minus), list(self._slack)
        )

    def restore(self, state: State) -> None:
        """Goes back to a state."""
        self.columns = [dict(column) for column in state.columns]
        self.nodes = dict(state.nodes)
        self._plus, self._minus = dict(state.plus), dict(state.minus)
        self._slack = list(state.slack)


def _reaches(columns: Sequence[Column]) -> dict[int, int]:
    """Returns one place more than each value's digits have, by value."""
    found: dict[int, int] = {}
    for column in columns:
        for value, coefficient in column.items():
            power = max(power for power, _ in digits_of(coefficient))
            found[value] = max(found.get(value, 1), power + 1)
    return found

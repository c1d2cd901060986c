"""Softmax of codes as integers: a table of exponentials, a sum, a rounded quotient.

For a row of codes x with scale s, and a quantizer with scale t and zero point z, on f bits:

    e[i] = round(2^f exp(-s (max(x) - x[i])))      a table of as many entries as there are codes
    y[i] = clip(round(e[i] / (t sum(e))) + z)      one exact quotient of integers
The largest element has e = 2^f exactly, so sum(e) >= 2^f. Every other entry is off by at most
d = (1/2 + 2^-16) 2^-f of it. With p the real softmax and E the sum of the row's errors,
|E| <= (n - 1) d, the quotient is off by |e_i - p E| / (sum + E) <= d + p |E|. For the largest
element e_i is 0 and p <= 1; for the others p <= 1/2: never more than n d in all. So

    |e[i] / sum(e) - p[i]| / t <= n d / t          codes

before the rounding, and the code is that of real softmax unless real softmax lies that near the
border of two codes. Where a table would be long, e[i] is the product of two entries, of f + 18 bits
each, rounded to f: these are off by 2^-18 of 2^-f together, a quarter of the 2^-16 that d has for
it. An element that a mask leaves out has e = 0, which is no further off if it lies so far below the
largest one, (f + 2) log(2), that its exponential is at most 2^-f / 4.

A softmax that mixes rows of codes v with scale r needs no quantizer in between: with its quotients
sum(e[i] v[i]) / sum(e), and v anywhere in an interval of length w, the errors of the p[i] add up to
0, so that their products with v add up to no more than n d r w, which is the bound above for
t / (r w) in place of t.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from math import ceil, floor, log, log2

import numpy as np
from msgspec import Struct

from qcompiler.arith.arrays import BoolArray, FloatArray, IntArray
from qcompiler.arith.transcendental import exp_minus

BOUND_BITS = 12
"""Distance to real softmax that is allowed by default: 2^-12 of a code."""

MOST_BITS = 48
"""Of a table's entries."""

ONE_TABLE = 2**12
"""Entries that it may have; for more, the exponential of a sum is a product of two entries."""

GUARD_BITS = 18
"""By which entries of two tables are longer than their product, once that is rounded."""

_HALF = Fraction(1, 2)
_SLACK_BITS = 16


class Softmax(Struct, frozen=True, dict=True):
    """A softmax on integers.

    Attributes:
        scale: s, of the codes that enter.
        step: t, of the codes that leave.
        bits: f, behind the binary point of a table's entries.
        span: how far two codes of a row may be apart.
        row: elements of a row.
    """

    scale: Fraction
    step: Fraction
    bits: int
    span: int
    row: int

    @staticmethod
    def within(
        scale: Fraction, step: Fraction, span: int, row: int, bound_bits: int = BOUND_BITS
    ) -> Softmax:
        """Returns the softmax of fewest bits whose distance to the real one is small.

        Args:
            scale: of the codes that enter.
            step: of the codes that leave.
            span: how far two codes of a row may be apart.
            row: elements of a row.
            bound_bits: the distance is at most 2**-bound_bits of a code.

        Raises:
            ValueError: that takes entries of more than `MOST_BITS` bits.
        """
        wanted = row / step * (_HALF + Fraction(1, 1 << _SLACK_BITS)) * (1 << bound_bits)
        bits = max(1, (ceil(wanted) - 1).bit_length())
        if bits > MOST_BITS:
            raise ValueError(
                f"a distance of 2^-{bound_bits} of a code takes exponentials of {bits} bits, more "
                f"than {MOST_BITS}"
            )
        return Softmax(scale, step, bits, span, row)

    @property
    def bound(self) -> Fraction:
        """Distance of a quotient to real softmax at most, in codes."""
        error = (_HALF + Fraction(1, 1 << _SLACK_BITS)) / (1 << self.bits)
        return self.row * error / self.step

    @property
    def negligible(self) -> float:
        """Distance to the largest element from which on 0 is as good as an entry of the table."""
        return (self.bits + 2) * log(2)

    @property
    def entries(self) -> int:
        """An upper bound on those of the table that are not 0, before it is computed."""
        return min(self.span, ceil(self.negligible / self.scale)) + 1

    @property
    def low_bits(self) -> int:
        """Bits of a distance that a second table looks up; 0 where one table is enough."""
        return 0 if self.entries <= ONE_TABLE else (self.entries - 1).bit_length() // 2

    @cached_property
    def table(self) -> IntArray:
        """Exponentials by the distance to the largest code, [span + 1]."""
        return self._exponentials(1, self.span + 1, self.bits)

    @cached_property
    def tables(self) -> tuple[IntArray, IntArray]:
        """Exponentials of the high bits of a distance, up to the first 0, and of its low ones."""
        longer, size = self.bits + GUARD_BITS, 1 << self.low_bits
        high = self._exponentials(size, self.span // size + 1, longer)
        return high, self._exponentials(1, size, longer)

    @property
    def vanishing(self) -> int:
        """A distance from which on exponentials are 0, beyond `span`.

        Of two tables, the high one says so for a whole block of distances, which may begin within
        the span.
        """
        high = self.tables[0] if self.low_bits else self.table
        return max(self.span + 1, len(np.trim_zeros(high, "b")) << self.low_bits)

    def _exponentials(self, step: int, count: int, bits: int) -> IntArray:
        places = bits + _SLACK_BITS + 2
        found = np.zeros(count, np.int64)
        for index in range(count):
            lo, hi = exp_minus(places, self.scale * (step * index))
            found[index] = floor((lo + hi) / 2 * (1 << bits) + _HALF)
            if not found[index]:  # it falls
                break
        return found

    def exponentials(self, distances: IntArray) -> IntArray:
        """Returns e of distances to the largest code."""
        if not self.low_bits:
            return self.table[distances]
        high, low = (table.astype(object) for table in self.tables)
        product = high[distances >> self.low_bits] * low[distances % (1 << self.low_bits)]
        places = self.bits + 2 * GUARD_BITS
        return ((product + (1 << places - 1)) >> places).astype(np.int64)

    def uncertain(self, codes: IntArray) -> IntArray:
        """Returns for each row, [..., row], how many codes may differ from real softmax's.

        Those whose quotient lies within the bound of a border between two codes.
        """
        exps = self.exponentials(codes.max(axis=-1, keepdims=True) - codes)
        total = exps.sum(axis=-1, keepdims=True)
        quotient = exps / total / float(self.step)
        noise = 4 * np.spacing(quotient)  # of the two divisions here
        border = np.abs(quotient - np.floor(quotient) - 0.5)
        return (border <= float(self.bound) + noise).sum(axis=-1)


def undecided(codes: FloatArray, bound: Fraction) -> BoolArray:
    """Returns which of the codes of real softmax, not rounded, lie so near a border of two codes.

    There the code that is computed may be the other one.

    Args:
        codes: any shape.
        bound: distance of what is computed to them at most.
    """
    return np.abs(codes - np.floor(codes) - 0.5) <= float(bound)


def bits_of_entries(softmax: Softmax) -> int:
    """Returns how wide a table's entries are: the largest is 2**bits."""
    return softmax.bits + 1


def distance_in_words(softmax: Softmax) -> str:
    """Returns the bound as a power of two that it does not exceed, for people."""
    return f"2^{ceil(log2(float(softmax.bound)))}"

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
border of two codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, log2

import numpy as np

from qcompiler.arith.arrays import IntArray
from qcompiler.arith.transcendental import exp_minus

BOUND_BITS = 12
"""Distance to real softmax that is allowed by default: 2^-12 of a code."""

MOST_BITS = 48
"""Of a table's entries."""

_HALF = Fraction(1, 2)
_SLACK_BITS = 16


@dataclass(frozen=True)
class Softmax:
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
    def table(self) -> IntArray:
        """Exponentials by the distance to the largest code, [span + 1]."""
        places = self.bits + _SLACK_BITS + 2
        found: list[int] = []
        for distance in range(self.span + 1):
            if found and not found[-1]:
                found.append(0)  # it falls
                continue
            lo, hi = exp_minus(places, self.scale * distance)
            found.append(floor((lo + hi) / 2 * (1 << self.bits) + _HALF))
        return np.array(found, np.int64)

    def uncertain(self, codes: IntArray) -> IntArray:
        """Returns for each row, [..., row], how many codes may differ from real softmax's.

        Those whose quotient lies within the bound of a border between two codes.
        """
        exps = self.table[codes.max(axis=-1, keepdims=True) - codes]
        total = exps.sum(axis=-1, keepdims=True)
        quotient = exps / total / float(self.step)
        noise = 4 * np.spacing(quotient)  # of the two divisions here
        border = np.abs(quotient - np.floor(quotient) - 0.5)
        return (border <= float(self.bound) + noise).sum(axis=-1)


def bits_of_entries(softmax: Softmax) -> int:
    """Returns how wide a table's entries are: the largest is 2**bits."""
    return softmax.bits + 1


def distance_in_words(softmax: Softmax) -> str:
    """Returns the bound as a power of two that it does not exceed, for people."""
    return f"2^{ceil(log2(float(softmax.bound)))}"

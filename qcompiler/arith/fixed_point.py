"""Fixed-point numbers as C++'s `ap_fixed` has them: how they round, and what they do on overflow.

    cast(x) = overflow(round(x * 2**fraction), width) * 2**-fraction

Source: Vitis HLS user guide (UG1399), arbitrary precision fixed-point types; Dai et al., arXiv
2401.17544, for `cast` with a binary point that need not lie within the number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import floor, log2
from typing import Literal, get_args

import numpy as np

from qcompiler.arith.arrays import FloatArray, IntArray
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.rounding import round_float

Rounding = Literal["TRN", "TRN_ZERO", "RND", "RND_CONV", "RND_ZERO", "RND_INF", "RND_MIN_INF"]
Overflow = Literal["SAT", "SAT_SYM", "WRAP", "WRAP_SM"]

_ROUNDING: dict[Rounding, Callable[[FloatArray], FloatArray]] = {
    "TRN": np.floor,
    "TRN_ZERO": np.trunc,
    "RND": lambda x: -round_half_down(-x),
    "RND_CONV": np.rint,
    "RND_ZERO": lambda x: round_float(x, "half_down"),
    "RND_INF": lambda x: round_float(x, "half_up"),
    "RND_MIN_INF": lambda x: round_half_down(x),
}


def round_half_down(x: FloatArray) -> FloatArray:
    """Returns x rounded to integers, a half toward minus infinity; exact for every float."""
    whole = np.floor(x)
    return whole + (x - whole > 0.5)


@dataclass(frozen=True)
class FixedPoint:
    """Integers of `width` bits that count 2**-fraction.

    Attributes:
        width: in bits, the sign included.
        fraction: bits behind the binary point; may be negative, or more than there are bits.
        signed: whether there is a sign.
        rounding: TRN down, TRN_ZERO toward zero; to the nearest, and halves RND up, RND_MIN_INF
            down, RND_INF away from zero, RND_ZERO toward zero, RND_CONV to even.
        overflow: SAT to the nearest number that there is, SAT_SYM the same without the lowest, WRAP
            to the low bits, WRAP_SM to those, mirrored in every other period. What overflows is
            the rounded number, also where rounding alone carries it over.

    Raises:
        ValueError: there is no such mode or width, or WRAP_SM is without a sign.

    Example:
        >>> FixedPoint(4, 1, rounding="RND", overflow="WRAP").cast(np.array([1.25, 3.75, -4.5]))
        array([ 1.5, -4. ,  3.5])
    """

    width: int
    fraction: int
    signed: bool = True
    rounding: Rounding = "RND_CONV"
    overflow: Overflow = "SAT"

    def __post_init__(self) -> None:
        for what, value, known in (
            ("rounding", self.rounding, get_args(Rounding)),
            ("overflow", self.overflow, get_args(Overflow)),
        ):
            if value not in known:
                raise ValueError(f"{what} must be one of {', '.join(known)}, got {value!r}")
        if self.width < 1 + self.signed:
            raise ValueError(f"width must be at least {1 + self.signed} bits, got {self.width}")

        if self.overflow == "WRAP_SM" and not self.signed:
            raise ValueError("WRAP_SM mirrors at the sign, got a number without one; use WRAP")

    @property
    def range(self) -> IntRange:
        """The codes that there are."""
        return IntRange.for_bits(
            self.width, self.signed, self.signed and self.overflow == "SAT_SYM"
        )

    def codes(self, x: FloatArray) -> IntArray:
        """Returns the integers of real numbers, exactly; magnitudes over 2**62 units saturate."""
        scaled = np.ldexp(np.asarray(x, np.float64), self.fraction)
        rounded = np.clip(_ROUNDING[self.rounding](scaled), -(2.0**62), 2.0**62).astype(np.int64)
        if self.overflow in ("SAT", "SAT_SYM"):
            return np.clip(rounded, self.range.lo, self.range.hi)
        return self._wrapped(rounded)

    def _wrapped(self, codes: IntArray) -> IntArray:
        """Returns the low bits of integers.

        For WRAP_SM they are inverted where the lowest bit that goes is not the highest that stays.
        """
        mask = (1 << self.width) - 1
        low = codes & mask
        if self.overflow == "WRAP_SM":
            low = np.where((codes >> self.width ^ low >> (self.width - 1)) & 1, low ^ mask, low)
        sign = low >> (self.width - 1) & int(self.signed)
        return low - (sign << self.width)

    def cast(self, x: FloatArray) -> FloatArray:
        """Returns the numbers that stand for x."""
        return np.ldexp(self.codes(x).astype(np.float64), -self.fraction)

    def fitted(self, x: FloatArray) -> FixedPoint:
        """Returns the same with the binary point that has the least squared error on x.

        Where x is mostly small, its largest numbers saturate. Points that are as good as each
        other: the one with the most places before it.
        """
        largest = float(np.abs(x).max(initial=0))
        reached = floor(log2(self.range.hi / max(largest, 2.0**-40)))
        points = [replace(self, fraction=reached + moved) for moved in range(self.width)]
        return min(points, key=lambda number: float(((number.cast(x) - x) ** 2).sum()))

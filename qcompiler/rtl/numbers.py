"""Numbers of a module under construction, and the only way to multiply them.

A `Number` is a signal that knows its range, and is exactly as wide as that. Products and sums of
numbers are numbers again, as wide as their range and no bit wider. So is a register that holds one;
what needs more bits extends it behind the register, with `wide`.

That is not only thrift. Where a register takes a bit of a product twice, as one with a copy of the
sign does, Yosys (0.70) loses the copy when it moves that register into a hard multiplier: see
docs/synthesis.md, "A fault of Yosys".
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import comb

from qcompiler.arith.ranges import IntRange
from qcompiler.devices.family import PIECE_BITS
from qcompiler.rtl.builder import ModuleBuilder, Signal

_MOST_SHIFTS = 4
"""Ones of a constant factor from which on a multiplier is worth it."""


class Number(Signal, frozen=True):
    """An integer in a module: two's complement if a value of its range is negative, else unsigned.

    Attributes:
        range: which integers it may be; gives its width.
    """

    range: IntRange

    def __post_init__(self) -> None:
        assert self.width == self.range.width_bits, f"{self.width} bits for {self.range}"

    @staticmethod
    def of(signal: Signal, range_: IntRange) -> Number:
        """Returns what the low bits of a signal stand for, which are known to be in a range."""
        exact = signal.slice(0, range_.width_bits)
        return Number(exact.builder, exact.value, range_)

    @staticmethod
    def of_bits(signal: Signal, *, signed: bool) -> Number:
        """Returns a signal of which nothing is known but how it is read."""
        return Number.of(signal, IntRange.for_bits(signal.width, signed))

    @staticmethod
    def constant(b: ModuleBuilder, value: int) -> Number:
        """Returns a constant."""
        range_ = IntRange(value, value)
        return Number.of(b.constant(value, range_.width_bits), range_)

    @property
    def is_constant(self) -> bool:
        """Whether there is only one value."""
        return self.range.size == 1

    def at(self, register: Signal) -> Number:
        """Returns the same number, held by a register."""
        return Number.of(register, self.range)

    def wide(self, width: int) -> Signal:
        """Returns the number in `width` bits, modulo 2**width."""
        if self.is_constant:
            return self.builder.constant(self.range.lo, width)
        return self.resize(width, signed=self.range.signed)

    def __mul__(self, other: Number) -> Number:
        range_ = self.range * other.range
        return Number.of(self.times(other, range_.width_bits), range_)

    def times(self, other: Number, width: int) -> Signal:
        """Returns the product in `width` bits, modulo 2**width; no bit is made in vain."""
        range_ = self.range * other.range
        if range_.size == 1:
            return self.builder.constant(range_.lo, width)
        for one, rest in ((self, other), (other, self)):
            if one.range == IntRange(1, 1):
                return rest.wide(width)
        exact = min(width, range_.width_bits)
        factors = self.wide(exact), other.wide(exact)
        made = self.builder.make(comb.MulOp, factors, exact)
        return made.resize(width, signed=range_.signed)

    def shifted(self, places: int) -> Number:
        """Returns the number over 2**places, rounded down."""
        range_ = IntRange(self.range.lo >> places, self.range.hi >> places)
        if places < self.width:
            return Number.of(self.slice(places, self.width - places), range_)
        return Number.of(self.sign, range_) if self.range.signed else self.constant(self.builder, 0)

    def pieces(self) -> list[tuple[int, Number]]:
        """Returns (place of the lowest bit, piece) of parts for multipliers; their sum is this."""
        found: list[tuple[int, Number]] = []
        rest, place = self, 0
        while rest.width + (not rest.range.signed) > PIECE_BITS + 1:
            found.append((place, rest._low_piece()))
            rest = rest.shifted(PIECE_BITS)
            place += PIECE_BITS
        return [*found, (place, rest)]

    def _low_piece(self) -> Number:
        if self.is_constant:
            return Number.constant(self.builder, self.range.lo & ((1 << PIECE_BITS) - 1))
        return Number.of_bits(self.slice(0, PIECE_BITS), signed=False)


def total(numbers: Sequence[Number], most: int | None = None) -> Number:
    """Returns the sum of numbers.

    Args:
        numbers: at least one.
        most: bits that are wanted of it. If the sum has more, what is returned is the sum modulo
            2**most, read in two's complement: right for whoever adds it up to something that fits.
    """
    range_ = numbers[0].range
    for number in numbers[1:]:
        range_ += number.range
    width = range_.width_bits
    if most is not None and width > most:
        width, range_ = most, IntRange.for_bits(most, signed=True)
    return Number.of(numbers[0].builder.sum([number.wide(width) for number in numbers]), range_)


def multiples(b: ModuleBuilder, terms: Sequence[tuple[Number, int]]) -> Number:
    """Returns the sum of numbers times constants, as one expression.

    It is as wide as its range, and so is every product in it: as it is no signal of its own, and no
    register holds it, it needs no extension between the two.
    """
    range_ = IntRange(0, 0)
    for number, factor in terms:
        range_ += number.range * IntRange(factor, factor)
    width = range_.width_bits
    signals = [
        number.wide(width) if factor == 1 else _multiple(b, number.wide(width), factor)
        for number, factor in terms
        if factor
    ]
    return Number.of(b.sum(signals), range_) if signals else Number.constant(b, 0)


def _multiple(b: ModuleBuilder, term: Signal, factor: int) -> Signal:
    return b.make(comb.MulOp, (term, b.constant(factor, term.width)), term.width)


def scaled(value: Signal, factor: int, width: int) -> Signal:
    """Returns value * factor in `width` bits, modulo 2**width, for an unsigned value.

    As a sum of few shifted copies: no hard multiplier is spent on it.

    Args:
        value: a position, a counter.
        factor: at least 1.
        width: of the result.
    """
    b, wide = value.builder, value.resize(width, signed=False)
    places = [i for i in range(width) if factor >> i & 1]
    if not places:  # a multiple of 2**width
        return b.constant(0, width)
    if len(places) > _MOST_SHIFTS:
        return Number.of_bits(value, signed=False).times(Number.constant(b, factor), width)
    shifted = [
        b.concat([wide.slice(0, width - i), b.constant(0, i)]) if i else wide for i in places
    ]
    return b.sum(shifted)

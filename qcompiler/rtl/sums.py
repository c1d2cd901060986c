"""Sums of shifted numbers, as one operation each."""

from collections.abc import Sequence
from functools import cache

from xdsl.dialects.builtin import DenseArrayBase, i64

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import rtl
from qcompiler.rtl.builder import ModuleBuilder, Signal
from qcompiler.rtl.numbers import Number


@cache
def _array(values: tuple[int, ...]) -> DenseArrayBase:
    return DenseArrayBase.from_list(i64, values)


def shift_add(
    b: ModuleBuilder, name: str, terms: Sequence[tuple[Number, int, int]], range_: IntRange
) -> Number:
    """Returns the sum of numbers, each times 2**shift and its sign, which is in a range."""
    made = b.make(
        rtl.ShiftAddOp,
        [number for number, _, _ in terms],
        range_.width_bits,
        shifts=_array(tuple(shift for _, shift, _ in terms)),
        signs=_array(tuple(sign for _, _, sign in terms)),
        signed=_array(tuple(int(number.range.signed) for number, _, _ in terms)),
    )
    made.named(name)
    made.note(f"[{range_.lo}, {range_.hi}]")
    return Number.of(made, range_)


def carried_sum(
    b: ModuleBuilder, name: str, terms: Sequence[tuple[Number, int, int]], range_: IntRange
) -> Number:
    """Returns the sum of two numbers and a bit, by one chain: the bit is the carry from below.

    Arguments as in `shift_add`; nothing is shifted or negative.
    """
    (one, _, _), (other, _, _), (carry, _, _) = terms
    width = range_.width_bits
    upper = b.concat([one.wide(width), b.constant(1, 1)])
    lower = b.concat([other.wide(width), carry.slice(0, 1)])
    made = Number.of((upper + lower).slice(1, width), range_)
    made.named(name)
    made.note(f"[{range_.lo}, {range_.hi}]")
    return made


Bit = Signal | int
"""A wire of one bit, or a constant 0 or 1."""


def gate_sum(
    b: ModuleBuilder, name: str, terms: Sequence[tuple[Number, int, int]], range_: IntRange
) -> Number:
    """Returns a narrow sum of two or three numbers made of full adders, as gates.

    Arguments as in `shift_add`. At most one of two terms is negative, and none of three; a third
    one is a bit.
    """
    width = range_.width_bits
    rows = [_bits(number, shift, sign, width) for number, shift, sign in terms]
    carry: Bit = int(any(sign < 0 for _, _, sign in terms))
    if len(rows) == 3:
        carry = rows.pop()[0]
    made: list[Signal] = []
    for bits in zip(*rows, strict=True):
        total, carry = _full_adder((*bits, carry))
        made.append(b.constant(total, 1) if isinstance(total, int) else total)
    found = Number.of(b.concat(made[::-1]) if width > 1 else made[0], range_)
    found.named(name)
    found.note(f"[{range_.lo}, {range_.hi}]")
    return found


def _bits(number: Number, shift: int, sign: int, width: int) -> list[Bit]:
    """Returns the bits of a term, inverted if it is negative."""
    if number.is_constant:
        value = number.range.lo << shift
        bits: list[Bit] = [value >> at & 1 for at in range(width)]
    else:
        found = [number.bit(at) for at in range(number.width)]
        top: Bit = number.sign if number.range.signed else 0
        bits = [*[0] * shift, *found, *[top] * width][:width]
    if sign > 0:
        return bits
    return [1 - bit if isinstance(bit, int) else ~bit for bit in bits]


def _full_adder(bits: Sequence[Bit]) -> tuple[Bit, Bit]:
    """Returns the lower and the upper bit of a sum of three bits."""
    ones = sum(bit for bit in bits if isinstance(bit, int))
    wires = [bit for bit in bits if not isinstance(bit, int)]
    if not wires:
        return ones & 1, ones >> 1
    if len(wires) == 3:
        one, other, carry = wires
        either = one ^ other
        return either ^ carry, (one & other) | (carry & either)
    if len(wires) == 1:
        (one,) = wires
        return (~one if ones & 1 else one), (0, one, 1)[ones]
    one, other = wires
    total = one ^ other
    return (~total, one | other) if ones else (total, one & other)

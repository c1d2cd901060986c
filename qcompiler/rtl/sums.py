"""Sums of shifted numbers, as one operation each."""

import re
from collections.abc import Sequence
from functools import cache

from xdsl.dialects import hw
from xdsl.dialects.builtin import DenseArrayBase, UnitAttr, i64
from xdsl.ir import Operation

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import rtl
from qcompiler.rtl.builder import ModuleBuilder, Signal
from qcompiler.rtl.numbers import Number
from qcompiler.rtl.streaming import Library


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


_OWN_SUM = "sum"
"""Part of the names of modules that are one sum, before its signs and width."""
_OWN_SUM_NAME = re.compile(rf"\w*_{_OWN_SUM}_(p*n*)_w(\d+)")


def signs_and_width(module: str) -> tuple[str, int] | None:
    """Returns what a module adds, by its name: a sign for each number; None if it is no own sum."""
    found = _OWN_SUM_NAME.fullmatch(module)
    return (found[1], int(found[2])) if found else None


class SumBuilder(ModuleBuilder):
    """Builds a module with sums, some of them modules of their own.

    Args:
        library: of the design's modules.
        prefix: of those modules' names.
        name: of the module.
        comment: header lines.
    """

    def __init__(self, library: Library, prefix: str, name: str, comment: Sequence[str] = ()):
        super().__init__(name, comment)
        self._library = library
        self._prefix = prefix

    def own_sum(self, signs: str, width: int) -> hw.HWModuleOp:
        """Returns the module that adds numbers: `p` for each that is added, then `n`."""
        name = f"{self._prefix}_{_OWN_SUM}_{signs}_w{width}"
        return self._library.shared(name, lambda: _own_sum(name, signs, width))


def _own_sum(name: str, signs: str, width: int) -> hw.HWModuleOp:
    said = [f"A sum modulo 2**{width}; synthesis knows by its name how it is best made."]
    b = ModuleBuilder(name, said, clocked=False)
    ports = [Number.of_bits(b.input("abc"[at], width), signed=False) for at in range(len(signs))]
    terms = [(port, 0, 1 if s == "p" else -1) for port, s in zip(ports, signs, strict=True)]
    b.output("y", shift_add(b, "total", terms, IntRange(0, (1 << width) - 1)))
    module = b.build()
    module.attributes["rtl.chains"] = UnitAttr()
    return module


def own_sum(
    b: SumBuilder, name: str, terms: Sequence[tuple[Number, int, int]], range_: IntRange
) -> Number:
    """Returns the sum of up to three numbers by a module of its own.

    Arguments as in `shift_add`. Tools that know nothing of the module see a plain sum; ours make
    its top bit beside the chain, or a table a place of three (`backends.synthesis.own_sums`).
    """
    width = range_.width_bits
    ordered = sorted(terms, key=lambda term: -term[2])
    signs = "".join("p" if sign > 0 else "n" for _, _, sign in ordered)
    given = [_in(b, number, shift, width) for number, shift, _ in ordered]
    ports = dict(zip("abc", given, strict=False))
    made = b.instance(f"{name}_sum", b.own_sum(signs, width), **ports).output(b, "y")
    made.named(name)
    made.note(f"[{range_.lo}, {range_.hi}]")
    return Number.of(made, range_)


def _in(b: ModuleBuilder, number: Number, shift: int, width: int) -> Signal:
    """Returns a number times 2**shift in some bits, modulo 2 to these."""
    if shift >= width:
        return b.constant(0, width)
    low = number.wide(width - shift)
    return b.concat([low, b.constant(0, shift)]) if shift else low


Bit = Signal | int
"""A wire of one bit, or a constant 0 or 1."""


def gate_sum(
    b: ModuleBuilder, name: str, terms: Sequence[tuple[Number, int, int]], range_: IntRange
) -> Number:
    """Returns a narrow sum of two or three numbers made of full adders, as gates.

    Arguments as in `shift_add`. At most one of two terms is negative, and none of three; a third
    one is a bit.
    """
    found = _side_by_side(b, terms, range_) or _added(b, terms, range_)
    if isinstance(found.value.owner, Operation):  # else a port is the sum as it is
        found.named(name)
        found.note(f"[{range_.lo}, {range_.hi}]")
    return found


def _side_by_side(
    b: ModuleBuilder, terms: Sequence[tuple[Number, int, int]], range_: IntRange
) -> Number | None:
    """Returns the sum of two numbers of which one stands right above the other, if it is that."""
    (low, start, _), (high, above, _) = sorted(terms[:2], key=lambda term: term[1])
    plain = len(terms) == 2 and all(sign > 0 for _, _, sign in terms) and not start
    width = low.width + high.width
    if not plain or low.range.signed or above != low.width or width != range_.width_bits:
        return None
    return Number.of(b.concat([high, low]), range_)


def _added(b: ModuleBuilder, terms: Sequence[tuple[Number, int, int]], range_: IntRange) -> Number:
    """Returns the sum made of full adders."""
    width = range_.width_bits
    rows = [_bits(number, shift, sign, width) for number, shift, sign in terms]
    carry: Bit = int(any(sign < 0 for _, _, sign in terms))
    if len(rows) == 3:
        carry = rows.pop()[0]
    made: list[Signal] = []
    for bits in zip(*rows, strict=True):
        total, carry = _full_adder((*bits, carry))
        made.append(b.constant(total, 1) if isinstance(total, int) else total)
    return Number.of(b.concat(made[::-1]) if width > 1 else made[0], range_)


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

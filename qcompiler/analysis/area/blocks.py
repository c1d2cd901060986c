"""Hard blocks of a circuit, and how long products are cut for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from msgspec import Struct, field
from xdsl.dialects import hw
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import Operation, SSAValue

from qcompiler.analysis.area.gates import FALSE
from qcompiler.devices.family import Multiplier

Bits = list[int]


class Block(Struct, eq=False):
    """Something that is not made of gates.

    Attributes:
        kind: register, adder, compare, multiplier, memory, or instance.
        reads: literals at its inputs.
        makes: literals of its outputs, all of them leaves.
        op: what it was.
        shape: widths, by kind: of an adder, its bits; of a multiplier, those of its factors.
        enable: of a register, its clock enable and its synchronous reset, if it has them.
        pairs: of an adder and a comparison, the two bits at each place.
        terms: of an adder of three numbers, their bits at each place; `pairs` stand for them.
    """

    kind: str
    reads: Bits
    makes: Bits
    op: Operation
    shape: tuple[int, ...] = ()
    enable: tuple[int | None, int | None] = (None, None)
    pairs: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    terms: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])

    def added(self, first: int, end: int) -> Iterator[int]:
        """Yields the literals that an adder adds at some places."""
        for places in (self.pairs, self.terms):
            yield from (bit for place in places[first:end] for bit in place)


def stripped(bits: Sequence[int]) -> Bits:
    """Returns a two's complement number without copies of its sign."""
    length = len(bits)
    while length > 1 and bits[length - 1] == bits[length - 2]:
        length -= 1
    return list(bits[:length])


def partial_products(a: Bits, b: Bits, multiplier: Multiplier) -> Iterator[tuple[Bits, Bits, int]]:
    """Yields factors no longer than hard multipliers take, and by how much their products shift.

    The longer factor is cut first. All pieces but the last have no sign.

    Source: Yosys, techlibs/common/mul2dsp.v.
    """
    long, short = (a, b) if len(a) >= len(b) else (b, a)
    for x, x_shift in _pieces(long, multiplier.factors[0], multiplier):
        for y, y_shift in _pieces(short, multiplier.factors[1], multiplier):
            yield x, y, x_shift + y_shift


def _pieces(bits: Bits, most: int, multiplier: Multiplier) -> Iterator[tuple[Bits, int]]:
    each = most - multiplier.signed_only
    at = 0
    while len(bits) - at > most:
        yield bits[at : at + each] + [FALSE] * multiplier.signed_only, at
        at += each
    yield bits[at:], at


def width_of(value: SSAValue) -> int:
    """Returns the bits of a value; a clock has one."""
    type_ = value.type
    return cast(IntegerType, type_).width.data if isinstance(type_, IntegerType) else 1


def constant_of(value: SSAValue) -> int | None:
    """Returns what a constant is, as an unsigned number, or None."""
    op = value.owner
    if isinstance(op, hw.ConstantOp):
        return op.value.value.data % (1 << width_of(value))
    return None

"""Sums of shifted numbers, as one operation each."""

from collections.abc import Sequence
from functools import cache

from xdsl.dialects.builtin import DenseArrayBase, i64

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import rtl
from qcompiler.rtl.builder import ModuleBuilder
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

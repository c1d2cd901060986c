"""Sums of several integers times real numbers, rounded: exact by the distance of different sums.

With rational scales every sum, in units of codes, is a multiple of some 1 / q. A sum that is wrong
by less than half of that, and has half of it added, is on the right side of every level. So
multipliers of finite width are found without a look at any operand.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

from msgspec import Struct

from qcompiler.arith.arrays import integers, one_row
from qcompiler.arith.exact_lines import CodeLine, NotALineError, code_line
from qcompiler.arith.joint_function import JointFunction
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import INT64_BITS, MulShift, Shift
from qcompiler.arith.scalar_function import ScalarFunction

_LARGEST_SHIFT = 62


class JointFit(Struct, frozen=True):
    """y = shift(sum of maps[i](x[i])).

    Attributes:
        maps: one per operand, multiplications.
        shift: adds, shifts and clamps the sum.
    """

    maps: tuple[MulShift, ...]
    shift: Shift


class _Sum(Struct, frozen=True):
    """w = sum of slopes[i] * x[i] + offset: level k from w >= k on."""

    slopes: tuple[Fraction, ...]
    offset: Fraction
    code: CodeLine

    @property
    def distance(self) -> int:
        """q: all w are multiples of 1 / q."""
        return lcm(self.offset.denominator, *(slope.denominator for slope in self.slopes))


def scaled(multiplier: Sequence[int], offset: int = 0) -> MulShift:
    """Returns the map multiplier * x + offset, with one multiplier or one per channel."""
    return MulShift(one_row(integers(multiplier)), integers([offset]), 0, -(2**62), 2**62)


def fit_sum(
    function: JointFunction, ranges: Sequence[IntRange], clamp: IntRange | None
) -> JointFit | None:
    """Returns multipliers and a shift for a rounded sum, or None for other functions.

    Args:
        function: with `exact` numerics.
        ranges: of the operands.
        clamp: where the shift clamps, if not at all codes of the quantizer.
    """
    tail = function.tail
    if not isinstance(tail, ScalarFunction):
        return None
    clamp = clamp or IntRange(tail.quantizer.lo, tail.quantizer.hi)
    try:
        sums = [_sum(function, tail, ranges, channel) for channel in range(function.channels)]
    except NotALineError:
        return None
    if len(set(sums)) == 1:
        sums = sums[:1]
    ways = {one.code.tie_to for one in sums}
    cut = any(one.code.lo > clamp.lo or one.code.hi < clamp.hi for one in sums)
    if cut or len(ways) > 1 or not ways <= {"even", "odd", "up", "down"}:
        return None
    (way,) = ways
    bits = max(1, *((one.distance - 1).bit_length() for one in sums))
    for shift in range(bits, _LARGEST_SHIFT + 1):
        found = [_rounded(one, ranges, shift, bits, way) for one in sums]
        lines = [line for line in found if line is not None]
        if len(lines) == len(found):
            return _form(lines, ranges, shift, bits, way, clamp)
    return None


def _sum(
    function: JointFunction, tail: ScalarFunction, ranges: Sequence[IntRange], channel: int
) -> _Sum:
    met = function.combined_range(ranges)
    code = code_line(tail, channel % tail.channels, max(-met.lo, met.hi))
    if code.error:
        raise NotALineError("a scale is no rational number")
    slopes: list[Fraction] = []
    offset = code.offset
    for map_ in function.maps:
        if not isinstance(map_, MulShift):
            raise NotALineError("an operand is looked up in a table")
        multiplier, summand = (
            int(row[channel] if row.size > 1 else row[0]) for row in (map_.multiplier, map_.bias)
        )
        slopes.append(code.slope * multiplier)
        offset += code.slope * summand
    return _Sum(tuple(slopes), offset, code)


def _rounded(
    of: _Sum, ranges: Sequence[IntRange], shift: int, bits: int, way: str
) -> tuple[list[int], int] | None:
    """Returns multipliers and a bias that are near enough with this shift, or None."""
    unit = Fraction(1, 2**bits)  # at most 1 / q
    # In the middle of what a sum may be: above its level, or below it where ties go down.
    wanted = of.offset + (-unit if way == "down" else unit) / 2
    multipliers = [round(slope * 2**shift) for slope in of.slopes]
    off = [slope - Fraction(m, 2**shift) for slope, m in zip(of.slopes, multipliers, strict=True)]
    # The bias makes up for what the multipliers lack in the middle of each operand's range.
    middle = [Fraction(r.lo + r.hi, 2) for r in ranges]
    wanted += sum((o * m for o, m in zip(off, middle, strict=True)), Fraction(0))
    bias = round(wanted * 2**shift)
    error = abs(wanted - Fraction(bias, 2**shift))
    for o, r in zip(off, ranges, strict=True):
        error += abs(o) * Fraction(r.hi - r.lo, 2)
    return (multipliers, bias) if error < unit / 2 else None


def _form(
    lines: Sequence[tuple[list[int], int]],
    ranges: Sequence[IntRange],
    shift: int,
    bits: int,
    way: str,
    clamp: IntRange,
) -> JointFit | None:
    maps = tuple(scaled(column) for column in zip(*(m for m, _ in lines), strict=True))
    parity, width = (int(way == "odd"), shift - bits) if way in ("even", "odd") else (None, 0)
    bias = one_row(integers([b for _, b in lines]))
    form = Shift(shift, bias, integers([1]), clamp.lo, clamp.hi, parity, width)
    met = maps[0].sum_range(ranges[0])
    for map_, bounds in zip(maps[1:], ranges[1:], strict=True):
        met = met + map_.sum_range(bounds)
    fits = max(form.sum_range(met).width_bits, met.width_bits) < INT64_BITS
    return JointFit(maps, form) if fits else None

"""Scalar functions that are one straight line per channel, rounded and clamped.

Scales, biases, batch normalization, ReLU and clips make a line between two bounds, with rational
coefficients or, behind a square root, with enclosures of them. Its codes need no enumeration.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from qcompiler.arith import enclosures
from qcompiler.arith.enclosures import Enclosure
from qcompiler.arith.rounding import round_fraction
from qcompiler.arith.scalar_function import Apply, Constant, Input, Quantizer, ScalarFunction
from qcompiler.arith.scalar_ops import OPS

PRECISION_BITS = 512
"""Of irrational coefficients; a line that these do not tell from its neighbours is not taken."""

_ZERO = enclosures.point(Fraction(0))
_ONE = enclosures.point(Fraction(1))
_MINUS_ONE = enclosures.point(Fraction(-1))
_HALF = Fraction(1, 2)


class NotALineError(ValueError):
    """A function is no single line between two bounds."""


class RealLine(Struct, frozen=True):
    """min(max(slope * x + offset, low), high); None where there is no bound."""

    slope: Enclosure
    offset: Enclosure
    low: Enclosure | None = None
    high: Enclosure | None = None


class CodeLine(Struct, frozen=True):
    """Codes of one channel: level k from w(x) = slope * x + offset >= k on, from lo to hi.

    Attributes:
        slope: rational.
        offset: rational.
        error: bound on how far w may be off, at any x of the range; 0 if it is exact.
        lo: smallest code.
        hi: largest code.
        tie_to: which code w(x) = k exactly has, k or k - 1: "up" and "down"; k if it is even
            ("even") or odd ("odd"); k if it is above `zero` ("away") or not ("toward").
        zero: code of the number zero.
    """

    slope: Fraction
    offset: Fraction
    error: Fraction
    lo: int
    hi: int
    tie_to: str
    zero: int = 0

    def upward(self, k: int) -> bool:
        """Returns whether w = k has code k, and not k - 1."""
        match self.tie_to:
            case "even" | "odd":
                return k % 2 == (self.tie_to == "odd")
            case "away" | "toward":
                return (k > self.zero) == (self.tie_to == "away")
            case _:
                return self.tie_to == "up"

    def code_of(self, w: Fraction) -> int:
        """Returns the code where the line is at w."""
        whole = w.numerator // w.denominator
        if w == whole and not self.upward(whole):
            whole -= 1
        return min(max(whole, self.lo), self.hi)


def code_line(function: ScalarFunction, channel: int, reach: int) -> CodeLine:
    """Returns a channel's codes as a line.

    Args:
        function: with `exact` numerics.
        channel: which one.
        reach: largest magnitude of an accumulator.

    Raises:
        NotALineError: the function is none.
    """
    if function.numerics != "exact":
        raise NotALineError("float32 arithmetic rounds on the way")
    line = _followed(function, channel)
    return _with_levels(function.quantizer, line, channel, reach)


def _pick(value: npt.NDArray[Any], channel: int) -> Fraction:
    return Fraction(value.item() if value.ndim == 0 else value[channel].item())


def _followed(function: ScalarFunction, channel: int) -> RealLine:
    values: list[Enclosure | RealLine] = []
    for step in function.steps:
        if isinstance(step, Input):
            slope, offset = (_pick(part, channel) for part in (step.multiplier, step.offset))
            values.append(RealLine(enclosures.point(slope), enclosures.point(offset)))
        elif isinstance(step, Constant):
            values.append(enclosures.point(_pick(step.value, channel)))
        else:
            values.append(_applied(step, [values[i] for i in step.operands]))
    last = values[-1]
    return last if isinstance(last, RealLine) else RealLine(_ZERO, last)


def _applied(step: Apply, operands: list[Enclosure | RealLine]) -> Enclosure | RealLine:
    constants = [a for a in operands if isinstance(a, Enclosure)]
    lines = [a for a in operands if isinstance(a, RealLine)]
    if not lines:
        try:
            return OPS[step.op].exact(PRECISION_BITS, *constants)
        except (ZeroDivisionError, ValueError):
            raise NotALineError("a parameter is not a number") from None
    if step.op in ("add", "sub"):
        return _sum(operands[0], operands[1] if step.op == "add" else _negative(operands[1]))
    if len(lines) > 1:
        raise NotALineError(f"{step.op} of two lines is none")
    return _of_line(step.op, lines[0], constants, first=operands[0] is lines[0])


def _of_line(op: str, line: RealLine, constants: list[Enclosure], *, first: bool) -> RealLine:
    """Returns an operation's result on a line and constants; `first` if the line comes first."""
    match op:
        case "identity":
            return line
        case "neg":
            return _scaled(line, _MINUS_ONE)
        case "mul":
            return _scaled(line, constants[0])
        case "div" if first and constants[0].lo * constants[0].hi > 0:
            return _scaled(line, enclosures.div(0, _ONE, constants[0]))
        case "relu":
            return _at_least(line, _ZERO)
        case "max":
            return _at_least(line, constants[0])
        case "min":
            return _at_most(line, constants[0])
        case "clip" if first:
            return _at_most(_at_least(line, constants[0]), constants[1])
        case "hard_sigmoid" if first:
            inner = _sum(_scaled(line, constants[0]), constants[1])
            return _at_most(_at_least(inner, _ZERO), _ONE)
        case _:
            raise NotALineError(f"{op} is no line")


def _scaled(line: RealLine, factor: Enclosure) -> RealLine:
    slope, offset = (enclosures.mul(0, part, factor) for part in (line.slope, line.offset))
    if factor.lo < 0 < factor.hi:
        raise NotALineError("a factor has no certain sign")
    low, high = (end and enclosures.mul(0, end, factor) for end in (line.low, line.high))
    return RealLine(slope, offset, *((low, high) if factor.hi > 0 else (high, low)))


def _negative(value: Enclosure | RealLine) -> Enclosure | RealLine:
    return _scaled(value, _MINUS_ONE) if isinstance(value, RealLine) else enclosures.neg(0, value)


def _sum(a: Enclosure | RealLine, b: Enclosure | RealLine) -> RealLine:
    """Returns a + b, of which one at least is a line."""
    line, other = (a, b) if isinstance(a, RealLine) else (b, a)
    assert isinstance(line, RealLine), "constants are added as such"
    if isinstance(other, RealLine):
        if any(end is not None for end in (line.low, line.high, other.low, other.high)):
            raise NotALineError("two bounded lines meet")
        slope = enclosures.add(0, line.slope, other.slope)
        return RealLine(slope, enclosures.add(0, line.offset, other.offset))
    offset = enclosures.add(0, line.offset, other)
    low, high = (end and enclosures.add(0, end, other) for end in (line.low, line.high))
    return RealLine(line.slope, offset, low, high)


def _at_least(line: RealLine, bound: Enclosure) -> RealLine:
    low = bound if line.low is None else enclosures.maximum(0, line.low, bound)
    high = line.high and enclosures.maximum(0, line.high, bound)
    return replace(line, low=low, high=high)


def _at_most(line: RealLine, bound: Enclosure) -> RealLine:
    high = bound if line.high is None else enclosures.minimum(0, line.high, bound)
    low = line.low and enclosures.minimum(0, line.low, bound)
    return replace(line, low=low, high=high)


def _with_levels(quantizer: Quantizer, line: RealLine, channel: int, reach: int) -> CodeLine:
    """Returns the line in units of codes, moved so that levels begin at integers."""
    scale = _pick(quantizer.scale, channel)
    zero_point = int(_pick(quantizer.zero_point, channel))
    after = zero_point if quantizer.zero_point_after_rounding else 0
    before = zero_point - after

    def code(bound: Enclosure) -> int:
        ends = {round_fraction(end / scale + before, quantizer.rounding) + after for end in bound}
        if len(ends) > 1:
            raise NotALineError("a bound has no certain code")
        return min(max(ends.pop(), quantizer.lo), quantizer.hi)

    lo = quantizer.lo if line.low is None else code(line.low)
    hi = quantizer.hi if line.high is None else code(line.high)
    shift, tie_to = _level_start(quantizer, lo - after, hi - after, after)
    # The line in the middle of the enclosures; half of what they span is its error.
    slope, offset = ((part.lo + part.hi) / 2 / scale for part in (line.slope, line.offset))
    spread = [(part.hi - part.lo) / 2 / scale for part in (line.slope, line.offset)]
    error = spread[0] * reach + spread[1]
    return CodeLine(slope, offset + before + after + shift, error, lo, hi, tie_to, after)


def _level_start(quantizer: Quantizer, lo: int, hi: int, after: int) -> tuple[Fraction, str]:
    """Returns what to add so that level k begins at k, and which way ties go.

    Args:
        quantizer: gives the rounding.
        lo: smallest code before the zero point is added.
        hi: largest.
        after: what is added to codes; "away" and "toward" are about numbers without it.

    Raises:
        NotALineError: levels on the two sides of zero are not evenly spaced.
    """
    mode = quantizer.rounding
    if mode == "half_even":
        return _HALF, "odd" if after % 2 else "even"
    if mode in ("floor", "ceil"):
        return Fraction(mode == "ceil"), "up" if mode == "floor" else "down"
    positive, negative = lo >= 0, hi <= 0
    if mode in ("half_up", "half_down"):
        away = mode == "half_up"
        if positive or negative:
            return _HALF, "up" if away == positive else "down"
        return _HALF, "away" if away else "toward"
    if not positive and not negative:
        raise NotALineError(f"rounding {mode} has no even levels around zero")
    floors = (mode == "down") == positive
    return Fraction(not floors), "up" if floors else "down"

"""Which way a function of the accumulator moves, per channel, found from its structure.

Two claims are tracked, "never falls" and "never rises". A constant makes both, an unknown neither,
and every rule is a plain conjunction. Rounding to a float format is monotone, so claims that hold
for real arithmetic hold for float32 op by op as well.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from qcompiler.arith.arrays import BoolArray, FloatArray

UNKNOWN = 2
"""Direction of a channel whose function is not known to be monotone."""


class Trend(Struct, frozen=True, eq=False):
    """Claims per channel, shape [C] or []; `constant` is set for literal constants only."""

    rises: BoolArray
    falls: BoolArray
    constant: FloatArray | None = None

    @property
    def direction(self) -> npt.NDArray[np.int8]:
        """+1 never falls, -1 never rises, 0 constant, `UNKNOWN` (2) neither is known."""
        moving = np.where(self.rises, 1, np.where(self.falls, -1, UNKNOWN))
        return np.where(self.rises & self.falls, 0, moving).astype(np.int8)


def rising() -> Trend:
    """Returns the trend of the accumulator itself."""
    return Trend(np.asarray(True), np.asarray(False))


def rising_by(factor: FloatArray) -> Trend:
    """Returns the trend of the accumulator times a number, plus one."""
    return _scaled(rising(), factor)


def steady(value: FloatArray) -> Trend:
    """Returns the trend of a literal constant."""
    return Trend(np.asarray(True), np.asarray(True), value)


def keep(*operands: Trend) -> Trend:
    """Returns the trend of a function that rises with every operand: add, min, max, floor."""
    rises, falls = np.asarray(True), np.asarray(True)
    for operand in operands:
        rises, falls = rises & operand.rises, falls & operand.falls
    return Trend(rises, falls)


def flip(a: Trend) -> Trend:
    """Returns the trend of -a."""
    return Trend(a.falls, a.rises)


def sub(a: Trend, b: Trend) -> Trend:
    """Returns the trend of a - b."""
    return keep(a, flip(b))


def _scaled(a: Trend, factor: FloatArray) -> Trend:
    rises = np.where(factor > 0, a.rises, np.where(factor < 0, a.falls, True))
    falls = np.where(factor > 0, a.falls, np.where(factor < 0, a.rises, True))
    return Trend(rises, falls)


def _unless_steady(*operands: Trend) -> Trend:
    steady_everywhere = np.asarray(True)
    for operand in operands:
        steady_everywhere = steady_everywhere & operand.rises & operand.falls
    return Trend(steady_everywhere, steady_everywhere)


def mul(a: Trend, b: Trend) -> Trend:
    """Returns the trend of a * b: known if one of them is a literal constant."""
    if b.constant is not None:
        return _scaled(a, b.constant)
    if a.constant is not None:
        return _scaled(b, a.constant)
    return _unless_steady(a, b)


def div(a: Trend, b: Trend) -> Trend:
    """Returns the trend of a / b: known if b is a literal constant."""
    return _unless_steady(a, b) if b.constant is None else _scaled(a, b.constant)

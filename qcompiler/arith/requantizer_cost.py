"""Estimates the area of hardware forms, in equivalents of six-input lookup tables (LUTs).

This is for parts that nobody has named: its weights are textbook guesses, which only have to rank
the forms of one function. Of a device, `analysis.area.requantizers` counts them.

Parameters with no more rows than there are lanes are constants in the logic; more rows are
stored, 64 bits to a LUT, and read as the channels pass by.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from msgspec import Struct

from qcompiler.arith.arrays import IntArray
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import (
    FloatScale,
    MulShift,
    Requantizer,
    Shift,
    Table,
    Threshold,
)


class FormCost(Protocol):
    """What a form is ranked by."""

    def cost(self, form: Requantizer, x: IntRange, lanes: int = 1) -> float:
        """Returns the area of `lanes` copies of a form, storage included, in look-up tables."""
        ...


class CostModel(Struct, frozen=True):
    """Weights, in LUTs.

    Attributes:
        comparator: per bit of a comparison.
        count: per comparison result that is summed.
        multiplier: per pair of bits of a multiplier with two variable operands.
        dsp: flat price of such a multiplier when it goes into a DSP block; None builds it of LUTs.
        adder: per bit of a sum.
        clamp: per bit of a value that is clamped.
        tie: per bit that is tested for an exact tie.
        stored_bits: bits of ROM that one LUT holds.
    """

    comparator: float = 0.55
    count: float = 1.0
    multiplier: float = 0.6
    dsp: float | None = None
    adder: float = 1.0
    clamp: float = 1.0
    tie: float = 0.2
    stored_bits: float = 64.0

    def cost(self, form: Requantizer, x: IntRange, lanes: int = 1) -> float:
        """Returns the area of `lanes` copies of a form, storage included.

        Args:
            form: what to build.
            x: accumulators that enter.
            lanes: channels computed side by side, at least 1.
        """
        if isinstance(form, Threshold):
            return self._threshold(form, x, lanes)
        if isinstance(form, Table):
            y = IntRange(int(form.entries.min()), int(form.entries.max()))
            copies = max(form.entries.shape[0], lanes)
            return copies * form.entries.shape[1] * y.width_bits / self.stored_bits
        if isinstance(form, MulShift):
            return self._mul_shift(form, x, lanes)
        if isinstance(form, FloatScale):
            return self._float_scale(form, x, lanes)
        return self._shift(form, x, lanes)

    def _stored(self, parameters: IntArray, width_bits: int, lanes: int) -> float:
        if parameters.shape[0] <= max(lanes, 1):
            return 0.0
        return parameters.size * width_bits / self.stored_bits

    def _threshold(self, form: Threshold, x: IntRange, lanes: int) -> float:
        levels = form.thresholds.shape[1]
        logic = levels * (self.comparator * x.width_bits + self.count)
        return lanes * logic + self._stored(form.thresholds, x.width_bits, lanes)

    def _shift(self, form: Shift, x: IntRange, lanes: int) -> float:
        logic = self._sum_to_code(form, form.sum_range(x))
        return lanes * logic + self._stored(form.bias, _range(form.bias).width_bits, lanes)

    def _mul_shift(self, form: MulShift, x: IntRange, lanes: int) -> float:
        sums = form.sum_range(x)
        width_bits = form.multiplier_range.width_bits
        if form.multiplier.shape[0] > lanes:
            product = self.multiplier * width_bits * x.width_bits if self.dsp is None else self.dsp
        else:
            product = _mean_adders(form.multiplier) * self.adder * sums.width_bits
        logic = product + self._sum_to_code(form, sums)
        stored = self._stored(form.multiplier, width_bits, lanes)
        return lanes * logic + stored + self._stored(form.bias, _range(form.bias).width_bits, lanes)

    def _float_scale(self, form: FloatScale, x: IntRange, lanes: int) -> float:
        sums = form.sum_range(x)
        as_mul_shift = MulShift(
            form.multiplier, form.offset, form.shift, form.lo, form.hi, tie_parity=0
        )
        # Two comparisons of the part below the point, whose bounds depend on the whole part.
        halves = 2 * self.comparator * form.shift + sums.width_bits - form.shift
        return self._mul_shift(as_mul_shift, x, lanes) + lanes * halves

    def _sum_to_code(self, form: Shift | MulShift, sums: IntRange) -> float:
        """Returns the area of one lane's adder, tie fix and clamp."""
        right = max(form.shift, 0)
        shifted = IntRange(sums.lo >> right, sums.hi >> right)
        area = self.adder * sums.width_bits
        if not IntRange(form.lo, form.hi).contains(shifted):
            area += self.clamp * shifted.width_bits
        if form.tie_parity is not None:
            area += self.tie * right + self.adder * IntRange(form.lo, form.hi).width_bits
        return area


def _range(values: IntArray) -> IntRange:
    return IntRange(int(values.min()), int(values.max()))


def _mean_adders(multiplier: IntArray) -> float:
    """Returns the adders of a constant multiplication: nonzero signed digits less one, on average.

    Source: Reitwieser 1960; the non-adjacent form of m has a digit where m and 3m differ.
    """
    digits = [((3 * m) ^ m).bit_count() for m in np.abs(multiplier).tolist()]
    return sum(max(count - 1, 0) for count in digits) / len(digits)


DEFAULT_COST_MODEL = CostModel()

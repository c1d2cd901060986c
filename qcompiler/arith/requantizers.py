"""The hardware forms of a scalar function, as integer arithmetic in numpy.

Every form holds rows of parameters: one per channel, or a single one when all channels agree. In
formulas c is the channel. Constructions that prove a form equal to a function stand in
`requantizer_proofs`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from qcompiler.arith.arrays import IntArray, along_axis, indices
from qcompiler.arith.line_codes import (
    FLOAT32_BITS,
    FLOAT64_BITS,
    WholeFloats,
    as_floats,
    clamped,
    plus,
    tie_fixed,
    times,
    whole,
)
from qcompiler.arith.ranges import IntRange


def _entered(form: Shift | MulShift, x: IntArray) -> IntArray:
    """Returns accumulators, as Python integers where 64 bits do not hold their products."""
    if not x.size:
        return x
    reached = IntRange(int(x.min()), int(x.max()))
    end = 1 << reached.union(-reached).width_bits
    fit = any(_widest_bits(form, range_) <= INT64_BITS for range_ in (IntRange(-end, end), reached))
    return x if fit else x.astype(object)


@lru_cache(maxsize=1024)
def _widest_bits(form: Shift | MulShift, x: IntRange) -> int:
    """Returns the bits of the widest number that becomes of accumulators."""
    # Products may exceed the sums that they become: a bias brings them back.
    return max(form.sum_range(x).width_bits, form.product_range(x).width_bits)


INT64_BITS = 63
"""Of a number that an int64 holds with a bit to spare."""

_MOST_ENTRIES = 256
"""Of a table that becomes logic."""

WIDEST_SUM_BITS = 192
"""Of a product and its bias, in any requantizer."""


class Shift(Struct, frozen=True, eq=False):
    """y = clamp((sign[c] * x + bias[c]) >> shift, lo, hi); no multiplier.

    A negative `shift` is a left one: y = clamp((sign[c] * x << -shift) + bias[c], lo, hi).

    Attributes:
        shift: bits to the right.
        bias: int64 [R]; includes the rounding half.
        sign: int64 [R], 1 or -1.
        lo: smallest code.
        hi: largest code.
        tie_parity: if set, a sum whose low `shift` bits are all zero is a tie between y - 1 and y,
            and takes the one with this lowest bit: 0 rounds half to even, 1 half to odd, which is
            half to even below an odd zero point.
        tie_width: how many of these low bits may be anything in a tie, where the sum is only near
            the real number.
    """

    shift: int
    bias: IntArray
    sign: IntArray
    lo: int
    hi: int
    tie_parity: int | None = None
    tie_width: int = 0
    is_logic = True

    def apply(self, x: IntArray, channel_axis: int = -1) -> IntArray:
        """Returns the codes of accumulators x, any shape, channels along `channel_axis`."""
        z = _entered(self, x) * along_axis(self.sign, x.ndim, channel_axis)
        z <<= max(-self.shift, 0)
        total = plus(z, along_axis(self.bias, x.ndim, channel_axis))
        return clamped(tie_fixed(total, self), self)

    def whole(self, x: IntArray, channel_axis: int = -1) -> WholeFloats:
        """As `apply`, for accumulators that `holds_whole` says yes to; returns whole floats."""
        return whole(self, x, self.sign << max(-self.shift, 0), channel_axis)

    def holds_whole(self, x: IntRange) -> bool:
        """Whether `whole` is exact for accumulators in x."""
        return _widest_bits(self, x) <= FLOAT64_BITS

    def sum_range(self, x: IntRange) -> IntRange:
        """Returns the range of the sum before the shift, for accumulators in x; gives its width."""
        left = IntRange(2 ** max(-self.shift, 0), 2 ** max(-self.shift, 0))
        return _sum_range(x * left, self.sign, self.bias)

    def product_range(self, x: IntRange) -> IntRange:
        """Returns the range of sign * x, shifted left, for accumulators in x."""
        left = 2 ** max(-self.shift, 0)
        return x.union(-x) * IntRange(left, left)


class MulShift(Struct, frozen=True, eq=False):
    """y = clamp((x * multiplier[c] + bias[c]) >> shift, lo, hi).

    Attributes:
        multiplier: int64 [R]; negative for decreasing channels.
        bias: int64 [R]; includes the rounding half.
        shift: bits to the right, the same for all channels, at least 0.
        lo: smallest code.
        hi: largest code.
        tie_parity: as in `Shift`.
        tie_width: as in `Shift`.

    Multipliers and biases are Python integers where 64 bits do not hold them.
    """

    multiplier: IntArray
    bias: IntArray
    shift: int
    lo: int
    hi: int
    tie_parity: int | None = None
    tie_width: int = 0
    is_logic = True

    def apply(self, x: IntArray, channel_axis: int = -1) -> IntArray:
        """Returns the codes of accumulators x, any shape, channels along `channel_axis`."""
        product = _entered(self, x) * along_axis(self.multiplier, x.ndim, channel_axis)
        total = plus(product, along_axis(self.bias, x.ndim, channel_axis))
        return clamped(tie_fixed(total, self), self)

    def whole(self, x: IntArray, channel_axis: int = -1) -> WholeFloats:
        """As `apply`, for accumulators that `holds_whole` says yes to; returns whole floats."""
        return whole(self, x, self.multiplier, channel_axis)

    def holds_whole(self, x: IntRange) -> bool:
        """Whether `whole` is exact for accumulators in x."""
        return _widest_bits(self, x) <= FLOAT64_BITS

    @property
    def multiplier_range(self) -> IntRange:
        """Range of the multipliers; its width is the multiplier's."""
        return IntRange(int(self.multiplier.min()), int(self.multiplier.max()))

    def sum_range(self, x: IntRange) -> IntRange:
        """Returns the range of x * multiplier + bias, for accumulators in x; gives its width."""
        return _sum_range(x, self.multiplier, self.bias)

    def product_range(self, x: IntRange) -> IntRange:
        """Returns the range of x * multiplier, for accumulators in x."""
        return x * self.multiplier_range


def _sum_range(x: IntRange, factor: IntArray, bias: IntArray) -> IntRange:
    rows = max(factor.shape[0], bias.shape[0])
    factors, biases = np.broadcast_to(factor, (rows,)), np.broadcast_to(bias, (rows,))
    # Python integers: this is also the check that int64 suffices.
    ends = [
        end * m + b
        for m, b in zip(factors.tolist(), biases.tolist(), strict=True)
        for end in (x.lo, x.hi)
    ]
    return IntRange(min(ends), max(ends))


SIGNIFICAND_BITS = FLOAT32_BITS
"""Of a float32, the leading one included."""


def entered_magnitude(x: IntRange, offset: IntArray) -> int:
    """Returns the largest magnitude of x + offset, whatever channel an accumulator belongs to."""
    return max(abs(x.lo + int(offset.min())), abs(x.hi + int(offset.max())))


FEW_LEVELS = 16
"""Steps that comparisons are cheaper for than a multiplier and two roundings."""


class FloatScale(Struct, frozen=True, eq=False):
    """y = clamp(round(float32(p * 2**-shift)) + zero_point), p = (x + offset[c]) * multiplier[c].

    What onnxruntime computes, in integers: p is exact, rounding it to the 24 bits of a float32 and
    then to an integer, half to even both times, differs from rounding once only next to a half.
    With whole = p >> shift and part the bits below: a half is what lies within
    2**(exponent - 24) of it, where the exponent is that of the float32 number whole + 1/2.

    Attributes:
        multiplier: int64 [R], positive, of at most 24 significant bits.
        offset: int64 [R]; |x + offset| <= 2**24, so that float32 holds it.
        shift: bits to the right, at least 1.
        zero_point: added after rounding.
        lo: smallest code.
        hi: largest code.
    """

    multiplier: IntArray
    offset: IntArray
    shift: int
    zero_point: int
    lo: int
    hi: int

    @property
    def is_logic(self) -> bool:
        """Whether comparisons with constants can take its place, if no line has all its steps."""
        return self.hi - self.lo <= FEW_LEVELS

    def apply(self, x: IntArray, channel_axis: int = -1) -> IntArray:
        """Returns the codes of accumulators x, any shape, channels along `channel_axis`."""
        return self.whole(x, channel_axis).astype(np.int64)

    def whole(self, x: IntArray, channel_axis: int = -1) -> WholeFloats:
        """As `apply`; returns whole numbers of a type of floats that holds them."""
        # The definition itself: 24 + 24 significant bits of product are exact in a float64.
        factor = along_axis(self.multiplier, x.ndim, channel_axis) * 2.0**-self.shift
        offset = along_axis(self.offset, x.ndim, channel_axis).astype(np.float64)
        rounded = times(plus(as_floats(x), offset), factor).astype(np.float32)
        np.rint(rounded, out=rounded)
        lo, hi = self.lo - self.zero_point, self.hi - self.zero_point
        most = max(abs(end) for end in (lo, hi, self.lo, self.hi))
        holds = np.float32 if most <= 1 << SIGNIFICAND_BITS else np.float64
        codes: WholeFloats = rounded.astype(holds, copy=False)
        np.clip(codes, lo, hi, out=codes)
        codes += self.zero_point
        return codes

    def half_widths(self, magnitude: IntArray) -> tuple[IntArray, IntArray]:
        """Returns how far above and below magnitude + 1/2 a number still counts as that half.

        In units of 2**-shift; a float32 has half as large steps below 1/2 as above.
        """
        # 2 * magnitude + 1 = f * 2**e with f in [1/2, 1): the exponent of the half is e - 2.
        exponent = np.frexp(2.0 * magnitude + 1)[1].astype(np.int64) - 2
        width = self.shift + exponent - SIGNIFICAND_BITS
        above = np.where(width >= 0, np.int64(1) << np.clip(width, 0, 62), 0)
        return above, np.where(magnitude == 0, above >> 1, above)

    def sum_range(self, x: IntRange) -> IntRange:
        """Returns the range of the product, for accumulators in x; gives its width."""
        rows = max(self.multiplier.size, self.offset.size)
        factors = np.broadcast_to(self.multiplier, (rows,)).tolist()
        offsets = np.broadcast_to(self.offset, (rows,)).tolist()
        ends = [
            (end + o) * m for m, o in zip(factors, offsets, strict=True) for end in (x.lo, x.hi)
        ]
        return IntRange(min(ends), max(ends))


class Threshold(Struct, frozen=True, eq=False):
    """y = lo + (number of k with sign[c] * x >= thresholds[c, k]).

    Attributes:
        thresholds: int64 [R, K], rising along K; repeated where several codes are skipped at once.
            One beyond the accumulator's range is a comparison that is always or never true.
        sign: int64 [R], 1 or -1.
        lo: smallest code; lo + K is the largest.
    """

    thresholds: IntArray
    sign: IntArray
    lo: int
    is_logic = True

    def apply(self, x: IntArray, channel_axis: int = -1) -> IntArray:
        """Returns the codes of accumulators x, any shape, channels along `channel_axis`."""
        z = x * along_axis(self.sign, x.ndim, channel_axis)
        if self.thresholds.shape[0] == 1:
            return self.lo + np.searchsorted(self.thresholds[0], z, "right").astype(np.int64)
        y = np.empty(x.shape, np.int64)
        for row, values, out in zip(
            self.thresholds,
            np.moveaxis(z, channel_axis, 0),
            np.moveaxis(y, channel_axis, 0),
            strict=True,
        ):
            out[...] = np.searchsorted(row, values, "right")
        return self.lo + y


class Table(Struct, frozen=True, eq=False):
    """y = entries[c, x - x_lo].

    Attributes:
        entries: int64 [R, N] for the accumulators x_lo to x_lo + N - 1.
        x_lo: accumulator of the first entry.
    """

    entries: IntArray
    x_lo: int

    @property
    def is_logic(self) -> bool:
        """Whether logic without a memory does it well, a lane of its own for each element.

        Few steps, all up or all down, are a line or comparisons with constants.
        """
        if self.entries.shape[1] <= _MOST_ENTRIES:
            return True
        steps = np.diff(self.entries, axis=1)
        one_way = bool(((steps >= 0).all(axis=1) | (steps <= 0).all(axis=1)).all())
        levels = np.abs(self.entries[:, -1] - self.entries[:, 0])
        return one_way and int(levels.max()) <= FEW_LEVELS

    def apply(self, x: IntArray, channel_axis: int = -1) -> IntArray:
        """Returns the codes of accumulators x, any shape, channels along `channel_axis`.

        Raises:
            ValueError: an accumulator has no entry.
        """
        x_hi = self.x_lo + self.entries.shape[1] - 1
        if x.size and (int(x.min()) < self.x_lo or int(x.max()) > x_hi):
            raise ValueError(
                f"accumulators must lie in [{self.x_lo}, {x_hi}], got [{x.min()}, {x.max()}]"
            )
        rows = indices(0, self.entries.shape[0])
        return self.entries[along_axis(rows, x.ndim, channel_axis), x - self.x_lo]


Requantizer = Shift | MulShift | FloatScale | Threshold | Table


def repeated(form: Requantizer, times: int) -> Requantizer:
    """Returns a form in which each row of parameters stands `times` times, one after the other."""
    return with_rows(form, lambda rows: np.repeat(rows, times, axis=0))


def first_rows(form: Requantizer, count: int) -> Requantizer:
    """Returns the form of the first `count` channels."""
    return with_rows(form, lambda rows: rows[:count])


def chosen_rows(form: Requantizer, rows: Sequence[int]) -> Requantizer:
    """Returns the form of some channels, in the order of `rows`."""
    return with_rows(form, lambda values: values[list(rows)])


def arrays_of(form: Requantizer) -> dict[str, IntArray]:
    """Returns the parameters of a form that may differ by channel: [1, ...] or [rows, ...]."""
    values = ((name, getattr(form, name)) for name in form.__struct_fields__)
    return {name: value for name, value in values if isinstance(value, np.ndarray)}


def with_rows(form: Requantizer, change: Callable[[IntArray], IntArray]) -> Requantizer:
    """Returns a form with other rows of parameters, where channels have their own."""
    arrays: dict[str, IntArray] = {}
    for name, rows in arrays_of(form).items():
        arrays[name] = change(rows) if len(rows) > 1 else rows
    return replace(form, **arrays)


def parameters_of(form: Requantizer, rows: int) -> int:
    """Returns how many numbers a form has, if those that differ have so many rows."""
    count = 0
    for array in arrays_of(form).values():
        count += array.size if len(array) == 1 else rows * (array.size // len(array))
    return count


def factors_of(form: Requantizer, x: IntRange) -> tuple[IntRange, IntRange] | None:
    """Returns the ranges of what a form multiplies, and by what; None without a product."""
    match form:
        case MulShift():
            return x, form.multiplier_range
        case FloatScale():
            offset = IntRange(int(form.offset.min()), int(form.offset.max()))
            return x + offset, IntRange(int(form.multiplier.min()), int(form.multiplier.max()))
        case _:
            return None


def rows_of(form: Requantizer) -> int:
    """Returns how many rows of parameters a form has: 1 if all channels agree."""
    match form:
        case Shift():
            return max(form.bias.size, form.sign.size)
        case MulShift():
            return max(form.multiplier.size, form.bias.size)
        case FloatScale():
            return max(form.multiplier.size, form.offset.size)
        case Threshold():
            return max(form.thresholds.shape[0], form.sign.size)
        case Table():
            return form.entries.shape[0]

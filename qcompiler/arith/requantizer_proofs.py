"""Constructs hardware forms of a monotone function, each checked against all its switch points.

A monotone form that agrees at every switch point, just before it, and at both ends of the range
agrees on the whole range. Constructions return None where the form cannot hold the function.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from qcompiler.arith.arrays import FloatArray, IntArray, indices, one_row
from qcompiler.arith.line_fit import LineFit
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import (
    INT64_BITS,
    SIGNIFICAND_BITS,
    FloatScale,
    MulShift,
    Requantizer,
    Shift,
    Table,
    Threshold,
    entered_magnitude,
    first_rows,
)
from qcompiler.arith.scalar_evaluation import evaluate_at
from qcompiler.arith.scalar_function import Apply, Constant, Input, ScalarFunction
from qcompiler.arith.switch_points import SwitchPoints, enumerate_codes

TABLE_LIMIT = 2**16
"""Most entries of one table row."""

TABLES_LIMIT = 2**20
"""Most entries of all rows together."""

_NO_BOUND = 2**62
_CHECKED_CHANNELS = 64
_CHECKED_VALUES = 64


def agrees(form: Requantizer, points: SwitchPoints) -> bool:
    """Returns whether a form has the right code at every switch point and at the range's ends."""
    x, codes = _decisive(points)
    return bool((form.apply(x, channel_axis=0) == codes).all())


@lru_cache(maxsize=2)
def _decisive(points: SwitchPoints) -> tuple[IntArray, IntArray]:
    """Returns the accumulators that decide whether a form agrees, [C, 2 * K + 2], and their codes.

    Forms are tried one after the other on the same points, or on those widened to a clamp.
    """
    first, last = points.z_lo[:, None], points.z_hi[:, None]
    after = np.clip(points.thresholds, first, last)
    before = np.clip(points.thresholds - 1, first, last)
    x = np.concatenate([first, before, after, last], axis=1) * points.sign[:, None]
    return x, points.evaluate(x)


def check_some(form: Requantizer, function: ScalarFunction, x_lo: IntArray, x_hi: IntArray) -> None:
    """Compares a form that is proven by structure with its function, at random and at the ends.

    A guard against our own mistakes, not a proof.

    Args:
        form: rows as the function's channels.
        function: with C channels.
        x_lo: [C], smallest accumulator.
        x_hi: [C], largest accumulator.
    """
    some = slice(0, _CHECKED_CHANNELS)
    first, last = x_lo[some, None], x_hi[some, None]
    rng = np.random.default_rng(0)
    parts = rng.integers(0, 2**62, (first.size, _CHECKED_VALUES)).astype(object)
    width = last.astype(object) - first  # which may be wider than both ends
    inside = (first + (width * parts >> 62)).astype(first.dtype)
    x = np.concatenate([first, last, inside], axis=1)
    channel = indices(0, first.size)[:, None]
    wanted = evaluate_at(function, x, channel)
    got = first_rows(form, first.size).apply(x, channel_axis=0)
    assert np.array_equal(got, wanted), "a form proven by structure must equal its function"


def prove_shift(points: SwitchPoints, tie_parity: int | None = None) -> Shift | None:
    """Returns the function as a shift by the same amount in all channels, or None.

    Args:
        points: the function.
        tie_parity: use the tie fix, see `Shift`; None for a plain shift.
    """
    fit = _line_fit(points)
    ones = np.ones(points.channels, np.int64)
    widest = max(int(np.abs(points.x_lo).max()), int(np.abs(points.x_hi).max()), 1)
    largest_left = 0 if tie_parity is not None else 60 - widest.bit_length()
    smallest = 0 if tie_parity is None else 1
    # The busiest channel alone rules out nearly every amount.
    one = LineFit(_channel(points, int((~points.always & ~points.never).sum(axis=1).argmax())))
    for shift in [*range(smallest, fit.largest_shift() + 1), *range(-1, -largest_left - 1, -1)]:
        multiplier = ones << max(-shift, 0)
        right = max(shift, 0)
        if not one.may_be(1 << max(-shift, 0), right):
            continue
        if one.biases(multiplier[:1], right, tie_parity) is None:
            continue
        bias = fit.biases(multiplier, right, tie_parity)
        if bias is None:
            continue
        form = Shift(shift, one_row(bias), one_row(points.sign), points.lo, points.hi, tie_parity)
        return form if agrees(form, points) else None
    return None


@lru_cache(maxsize=1)
def _line_fit(points: SwitchPoints) -> LineFit:
    """Returns the fit of these points; the forms are tried one after the other on the same."""
    return LineFit(points)


def _channel(points: SwitchPoints, c: int) -> SwitchPoints:
    part = slice(c, c + 1)
    return SwitchPoints(
        points.lo,
        points.hi,
        points.thresholds[part],
        points.sign[part],
        points.x_lo[part],
        points.x_hi[part],
    )


def prove_mul_shift(
    points: SwitchPoints,
    tie_parity: int | None = None,
    *,
    shared: bool = False,
    at_most: int = 64,
) -> MulShift | None:
    """Returns the function as multiply, add, shift with the narrowest multipliers, or None.

    The shift is the smallest one that works for all channels, and each multiplier the smallest for
    that shift.

    Args:
        points: the function.
        tie_parity: use the tie fix, see `Shift`; None for a plain shift.
        shared: demand one multiplier for all channels (up to the sign of decreasing ones).
        at_most: largest shift to consider.
    """
    fit = _line_fit(points)
    shift = fit.smallest_shift(tie_parity, shared=shared, at_most=at_most)
    if shift is None:
        return None
    magnitude = fit.smallest_multipliers(shift, tie_parity, shared=shared)
    bias = None if magnitude is None else fit.biases(magnitude, shift, tie_parity)
    if magnitude is None or bias is None:
        return None
    multiplier = one_row(magnitude * points.sign)
    form = MulShift(multiplier, one_row(bias), shift, points.lo, points.hi, tie_parity)
    return form if agrees(form, points) else None


def prove_float_scale(function: ScalarFunction, points: SwitchPoints) -> FloatScale | None:
    """Returns a float32 multiplication, with onnxruntime's roundings, in integers, or None.

    Args:
        function: as for `float_scale_of`.
        points: its switch points.
    """
    x = IntRange(int(points.x_lo.min()), int(points.x_hi.max()))
    form = float_scale_of(function, x, IntRange(points.lo, points.hi))
    return form if form is not None and agrees(form, points) else None


def float_scale_of(function: ScalarFunction, x: IntRange, clamp: IntRange) -> FloatScale | None:
    """Returns a function that is written as a float32 multiplication as one in integers, or None.

    Args:
        function: an integer affine map, one multiplication, any number of cuts at zero, a quantizer
            of scale 1 that adds its zero point last.
        x: range of accumulators.
        clamp: where the form clamps.
    """
    factor = _float32_factor(function)
    entered = function.steps[0]
    zero_point = np.unique(function.quantizer.zero_point)
    if factor is None or not isinstance(entered, Input) or zero_point.size != 1:
        return None
    if (entered.multiplier != 1).any():
        return None
    cut = int(zero_point[0]) if len(function.steps) > 3 else clamp.lo
    if clamp.lo < max(function.quantizer.lo, cut) or clamp.hi > function.quantizer.hi:
        return None  # something else than the form clamps
    offset = np.atleast_1d(entered.offset)
    if entered_magnitude(x, offset) > 1 << SIGNIFICAND_BITS:
        return None
    mantissa, exponent = np.frexp(np.atleast_1d(factor))
    multiplier = (mantissa * 2.0**SIGNIFICAND_BITS).astype(np.int64)
    shifts = SIGNIFICAND_BITS - exponent.astype(np.int64)
    multiplier = multiplier << (shifts.max() - shifts)
    shift = int(shifts.max())
    spare = min((int(m) & -int(m)).bit_length() - 1 for m in multiplier.tolist())
    spare = min(spare, shift - 1)
    if shift < 1 or multiplier.min() <= 0 or shift - spare > 62:
        return None
    form = FloatScale(
        one_row(multiplier >> spare),
        one_row(offset),
        shift - spare,
        int(zero_point[0]),
        clamp.lo,
        clamp.hi,
    )
    return form if form.sum_range(x).width_bits <= INT64_BITS else None


def _float32_factor(function: ScalarFunction) -> FloatArray | None:
    """Returns the factor of the one multiplication that a function consists of, or None."""
    quantizer = function.quantizer
    plain = function.numerics == "onnxruntime" and quantizer.rounding == "half_even"
    added_last = quantizer.zero_point_after_rounding or not np.any(quantizer.zero_point)
    if not plain or not added_last or (quantizer.scale != 1).any():
        return None
    match function.steps:
        case (Input(), Constant() as factor, Apply("mul", (0, 1)), *cuts):
            only_cuts = all(isinstance(cut, Apply) and cut.op == "relu" for cut in cuts)
            return factor.value if only_cuts else None
        case _:
            return None


def prove_threshold(points: SwitchPoints) -> Threshold | None:
    """Returns the function as comparisons; always possible, None only if the check fails."""
    form = Threshold(_merged_thresholds(points), one_row(points.sign), points.lo)
    return form if agrees(form, points) else None


def _merged_thresholds(points: SwitchPoints) -> IntArray:
    """Returns thresholds [1, K] if one row can serve all channels, else [C, K].

    A level that a channel always or never has leaves it a choice of thresholds.
    """
    if points.channels == 1:
        return points.thresholds
    low: IntArray = np.where(points.always, -_NO_BOUND, points.thresholds).max(axis=0)
    high: IntArray = np.where(points.never, _NO_BOUND, points.thresholds).min(axis=0)
    if (low > high).any():
        return points.thresholds
    return np.where(low == -_NO_BOUND, high, low)[None, :]


def table_size(points: SwitchPoints) -> int:
    """Returns the number of entries of a table over the accumulators of all channels."""
    return int(points.x_hi.max() - points.x_lo.min()) + 1


def prove_table(points: SwitchPoints) -> Table | None:
    """Returns the function as a table, or None if it would exceed `TABLE_LIMIT` or `TABLES_LIMIT`.

    Entries outside a channel's own range repeat the code at the range's end.
    """
    size = table_size(points)
    if size > TABLE_LIMIT:
        return None
    merged = prove_threshold(points)
    x = indices(int(points.x_lo.min()), int(points.x_hi.max()) + 1)
    if merged is not None and merged.thresholds.shape[0] == 1 and merged.sign.shape[0] == 1:
        entries = merged.apply(x)[None, :]
    elif size * points.channels > TABLES_LIMIT:
        return None
    else:
        inside = np.clip(x[None, :], points.x_lo[:, None], points.x_hi[:, None])
        entries = points.evaluate(inside)
    form = Table(one_row(entries), int(x[0]))
    return form if agrees(form, points) else None


def tabulate(function: ScalarFunction, x_lo: IntArray | int, x_hi: IntArray | int) -> Table:
    """Returns any function, monotone or not, as the table of all its codes.

    Raises:
        ValueError: the range is too large to enumerate, or the function is undefined somewhere.
    """
    entries = enumerate_codes(function, x_lo, x_hi)
    return Table(one_row(entries), int(np.min(x_lo)))

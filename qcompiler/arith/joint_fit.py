"""Finds small integer arithmetic that equals a function of several integers.

Where there are few pairs, every pair is compared. Else an exact sum is rounded with an error that
is smaller than the distance between different sums: no enumeration, however wide the operands.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qcompiler.arith.arrays import IntArray, indices
from qcompiler.arith.joint_function import IntMap, JointFunction
from qcompiler.arith.joint_sum import JointFit, fit_sum, scaled
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import Shift, Table, rows_of
from qcompiler.arith.scalar_evaluation import evaluate_at
from qcompiler.arith.scalar_function import ScalarFunction

PAIRS_LIMIT = 2**20
"""Most pairs of operands that are tried one by one."""

_LARGEST_SHIFT = 34
_SOME = 61
"""One pair in so many is looked at first: nearly all multipliers fail there already."""
_NEIGHBOURS = ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1))


def fit(
    function: JointFunction, ranges: Sequence[IntRange], clamp: IntRange | None = None
) -> JointFit | None:
    """Returns multipliers and a shift that give all operands their code.

    The narrowest that give every pair its code, where pairs can be checked one by one; else, for a
    sum of exact numbers, those that are near enough by proof.

    Args:
        function: a sum of two operands, the same for all channels.
        ranges: of the operands.
        clamp: where the shift clamps, if not at the codes that are reached.

    Returns:
        None for other functions, and where no such form exists.
    """
    size = int(np.prod([r.size for r in ranges], dtype=object))
    if function.kind != "sum" or isinstance(function.tail, Table):
        return None
    if len(ranges) == 2 and size <= PAIRS_LIMIT and function.gain is not None:
        found = _fit_pairs(function, ranges, clamp) if _uniform(function) else None
        if found is not None:
            return found
    return fit_sum(function, ranges, clamp) if size > PAIRS_LIMIT else None


def _fit_pairs(
    function: JointFunction, ranges: Sequence[IntRange], clamp: IntRange | None
) -> JointFit | None:
    tail, gain = function.tail, function.gain
    assert isinstance(tail, ScalarFunction), "the caller looked"
    assert gain is not None, "the caller looked"
    a, b = (indices(r.lo, r.hi + 1) for r in ranges)
    pairs = np.repeat(a, len(b)), np.tile(b, len(a))
    codes = evaluate_at(tail, function.combine(pairs), np.zeros(1, np.int64))
    slopes = [_slope(m, r) * gain for m, r in zip(function.maps, ranges, strict=True)]
    lo, hi = int(codes.min()), int(codes.max())
    if clamp is not None:
        lo, hi = min(lo, clamp.lo), max(hi, clamp.hi)
    some = tuple(np.ascontiguousarray(side[::_SOME]) for side in (*pairs, codes))
    for shift in range(_LARGEST_SHIFT):
        near = [round(slope * 2.0**shift) for slope in slopes]
        for da, db in _NEIGHBOURS:
            multipliers = near[0] + da, near[1] + db
            if _biases(_sums(some, multipliers), shift, some[2], lo, hi) is None:
                continue
            form = _shift(_sums(pairs, multipliers), shift, codes, lo, hi)
            if form is not None:
                return JointFit(tuple(scaled([m]) for m in multipliers), form)
    return None


def _uniform(function: JointFunction) -> bool:
    return (
        isinstance(function.tail, ScalarFunction)
        and function.tail.uniform
        and all(rows_of(map_) == 1 for map_ in function.maps)
    )


def _slope(map_: IntMap, x: IntRange) -> float:
    ends = map_.apply(np.array([x.lo, x.hi]))
    return float(ends[1] - ends[0]) / max(x.hi - x.lo, 1)


def _sums(pairs: Sequence[IntArray], multipliers: tuple[int, int]) -> IntArray:
    return pairs[0] * multipliers[0] + pairs[1] * multipliers[1]


def _biases(
    sums: IntArray, shift: int, codes: IntArray, lo: int, hi: int
) -> tuple[int, int] | None:
    """Returns the least and the most bias that give every sum its code; None if no shift does.

    A code y < hi demands sum + bias < (y + 1) * 2**shift; one y > lo, sum + bias >= y * 2**shift.
    Where the least is one above the most, only exact ties are in the way.
    """
    rising = (codes << shift) - sums
    least = int(rising[codes > lo].max(initial=-(2**62)))
    most = int(rising[codes < hi].min(initial=2**62)) + (1 << shift) - 1
    return None if least - most > (1 if shift else 0) else (least, most)


def _shift(sums: IntArray, shift: int, codes: IntArray, lo: int, hi: int) -> Shift | None:
    """Returns the shift with a bias that gives every sum its code, or None."""
    found = _biases(sums, shift, codes, lo, hi)
    if found is None:
        return None
    least, most = found
    if least <= most:
        bias = least if most == 2**62 + (1 << shift) - 1 else most if least == -(2**62) else None
        middle = (least + most) // 2 if bias is None else bias
        # Half of a step is what people expect to read; take it where it is allowed.
        half = 1 << shift >> 1
        return _checked(sums, half if least <= half <= most else middle, shift, codes, lo, hi, None)
    for parity in (0, 1):
        found = _checked(sums, least, shift, codes, lo, hi, parity)
        if found is not None:
            return found
    return None


def _checked(
    sums: IntArray, bias: int, shift: int, codes: IntArray, lo: int, hi: int, parity: int | None
) -> Shift | None:
    form = Shift(shift, np.array([bias]), np.array([1]), lo, hi, parity)
    return form if bool((form.apply(sums) == codes).all()) else None

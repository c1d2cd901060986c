"""Chooses the cheapest hardware form that is proven equal to a scalar function."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Literal

import numpy as np
from msgspec import Struct

from qcompiler.arith.arrays import IntArray, per_channel
from qcompiler.arith.exact_fit import Channel, channel_of, forms_of
from qcompiler.arith.exact_lines import NotALineError, code_line
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizer_cost import DEFAULT_COST_MODEL, FormCost
from qcompiler.arith.requantizer_proofs import (
    TABLE_LIMIT,
    TABLES_LIMIT,
    check_some,
    float_scale_of,
    prove_float_scale,
    prove_mul_shift,
    prove_shift,
    prove_table,
    prove_threshold,
    table_size,
    tabulate,
)
from qcompiler.arith.requantizers import Requantizer, Shift
from qcompiler.arith.scalar_evaluation import evaluate
from qcompiler.arith.scalar_function import ScalarFunction
from qcompiler.arith.switch_points import (
    LARGEST_ACCUMULATOR,
    SwitchPoints,
    find_switch_points,
)
from qcompiler.arith.trends import UNKNOWN

FormName = Literal["shift", "mul_shift", "float_scale", "threshold", "table"]
LEVELS_LIMIT = 4095
"""Most steps of one channel that are looked at one by one; a comparison each would be too many."""

FEW_LEVELS = 255
"""From more steps on, a line is looked for before steps are."""

STEPS_LIMIT = 2**21
"""Most steps of all channels; it bounds memory, some 20 arrays of int64."""

ALL_FORMS: tuple[FormName, ...] = ("shift", "mul_shift", "float_scale", "threshold", "table")


class WideFunctionError(ValueError):
    """A function of wide integers to wide codes has no form that hardware can hold."""


class Candidate(Struct, frozen=True, eq=False):
    """One form that was considered.

    Attributes:
        name: kind of the form.
        variant: what distinguishes it from others of its kind, for people; may be empty.
        form: the proven form, or None.
        cost: area in look-up tables, if there is a form.
        reason: why there is no form, for people; empty if there is one.
    """

    name: FormName
    variant: str
    form: Requantizer | None
    cost: float | None
    reason: str


class Selection(Struct, frozen=True, eq=False):
    """A decision and what it was made from.

    Attributes:
        name: kind of the chosen form.
        form: the cheapest proven form.
        cost: its area in look-up tables.
        candidates: all that were considered, in the order tried; the chosen one among them.
    """

    name: FormName
    form: Requantizer
    cost: float
    candidates: tuple[Candidate, ...]


_CLAMPING: tuple[FormName, ...] = ("shift", "mul_shift", "float_scale")


def select(
    function: ScalarFunction,
    x_lo: IntArray | int,
    x_hi: IntArray | int,
    *,
    forms: tuple[FormName, ...] = ALL_FORMS,
    lanes: int = 1,
    model: FormCost = DEFAULT_COST_MODEL,
    clamp: IntRange | None = None,
) -> Selection:
    """Returns the cheapest form proven equal to a function on an accumulator range.

    Args:
        function: with C channels.
        x_lo: smallest accumulator, a scalar or per channel [C].
        x_hi: largest accumulator, a scalar or per channel [C].
        forms: kinds to consider.
        lanes: channels computed side by side.
        model: says what a form takes.
        clamp: where forms that clamp do so, if not at the codes that are reached.

    Raises:
        ValueError: no form is feasible, or as `find_switch_points`.
    """
    if is_wide(function, x_lo, x_hi):
        return _select_wide(function, x_lo, x_hi, forms, lanes, model, clamp)
    if function.numerics == "exact" and _levels(function, x_lo, x_hi) > FEW_LEVELS:
        lines: tuple[FormName, ...] = tuple(name for name in forms if name != "table")
        try:
            return _select_wide(function, x_lo, x_hi, lines, lanes, model, clamp)
        except WideFunctionError:  # no line: its steps are not too many to be looked at
            pass
    points = find_switch_points(function, x_lo, x_hi)
    if points is not None:
        return select_for_points(
            points, forms=forms, lanes=lanes, model=model, function=function, clamp=clamp
        )
    x = IntRange(int(np.min(x_lo)), int(np.max(x_hi)))
    why = "the function is not monotone"
    tried = [Candidate(name, "", None, None, why) for name in forms if name != "table"]
    if "table" in forms:
        table = tabulate(function, x_lo, x_hi)
        tried.append(Candidate("table", "", table, model.cost(table, x, lanes), ""))
    return _cheapest(tried)


def spread(
    found: Selection,
    rows: Callable[[Requantizer], Requantizer],
    x: IntRange,
    lanes: int = 1,
    model: FormCost = DEFAULT_COST_MODEL,
) -> Selection:
    """Returns a decision for channels of which several are alike.

    Args:
        found: the decision for one channel of each kind.
        rows: makes a form of all channels of one of all kinds; ValueError if it is too large.
        x: accumulators that enter.
        lanes: channels computed side by side.
        model: says what a form takes.

    Raises:
        ValueError: no form is feasible.
    """
    tried: list[Candidate] = []
    for one in found.candidates:
        if one.form is None:
            tried.append(one)
            continue
        try:
            form = rows(one.form)
        except ValueError as error:
            tried.append(Candidate(one.name, one.variant, None, None, str(error)))
            continue
        tried.append(Candidate(one.name, one.variant, form, model.cost(form, x, lanes), ""))
    return _cheapest(tried)


def is_wide(function: ScalarFunction, x_lo: IntArray | int, x_hi: IntArray | int) -> bool:
    """Returns whether a function has too many steps, or accumulators, to look at each of them."""
    first, last = int(np.min(x_lo)), int(np.max(x_hi))
    levels = _levels(function, x_lo, x_hi)
    most = levels * function.channels
    return levels > LEVELS_LIMIT or most > STEPS_LIMIT or max(-first, last) > LARGEST_ACCUMULATOR


def _levels(function: ScalarFunction, x_lo: IntArray | int, x_hi: IntArray | int) -> int:
    """Returns how many steps a channel has at most."""
    reach = int(np.max(x_hi)) - int(np.min(x_lo))
    return min(function.quantizer.hi - function.quantizer.lo, reach)


def _select_wide(
    function: ScalarFunction,
    x_lo: IntArray | int,
    x_hi: IntArray | int,
    forms: tuple[FormName, ...],
    lanes: int,
    model: FormCost,
    clamp: IntRange | None,
) -> Selection:
    """Returns the cheapest form that follows from how a function is written, not from its steps."""
    lo, hi = per_channel(x_lo, function.channels), per_channel(x_hi, function.channels)
    x = IntRange(int(lo.min()), int(hi.max()))
    if function.uniform:
        function, lo, hi = function.of_channel(0), lo.min(keepdims=True), hi.max(keepdims=True)
    if clamp is None:
        clamp = _reached(function, lo, hi)
    tried: list[Candidate] = []
    for name, variant, form in _wide_forms(function, lo, hi, clamp):
        if name in forms:
            tried.append(Candidate(name, variant, form, model.cost(form, x, lanes), ""))
    rows = 1 if function.uniform else function.channels
    if "table" in forms and x.size <= TABLE_LIMIT and x.size * rows <= TABLES_LIMIT:
        table = tabulate(function, lo, hi)
        tried.append(Candidate("table", "", table, model.cost(table, x, lanes), ""))
    levels = _levels(function, lo, hi)
    if not tried and levels <= LEVELS_LIMIT and levels * function.channels > STEPS_LIMIT:
        raise ValueError(
            f"{function.channels} channels with parameters of their own have up to {levels} steps "
            f"each, at most {STEPS_LIMIT} in all allowed where the function is no multiplication"
        )
    if not tried:
        raise WideFunctionError(
            f"codes of {clamp.width_bits} bits from integers of {x.width_bits} bits take one "
            f"multiplication, and this function is none; one with more than {LEVELS_LIMIT} steps "
            f"is looked up in a table, of at most {TABLE_LIMIT} entries"
        )
    return _cheapest(tried)


def _reached(function: ScalarFunction, lo: IntArray, hi: IntArray) -> IntRange:
    """Returns the codes that a monotone function reaches; all that its quantizer has, else."""
    if (function.direction == UNKNOWN).any():
        return IntRange(function.quantizer.lo, function.quantizer.hi)
    ends = evaluate(function, np.stack([lo, hi], axis=1))
    return IntRange(int(ends.min()), int(ends.max()))


def _wide_forms(
    function: ScalarFunction, lo: IntArray, hi: IntArray, clamp: IntRange
) -> Iterator[tuple[FormName, str, Requantizer]]:
    x = IntRange(int(lo.min()), int(hi.max()))
    scale = float_scale_of(function, x, clamp)
    if scale is not None:
        yield "float_scale", "", scale
    channels: list[Channel] = []
    reach = max(-x.lo, x.hi)
    for c, (first, last) in enumerate(zip(lo.tolist(), hi.tolist(), strict=True)):
        try:
            channel = channel_of(code_line(function, c, reach), first, last, clamp)
        except NotALineError:
            return
        if channel is None:
            return
        channels.append(channel)
    for variant, form in forms_of(channels, x, clamp):
        check_some(form, function, lo, hi)
        yield "shift" if isinstance(form, Shift) else "mul_shift", variant, form


def select_for_points(
    points: SwitchPoints,
    *,
    forms: tuple[FormName, ...] = ALL_FORMS,
    lanes: int = 1,
    model: FormCost = DEFAULT_COST_MODEL,
    function: ScalarFunction | None = None,
    clamp: IntRange | None = None,
) -> Selection:
    """Returns the cheapest form proven equal to a monotone function; arguments as in `select`.

    Without `function` only what follows from the switch points is tried.

    Raises:
        ValueError: no form is feasible.
    """
    x = IntRange(int(points.x_lo.min()), int(points.x_hi.max()))
    clamped = points if clamp is None else points.widened(clamp.lo, clamp.hi)
    tried: list[Candidate] = []
    for name in ALL_FORMS:
        if name not in forms:
            continue
        if name == "float_scale":
            if function is not None:
                tried.append(_float_scale(function, clamped, x, lanes, model))
            continue
        if name == "mul_shift" and any(done.form is not None for done in tried):
            # A shift is a multiplication by one: same adder and clamp, no multiplier.
            tried.append(Candidate(name, "", None, None, "a shift suffices"))
            continue
        for variant, form in _ATTEMPTS[name](clamped if name in _CLAMPING else points):
            cost = None if form is None else model.cost(form, x, lanes)
            reason = _reason(name, points) if form is None else ""
            tried.append(Candidate(name, variant, form, cost, reason))
    return _cheapest(tried)


def _float_scale(
    function: ScalarFunction, points: SwitchPoints, x: IntRange, lanes: int, model: FormCost
) -> Candidate:
    form = prove_float_scale(function, points)
    if form is None:
        why = "the function is not one float32 multiplication of at most 24 bits"
        return Candidate("float_scale", "", None, None, why)
    return Candidate("float_scale", "", form, model.cost(form, x, lanes), "")


Attempts = Iterator[tuple[str, Requantizer | None]]
"""Variants of one kind of form and what came of them."""


def _shifts(points: SwitchPoints) -> Attempts:
    plain = prove_shift(points)
    yield "plain", plain
    if plain is None:
        for parity, variant in enumerate(("ties to even", "ties to odd")):
            yield variant, prove_shift(points, parity)


def _mul_shifts(points: SwitchPoints) -> Attempts:
    # A tie fix only pays if it narrows the multiplier, by more bits than it costs itself.
    at_most = 64
    for parity, ties in ((None, "plain"), (0, "ties to even"), (1, "ties to odd")):
        form = prove_mul_shift(points, parity, at_most=at_most)
        yield ties, form
        at_most = at_most if form is None else min(at_most, form.shift - 2)
        if form is not None and form.multiplier.shape[0] > 1 and bool((points.sign == 1).all()):
            yield f"{ties}, one multiplier", prove_mul_shift(points, parity, shared=True)


def _thresholds(points: SwitchPoints) -> Attempts:
    yield "", prove_threshold(points)


def _tables(points: SwitchPoints) -> Attempts:
    yield "", prove_table(points)


_ATTEMPTS: dict[FormName, Callable[[SwitchPoints], Attempts]] = {
    "shift": _shifts,
    "mul_shift": _mul_shifts,
    "threshold": _thresholds,
    "table": _tables,
}


def equal_forms(
    points: SwitchPoints, names: Collection[FormName], clamp: IntRange
) -> Iterator[Requantizer]:
    """Yields forms of these kinds that are proven equal to a function, all that are feasible.

    Args:
        points: of the function.
        names: kinds that are wanted; of `float_scale`, which needs more than codes, there is none.
        clamp: the codes that a result may be.
    """
    clamped = points.widened(clamp.lo, clamp.hi)
    for name in names:
        if name in _ATTEMPTS:
            tried = _ATTEMPTS[name](clamped if name in _CLAMPING else points)
            yield from (form for _, form in tried if form is not None)


def _reason(name: FormName, points: SwitchPoints) -> str:
    if name == "table":
        return (
            f"{table_size(points)} accumulators and {points.channels} channels exceed a table's "
            f"limits of {TABLE_LIMIT} entries a channel and {TABLES_LIMIT} in all"
        )
    if name == "shift":
        return "the switch points are no power of two apart, or differently in some channels"
    return "no line within 64 bits takes every step at its switch point, or only with more bits"


def _cheapest(tried: list[Candidate]) -> Selection:
    best: Selection | None = None
    for candidate in tried:
        if candidate.form is None or candidate.cost is None:
            continue
        if best is None or candidate.cost < best.cost:
            best = Selection(candidate.name, candidate.form, candidate.cost, tuple(tried))
    if best is None:
        said = dict.fromkeys(f"{candidate.name}: {candidate.reason}" for candidate in tried)
        reasons = "; ".join(said)
        raise ValueError(f"no requantizer is feasible ({reasons}); allow another form")
    return best

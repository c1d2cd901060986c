"""Why a requantizer has the form that it has: what the other forms of its function would take.

`select-requantizer` keeps its decision only. A form is exact, so its codes tell the function again;
the others are tried on that, as the pass did. One of them needs more than codes: whether a float32
multiplication computes them is known of the form that was chosen only.
"""

from collections.abc import Iterator

import numpy as np
from msgspec import Struct

from qcompiler.analysis.channel_ranges import channel_ranges
from qcompiler.arith.arrays import IntArray
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizer_cost import DEFAULT_COST_MODEL, FormCost
from qcompiler.arith.requantizer_selection import (
    ALL_FORMS,
    Candidate,
    FormName,
    equal_forms,
    select_for_points,
)
from qcompiler.arith.requantizers import (
    FloatScale,
    MulShift,
    Requantizer,
    Shift,
    Table,
    Threshold,
    rows_of,
)
from qcompiler.arith.switch_points import SwitchPoints, switch_points_of
from qcompiler.dialects import qint

_LANES = 4
"""As select-requantizer assumes without a device."""
_NAMES: dict[type[Requantizer], FormName] = {
    Shift: "shift", MulShift: "mul_shift", FloatScale: "float_scale", Threshold: "threshold",
    Table: "table",
}  # fmt: skip


class Choice(Struct, frozen=True):
    """A requantizer's form beside the others.

    Attributes:
        name: kind of the form.
        words: the form in words.
        cost: its area as select-requantizer estimates it, in look-up tables.
        others: of each other kind the cheapest that is feasible, or the reason why none is.
    """

    name: FormName
    words: str
    cost: float
    others: tuple[Candidate, ...]


def reconsider(
    op: qint.RequantizerOp, model: FormCost = DEFAULT_COST_MODEL, lanes: int = _LANES
) -> Choice:
    """Returns the form of a requantizer on tensors, beside the others of its function.

    Args:
        op: what was chosen.
        model: what forms were ranked by.
        lanes: side by side.
    """
    form = op.requantizer
    axis = op.channel_axis
    x_lo, x_hi = channel_ranges(op.input, -1 if axis is None else axis)
    if rows_of(form) == 1 and bool((x_lo == x_lo[0]).all() and (x_hi == x_hi[0]).all()):
        x_lo, x_hi = x_lo[:1], x_hi[:1]  # one function, however many channels
    x = IntRange(int(x_lo.min()), int(x_hi.max()))
    name = _NAMES[type(form)]
    points = _points(form, x_lo, x_hi)
    if points is None:
        why = "the function is not monotone"
        tried = [Candidate(other, "", None, None, why) for other in ALL_FORMS]
    else:
        tried = _tried(points, op.range, model, lanes)
    others: dict[FormName, Candidate] = {}
    for candidate in sorted(tried, key=_rank):
        if candidate.name != name:
            others.setdefault(candidate.name, candidate)
    cost = model.cost(form, x, lanes)
    return Choice(name, describe(form), cost, tuple(others.values()))


def other_forms(op: qint.RequantizerOp, x: IntRange) -> Iterator[Requantizer]:
    """Yields forms of other kinds that are equal to an operation's wherever accumulators lie.

    Nothing is less than a shift; what is a float32 multiplication is told by no codes.

    Args:
        op: on a scalar.
        x: accumulators that it may get.
    """
    form = op.requantizer
    if isinstance(form, Shift | FloatScale):
        return
    ends = (np.full(rows_of(form), end, np.int64) for end in (x.lo, x.hi))
    points = _points(form, *ends)
    if points is not None:
        own = _NAMES[type(form)]
        others: list[FormName] = [name for name in ALL_FORMS if name not in ("shift", own)]
        yield from equal_forms(points, others, op.range)


def _rank(candidate: Candidate) -> float:
    return float("inf") if candidate.cost is None else candidate.cost


def _tried(points: SwitchPoints, clamp: IntRange, model: FormCost, lanes: int) -> list[Candidate]:
    try:
        return list(select_for_points(points, lanes=lanes, model=model, clamp=clamp).candidates)
    except ValueError:  # only the chosen form is feasible: a float32 multiplication
        return []


def _points(form: Requantizer, x_lo: IntArray, x_hi: IntArray) -> SwitchPoints | None:
    """Returns the switch points of a form, None if its function is not monotone."""
    if isinstance(form, Table):
        steps = np.diff(form.entries, axis=1)
        rises, falls = (steps >= 0).all(axis=1), (steps <= 0).all(axis=1)
        if not bool((rises | falls).all()):
            return None
        sign = np.where(rises, 1, -1)
    elif isinstance(form, MulShift):
        sign = np.where(form.multiplier < 0, -1, 1)
    else:
        sign = np.ones(1, np.int64) if isinstance(form, FloatScale) else form.sign
    signs = np.broadcast_to(sign.astype(np.int64), x_lo.shape)
    return switch_points_of(lambda x: form.apply(x, 0), signs, x_lo, x_hi)


def describe(form: Requantizer) -> str:
    """Returns a form in words: formula and sizes."""
    match form:
        case Shift():
            words = f"clamp((x + bias) >> {form.shift}), no multiplier"
        case MulShift():
            bits = form.multiplier_range.width_bits
            words = f"clamp((x * multiplier + bias) >> {form.shift}), multipliers of {bits} bits"
        case FloatScale():
            bits = int(form.multiplier.max()).bit_length()
            words = f"a float32 multiplication in integers, multipliers of {bits} bits"
        case Threshold():
            words = f"{form.thresholds.shape[1]} comparisons counted"
        case Table():
            words = f"{form.entries.shape[1]} entries"
    tie = None if isinstance(form, FloatScale | Threshold | Table) else form.tie_parity
    ties = "" if tie is None else f"; ties to {'odd' if tie else 'even'}"
    rows = rows_of(form)
    each = "; one for all channels" if rows == 1 else f"; {rows} channels have their own"
    return words + ties + each

"""Which requantizer a neuron of a pipeline gets: the one with fewest look-up tables.

A neuron is a code of a sum of scalars. Its form may be a line whose multiplier has few digits,
comparisons with constants, or a table of the sum. All are proven to be the same function: its steps
are found at the sums themselves, exactly.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec import Struct

from qcompiler.adder_graphs.cost import AdderCost, function_luts, width
from qcompiler.adder_graphs.rescale import Rescale, comparisons, rescales
from qcompiler.arith.arrays import IntArray, integers
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import (
    Requantizer,
    Shift,
    Table,
    Threshold,
    chosen_rows,
    rows_of,
)
from qcompiler.arith.switch_points import SwitchPoints
from qcompiler.passes.beat_forms import Form

_MOST_LEVELS = 256
_MOST_ENTRIES = 256

Function = Callable[[IntArray], IntArray]
"""Codes of sums, any shape."""


class Neuron(Struct, frozen=True, eq=False):
    """A code of a sum: `form(scalars @ column + bias)`.

    Attributes:
        column: coefficients of the scalars, [S].
        bias: added to the sum.
        form: of one row, without a bias or sign of its own.
    """

    column: IntArray
    bias: int
    form: Requantizer

    def sums(self, low: IntArray, high: IntArray) -> IntRange:
        """Returns the range of the sum, for scalars from `low` to `high`, [S] each."""
        one, other = self.column * low, self.column * high
        ends = np.minimum(one, other).sum(), np.maximum(one, other).sum()
        return IntRange(*(int(end) + self.bias for end in ends))


def neurons(
    entered: Form, form: Requantizer, low: IntArray, high: IntArray, cost: AdderCost
) -> list[Neuron]:
    """Returns each element's cheapest form.

    Args:
        entered: the sums, of S scalars.
        form: what is done with these, one row or one for each element.
        low: smallest integer of each scalar, [S].
        high: largest.
        cost: of adders and tables.
    """
    found: list[Neuron] = []
    for at, bias in enumerate(entered.bias.tolist()):
        row = chosen_rows(form, [at]) if rows_of(form) > 1 else form
        found.append(_cheapest(Neuron(entered.matrix[:, at], bias, row), low, high, cost))
    return found


def _cheapest(given: Neuron, low: IntArray, high: IntArray, cost: AdderCost) -> Neuron:
    factor = int(np.gcd.reduce(given.column))
    base = given.column // factor
    ends = Neuron(base, 0, given.form).sums(low, high)

    def code(sums: IntArray) -> IntArray:
        return given.form.apply((sums * factor + given.bias)[..., None])[..., 0]

    if isinstance(given.form, Table):
        codes = code(np.arange(ends.lo, ends.hi + 1, dtype=np.int64))
        if (np.diff(codes) < 0).any():
            if (np.diff(codes) > 0).any():
                return given
            last = given.form.x_lo + given.form.entries.shape[1] - 1
            mirrored = Table(given.form.entries[:, ::-1], -last)
            return _cheapest(Neuron(-given.column, -given.bias, mirrored), low, high, cost)
    points = _steps(code, ends)
    return given if points is None else _chosen(given, factor, points, low, high, cost)


def _chosen(
    given: Neuron,
    factor: int,
    points: SwitchPoints,
    low: IntArray,
    high: IntArray,
    cost: AdderCost,
) -> Neuron:
    """Returns the cheapest form of a neuron whose steps are known."""
    ends = IntRange(int(points.x_lo[0]), int(points.x_hi[0]))
    # Sums of bits are cheapest as counts, from zero on.
    offset = -ends.lo if (high - low)[given.column != 0].max(initial=0) == 1 else 0
    base = given.column // factor
    forms: list[tuple[int, Neuron]] = []
    if (line := _line_of(given, factor, ends)) is not None:
        forms.append((_line_luts(line, cost), given))
    # A line whose multiplier is wires is hardly beaten by another one.
    if not forms or factor & (factor - 1):
        lines = rescales(points, 0)
        forms += [(_line_luts(line, cost), _neuron_of(base, line)) for line in lines]
    compared = Threshold(points.thresholds + offset, integers([1]), points.lo)
    forms.append((comparisons(points, 0).luts(cost), Neuron(base, offset, compared)))
    if ends.size <= _MOST_ENTRIES:
        entries = points.evaluate(np.arange(ends.lo, ends.hi + 1, dtype=np.int64)[None])
        neuron = Neuron(base, offset, Table(entries, ends.lo + offset))
        forms.append((_table_luts(entries[0], ends.lo + offset, cost), neuron))
    return min(forms, key=lambda form: form[0])[1]


def _steps(code: Function, ends: IntRange) -> SwitchPoints | None:
    """Returns the steps of a rising function; None if there are very many."""
    lo, hi = code(integers([ends.lo, ends.hi])).tolist()
    if not 0 < hi - lo <= _MOST_LEVELS:
        return None
    levels = np.arange(lo + 1, hi + 1, dtype=np.int64)
    below, at = np.full(len(levels), ends.lo), np.full(len(levels), ends.hi)
    while (at - below > 1).any():
        middle = (below + at) >> 1
        reached = code(middle) >= levels
        below, at = np.where(reached, below, middle), np.where(reached, middle, at)
    each = (integers([end]) for end in (ends.lo, ends.hi))
    return SwitchPoints(lo, hi, at[None], integers([1]), *each)


def _line_of(given: Neuron, factor: int, ends: IntRange) -> Rescale | None:
    """Returns the form that a neuron has as a line of its sum without the common factor."""
    form = given.form
    if not isinstance(form, Shift) or form.tie_width:
        return None
    inside, left = divmod(given.bias, factor)
    before, bias = (inside, 0) if not left else (0, given.bias)
    sums = IntRange(*((end + before) * factor + bias for end in (ends.lo, ends.hi)))
    shift = form.shift
    return Rescale(0, before, factor, bias, shift, form.lo, form.hi, sums, form.tie_parity)


def _line_luts(line: Rescale, cost: AdderCost) -> int:
    """Returns the tables of a line, and of what is added before it."""
    bits = width(line.sums.lo, line.sums.hi)
    zeros = (line.before & -line.before).bit_length() - 1
    added = cost.adder(max(bits - zeros, 0)) if line.before else 0
    return line.luts(cost) + added


def _neuron_of(base: IntArray, line: Rescale) -> Neuron:
    zero, one = integers([0]), integers([1])
    form = Shift(line.shift, zero, one, line.lo, line.hi, line.tie_parity)
    bias = line.before * line.multiplier + line.bias
    return Neuron(base * line.multiplier, bias, form)


def _table_luts(codes: IntArray, first: int, cost: AdderCost) -> int:
    """Returns the tables of a table of sums from `first` on, addressed by their bits."""
    last = first + len(codes) - 1
    bits = width(first, last)
    sums = np.arange(1 << bits, dtype=np.int64)
    if first < 0:
        sums = np.where(sums >> (bits - 1), sums - (1 << bits), sums)
    return function_luts(codes[np.clip(sums, first, last) - first], cost)


Key = tuple[object, ...]


def grouped(
    found: list[Neuron], low: IntArray, high: IntArray
) -> list[tuple[list[int], Requantizer]]:
    """Returns groups of neurons, by number, each with one requantizer that has a row for each.

    Args:
        found: the neurons.
        low: smallest integer of each scalar, [S].
        high: largest.
    """
    groups: dict[Key, list[int]] = {}
    for at, neuron in enumerate(found):
        groups.setdefault(_kind(neuron.form), []).append(at)
    made: list[tuple[list[int], Requantizer]] = []
    for group in groups.values():
        forms = [found[at].form for at in group]
        sums = [found[at].sums(low, high) for at in group]
        made.append((group, _together(forms, sums)))
    return made


def _kind(form: Requantizer) -> Key:
    if isinstance(form, Shift):
        return Shift, form.shift, form.lo, form.hi, form.tie_parity, form.tie_width
    return (type(form),)


def _together(forms: list[Requantizer], sums: list[IntRange]) -> Requantizer:
    """Returns one form with a row for each of some that are of one kind."""
    match forms[0]:
        case Threshold():
            return _thresholds([form for form in forms if isinstance(form, Threshold)], sums)
        case Table():
            return _tables([form for form in forms if isinstance(form, Table)])
        case _:
            return forms[0]


def _thresholds(forms: list[Threshold], sums: list[IntRange]) -> Threshold:
    """Returns thresholds from the lowest code on, those that a row lacks never or always reached."""
    lo = min(form.lo for form in forms)
    hi = max(form.lo + form.thresholds.shape[1] for form in forms)
    rows: list[IntArray] = []
    for form, ends in zip(forms, sums, strict=True):
        more = form.lo - lo, hi - form.lo - form.thresholds.shape[1]
        rows.append(np.pad(form.thresholds[0], more, constant_values=(ends.lo, ends.hi + 1)))
    return Threshold(np.array(rows, np.int64), integers([1]), lo)


def covering(form: Requantizer, sums: IntRange) -> Requantizer:
    """Returns a form that is defined for all integers of a vector's type.

    Sums of one element may have fewer than the type of all: a table's last entries stand for what
    does not occur.
    """
    if not isinstance(form, Table):
        return form
    last = form.x_lo + form.entries.shape[1] - 1
    more = max(form.x_lo - sums.lo, 0), max(sums.hi - last, 0)
    return Table(np.pad(form.entries, ((0, 0), more), mode="edge"), form.x_lo - more[0])


def _tables(forms: list[Table]) -> Table:
    first = min(form.x_lo for form in forms)
    last = max(form.x_lo + form.entries.shape[1] for form in forms)
    rows: list[IntArray] = []
    for form in forms:
        more = form.x_lo - first, last - form.x_lo - form.entries.shape[1]
        rows.append(np.pad(form.entries[0], more, mode="edge"))
    return Table(np.array(rows, np.int64), first)

"""What the form of a requantizer takes of a device: its hardware is built and counted.

As for whole designs, but before the network is folded: lanes are assumed, and there are no pipeline
registers. What a DSP or a block memory is worth in look-up tables follows from how many the device
has of each.
"""

from functools import cached_property

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from qcompiler.analysis.area.count import Estimator
from qcompiler.analysis.area.estimate import Area, area_of
from qcompiler.analysis.area.prices import price, prices
from qcompiler.analysis.area.turns import cheapest_turns
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import (
    Requantizer,
    Table,
    Threshold,
    arrays_of,
    factors_of,
    rows_of,
    with_rows,
)
from qcompiler.arith.turns import ONCE, Turns
from qcompiler.devices import Device, load_device
from qcompiler.devices.families import FAMILIES
from qcompiler.devices.family import Family
from qcompiler.rtl.blocks.requantize import build_requantize
from qcompiler.rtl.blocks.requantizer_lane import RequantizeConfig
from qcompiler.rtl.streaming import Library

_COUNTED_LEVELS = 16
"""Comparisons of a lane that are built and counted; more of them take in proportion."""

_COUNTED_LANES = 4
"""The same of lanes."""


class DeviceCost(Struct, frozen=True, dict=True):
    """Ranks forms by what they take of a device.

    Attributes:
        device: the part.
        cycles: that a beat may take: products are made in turns where that is cheaper.
    """

    device: Device
    cycles: int = 1

    @staticmethod
    def of(device: str) -> "DeviceCost":
        """Returns the cost on the device that is called so."""
        return DeviceCost(load_device(device))

    @cached_property
    def _prices(self) -> dict[str, float]:
        return prices(self.device)

    @cached_property
    def _rules(self) -> Family:
        family = FAMILIES[self.device.family]
        return family if self.device.dsp else family.without_multipliers()

    def cost(self, form: Requantizer, x: IntRange, lanes: int = 1) -> float:
        """Returns the area of a form with `lanes` lanes, in look-up tables of the device.

        Args:
            form: what to build.
            x: accumulators that enter.
            lanes: elements computed side by side, at least 1; they need not divide the channels.
        """
        taken = price(self._area(form, x, lanes), self._prices)
        return taken / self._prices["LUT"]

    def _area(self, form: Requantizer, x: IntRange, lanes: int) -> Area:
        rows = rows_of(form)
        if 1 < rows <= lanes:  # all at once: parameters are constants
            few = _some_rows(form, _COUNTED_LANES)
            return _line(Area(), self._lanes(few, x, rows_of(few)), lanes / rows_of(few))
        if lanes <= 2 * _COUNTED_LANES:
            return self._lanes(form, x, lanes)
        few, more = (self._lanes(form, x, some * _COUNTED_LANES) for some in (1, 2))
        return _line(few, more, lanes / _COUNTED_LANES - 1)

    def _lanes(self, form: Requantizer, x: IntRange, lanes: int) -> Area:
        levels = form.thresholds.shape[1] if isinstance(form, Threshold) else 0
        if not isinstance(form, Threshold) or levels <= 2 * _COUNTED_LEVELS:
            return self._count(form, x, lanes)
        few, more = (
            self._count(replace(form, thresholds=form.thresholds[:, :some]), x, lanes)
            for some in (_COUNTED_LEVELS, 2 * _COUNTED_LEVELS)
        )
        return _line(few, more, levels / _COUNTED_LEVELS - 1)

    def _count(self, form: Requantizer, x: IntRange, lanes: int) -> Area:
        rows = rows_of(form)
        channels = -(-rows // lanes) * lanes  # what lanes do not divide is as dear as what they do
        places = np.minimum(np.arange(channels), rows - 1)
        form = with_rows(form, lambda every: every[places])
        library, turns = Library(), self._turns(form, x)
        config = RequantizeConfig(
            prefix="cost",
            name="requantize",
            comment=(),
            x=x,
            y=_codes(form),
            channels=channels,
            lanes=lanes,
            form=form,
            turns=turns,
            in_logic=turns.in_logic,
        )
        module = library.add(build_requantize(library, config))
        counts = Estimator(library.modules, self._rules).count(module.sym_name.data)
        return area_of(counts, self.device.family)

    def _turns(self, form: Requantizer, x: IntRange) -> Turns:
        factors = factors_of(form, x)
        if factors is None:
            return ONCE
        each = tuple(self._prices.items())
        return cheapest_turns(*factors, self.cycles, self._rules.multiplier, each)


def _line(first: Area, second: Area, steps: float) -> Area:
    """Returns what so many steps lead to, of which one leads from the first area to the second.

    More hardware takes less of nothing, though a memory that moves from look-up tables to blocks
    between the two areas, or back, looks like that.
    """
    ends = first.as_dict(), second.as_dict()
    growth = {kind: max(0, ends[1][kind] - n) for kind, n in ends[0].items()}
    return Area.of({kind: round(n + growth[kind] * steps) for kind, n in ends[0].items()})


def _some_rows(form: Requantizer, most: int) -> Requantizer:
    """Returns a form of at most so many of its rows, from all over them."""
    rows = rows_of(form)
    if rows <= most:
        return form
    taken = {
        name: values[:: rows // most][:most]
        for name, values in arrays_of(form).items()
        if values.shape[0] == rows
    }
    return replace(form, **taken)


def _codes(form: Requantizer) -> IntRange:
    """Returns the codes that a form makes."""
    match form:
        case Table():
            return IntRange(int(form.entries.min()), int(form.entries.max()))
        case Threshold():
            return IntRange(form.lo, form.lo + form.thresholds.shape[1])
        case _:
            return IntRange(form.lo, form.hi)

"""What foldings may take, and what they do take."""

from collections.abc import Mapping

from msgspec import Struct

from qcompiler.analysis.area.estimate import Area
from qcompiler.analysis.area.prices import WHOLE, price, prices
from qcompiler.analysis.foldable_layers import Folding
from qcompiler.devices import DEFAULT_DEVICE, load_device
from qcompiler.devices.families import FAMILIES
from qcompiler.devices.family import Family

Foldings = Mapping[str, Folding]
"""Of layers, by name."""

_USABLE = {"LUT": 0.75}
"""Share of a device that designs may fill; 1 for others."""


class Budget(Struct, frozen=True):
    """What may be taken.

    Attributes:
        family: of the device, for estimates.
        limits: most of each resource, by LUT, FF, BRAM, DSP; one that is not there has no limit.
        prices: what one of each costs when area is compared.
        dsp: whether there are hard multipliers; else logic multiplies.
        constants: whether layers whose weights are all constants count as the logic that they
            become. Else they count as if they had hard multipliers: those are used where they are.
    """

    family: str
    limits: Mapping[str, int]
    prices: Mapping[str, float]
    dsp: bool = True
    constants: bool = False

    @staticmethod
    def of(device: str | None, *, luts: int = 0, dsps: int = 0, brams: int = 0) -> "Budget | None":
        """Returns what a part has, and no more than is asked for; None without any limit.

        Args:
            device: name or file; None for the default part, of which only what is asked for counts.
            luts: most look-up tables that are asked for, 0 where nothing is.
            dsps: likewise, hard multipliers.
            brams: likewise, block memories.
        """
        asked = {"LUT": luts, "DSP": dsps, "BRAM": brams}
        limits: Mapping[str, int] = {kind: number for kind, number in asked.items() if number}
        if device is None and not limits:
            return None
        part = load_device(device or DEFAULT_DEVICE)
        capacity = {kind: number for kind, number in part.capacity().items() if kind in WHOLE}
        each = prices(part, limits)
        if device is not None:
            usable = {kind: int(n * _USABLE.get(kind, 1)) for kind, n in capacity.items()}
            # What is asked for may go beyond what is easily routed, not beyond the device.
            limits = usable | {kind: min(n, capacity[kind]) for kind, n in limits.items()}
        return Budget(part.family, limits, each, part.dsp is not None)

    @property
    def has_tables(self) -> bool:
        """Whether look-up tables can be memories."""
        return any(ram.kind == "distributed" for ram in FAMILIES[self.family].rams)

    @property
    def rules(self) -> Family:
        """The family, without hard multipliers if there are none."""
        family = FAMILIES[self.family]
        return family if self.dsp else family.without_multipliers()

    def excess(self, area: Area) -> dict[str, int]:
        """Returns how much too much of each resource an area takes."""
        over = {kind: n - self.limits.get(kind, n) for kind, n in area.as_dict().items()}
        return {kind: number for kind, number in over.items() if number > 0}

    def price(self, area: Area) -> float:
        """Returns what an area costs."""
        return price(area, self.prices)


class Trial(Struct, frozen=True):
    """A folded network.

    Attributes:
        foldings: of its layers.
        cycles: a frame takes in its slowest process.
        bottleneck: that process.
        area: estimated, adapters and FIFOs included.
        before: that area with all memories where synthesis likes them.
        block_price: look-up tables that a block memory has cost for which tables stand in, if any
            had to.
    """

    foldings: dict[str, Folding]
    cycles: int
    bottleneck: str
    area: Area
    before: Area
    block_price: float | None = None

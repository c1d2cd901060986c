"""What foldings may take, and what they do take."""

from collections.abc import Mapping
from dataclasses import dataclass

from qcompiler.analysis.area.estimate import Area
from qcompiler.analysis.area.prices import price
from qcompiler.analysis.foldable_layers import Folding
from qcompiler.devices.families import FAMILIES
from qcompiler.devices.family import Family

Foldings = Mapping[str, Folding]
"""Of layers, by name."""


@dataclass(frozen=True)
class Budget:
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


@dataclass(frozen=True)
class Trial:
    """A folded network.

    Attributes:
        foldings: of its layers.
        cycles: a frame takes in its slowest process.
        bottleneck: that process.
        area: estimated, adapters and FIFOs included.
    """

    foldings: dict[str, Folding]
    cycles: int
    bottleneck: str
    area: Area

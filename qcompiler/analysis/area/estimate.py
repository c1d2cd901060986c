"""What a design takes of a device, before anybody synthesizes it."""

import math
from collections.abc import Iterable, Mapping

from msgspec import Struct
from xdsl.dialects import hw
from xdsl.dialects.builtin import ModuleOp

from qcompiler.analysis.area.count import Counts, Estimator
from qcompiler.analysis.network import Network
from qcompiler.devices.families import FAMILIES

GLUE = "(top)"
"""In place of a layer's name: logic of the top module itself, as in the reports of synthesis."""

FINAL = ("ff", "block", "dsp")
"""Features that are counts of the device's resources; the others become look-up tables."""


class Area(Struct, frozen=True):
    """Resources.

    Attributes:
        luts: look-up tables.
        ffs: flip-flops.
        brams: block memories, of the size that the family counts.
        dsps: hard multipliers.
    """

    luts: int = 0
    ffs: int = 0
    brams: int = 0
    dsps: int = 0

    def __add__(self, other: "Area") -> "Area":
        return Area(
            self.luts + other.luts,
            self.ffs + other.ffs,
            self.brams + other.brams,
            self.dsps + other.dsps,
        )

    def __sub__(self, other: "Area") -> "Area":
        return Area(
            self.luts - other.luts,
            self.ffs - other.ffs,
            self.brams - other.brams,
            self.dsps - other.dsps,
        )

    @classmethod
    def of(cls, numbers: Mapping[str, int]) -> "Area":
        """Returns the area with the figures of `as_dict`."""
        return cls(numbers["LUT"], numbers["FF"], numbers["BRAM"], numbers["DSP"])

    def as_dict(self) -> dict[str, int]:
        """Returns the figures by the names that reports use."""
        return {"LUT": self.luts, "FF": self.ffs, "BRAM": self.brams, "DSP": self.dsps}


def total(areas: Iterable[Area]) -> Area:
    """Returns the sum of areas."""
    luts = ffs = brams = dsps = 0
    for area in areas:
        luts += area.luts
        ffs += area.ffs
        brams += area.brams
        dsps += area.dsps
    return Area(luts, ffs, brams, dsps)


def area_of(counts: Counts, family: str) -> Area:
    """Returns the resources that counts amount to."""
    luts = FAMILIES[family].luts({f: n for f, n in counts.items() if f not in FINAL})
    return Area(
        round(luts), round(counts["ff"]), math.ceil(counts["block"]), math.ceil(counts["dsp"])
    )


def count_modules(
    module: ModuleOp, network: Network, family: str, *, dsp: bool = True
) -> dict[str, Counts]:
    """Returns the counts of each layer of a design, by its name in the network, and of the rest.

    What keeps states is beside the layers, by the names of its instances.

    Args:
        module: at the rtl level.
        network: at the stream level: names the layers.
        family: of a device.
        dsp: whether hard multipliers may be used.
    """
    modules = {op.sym_name.data: op for op in module.ops if isinstance(op, hw.HWModuleOp)}
    top = next(reversed(modules.values()))
    rules = FAMILIES[family]
    estimator = Estimator(modules, rules if dsp else rules.without_multipliers())
    counts = estimator.count_instances(top.sym_name.data)
    named = [name for name, _ in network.named() if name in counts]
    layers = {name: counts[name] for name in dict.fromkeys([*named, *counts])}
    layers[GLUE] = estimator.count_alone(top.sym_name.data)
    if rules.constants_for:
        multipliers = sum(counts["dsp"] for counts in layers.values())
        layers[GLUE]["constant_luts"] += 2 * -(-multipliers // rules.constants_for)
    return layers


def estimate_areas(
    module: ModuleOp, network: Network, family: str, *, dsp: bool = True
) -> dict[str, Area]:
    """Returns the resources of each layer, and of the top module; see `count_modules`."""
    counts: Mapping[str, Counts] = count_modules(module, network, family, dsp=dsp)
    return {name: area_of(found, family) for name, found in counts.items()}

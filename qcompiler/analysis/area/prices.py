"""What a device's resources cost beside each other: each kind as a whole costs about the same."""

from collections.abc import Mapping

from qcompiler.analysis.area.estimate import Area
from qcompiler.devices import Device

WHOLE: Mapping[str, float] = {"LUT": 1.0, "FF": 0.25, "BRAM": 1.0, "DSP": 1.0}
"""What all of a device's resources of a kind cost."""


def prices(device: Device, limits: Mapping[str, int] | None = None) -> dict[str, float]:
    """Returns what one of each kind costs, by its name.

    Args:
        device: of so many of each.
        limits: how many may be used of a kind, where that is not all.
    """
    there = device.capacity() | dict(limits or {})
    return {kind: whole / max(1, there[kind]) for kind, whole in WHOLE.items()}


def price(area: Area, each: Mapping[str, float]) -> float:
    """Returns what an area costs."""
    return sum(each[kind] * number for kind, number in area.as_dict().items())

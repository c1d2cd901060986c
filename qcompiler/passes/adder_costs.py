"""What adders take on a device."""

from qcompiler.adder_graphs.cost import CELLS_OF_TWO, TABLE_A_PLACE, AdderCost
from qcompiler.devices import DEFAULT_DEVICE, load_device
from qcompiler.devices.families import FAMILIES


def adder_cost(device: str | None) -> AdderCost:
    """Returns what the adders of a device take, without a name of the default one."""
    family = FAMILIES[load_device(device or DEFAULT_DEVICE).family]
    return CELLS_OF_TWO if family.chain == "pair" else TABLE_A_PLACE

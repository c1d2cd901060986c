"""What adders take on a device."""

from qcompiler.adder_graphs.cost import AdderCost, CarryChains
from qcompiler.devices import DEFAULT_DEVICE, load_device
from qcompiler.devices.families import FAMILIES


def adder_cost(device: str | None) -> AdderCost:
    """Returns what the adders of a device take, without a name of the default one."""
    family = FAMILIES[load_device(device or DEFAULT_DEVICE).family]
    return CarryChains(
        2 if family.chain == "pair" else 1,
        operands=3 if family.adds_three else 2,
        inputs=family.inputs,
    )

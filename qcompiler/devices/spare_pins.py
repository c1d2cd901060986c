"""Which inputs of hard cells may be left open, and when: pins of what a design does not use.

Yosys connects `x` to them. Everywhere else an `x` is a bit that got lost.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct


class Pins(Protocol):
    """What is asked of a cell in a netlist."""

    def low(self, pin: str) -> bool:
        """Returns whether an input is 0 for ever; one that is not there is not."""
        ...

    def setting(self, name: str) -> int:
        """Returns a parameter's value."""
        ...

    def unread(self, pins: str) -> int:
        """Returns how many bits of outputs, given by a pattern, nothing reads."""
        ...

    def open_inputs(self, pins: str) -> int:
        """Returns how many bits of inputs, given by a pattern, are `x`."""
        ...


class SparePins(Protocol):
    """Which inputs of a cell may be left open."""

    def spares(self, pin: str, cell: Pins) -> bool:
        """Returns whether a pin may be `x`."""
        ...


class MemoryPins(Struct, frozen=True):
    """A memory: bits of a word that nobody reads need not be written, unused ports no address.

    Attributes:
        data: pattern of the pins for what is written.
        read: pattern of the pins for what is read.
        writes: pins of which all must be 1 for a port to write.
        addresses: pattern of a port's address pins, and the pin that enables it.
    """

    data: str
    read: str
    writes: Sequence[Sequence[str]]
    addresses: Mapping[str, str]

    def spares(self, pin: str, cell: Pins) -> bool:
        """Returns whether a pin may be `x`."""
        if re.fullmatch(self.data, pin):
            constant = all(any(cell.low(enable) for enable in port) for port in self.writes)
            return constant or cell.open_inputs(self.data) <= cell.unread(self.read)
        return any(
            re.fullmatch(pins, pin) and cell.low(enable) for pins, enable in self.addresses.items()
        )


class MultiplierPins(Struct, frozen=True):
    """A multiplier with inputs for a cascade.

    Attributes:
        cascade: by pin, the parameter and its value by which it is used.
    """

    cascade: Mapping[str, tuple[str, int]]

    def spares(self, pin: str, cell: Pins) -> bool:
        """Returns whether a pin may be `x`."""
        if pin not in self.cascade:
            return False
        name, value = self.cascade[pin]
        return cell.setting(name) != value


def two_ports(data: str, read: str, address: str, enable: str, write: str) -> MemoryPins:
    """Returns a memory with ports A and B, `{}` stands for these."""
    return MemoryPins(
        data,
        read,
        [(enable.format(port), write.format(port)) for port in "AB"],
        {address.format(port): enable.format(port) for port in "AB"},
    )


def one_port(data: str, read: str, enable: str, *writes: str) -> MemoryPins:
    """Returns a memory with one port, whose address needs `enable`."""
    return MemoryPins(data, read, [writes], {"AD": enable})

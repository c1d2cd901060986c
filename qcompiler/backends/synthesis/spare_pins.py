"""Which inputs of hard cells may be left open, and when: pins of what a design does not use.

Yosys connects `x` to them. Everywhere else an `x` is a bit that got lost.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


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


@dataclass(frozen=True)
class Memory:
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


@dataclass(frozen=True)
class Multiplier:
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


def _two_ports(data: str, read: str, address: str, enable: str, write: str) -> Memory:
    """Returns a memory with ports A and B, `{}` stands for these."""
    return Memory(
        data,
        read,
        [(enable.format(port), write.format(port)) for port in "AB"],
        {address.format(port): enable.format(port) for port in "AB"},
    )


def _one_port(data: str, read: str, enable: str, *writes: str) -> Memory:
    return Memory(data, read, [writes], {"AD": enable})


_TABLES = Memory("DI[A-H]", "DO[A-H]", [("WE",)], {})
_AMD = Memory(
    "DI.*",
    "DO.*",
    [("ENARDEN", "WEA"), ("ENBWREN", "WEBWE")],
    {"ADDRARDADDR": "ENARDEN", "ADDRBWRADDR": "ENBWREN"},
)
_GOWIN_ONE = _one_port("DI", "DO", "CE", "CE", "WRE")
_GOWIN_TWO = _two_ports("DI[AB]", "DO[AB]", "AD{}", "CE{}", "WRE{}")
_GOWIN_SIMPLE = Memory("DI", "DO", [("CEA",)], {"ADA": "CEA", "ADB": "CEB"})
_NEXUS_SIMPLE = Memory("DI", "DO", [("CEW",)], {"ADW": "CEW", "ADR": "CER"})

SPARE_PINS: Mapping[str, Memory | Multiplier] = {
    # Lattice iCE40
    "SB_MAC16": Multiplier(
        {
            "ACCUMCI": ("BOTADDSUB_CARRYSELECT", 2),
            "CI": ("BOTADDSUB_CARRYSELECT", 3),
            "SIGNEXTIN": ("BOTADDSUB_LOWERINPUT", 3),
        }
    ),
    "SB_RAM40_4K": Memory("WDATA|MASK", "RDATA", [("WE", "WCLKE")], {"WADDR": "WE", "RADDR": "RE"}),
    "SB_SPRAM256KA": Memory("DATAIN", "DATAOUT", [("WREN",)], {"ADDRESS": "CHIPSELECT"}),
    # Lattice ECP5 and Nexus
    "DP16KD": _two_ports(r"DI[AB]\d+", r"DO[AB]\d+", r"AD{}\d+", "CE{}", "WE{}"),
    "PDPW16KD": Memory(r"DI\d+", r"DO\d+", [("CEW",)], {r"ADW\d+": "CEW", r"ADR\d+": "CER"}),
    "TRELLIS_DPR16X4": Memory("DI", "DO", [("WRE",)], {}),
    "DPR16X4": Memory("DI", "DO", [("WRE",)], {}),
    "PDP16K": _NEXUS_SIMPLE,
    "PDPSC16K": _NEXUS_SIMPLE,
    "SP16K": _one_port("DI", "DO", "CE", "CE", "WE"),
    "DP16K": _two_ports("DI[AB]", "DO[AB]", "AD{}", "CE{}", "WE{}"),
    "PDPSC512K": _NEXUS_SIMPLE,
    "SP512K": _one_port("DI", "DO", "CE", "CE", "WE"),
    "DPSC512K": _two_ports("DI[AB]", "DO[AB]", "AD{}", "CE{}", "WE{}"),
    # Gowin
    "SP": _GOWIN_ONE,
    "SPX9": _GOWIN_ONE,
    "DPB": _GOWIN_TWO,
    "DPX9B": _GOWIN_TWO,
    "SDPB": _GOWIN_SIMPLE,
    "SDPX9B": _GOWIN_SIMPLE,
    "RAM16SDP4": Memory("DI", "DO", [("WRE",)], {}),
    "RAM16SDP2": Memory("DI", "DO", [("WRE",)], {}),
    "RAM16SDP1": Memory("DI", "DO", [("WRE",)], {}),
    # AMD
    **dict.fromkeys(("RAM32M", "RAM64M", "RAM32M16", "RAM64M8"), _TABLES),
    **dict.fromkeys(("RAMB18E1", "RAMB36E1", "RAMB18E2", "RAMB36E2"), _AMD),
}
"""By the type of a cell."""

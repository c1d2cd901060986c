"""Checks a netlist for bits that nothing drives, or that are `x`, where logic or a port reads them.

The hardware that we write has neither, so such a bit is one that a tool lost: in the best case the
netlist computes other integers. See docs/synthesis.md, "A fault of Yosys".
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from qcompiler.backends.synthesis.tools import SynthesisError
from qcompiler.devices.families import FAMILIES
from qcompiler.devices.family import Family

_SHOWN = 5


def _direction(cell: Mapping[str, Any], port: str) -> str:
    """Returns input, output or inout: what is not known of a cell, as it is yet to be mapped."""
    return cell.get("port_directions", {}).get(port, "inout")


@dataclass
class _Nets:
    """What drives, reads and names each bit of a module in Yosys' JSON."""

    module: Mapping[str, Any]
    family: Family
    driven: set[int] = field(default_factory=set[int])
    read: set[int] = field(default_factory=set[int])
    constants: dict[int, str] = field(default_factory=dict[int, str])

    def __post_init__(self) -> None:
        for port in self.module["ports"].values():
            bits = {bit for bit in port["bits"] if isinstance(bit, int)}
            (self.driven if port["direction"] == "input" else self.read).update(bits)
            if port["direction"] == "inout":
                self.driven.update(bits)
        for cell in self.module["cells"].values():
            for port, bits in cell["connections"].items():
                nets = {bit for bit in bits if isinstance(bit, int)}
                direction = _direction(cell, port)
                if direction != "output":
                    self.read |= nets
                if direction != "input":
                    self.driven |= nets
                constant = self.family.constants.get(cell["type"])
                if direction == "output" and constant is not None:
                    self.constants |= dict.fromkeys(nets, constant)

    def lost(self, bit: int | str) -> bool:
        return bit in ("x", "z") if isinstance(bit, str) else bit not in self.driven

    def names(self) -> dict[int, str]:
        """Returns the best name of each bit: one of the Verilog before one of the tool's."""
        found: dict[int, str] = {}
        nets = self.module["netnames"].items()
        for name, net in sorted(nets, key=lambda item: (item[1]["hide_name"], len(item[0]))):
            bits = net["bits"]
            for index, bit in enumerate(bits):
                if isinstance(bit, int):
                    found.setdefault(bit, f"{name}[{index}]" if len(bits) > 1 else name)
        return found


@dataclass(frozen=True)
class _Cell:
    """What `spare_pins` asks of a cell."""

    nets: _Nets
    cell: Mapping[str, Any]

    def _bits(self, pins: str, direction: str) -> Iterator[int | str]:
        for port, bits in self.cell["connections"].items():
            if _direction(self.cell, port) == direction and re.fullmatch(pins, port):
                yield from bits

    def low(self, pin: str) -> bool:
        bits = self.cell["connections"].get(pin, ())
        constants = {self.nets.constants.get(bit, bit) for bit in bits}
        return constants == {"0"}

    def setting(self, name: str) -> int:
        return int(self.cell["parameters"].get(name, "0"), 2)

    def unread(self, pins: str) -> int:
        return sum(bit not in self.nets.read for bit in self._bits(pins, "output"))

    def open_inputs(self, pins: str) -> int:
        return sum(bit == "x" for bit in self._bits(pins, "input"))


def lost_bits(module: Mapping[str, Any], family: str, *, finished: bool = True) -> list[str]:
    """Returns where bits of a module got lost, by the names of what is made of them.

    Args:
        module: flat, in Yosys' JSON.
        family: of the device whose cells it has.
        finished: whether it is a netlist of a device's cells. In an unfinished one, constants that
            are `x` are what the tool may choose; only what nothing drives is lost.
    """
    nets = _Nets(module, FAMILIES[family])
    found: list[tuple[Mapping[str, Any] | None, str, int]] = []
    for cell in module["cells"].values():
        for port, bits in cell["connections"].items():
            if _direction(cell, port) != "input":
                continue
            lost = [i for i, bit in enumerate(bits) if nets.lost(bit)]
            if not finished:
                lost = [i for i in lost if isinstance(bits[i], int)]
            if lost and not _is_spare(nets, cell, port, [bits[i] for i in lost]):
                found += [(cell, port, i) for i in lost if nets.read & set(_fed(cell, port, i))]
    for name, port in module["ports"].items():
        if port["direction"] != "input":
            found += [(None, name, i) for i, bit in enumerate(port["bits"]) if nets.lost(bit)]
    names = nets.names() if found else {}
    return list(dict.fromkeys(_made(names, *place) for place in found))


def _is_spare(nets: _Nets, cell: Mapping[str, Any], port: str, lost: list[int | str]) -> bool:
    rule = nets.family.spare_pins.get(cell["type"])
    undriven = any(isinstance(bit, int) for bit in lost)
    return rule is not None and not undriven and rule.spares(port, _Cell(nets, cell))


def _fed(cell: Mapping[str, Any], port: str, index: int) -> list[int]:
    """Returns the outputs of a cell that a bit of an input goes into."""
    pins = cell["connections"]
    if port == "D" and len(pins.get("Q", ())) == len(pins["D"]):  # a register of several bits
        return [pins["Q"][index]]
    outputs = (pin for pin in pins if _direction(cell, pin) != "input")
    return [bit for pin in outputs for bit in pins[pin]]


def _made(names: Mapping[int, str], cell: Mapping[str, Any] | None, port: str, index: int) -> str:
    """Returns the name of what a lost bit goes into: an output of the design, or a cell's."""
    if cell is None:
        return f"output {port}[{index}]"
    made = next((names[bit] for bit in _fed(cell, port, index) if bit in names), "a net")
    return f"{made} (pin {port} of a {cell['type']})"


def check_bits(module: Mapping[str, Any], top: str, family: str, *, finished: bool = True) -> None:
    """Checks that no bit of a netlist got lost.

    Args:
        module: as in `lost_bits`.
        top: its name.
        family: as in `lost_bits`.
        finished: as in `lost_bits`.

    Raises:
        SynthesisError: one did; names the nets, says whose fault it is and what to do.
    """
    lost = lost_bits(module, family, finished=finished)
    if not lost:
        return
    by_instance: defaultdict[str, int] = defaultdict(int)
    for place in lost:
        by_instance[place.partition(".")[0] if "." in place else top] += 1
    more = f", and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
    raise SynthesisError(
        f"Yosys lost {len(lost)} bits of {top}, in {', '.join(by_instance)}: nothing drives what "
        f"goes into {', '.join(lost[:_SHOWN])}{more}; the netlist would compute other integers. "
        "This is a fault of the tool, not of the model (docs/synthesis.md, 'A fault of Yosys'): "
        "synthesize with --no-dsp, or for another device, and report it to us with the model"
    )

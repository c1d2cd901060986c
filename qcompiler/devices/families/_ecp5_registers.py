"""Moves registers of a finished netlist into hard cells: those that Yosys leaves beside them.

With registers for its operands a hard multiplier begins at the clock edge: the wires that lead to
it and the multiplication have a cycle each. `synth_ecp5` (Yosys 0.70) never uses these registers.

**Operands.** The multiplier's registers take what the flip-flops took that held the operands, at
the same edges: clock and enable are theirs. Both power up as 0, so they are always equal. Constant
bits are registered with the others. A 0 stays what it was. A 1 is 0 until the first edge that is
enabled; until then all flip-flops of the other operand hold 0, and so the product is 0 all the
same. So at most one operand may have ones.

Only flip-flops behind other registers move: elsewhere the wires to a distant multiplier would come
on top of the logic that stands there. nextpnr times a multiplier by its registers only if both
operands have them, so it is both or none.

The four multipliers of a DSP block share the wires of `CE0` to `CE3`: each of the nets that enable
them has one of these. `_ecp5_sites.py` settles which multipliers share a block. Left to
nextpnr-ecp5 (0.11.1), which moves nets among the four after placement, routing did not end.

**Products** stay in flip-flops: an output register needs an enable, and none of the tools sets it
(Project Trellis has no bits for REG_OUTPUT_CE).

**Constants.** Signs, resets and the like have no constants of their own: nextpnr takes them all
from one table in a corner of the chip, and needs minutes for the wires. Here each block of
multipliers has two tables.

**Words of block memories.** Where every bit that is read goes to one flip-flop, and to nothing
else, the memory's output register takes their place. Memory, output register and flip-flops have
one clock enable in common, so it does not matter which of the memory's two that register needs.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qcompiler.devices.families._ecp5_sites import BLOCK

Bit = int | str
"""A net of the netlist, or a constant: `0`, `1`, `x`."""

Cell = dict[str, Any]

_LOW, _HIGH = "0", "1"
_OPERAND = range(18)
_WORD_BITS = 18
# Inputs whose constants are no settings: those at wires for clock enables and resets.
_ROUTED = re.compile(r"SIGNED[AB]|SOURCE[AB]|CE\d|RST\d")


@dataclass
class _Netlist:
    """A module of Yosys' JSON, with what drives and reads each net."""

    module: dict[str, Any]
    cells: dict[str, Cell] = field(init=False)
    driver: dict[Bit, str] = field(init=False, default_factory=dict[Bit, str])
    readers: defaultdict[Bit, set[str]] = field(
        init=False, default_factory=lambda: defaultdict[Bit, set[str]](set)
    )

    def __post_init__(self) -> None:
        self.cells = self.module["cells"]
        for name, cell in self.cells.items():
            for port, bits in cell["connections"].items():
                for bit in bits:
                    if cell["port_directions"][port] == "output":
                        self.driver[bit] = name
                    else:
                        self.readers[bit].add(name)
        for name, port in self.module["ports"].items():
            if port["direction"] != "input":
                for bit in port["bits"]:
                    self.readers[bit].add(f"port {name}")

    def bit(self, cell: Cell, port: str, absent: Bit = _LOW) -> Bit:
        """Returns what is connected to a port of one bit."""
        return next(iter(cell["connections"].get(port, ())), absent)

    def flip_flop(self, bit: Bit) -> str | None:
        """Returns the flip-flop that drives a net, if it is one that can be copied."""
        name = self.driver.get(bit)
        cell = self.cells.get(name or "")
        if name is None or cell is None or cell["type"] != "TRELLIS_FF":
            return None
        known = _FLIP_FLOP.items()
        plain = all(
            cell["parameters"].get(key, values[0]).strip() in values for key, values in known
        )
        return name if plain and self.bit(cell, "LSR") == _LOW else None

    def held_by(self, bit: Bit) -> str | None:
        """Returns the flip-flop that drives a net and takes it from a register, as it is."""
        name = self.flip_flop(bit)
        if name is None:
            return None
        source = self.cells.get(self.driver.get(self.bit(self.cells[name], "DI"), ""), {})
        parameters = source.get("parameters", {})
        kept = "OUTREG" in (parameters.get(f"REGMODE_{port}") for port in "AB")
        return name if kept or source.get("type") == "TRELLIS_FF" else None

    def enable(self, flip_flop: Cell) -> Bit:
        """Returns the clock enable of a flip-flop."""
        always = flip_flop["parameters"].get("CEMUX", "1").strip() == "1"
        return _HIGH if always else self.bit(flip_flop, "CE", _HIGH)

    def connect(self, name: str, port: str, bit: Bit) -> None:
        """Connects an input of a cell."""
        self.disconnect(name, port)
        cell = self.cells[name]
        cell["connections"][port] = [bit]
        cell["port_directions"][port] = "input"
        self.readers[bit].add(name)

    def disconnect(self, name: str, port: str) -> None:
        """Takes an input of a cell away."""
        cell = self.cells[name]
        cell["port_directions"].pop(port, None)
        for bit in cell["connections"].pop(port, ()):
            if not any(bit in bits for bits in cell["connections"].values()):
                self.readers[bit].discard(name)

    def add_table(self, name: str, init: str) -> Bit:
        """Adds a look-up table without inputs; returns its output."""
        nets = (net["bits"] for net in self.module["netnames"].values())
        used = (bit for bits in (self.readers, self.driver, *nets) for bit in bits)
        made = 1 + max((bit for bit in used if not isinstance(bit, str)), default=1)
        directions = dict.fromkeys("ABCD", "input") | {"Z": "output"}
        self.cells[name] = {
            "hide_name": 0,
            "type": "LUT4",
            "parameters": {"INIT": init},
            "attributes": {},
            "port_directions": directions,
            "connections": {pin: [_LOW] for pin in "ABCD"} | {"Z": [made]},
        }
        self.driver[made] = name
        return made

    def remove(self, name: str) -> None:
        """Removes a cell."""
        for bits in self.cells.pop(name)["connections"].values():
            for bit in bits:
                self.readers[bit].discard(name)
                if self.driver.get(bit) == name:
                    del self.driver[bit]


# What a flip-flop must be like, the default first. No LSR is used, so its modes do not matter.
_FLIP_FLOP: Mapping[str, tuple[str, ...]] = {
    "GSR": ("DISABLED", "AUTO"),
    "CLKMUX": ("CLK",),
    "CEMUX": ("1", "CE"),
    "LSRMUX": ("LSR",),
    "REGSET": ("RESET",),
}


@dataclass(frozen=True)
class Absorbed:
    """What was moved.

    Attributes:
        multipliers: that have registers for their operands now.
        memories: ports of block memories that have output registers now.
        removed: flip-flops that nobody needs any more.
    """

    multipliers: int = 0
    memories: int = 0
    removed: int = 0


def absorb(module: dict[str, Any], multipliers: Sequence[str]) -> Absorbed:
    """Moves registers into the multipliers and block memories of an ECP5 netlist, in place.

    Args:
        module: as in Yosys' JSON, after `synth_ecp5`.
        multipliers: names of its multipliers; four in a row share a DSP block.
    """
    netlist = _Netlist(module)
    before = _flip_flops(netlist)
    words = operands = 0
    for name in [n for n, cell in netlist.cells.items() if cell["type"] == "DP16KD"]:
        ports = _ports_of(netlist.cells[name])
        words += sum(_register_words(netlist, name, port, pins) for port, pins in ports)
    moved: set[str] = set()
    for first in range(0, len(multipliers), BLOCK):
        pins: dict[Bit, str] = {}
        for name in multipliers[first : first + BLOCK]:
            flip_flops = _register_operands(netlist, name, pins)
            operands += bool(flip_flops)
            moved |= flip_flops
        _give_constants(netlist, multipliers[first : first + BLOCK])
    for name in moved:
        if not netlist.readers.get(netlist.bit(netlist.cells[name], "Q")):
            netlist.remove(name)
    return Absorbed(operands, words, before - _flip_flops(netlist))


def _give_constants(netlist: _Netlist, block: Sequence[str]) -> None:
    """Connects the constants of a block's multipliers to tables of its own."""
    for value in (_LOW, _HIGH):
        pins = [
            (name, pin)
            for name in block
            for pin, bits in netlist.cells[name]["connections"].items()
            if _ROUTED.fullmatch(pin) and bits == [value]
        ]
        if pins:
            made = netlist.add_table(f"{block[0]}_constant_{value}", 16 * value)
            for name, pin in pins:
                netlist.connect(name, pin, made)


def _flip_flops(netlist: _Netlist) -> int:
    return sum(cell["type"] == "TRELLIS_FF" for cell in netlist.cells.values())


def _register_operands(netlist: _Netlist, name: str, pins: dict[Bit, str]) -> set[str]:
    """Gives a multiplier registers for both operands; returns the flip-flops that held these.

    None if something else holds a bit. `pins` has those of the enables of its DSP block.
    """
    cell = netlist.cells[name]
    bits = {f"{side}{i}": netlist.bit(cell, f"{side}{i}") for side in "AB" for i in _OPERAND}
    if not _is_plain(netlist, cell) or not _may_be_registered(bits):
        return set()
    held = {bit: netlist.held_by(bit) for bit in bits.values() if not isinstance(bit, str)}
    flip_flops = {flip_flop for flip_flop in held.values() if flip_flop is not None}
    clocks = {netlist.bit(netlist.cells[flip_flop], "CLK") for flip_flop in flip_flops}
    enables = {netlist.enable(netlist.cells[flip_flop]) for flip_flop in flip_flops}
    if None in held.values() or len(clocks) != 1 or len(enables) != 1:
        return set()
    for pin, bit in bits.items():
        flip_flop = None if isinstance(bit, str) else held[bit]
        if flip_flop is not None:
            netlist.connect(name, pin, netlist.bit(netlist.cells[flip_flop], "DI"))
    (clock,), (enable,) = clocks, enables
    settings = {"CLK": "CLK0", "CE": pins.setdefault(enable, f"CE{len(pins)}"), "RST": "RST0"}
    for side in "AB":
        cell["parameters"] |= {f"REG_INPUT{side}_{kind}": pin for kind, pin in settings.items()}
    cell["parameters"]["GSR"] = "DISABLED"
    for pin, bit in zip(settings.values(), (clock, enable, _LOW), strict=True):
        netlist.connect(name, pin, bit)
    return flip_flops


def _is_plain(netlist: _Netlist, multiplier: Cell) -> bool:
    """Whether a multiplier is as Yosys makes it: no registers, no cascade, constant signs."""
    parameters = multiplier["parameters"].items()
    signs = {netlist.bit(multiplier, "SIGNEDA"), netlist.bit(multiplier, "SIGNEDB")}
    sources = {netlist.bit(multiplier, "SOURCEA"), netlist.bit(multiplier, "SOURCEB")}
    clocked = any(value != "NONE" for key, value in parameters if key.endswith("_CLK"))
    return not clocked and signs <= {_LOW, _HIGH} and sources == {_LOW}


def _may_be_registered(bits: Mapping[str, Bit]) -> bool:
    """Whether the constants among the bits of both operands stay the same with registers."""
    constants = {bit for bit in bits.values() if isinstance(bit, str)}
    with_ones = {pin[0] for pin, bit in bits.items() if bit == _HIGH}
    return constants <= {_LOW, _HIGH} and len(with_ones) < 2


def _ports_of(cell: Cell) -> list[tuple[str, list[str]]]:
    """Returns the reading ports of a block memory: the letter of each, and the pins of its word."""
    pins = {side: [f"DO{side}{i}" for i in range(_WORD_BITS)] for side in "AB"}
    if int(cell["parameters"]["DATA_WIDTH_B"], 2) > _WORD_BITS:  # one writes, one reads
        return [("B", pins["A"] + pins["B"])]
    return [("A", pins["A"]), ("B", pins["B"])]


def _register_words(netlist: _Netlist, name: str, port: str, pins: list[str]) -> bool:
    """Gives a port of a block memory an output register, if flip-flops hold all that it makes."""
    cell = netlist.cells[name]
    held: dict[str, str] = {}
    for pin in (pin for pin in pins if pin in cell["connections"]):
        readers = netlist.readers.get(netlist.bit(cell, pin))
        if readers:
            (reader,) = readers if len(readers) == 1 else ("",)
            held[pin] = reader
    if not held or not all(_follows(netlist, cell, port, *item) for item in held.items()):
        return False
    for pin, flip_flop in held.items():
        made = netlist.bit(netlist.cells[flip_flop], "Q")
        netlist.remove(flip_flop)
        cell["connections"][pin] = [made]
        netlist.driver[made] = name
    for half in {pin[2] for pin in pins}:
        cell["parameters"][f"REGMODE_{half}"] = "OUTREG"
    netlist.connect(name, f"OCE{port}", netlist.bit(cell, f"CE{port}"))
    return True


def _follows(netlist: _Netlist, memory: Cell, port: str, pin: str, flip_flop: str) -> bool:
    """Whether a flip-flop takes one bit of a memory's word, when the memory reads the next."""
    cell = netlist.cells.get(flip_flop)
    if cell is None or netlist.flip_flop(netlist.bit(cell, "Q")) != flip_flop:
        return False
    parameters = memory["parameters"]
    plain = parameters[f"REGMODE_{port}"] == "NOREG" and parameters[f"CLK{port}MUX"] == f"CLK{port}"
    return (
        plain
        and netlist.bit(memory, f"RST{port}") == _LOW
        and netlist.bit(cell, "DI") == netlist.bit(memory, pin)
        and netlist.bit(cell, "CLK") == netlist.bit(memory, f"CLK{port}")
        and netlist.enable(cell) == netlist.bit(memory, f"CE{port}", _HIGH)
    )

"""Where a synthesis tool keeps a memory: the mapping rules of Yosys' `memory_libmap`.

Each kind of memory of a part has a price; copies beside each other make it wider, copies with
multiplexers behind them deeper. The cheapest way wins, logic being one of them. As the rules are
known, block memories are counted exactly.

Source: Yosys, passes/memory/memory_libmap.cc, and the memory libraries of each family.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

_PER_MUX_BIT = 0.5
_PER_DEMUX_BIT = 0.5
_READ_PORT = 2.0
"""Price of a read port that is no write port."""
_LOGIC_RAM_BIT = 1.0
_EMULATED_READ_FIRST = 12.0


class Ram(Struct, frozen=True):
    """A memory that parts of a family have.

    Attributes:
        kind: block or distributed.
        price: of one, in the tool's units.
        address_bits: at width `widths[0]`; each next width has one bit less.
        widths: in bits, of one.
        units: how many of the report's units one takes: block memories, or LUTs;
            with `by_bit`, those of one bit of the width that is used.
        by_width: whether the price is that of the part of the width that is used.
        reads_old: whether it reads the old word of an address that is written; if not, the tool
            puts logic around it.
        one_address: whether one address serves reading and writing.
        one_port: whether a port can do both, and reads the old word if there is one address.
    """

    kind: Literal["block", "distributed"]
    price: float
    address_bits: int
    widths: tuple[int, ...]
    units: float
    by_width: bool = False
    reads_old: bool = True
    one_address: bool = False
    by_bit: bool = False
    one_port: bool = False

    def is_old(self, memory: "Memory") -> bool:
        """Whether it reads the old word of an address that is written, as it is."""
        return self.reads_old or (self.one_port and memory.one_address)


class Placement(Struct, frozen=True):
    """Where a memory is kept.

    Attributes:
        ram: the kind, None for logic.
        copies: how many of it.
        banks: copies behind each other, with a multiplexer for the words read.
        each: bits of a word in each copy.
        units: of the report: block memories or look-up tables.
        reads_old: whether it reads the old word of an address that is written, as it is.
    """

    ram: Ram | None
    copies: int = 0
    banks: int = 1
    units: int = 0
    reads_old: bool = True
    each: int = 1

    def units_of(self, used: Sequence[bool]) -> int:
        """Returns the units of what is left when copies that nothing reads are gone.

        Args:
            used: which bits of a word something reads; a tool that places it does not know yet.
        """
        if self.ram is None or all(used):
            return self.units
        if self.ram.by_bit:
            return int(self.banks * sum(used) * self.ram.units)
        starts = range(0, len(used), self.each)
        columns = sum(any(used[start : start + self.each]) for start in starts)
        return int(self.banks * columns * self.ram.units)


class Memory(Struct, frozen=True):
    """What is to be kept.

    Attributes:
        depth: words.
        width: bits of a word.
        style: `auto`, `block` or `distributed`, as asked for.
        rom: whether it is never written.
        one_address: whether it is written where it is read.
    """

    depth: int
    width: int
    style: str = "auto"
    rom: bool = False
    one_address: bool = False


def place(rams: tuple[Ram, ...], memory: Memory, logic_rom_bit: float) -> Placement:
    """Returns where a memory is kept.

    Args:
        rams: what the family has.
        memory: what is to be kept.
        logic_rom_bit: price of a constant bit in logic.
    """
    best = Placement(None)
    if memory.rom and memory.style == "distributed":
        return best
    bits = memory.depth * memory.width
    price = bits * (logic_rom_bit if memory.rom else _LOGIC_RAM_BIT)
    if memory.style != "auto":
        price = float("inf")
    for ram in rams:
        if memory.style not in ("auto", ram.kind) or (memory.rom and ram.kind == "distributed"):
            continue
        if ram.one_address and not memory.one_address:
            continue
        for step, unit in enumerate(ram.widths):
            banks = -(-memory.depth // (1 << (ram.address_bits - step)))
            # Banks of a ROM stand side by side in one; those of a RAM are not written together.
            copies = (
                -(-banks * memory.width // unit) if memory.rom else banks * -(-memory.width // unit)
            )
            found = _price(ram, memory, copies, banks, unit)
            if found < price:
                units = (banks * memory.width if ram.by_bit else copies) * ram.units
                old = ram.is_old(memory)
                best, price = Placement(ram, copies, banks, int(units), old, unit), found
    return best


def _price(ram: Ram, memory: Memory, copies: int, banks: int, unit: int) -> float:
    scaled = ram.price * banks * memory.width / unit if ram.by_width else ram.price * copies
    price = scaled + (banks - 1) * memory.width * _PER_MUX_BIT
    price += 0.0 if ram.one_address or (ram.one_port and memory.one_address) else _READ_PORT
    if memory.rom:
        return price
    demux = banks * _PER_DEMUX_BIT if banks > 1 else 0.0
    return price + demux + (0.0 if ram.is_old(memory) else _EMULATED_READ_FIRST)

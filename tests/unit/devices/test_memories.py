"""Where memories are kept: what Yosys 0.70 made of each shape."""

import pytest

from qcompiler.devices.families import FAMILIES
from qcompiler.devices.memories import Memory, place

ECP5, XILINX = FAMILIES["ecp5"], FAMILIES["xilinx"]


def kept(family, memory):
    found = place(family.rams, memory, family.logic_rom_bit)
    return (found.ram.kind if found.ram else "logic"), found.units


@pytest.mark.parametrize(
    ("depth", "width", "expected"),
    [
        (2, 1, ("logic", 0)),
        (3, 4, ("distributed", 4)),
        (16, 9, ("distributed", 12)),
        (64, 36, ("block", 1)),
        (64, 40, ("distributed", 160)),
        (64, 72, ("block", 2)),
        (128, 8, ("distributed", 64)),
        (128, 16, ("block", 1)),
        (256, 4, ("distributed", 64)),
        (256, 6, ("block", 1)),
        (256, 144, ("block", 4)),
        (300, 4, ("distributed", 76)),
        (64, 1, ("distributed", 16)),  # each bank is written alone
        (40, 6, ("distributed", 24)),
    ],
)
def test_memories_of_ecp5(depth, width, expected):
    assert kept(ECP5, Memory(depth, width)) == expected


def test_tables_with_one_address_hold_more():
    """A table of six inputs is a memory of 64 bits with one address, but half of one with two."""
    apart, together = Memory(64, 4), Memory(64, 4, one_address=True)
    assert kept(XILINX, apart) == ("distributed", 8)
    assert kept(XILINX, together) == ("distributed", 4)


@pytest.mark.parametrize(
    ("family", "used", "units"),
    [
        (ECP5, range(16), 16),
        (ECP5, range(8, 16), 8),  # four bits a memory
        (ECP5, (3, 4), 8),
        (XILINX, range(8, 16), 16),  # fourteen bits a memory, then two
        (XILINX, range(8), 8),
    ],
)
def test_memories_none_of_whose_bits_are_read_are_gone(family, used, units):
    memory = Memory(16, 16)
    found = place(family.rams, memory, family.logic_rom_bit)
    assert found.units_of([bit in used for bit in range(16)]) == units


@pytest.mark.parametrize(
    ("factors", "product", "on_ecp5", "on_xilinx"),
    [
        ((5, 4), 9, 1, 1),
        ((4, 4), 8, 1, 0),  # Xilinx takes logic below nine bits
        ((8, 1), 9, 0, 0),
        ((19, 8), 27, 1, 1),  # one bit is left over, for logic
        ((20, 8), 28, 2, 1),
        ((28, 18), 46, 2, 2),
        ((37, 19), 56, 2, 4),
    ],
)
def test_multipliers(factors, product, on_ecp5, on_xilinx):
    assert ECP5.multiplier.count(*factors, product) == on_ecp5
    assert XILINX.multiplier.count(*factors, product) == on_xilinx


@pytest.mark.parametrize(
    ("family", "depth", "width", "expected"),
    [
        (ECP5, 512, 16, ("block", 1)),
        (ECP5, 128, 16, ("logic", 0)),
        (XILINX, 512, 16, ("logic", 0)),  # a table of six inputs holds 64 bits
        (XILINX, 1024, 16, ("block", 1)),
    ],
)
def test_roms(family, depth, width, expected):
    assert kept(family, Memory(depth, width, rom=True)) == expected


def test_a_style_is_heeded():
    assert kept(ECP5, Memory(16, 4, "block", rom=True)) == ("block", 1)
    assert kept(ECP5, Memory(4096, 36, "distributed", rom=True)) == ("logic", 0)
    assert kept(XILINX, Memory(64, 7, "distributed")) == ("distributed", 8)


def test_a_port_that_reads_and_writes_reads_the_old_word():
    """Of two ports it takes logic, of one it does not; words of 36 bits have two."""
    for width, one_address, old in ((16, True, True), (16, False, False), (32, True, False)):
        memory = Memory(98, width, one_address=one_address)
        assert place(ECP5.rams, memory, ECP5.logic_rom_bit).reads_old == old

"""Look-up tables of ROMs in logic: by what addresses them, and without words that nothing reads."""

import numpy as np
import pytest

from qcompiler.analysis.area.count import Estimator
from qcompiler.analysis.area.roms import LEAF_BITS, counted_rom_tables, rom_columns, rom_tables
from qcompiler.devices.families import FAMILIES
from qcompiler.rtl.builder import ModuleBuilder

WORDS = np.random.default_rng(1).integers(0, 1 << 16, (256, 1))


def counts(family, depth, *, counting):
    b = ModuleBuilder("m")
    go = b.input("go", 1)
    counter = b.counter("place", depth)
    counter.advance_on(go)
    given = b.input("address", (depth - 1).bit_length())
    address = counter.value if counting else given
    b.output("y", b.rom("table", address, go, WORDS[:depth], 16, "distributed"))
    b.output("place", counter.value)
    return Estimator({"m": b.build()}, FAMILIES[family]).count("m")


@pytest.mark.parametrize(
    ("family", "tables"),
    [
        ("ecp5", 16 * 8),  # functions of seven bits, multiplexers free
        ("xilinx", 16 * 2),
        ("ice40", 16 * (8 + 7)),  # tables of four alone
    ],
)
def test_data_address_functions_as_wide_as_the_part_has_them(family, tables):
    found = counts(family, 128, counting=False)
    assert (found["rom_luts"], found["deep_rom_luts"]) == (tables, 0)


@pytest.mark.parametrize("family", ["ecp5", "xilinx", "ice40"])
def test_what_counts_addresses_a_tree_of_choices(family):
    found = counts(family, 128, counting=True)
    assert (found["rom_luts"], found["deep_rom_luts"]) == (0, 16 * (8 + 7))


def test_a_leaf_has_no_choices_whatever_addresses_it():
    for counting in (False, True):
        assert counts("ecp5", 1 << LEAF_BITS, counting=counting)["rom_luts"] == 16


@pytest.mark.parametrize(
    ("depth", "leaves"),
    [(128, 8), (144, 9), (160, 10), (200, 13), (256, 16)],
)
def test_nothing_is_chosen_beyond_the_last_word(depth, leaves):
    columns = rom_columns(WORDS[:depth], 8)
    assert counted_rom_tables(columns) == 8 * (leaves + leaves - 1)


def test_halves_that_are_equal_need_no_choice():
    columns = rom_columns(np.vstack([WORDS[:32], WORDS[:32]]), 8)
    assert counted_rom_tables(columns) == 8 * (2 + 1)
    assert rom_tables(columns, 4, 7) == 8 * 2

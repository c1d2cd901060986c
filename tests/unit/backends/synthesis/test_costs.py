"""Cells of each family in the units of data sheets."""

from qcompiler.devices.families import FAMILIES


def used(family, **cells):
    return {kind: n for kind, n in FAMILIES[family].count_cells(cells).items() if n}


def test_ecp5():
    cells = {"LUT4": 10, "CCU2C": 3, "TRELLIS_DPR16X4": 2, "PFUMX": 5, "MULT18X18D": 4, "DP16KD": 1}
    expected = {"LUT": 24, "CARRY": 3, "LUTRAM": 2, "DSP": 4, "BRAM": 1}
    assert used("ecp5", **cells) == expected


def test_halves_are_rounded_up_in_the_sum():
    assert used("gowin", MULT9X9=3, MULT18X18=1) == {"DSP": 3}


def test_xilinx_memories_are_counted_in_18_kb():
    cells = {"RAMB36E2": 2, "RAMB18E2": 1, "RAM32M": 1, "LUT6": 2, "FDRE": 7, "INV": 9}
    assert used("xilinx", **cells) == {"BRAM": 5, "LUTRAM": 1, "LUT": 6, "FF": 7}


def test_names_match_as_a_whole():
    assert used("ice40", SB_DFFESR=1, SB_DFF=1, SB_LUT4=1, SB_LUT40=9) == {"LUT": 1, "FF": 2}
    assert used("nexus", PDPSC16K=1, DP16K_MODE=1, PDPSC512K=1) == {"BRAM": 2, "LARGE": 1}


def test_generic_and_unknown_cells():
    assert used("generic", **{"$lut": 3, "$_SDFFE_PN0P_": 2, "$mem_v2": 1}) == {
        "LUT": 3, "FF": 2, "BRAM": 1,
    }  # fmt: skip
    assert all(used(family, UNKNOWN=5) == {} for family in FAMILIES)

"""What a cell of each family takes of a device, in the units that data sheets count.

`LUT` has carry cells and distributed memories in it, where these take up look-up tables. `CARRY`
and `LUTRAM` count the cells themselves. A `BRAM` of Xilinx is 18 Kb. A 9 x 9 multiplier is half
a `DSP`.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping

KINDS = ("LUT", "FF", "BRAM", "LARGE", "DSP", "CARRY", "LUTRAM")

_Row = tuple[str, dict[str, float]]
_FAMILIES: dict[str, tuple[_Row, ...]] = {
    "ecp5": (
        ("LUT4", {"LUT": 1}),
        ("CCU2C", {"LUT": 2, "CARRY": 1}),
        ("TRELLIS_DPR16X4", {"LUT": 4, "LUTRAM": 1}),
        ("TRELLIS_FF", {"FF": 1}),
        ("DP16KD|PDPW16KD", {"BRAM": 1}),
        ("MULT18X18D", {"DSP": 1}),
        ("MULT9X9D", {"DSP": 0.5}),
    ),
    "ice40": (
        ("SB_LUT4", {"LUT": 1}),
        ("SB_CARRY", {"CARRY": 1}),
        (r"SB_DFF\w*", {"FF": 1}),
        (r"SB_RAM40_4K\w*", {"BRAM": 1}),
        ("SB_SPRAM256KA", {"LARGE": 1}),
        ("SB_MAC16", {"DSP": 1}),
    ),
    "nexus": (
        ("LUT4", {"LUT": 1}),
        ("WIDEFN9", {"LUT": 2}),
        ("CCU2", {"LUT": 2, "CARRY": 1}),
        ("DPR16X4", {"LUT": 4, "LUTRAM": 1}),
        (r"FD1P3\w+", {"FF": 1}),
        (r"P?DP(SC)?16K(_MODE)?", {"BRAM": 1}),
        (r"(DPSC|SP|PDP(SC)?)512K(_MODE)?", {"LARGE": 1}),
        ("MULT9X9|MULTPREADD9X9", {"DSP": 0.5}),
        ("MULT18X18|MULTPREADD18X18|MULTADDSUB18X18", {"DSP": 1}),
        ("MULT18X36|MULTADDSUB18X18WIDE|MULTADDSUB18X36|MULTADDSUB9X9WIDE", {"DSP": 2}),
        ("MULT36X36|MULTADDSUB36X36", {"DSP": 4}),
    ),
    "gowin": (
        (r"LUT[1-4]", {"LUT": 1}),
        ("ALU", {"LUT": 1, "CARRY": 1}),
        (r"RAM16S(DP)?\d", {"LUT": 4, "LUTRAM": 1}),
        (r"DFF\w*", {"FF": 1}),
        ("SP|SPX9|SDPB|SDPX9B|DPB|DPX9B|pROM|pROMX9", {"BRAM": 1}),
        ("MULT9X9", {"DSP": 0.5}),
        (r"MULT18X18|MULTALU\w+", {"DSP": 1}),
        ("MULTADDALU18X18", {"DSP": 2}),
        ("MULT36X36", {"DSP": 4}),
    ),
    "xilinx": (
        (r"LUT\d(_2)?|SRL16E|SRLC32E", {"LUT": 1}),
        (r"CARRY\d", {"CARRY": 1}),
        ("RAM(32|64)M", {"LUT": 4, "LUTRAM": 1}),
        ("RAM32M16|RAM64M8", {"LUT": 8, "LUTRAM": 1}),
        ("RAM(32|64)X1D", {"LUT": 2, "LUTRAM": 1}),
        ("RAM(32|64)X1S", {"LUT": 1, "LUTRAM": 1}),
        ("RAM128X1S", {"LUT": 2, "LUTRAM": 1}),
        ("RAM128X1D|RAM256X1S", {"LUT": 4, "LUTRAM": 1}),
        ("RAM256X1D|RAM512X1S", {"LUT": 8, "LUTRAM": 1}),
        (r"FD[RCSP]E", {"FF": 1}),
        (r"RAMB18E\d", {"BRAM": 1}),
        (r"RAMB36E\d", {"BRAM": 2}),
        ("URAM288", {"LARGE": 1}),
        (r"DSP48E\d", {"DSP": 1}),
    ),
    "generic": (
        (r"\$lut", {"LUT": 1}),
        (r"\$_\w*DFF\w*_", {"FF": 1}),
        (r"\$mem(_v2)?", {"BRAM": 1}),
    ),
}


def count_kinds(family: str, cells: Mapping[str, int]) -> dict[str, int]:
    """Returns how much of each of `KINDS` the cells take, halves rounded up.

    Args:
        family: a device's.
        cells: number of cells by type; types without a cost, such as wide multiplexers, are fine.
    """
    total: Counter[str] = Counter()
    for type_, number in cells.items():
        for pattern, cost in _FAMILIES[family]:
            if re.fullmatch(pattern, type_):
                for kind, each in cost.items():
                    total[kind] += each * number  # pyright: ignore[reportArgumentType] halves
                break
    return {kind: math.ceil(total[kind]) for kind in KINDS}

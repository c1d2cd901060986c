"""AMD (Xilinx) 7 series and UltraScale+. A `BRAM` is 18 Kb.

Shift registers: Yosys, passes/pmgen/xilinx_srl.pmg.
"""

from pathlib import Path

from qcompiler.devices.device import Device
from qcompiler.devices.family import Family, Multiplier, packed_netlist
from qcompiler.devices.memories import Ram
from qcompiler.devices.spare_pins import MemoryPins


class _Xilinx(Family, frozen=True):
    def script(self, device: Device, top: str, *, dsp: bool) -> list[str]:
        (command,) = super().script(device, top, dsp=dsp)
        if "-nodsp" in command.split():
            return [command]
        return [f"{command} -run begin:coarse", *packed_netlist(top), f"{command} -run coarse:"]


FACTORS = {
    "adder_bits": 0.0,
    "adder_luts": 1.0,
    "bank_mux_luts": 1.248,
    "compare_bits": 0.605,
    "compares": 1.439,
    "const_compare_bits": 0.676,
    "deep_rom_luts": 0.644,
    "deep_sum_luts": 0.954,
    "lut": 0.576,
    "mux_luts": 0.926,
    "ram_banks": 1.051,
    "ram_luts": 1.0,
    "ram_mux_bits": 1.161,
    "register_file_bits": 0.716,
    "rom_luts": 1.089,
    "shift_luts": 1.0,
    "sum_luts": 0.803,
}

_WIDE = (1, 2, 4, 9, 18, 36)
_LUT_RAMS = (
    *(
        Ram("distributed", 16, bits, (width,), units, by_width=True, one_address=True,
            by_bit=bits > 5)
        for bits, width, units in ((5, 16, 8), (6, 8, 1), (7, 4, 2), (8, 2, 4))
    ),
    *(
        Ram("distributed", 16, bits, (width,), units, by_width=True, by_bit=True)
        for bits, width, units in ((5, 8, 2), (6, 4, 2), (7, 2, 4), (8, 1, 8))
    ),
    Ram("distributed", 16, 5, (14,), 8, by_width=True),
    Ram("distributed", 16, 6, (7,), 8, by_width=True),
)  # fmt: skip
_TABLES = MemoryPins("DI[A-H]", "DO[A-H]", [("WE",)], {})
_BLOCK = MemoryPins(
    "DI.*",
    "DO.*",
    [("ENARDEN", "WEA"), ("ENBWREN", "WEBWE")],
    {"ADDRARDADDR": "ENARDEN", "ADDRBWRADDR": "ENBWREN"},
)

FAMILY = _Xilinx(
    name="xilinx",
    table_costs=(1, 2, 3, 3, 3, 5, 10, 20),
    inputs=6,
    widest=8,
    chain="xor",
    adds_three=True,
    free_inverters=True,
    multiplier=Multiplier((27, 18), signed_only=True),
    logic_rom_bit=1 / 64,
    rams=(*_LUT_RAMS, Ram("block", 129, 14, _WIDE, 1), Ram("block", 257, 15, (*_WIDE, 72), 2)),
    shift_registers=3,
    factors=FACTORS,
    costs=(
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
    spare_pins={
        **dict.fromkeys(("RAM32M", "RAM64M", "RAM32M16", "RAM64M8"), _TABLES),
        **dict.fromkeys(("RAMB18E1", "RAMB36E1", "RAMB18E2", "RAMB36E2"), _BLOCK),
    },
    models=("xilinx/cells_sim.v",),
    own_models=Path(__file__).with_name("cells") / "xilinx.v",
    commands=("synth_xilinx",),
)

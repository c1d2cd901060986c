"""Intel (Altera) Cyclone V, for areas and netlists: Yosys' synthesis has no placer here.

A `LUT` is half an ALM: a function of five inputs, or a place of a sum. A `DSP` is an 18 x 18
multiplier, half a block; one of 27 x 27 takes two, three of 9 x 9 take two.
Source: Yosys, techlibs/intel_alm, and passes/memory/memory_bram.cc.
"""

from collections.abc import Iterator

from qcompiler.devices.device import Device
from qcompiler.devices.family import Family, Multiplier
from qcompiler.devices.memories import Memory, Placement, Ram
from qcompiler.devices.spare_pins import MemoryPins

# Yosys' model selects a word with a slice whose bounds vary, which no simulator takes. The write
# enable is high in the widest shape and low in others, as techlibs/intel_alm/common/
# bram_m10k_map.v has it.
_MODELS = r"""
module MISTRAL_M10K(CLK1, A1ADDR, A1DATA, A1EN, B1ADDR, B1DATA, B1EN);
    parameter CFG_ABITS = 10;
    parameter CFG_DBITS = 10;
    parameter [(1 << CFG_ABITS) * CFG_DBITS - 1:0] INIT = 0;
    input CLK1, A1EN, B1EN;
    input [CFG_ABITS-1:0] A1ADDR, B1ADDR;
    input [CFG_DBITS-1:0] A1DATA;
    output reg [CFG_DBITS-1:0] B1DATA;
    reg [CFG_DBITS-1:0] words [0:(1 << CFG_ABITS) - 1];
    integer i;
    initial begin
        B1DATA = 0;
        for (i = 0; i < (1 << CFG_ABITS); i = i + 1) words[i] = INIT[i * CFG_DBITS +: CFG_DBITS];
    end
    always @(posedge CLK1) begin
        if (CFG_DBITS == 40 ? A1EN : !A1EN) words[A1ADDR] <= A1DATA;
        if (B1EN) B1DATA <= words[B1ADDR];
    end
endmodule
"""

# What `synth_intel_alm` (0.70) does under its label "coarse", with DSP_SIGNEDONLY: the cells
# that it makes multiply numbers with a sign, whatever was to be multiplied, so that a number
# without one that fills a multiplier would be taken for another.
_MULTIPLIERS = ((27, 19, 4), (27, 4, 19), (18, 10, 4), (18, 4, 10), (9, 4, 4))
_COARSE = (
    *("proc -latches error", "check", "flatten", "tribuf -logic", "deminout", "opt_expr", "check"),
    *("opt_clean", "opt -nodffe -nosdff", "fsm", "opt", "wreduce", "peepopt", "opt_clean"),
    *("share", "techmap -map +/cmp2lut.v -D LUT_WIDTH=6", "opt_expr", "opt_clean"),
    *(
        command
        for bits, least_a, least_b in _MULTIPLIERS
        for command in (
            f"techmap -map +/mul2dsp.v -D DSP_A_MAXWIDTH={bits} -D DSP_B_MAXWIDTH={bits} "
            f"-D DSP_A_MINWIDTH={least_a} -D DSP_B_MINWIDTH={least_b} -D DSP_SIGNEDONLY=1 "
            f"-D DSP_NAME=__MUL{bits}X{bits}",
            "chtype -set $mul t:$__soft_mul",
        )
    ),
    "alumacc",
    "techmap -map +/intel_alm/common/arith_alm_map.v -map +/intel_alm/common/dsp_map.v",
    *("opt", "memory -nomap", "opt_clean"),
)


class _Multiplier(Multiplier, frozen=True):
    def count(self, a: int, b: int, product: int) -> int:
        """Returns how many of 18 x 18 bits multiply, see `Multiplier.count`."""
        return super().count(a, b, product) * (2 if max(a, b) > 18 else 1)


_BLOCK = Ram("block", 0, 13, (1, 2, 5, 10, 20, 40), 1)
_TABLES = Ram("distributed", 0, 5, (1,), 1)
_LEAST_PERCENT = 5


def _efficiencies(ram: Ram, memory: Memory) -> Iterator[tuple[int, int, int]]:
    """Yields how much of a memory is used in each of its shapes: percent, minus copies, banks."""
    for step, unit in enumerate(ram.widths):
        words = 1 << (ram.address_bits - step)
        banks = -(-memory.depth // words)
        copies = banks * -(-memory.width // unit)
        yield 100 * memory.depth * memory.width // (copies * words * unit), -copies, banks


class _CycloneV(Family, frozen=True):
    def script(self, device: Device, top: str, *, dsp: bool) -> list[str]:
        """Returns the commands of Yosys that map `top` to the device's cells."""
        (command,) = super().script(device, top, dsp=dsp)
        if "-nodsp" in command.split():
            return [command]
        return [f"{command} -run begin:coarse", *_COARSE, f"{command} -run map_bram:"]

    def place(self, memory: Memory) -> Placement:
        """Returns where `memory_bram` keeps a memory: whatever style was asked for."""
        for ram in self.rams:
            if memory.rom and ram.kind == "distributed":
                continue  # tables are not initialized
            percent, copies, banks = max(_efficiencies(ram, memory))
            if percent >= _LEAST_PERCENT:
                return Placement(ram, -copies, banks, int(-copies * ram.units))
        return Placement(None)


FAMILY = _CycloneV(
    name="cyclonev",
    inputs=5,
    widest=6,
    multiplier=_Multiplier((27, 27), signed_only=True, least_product=0, least_factor=4),
    logic_rom_bit=1 / 32,
    rams=(_BLOCK, _TABLES),
    costs=(
        ("MISTRAL_ALUT6", {"LUT": 2}),
        (r"MISTRAL_ALUT[2-5]|MISTRAL_NOT", {"LUT": 1}),
        ("MISTRAL_ALUT_ARITH", {"LUT": 1, "CARRY": 1}),
        ("MISTRAL_MLAB", {"LUT": 1, "LUTRAM": 1}),
        ("MISTRAL_FF", {"FF": 1}),
        ("MISTRAL_M10K", {"BRAM": 1}),
        ("MISTRAL_MUL27X27", {"DSP": 2}),
        ("MISTRAL_MUL18X18", {"DSP": 1}),
        ("MISTRAL_MUL9X9", {"DSP": 2 / 3}),
    ),
    spare_pins={"MISTRAL_M10K": MemoryPins("A1DATA", "B1DATA", [()], {})},
    models=tuple(f"intel_alm/common/{part}_sim.v" for part in ("alm", "dff", "dsp", "mem", "misc")),
    own_models=_MODELS,
    commands=("synth_intel_alm",),
)

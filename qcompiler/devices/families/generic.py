"""No family in particular: Yosys' own cells, look-up tables of six inputs, memories kept whole."""

from qcompiler.devices.device import Device
from qcompiler.devices.family import Family
from qcompiler.devices.memories import Ram


class _Generic(Family, frozen=True):
    def script(self, device: Device, top: str, *, dsp: bool) -> list[str]:
        del dsp
        return [
            f"synth -flatten -top {top} -run begin:fine",
            "opt -fast -full",
            "opt -undriven -fine",
            "techmap",
            "opt -fast",
            f"abc -lut {device.logic.lut_inputs}",
            "opt -fast",
            "autoname",
        ]


FAMILY = _Generic(
    name="generic",
    inputs=6,
    widest=6,
    chain="logic",
    logic_rom_bit=1 / 64,
    rams=(Ram("block", 0, 64, (1 << 32,), 1),),  # every memory is kept whole, whatever its size
    costs=(
        (r"\$lut", {"LUT": 1}),
        (r"\$_\w*DFF\w*_", {"FF": 1}),
        (r"\$mem(_v2)?", {"BRAM": 1}),
    ),
    # Those of parts whose cells nobody counts, too: their device files are generic ones.
    commands=(
        "synth", "synth_anlogic", "synth_efinix", "synth_gatemate", "synth_intel_alm",
        "synth_microchip", "synth_quicklogic",
    ),
)  # fmt: skip

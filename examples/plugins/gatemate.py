"""A family of devices, and a part: Cologne Chip GateMate.

    qcc synth DESIGN --device ccgm1a1 --plugin gatemate.py

Half a CPE of GateMate, a tree of look-up tables with four inputs, counts as a LUT. Multipliers are
made of CPEs, too: logic does as well. A BRAM is half a block, 20 Kb.
Figures: Cologne Chip DS1001, "GateMate FPGA Datasheet", CCGM1A1.
"""

from xdsl.universe import Universe

from qcompiler import extend
from qcompiler.devices import BlockRam, Device, Logic, Synthesis
from qcompiler.devices.family import USUAL_DELAYS, Family
from qcompiler.devices.memories import Ram
from qcompiler.devices.spare_pins import two_ports


class _GateMate(Family, frozen=True):
    """How it is synthesized: without multiplexers of four and eight inputs.

    Yosys (0.70) leaves a select of those open where it makes no difference, and nobody can tell
    that from a bit that got lost.
    """

    def script(self, device, top, *, dsp):
        """Returns the commands of `synth_gatemate` without those of its label `map_muxs`."""
        (command,) = super().script(device, top, dsp=dsp)
        return [f"{command} -run begin:map_muxs", "simplemap", f"{command} -run map_luts:"]


class _BlockRam:
    """Data of bits that nobody reads may be open, and so may the masks of these."""

    def spares(self, pin, cell):
        """Returns whether a pin may be `x`."""
        words = [two_ports(f"[AB]_{data}", "[AB]_DO", *_PORT) for data in ("DI", "BM")]
        return any(rule.spares(pin, cell) for rule in words)


_PORT = ("{}_ADDR", "{}_EN", "{}_WE")  # A and B

FAMILY = _GateMate(
    name="gatemate",
    inputs=4,
    widest=4,
    chain="table",
    rams=(
        Ram("block", 129, 14, (1, 2, 5, 10, 20, 40), 1, reads_old=False),
        Ram("block", 257, 15, (1, 2, 5, 10, 20, 40, 80), 2, reads_old=False),
    ),
    costs=(
        (r"CC_LUT\d", {"LUT": 1}),
        ("CC_ADDF", {"LUT": 1, "CARRY": 1}),
        ("CC_DFF", {"FF": 1}),
        ("CC_BRAM_20K", {"BRAM": 1}),
        ("CC_BRAM_40K", {"BRAM": 2}),
    ),
    spare_pins={"CC_BRAM_20K": _BlockRam(), "CC_BRAM_40K": _BlockRam()},
    models=("gatemate/cells_sim.v",),
    commands=("synth_gatemate",),
)

UNIVERSE = Universe()  # the entry point of a package; passes would stand in it

extend.add_family(FAMILY)
extend.add_device(
    Device(
        name="ccgm1a1",
        title="Cologne Chip GateMate CCGM1A1",
        family="gatemate",
        speed="economy",
        logic=Logic(luts=40960, lut_inputs=4, flip_flops=40960),
        block_rams=(BlockRam("CC_BRAM_20K", 64, ((1, 16384), (20, 1024), (40, 512))),),
        dsp=None,
        delays=USUAL_DELAYS,
        synthesis=Synthesis("synth_gatemate -nomult -noiopad -noclkbuf", "", ""),
        place=None,
        vendor=None,
    )
)

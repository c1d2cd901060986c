"""A part as its device file describes it. Figures are those of the data sheet named there."""

from dataclasses import dataclass, field

from msgspec import Struct


class Logic(Struct, frozen=True):
    """Look-up tables and flip-flops.

    Attributes:
        luts: number of look-up tables.
        lut_inputs: inputs of one.
        flip_flops: number of flip-flops.
    """

    luts: int
    lut_inputs: int
    flip_flops: int


class BlockRam(Struct, frozen=True):
    """One kind of block memory.

    Attributes:
        kind: name of the cell, as the vendor calls it.
        count: how many there are.
        shapes: configurations (width in bits, depth in words), one port reading a cycle.
        role: `block`, or `large` for memories without initial contents (SPRAM, LRAM, UltraRAM).
    """

    kind: str
    count: int
    shapes: tuple[tuple[int, int], ...]
    role: str = "block"


class Dsp(Struct, frozen=True):
    """Hard multipliers.

    Attributes:
        kind: name of the cell, as the vendor calls it.
        count: how many there are.
        operand_bits: widths of the two factors, both signed.
    """

    kind: str
    count: int
    operand_bits: tuple[int, int]


class Dram(Struct, frozen=True):
    """Memory outside of the device, and links to others of its kind: what `qcc estimate` asks for.

    Attributes:
        kind: as the vendor calls it.
        channels: that work independently.
        gigabytes: in all.
        gigabytes_per_second: of all channels.
        link_gigabits_per_second: to other devices, of all links; 0 without any.
    """

    kind: str
    channels: int
    gigabytes: float
    gigabytes_per_second: float
    link_gigabits_per_second: float


class Delays(Struct, frozen=True):
    """How long signals take, in ns, the wire that leads to a cell included.

    Attributes:
        register: from the clock edge to a register's output, and the set-up time of the next one.
        lut: through one look-up table.
        carry: into a carry chain and out of it, the table behind it included.
        carry_bit: through one bit of the chain.
        multiplier: through a hard multiplier; 0 if there is none.
        spread: how much more it takes to and from multipliers that stand far from the rest, which
            a second register on each side makes up for.
        block_ram: from the clock edge to the word read of a block memory.
        usable: share of a clock cycle that is planned for; the rest is for long wires.
        wire: the longest wire of a pipeline's stage; 0 if not known, then `usable` stands for it.
        chained: a carry chain behind another one in a pipeline, but for its bits; 0 for `carry`.
    """

    register: float
    lut: float
    carry: float
    carry_bit: float
    multiplier: float
    spread: float
    block_ram: float
    usable: float
    wire: float = 0.0
    chained: float = 0.0


class Synthesis(Struct, frozen=True):
    """How Yosys builds for the part.

    Attributes:
        command: a synth command of Yosys with its options, without `-top`.
        dsp: options that let it use DSP blocks.
        no_dsp: options that keep it from using them.
    """

    command: str
    dsp: str
    no_dsp: str


class PlaceAndRoute(Struct, frozen=True):
    """How nextpnr places and routes.

    Attributes:
        tool: a placer of the family.
        arguments: device, package, speed grade.
        pins: of the measuring wrapper's ports, where the tool cannot choose them itself.
    """

    tool: str
    arguments: tuple[str, ...]
    pins: tuple[tuple[str, str], ...] = ()


class Vendor(Struct, frozen=True):
    """The vendor's tool, and what it calls the part."""

    tool: str
    part: str


@dataclass(frozen=True)
class Device:
    """A part.

    Attributes:
        name: on the command line; also a folder's name.
        title: for people.
        family: its name, see `families`.
        speed: speed class, as the vendor writes it.
        logic: look-up tables and flip-flops.
        block_rams: kinds of block memories.
        dsp: hard multipliers, None without any.
        delays: of signals, for pipeline registers.
        synthesis: Yosys.
        place: nextpnr, None where there is none.
        vendor: None where there is none.
        dram: None where there is none, or nothing is known of it.
        file: its path, if it was given by that; None for a device that is known by its name.
    """

    name: str
    title: str
    family: str
    speed: str
    logic: Logic
    block_rams: tuple[BlockRam, ...]
    dsp: Dsp | None
    delays: Delays
    synthesis: Synthesis
    place: PlaceAndRoute | None
    vendor: Vendor | None
    dram: Dram | None = None
    file: str | None = field(default=None, compare=False)

    def capacity(self) -> dict[str, int]:
        """Returns how many of each resource there are: LUT, FF, BRAM, LARGE (memories), DSP."""
        rams = {
            role: sum(ram.count for ram in self.block_rams if ram.role == role)
            for role in ("block", "large")
        }
        return {
            "LUT": self.logic.luts,
            "FF": self.logic.flip_flops,
            "BRAM": rams["block"],
            "LARGE": rams["large"],
            "DSP": self.dsp.count if self.dsp else 0,
        }

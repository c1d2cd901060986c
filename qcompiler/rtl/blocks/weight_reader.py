"""Reads weights over AXI4 for all units that keep theirs outside of the chip.

                +--> FIFO --> bus of the first source
    m_axi --> R +--> FIFO --> bus of the second source
              ^
              +-- order of the bursts asked for <-- round robin among units with room for a burst

Each unit's weights are a region of the image, read from end to end, again and again. A burst is
asked for when its unit's FIFO has room for all of it, so that what comes is always taken and no
unit waits for another's data. Bursts begin at multiples of their size, a power of two: none crosses
4 KiB. All have one ID, so answers come in the order of the requests.
"""

from collections.abc import Sequence

from msgspec import Struct
from xdsl.dialects import hw

from qcompiler.rtl.blocks.fifo import build_fifo
from qcompiler.rtl.builder import Instance, ModuleBuilder, Signal
from qcompiler.rtl.streaming import Library

BURST_BEATS = 16
OUTSTANDING = 8
FIFO_BEATS = 4 * BURST_BEATS
ADDRESS_BITS = 64
PAGE_BITS = 12
"""The image begins at a multiple of 4 KiB: AXI forbids bursts that cross one."""

MASTER, BASE, FAULT = "m_axi_weights", "weights_base", "weights_fault"


class Region(Struct, frozen=True):
    """The weights of one unit in the image.

    Attributes:
        burst: number of bursts before it.
        beats: of the bus.
    """

    burst: int
    beats: int

    @property
    def bursts(self) -> int:
        """Bursts that read it; the last one may be shorter."""
        return -(-self.beats // BURST_BEATS)


def regions_of(beats: Sequence[int]) -> list[Region]:
    """Returns the regions of an image, one after the other, each from the start of a burst on."""
    regions: list[Region] = []
    burst = 0
    for count in beats:
        regions.append(Region(burst, count))
        burst += regions[-1].bursts
    return regions


def master_ports(bus_bits: int) -> dict[str, tuple[str, int]]:
    """Returns direction and width of the master's wires, by the ends of their names."""
    return {
        "araddr": ("out", ADDRESS_BITS),
        "arlen": ("out", 8),
        "arsize": ("out", 3),
        "arburst": ("out", 2),
        "arcache": ("out", 4),
        "arprot": ("out", 3),
        "arvalid": ("out", 1),
        "arready": ("in", 1),
        "rdata": ("in", bus_bits),
        "rresp": ("in", 2),
        "rlast": ("in", 1),
        "rvalid": ("in", 1),
        "rready": ("out", 1),
    }


class _Unit:
    """The part of the reader that is one unit's."""

    def __init__(self, b: ModuleBuilder, index: int, region: Region):
        self.b, self.index, self.region = b, index, region
        self.ready = b.input(f"out{index}_ready", 1)
        self.room = b.register(f"room{index}", FIFO_BEATS.bit_length(), reset=FIFO_BEATS)
        self.has_room = self.room.compare("uge", BURST_BEATS).named(f"has_room{index}")
        self.number = b.counter(f"burst{index}", region.bursts)

    def burst(self, width: int) -> Signal:
        """Returns the number of the next burst in the image."""
        own = self.number.value.resize(width, signed=False)
        return own + self.region.burst if self.region.burst else own

    @property
    def beats(self) -> Signal:
        """Beats of the next burst."""
        width = self.room.width
        whole = self.b.constant(BURST_BEATS, width)
        last = self.region.beats - (self.region.bursts - 1) * BURST_BEATS
        if self.region.bursts == 1 or last == BURST_BEATS:
            return self.b.constant(last, width)
        return self.b.mux(self.number.at_end, self.b.constant(last, width), whole)

    def connect(self, granted: Signal, fifo: Instance) -> None:
        """Closes the loop: what is asked for takes room, what leaves gives it back."""
        b, width = self.b, self.room.width
        valid = fifo.output(b, "out_valid")
        fifo.connect("out_ready", self.ready)
        b.output(f"out{self.index}_data", fifo.output(b, "out_data"))
        b.output(f"out{self.index}_valid", valid)
        taken = b.mux(granted, self.beats, b.constant(0, width))
        self.room.drive(self.room - taken + (valid & self.ready).zext(width))
        self.number.advance_on(granted)


class _Reader:
    """A reader under construction."""

    def __init__(self, library: Library, prefix: str, regions: Sequence[Region], bus: int):
        self.library, self.prefix, self.bus, self.count = library, prefix, bus, len(regions)
        self.name = f"{prefix}_weight_reader"
        beats = sum(region.beats for region in regions)
        comment = [
            f"Reads the weights of {len(regions)} units over AXI4: {beats} beats of {bus} bits a",
            f"frame, bursts of up to {BURST_BEATS} beats, up to {OUTSTANDING} of them asked for.",
        ]
        self.b = ModuleBuilder(self.name, comment)
        self.burst_bytes = BURST_BEATS * bus // 8
        self.number_bits = max(1, (regions[-1].burst + regions[-1].bursts - 1).bit_length())
        self.base = self.b.input(BASE, ADDRESS_BITS)
        self.given = {
            wire: self.b.input(f"{MASTER}_{wire}", width)
            for wire, (direction, width) in master_ports(bus).items()
            if direction == "in"
        }
        self.units = [_Unit(self.b, i, region) for i, region in enumerate(regions)]

    def build(self) -> hw.HWModuleOp:
        """Returns the module."""
        b = self.b
        asked, sent = b.register("asked", 1, reset=0), b.register("sent", 1, reset=0)
        sent_free = (self.given["arready"] | ~sent).named("sent_free")
        asked_free = (sent_free | ~asked).named("asked_free")
        under_way = b.register("under_way", OUTSTANDING.bit_length(), reset=0)
        may = (asked_free & under_way.compare("ne", OUTSTANDING)).named("may_ask")
        grants = self._grants(may)
        granted = b.pack(grants).compare("ne", 0).named("granted")
        tags = self._order(grants, granted)
        tag, known = tags.output(b, "out_data"), tags.output(b, "out_valid")
        accept = (self.given["rvalid"] & known).named("accept")
        ends = (accept & self.given["rlast"]).named("burst_ends")
        tags.connect("out_ready", ends)
        for unit, grant in zip(self.units, grants, strict=True):
            mine = accept & tag.equals(unit.index) if self.count > 1 else accept
            unit.connect(grant, self._fifo(unit.index, mine))
        one = b.constant(1, under_way.width)
        change = b.mux(granted, one, b.constant(-1, under_way.width))
        under_way.drive(under_way + change, enable=granted ^ ends)
        asked.drive(granted | (asked & ~sent_free))
        sent.drive(asked | (sent & ~self.given["arready"]))
        self._ask(grants, asked_free, (asked & sent_free).named("send"), sent)
        b.output(f"{MASTER}_rready", known)
        fault = b.register("fault", 1, reset=0)
        fault.drive(fault | (accept & self.given["rresp"].bit(1)))
        b.output(FAULT, fault)
        return self.library.add(b.build())

    def _grants(self, may: Signal) -> list[Signal]:
        """Returns which unit's burst is asked for now, at most one: the next after the last one."""
        b = self.b
        able = b.pack([unit.has_room for unit in self.units]).named("able")
        later = b.register("later_units", self.count, reset=0)
        able_later = (able & later).named("able_later")
        first = b.mux(able_later.compare("ne", 0), able_later, able).named("candidates")
        lowest = first & (b.constant(0, self.count) - first)
        granted = (lowest & may.replicate(self.count)).named("grants")
        below = lowest - 1
        later.drive(~(lowest | below), enable=granted.compare("ne", 0))
        return granted.lanes(self.count)

    def _order(self, grants: Sequence[Signal], granted: Signal) -> Instance:
        """Returns the FIFO of the units whose bursts are under way."""
        b, width = self.b, max(1, (self.count - 1).bit_length())
        words = ["Units whose bursts are under way, in the order in which they were asked for."]
        name = f"{self.name}_order"
        fifo = build_fifo(self.library, self.prefix, name, words, width=width, depth=OUTSTANDING)
        numbers = [b.constant(index, width) for index in range(self.count)]
        return b.instance(
            "order",
            self.library.add(fifo),
            in_data=self._chosen(grants, numbers),
            in_valid=granted,
        )

    def _chosen(self, grants: Sequence[Signal], values: Sequence[Signal]) -> Signal:
        """Returns the value of the unit that is granted, of the first one if none is."""
        found = values[0]
        for grant, value in list(zip(grants, values, strict=True))[1:]:
            found = self.b.mux(grant, value, found)
        return found

    def _fifo(self, index: int, valid: Signal) -> Instance:
        """Returns the FIFO of a unit."""
        name = f"{self.name}_fifo"
        words = [f"Beats of {self.bus} bits that a unit has not taken yet."]

        def build() -> hw.HWModuleOp:
            return build_fifo(
                self.library, self.prefix, name, words, width=self.bus, depth=FIFO_BEATS
            )

        fifo = self.library.shared(name, build)
        return self.b.instance(f"fifo{index}", fifo, in_data=self.given["rdata"], in_valid=valid)

    def _ask(self, grants: Sequence[Signal], free: Signal, send: Signal, sent: Signal) -> None:
        """Drives the address channel, two registers after a grant."""
        b = self.b
        bursts = [unit.burst(self.number_bits) for unit in self.units]
        lengths = [(unit.beats - 1).resize(8, signed=False) for unit in self.units]
        burst = b.delay("asked_burst", self._chosen(grants, bursts), enable=free)
        length = b.delay("asked_length", self._chosen(grants, lengths), enable=free)
        low = (self.burst_bytes - 1).bit_length()
        offset = b.concat([burst, b.constant(0, low)]).zext(ADDRESS_BITS)
        page = self.base.slice(PAGE_BITS, ADDRESS_BITS - PAGE_BITS)
        base = b.concat([page, b.constant(0, PAGE_BITS)])
        address = b.delay("address", base + offset, enable=send)
        constants = {
            "arsize": (self.bus // 8).bit_length() - 1,
            "arburst": 1,
            "arcache": 3,
            "arprot": 0,
        }
        b.output(f"{MASTER}_araddr", address)
        b.output(f"{MASTER}_arlen", b.delay("burst_length", length, enable=send))
        for wire, value in constants.items():
            width = master_ports(self.bus)[wire][1]
            b.output(f"{MASTER}_{wire}", b.constant(value, width))
        b.output(f"{MASTER}_arvalid", sent)


def build_reader(
    library: Library, prefix: str, beats: Sequence[int], bus_bits: int
) -> hw.HWModuleOp:
    """Returns the module that reads the weights of units.

    Args:
        library: of the modules so far.
        prefix: name of the design.
        beats: of the bus, per unit.
        bus_bits: data of a beat.
    """
    return _Reader(library, prefix, regions_of(beats), bus_bits).build()

"""How long logic takes on a device, before it is built: sums, products, comparisons, memories.

The figures of cells come from the device file; how many of them are in series follows from widths.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from qcompiler.devices.device import Device
from qcompiler.devices.families import FAMILIES
from qcompiler.devices.family import PIECE_BITS
from qcompiler.devices.library import DEFAULT_DEVICE, load_device
from qcompiler.devices.memories import Memory

DEFAULT_MHZ = 100.0
"""The clock that is aimed at if none is asked for."""

_ADDERS_ALONE = 2
"""Terms that a carry chain adds."""


class Segment(Struct, frozen=True):
    """Logic on the way through a block.

    Attributes:
        cut: the name of the registers that may stand before it; empty where none may.
        ns: how long it takes.
        spread: how much more if it stands far from the registers around it.
    """

    cut: str
    ns: float
    spread: float = 0.0


def _joined(segments: Sequence[Segment]) -> list[Segment]:
    """Returns the segments, those that no cut stands before as a part of those before them."""
    found: list[Segment] = []
    for segment in segments:
        if segment.cut or not found:
            found.append(segment)
        else:
            found[-1] = replace(found[-1], ns=found[-1].ns + segment.ns)
    return found


class DelayModel(Struct, frozen=True):
    """How long logic takes on a device, and how long it may take.

    Attributes:
        device: the part.
        mhz: the clock that is aimed at.
    """

    device: Device
    mhz: float

    @staticmethod
    def of(device: str | None, mhz: float = DEFAULT_MHZ) -> "DelayModel":
        """Returns the model of the device that is called so, without a name of the default one."""
        return DelayModel(load_device(device or DEFAULT_DEVICE), mhz)

    @property
    def budget(self) -> float:
        """Nanoseconds of logic between two registers."""
        delays = self.device.delays
        return 1e3 / self.mhz * delays.usable - delays.register

    @property
    def pipeline_budget(self) -> float:
        """Nanoseconds of logic in a pipeline's stage, one long wire aside where it is known.

        Stages of many thousand paths have one wire that is much longer than all others, however
        many chains lie on its way.
        """
        delays = self.device.delays
        return 1e3 / self.mhz - delays.register - delays.wire if delays.wire else self.budget

    def cuts(self, segments: Sequence[Segment], start: float = 0.0) -> dict[str, int]:
        """Returns where registers must stand so that no stretch is longer than the budget.

        A segment that is longer by itself gets registers around it.

        Args:
            segments: in series.
            start: how much later than a register's output the first one's input comes.
        """
        found: dict[str, int] = {}
        at, away = start, False  # from the last register; behind logic that stands far away
        for segment in _joined(segments):
            far = segment.spread > 0 and segment.ns + segment.spread > self.budget
            if segment.cut and (away or far or (at > 0 and at + segment.ns > self.budget)):
                # One register here and one there, with a cycle for the wires between them. The
                # first of a block's own registers stands here already.
                found[segment.cut] = 2 if away or (far and at > 0) else 1
                at = 0.0
            at += segment.ns
            away = far
        return found

    def tables(self, inputs: int) -> float:
        """Returns how long a function of so many inputs takes: levels of look-up tables."""
        levels, left, each = 0, inputs, FAMILIES[self.device.family].inputs
        while left > 1:
            left = -(-left // each)
            levels += 1
        return levels * self.device.delays.lut

    def words(self, address_bits: int) -> float:
        """Returns how long a table of constants in logic takes: four are chosen among a level."""
        beyond = max(address_bits - FAMILIES[self.device.family].inputs, 0)
        return self.device.delays.lut * (1 + -(-beyond // 2))

    def add(self, terms: int, width: int) -> float:
        """Returns how long the sum of so many terms takes: full adders, then a carry chain."""
        if terms < _ADDERS_ALONE:
            return 0.0
        levels = 0
        while terms > _ADDERS_ALONE:  # three become two
            terms -= terms // 3
            levels += 1
        delays = self.device.delays
        return levels * delays.lut + delays.carry + width * delays.carry_bit

    def chained(self, terms: int) -> float:
        """Returns by how much a sum of wires lengthens the way through many, bit beside bit.

        Each waits for the first bit of the one before it, and only the last for all its carries:
        `ripple` has those.
        """
        delays = self.device.delays
        first = delays.chained or delays.carry
        return first + self.add(max(terms, _ADDERS_ALONE), 0) - delays.carry

    def ripple(self, width: int) -> float:
        """Returns how long a carry takes through so many places."""
        return width * self.device.delays.carry_bit

    def compare(self, width: int) -> float:
        """Returns how long a comparison takes, with what is selected by it."""
        return self.add(_ADDERS_ALONE, width) + self.device.delays.lut

    def multiply(self, a: int, b: int, width: int) -> float:
        """Returns how long the product of numbers of `a` and `b` bits takes, `width` bits of it."""
        if min(a, b) < 2:
            return self.device.delays.lut
        multiplier = FAMILIES[self.device.family].multiplier
        dsp = self.device.dsp and multiplier
        pieces = multiplier.count(a, b, min(width, a + b)) if dsp and multiplier else 0
        if not pieces:
            return self.multiply_in_logic(a, b, width)
        return self.device.delays.multiplier + self.add(pieces, width)

    def multiply_in_logic(self, a: int, b: int, width: int) -> float:
        """Returns how long the same product takes as a sum of shifted copies."""
        return self.device.delays.lut + self.add(min(a, b), width)

    def product(self, cut: str, a: int, b: int, width: int) -> Segment:
        """Returns a product as a segment, see `multiply`."""
        ns = self.multiply(a, b, width)
        return Segment(cut, ns, self._spread(a, b, width))

    def _spread(self, a: int, b: int, width: int) -> float:
        multiplier = FAMILIES[self.device.family].multiplier
        if self.device.dsp is None or multiplier is None:
            return 0.0
        hard = multiplier.count(a, b, min(width, a + b)) > 0
        return self.device.delays.spread if hard else 0.0

    def is_long(self, a: int, b: int, width: int) -> bool:
        """Whether a product takes several hard multipliers, so that it is worth being cut."""
        multiplier = FAMILIES[self.device.family].multiplier
        if not self.device.dsp or multiplier is None or max(a, b) <= PIECE_BITS + 1:
            return False
        return multiplier.count(a, b, min(width, a + b)) > 1

    def read(self, depth: int, width: int, *, rom: bool) -> float:
        """Returns how much later than a register's output what a memory reads comes."""
        family = FAMILIES[self.device.family]
        found = family.place(Memory(depth, width, rom=rom))
        if found.ram is None or found.ram.kind != "block":
            return 0.0
        delays = self.device.delays
        banks = delays.lut * (found.banks - 1).bit_length()
        return max(0.0, delays.block_ram - delays.register) + banks

"""What the synthesis of each family does with adders, multiplications and memories."""

from dataclasses import dataclass, replace
from functools import cached_property

from qcompiler.devices.memories import Memory, Placement, Ram, place

PIECE_BITS = 17
"""With a sign bit, this many fit in the hard multipliers of every part that has 18 bits."""


@dataclass(frozen=True)
class Multiplier:
    """A family's hard multipliers, and when they are used.

    Attributes:
        factors: widths in bits, the longer one first.
        signed_only: whether numbers without a sign need a bit more.
        least_product: bits that the product must have; below, logic is taken.
        least_factor: the same of each factor.
    """

    factors: tuple[int, int]
    signed_only: bool = False
    least_product: int = 9
    least_factor: int = 2

    def count(self, a: int, b: int, product: int) -> int:
        """Returns how many multiply numbers of `a` and `b` bits, of which `product` bits are used.

        0 if logic does. Both are two's complement. Longer factors are cut into pieces.
        """
        long, short = max(a, b), min(a, b)
        if short < self.least_factor or product < self.least_product:
            return 0
        return self._pieces(long, self.factors[0]) * self._pieces(short, self.factors[1])

    def _pieces(self, width: int, most: int) -> int:
        """Returns how many pieces of a factor hard blocks multiply; a last one may be too short."""
        if width <= most:
            return 1
        each = most - self.signed_only
        full = -(-(width - most) // each)
        return full + (width - full * each >= self.least_factor)


@dataclass(frozen=True)
class Family:
    """How a family's cells are used.

    Attributes:
        inputs: of a look-up table.
        widest: inputs of the widest function that tables make with free multiplexers behind them.
        chain: how carries are made: `pair` (cells of two bits that take two tables and both
            operands), `xor` (the sum of each place is made in a table before), `table` (each place
            takes a table), `logic` (none).
        shortest_chain: places from which on carries have a chain; fewer are gates.
        multiplier: None without.
        logic_rom_bit: price of a constant bit in logic, see `Ram`.
        rams: kinds of memories.
        absorbs: whether multipliers and block memories take registers, see `absorbed.py`.
        constants_for: so many multipliers share two tables of constants; 0 if there are none.
        shift_registers: registers in a row from which on tables take them; 0 if they never do.
    """

    inputs: int
    widest: int
    chain: str
    shortest_chain: int
    multiplier: Multiplier | None
    logic_rom_bit: float
    rams: tuple[Ram, ...]
    absorbs: bool = False
    constants_for: int = 0
    shift_registers: int = 0

    def without_multipliers(self) -> "Family":
        """Returns the rules of a part that has none, or may not use them."""
        return replace(self, multiplier=None)

    def place(self, memory: Memory) -> Placement:
        """Returns where a memory is kept."""
        if memory not in self._placed:
            self._placed[memory] = place(self.rams, memory, self.logic_rom_bit)
        return self._placed[memory]

    @cached_property
    def _placed(self) -> dict[Memory, Placement]:
        return {}  # a folding search asks for the same ones thousands of times


@dataclass(frozen=True)
class Rules:
    """What a family makes of arithmetic.

    Attributes:
        multiplier: hard ones, None without.
        shortest_chain: places from which on carries have a chain; fewer are gates.
    """

    multiplier: Multiplier | None
    shortest_chain: int


_WIDE = (1, 2, 4, 9, 18, 36)
_TRELLIS = (
    Ram("distributed", 4, 4, (4,), 4),
    Ram("block", 128, 14, (1, 2, 4, 9, 18), 1, reads_old=False, one_port=True),
    Ram("block", 128, 14, _WIDE, 1, reads_old=False),
)
_XILINX_BLOCKS = (
    Ram("block", 129, 14, _WIDE, 1),
    Ram("block", 257, 15, (*_WIDE, 72), 2),
)
FAMILIES = {
    "ecp5": Family(
        4, 7, "pair", 5, Multiplier((18, 18), least_product=0), 1 / 16, _TRELLIS, absorbs=True,
        constants_for=4,
    ),
    "nexus": Family(4, 6, "pair", 5, Multiplier((18, 18)), 1 / 16, _TRELLIS),
    "ice40": Family(
        4, 4, "table", 3, Multiplier((16, 16), least_product=11), 1 / 16,
        (Ram("block", 64, 11, (2, 4, 8, 16), 1, reads_old=False),),
    ),
    "gowin": Family(4, 8, "table", 3, Multiplier((18, 18)), 1 / 16, (
        Ram("distributed", 4, 4, (4,), 4), Ram("block", 128, 14, _WIDE, 1, reads_old=False),
    )),
    "xilinx": Family(6, 4, "xor", 3, Multiplier((27, 18), signed_only=True), 1 / 64, (
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
        *_XILINX_BLOCKS,
    ), shift_registers=3),
    # Every memory is kept whole, whatever its size.
    "generic": Family(6, 6, "logic", 3, None, 1 / 64, (Ram("block", 0, 64, (1 << 32,), 1),)),
}  # fmt: skip

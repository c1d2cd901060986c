"""Factors of products, in pieces that fit in hard multipliers."""

from dataclasses import dataclass

from qcompiler.rtl.builder import ModuleBuilder, Signal

PIECE_BITS = 17
"""With a sign bit, this many fit in the hard multipliers of every part that has 18 bits."""


@dataclass(frozen=True)
class Factor:
    """A number of a module under construction, or a constant, of its own width.

    Attributes:
        builder: of the module.
        value: the number.
        signed: whether a signal is two's complement.
    """

    builder: ModuleBuilder
    value: Signal | int
    signed: bool = True

    def wide(self, width: int) -> Signal:
        """Returns the number in `width` bits, modulo 2**width."""
        if isinstance(self.value, int):
            return self.builder.constant(self.value, width)
        return self.value.resize(width, signed=self.signed)

    def pieces(self) -> list[tuple[int, "Factor"]]:
        """Returns (place of the lowest bit, piece) of each part; their sum is the number."""
        found: list[tuple[int, Factor]] = []
        rest: Factor = self
        place = 0
        while rest.bits > PIECE_BITS + 1:
            low, rest = rest.split()
            found.append((place, low))
            place += PIECE_BITS
        return [*found, (place, rest)]

    @property
    def bits(self) -> int:
        """Two's complement width of the number."""
        if isinstance(self.value, int):
            return max(self.value, ~self.value).bit_length() + 1
        return self.value.width + (not self.signed)

    def split(self) -> "tuple[Factor, Factor]":
        """Returns the lowest `PIECE_BITS`, which have no sign, and what is above."""
        if isinstance(self.value, int):
            low = self.value & ((1 << PIECE_BITS) - 1)
            return Factor(self.builder, low), Factor(self.builder, self.value >> PIECE_BITS)
        high = self.value.slice(PIECE_BITS, self.value.width - PIECE_BITS)
        low = Factor(self.builder, self.value.slice(0, PIECE_BITS), signed=False)
        return low, Factor(self.builder, high, signed=self.signed)

"""Products in several cycles: factors are cut, and pieces are multiplied one after the other."""

from msgspec import Struct

from qcompiler.arith.ranges import IntRange

MOST_ROWS = 4
"""Bits of a factor's piece that are rows of adders; a longer piece is worth a multiplier."""


class Turns(Struct, frozen=True):
    """How a product is cut.

    The number is cut into `number_pieces`, the factor into `count / number_pieces`.

    Attributes:
        count: cycles of a product, 1 for all at once.
        number_pieces: divides `count`.
        in_logic: whether adders make all of it at once, and no hard multiplier.
    """

    count: int = 1
    number_pieces: int = 1
    in_logic: bool = False

    @property
    def factor_pieces(self) -> int:
        """How many pieces the factor is cut into."""
        return self.count // self.number_pieces

    def bits(self, number: IntRange, factor: IntRange) -> int:
        """Returns how many bits a piece has: of the factor, and of the number if that is cut."""
        bits = -(-factor.width_bits // self.factor_pieces)
        if self.number_pieces == 1:
            return bits
        return max(bits, -(-number.width_bits // self.number_pieces))

    @property
    def order(self) -> list[tuple[int, int, bool]]:
        """What is multiplied in each cycle: (piece of the number, of the factor, whether lower).

        Piece 0 is the lowest. The sum of the products before moves up by a piece where the product
        of this cycle is lower by one than that of the cycle before.
        """
        number, factor = self.number_pieces, self.factor_pieces
        found: list[tuple[int, int, bool]] = []
        for place in reversed(range(number + factor - 1)):
            pairs = [(i, place - i) for i in range(number) if 0 <= place - i < factor]
            found += [(*pair, k == 0) for k, pair in enumerate(pairs)]
        return found


ONCE, IN_LOGIC = Turns(), Turns(in_logic=True)

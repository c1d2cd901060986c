"""Sums of many terms as synthesis tools make them: full adders save carries, one adder adds them.

Source: Yosys, passes/techmap/maccmap.cc.
"""

from collections.abc import Sequence

from qcompiler.analysis.area.gates import FALSE, TRUE, Gates


class Columns:
    """Bits to be added, by weight, modulo 2**width."""

    def __init__(self, gates: Gates, width: int):
        self.saved = False
        self._gates = gates
        self._columns: list[dict[int, None]] = [{} for _ in range(width)]

    def bit(self, literal: int, column: int) -> None:
        """Adds a bit; a second one of the same signal is one bit in the next column."""
        while column < len(self._columns) and literal != FALSE:
            if literal not in self._columns[column]:
                self._columns[column][literal] = None
                return
            del self._columns[column][literal]
            column += 1

    def term(self, bits: Sequence[int], *, negative: bool = False) -> None:
        """Adds or subtracts a number of the full width."""
        if negative:
            self.bit(TRUE, 0)
        for column, literal in enumerate(bits):
            self.bit(literal ^ negative, column)

    def product(self, a: Sequence[int], b: Sequence[int], *, negative: bool = False) -> None:
        """Adds or subtracts a product of two's complement numbers."""
        width = len(self._columns)
        if len(a) < len(b):
            a, b = b, a
        long = [*a, *[a[-1]] * (width - len(a))][:width]
        b = b[:width]
        for shift, literal in enumerate(b):
            part = [FALSE] * shift + long[: width - shift]
            if shift == len(b) - 1:  # the sign bit's weight is negative: -p = ~p + 1
                inverted = [FALSE] * shift + [bit ^ 1 for bit in long[: width - shift]]
                self.term([self._gates.both(bit, literal) for bit in inverted], negative=negative)
                one = [FALSE] * shift + [literal]
                self.term(one + [FALSE] * (width - len(one)), negative=negative)
            else:
                self.term([self._gates.both(bit, literal) for bit in part], negative=negative)

    def two_rows(self) -> tuple[list[int], list[int]]:
        """Returns two numbers with the same sum; `saved` says whether full adders made them."""
        rows, singles = self._rows()
        width = len(self._columns)
        self.saved = len(rows) > 2
        while len(rows) > 2:
            reduced: list[list[int]] = []
            for i in range(0, len(rows) - 2, 3):
                sums, carries = self._full_adders(rows[i], rows[i + 1], rows[i + 2])
                extra = singles.pop() if singles else FALSE
                reduced += [sums, [extra, *carries[: width - 1]]]
            rows = reduced + rows[len(rows) // 3 * 3 :]
        rows += [[FALSE] * width] * (2 - len(rows))
        return rows[0], rows[1]

    def _rows(self) -> tuple[list[list[int]], list[int]]:
        """Returns rows with a bit of each column, and bits for the free places of carries."""
        left = [list(column) for column in self._columns]
        rows: list[list[int]] = []
        singles: list[int] = []
        while any(left):
            rows.append([column.pop(0) if column else FALSE for column in left])
            free = max(len(rows) - 2, 0) - len(singles)
            for weight, column in enumerate(left):
                while column and 1 << weight <= free:
                    singles += [column.pop(0)] * (1 << weight)
                    free -= 1 << weight
                if 1 << weight > free:
                    break
        return rows, singles

    def _full_adders(
        self, a: Sequence[int], b: Sequence[int], c: Sequence[int]
    ) -> tuple[list[int], list[int]]:
        gates = self._gates
        sums: list[int] = []
        carries: list[int] = []
        for x, y, z in zip(a, b, c, strict=True):
            sums.append(gates.differ(gates.differ(x, y), z))
            carries.append(gates.majority(x, y, z))
        return sums, carries

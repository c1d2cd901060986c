"""Registers in a row of which a family makes shift registers, in look-up tables.

They have no reset and one enable, and nothing but the next one reads all but the last. A row may
go on inside an instance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from qcompiler.analysis.area.absorbed import wires
from qcompiler.analysis.area.blocks import Block
from qcompiler.analysis.area.circuit import Circuit
from qcompiler.analysis.area.gates import TRUE
from qcompiler.dialects import rtl

_MOST = 32
"""Registers that a table takes."""


class Rest(Struct, frozen=True):
    """A row of registers from a port on.

    Attributes:
        length: registers.
        enable: literal of their clock enable, None if they have none.
    """

    length: int
    enable: int | None


class Rows(Struct):
    """Rows of registers in a circuit.

    Attributes:
        enable: of each register that can be in one, by its output.
        before: the register before another one, by their outputs.
        source: literals that registers take, by their output.
        readers: registers that read a literal, and `None` for anything else.
    """

    enable: dict[int, int | None] = field(default_factory=dict[int, int | None])
    before: dict[int, int] = field(default_factory=dict[int, int])
    source: Mapping[int, int] = field(default_factory=dict[int, int])
    readers: Mapping[int, set[int | None]] = field(default_factory=dict[int, set[int | None]])

    @classmethod
    def of(
        cls, circuit: Circuit, live: set[int], heads: Iterable[Block], inner: Iterable[int] = ()
    ) -> Rows:
        """Finds them.

        Args:
            circuit: the module.
            live: literals of leaves that something depends on.
            heads: memories whose words are in registers.
            inner: literals that rows inside instances go on from: these are no readers.
        """
        rows = cls()
        rows.source, rows.readers = wires(circuit, live, [frozenset(inner)])
        for block in circuit.blocks:
            if block.kind == "register" and block.enable[1] is None:
                rows.enable.update((bit, block.enable[0]) for bit in block.makes if bit in live)
        for block in heads:
            op = block.op
            assert isinstance(op, rtl.RomOp | rtl.RamOp)
            (bit,) = circuit.bits(op.enable if isinstance(op, rtl.RomOp) else op.read_enable)
            enable = bit if bit > TRUE else None
            rows.enable.update((made, enable) for made in block.makes if made in live)
        for bit, taken in rows.source.items():
            same = taken in rows.enable and rows.enable[taken] == rows.enable[bit]
            if same and rows.readers.get(taken) == {bit}:
                rows.before[bit] = taken
        return rows

    def length(self, bit: int) -> int:
        """Returns how many registers there are up to one."""
        length = 1
        while bit in self.before:
            bit = self.before[bit]
            length += 1
        return length

    def ends(self) -> set[int]:
        """Returns the outputs of the last registers of rows."""
        return self.enable.keys() - set(self.before.values())

    def rests(self, port: Iterable[int]) -> dict[int, Rest]:
        """Returns what goes on from the literals of a port."""
        after = {taken: bit for bit, taken in self.before.items()}
        found: dict[int, Rest] = {}
        for literal in port:
            taken = self.readers.get(literal, set())
            (bit,) = taken if len(taken) == 1 else (None,)
            if bit is None or bit not in self.enable or self.source.get(bit) != literal:
                continue
            length, enable = 1, self.enable[bit]
            while bit in after:
                bit = after[bit]
                length += 1
            found[literal] = Rest(length, enable)
        return found


def shift_registers(rows: Rows, inner: Mapping[int, Rest], shortest: int) -> Counter[str]:
    """Returns what they change: flip-flops that go, and tables that come.

    Args:
        rows: of a circuit.
        inner: rows that go on inside instances, by the literal that these take. Their registers are
            among the instances' counts, and those of at least `shortest` are shift registers there.
        shortest: so many registers at least.
    """
    found = Counter[str]()
    for bit in rows.ends():
        length, rest = rows.length(bit), inner.get(bit)
        if rest is None or rest.enable != rows.enable[bit] or rows.readers.get(bit):
            rest = Rest(0, None)
        if length + rest.length < shortest:
            continue
        there = rest.length >= shortest
        found["ff"] -= length + (0 if there else rest.length)
        found["shift_luts"] += -(-(length + rest.length) // _MOST) - there
    return found

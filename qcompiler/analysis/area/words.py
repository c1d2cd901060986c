"""How long numbers are for a tool that looks at words, before it looks at gates.

An adder is as long as its operands without the copies of their signs, or without zeros above them,
and one place more. The tool follows such copies through wires, registers and other adders. Those
that come out of gates, it finds when the adders are made: registers of equal bits are one, but
adders behind them stay.

Source: Yosys, passes/opt/wreduce.cc.
"""

from collections.abc import Callable, Mapping, Sequence

from xdsl.dialects import comb, hw
from xdsl.ir import SSAValue

from qcompiler.analysis.area.blocks import Bits, stripped
from qcompiler.analysis.area.gates import FALSE, TRUE


class Words:
    """Lengths of the values of a module."""

    def __init__(self, bits: Mapping[SSAValue, Bits], is_late: Callable[[SSAValue], bool]):
        """Starts.

        Args:
            bits: the literals of each value; more may come. None are those of a part of a sum.
            is_late: whether a value's constants come out of a ROM, into which no tool looks yet.
        """
        self._bits = bits
        self._is_late = is_late
        self._signed: dict[SSAValue, int] = {}

    def keep(self, value: SSAValue, signed: int) -> None:
        """Says how long an adder's or a register's value is as a two's complement number."""
        self._signed[value] = signed

    def signed(self, value: SSAValue) -> int:
        """Returns the bits of a two's complement number that are no copies of its sign."""
        if value not in self._signed:
            self._signed[value] = self._found(value)
        return self._signed[value]

    def unsigned(self, value: SSAValue) -> int:
        """Returns the bits of a number below zeros, at least 1."""
        bits = self._bits.get(value)
        if not bits:
            return self._signed[value]
        if isinstance(value.owner, comb.ConcatOp):
            start = len(bits)
            for operand in value.owner.operands:
                start -= len(self._bits[operand])
                length = self.unsigned(operand)
                if length > 1 or self._bits[operand][0] != FALSE or not start:
                    return start + length
        if self._is_late(value):
            return len(bits)
        length = len(bits)
        while length > 1 and bits[length - 1] == FALSE:
            length -= 1
        return length

    def longest(self, values: Sequence[SSAValue], *, signed: bool) -> int:
        """Returns the bits of the longest of some numbers."""
        return max(self.signed(value) if signed else self.unsigned(value) for value in values)

    def total(self, terms: Sequence[tuple[SSAValue, bool]], width: int) -> tuple[int, bool]:
        """Returns the places of a sum's adder, and whether what is above are copies of its sign.

        Args:
            terms: at least two, and whether each is subtracted.
            width: bits of the sum.
        """
        signed = [self.signed(value) for value, _ in terms]
        unsigned = [self.unsigned(value) for value, _ in terms]
        products = not all(self._bits.get(value) for value, _ in terms)
        copies = products or max(signed) < max(unsigned)
        lengths = signed if copies else unsigned
        places = lengths[0]
        for length in lengths[1:]:
            places = max(places, length) + 1
        return min(width, places), copies or any(negative for _, negative in terms)

    def _found(self, value: SSAValue) -> int:
        bits = self._bits[value]
        width, length = len(bits), len(stripped(bits))
        op = value.owner
        if not self._is_late(value) and all(bit <= TRUE for bit in bits):
            return length
        if isinstance(op, comb.ConcatOp):
            start = width
            for operand in op.operands:
                start -= len(self._bits[operand])
                if length > start or not start:
                    return max(length, start + self.signed(operand))
        if isinstance(op, comb.MuxOp) and self._bits[op.cond][0] <= TRUE:
            return self.signed(op.true_value if self._bits[op.cond][0] else op.false_value)
        if isinstance(op, comb.ExtractOp):
            low = op.low_bit.value.data
            return max(length, min(width, self.signed(op.input) - low))
        known = isinstance(op, comb.ReplicateOp | hw.ConstantOp) or bits[-1] <= TRUE
        return length if known and not self._is_late(value) else width

"""What sums and products become: chains of carries, full adders, hard multipliers."""

from __future__ import annotations

from collections.abc import Callable

from xdsl.dialects import comb
from xdsl.ir import Operation, SSAValue

from qcompiler.analysis.area.blocks import Bits, Block, partial_products, stripped, width_of
from qcompiler.analysis.area.columns import Columns
from qcompiler.analysis.area.gates import FALSE, TRUE, Gates
from qcompiler.analysis.area.words import Words
from qcompiler.devices.family import Rules

_SUMS = frozenset({comb.AddOp, comb.SubOp})
_TWO = 2
"""Numbers that a chain adds."""


class Arithmetic:
    """Sums, products and comparisons of one module."""

    def __init__(
        self,
        gates: Gates,
        blocks: list[Block],
        bits: dict[SSAValue, Bits],
        rules: Rules,
        is_late: Callable[[SSAValue], bool],
    ):
        """Starts.

        Args:
            gates: the module's; more are added.
            blocks: the module's; adders and multipliers are added.
            bits: literals of each value; what is read here is added.
            rules: of the family.
            is_late: whether a value's constants come out of a ROM.
        """
        self.words = Words(bits, is_late)
        self._gates = gates
        self._blocks = blocks
        self._bits = bits
        self._rules = rules
        self._is_late = is_late
        self._soft: dict[SSAValue, tuple[Bits, Bits]] = {}
        self._parts: dict[SSAValue, list[Bits]] = {}

    def less(self, a: Bits, b: Bits, kind: str) -> int:
        """Returns a < b, for signed numbers if `kind` is s, as gates."""
        flip = int(kind == "s")
        a, b = [*a[:-1], a[-1] ^ flip], [*b[:-1], b[-1] ^ flip]
        return self._ripple(a, [bit ^ 1 for bit in b], TRUE)[-1] ^ 1

    def _ripple(self, a: Bits, b: Bits, carry: int) -> Bits:
        """Returns the sum of two numbers and its carry, as gates."""
        made: Bits = []
        for x, y in zip(a, b, strict=True):
            made.append(self._gates.differ(self._gates.differ(x, y), carry))
            carry = self._gates.majority(x, y, carry)
        return [*made, carry]

    def multiply(self, op: comb.MulOp) -> None:
        """Reads a product: its literals are known then, or none if a sum takes it in."""
        self._product(op)
        if made := self._bits[op.result]:
            self.words.keep(op.result, len(stripped(made)))

    def _product(self, op: comb.MulOp) -> None:
        a, b = (self._factor(operand) for operand in op.operands)
        width = width_of(op.result)
        shift = 0
        for factor, operand in zip((a, b), op.operands, strict=True):
            if all(bit <= TRUE for bit in factor) and not self._is_late(operand):
                while len(factor) > 1 and factor[0] == FALSE:  # zeros below are wires
                    del factor[0]
                    shift += 1
                if factor in ([TRUE], [TRUE, FALSE], [FALSE]):  # a power of two, or nothing
                    shift = width
        kept = max(0, width - shift)
        used = min(kept, len(a) + len(b))
        if kept and self._is_hard(a, b, used):
            zeros = [FALSE] * (width - kept)
            parts = [zeros + part for part in self._in_pieces(a, b, kept, op)]
            if len(parts) == 2 and self._joins_sum(op.result):
                self._parts[op.result], self._bits[op.result] = parts, []
                self.words.keep(op.result, width)
            else:
                whole = len(parts) == 1
                self._bits[op.result] = parts[0] if whole else self._adder(parts[0], parts[1], op)
            return
        a, b = (self._factor(operand) for operand in op.operands)
        self._soft[op.result], self._bits[op.result] = (a, b), []
        self.words.keep(op.result, min(width, len(a) + len(b)))
        if not self._joins_sum(op.result):
            self._bits[op.result] = self._sum([(op.result, False)], width, op)

    def _is_hard(self, a: Bits, b: Bits, used: int) -> bool:
        multiplier = self._rules.multiplier
        return multiplier is not None and bool(multiplier.count(len(a), len(b), used))

    def _in_pieces(self, a: Bits, b: Bits, width: int, op: Operation) -> list[Bits]:
        """Returns a product of hard blocks, or two numbers with that sum if it takes several."""
        assert self._rules.multiplier is not None, "the caller looked"
        parts: list[Bits] = []
        for x, y, shift in partial_products(a, b, self._rules.multiplier):
            used = min(width - shift, len(x) + len(y))
            if used <= 0:
                continue
            if self._is_hard(x, y, used):
                made = self._gates.leaves(used)
                self._blocks.append(Block("multiplier", x + y, made, op, (len(x), len(y), used)))
            else:
                columns = Columns(self._gates, used)
                columns.product(x, y)
                made = self._sum_of(columns, op)
            part = [FALSE] * shift + made
            part += [part[-1]] * (width - len(part))
            if len(parts) == 2:
                parts = [self._adder(parts[0], parts[1], op)]
            parts.append(part)
        return parts

    def _factor(self, value: SSAValue) -> Bits:
        """Returns a factor without the copies of its sign that the tool sees."""
        return list(self._bits[value][: self.words.signed(value)])

    def _joins_sum(self, value: SSAValue) -> bool:
        """Whether a value is one term of one sum, and part of that sum for a tool."""
        uses = list(value.uses)
        return len(uses) == 1 and type(uses[0].operation) in _SUMS

    def add(self, op: comb.AddOp | comb.SubOp) -> None:
        """Reads a sum or difference: its literals are known then, or none if a sum takes it in."""
        result = op.results[0]
        if self._joins_sum(result):
            self._bits[result] = []
            return
        self._bits[result] = self._sum(self._terms(op), width_of(result), op)

    def chained(self, terms: list[tuple[Bits, bool]], op: Operation) -> Bits:
        """Returns a sum of terms of equal width, each negated or not, by chains."""
        width = len(terms[0][0])
        if self._rules.adds_three and len(terms) > _TWO and width >= self._rules.shortest_chain:
            # The tables of the chain take two numbers, and the carries of three below them.
            made = self._chain(self._gates.leaves(width), self._gates.leaves(width), op)
            self._blocks[-1].terms = [*zip(*(bits for bits, _ in terms), strict=True)]
            return made
        (first, negative), *others = sorted(terms, key=lambda term: term[1])
        made = self._adder([FALSE] * len(first), first, op, negative=True) if negative else first
        for bits, minus in others:
            made = self._adder(made, bits, op, negative=minus)
        return made

    def _terms(self, op: Operation) -> list[tuple[SSAValue, bool]]:
        """Returns the terms of a sum and whether each is subtracted, those of inner sums too."""
        found: list[tuple[SSAValue, bool]] = []
        for i, operand in enumerate(op.operands):
            negative = isinstance(op, comb.SubOp) and i == 1
            owner = operand.owner
            if isinstance(owner, comb.AddOp | comb.SubOp) and self._joins_sum(operand):
                found += [(value, sign ^ negative) for value, sign in self._terms(owner)]
            else:
                found.append((operand, negative))
        return found

    def _sum(self, terms: list[tuple[SSAValue, bool]], width: int, op: Operation) -> Bits:
        places, copies = self.words.total(terms, width)
        made = self._cut_sum(terms, places, op)
        result = op.results[0]
        if places < width:
            self.words.keep(result, places if copies else places + 1)
            made += [made[-1] if copies else FALSE] * (width - places)
        return made

    def _cut_sum(self, terms: list[tuple[SSAValue, bool]], width: int, op: Operation) -> Bits:
        """Returns a sum modulo 2**width."""
        products = [not self._bits.get(value) for value, _ in terms]
        if len(terms) == 2 and not any(products) and not all(negative for _, negative in terms):
            (a, _), (b, negative) = sorted(terms, key=lambda term: term[1])
            return self._adder(self._bits[a][:width], self._bits[b][:width], op, negative=negative)
        columns = Columns(self._gates, width)
        for (value, negative), product in zip(terms, products, strict=True):
            if value in self._parts:
                for part in self._parts[value]:
                    columns.term(part[:width], negative=negative)
            elif product:
                columns.product(*self._soft[value], negative=negative)
            else:
                columns.term(self._bits[value][:width], negative=negative)
        return self._sum_of(columns, op)

    def _sum_of(self, columns: Columns, op: Operation) -> Bits:
        a, b = columns.two_rows()
        # What full adders make of zeros is known only when the chain is there.
        return self._chain(a, b, op) if columns.saved else self._adder(a, b, op)

    def _adder(self, a: Bits, b: Bits, op: Operation, *, negative: bool = False) -> Bits:
        """Returns the sum (or difference) of two numbers, by a chain of carries."""
        width = len(a)
        if negative and not any(b[1:]) and a[0] in self._gates.operands(b[0] >> 1):
            # A tie is rounded down from an odd number: nothing is borrowed.
            return [self._gates.differ(a[0], b[0]), *a[1:]]
        low = 0
        while low < width and (b[low] == FALSE or (a[low] == FALSE and not negative)):
            low += 1
        high = width
        if not negative:  # above both numbers' last bits there is one carry
            while high > low and a[high - 1] == FALSE and b[high - 1] == FALSE:
                high -= 1
            high = min(width, high + 1) if high > low else low
        passed = [y if x == FALSE else x for x, y in zip(a[:low], b[:low], strict=True)]
        if low == high:
            return passed + [FALSE] * (width - low)
        made = self._chain(a[low:high], b[low:high], op, negative=negative)
        return passed + made + [FALSE] * (width - high)

    def _chain(self, a: Bits, b: Bits, op: Operation, *, negative: bool = False) -> Bits:
        if len(a) < self._rules.shortest_chain:
            *total, _ = self._ripple(a, [bit ^ negative for bit in b], int(negative))
            return total
        made = self._gates.leaves(len(a))
        pairs = list(zip(a, b, strict=True))
        reads = [bit for pair in pairs for bit in pair]
        shape = len(a), int(negative)
        self._blocks.append(Block("adder", reads, made, op, shape, pairs=pairs))
        return made

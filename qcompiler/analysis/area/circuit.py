"""A hardware module as gates and hard blocks, as a synthesis tool sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from xdsl.dialects import comb, hw, seq
from xdsl.dialects.builtin import IntegerAttr, IntegerType
from xdsl.ir import Operation, SSAValue
from xdsl.utils.hints import isa

from qcompiler.analysis.area.blocks import Bits, Block, partial_products, stripped
from qcompiler.analysis.area.columns import Columns
from qcompiler.analysis.area.family import Rules
from qcompiler.analysis.area.gates import FALSE, TRUE, Gates
from qcompiler.analysis.area.roms import rom_columns
from qcompiler.dialects import rtl


def _width(value: SSAValue) -> int:
    return value.type.width.data if isa(value.type, IntegerType) else 1


class Circuit:
    """A module, with constants at some of its ports.

    Attributes:
        gates: the logic.
        blocks: the rest.
        ports: literals of the inputs by name.
        outputs: literals of the outputs, in order.
    """

    def __init__(
        self,
        module: hw.HWModuleOp,
        constants: Mapping[str, Sequence[int | None]],
        rules: Rules,
        late: frozenset[str] = frozenset(),
    ):
        """Reads the module.

        Args:
            module: of hw, comb, seq and rtl operations.
            constants: by port, its bits that are constant (0, 1), None for others.
            rules: of the family.
            late: ports whose constants come out of ROMs. Tools choose multipliers before they
                look into those.
        """
        self.gates = Gates()
        self.blocks: list[Block] = []
        self.ports: dict[str, Bits] = {}
        self.outputs: list[Bits] = []
        self._bits: dict[SSAValue, Bits] = {}
        self._rules = rules
        self._soft: dict[SSAValue, tuple[Bits, Bits]] = {}
        self._parts: dict[SSAValue, list[Bits]] = {}
        self._late: set[SSAValue] = set()
        block = module.body.block
        names = [p.port_name.data for p in module.module_type.ports if p.dir.data.is_input_like()]
        for name, argument in zip(names, block.args, strict=True):
            given = constants.get(name, [None] * _width(argument))
            bits = [self.gates.leaf() if bit is None else bit for bit in given]
            self.ports[name] = self._bits[argument] = bits
            if name in late:
                self._late.add(argument)
        later: list[tuple[Operation, Block]] = []
        for op in block.ops:
            if type(op) in _STATEFUL:
                later.append((op, self._open(op)))
        for op in block.ops:
            if isinstance(op, hw.OutputOp):
                self.outputs = [self.bits(operand) for operand in op.operands]
            elif type(op) not in _STATEFUL:
                self._READERS.get(type(op), Circuit._opaque)(self, op)
        for op, made in later:
            self._CLOSERS[type(op)](self, op, made)

    def bits(self, value: SSAValue) -> Bits:
        """Returns the literals of a value, least significant first."""
        return self._bits[value]

    def is_late(self, value: SSAValue) -> bool:
        """Whether a value's constants come out of a ROM."""
        op = value.owner
        if value in self._late or (isinstance(op, rtl.RomOp) and op.depth_words > 1):
            return True
        wires = isinstance(op, comb.ExtractOp | comb.ConcatOp | comb.ReplicateOp)
        return wires and any(self.is_late(operand) for operand in op.operands)

    def _open(self, op: Operation) -> Block:
        """Adds a block whose inputs may be known later only."""
        made: Bits = []
        for result in op.results:
            if isinstance(op, rtl.RomOp):
                bits = self._rom_bits(op)
            else:
                bits = self.gates.leaves(_width(result))
            self._bits[result] = bits
            made += bits
        block = Block(_STATEFUL[type(op)], [], made, op)
        self.blocks.append(block)
        return block

    def _rom_bits(self, op: rtl.RomOp) -> Bits:
        """Returns what a ROM makes: constants and copies are found by tools."""
        columns = rom_columns(op.lane_values(), op.lane_width.value.data)
        made: dict[bytes, int] = {}
        bits: Bits = []
        for column in columns:
            if (column == column[0]).all():
                bits.append(int(column[0]))
                continue
            key = column.tobytes()
            if key not in made:
                made[key] = self.gates.leaf()
            bits.append(made[key])
        return bits

    def _close(self, op: Operation, block: Block) -> None:
        block.reads = [bit for operand in op.operands for bit in self.bits(operand)]

    def _close_register(self, op: seq.CompRegOp, block: Block) -> None:
        """Finds the enable and the reset in the multiplexers before a register, as tools do."""
        gates = self.gates
        value, enable = op.input, TRUE
        reset = FALSE if op.reset is None else self.bits(op.reset)[0]
        reset_value = None if op.reset_value is None else _constant(op.reset_value)
        while isinstance(value.owner, comb.MuxOp):
            mux = value.owner
            (condition,) = self.bits(mux.cond)
            if mux.true_value is op.data or mux.false_value is op.data:
                holds = mux.true_value is op.data
                enable = gates.both(enable, condition ^ holds)
                value = mux.false_value if holds else mux.true_value
                continue
            fixed = [_constant(mux.true_value), _constant(mux.false_value)]
            which = next(
                (i for i, c in enumerate(fixed) if c is not None and reset_value in (None, c)), None
            )
            if which is None:
                break
            cleared = gates.both(enable, condition ^ which)
            reset, reset_value = gates.either(reset, cleared), fixed[which]
            value = (mux.true_value, mux.false_value)[1 - which]
        block.reads = self.bits(value)
        block.enable = (enable if enable > TRUE else None, reset if reset > TRUE else None)

    # What follows reads one kind of operation each.

    def _opaque(self, op: Operation) -> None:
        """Reads an operation that nothing is known of, as a gate for each bit."""
        operands = [bit for operand in op.operands for bit in self.bits(operand)]
        for result in op.results:
            width = _width(result)
            self._bits[result] = [
                self.gates.any_of(operands[i::width]) if operands else FALSE for i in range(width)
            ]

    def _constant_op(self, op: hw.ConstantOp) -> None:
        value, width = _constant(op.result), _width(op.result)
        assert value is not None
        self._bits[op.result] = [value >> i & 1 for i in range(width)]

    def _extract(self, op: comb.ExtractOp) -> None:
        low = op.low_bit.value.data
        self._bits[op.result] = self.bits(op.input)[low : low + _width(op.result)]

    def _concat(self, op: comb.ConcatOp) -> None:
        parts = [self.bits(operand) for operand in reversed(op.operands)]
        self._bits[op.results[0]] = [bit for part in parts for bit in part]

    def _replicate(self, op: comb.ReplicateOp) -> None:
        bits = self.bits(op.input)
        self._bits[op.result] = bits * (_width(op.result) // len(bits))

    def _bitwise(self, op: Operation) -> None:
        combine = self.gates.differ
        if isinstance(op, comb.AndOp | comb.OrOp):
            combine = self.gates.both if isinstance(op, comb.AndOp) else self.gates.either
        result = self.bits(op.operands[0])
        for operand in op.operands[1:]:
            result = [combine(a, b) for a, b in zip(result, self.bits(operand), strict=True)]
        self._bits[op.results[0]] = result

    def _mux(self, op: comb.MuxOp) -> None:
        (condition,) = self.bits(op.cond)
        pairs = zip(self.bits(op.true_value), self.bits(op.false_value), strict=True)
        self._bits[op.result] = [self.gates.mux(condition, t, f) for t, f in pairs]

    def _compare(self, op: comb.ICmpOp) -> None:
        a, b = self.bits(op.lhs), self.bits(op.rhs)
        name = _PREDICATES[op.predicate.value.data]
        pairs = [(x, y) for x, y in zip(a, b, strict=True)]
        if name in ("eq", "ne"):
            same = [self.gates.differ(x, y) ^ 1 for x, y in pairs]
            self._bits[op.result] = [self.gates.all_of(same) ^ (name == "ne")]
            return
        if name in ("slt", "sge") and not any(b):  # below zero: the sign says it
            self._bits[op.result] = [a[-1] ^ (name == "sge")]
            return
        if len(a) < self._rules.shortest_chain:
            swapped = name[1:] in ("gt", "le")
            less = self._less(b, a, name[0]) if swapped else self._less(a, b, name[0])
            self._bits[op.result] = [less ^ (name[1:] in ("le", "ge"))]
            return
        (made,) = self.gates.leaves(1)
        self._bits[op.result] = [made]
        signed = int(name.startswith("s"))
        self.blocks.append(Block("compare", a + b, [made], op, (len(pairs), signed), pairs=pairs))

    def _less(self, a: Bits, b: Bits, kind: str) -> int:
        """Returns a < b, for signed numbers if `kind` is s, as gates."""
        flip = int(kind == "s")
        a, b = [*a[:-1], a[-1] ^ flip], [*b[:-1], b[-1] ^ flip]
        return self._ripple(a, [bit ^ 1 for bit in b], TRUE)[-1] ^ 1

    def _ripple(self, a: Bits, b: Bits, carry: int) -> Bits:
        """Returns the sum of two numbers and its carry, as gates."""
        made: Bits = []
        for x, y in zip(a, b, strict=True):
            made.append(self.gates.differ(self.gates.differ(x, y), carry))
            carry = self.gates.majority(x, y, carry)
        return [*made, carry]

    def _multiply(self, op: comb.MulOp) -> None:
        a, b = (self._factor(operand) for operand in op.operands)
        width = _width(op.result)
        shift = 0
        for factor, operand in zip((a, b), op.operands, strict=True):
            if all(bit <= TRUE for bit in factor) and not self.is_late(operand):
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
            else:
                whole = len(parts) == 1
                self._bits[op.result] = parts[0] if whole else self._adder(parts[0], parts[1], op)
            return
        a, b = (self._factor(operand) for operand in op.operands)
        self._soft[op.result] = a, b
        if not self._joins_sum(op.result):
            self._bits[op.result] = self._sum([(op.result, False)], width, op)
        else:
            self._bits[op.result] = []

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
                made = self.gates.leaves(used)
                self.blocks.append(Block("multiplier", x + y, made, op, (len(x), len(y), used)))
            else:
                columns = Columns(self.gates, used)
                columns.product(x, y)
                made = self._adder(*columns.two_rows(), op)
            part = [FALSE] * shift + made
            part += [part[-1]] * (width - len(part))
            if len(parts) == 2:
                parts = [self._adder(parts[0], parts[1], op)]
            parts.append(part)
        return parts

    def _factor(self, value: SSAValue) -> Bits:
        """Returns a factor without the copies of its sign that the tool sees."""
        bits = list(self.bits(value))
        if all(bit <= TRUE for bit in bits) and not self.is_late(value):
            return stripped(bits)
        owner = value.owner
        if not isinstance(owner, comb.ConcatOp) or len(owner.operands) != 2:
            return bits
        high, low = owner.operands
        width = _width(low)
        extends = isinstance(high.owner, comb.ReplicateOp)
        return bits[: width if extends else width + (_constant(high) == 0)]

    def _joins_sum(self, value: SSAValue) -> bool:
        """Whether a value is one term of one sum, and part of that sum for a tool."""
        uses = list(value.uses)
        return len(uses) == 1 and isinstance(uses[0].operation, comb.AddOp | comb.SubOp)

    def _add(self, op: comb.AddOp | comb.SubOp) -> None:
        result = op.results[0]
        if self._joins_sum(result):
            self._bits[result] = []
            return
        self._bits[result] = self._sum(self._terms(op), _width(result), op)

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
        products = [not self._bits.get(value) for value, _ in terms]
        if len(terms) == 2 and not any(products) and not all(negative for _, negative in terms):
            (a, _), (b, negative) = sorted(terms, key=lambda term: term[1])
            return self._adder(self.bits(a), self.bits(b), op, negative=negative)
        columns = Columns(self.gates, width)
        for (value, negative), product in zip(terms, products, strict=True):
            if value in self._parts:
                for part in self._parts[value]:
                    columns.term(part, negative=negative)
            elif product:
                columns.product(*self._soft[value], negative=negative)
            else:
                columns.term(self.bits(value), negative=negative)
        a, b = columns.two_rows()
        return self._adder(a, b, op)

    def _adder(self, a: Bits, b: Bits, op: Operation, *, negative: bool = False) -> Bits:
        """Returns the sum (or difference) of two numbers, by a chain of carries."""
        width = len(a)
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
        if high - low < self._rules.shortest_chain:
            inverted = [bit ^ negative for bit in b[low:high]]
            *total, _ = self._ripple(a[low:high], inverted, int(negative))
            return passed + total + [FALSE] * (width - high)
        made = self.gates.leaves(high - low)
        pairs = list(zip(a[low:high], b[low:high], strict=True))
        reads = [bit for pair in pairs for bit in pair]
        self.blocks.append(
            Block("adder", reads, made, op, (high - low, int(negative)), pairs=pairs)
        )
        return passed + made + [FALSE] * (width - high)

    _CLOSERS: ClassVar[dict[type[Operation], Callable[[Circuit, Any, Block], None]]] = {
        seq.CompRegOp: _close_register,
        rtl.RomOp: _close,
        rtl.RamOp: _close,
        hw.InstanceOp: _close,
    }
    _READERS: ClassVar[dict[type[Operation], Callable[[Circuit, Any], None]]] = {
        hw.ConstantOp: _constant_op,
        comb.ExtractOp: _extract,
        comb.ConcatOp: _concat,
        comb.ReplicateOp: _replicate,
        comb.AndOp: _bitwise,
        comb.OrOp: _bitwise,
        comb.XorOp: _bitwise,
        comb.MuxOp: _mux,
        comb.ICmpOp: _compare,
        comb.MulOp: _multiply,
        comb.AddOp: _add,
        comb.SubOp: _add,
    }


def _constant(value: SSAValue) -> int | None:
    """Returns what a constant is, as an unsigned number, or None."""
    op = value.owner
    if isinstance(op, hw.ConstantOp) and isa(op.value, IntegerAttr):
        return op.value.value.data % (1 << _width(value))
    return None


_PREDICATES = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")

_STATEFUL: dict[type[Operation], str] = {
    seq.CompRegOp: "register",
    rtl.RomOp: "memory",
    rtl.RamOp: "memory",
    hw.InstanceOp: "instance",
}

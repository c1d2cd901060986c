"""A hardware module as gates and hard blocks, as a synthesis tool sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from msgspec import Struct
from xdsl.dialects import comb, hw, seq
from xdsl.ir import Block as XdslBlock
from xdsl.ir import Operation, SSAValue

from qcompiler.analysis.area.arithmetic import Arithmetic
from qcompiler.analysis.area.blocks import Bits, Block, constant_of, width_of
from qcompiler.analysis.area.gates import FALSE, TRUE, Gates
from qcompiler.analysis.area.roms import rom_columns
from qcompiler.devices.family import Rules
from qcompiler.dialects import rtl


class _Next(Struct, frozen=True):
    """What a register takes: a value, clock enable and reset if it has them, its value at reset."""

    value: SSAValue
    enable: tuple[int | None, int | None]
    reset_value: int


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
        unread: frozenset[int] = frozenset(),
    ):
        """Reads the module.

        Args:
            module: of hw, comb, seq and rtl operations.
            constants: by port, its bits that are constant (0, 1), None for others.
            rules: of the family.
            late: ports whose constants come out of ROMs. Tools choose multipliers before they
                look into those.
            unread: places among all bits of the outputs of those that nothing reads.
        """
        self.gates = Gates()
        self.blocks: list[Block] = []
        self.ports: dict[str, Bits] = {}
        self.outputs: list[Bits] = []
        self._bits: dict[SSAValue, Bits] = {}
        self._rules = rules
        self._is_late: dict[SSAValue, bool] = {}
        self._registers: dict[tuple[int, ...], int] = {}
        self._arithmetic = Arithmetic(self.gates, self.blocks, self._bits, rules, self.is_late)
        block = module.body.block
        names = [p.port_name.data for p in module.module_type.ports if p.dir.data.is_input_like()]
        for name, argument in zip(names, block.args, strict=True):
            given = constants.get(name, [None] * width_of(argument))
            bits = [self.gates.leaf() if bit is None else bit for bit in given]
            self.ports[name] = self._bits[argument] = bits
            if name in late:
                self._is_late[argument] = True
        self._read(list(block.ops))
        at = 0
        for output in self.outputs:
            output[:] = [FALSE if at + i in unread else bit for i, bit in enumerate(output)]
            at += len(output)

    def _read(self, ops: Sequence[Operation]) -> None:
        delays = _delays(ops)
        later: list[tuple[Operation, Block]] = []
        for op in ops:
            if type(op) in _STATEFUL and op not in delays:
                later.append((op, self._open(op)))
        for op in ops:
            if type(op) is hw.OutputOp:
                self.outputs = [[*self.bits(operand)] for operand in op.operands]
            elif type(op) is seq.CompRegOp:
                if op in delays:
                    later += self._delay(op)
            elif type(op) not in _STATEFUL:
                self._READERS.get(type(op), Circuit._opaque)(self, op)
        for op, made in later:
            self._CLOSERS[type(op)](self, op, made)

    def bits(self, value: SSAValue) -> Bits:
        """Returns the literals of a value, least significant first."""
        return self._bits[value]

    def is_late(self, value: SSAValue) -> bool:
        """Whether a value's constants come out of a ROM."""
        if value not in self._is_late:
            self._is_late[value] = self._comes_late(value)
        return self._is_late[value]

    def _comes_late(self, value: SSAValue) -> bool:
        op = value.owner
        if isinstance(op, XdslBlock) or type(op) not in _WIRES:
            return type(op) is rtl.RomOp and op.depth_words > 1
        return any(self.is_late(operand) for operand in op.operands)

    def _open(self, op: Operation) -> Block:
        """Adds a block whose inputs may be known later only."""
        made: Bits = []
        for result in op.results:
            if isinstance(op, rtl.RomOp):
                bits = self._rom_bits(op)
            else:
                bits = self.gates.leaves(width_of(result))
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
        found = self._next(op)
        assert found is not None, "all is known in the end"
        block.reads, block.enable = self.bits(found.value), found.enable

    def _delay(self, op: seq.CompRegOp) -> list[tuple[Operation, Block]]:
        """Reads a register before what reads it: equal bits of registers are one, constants none.

        Those that are kept are not merged with others.

        Returns it if its inputs are not known yet.
        """
        found = self._next(op)
        if found is None:
            return [(op, self._open(op))]
        taken = self.bits(found.value)
        enable, reset = (FALSE if bit is None else bit for bit in found.enable)
        resets = [found.reset_value >> i & 1 if reset else FALSE for i in range(len(taken))]
        made = self._bits[op.data] = Bits()
        new: dict[int, int] = {}
        alone = len(self.blocks) + 1 if "rtl.kept" in op.attributes else 0
        for bit, at_reset in zip(taken, resets, strict=True):
            if bit <= TRUE and (not reset or at_reset == bit):
                made.append(bit)
                continue
            key = (bit, enable, reset, at_reset, alone)
            if key not in self._registers:
                self._registers[key] = self.gates.leaf()
                new[self._registers[key]] = bit
            made.append(self._registers[key])
        if self.is_late(found.value):
            self._is_late[op.data] = True
        if not reset:
            self._arithmetic.words.keep(op.data, self._arithmetic.words.signed(found.value))
        self.blocks.append(Block("register", [*new.values()], [*new], op, enable=found.enable))
        return []

    def _next(self, op: seq.CompRegOp) -> _Next | None:
        """Finds the enable and the reset in the multiplexers before a register, as tools do.

        Returns None if something of it is not known yet.
        """
        gates = self.gates
        taken = rtl.register_operands(op)
        value, enable = taken.input, TRUE
        reset = FALSE if taken.reset is None else self.bits(taken.reset)[0]
        reset_value = None if taken.reset_value is None else constant_of(taken.reset_value)
        (kept,) = op.results
        while type(mux := value.owner) is comb.MuxOp:
            chosen_by, *ways = mux.operands
            if chosen_by not in self._bits:
                return None
            (condition,) = self.bits(chosen_by)
            if kept in ways:
                holds = ways[0] is kept
                enable = gates.both(enable, condition ^ holds)
                value = ways[1] if holds else ways[0]
                continue
            fixed = [constant_of(way) for way in ways]
            which = next(
                (i for i, c in enumerate(fixed) if c is not None and reset_value in (None, c)), None
            )
            if which is None:
                break
            cleared = gates.both(enable, condition ^ which)
            reset, reset_value = gates.either(reset, cleared), fixed[which]
            value = ways[1 - which]
        if not self._bits.get(value):
            return None
        pins = (enable if enable > TRUE else None, reset if reset > TRUE else None)
        return _Next(value, pins, reset_value or 0)

    # What follows reads one kind of operation each.

    def _opaque(self, op: Operation) -> None:
        """Reads an operation that nothing is known of, as a gate for each bit."""
        operands = [bit for operand in op.operands for bit in self.bits(operand)]
        for result in op.results:
            width = width_of(result)
            self._bits[result] = [
                self.gates.any_of(operands[i::width]) if operands else FALSE for i in range(width)
            ]

    def _constant_op(self, op: hw.ConstantOp) -> None:
        value, width = constant_of(op.result), width_of(op.result)
        assert value is not None
        self._bits[op.result] = [value >> i & 1 for i in range(width)]

    def _extract(self, op: comb.ExtractOp) -> None:
        (value,), (result,), low = op.operands, op.results, op.low_bit.value.data
        self._bits[result] = self.bits(value)[low : low + width_of(result)]

    def _concat(self, op: comb.ConcatOp | hw.ArrayCreateOp) -> None:
        parts = [self.bits(operand) for operand in reversed(op.operands)]
        self._bits[op.results[0]] = [bit for part in parts for bit in part]

    def _replicate(self, op: comb.ReplicateOp) -> None:
        bits = self.bits(op.input)
        self._bits[op.result] = bits * (width_of(op.result) // len(bits))

    def _bitwise(self, op: Operation) -> None:
        combine = self.gates.differ
        if isinstance(op, comb.AndOp | comb.OrOp):
            combine = self.gates.both if isinstance(op, comb.AndOp) else self.gates.either
        result = self.bits(op.operands[0])
        for operand in op.operands[1:]:
            result = [combine(a, b) for a, b in zip(result, self.bits(operand), strict=True)]
        self._bits[op.results[0]] = result

    def _word(self, op: hw.ArrayGetOp) -> None:
        words = self.bits(op.input)
        if max(words) > TRUE:  # no table: it is chosen from what changes
            self._opaque(op)
            return
        width, index = width_of(op.result), self.bits(op.index)
        level = [words[at : at + width] for at in range(0, len(words), width)]
        level += [level[-1]] * ((1 << len(index)) - len(level))
        for bit in index:  # neighbours are often alike: what is left are few choices
            pairs = zip(level[::2], level[1::2], strict=True)
            level = [self.gates.mux_words(bit, one, zero) for zero, one in pairs]
        (self._bits[op.result],) = level

    def _mux(self, op: comb.MuxOp) -> None:
        (condition,), if_true, if_false = (self._bits[operand] for operand in op.operands)
        self._bits[op.results[0]] = self.gates.mux_words(condition, if_true, if_false)

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
        length = self._arithmetic.words.longest([op.lhs, op.rhs], signed=name[0] == "s")
        a, b = a[:length], b[:length]
        if name[1:] in ("gt", "le"):
            a, b = b, a
        low = 0  # a difference borrows nothing there
        while low < length - 1 and (b[low] == FALSE or a[low] == TRUE):
            low += 1
        a, b = a[low:], b[low:]
        if len(a) < self._rules.shortest_chain:
            less = self._arithmetic.less(a, b, name[0])
            self._bits[op.result] = [less ^ (name[1:] in ("le", "ge"))]
            return
        pairs = list(zip(a, b, strict=True))
        (made,) = self.gates.leaves(1)
        self._bits[op.result] = [made]
        signed = int(name.startswith("s"))
        self.blocks.append(Block("compare", a + b, [made], op, (len(pairs), signed), pairs=pairs))

    def _multiply(self, op: comb.MulOp) -> None:
        self._arithmetic.multiply(op)

    def _add(self, op: comb.AddOp | comb.SubOp) -> None:
        self._arithmetic.add(op)

    def _shift_add(self, op: rtl.ShiftAddOp) -> None:
        width, terms = width_of(op.result), list[tuple[Bits, bool]]()
        for operand, (shift, sign, signed) in zip(op.inputs, op.terms, strict=True):
            bits = [FALSE] * shift + self.bits(operand)
            bits += [bits[-1] if signed else FALSE] * (width - len(bits))
            terms.append((bits[:width], sign < 0))
        self._bits[op.result] = self._arithmetic.chained(terms, op)

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
        hw.ArrayCreateOp: _concat,
        hw.ArrayGetOp: _word,
        comb.MuxOp: _mux,
        comb.ICmpOp: _compare,
        comb.MulOp: _multiply,
        comb.AddOp: _add,
        comb.SubOp: _add,
        rtl.ShiftAddOp: _shift_add,
    }


def _delays(ops: Sequence[Operation]) -> set[Operation]:
    """Returns the registers that nothing reads before the place where they stand."""
    place = {op: i for i, op in enumerate(ops)}
    return {
        op
        for i, op in enumerate(ops)
        if type(op) is seq.CompRegOp
        and all(
            place[use.operation] > i or type(use.operation) in _STATEFUL
            for use in op.results[0].uses
        )
    }


_WIRES = frozenset({comb.ExtractOp, comb.ConcatOp, comb.ReplicateOp})

_PREDICATES = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")

_STATEFUL: dict[type[Operation], str] = {
    seq.CompRegOp: "register",
    rtl.RomOp: "memory",
    rtl.RamOp: "memory",
    hw.InstanceOp: "instance",
}

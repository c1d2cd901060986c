"""A thin typed builder over hw, comb, seq and rtl, so that a block reads like its block diagram.

A `Signal` is a wire of known width; operators build the logic. Arithmetic is modulo 2**width, and
operands must have equal widths: extend first with `sext` or `zext`, so that nothing is widened or
cut behind the reader's back. Products are made of numbers that know their range, `rtl/numbers.py`.
"""

from collections.abc import Sequence
from functools import cache, cached_property
from typing import Literal, cast

from msgspec import Struct
from xdsl.dialects import comb, hw, seq
from xdsl.dialects.builtin import (
    I32,
    ArrayAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    SymbolRefAttr,
    UnitAttr,
    i1,
    i32,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue, TypeAttribute
from xdsl.utils.hints import isa

from qcompiler.dialects import rtl
from qcompiler.dialects.attributes import Array

Predicate = Literal["eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge"]
RamStyle = Literal["auto", "block", "distributed"]
_WRITE_DATA = 3
"""The place of the written word among the operands of a RAM."""

# Yosys (0.70) takes a deeper one for a single look-up table of UltraScale+, and gives up later.
_DEEPEST_OF_LUTS = 256
"""Words of a RAM with one address up to which a tool may make it of look-up tables."""


_integer_type = cache(IntegerType)


@cache
def _low_bit(place: int) -> IntegerAttr[I32]:
    return IntegerAttr(place, i32)


@cache
def _predicate(predicate: str) -> Attribute:
    """Returns the attribute of a comparison that compares so."""
    value = Block(arg_types=[i1]).args[0]
    return comb.ICmpOp(value, value, predicate).predicate


@cache
def _register_attributes(operands: int) -> dict[str, Attribute]:
    """Returns what says which of a register's operands are there, see `ModuleBuilder.make`."""
    data, clock = Block(arg_types=[i1, seq.clock]).args
    return seq.CompRegOp(data, clock, (data, data) if operands > 2 else None).attributes


class Signal(Struct, frozen=True, dict=True):
    """A wire inside a module under construction."""

    builder: "ModuleBuilder"
    value: SSAValue

    @cached_property
    def width(self) -> int:
        """Width in bits."""
        type_ = self.value.type
        assert isinstance(type_, IntegerType)
        return cast(IntegerType, type_).width.data

    def named(self, name: str) -> "Signal":
        """Gives the wire a name that survives into the Verilog."""
        self.value.name_hint = name
        return self

    def note(self, text: str) -> None:
        """Puts a comment behind the wire's declaration."""
        owner = self.value.owner
        assert isinstance(owner, Operation), "it is no port"
        owner.attributes["rtl.note"] = StringAttr(text)

    def _same(self, other: "Signal | int") -> "Signal":
        if isinstance(other, int):
            return self.builder.constant(other, self.width)
        assert self.width == other.width, f"widths differ: {self.width} and {other.width}"
        return other

    def _with(self, kind: type[Operation], other: "Signal | int") -> "Signal":
        return self.builder.make(kind, (self, self._same(other)), self.width)

    def __add__(self, other: "Signal | int") -> "Signal":
        return self._with(comb.AddOp, other)

    def __sub__(self, other: "Signal | int") -> "Signal":
        return self._with(comb.SubOp, other)

    def __and__(self, other: "Signal | int") -> "Signal":
        return self._with(comb.AndOp, other)

    def __or__(self, other: "Signal | int") -> "Signal":
        return self._with(comb.OrOp, other)

    def __xor__(self, other: "Signal | int") -> "Signal":
        return self._with(comb.XorOp, other)

    def __invert__(self) -> "Signal":
        return self ^ self.builder.constant((1 << self.width) - 1, self.width)

    def compare(self, predicate: Predicate, other: "Signal | int") -> "Signal":
        """Returns the 1-bit result of a comparison; `s*` predicates read two's complement."""
        operands = (self, self._same(other))
        return self.builder.make(comb.ICmpOp, operands, 1, predicate=_predicate(predicate))

    def equals(self, other: "Signal | int") -> "Signal":
        """Returns 1 when both are equal."""
        return self.compare("eq", other)

    def slice(self, low: int, width: int) -> "Signal":
        """Returns `width` bits from bit `low` upwards."""
        assert low >= 0, f"slice from bit {low}"
        assert width > 0, f"slice of {width} bits"
        assert low + width <= self.width, f"slice beyond {self.width} bits"
        if low == 0 and width == self.width:
            return self
        return self.builder.make(comb.ExtractOp, (self,), width, lowBit=_low_bit(low))

    def bit(self, index: int) -> "Signal":
        """Returns one bit."""
        return self.slice(index, 1)

    @property
    def sign(self) -> "Signal":
        """The most significant bit."""
        return self.bit(self.width - 1)

    def sext(self, width: int) -> "Signal":
        """Sign-extends to `width` bits."""
        assert width >= self.width
        if width == self.width:
            return self
        return self.builder.concat([self.sign.replicate(width - self.width), self])

    def zext(self, width: int) -> "Signal":
        """Zero-extends to `width` bits."""
        assert width >= self.width
        if width == self.width:
            return self
        return self.builder.concat([self.builder.constant(0, width - self.width), self])

    def resize(self, width: int, *, signed: bool) -> "Signal":
        """Extends as the number's signedness asks, or keeps the low bits (modulo 2**width)."""
        if width < self.width:
            return self.slice(0, width)
        return self.sext(width) if signed else self.zext(width)

    def replicate(self, count: int) -> "Signal":
        """Returns the signal `count` times side by side."""
        if count == 1:
            return self
        return self.builder.make(comb.ReplicateOp, (self,), self.width * count)

    def lanes(self, count: int) -> list["Signal"]:
        """Splits into `count` equal parts, lane 0 in the low bits."""
        assert self.width % count == 0
        width = self.width // count
        return [self.slice(i * width, width) for i in range(count)]


class Instance(Struct, frozen=True):
    """An instance whose inputs may be connected after its outputs were used."""

    op: hw.InstanceOp

    def connect(self, port: str, signal: Signal) -> None:
        """Drives an input port; its type must match."""
        index = [name.data for name in self.op.arg_names].index(port)
        assert self.op.operands[index].type == signal.value.type, f"{port}: width differs"
        self.op.operands[index] = signal.value

    def output(self, builder: "ModuleBuilder", port: str) -> Signal:
        """Returns what an output port drives."""
        index = [name.data for name in self.op.result_names].index(port)
        return Signal(builder, self.op.results[index])


class Register(Signal, frozen=True):
    """A register whose next value is given later, with `drive`."""

    op: seq.CompRegOp

    def drive(self, next_: "Signal | int", *, enable: "Signal | None" = None) -> None:
        """Sets the value taken at the clock edge; with `enable` low the register holds."""
        value = self._same(next_)
        if enable is not None:
            value = self.builder.mux(enable, value, self)
        self.op.operands[0] = value.value


class Memory(Signal, frozen=True):
    """What is read of a RAM whose written word is given later, with `write`."""

    op: rtl.RamOp

    def write(self, word: Signal) -> None:
        """Sets the word that is written; its width must match."""
        assert word.width == self.width, "width differs"
        self.op.operands[_WRITE_DATA] = word.value


class Counter(Struct, frozen=True):
    """A wrapping counter: its value, and 1 while it stands at its last value."""

    value: Signal
    at_end: Signal
    register: Register | None

    def advance_on(self, step: Signal) -> None:
        """Counts in every cycle in which `step` is high."""
        if self.register is None:
            return
        b = self.register.builder
        wrapped = b.mux(self.at_end, b.constant(0, self.register.width), self.register + 1)
        self.register.drive(wrapped, enable=step)


def _reassembled(high_to_low: Sequence[Signal]) -> SSAValue | None:
    """Returns the value of which the signals are all bits in order, if there is one."""
    low = 0
    source: SSAValue | None = None
    for signal in reversed(high_to_low):
        part = signal.value.owner
        if not isinstance(part, comb.ExtractOp) or part.low_bit.value.data != low:
            return None
        if source not in (None, part.input):
            return None
        source = part.input
        low += signal.width
    assert isinstance(source, SSAValue), "there is a part"
    return source if source.type == IntegerType(low) else None


class ModuleBuilder:
    """Builds one `hw.module` with clock `ap_clk` and synchronous active-low reset `ap_rst_n`.

    Args:
        name: of the module.
        comment: header lines.
        clocked: whether it has these two; gates alone need none.
    """

    def __init__(self, name: str, comment: Sequence[str] = (), *, clocked: bool = True):
        self.name = name
        self._comment = tuple(comment)
        self._block = Block()
        self._ports: list[hw.ModulePort] = []
        self._outputs: list[Signal] = []
        self._constants: dict[tuple[int, int], Signal] = {}
        if clocked:
            self.clock = self._input_port("ap_clk", seq.clock)
            self._reset_n = Signal(self, self._input_port("ap_rst_n", i1))
        self._reset: Signal | None = None

    def _input_port(self, name: str, type_: TypeAttribute) -> SSAValue:
        self._ports.append(
            hw.ModulePort(StringAttr(name), type_, hw.DirectionAttr(hw.Direction.INPUT))
        )
        argument = self._block.insert_arg(type_, len(self._block.args))
        argument.name_hint = name
        return argument

    def input(self, name: str, width: int) -> Signal:
        """Adds an input port."""
        return Signal(self, self._input_port(name, IntegerType(width)))

    def output(self, name: str, signal: Signal) -> None:
        """Adds an output port driven by `signal`."""
        port_type = IntegerType(signal.width)
        self._ports.append(
            hw.ModulePort(StringAttr(name), port_type, hw.DirectionAttr(hw.Direction.OUTPUT))
        )
        self._outputs.append(signal)

    def emit(self, op: Operation) -> Signal:
        """Adds an operation and returns its only result as a signal."""
        self._block.add_op(op)
        return Signal(self, op.results[0])

    def make(
        self, kind: type[Operation], operands: Sequence[Signal], width: int, **properties: Attribute
    ) -> Signal:
        """Adds an operation with one integer for its result.

        A large network has tens of thousands of them. Their own constructors would sort operands
        and verify attributes, which takes several times as long.
        """
        op = kind.create(
            operands=[operand.value for operand in operands],
            result_types=[_integer_type(width)],
            properties=properties,
        )
        return self.emit(op)

    @property
    def reset(self) -> Signal:
        """Active-high reset."""
        if self._reset is None:
            self._reset = (~self._reset_n).named("reset")
        return self._reset

    def constant(self, value: int, width: int) -> Signal:
        """Returns a constant, two's complement, cut to `width` bits; equal ones are shared."""
        value &= (1 << width) - 1
        key = (value, width)
        if key not in self._constants:
            signed = value - (1 << width) if value >> (width - 1) else value
            attribute = IntegerAttr(signed, _integer_type(width))
            self._constants[key] = self.make(hw.ConstantOp, (), width, value=attribute)
        return self._constants[key]

    def mux(self, condition: Signal, if_true: Signal, if_false: Signal) -> Signal:
        """Returns `condition ? if_true : if_false`."""
        assert condition.width == 1
        assert if_true.width == if_false.width
        return self.make(comb.MuxOp, (condition, if_true, if_false), if_true.width)

    def concat(self, high_to_low: Sequence[Signal]) -> Signal:
        """Returns the signals side by side, the first in the high bits."""
        if len(high_to_low) == 1:
            return high_to_low[0]
        whole = _reassembled(high_to_low)
        if whole is not None:
            return Signal(self, whole)
        width = sum(signal.width for signal in high_to_low)
        return self.make(comb.ConcatOp, high_to_low, width)

    def pack(self, lanes: Sequence[Signal]) -> Signal:
        """Returns the lanes side by side, lane 0 in the low bits."""
        return self.concat(list(reversed(lanes)))

    def sum(self, terms: Sequence[Signal]) -> Signal:
        """Returns the sum of terms of equal width, modulo 2**width."""
        if len(terms) == 1:
            return terms[0]
        return self.make(comb.AddOp, terms, terms[0].width)

    def register(
        self, name: str, width: int, *, reset: int | None = None, kept: bool = False
    ) -> Register:
        """Adds a register; drive it once. Without `reset` its start value is undefined.

        One that is `kept` is not merged with others that hold the same: it stands where it is read.
        """
        operands = [self.constant(0, width).value, self.clock]
        if reset is not None:
            operands += [self.reset.value, self.constant(reset, width).value]
        op = seq.CompRegOp.create(
            operands=operands,
            result_types=[_integer_type(width)],
            attributes=_register_attributes(len(operands)),
        )
        if kept:
            op.attributes["rtl.kept"] = UnitAttr()
        self._block.add_op(op)
        op.data.name_hint = name
        return Register(self, op.data, op)

    def delay(
        self, name: str, signal: Signal, *, enable: Signal | None = None, kept: bool = False
    ) -> Signal:
        """Returns `signal` one clock later, without reset; `kept` as for `register`."""
        register = self.register(name, signal.width, kept=kept)
        register.drive(signal, enable=enable)
        return register

    def counter(self, name: str, count: int) -> "Counter":
        """Adds a counter 0 .. count - 1 that wraps; `Counter.advance_on` says when it counts."""
        if count == 1:
            return Counter(self.constant(0, 1), self.constant(1, 1), None)
        register = self.register(name, (count - 1).bit_length(), reset=0)
        at_end = register.equals(count - 1).named(f"{name}_end")
        return Counter(register, at_end, register)

    def rom(
        self,
        name: str,
        address: Signal,
        enable: Signal,
        words: Array,
        lane_width: int,
        style: RamStyle = "auto",
    ) -> Signal:
        """Adds a ROM with registered output; `words` has shape [depth, lanes]."""
        op = rtl.RomOp(self.clock, enable.value, address.value, words, lane_width, style)
        return self.emit(op).named(name)

    def ram(
        self,
        name: str,
        *,
        depth: int,
        write: tuple[Signal, Signal, Signal],
        read: tuple[Signal, Signal],
    ) -> Signal:
        """Adds a RAM with registered read.

        Args:
            name: of what is read.
            depth: words.
            write: (enable, address, data).
            read: (enable, address).
        """
        one_address = write[1].value is read[1].value
        op = rtl.RamOp(
            self.clock,
            (write[0].value, write[1].value, write[2].value),
            (read[0].value, read[1].value),
            depth,
            "block" if one_address and depth > _DEEPEST_OF_LUTS else "auto",
        )
        return self.emit(op).named(name)

    def memory(
        self,
        name: str,
        *,
        depth: int,
        width: int,
        write: tuple[Signal, Signal],
        read: tuple[Signal, Signal],
    ) -> Memory:
        """Adds a RAM whose written word may depend on what is read of it.

        Args:
            name: of what is read.
            depth: words.
            width: bits of a word.
            write: (enable, address).
            read: (enable, address).
        """
        nothing = self.constant(0, width)
        made = self.ram(name, depth=depth, write=(*write, nothing), read=read)
        op = made.value.owner
        assert isinstance(op, rtl.RamOp), "a RAM makes it"
        return Memory(self, made.value, op)

    def instance(
        self, name: str, module: hw.HWModuleOp | hw.HWModuleExternOp, **inputs: Signal
    ) -> Instance:
        """Instantiates `module`; clock and reset are connected by themselves.

        Inputs that are not given are zero until `Instance.connect` drives them.
        """
        arguments: list[tuple[str, SSAValue]] = []
        outputs: list[tuple[str, TypeAttribute]] = []
        for port in module.module_type.ports.data:
            port_name = port.port_name.data
            if not port.dir.data.is_input_like():
                outputs.append((port_name, port.type))
            elif port_name == "ap_clk":
                arguments.append((port_name, self.clock))
            elif port_name == "ap_rst_n":
                arguments.append((port_name, self._reset_n.value))
            else:
                assert isa(port.type, IntegerType)
                zero = self.constant(0, port.type.width.data)
                arguments.append((port_name, inputs.get(port_name, zero).value))
        op = hw.InstanceOp(name, SymbolRefAttr(module.sym_name), arguments, outputs)
        self._block.add_op(op)
        for (port_name, _), result in zip(outputs, op.results, strict=True):
            result.name_hint = f"{name}_{port_name}"
        return Instance(op)

    def build(self) -> hw.HWModuleOp:
        """Returns the finished module."""
        self._block.add_op(hw.OutputOp([signal.value for signal in self._outputs]))
        for constant in self._constants.values():
            if not constant.value.uses:
                owner = constant.value.owner
                assert isinstance(owner, Operation)
                owner.detach()
        op = hw.HWModuleOp(
            StringAttr(self.name), hw.ModuleType(ArrayAttr(self._ports)), Region(self._block)
        )
        if self._comment:
            op.attributes["rtl.comment"] = ArrayAttr(StringAttr(line) for line in self._comment)
        return op

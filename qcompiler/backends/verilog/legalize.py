"""Checks that a module is in the subset of hw/comb/seq/rtl that becomes Verilog."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import cast

from xdsl.dialects import comb, hw, seq
from xdsl.dialects.builtin import (
    IntegerType,
    ModuleOp,
    Signedness,
    StringAttr,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.utils.hints import isa

from qcompiler.backends.verilog.names import is_legal_identifier
from qcompiler.dialects import rtl

_COMB_OPS = frozenset[type[Operation]](comb.Comb.operations)
_SUPPORTED_OPS = _COMB_OPS | {
    hw.ArrayCreateOp,
    hw.ArrayGetOp,
    hw.BitcastOp,
    hw.ConstantOp,
    hw.InstanceOp,
    hw.OutputOp,
    seq.CompRegOp,
    rtl.RomOp,
    rtl.RamOp,
    rtl.ShiftAddOp,
}

# Ops are looked up by exact type: `isinstance` is slow on xDSL's classes, and a module may hold
# ten thousand of them.
STATEFUL_OPS = frozenset[type[Operation]]({seq.CompRegOp, rtl.RomOp, rtl.RamOp, hw.InstanceOp})
"""The ops whose results do not depend combinationally on operands (as seen from outside)."""


def width_bits(type_: Attribute) -> int | None:
    """Returns the width of a value as a Verilog vector, or None if it cannot be one.

    An array is the concatenation of its elements, element 0 in the low bits.
    """
    if type(type_) is not IntegerType:
        return _array_bits(type_)
    width = type_.width.data
    legal = type_.signedness.data is Signedness.SIGNLESS and width > 0
    return width if legal else None


@lru_cache(maxsize=4096)
def _array_bits(type_: Attribute) -> int | None:
    if isa(type_, hw.ArrayType):
        element = width_bits(type_.get_element_type())
        return None if element is None or len(type_) == 0 else element * len(type_)
    return None


def value_width(value: SSAValue) -> int:
    """Returns the width in bits of a value of a checked module."""
    width = width_bits(value.type)
    assert width is not None
    return width


def _literal(value: SSAValue) -> int | None:
    op = value.owner
    if type(op) is not hw.ConstantOp:
        return None
    return op.value.value.data % (1 << value_width(value))


def constant_value(value: SSAValue) -> int | None:
    """Returns the constant that `value` plainly is, as an unsigned number, or None.

    Beside `hw.constant` this sees slices of one, and comparisons that no operand can change:
    printed as they are, lint tools warn about them. Folding in earnest is canonicalization's.
    """
    op = value.owner
    kind = type(op)
    if kind is hw.ConstantOp:
        return _literal(value)
    if kind is comb.ICmpOp:
        return _trivial_comparison(cast("comb.ICmpOp", op))
    if kind is comb.ExtractOp:
        part = cast("comb.ExtractOp", op)
        if (whole := _literal(part.operands[0])) is not None:
            return whole >> part.low_bit.value.data & ((1 << value_width(value)) - 1)
    return None


def slice_low(op: Operation) -> int | None:
    """Returns the lowest bit that `op` takes from its first operand, None if that is no slice."""
    if type(op) is comb.ExtractOp:
        return op.low_bit.value.data
    if type(op) is hw.ArrayGetOp and (index := _literal(op.index)) is not None:
        return index * value_width(op.result)
    return None


def _trivial_comparison(op: comb.ICmpOp) -> int | None:
    predicate = comb.ICMP_COMPARISON_OPERATIONS[op.predicate.value.data]
    if predicate in ("eq", "ne"):
        return None
    lhs, rhs = _literal(op.lhs), _literal(op.rhs)
    width = value_width(op.lhs)
    lowest = 1 << (width - 1) if predicate[0] == "s" else 0
    highest = lowest ^ ((1 << width) - 1)
    relation = predicate[1:]
    if (relation == "lt" and (rhs == lowest or lhs == highest)) or (
        relation == "gt" and (rhs == highest or lhs == lowest)
    ):
        return 0
    if (relation == "ge" and (rhs == lowest or lhs == highest)) or (
        relation == "le" and (rhs == highest or lhs == lowest)
    ):
        return 1
    return None


def check(module: ModuleOp) -> None:
    """Checks everything that the emitter relies on.

    Raises:
        ValueError: one line per problem, all of them, each naming module and op.
    """
    problems: list[str] = []
    for op in module.body.block.ops:
        if isinstance(op, hw.HWModuleOp):
            name = op.sym_name.data
            problems += (f"hw.module @{name}: {problem}" for problem in _module_problems(op))
        elif isinstance(op, hw.HWModuleExternOp):
            problems += _extern_problems(op)
        else:
            problems.append(f"{op.name} is not a hardware module; lower it to hw.module first")
    if problems:
        raise ValueError("cannot emit Verilog:\n" + "\n".join(f"  {p}" for p in problems))


def _module_problems(module: hw.HWModuleOp) -> Iterator[str]:
    if module.parameters is not None and len(module.parameters.data) > 0:
        yield "parameters are not supported; instantiate them before emission"
    yield from _port_problems(module.module_type)
    block = module.body.block
    for index, op in enumerate(block.ops):
        problem = _op_problem(op, block)
        if problem is not None:
            yield f"op {index} ({_describe(op)}): {problem}"


def _port_problems(module_type: hw.ModuleType) -> Iterator[str]:
    for port in module_type.ports.data:
        name = port.port_name.data
        if isinstance(port.type, seq.ClockType):
            if port.dir.data == hw.Direction.OUTPUT:
                yield f'port "{name}": a clock cannot be an output'
        elif not isa(port.type, IntegerType) or width_bits(port.type) is None:
            yield f'port "{name}": type must be a signless integer, at least i1, got {port.type}'


def _describe(op: Operation) -> str:
    hint = op.results[0].name_hint if op.results else None
    return f"{op.name} %{hint}" if hint else op.name


def _extern_problems(op: hw.HWModuleExternOp) -> Iterator[str]:
    name = extern_name(op)
    names = [name, *(port.port_name.data for port in op.module_type.ports.data)]
    for bad in (n for n in names if not is_legal_identifier(n)):
        yield f'hw.module.extern @{op.sym_name.data}: "{bad}" is not a legal Verilog identifier'


def extern_name(op: hw.HWModuleExternOp) -> str:
    """Returns the name under which an external module is instantiated."""
    return (op.verilog_name or op.sym_name).data


def _op_problem(op: Operation, block: Block) -> str | None:
    kind = type(op)
    if kind not in _SUPPORTED_OPS:
        return "no Verilog for this op; lower it first"
    if "rtl.comment" in op.attributes and not isinstance(op.attributes["rtl.comment"], StringAttr):
        return "rtl.comment must be a string"
    for value in (*op.operands, *op.results):
        if type(value.type) is not seq.ClockType:
            if width_bits(value.type) is None:
                return f"type {value.type} has no Verilog; use a signless integer of 1 or more bits"
        elif kind in _COMB_OPS or value.owner is not block:
            return "a clock must come straight from an input port"
    specific = _SPECIFIC_PROBLEMS.get(kind)
    return specific(op) if specific is not None else None


def _extract_problem(op: Operation) -> str | None:
    # xDSL's own verifier lets the slice reach one bit past the input.
    assert isinstance(op, comb.ExtractOp | hw.ArrayGetOp)
    low, width, of = slice_low(op), value_width(op.result), value_width(op.input)
    if low is not None and (low < 0 or low + width > of):
        return f"bits {low} to {low + width - 1} reach outside of the {of}-bit input"
    return None


def _replicate_problem(op: Operation) -> str | None:
    assert isinstance(op, comb.ReplicateOp)
    if value_width(op.result) % value_width(op.input):
        return f"{op.result.type} is not a multiple of {op.input.type}"
    return None


def _bitcast_problem(op: Operation) -> str | None:
    assert isinstance(op, hw.BitcastOp)
    if value_width(op.result) != value_width(op.input):
        return f"{op.input.type} and {op.result.type} differ in width"
    return None


def _comp_reg_problem(op: Operation) -> str | None:
    assert isinstance(op, seq.CompRegOp)
    power_on = rtl.register_operands(op).power_on
    if power_on is not None and constant_value(power_on) is None:
        return "the power-on value must be an hw.constant"
    return None


def _parity_problem(op: Operation) -> str | None:
    assert isinstance(op, comb.ParityOp)
    return None if value_width(op.result) == 1 else f"result must be i1, got {op.result.type}"


_SPECIFIC_PROBLEMS: dict[type[Operation], Callable[[Operation], str | None]] = {
    comb.ExtractOp: _extract_problem,
    comb.ReplicateOp: _replicate_problem,
    comb.ParityOp: _parity_problem,
    hw.BitcastOp: _bitcast_problem,
    hw.ArrayGetOp: _extract_problem,
    seq.CompRegOp: _comp_reg_problem,
}

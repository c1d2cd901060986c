"""Writes sums of shifted integers with operations of comb alone, as CIRCT reads them.

Before:
```mlir
hw.module @m(in %a: i4, in %b: i6, out y: i9) {
  %s = rtl.shift_add %a, %b {shifts = array<i64: 0, 2>, signs = array<i64: 1, -1>, signed = array<i64: 0, 1>} : (i4, i6) -> i9
  hw.output %s : i9
}
```
After:
```mlir
hw.module @m(in %a: i4, in %b: i6, out y: i9) {
  %c0_i5 = hw.constant 0 : i5
  %wide_a = comb.concat %c0_i5, %a : i5, i4
  %c0_i2 = hw.constant 0 : i2
  %moved_b = comb.concat %b, %c0_i2 : i6, i2
  %sign = comb.extract %moved_b from 7 : (i8) -> i1
  %wide_b = comb.concat %sign, %moved_b : i1, i8
  %s = comb.sub %wide_a, %wide_b : i9
  hw.output %s : i9
}
```
Requires: convert-stream-to-rtl.
Keeps: every integer.
Leaves alone: everything else. Verilog needs this pass not: `rtl.shift_add` is one readable line there.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import comb, hw
from xdsl.dialects.builtin import IntegerAttr, IntegerType, ModuleOp, i32
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.hints import isa

from qcompiler.dialects import rtl


def _width(value: SSAValue) -> int:
    assert isa(value.type, IntegerType), "the verifier saw to it"
    return value.type.width.data


def _slice(value: SSAValue, low: int, width: int) -> Operation:
    return comb.ExtractOp(value, IntegerAttr(low, i32), IntegerType(width))


def _term(
    value: SSAValue, shift: int, width: int, signed: bool
) -> tuple[list[Operation], SSAValue]:
    """Returns the operations of a shifted operand in `width` bits, and what they make."""
    ops: list[Operation] = []

    def emit(op: Operation) -> SSAValue:
        ops.append(op)
        return op.results[0]

    def joined(high: SSAValue, low: SSAValue) -> SSAValue:
        total = IntegerType(_width(high) + _width(low))
        return emit(comb.ConcatOp((high, low), total))

    if shift:
        value = joined(value, emit(hw.ConstantOp(0, shift)))
    missing = width - _width(value)
    if missing < 0:
        value = emit(_slice(value, 0, width))
    elif missing and signed:
        sign = emit(_slice(value, _width(value) - 1, 1))
        copies = emit(comb.ReplicateOp(sign, IntegerType(missing))) if missing > 1 else sign
        value = joined(copies, value)
    elif missing:
        value = joined(emit(hw.ConstantOp(0, missing)), value)
    return ops, value


def _expand(op: rtl.ShiftAddOp) -> None:
    block = op.parent_block()
    assert block is not None, "it stands in a module"
    width = _width(op.result)
    total: SSAValue | None = None
    # What is added comes first: nothing need be negated then.
    for value, (shift, sign, signed) in sorted(
        zip(op.inputs, op.terms, strict=True), key=lambda term: -term[1][1]
    ):
        ops, wide = _term(value, shift, width, signed)
        if total is None and sign < 0:
            zero = hw.ConstantOp(0, width)
            ops.append(zero)
            total = zero.result
        if total is None:
            total = wide
        else:
            made = comb.SubOp(total, wide) if sign < 0 else comb.AddOp([total, wide])
            ops.append(made)
            total = made.results[0]
        for new in ops:
            new.location = op.location
            block.insert_op_before(new, op)
    assert total is not None, "it has an operand"
    total.name_hint = op.result.name_hint
    op.result.replace_all_uses_with(total)
    op.detach()
    op.erase()


@dataclass(frozen=True)
class ExpandShiftAddsPass(ModulePass):
    """Writes sums of shifted integers with operations of comb alone, as CIRCT reads them."""

    name = "expand-shift-adds"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for inner in list(op.walk()):
            if isinstance(inner, rtl.ShiftAddOp):
                _expand(inner)

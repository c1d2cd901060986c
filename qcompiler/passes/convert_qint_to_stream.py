"""Turns the integer core into processes and channels, everything folded to one element a cycle.

Before:
```mlir
func.func @core(%x : tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2x!qint.int<0, 1>> {
  %w = qint.constant dense<[[1, 0], [-1, 1]]> : tensor<2x2xi8> -> tensor<2x2x!qint.int<-1, 1>>
  %a = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x2x!qint.int<-1, 1>>) -> tensor<1x2x!qint.int<-3, 3>>
  %y = qint.threshold %a {thresholds = dense<[[1]]> : tensor<1x1xi8>, sign = 1 : i64, lo = 0 : i64, axis = 1 : i64} : (tensor<1x2x!qint.int<-3, 3>>) -> tensor<1x2x!qint.int<0, 1>>
  func.return %y : tensor<1x2x!qint.int<0, 1>>
}
```
After:
```mlir
stream.weights @w dense<[[1, 0], [-1, 1]]> : tensor<2x2xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [2], lanes = 1> {
  %a = stream.mvau %x weights @w pe 1 simd 1 : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>) -> !stream.channel<!qint.int<-3, 3>, frame = [2], lanes = 1>
  %y = stream.requantize %a {
  ^bb0(%e : !qint.int<-3, 3>):
    %c = qint.threshold %e {thresholds = dense<[[1]]> : tensor<1x1xi8>, sign = 1 : i64, lo = 0 : i64} : (!qint.int<-3, 3>) -> !qint.int<0, 1>
    qint.yield %c : !qint.int<0, 1>
  } : (!stream.channel<!qint.int<-3, 3>, frame = [2], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [2], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 1>, frame = [2], lanes = 1>
}
```
Requires: split-host, select-requantizer.
Keeps: every integer, in row-major order with channels innermost.
Leaves alone: @head and @tail, which are the host's. An operation of the core with no process is an
error, all of them at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from qcompiler.dialects import qint, stream
from qcompiler.dialects.attributes import shape_of
from qcompiler.errors import ModelError, Problem
from qcompiler.passes.to_stream import elementwise, linear, moves, rows
from qcompiler.passes.to_stream.state import Conversion, channel_like
from qcompiler.provenance.sources import place_of

_RULES: list[tuple[type[Operation], Callable[[Conversion, Any], None]]] = [
    (qint.MatMulOp, linear.lower_matmul),
    (qint.ConvOp, linear.lower_conv),
    (qint.PoolOp, linear.lower_pool),
    (qint.SampleOp, linear.lower_sample),
    (qint.RowReduceOp, rows.lower_row_reduce),
    (qint.FormulaOp, rows.lower_formula),
    (qint.ArgMaxOp, linear.lower_arg_max),
    (qint.RequantizerOp, elementwise.lower_requantizer),
    (qint.ReshapeOp, moves.lower_reshape),
    (qint.TransposeOp, moves.lower_transpose),
    (qint.AddOp, elementwise.lower_add),
    (qint.MulOp, elementwise.lower_mul),
    (qint.ConcatOp, elementwise.lower_concat),
    (qint.AffineOp, elementwise.lower_affine),
    (qint.SliceOp, moves.lower_slice),
    (qint.ResizeNearestOp, moves.lower_resize),
    (qint.DepthToSpaceOp, moves.lower_depth_to_space),
    (qint.PadOp, moves.lower_pad),
]


Lowering = Callable[[Any, list[SSAValue]], stream.Process]
"""Takes an operation and the channels of its operands; returns the process, not yet inserted."""


def lowering(*op_types: type[Operation]) -> Callable[[Lowering], Lowering]:
    """Returns a decorator that registers what process an operation of a plugin becomes.

    Frames are the operands' shapes without the batch (`frame_of`), channels have one lane yet:
    select-folding comes later. Raise `ModelError` to refuse an operation.

    Example: `@lowering(CumSumOp)` above `def _(op, inputs): return CumSumProcess(inputs[0], ...)`
    """

    def register(function: Lowering) -> Lowering:
        def rule(state: Conversion, op: Operation) -> None:
            state.emit(op, function(op, [state.values[operand] for operand in op.operands]))

        _RULES.extend((op_type, rule) for op_type in op_types)
        return function

    return register


def _is_known(state: Conversion, value: SSAValue) -> bool:
    owner = value.owner
    if isinstance(owner, qint.RequantizerOp) and elementwise.is_term(owner):
        return owner.input in state.values
    return value in state.values or isinstance(owner, qint.ConstantOp)


def _convert(state: Conversion, op: Operation) -> None:
    if not all(_is_known(state, operand) for operand in op.operands):
        return  # what feeds it was refused already
    for kind, rule in _RULES:
        if isinstance(op, kind):
            rule(state, op)
            return
    state.refuse(
        op, f"no hardware is known for {op.name}", "end the model before it, or leave it out"
    )


def _duplicate(block: Block) -> None:
    """Gives each channel one reader: a duplicate stands where several need it."""
    values = [*block.args, *(result for op in block.ops for result in op.results)]
    for value in values:
        uses = list(value.uses)
        if len(uses) < 2:
            continue
        duplicate = stream.DuplicateOp(value, len(uses))
        if isinstance(value.owner, Operation):
            duplicate.location = value.owner.location
            block.insert_op_after(duplicate, value.owner)
        else:
            assert block.first_op is not None
            block.insert_op_before(duplicate, block.first_op)
        for use, copy in zip(uses, duplicate.results, strict=True):
            copy.name_hint = value.name_hint
            use.operation.operands[use.index] = copy


def _check_batch(core: func.FuncOp) -> None:
    """Raises ModelError where a convolution or pool sees several images at once."""
    problems = [
        Problem(
            place_of(op),
            f"works on a batch of {shape_of(op.operands[0].type)[0]}",
            "export the model with a batch of 1; frames follow one another in hardware",
            "write 1 for the first axis of the input; frames follow one another in hardware",
        )
        for op in core.body.block.ops
        if isinstance(op, qint.Windowed) and shape_of(op.operands[0].type)[0] != 1
    ]
    if problems:
        raise ModelError(problems)


@dataclass(frozen=True)
class ConvertQintToStreamPass(ModulePass):
    """Turns the integer core into processes and channels, everything folded to one element."""

    name = "convert-qint-to-stream"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        core = next(
            (f for f in op.ops if isinstance(f, func.FuncOp) and f.sym_name.data == "core"), None
        )
        if core is None:
            return
        _check_batch(core)
        block = Block(arg_types=[channel_like(argument.type) for argument in core.args])
        replacement = func.FuncOp("core", ([], []), Region(block))
        op.body.block.insert_op_before(replacement, core)
        state = Conversion(op, Builder(InsertPoint.at_end(block)), names={"head", "core", "tail"})
        for argument, channel in zip(core.args, block.args, strict=True):
            channel.name_hint = argument.name_hint
            state.values[argument] = channel
        returned = core.get_return_op()
        assert returned is not None
        for inner in core.body.block.ops:
            if not isinstance(inner, qint.ConstantOp | func.ReturnOp):
                _convert(state, inner)
        if state.problems:
            replacement.detach()
            raise ModelError(state.problems)
        results = [state.values[value] for value in returned.operands]
        block.add_op(func.ReturnOp(*results))
        _duplicate(block)
        replacement.function_type = FunctionType.from_lists(
            block.arg_types, [value.type for value in results]
        )
        qint.set_state(replacement, qint.state_of(core))
        core.detach()
        core.erase()

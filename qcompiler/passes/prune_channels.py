"""Removes channels that nothing depends on: dead neurons, and those that always give the same.

Before:
```mlir
func.func @core(%x : tensor<1x2x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<0, 6>> {
  %w = qint.constant dense<[[1, 2, 1], [1, 0, 3]]> : tensor<2x3xi8> -> tensor<2x3x!qint.int<0, 3>>
  %a = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x3x!qint.int<0, 3>>) -> tensor<1x3x!qint.int<0, 12>>
  %h = qint.requantize %a axis 1 {
  ^bb0(%e : !qint.int<0, 12>):
    %r = qint.dequantize %e {scale = 0.5 : f32, zero_point = 0 : i64} : (!qint.int<0, 12>) -> f32
    %b = nn.parameter dense<[0.0, 0.0, -9.0]> : tensor<3xf32> -> f32
    %s = nn.add %r, %b : (f32, f32) -> f32
    %q = qint.quantize %s {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "half_even"} : (f32) -> !qint.int<0, 3>
    qint.yield %q : !qint.int<0, 3>
  } : (tensor<1x3x!qint.int<0, 12>>) -> tensor<1x3x!qint.int<0, 3>>
  %v = qint.constant dense<[[2], [0], [5]]> : tensor<3x1xi8> -> tensor<3x1x!qint.int<0, 5>>
  %y = qint.matmul %h, %v : (tensor<1x3x!qint.int<0, 3>>, tensor<3x1x!qint.int<0, 5>>) -> tensor<1x1x!qint.int<0, 6>>
  func.return %y : tensor<1x1x!qint.int<0, 6>>
}
```
After:
```mlir
func.func @core(%x : tensor<1x2x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<0, 6>> {
  %w = qint.constant dense<[[1], [1]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<1, 1>>
  %a = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x1x!qint.int<1, 1>>) -> tensor<1x1x!qint.int<0, 6>>
  %h = qint.requantize %a axis 1 {
  ^bb0(%e : !qint.int<0, 6>):
    %r = qint.dequantize %e {scale = 0.5 : f32, zero_point = 0 : i64} : (!qint.int<0, 6>) -> f32
    %b = nn.parameter dense<[0.0]> : tensor<1xf32> -> f32
    %s = nn.add %r, %b : (f32, f32) -> f32
    %q = qint.quantize %s {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "half_even"} : (f32) -> !qint.int<0, 3>
    qint.yield %q : !qint.int<0, 3>
  } : (tensor<1x1x!qint.int<0, 6>>) -> tensor<1x1x!qint.int<0, 3>>
  %v = qint.constant dense<[[2]]> : tensor<1x1xi8> -> tensor<1x1x!qint.int<2, 2>>
  %y = qint.matmul %h, %v : (tensor<1x1x!qint.int<0, 3>>, tensor<1x1x!qint.int<2, 2>>) -> tensor<1x1x!qint.int<0, 6>>
  func.return %y : tensor<1x1x!qint.int<0, 6>>
}
```
Requires: fuse-requantize, channels-last; infer-ranges makes more channels constant.
Keeps: every output. What a constant channel adds to the sums behind it becomes an integer map in the
function that requantizes these.
Leaves alone: channels that inputs or outputs have; those of a product with weights that are no constants, or not in
the hardware, or of a convolution in several groups, unless it is depthwise; constants beside a padding of another value; a few dead
channels, where the number of those left has more divisors with them: foldings divide it.
"""

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, TensorType, i64
from xdsl.ir import Block, Operation
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from qcompiler.analysis.dead_channels import DeadChannels
from qcompiler.arith.arrays import IntArray
from qcompiler.dialects import qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.passes.infer_ranges import infer_ranges


@dataclass(frozen=True)
class PruneChannelsPass(ModulePass):
    """Removes channels that nothing depends on: dead neurons, and those that always give the same."""

    name = "prune-channels"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        functions = [f for f in op.walk() if isinstance(f, func.FuncOp) and not f.is_declaration]
        for function in functions:
            if _prune(function.body.block):
                infer_ranges(function)


def _prune(block: Block) -> bool:
    """Removes the dead channels of a function; returns whether there were any."""
    found = DeadChannels(block)
    if not found.bundles:
        return False
    products = [op for op in block.ops if _mixes(op) and _is_touched(op, found)]
    added = {op: found.constants(op) for op in products if isinstance(op, qint.IntegerOp)}
    for op in added:
        _drop_weights(op, found)
    kept = [(bundle.places(value), value) for bundle in found.bundles for value in bundle.values]
    for places, value in kept:  # operations ask for the shapes of operands
        _drop_parameters(places, value.owner)
    for places, value in kept:
        shape = (*shape_of(value.type)[:-1], len(places))
        made = TensorType(qint.int_type_of(value.type), shape)
        Rewriter.replace_value_with_new_type(value, made)
    for op, offsets in added.items():
        if offsets.any():
            for use in list(op.results[0].uses):
                assert isinstance(use.operation, qint.RequantizeOp), "it takes an offset"
                _add(use.operation, offsets)
    return True


def _mixes(op: Operation) -> bool:
    return isinstance(op, qint.IntegerOp) and op.mixing_weights is not None


def _is_touched(op: Operation, found: DeadChannels) -> bool:
    values = (op.operands[0], op.results[0])
    return any(found.of(value) in found.bundles for value in values)


def _drop_weights(op: qint.IntegerOp, found: DeadChannels) -> None:
    """Gives a product the weights of the channels that stay."""
    rows, columns = found.of(op.operands[0]), found.of(op.results[0])
    constant = op.operands[1].owner
    assert rows is not None, "it mixes channels"
    assert columns is not None, "it mixes channels"
    assert isinstance(constant, qint.ConstantOp), "it mixes channels"
    kept = rows.places(op.operands[0]), columns.places(op.results[0])
    _set_weights(op, constant.array[..., kept[0][:, None], kept[1]])


def _set_weights(op: Operation, array: Array) -> None:
    old = op.operands[1]
    new = qint.ConstantOp(array)
    new.location, new.result.name_hint = op.location, old.name_hint
    if isinstance(old.owner, Operation):
        new.location = old.owner.location
    block = op.parent_block()
    assert block is not None, "it is part of a function"
    block.insert_op_before(new, op)
    op.operands[1] = new.result
    if isinstance(old.owner, Operation) and not old.uses:
        Rewriter.erase_op(old.owner)


def _drop_parameters(places: IntArray, op: Operation | Block) -> None:
    """Drops all channels but some from the parameters of what carries channels."""
    if not isinstance(op, qint.IntegerOp) or not op.carries_channels:
        return
    op.keep_channels(places)
    if isinstance(op, qint.ConvOp):
        assert isinstance(op.weights.owner, qint.ConstantOp), "it is depthwise"
        _set_weights(op, op.weights.owner.array[..., places])


def _add(op: qint.RequantizeOp, offsets: IntArray) -> None:
    """Adds an integer to each channel that a function of them takes, within the function."""
    body = op.scalar_body
    readers = [use.operation for use in body.argument.uses]
    if isinstance(readers[0], qint.AffineOp):
        inner = readers[0]
        sums = inner.offset_array + inner.multiplier_array * offsets
        merged = qint.AffineOp(body.argument, inner.multiplier_array, sums)
    else:
        merged = qint.AffineOp(body.argument, np.ones(1, np.int64), offsets)
    block = body.block
    block.insert_op_before(merged, readers[0])
    merged.location = readers[0].location
    if isinstance(readers[0], qint.AffineOp):
        readers[0].result.replace_all_uses_with(merged.result)
        Rewriter.erase_op(readers[0])
    else:
        body.argument.replace_uses_with_if(merged.result, lambda use: use.operation is not merged)
    op.properties["axis"] = IntegerAttr(len(shape_of(op.input.type)) - 1, i64)

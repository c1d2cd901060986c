"""Moves integer offsets and factors of activations behind matrix products and changes of shape.

Before:
```mlir
func.func @main(%b : tensor<1x2x!qint.int<0, 1>>) -> tensor<1x1x!qint.int<-4, 4>> {
  %w = qint.constant dense<[[1], [3]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<1, 3>>
  %v = qint.affine %b {multiplier = 2 : i64, offset = -1 : i64} : (tensor<1x2x!qint.int<0, 1>>) -> tensor<1x2x!qint.int<-1, 1>>
  %y = qint.matmul %v, %w : (tensor<1x2x!qint.int<-1, 1>>, tensor<2x1x!qint.int<1, 3>>) -> tensor<1x1x!qint.int<-4, 4>>
  func.return %y : tensor<1x1x!qint.int<-4, 4>>
}
```
After:
```mlir
func.func @main(%b : tensor<1x2x!qint.int<0, 1>>) -> tensor<1x1x!qint.int<-4, 4>> {
  %w = qint.constant dense<[[1], [3]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<1, 3>>
  %0 = qint.matmul %b, %w : (tensor<1x2x!qint.int<0, 1>>, tensor<2x1x!qint.int<1, 3>>) -> tensor<1x1x!qint.int<0, 4>>
  %y = qint.affine %0 {multiplier = 2 : i64, offset = -4 : i64, axis = 1 : i64} : (tensor<1x1x!qint.int<0, 4>>) -> tensor<1x1x!qint.int<-4, 4>>
  func.return %y : tensor<1x1x!qint.int<-4, 4>>
}
```
Requires: fold-scales.
Keeps: every integer. What flows on the wires are the codes themselves: {0, 1} for bipolar values,
unshifted codes for quantizers with a zero point.
Leaves alone: offsets that vary along an axis which the operation sums over or regroups; products of
two activations, and with weights that the host writes: their sums are not known.
"""

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern
from xdsl.rewriter import Rewriter

from qcompiler.dialects import qint
from qcompiler.dialects.attributes import shape_of
from qcompiler.passes.infer_ranges import widen_types
from qcompiler.passes.rewriting import apply_patterns, replace


class _ThroughMatMul(RewritePattern):
    """(m * x + b) @ W = m * (x @ W) + b * column sums of W."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.MatMulOp, rewriter: PatternRewriter) -> None:
        affine, weights = op.lhs.owner, op.rhs.owner
        if not isinstance(affine, qint.AffineOp) or not isinstance(weights, qint.ConstantOp):
            return
        if affine.channel_axis is not None or weights.array.ndim != 2 or weights.is_written:
            return
        matmul = qint.MatMulOp(affine.input, op.rhs)
        offset = affine.offset_array * weights.array.sum(axis=0)
        axis = len(shape_of(op.result.type)) - 1
        moved = qint.AffineOp(matmul.result, affine.multiplier_array, offset, axis=axis)
        replace(rewriter, op, [matmul, moved])


class _ThroughConv(RewritePattern):
    """conv(m * x + b, w) = m * conv(x, w) + b * sums of w, if the padding has a code."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.ConvOp, rewriter: PatternRewriter) -> None:
        affine, weights = op.input.owner, op.weights.owner
        if not isinstance(affine, qint.AffineOp) or not isinstance(weights, qint.ConstantOp):
            return
        if weights.is_written:
            return
        pad = _code_of(affine, op)
        if pad is None:
            return
        conv = qint.ConvOp(affine.input, op.weights, op.window, op.groups, pad)
        sums = weights.array.reshape(-1, weights.array.shape[-1]).sum(axis=0)
        axis = len(shape_of(op.result.type)) - 1
        moved = qint.AffineOp(
            conv.result, affine.multiplier_array, affine.offset_array * sums, axis=axis
        )
        replace(rewriter, op, [conv, moved])


def _code_of(affine: qint.AffineOp, op: qint.Windowed) -> int | None:
    """Returns the code x with m * x + b = the padding's value, for one m and b for all channels."""
    if affine.channel_axis is not None or affine.multiplier_array[0] <= 0:
        return None
    multiplier, offset = int(affine.multiplier_array[0]), int(affine.offset_array[0])
    code, rest = divmod(op.pad_value.value.data - offset, multiplier)
    padded = any(op.window.pads_begin) or any(op.window.pads_end)
    return code if rest == 0 or not padded else None


class _ThroughPool(RewritePattern):
    """Maxima commute with rising maps, sums with all."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.PoolOp, rewriter: PatternRewriter) -> None:
        affine = op.input.owner
        if not isinstance(affine, qint.AffineOp):
            return
        pad = _code_of(affine, op)
        if pad is None:
            return
        pool = qint.PoolOp(affine.input, op.kind.data, op.window, pad)
        count = 1 if op.kind.data == "max" else op.window.taps
        offset = affine.offset_array * count
        replace(rewriter, op, [pool, qint.AffineOp(pool.result, affine.multiplier_array, offset)])


class _BeforeArgMax(RewritePattern):
    """A rising map moves no maximum."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.ArgMaxOp, rewriter: PatternRewriter) -> None:
        affine = _uniform_map(op.input)
        if affine is not None and affine.multiplier_array[0] > 0:
            replace(rewriter, op, [qint.ArgMaxOp(affine.input, op.takes_last)])


class _ThroughLayout(RewritePattern):
    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, qint.ReshapeOp | qint.TransposeOp):
            return
        affine = op.input.owner
        if not isinstance(affine, qint.AffineOp) or _feeds_products(op.result):
            return
        axis = affine.channel_axis
        if isinstance(op, qint.TransposeOp):
            permutation = op.permutation.get_values()
            axis = None if axis is None else list(permutation).index(axis)
            moved: Operation = qint.TransposeOp(affine.input, permutation)
        elif axis is None:
            moved = qint.ReshapeOp(affine.input, shape_of(op.result.type))
        else:
            return
        after = qint.AffineOp(
            moved.results[0], affine.multiplier_array, affine.offset_array, axis=axis
        )
        replace(rewriter, op, [moved, after])


class _BeforeProducts(RewritePattern):
    """What a product of two activations keeps is transposed last, so that it may be kept so."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.MatMulOp, rewriter: PatternRewriter) -> None:
        affine = _uniform_map(op.rhs)
        if affine is None or not op.is_product_of(op.rhs):
            return
        move = affine.input.owner
        if not isinstance(move, qint.TransposeOp) or not affine.result.has_one_use():
            return
        mapped = qint.AffineOp(move.input, affine.multiplier_array, affine.offset_array)
        moved = qint.TransposeOp(mapped.result, move.permutation.get_values())
        replace(rewriter, affine, [mapped, moved])


def _feeds_products(value: SSAValue) -> bool:
    """Whether nothing but products of two activations read it, which keep it transposed."""
    uses = [use.operation for use in value.uses]
    return bool(uses) and all(
        isinstance(use, qint.MatMulOp) and use.is_product_of(value) for use in uses
    )


class _ThroughRearrangement(RewritePattern):
    """What moves integers about, repeats or drops them, commutes with one map for all."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, qint.Rearrangement | qint.PadOp | qint.ConcatOp):
            return
        maps = [_uniform_map(value) for value in op.operands]
        first = maps[0]
        if first is None or any(other is None for other in maps):
            return
        if any(other is not None and not _same_map(first, other) for other in maps):
            return
        inputs = [other.input for other in maps if other is not None]
        if isinstance(op, qint.PadOp):
            code, rest = divmod(
                op.value.value.data - int(first.offset_array[0]), int(first.multiplier_array[0])
            )
            if rest:
                return
            begin, end = op.begin.get_values(), op.end.get_values()
            moved: Operation = qint.PadOp(inputs[0], begin, end, code)
        elif isinstance(op, qint.ConcatOp):
            moved = qint.ConcatOp(inputs, op.axis.value.data)
        else:
            moved = op.clone()
            moved.operands[0] = inputs[0]
            made = qint.int_like(op.results[0].type, qint.range_of(inputs[0].type))
            Rewriter.replace_value_with_new_type(moved.results[0], made)
        after = qint.AffineOp(moved.results[0], first.multiplier_array, first.offset_array)
        replace(rewriter, op, [moved, after])


def _uniform_map(value: SSAValue) -> qint.AffineOp | None:
    """Returns the integer map that makes `value`, if it is the same for all channels."""
    owner = value.owner
    return owner if isinstance(owner, qint.AffineOp) and owner.channel_axis is None else None


def _same_map(first: qint.AffineOp, other: qint.AffineOp) -> bool:
    return bool(
        (first.multiplier_array == other.multiplier_array).all()
        and (first.offset_array == other.offset_array).all()
    )


class _MergeAffine(RewritePattern):
    """Two affine maps are one."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.AffineOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, qint.AffineOp):
            return
        axes = {a for a in (op.channel_axis, inner.channel_axis) if a is not None}
        if len(axes) > 1:
            return
        multiplier = op.multiplier_array * inner.multiplier_array
        offset = op.multiplier_array * inner.offset_array + op.offset_array
        axis = axes.pop() if axes else None
        merged = qint.AffineOp(inner.input, np.asarray(multiplier), np.asarray(offset), axis=axis)
        replace(rewriter, op, [merged])


@dataclass(frozen=True)
class FoldZeroPointsPass(ModulePass):
    """Moves integer offsets and factors behind matrix products and changes of shape."""

    name = "fold-zero-points"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        apply_patterns(
            op,
            [
                _ThroughMatMul(),
                _ThroughConv(),
                _ThroughPool(),
                _BeforeArgMax(),
                _ThroughLayout(),
                _BeforeProducts(),
                _ThroughRearrangement(),
                _MergeAffine(),
            ],
        )
        widen_types(op)  # an offset behind a product is known less well than the product was

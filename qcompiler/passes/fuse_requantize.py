"""Gathers the real operations between integer tensors and a quantizer into one region.

Before:
```mlir
func.func @main(%a : tensor<1x2x!qint.int<-9, 9>>) -> tensor<1x2x!qint.int<0, 3>> {
  %b = nn.constant dense<[[1.0, -1.0]]> : tensor<1x2xf32> -> tensor<1x2xf32>
  %x = qint.dequantize %a {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<-9, 9>>) -> tensor<1x2xf32>
  %s = nn.add %x, %b : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = qint.quantize %s {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "half_even"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 3>>
  func.return %y : tensor<1x2x!qint.int<0, 3>>
}
```
After:
```mlir
func.func @main(%a : tensor<1x2x!qint.int<-9, 9>>) -> tensor<1x2x!qint.int<0, 3>> {
  %y = qint.requantize %a axis 1 {
  ^bb0(%e : !qint.int<-9, 9>):
    %x = qint.dequantize %e {scale = 0.5 : f32, zero_point = 0 : i64} : (!qint.int<-9, 9>) -> f32
    %b = nn.parameter dense<[1.0, -1.0]> : tensor<2xf32> -> f32
    %s = nn.add %x, %b : (f32, f32) -> f32
    %q = qint.quantize %s {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "half_even"} : (f32) -> !qint.int<0, 3>
    qint.yield %q : !qint.int<0, 3>
  } : (tensor<1x2x!qint.int<-9, 9>>) -> tensor<1x2x!qint.int<0, 3>>
  func.return %y : tensor<1x2x!qint.int<0, 3>>
}
```
Requires: fold-scales, fold-zero-points.
Keeps: the function of every element. Nothing is evaluated yet: `select-requantizer` does that. One
integer tensor gives a `qint.requantize`, several (a residual connection) a `qint.join`.
Parameters that vary along several axes (a bias for every pixel, an average over fewer elements at the
border) are one row along all of these axes: the integers are reshaped around the region.
Leaves alone: quantizers of real inputs (they stay on the host).
Refuses samples, and sums of them, of more than 63 bits where anything but a sum or a quantizer takes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from qcompiler.dialects import qint
from qcompiler.dialects.attributes import shape_of
from qcompiler.errors import ModelError
from qcompiler.passes.rewriting import apply_patterns, replace
from qcompiler.passes.scalar_chains import Chain, FlatRows, NotAChainError, Rows, scalar_body
from qcompiler.passes.wide_integers import wide_operands


class _FuseRequantize(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.QuantizeOp, rewriter: PatternRewriter) -> None:
        shape = shape_of(op.input.type)
        if not shape:
            return
        chain = Chain(shape)
        if op.channel_axis is not None:
            chain.axes.add(op.channel_axis)
        try:
            chain.collect(op.input)
        except NotAChainError:
            return
        inputs = chain.inputs
        same = all(shape_of(value.type) == shape for value in inputs)
        if not inputs or (len(inputs) == 1 and not same):
            return
        if len(chain.axes) > 1:
            if same:
                replace(rewriter, op, self._flat(chain, op))
            return
        axis = next(iter(chain.axes), None)
        if axis is None:  # one value per channel joins all positions
            first = not same or (len(shape) == 3 and any(map(_is_channels_first, inputs)))
            axis = 1 if len(shape) > 2 and first else len(shape) - 1
        body = scalar_body(chain, op, Rows())
        replace(rewriter, op, [_fused(inputs, axis, body, op.range)])

    @staticmethod
    def _flat(chain: Chain, op: qint.QuantizeOp) -> list[Operation]:
        """Returns the region with parameters along several axes, between reshapes."""
        rows = FlatRows(chain.shape, chain.axes)
        new: list[Operation] = []
        values: list[SSAValue] = []
        as_it_is = rows.order == sorted(rows.order)
        for value in chain.inputs:
            if not as_it_is:
                new.append(qint.TransposeOp(value, rows.order))
            last = value if as_it_is else new[-1].results[0]
            flat = qint.ReshapeOp(last, rows.flat_shape)
            flat.result.name_hint = value.name_hint
            new.append(flat)
            values.append(flat.result)
        fused = _fused(values, rows.axis, scalar_body(chain, op, rows), op.range)
        shaped = qint.ReshapeOp(fused.results[0], rows.dims)
        if as_it_is:
            return [*new, fused, shaped]
        back = [rows.order.index(axis) for axis in range(len(rows.order))]
        return [*new, fused, shaped, qint.TransposeOp(shaped.result, back)]


def _is_channels_first(value: SSAValue) -> bool:
    """Whether a signal has its channels before its length, as behind a convolution.

    Where one function is for all elements, any axis is right. That of the channels lets
    channels-last know a signal from rows of features: of rank 3, layouts look alike.
    """
    owner = value.owner
    if isinstance(owner, qint.TransposeOp):
        return list(owner.permutation.get_values()) == [0, 2, 1]
    if isinstance(owner, qint.ConcatOp):
        return any(map(_is_channels_first, owner.operands))
    return isinstance(owner, qint.RequantizeOp | qint.JoinOp) and owner.channel_axis == 1


def _fused(
    inputs: Sequence[SSAValue], axis: int, body: Region, range_: qint.IntRange
) -> qint.RequantizeOp | qint.JoinOp:
    if len(inputs) == 1:
        return qint.RequantizeOp(inputs[0], axis, body, range_)
    return qint.JoinOp(inputs, axis, body, range_)


@dataclass(frozen=True)
class FuseRequantizePass(ModulePass):
    """Gathers the real operations between integer tensors and a quantizer into one region."""

    name = "fuse-requantize"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        apply_patterns(op, [_FuseRequantize()])
        problems = list(wide_operands(op))
        if problems:
            raise ModelError(problems)

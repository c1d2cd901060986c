"""Makes integers of reals that are integers: rounded activations, and weights that are whole numbers.

Before:
```mlir
func.func @main(%a : tensor<1x2x!qint.int<0, 99>>) -> tensor<1x2xf32> {
  %w = nn.constant dense<[[1.0, -1.0], [2.0, 0.0]]> : tensor<2x2xf32> -> tensor<2x2xf32>
  %s = nn.constant dense<16.0> : tensor<1xf32> -> tensor<1xf32>
  %x = qint.dequantize %a {scale = 1.0 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<0, 99>>) -> tensor<1x2xf32>
  %d = nn.div %x, %s : (tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x2xf32>
  %f = nn.floor %d : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %c = nn.clip %f {lo = 0.0 : f32, hi = 3.0 : f32} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = nn.matmul %c, %w : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}
```
After:
```mlir
func.func @main(%a : tensor<1x2x!qint.int<0, 99>>) -> tensor<1x2xf32> {
  %s = nn.constant dense<16.0> : tensor<1xf32> -> tensor<1xf32>
  %x = qint.dequantize %a {scale = 1.0 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<0, 99>>) -> tensor<1x2xf32>
  %d = nn.div %x, %s : (tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x2xf32>
  %q = qint.quantize %d {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "floor"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 3>>
  %c = qint.dequantize %q {scale = 1.0 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2xf32>
  %v = qint.constant dense<[[1, -1], [2, 0]]> : tensor<2x2xi8> -> tensor<2x2x!qint.int<-1, 2>>
  %w = qint.dequantize %v {scale = 1.0 : f32, zero_point = 0 : i64} : (tensor<2x2x!qint.int<-1, 2>>) -> tensor<2x2xf32>
  %y = nn.matmul %c, %w : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}
```
Requires: fold-constants (weights stand as one constant).
Keeps: every value. The bounds of a new quantizer are proven: by the clip that follows the rounding,
or by the ranges of the integers that it comes from.
Leaves alone: roundings without proven bounds; roundings of which nothing but a quantizer sees the
result; weights with fractions.
"""

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern
from xdsl.rewriter import InsertPoint

from qcompiler.analysis.real_ranges import RealRanges
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array
from qcompiler.passes.rewriting import (
    apply_patterns,
    constant_array,
    numerics_of,
    scalar_constant,
)

_ONE, _ZERO = np.ones(1, np.float32), np.zeros(1, np.int64)
_LARGEST = 2**31  # of a weight, and of what a rounding may make


def _bounds_are_integers(op: Operation) -> bool:
    """Whether an operation cuts off at integers, so that it keeps integers what they are."""
    if isinstance(op, nn.ClipOp):
        return all(bound.is_integer() for bound in op.parameters)
    if isinstance(op, nn.MinOp | nn.MaxOp):
        bound = scalar_constant(op.rhs)
        return bound is not None and bound.is_integer()
    return isinstance(op, nn.ReluOp)


def _end_of_cuts(value: SSAValue) -> SSAValue:
    """Returns what clips at integers, one after the other, make of `value`."""
    while (use := value.get_user_of_unique_use()) is not None:
        if use.operands[0] is not value or not _bounds_are_integers(use):
            break
        value = use.results[0]
    return value


def _ends_in_quantizer(value: SSAValue) -> bool:
    """Whether all that sees `value` is one quantizer, through operations with parameters."""
    while (user := value.get_user_of_unique_use()) is not None:
        if isinstance(user, qint.QuantizeOp):
            return True
        others = [o for o in user.operands if o is not value]
        if not isinstance(user, nn.Binary | nn.Unary) or any(
            constant_array(other) is None for other in others
        ):
            return False
        value = user.results[0]
    return False


class _Rounding(RewritePattern):
    """A rounding and the clips behind it become one quantizer of scale 1."""

    def __init__(self, numerics: str) -> None:
        self.ranges = RealRanges(numerics)

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, nn.Rounding):
            return
        end = _end_of_cuts(op.result)
        if _ends_in_quantizer(end):
            return
        range_ = self.ranges.of(end).integers
        if range_ is None or max(-range_.lo, range_.hi) > _LARGEST:
            return
        last = end.owner
        assert isinstance(last, Operation)
        quantize = qint.QuantizeOp(op.input, _ONE, _ZERO, range_, rounding=op.MODE)
        dequantize = qint.DequantizeOp(quantize.result, _ONE, _ZERO)
        quantize.location = dequantize.location = op.location
        dequantize.result.name_hint = end.name_hint
        rewriter.replace(last, [quantize, dequantize])


def _whole(array: Array) -> bool:
    """Whether a constant holds integers only, of at most 32 bits."""
    return bool(((array == np.rint(array)) & (abs(array) < _LARGEST)).all())


class _Weights(RewritePattern):
    """Weights that are whole numbers are integers of scale 1."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, nn.MatMulOp | nn.ConvOp | nn.ConvTransposeOp):
            return
        for index, operand in enumerate(op.operands):
            constant = operand.owner
            if not isinstance(constant, nn.ConstantOp) or not _whole(constant.array):
                continue
            codes = qint.ConstantOp(constant.array.astype(np.int64))
            dequantize = qint.DequantizeOp(codes.result, _ONE, _ZERO)
            for created in (codes, dequantize):
                created.location = constant.location
                created.results[0].name_hint = operand.name_hint
            rewriter.insert([codes, dequantize], InsertPoint.before(op))
            op.operands[index] = dequantize.result
            rewriter.notify_op_modified(op)


@dataclass(frozen=True)
class FindIntegersPass(ModulePass):
    """Makes integers of reals that are integers."""

    name = "find-integers"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        apply_patterns(op, [_Rounding(numerics_of(op)), _Weights()])

"""Moves scales behind linear operations, so that those work on integers.

Before:
```mlir
func.func @main(%a : tensor<1x2x!qint.int<0, 3>>, %w : tensor<2x2x!qint.int<-1, 1>>) -> tensor<1x2xf32> {
  %x = qint.dequantize %a {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2xf32>
  %v = qint.dequantize %w {scale = 0.25 : f32, zero_point = 0 : i64} : (tensor<2x2x!qint.int<-1, 1>>) -> tensor<2x2xf32>
  %y = nn.matmul %x, %v : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}
```
After:
```mlir
func.func @main(%a : tensor<1x2x!qint.int<0, 3>>, %w : tensor<2x2x!qint.int<-1, 1>>) -> tensor<1x2xf32> {
  %0 = qint.matmul %a, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x2x!qint.int<-1, 1>>) -> tensor<1x2x!qint.int<-6, 6>>
  %y = qint.dequantize %0 {scale = 0.125 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<-6, 6>>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}
```
Requires: fold-constants (quantized weights are `qint.constant`).
Keeps: the real value. A zero point becomes `qint.affine`; a product of scales that f64 does not hold
exactly stays a separate `nn.mul`; a constant added before a matrix product becomes one after it.
What stands between integers and the next quantizer or layer is put in order, each real operation with
its parameters in their new places: quantizers rise above moves, padding, concatenations and maxima of
windows; pools rise above what rises or falls (maxima) or is a line (averages); moves rise above what
works on each element alone. Activations of several scales that meet before a layer become multiples
of the largest number that divides all scales, if these have at most 32 bits.
A softmax between quantizers becomes functions of a row of integers, within 2**-softmax_bits of a code
of the real one before it is rounded; there `softmax_bits` counts. A mask, a constant added or put in
place of scores, leaves elements of its rows out. A softmax that mixes rows of integers becomes numerator
and denominator, which the next quantizer divides, or the host.
Leaves alone: softmax that nothing but outputs depend on; moves that nothing but the host reads; functions that are no lines before an average;
scales without a common grid.
"""

from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern
from xdsl.rewriter import InsertPoint

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.softmax import BOUND_BITS
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.passes.elementwise_steps import is_constant
from qcompiler.passes.fold_caches import CachePattern
from qcompiler.passes.fold_constants import fold_constant_patterns
from qcompiler.passes.fold_grids import CommonGrid, JoinOnGrid
from qcompiler.passes.fold_lookups import LookupPattern
from qcompiler.passes.fold_mixture import MixturePattern, QuotientPattern
from qcompiler.passes.fold_moves import RaiseMoves
from qcompiler.passes.fold_normalization import LayerNormPattern
from qcompiler.passes.fold_pools import RaiseAverages, RaiseMaxPools
from qcompiler.passes.fold_quantizers import RaiseQuantizers
from qcompiler.passes.fold_rearrangements import ConcatPattern, RearrangementPattern
from qcompiler.passes.fold_sampling import SamplePattern
from qcompiler.passes.fold_softmax import SoftmaxPattern
from qcompiler.passes.fold_transposed import ConvTransposePattern
from qcompiler.passes.fold_windows import (
    ArgMaxPattern,
    AveragePoolPattern,
    ConvPattern,
    MaxPoolPattern,
    ReduceMeanPattern,
)
from qcompiler.passes.rewriting import (
    accumulated,
    apply_patterns,
    as_parameter,
    channel_axis_of,
    discard,
    merge_equal,
    numerics_of,
    plain_dequantize,
    replace,
    scalar_constant,
    scale_product,
)

_ZERO = np.zeros(1, np.int64)
_EXACT_CODES = 2**29  # times the 24 bits of a float32, this fits the 53 of a float64
_NEAR_FLOAT32 = 2**22
_SCALAR_OPS = (nn.AddOp, nn.SubOp, nn.MulOp, nn.DivOp)


def _weights(value: SSAValue) -> tuple[qint.DequantizeOp, qint.ConstantOp] | None:
    """Returns the dequantize and integers of constant weights with one scale per output or in all."""
    dequantize = plain_dequantize(value)
    if dequantize is None or not isinstance(dequantize.input.owner, qint.ConstantOp):
        return None
    last = len(shape_of(value.type)) - 1
    return (dequantize, dequantize.input.owner) if dequantize.channel_axis in (None, last) else None


def _is_integer_based(value: SSAValue) -> bool:
    """Whether elementwise operations on one input lead from integers to `value`."""
    while not isinstance(value.owner, qint.DequantizeOp):
        owner = value.owner
        if isinstance(owner, _SCALAR_OPS):
            value = owner.rhs if scalar_constant(owner.lhs) is not None else owner.lhs
        elif isinstance(owner, nn.Unary | nn.ReshapeOp | nn.TransposeOp):
            value = owner.input
        else:
            return False
    return True


class _SameCodes(RewritePattern):
    """quantize(dequantize(q)) is q where scales and ranges are equal, but for the zero point."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.QuantizeOp, rewriter: PatternRewriter) -> None:
        source, zero_point = plain_dequantize(op.input), op.zero_point_array
        if source is None or source.channel_axis != op.channel_axis:
            return
        codes = qint.range_of(source.input.type)
        new: list[Operation] = []
        if zero_point.any():
            if zero_point.size > 1 or not isinstance(op.result.type, TensorType):
                return
            new.append(qint.AffineOp(source.input, np.ones(1, np.int64), zero_point))
            codes = qint.range_of(new[0].results[0].type)
        # In float32 the quotient is only near the code, which rounding to nearest mends.
        nearest = op.rounding.data.startswith("half") and max(-codes.lo, codes.hi) < _NEAR_FLOAT32
        ones = (source.scale_array == 1).all()
        if (
            codes == op.range
            and (ones or nearest)
            and np.array_equal(source.scale_array, op.scale_array)
        ):
            if new:
                replace(rewriter, op, new)
            else:
                rewriter.replace(op, [], [source.input])
        else:
            discard(new)


class _ZeroPointToAffine(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.DequantizeOp, rewriter: PatternRewriter) -> None:
        zero_point = op.zero_point_array
        if not zero_point.any():
            return
        axis = op.channel_axis
        if isinstance(op.input.owner, qint.ConstantOp):
            array = op.input.owner.array
            shape = [-1 if i == axis else 1 for i in range(array.ndim)]
            held = qint.range_of(op.input.type)
            bounds = IntRange(held.lo - int(zero_point.max()), held.hi - int(zero_point.min()))
            shifted: Operation = qint.ConstantOp(array - zero_point.reshape(shape), bounds)
        else:
            shifted = qint.AffineOp(op.input, np.ones(1, np.int64), -zero_point, axis=axis)
        dequantize = qint.DequantizeOp(
            shifted.results[0], as_parameter(op.scale_array), _ZERO, axis=axis
        )
        replace(rewriter, op, [shifted, dequantize])


class _MatMul(RewritePattern):
    """dequantize(a) @ dequantize(b) = dequantize(a @ b)."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MatMulOp, rewriter: PatternRewriter) -> None:
        lhs, rhs = plain_dequantize(op.lhs), plain_dequantize(op.rhs)
        if lhs is None or rhs is None or lhs.channel_axis is not None:
            return
        last_rhs = len(shape_of(op.rhs.type)) - 1
        if rhs.channel_axis not in (None, last_rhs):
            return
        axis = None if rhs.channel_axis is None else len(shape_of(op.result.type)) - 1
        matmul = accumulated(op, lambda: qint.MatMulOp(lhs.input, rhs.input))
        scale = scale_product(lhs.scale_array, rhs.scale_array, numerics_of(op))
        if scale is not None:
            replace(
                rewriter, op, [matmul, qint.DequantizeOp(matmul.result, scale, _ZERO, axis=axis)]
            )
            return
        first = qint.DequantizeOp(matmul.result, as_parameter(lhs.scale_array), _ZERO)
        second = nn.ConstantOp(as_parameter(rhs.scale_array))
        replace(rewriter, op, [matmul, first, second, nn.MulOp(first.result, second.result)])


class _ScalarThroughMatMul(RewritePattern):
    """(x op c) @ W for a number c: a factor commutes, a summand becomes c * column sums of W."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MatMulOp, rewriter: PatternRewriter) -> None:
        weights = _weights(op.rhs)
        inner = op.lhs.owner
        if weights is None or not isinstance(inner, _SCALAR_OPS):
            return
        constant_first = scalar_constant(inner.lhs) is not None
        constant, x = (inner.lhs, inner.rhs) if constant_first else (inner.rhs, inner.lhs)
        if scalar_constant(constant) is None or not _is_integer_based(x):
            return
        if isinstance(inner, nn.DivOp) and constant_first:
            return
        matmul = nn.MatMulOp(x, op.rhs)
        if isinstance(inner, nn.MulOp | nn.DivOp):
            replace(rewriter, op, [matmul, type(inner)(matmul.result, constant)])
            return
        offset = self._column_offset(constant, *weights)
        lhs, rhs = matmul.result, offset[-1].results[0]
        total = type(inner)(rhs, lhs) if constant_first else type(inner)(lhs, rhs)
        replace(rewriter, op, [matmul, *offset, total])

    @staticmethod
    def _column_offset(
        constant: SSAValue, dequantize: qint.DequantizeOp, integers: qint.ConstantOp
    ) -> list[Operation]:
        sums = nn.ConstantOp(as_parameter(integers.array.sum(axis=-2).astype(np.float64)))
        scale = nn.ConstantOp(as_parameter(dequantize.scale_array))
        number = nn.ReshapeOp(constant, [1])
        scaled = nn.MulOp(scale.result, sums.result)
        return [sums, scale, number, scaled, nn.MulOp(scaled.result, number.result)]


def _quantized_parameter(value: SSAValue) -> tuple[Array, Array] | None:
    """Returns codes and broadcast scales of a quantized constant, as `value` shapes them."""
    shape = shape_of(value.type)
    source = value.owner.input if isinstance(value.owner, nn.ReshapeOp) else value
    dequantize = plain_dequantize(source)
    if dequantize is None or not isinstance(dequantize.input.owner, qint.ConstantOp):
        return None
    codes = dequantize.input.owner.array
    along = [-1 if axis == dequantize.channel_axis else 1 for axis in range(codes.ndim)]
    scale = np.broadcast_to(
        dequantize.scale_array.reshape(along if codes.ndim else ()), codes.shape
    )
    return codes.reshape(shape), scale.reshape(shape)


class _IntegerBias(RewritePattern):
    """Adds biases as integers with the numerics of onnxruntime, whose kernels do.

    Their scale is that of the accumulator, up to the rounding of whoever wrote it down.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.AddOp, rewriter: PatternRewriter) -> None:
        if numerics_of(op) != "onnxruntime":
            return
        for sum_, bias in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
            accumulator, parameter = plain_dequantize(sum_), _quantized_parameter(bias)
            if accumulator is None or parameter is None:
                continue
            codes, scale = parameter
            try:
                axis = channel_axis_of(codes.shape, shape_of(op.result.type))
            except ValueError:  # a whole tensor, not one value per channel
                continue
            if accumulator.channel_axis not in (None, axis):
                continue
            if not np.allclose(accumulator.scale_array, scale.reshape(-1), rtol=1e-6, atol=0):
                continue
            ones = np.ones(1, np.int64)
            shifted = qint.AffineOp(accumulator.input, ones, codes.reshape(-1), axis=axis)
            reals = qint.DequantizeOp(
                shifted.result,
                as_parameter(accumulator.scale_array),
                _ZERO,
                axis=accumulator.channel_axis,
            )
            replace(rewriter, op, [shifted, reals])
            return


class _ConstantSummand(RewritePattern):
    """Quantized biases and factors become real parameters: code times scale, where f64 holds it."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, nn.Binary):
            return
        for index, operand in enumerate(op.operands):
            parameter = _quantized_parameter(operand)
            if parameter is None:
                continue
            new = self._product(*parameter, numerics_of(op))
            for created in new:
                created.location = op.location
                rewriter.insert(created, InsertPoint.before(op))
            new[-1].results[0].name_hint = operand.name_hint
            op.operands[index] = new[-1].results[0]
            rewriter.notify_op_modified(op)

    @staticmethod
    def _product(codes: Array, scale: Array, numerics: str) -> list[Operation]:
        if numerics == "onnxruntime":
            values = codes.astype(np.float32) * scale.astype(np.float32)
            return [nn.ConstantOp(np.asarray(values, np.float32))]
        if np.abs(codes).max(initial=0) < _EXACT_CODES:
            return [nn.ConstantOp(np.asarray(as_parameter(codes * scale)))]
        factors = [nn.ConstantOp(as_parameter(a.astype(np.float64))) for a in (codes, scale)]
        return [*factors, nn.MulOp(factors[0].result, factors[1].result)]


class _ConstantOnTheLeft(RewritePattern):
    """W @ x = transpose(transpose(x) @ transpose(W)): weights stand on the right."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MatMulOp, rewriter: PatternRewriter) -> None:
        weights, x = shape_of(op.lhs.type), shape_of(op.rhs.type)
        source = plain_dequantize(op.lhs)
        if source is None or not isinstance(source.input.owner, qint.ConstantOp):
            return
        if is_constant(op.rhs) or len(x) < 2 or prod(weights[:-2]) != 1 or len(weights) < 2:
            return
        matrix: SSAValue = op.lhs
        new: list[Operation] = []

        def turned(value: SSAValue) -> SSAValue:
            rank = len(shape_of(value.type))
            new.append(nn.TransposeOp(value, [*range(rank - 2), rank - 1, rank - 2]))
            return new[-1].results[0]

        if len(weights) > 2:
            new.append(nn.ReshapeOp(matrix, weights[-2:]))
            matrix = new[-1].results[0]
        new.append(nn.MatMulOp(turned(op.rhs), turned(matrix)))
        made = turned(new[-1].results[0])
        if shape_of(made.type) != shape_of(op.result.type):
            new.append(nn.ReshapeOp(made, shape_of(op.result.type)))
        replace(rewriter, op, new)


@dataclass(frozen=True)
class FoldScalesPass(ModulePass):
    """Moves scales behind linear operations, so that those work on integers."""

    name = "fold-scales"
    softmax_bits: int = BOUND_BITS

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        # What stands in the way of integers is tried in this order, one kind of obstacle at a time.
        obstacles: tuple[list[RewritePattern], ...] = (
            [RaiseMaxPools(), RaiseAverages()],
            [RaiseQuantizers()],
            [RaiseMoves()],
            [RearrangementPattern(spreads=True)],
            [CommonGrid()],
            [JoinOnGrid()],
        )
        merge_equal(op)
        apply_patterns(op, _linear_patterns(self.softmax_bits))
        while any(apply_patterns(op, patterns) for patterns in obstacles):
            merge_equal(op)
            apply_patterns(op, _linear_patterns(self.softmax_bits))


def _linear_patterns(softmax_bits: int) -> list[RewritePattern]:
    """Returns the patterns that take integers out of one dequantize behind the next operation."""
    return [
        _SameCodes(),
        _ZeroPointToAffine(),
        _ConstantOnTheLeft(),  # before the product itself
        _MatMul(),
        ConvPattern(),
        SamplePattern(),
        MaxPoolPattern(),
        AveragePoolPattern(),
        ReduceMeanPattern(),
        ArgMaxPattern(),
        SoftmaxPattern(softmax_bits),
        MixturePattern(softmax_bits),
        QuotientPattern(),
        LayerNormPattern(),
        ConvTransposePattern(),
        LookupPattern(),
        RearrangementPattern(),
        ConcatPattern(),
        CachePattern(),
        _ScalarThroughMatMul(),
        _IntegerBias(),  # before the bias becomes a real parameter
        _ConstantSummand(),
        *fold_constant_patterns(),  # transposed and shifted weights are weights again
    ]

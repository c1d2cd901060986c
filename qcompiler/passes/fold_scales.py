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
Leaves alone: activations with one scale per input channel of a matrix product; reshapes of values
whose scale varies by channel.
"""

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern
from xdsl.rewriter import InsertPoint

from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.passes.fold_constants import fold_constant_patterns
from qcompiler.passes.fold_rearrangements import (
    ConcatPattern,
    MoveThroughElementwise,
    QuantizeBeforeConcat,
    RearrangementPattern,
)
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
    """quantize(dequantize(q)) is q where scales and ranges are equal."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.QuantizeOp, rewriter: PatternRewriter) -> None:
        source = plain_dequantize(op.input)
        if source is None or op.zero_point_array.any() or source.channel_axis != op.channel_axis:
            return
        codes = qint.range_of(source.input.type)
        # In float32 the quotient is only near the code, which rounding to nearest mends.
        nearest = op.rounding.data.startswith("half") and max(-codes.lo, codes.hi) < _NEAR_FLOAT32
        ones = (source.scale_array == 1).all()
        if (
            codes == op.range
            and (ones or nearest)
            and np.array_equal(source.scale_array, op.scale_array)
        ):
            rewriter.replace(op, [], [source.input])


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
            shifted: Operation = qint.ConstantOp(array - zero_point.reshape(shape))
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
        operands = (matmul.result, offset[-1].results[0])
        total = type(inner)(*(reversed(operands) if constant_first else operands))
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


class _Layout(RewritePattern):
    """Reshapes and transposes integers rather than reals."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, nn.ReshapeOp | nn.TransposeOp):
            return
        dequantize = plain_dequantize(op.input)
        if dequantize is None:
            return
        axis = dequantize.channel_axis
        if isinstance(op, nn.TransposeOp):
            permutation = op.permutation.get_values()
            moved: Operation = qint.TransposeOp(dequantize.input, permutation)
            axis = None if axis is None else list(permutation).index(axis)
        elif axis is None:
            moved = qint.ReshapeOp(dequantize.input, shape_of(op.result.type))
        else:
            return
        scale = as_parameter(dequantize.scale_array)
        replace(rewriter, op, [moved, qint.DequantizeOp(moved.results[0], scale, _ZERO, axis=axis)])


class _LayoutThroughElementwise(RewritePattern):
    """Reshapes and transposes before elementwise operations with a number."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, nn.ReshapeOp | nn.TransposeOp):
            return
        inner = op.input.owner
        if not isinstance(inner, (*_SCALAR_OPS, nn.Unary)) or not _is_integer_based(op.input):
            return
        moved: list[Operation] = []
        values: list[SSAValue] = []
        for operand in inner.operands:
            if scalar_constant(operand) is not None:
                values.append(operand)
                continue
            if shape_of(operand.type) != shape_of(op.input.type):
                return
            moved.append(self._like(op, operand))
            values.append(moved[-1].results[0])
        if len(moved) == 1:
            replace(rewriter, op, [*moved, nn.same_op(inner, values)])

    @staticmethod
    def _like(op: nn.ReshapeOp | nn.TransposeOp, operand: SSAValue) -> Operation:
        if isinstance(op, nn.TransposeOp):
            return nn.TransposeOp(operand, op.permutation.get_values())
        return nn.ReshapeOp(operand, shape_of(op.result.type))


class _ReluBeforeMatMul(RewritePattern):
    """relu of integers stays integer: it becomes a quantizer of the same scale."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MatMulOp, rewriter: PatternRewriter) -> None:
        relu = op.lhs.owner
        if not isinstance(relu, nn.ReluOp):
            return
        source = plain_dequantize(relu.input)
        if source is None or source.channel_axis is not None:
            return
        bounds = qint.range_of(source.input.type)
        scale = as_parameter(source.scale_array)
        cut = qint.IntRange(max(bounds.lo, 0), max(bounds.hi, 0))
        quantize = qint.QuantizeOp(relu.result, scale, _ZERO, cut)
        dequantize = qint.DequantizeOp(quantize.result, scale, _ZERO)
        replace(rewriter, op, [quantize, dequantize, nn.MatMulOp(dequantize.result, op.rhs)])


@dataclass(frozen=True)
class FoldScalesPass(ModulePass):
    """Moves scales behind linear operations, so that those work on integers."""

    name = "fold-scales"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        apply_patterns(
            op,
            [
                _SameCodes(),
                _ZeroPointToAffine(),
                _MatMul(),
                ConvPattern(),
                MaxPoolPattern(),
                AveragePoolPattern(),
                ReduceMeanPattern(),
                ArgMaxPattern(),
                ConvTransposePattern(),
                RearrangementPattern(),
                MoveThroughElementwise(),
                ConcatPattern(),
                QuantizeBeforeConcat(),
                _ScalarThroughMatMul(),
                _ReluBeforeMatMul(),
                _IntegerBias(),  # before the bias becomes a real parameter
                _ConstantSummand(),
                _Layout(),
                _LayoutThroughElementwise(),
                *fold_constant_patterns(),  # transposed and shifted weights are weights again
            ],
        )

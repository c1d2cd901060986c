"""Evaluates operations on constants where the result is exactly representable.

Before:
```mlir
func.func @main() -> tensor<2xf32> {
  %a = nn.constant dense<[1.0, 2.0]> : tensor<2xf32> -> tensor<2xf32>
  %b = nn.constant dense<[0.5]> : tensor<1xf32> -> tensor<1xf32>
  %y = nn.mul %a, %b : (tensor<2xf32>, tensor<1xf32>) -> tensor<2xf32>
  func.return %y : tensor<2xf32>
}
```
After:
```mlir
func.func @main() -> tensor<2xf32> {
  %y = nn.constant dense<[0.5, 1.0]> : tensor<2xf32> -> tensor<2xf32>
  func.return %y : tensor<2xf32>
}
```
Requires: nothing.
A constant of one element that an activation meets becomes a number without axes.
Keeps: every value. With numerics `exact` an operation whose result no f64 holds exactly (a third, a
root) stays in the IR, and is evaluated as a real number where it is used; with `onnxruntime` every
operation rounds to float32, as that runtime does.
Leaves alone: tensors of more than a million elements under `exact` elementwise arithmetic (they are
weights, whose quantizers fold); results that are not finite.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern
from xdsl.rewriter import InsertPoint

from qcompiler.arith.rounding import RoundingMode, round_float, round_fraction
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.passes.rewriting import apply_patterns, constant_array, numerics_of, replace

_LARGEST_EXACT = 1_000_000
_LARGEST = 2**62  # codes beyond it saturate in every quantizer
_BINARY: dict[type[nn.Binary], Callable[[Any, Any], Any]] = {
    nn.AddOp: lambda a, b: a + b,
    nn.SubOp: lambda a, b: a - b,
    nn.MulOp: lambda a, b: a * b,
    nn.DivOp: lambda a, b: a / b,
}


def _narrowest(array: Array) -> Array:
    """Returns float64 values as float32 where that loses nothing."""
    with np.errstate(over="ignore"):
        narrow = array.astype(np.float32)
    return narrow if np.array_equal(narrow.astype(np.float64), array) else array


def _exact_binary(op: Callable[[Any, Any], Any], lhs: Array, rhs: Array) -> Array | None:
    """Returns the result if every element is a float64 number, else None."""
    lhs, rhs = np.broadcast_arrays(lhs, rhs)
    result = np.empty(lhs.shape, np.float64)
    for index in np.ndindex(lhs.shape):
        a, b = Fraction(float(lhs[index])), Fraction(float(rhs[index]))
        if b == 0 and op is _BINARY[nn.DivOp]:
            return None
        exact = op(a, b)
        result[index] = float(exact)
        if Fraction(result[index].item()) != exact:
            return None
    return _narrowest(result)


def _fold_binary(op: nn.Binary, lhs: Array, rhs: Array, numerics: str) -> Array | None:
    function = _BINARY.get(type(op))
    if function is None:
        return None
    if numerics == "onnxruntime":
        with np.errstate(all="ignore"):
            result = np.asarray(function(lhs.astype(np.float32), rhs.astype(np.float32)))
        return result if np.isfinite(result).all() else None
    if max(lhs.size, rhs.size) > _LARGEST_EXACT:
        return None
    return _exact_binary(function, lhs, rhs)


class _FoldBinary(RewritePattern):
    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, nn.Binary):
            return
        lhs, rhs = constant_array(op.lhs), constant_array(op.rhs)
        if lhs is None or rhs is None:
            return
        folded = _fold_binary(op, lhs, rhs, numerics_of(op))
        if folded is not None:
            replace(rewriter, op, [nn.ConstantOp(folded)])


class _PlainNumbers(RewritePattern):
    """A constant of one element that an activation meets is a number, of no shape.

    Shaped `[1, 1, 1, 1]` it would be one value per channel of one channel, which no move of the
    activation may change. Where its shape gives the result more axes, the activation gets them.
    """

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, nn.Binary):
            return
        arrays = [constant_array(operand) for operand in op.operands]
        numbers = [a is not None and a.size == 1 and a.ndim > 0 for a in arrays]
        if all(a is not None for a in arrays) or not any(numbers):
            return
        shape = shape_of(op.result.type)
        operands: list[SSAValue] = []
        for operand, array, number in zip(op.operands, arrays, numbers, strict=True):
            moved: Operation | None = None
            if number and array is not None:
                moved = nn.ConstantOp(array.reshape(()))
            elif shape_of(operand.type) != shape:
                moved = nn.ReshapeOp(operand, shape)
            if moved is not None:
                moved.location = op.location
                moved.results[0].name_hint = operand.name_hint
                rewriter.insert(moved, InsertPoint.before(op))
            operands.append(operand if moved is None else moved.results[0])
        replace(rewriter, op, [nn.same_op(op, operands)])


class _PowToSqrt(RewritePattern):
    """x ** 0.5 is a root; x ** 1 is x; x ** 2 is x * x."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, nn.PowOp):
            return
        exponent = constant_array(op.rhs)
        if exponent is None or exponent.size != 1:
            return
        value = float(exponent.reshape(-1)[0])
        if value == 0.5:
            replace(rewriter, op, [nn.SqrtOp(op.lhs)])
        elif value == 2.0:
            replace(rewriter, op, [nn.MulOp(op.lhs, op.lhs)])


class _FoldSqrt(RewritePattern):
    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, nn.SqrtOp):
            return
        array = constant_array(op.input)
        if array is None or (array < 0).any():
            return
        if numerics_of(op) == "onnxruntime":
            replace(rewriter, op, [nn.ConstantOp(np.sqrt(array.astype(np.float32)))])
            return
        root = np.sqrt(array.astype(np.float64))
        pairs = zip(root.reshape(-1).tolist(), array.reshape(-1).tolist(), strict=True)
        if all(Fraction(r) ** 2 == Fraction(x) for r, x in pairs):
            replace(rewriter, op, [nn.ConstantOp(_narrowest(root))])


class _FoldLayout(RewritePattern):
    """Reshapes and transposes constants."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, nn.ReshapeOp | nn.TransposeOp | qint.ReshapeOp | qint.TransposeOp):
            return
        source = op.input.owner
        if not isinstance(source, nn.ConstantOp | qint.ConstantOp):
            return
        if isinstance(op, nn.TransposeOp | qint.TransposeOp):
            array = source.array.transpose(op.permutation.get_values())
        else:
            array = source.array.reshape(op.result.type.get_shape())
        if isinstance(source, nn.ConstantOp):
            replace(rewriter, op, [nn.ConstantOp(array)])
        else:
            replace(rewriter, op, [qint.ConstantOp(array, qint.range_of(source.result.type))])


class _FoldAffine(RewritePattern):
    """Applies integer affine maps to constants, such as the codes of bipolar weights."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, qint.AffineOp) or not isinstance(op.input.owner, qint.ConstantOp):
            return
        array = op.input.owner.array
        shape = [-1 if axis == op.channel_axis else 1 for axis in range(array.ndim)]
        multiplier, offset = op.multiplier_array, op.offset_array
        factors = multiplier.reshape(shape) if multiplier.size > 1 else multiplier
        summands = offset.reshape(shape) if offset.size > 1 else offset
        replace(rewriter, op, [qint.ConstantOp(array * factors + summands)])


class _FoldQuantize(RewritePattern):
    """Quantizes constants: weights become integers."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, qint.QuantizeOp):
            return
        array = constant_array(op.input)
        if array is None:
            return
        replace(rewriter, op, [qint.ConstantOp(quantize_reals(op, array), op.range)])


def quantize_reals(op: qint.QuantizeOp, array: Array) -> Array:
    """Returns the codes, int64, of constant reals: `clamp(round(x / scale + zero_point), lo, hi)`.

    Where the operation says so, the zero point is added after rounding.

    Under `exact` numerics no code is off: see `_rounded`.
    """
    reals = array.astype(np.float64)
    shape = [1] * array.ndim
    if op.channel_axis is not None:
        shape[op.channel_axis] = -1
    scale = np.broadcast_to(op.scale_array.reshape(shape), reals.shape)
    zero_point = np.broadcast_to(op.zero_point_array.reshape(shape), reals.shape)
    before = np.zeros_like(zero_point) if op.adds_after_rounding else zero_point
    after = zero_point - before
    if numerics_of(op) == "onnxruntime":  # its division rounds to float32
        quotient = array.astype(np.float32) / scale.astype(np.float32)
        reals = (quotient + before.astype(np.float32)).astype(np.float64)
        scale, before = np.ones_like(scale), np.zeros_like(before)
    codes = _rounded(reals, scale, before, op.rounding_mode)
    return np.clip(codes + after, op.range.lo, op.range.hi)


def _rounded(reals: Array, scale: Array, zero_point: Array, mode: RoundingMode) -> Array:
    """Returns round(x / scale + zero_point), int64, saturated at 2**62.

    The quotient is rounded once to float64; where that lies so close to a point where the rounding
    switches that it could tip, the element is computed again with fractions. So the result is exact.
    """
    scaled = np.clip(reals / scale + zero_point, -_LARGEST, _LARGEST)
    codes = round_float(scaled, mode).astype(np.int64)
    doubled = 2 * scaled
    near = np.rint(doubled)
    # Only halves tip when rounding to nearest, only integers otherwise; weights stored as multiples
    # of their scale are integers, every one.
    switches = (near % 2 == 1) == mode.startswith("half")
    doubtful = switches & (np.abs(doubled - near) <= 2**-50 * (1 + np.abs(doubled)))
    exact: dict[tuple[float, float, int], int] = {}
    for index in zip(*np.nonzero(doubtful), strict=True):
        key = (float(reals[index]), float(scale[index]), int(zero_point[index]))
        if key not in exact:
            quotient = Fraction(key[0]) / Fraction(key[1]) + key[2]
            exact[key] = min(max(round_fraction(quotient, mode), -_LARGEST), _LARGEST)
        codes[index] = exact[key]
    return codes


def fold_constant_patterns() -> list[RewritePattern]:
    """Returns the patterns of this pass, for passes that create new constant arithmetic."""
    return [
        _PlainNumbers(), _PowToSqrt(), _FoldBinary(), _FoldSqrt(), _FoldLayout(), _FoldAffine(),
        _FoldQuantize(),
    ]  # fmt: skip


@dataclass(frozen=True)
class FoldConstantsPass(ModulePass):
    """Evaluates operations on constants where the result is exactly representable."""

    name = "fold-constants"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        apply_patterns(op, fold_constant_patterns())

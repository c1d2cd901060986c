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
operation rounds to float32, as that runtime does. Quantizers of constants are evaluated whatever
leads to them, exactly. What rounds to integers, and arithmetic on these, stays integers: weights
that were quantized by a formula are `qint.constant` behind one `qint.dequantize`.
Leaves alone: expressions with more than four million elements (weights, whose quantizers fold);
results that are not finite.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern
from xdsl.rewriter import InsertPoint

from qcompiler.analysis.constant_expressions import (
    MAX_ELEMENTS,
    constant_reals,
    elementwise_reals,
    quantized_codes,
    quantized_constant,
)
from qcompiler.arith.rounding import RoundingMode, round_float, round_fraction
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.passes.constant_moves import constant_move_patterns
from qcompiler.passes.rewriting import (
    apply_patterns,
    channel_axis_of,
    constant_array,
    numerics_of,
    replace,
)

_LARGEST = 2**62  # codes beyond it saturate in every quantizer
_LARGEST_WEIGHT = 2**31
_MOST_HALVES = 8
"""Of an exponent that becomes products, each of which is hardware or a step of the host's."""
_FLOAT32_POWERS = (0.5, 1.0, 2.0, 3.0, -1.0)
"""Those that onnxruntime computes by the same steps, or by one that rounds the same."""
_ONE, _ZERO = np.ones(1, np.float32), np.zeros(1, np.int64)
_KEEPS_INTEGERS = (nn.AddOp, nn.SubOp, nn.MinOp, nn.MaxOp, nn.ClipOp, nn.ReluOp, nn.NegOp)


def _integers(array: Array) -> list[Operation]:
    """Returns whole numbers as integers that stand for themselves."""
    codes = qint.ConstantOp(array.astype(np.int64))
    return [codes, qint.DequantizeOp(codes.result, _ONE, _ZERO)]


def _holds_integers(value: SSAValue) -> bool:
    """Whether a value is integer constants that stand for themselves."""
    found = quantized_constant(value)
    return found is not None and bool((found[1] == 1).all())


class _FoldElementwise(RewritePattern):
    """Functions of constants; where integers make integers, they stay such."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, nn.Binary | nn.Unary):
            return
        numerics = numerics_of(op)
        arrays = [constant_reals(operand, numerics) for operand in op.operands]
        operands = [array for array in arrays if array is not None]
        if len(operands) < len(arrays):
            return
        scaled = _scaled_integers(op)
        if scaled is not None:
            replace(rewriter, op, scaled)
            return
        result = elementwise_reals(op, operands, numerics)
        if result is None:
            return
        kept = isinstance(op, _KEEPS_INTEGERS) and any(map(_holds_integers, op.operands))
        if (kept or isinstance(op, nn.Rounding)) and _whole(result):
            replace(rewriter, op, _integers(result))
        else:
            replace(rewriter, op, [nn.ConstantOp(result)])


def _whole(array: Array) -> bool:
    return bool(((array == np.rint(array)) & (abs(array) < _LARGEST_WEIGHT)).all())


def _scaled_integers(op: Operation) -> list[Operation] | None:
    """Returns integer constants with the scale by which `op` multiplies them, else None."""
    if not isinstance(op, nn.MulOp):
        return None
    for integers, factor in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        scale = constant_array(factor)
        if not _holds_integers(integers) or scale is None or not (scale > 0).all():
            continue
        if shape_of(integers.type) != shape_of(op.result.type):
            continue
        try:
            axis = channel_axis_of(scale.shape, shape_of(op.result.type))
        except ValueError:  # it varies along several axes
            continue
        dequantize = integers.owner
        assert isinstance(dequantize, qint.DequantizeOp)
        zero_point = dequantize.zero_point_array
        if zero_point.size > 1 and dequantize.channel_axis != axis:
            continue
        return [qint.DequantizeOp(dequantize.input, scale.reshape(-1), zero_point, axis=axis)]
    return None


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


class _PowToProducts(RewritePattern):
    """x ** 0.5 is a root, x ** 2 is x * x, and so on; x ** -n divides 1 by that.

    A runtime's own powers are rounded once: where these steps round more often, it stays a power.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.PowOp, rewriter: PatternRewriter) -> None:
        exponent = constant_array(op.rhs)
        if exponent is None or exponent.size != 1:
            return
        value = float(exponent.reshape(-1)[0])
        single = numerics_of(op) == "onnxruntime"
        halves = round(2 * value)
        if 2 * value != halves or not 0 < abs(halves) <= _MOST_HALVES:
            return
        if single and value not in _FLOAT32_POWERS:
            return
        if value == 1:
            rewriter.replace(op, [], [op.lhs])
            return
        factors: list[SSAValue] = [op.lhs] * (abs(halves) // 2)
        new: list[Operation] = []
        if halves % 2:
            new.append(nn.SqrtOp(op.lhs))
            factors.append(new[-1].results[0])
        power = factors[0]
        for factor in factors[1:]:
            new.append(nn.MulOp(power, factor))
            power = new[-1].results[0]
        if value < 0:
            one = nn.ConstantOp(np.array(1.0, np.float32))
            new += [one, nn.DivOp(one.result, power)]
        replace(rewriter, op, new)


class _FoldPower(RewritePattern):
    """A runtime's power of constants, rounded to float32 once."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.PowOp, rewriter: PatternRewriter) -> None:
        base, exponent = constant_array(op.lhs), constant_array(op.rhs)
        if base is None or exponent is None or numerics_of(op) != "onnxruntime":
            return
        with np.errstate(all="ignore"):
            power = np.power(base.astype(np.float64), exponent.astype(np.float64))
            made = np.asarray(power, np.float32)
        if np.isfinite(made).all() and made.size <= MAX_ELEMENTS:
            replace(rewriter, op, [nn.ConstantOp(made)])


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
        held = qint.affine_range(qint.range_of(op.input.type), multiplier, offset)
        replace(rewriter, op, [qint.ConstantOp(array * factors + summands, held)])


class _FoldQuantize(RewritePattern):
    """Quantizes constants, and what is computed from constants: weights become integers."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, qint.QuantizeOp):
            return
        numerics = numerics_of(op)
        array = constant_reals(op.input, numerics)
        codes = quantized_codes(op, numerics) if array is None else quantize_reals(op, array)
        if codes is not None:
            replace(rewriter, op, [qint.ConstantOp(codes, op.range)])


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
    shape = np.shape(reals)
    reals, scale, zero_point = (np.reshape(part, -1) for part in (reals, scale, zero_point))
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
    return codes.reshape(shape)


def fold_constant_patterns() -> list[RewritePattern]:
    """Returns the patterns of this pass, for passes that create new constant arithmetic."""
    return [
        _PlainNumbers(),
        _FoldPower(),
        _PowToProducts(),
        _FoldElementwise(),
        *constant_move_patterns(),
        _FoldAffine(),
        _FoldQuantize(),
    ]


@dataclass(frozen=True)
class FoldConstantsPass(ModulePass):
    """Evaluates operations on constants where the result is exactly representable."""

    name = "fold-constants"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        apply_patterns(op, fold_constant_patterns())

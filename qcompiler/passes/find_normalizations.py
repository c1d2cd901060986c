"""Finds normalizations of rows that are written out, as exporters without a node for them do.

Before:
```mlir
func.func @main(%a : tensor<1x3x4x!qint.int<0, 99>>) -> tensor<1x3x4xf32> {
  %g = nn.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32> -> tensor<4xf32>
  %e = nn.constant dense<0.5> : tensor<f32> -> tensor<f32>
  %x = qint.dequantize %a {scale = 1.0 : f32, zero_point = 0 : i64} : (tensor<1x3x4x!qint.int<0, 99>>) -> tensor<1x3x4xf32>
  %p = nn.mul %x, %x : (tensor<1x3x4xf32>, tensor<1x3x4xf32>) -> tensor<1x3x4xf32>
  %m = nn.reduce_mean %p {axes = array<i64: 2>, keepdims = true} : (tensor<1x3x4xf32>) -> tensor<1x3x1xf32>
  %v = nn.add %m, %e : (tensor<1x3x1xf32>, tensor<f32>) -> tensor<1x3x1xf32>
  %r = nn.sqrt %v : (tensor<1x3x1xf32>) -> tensor<1x3x1xf32>
  %n = nn.div %x, %r : (tensor<1x3x4xf32>, tensor<1x3x1xf32>) -> tensor<1x3x4xf32>
  %y = nn.mul %n, %g : (tensor<1x3x4xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
  func.return %y : tensor<1x3x4xf32>
}
```
After:
```mlir
func.func @main(%a : tensor<1x3x4x!qint.int<0, 99>>) -> tensor<1x3x4xf32> {
  %g = nn.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32> -> tensor<4xf32>
  %x = qint.dequantize %a {scale = 1.0 : f32, zero_point = 0 : i64} : (tensor<1x3x4x!qint.int<0, 99>>) -> tensor<1x3x4xf32>
  %b = nn.constant dense<0.0> : tensor<4xf32> -> tensor<4xf32>
  %y = nn.layer_norm %x, %g, %b {epsilon = 0.5 : f32, centered = false} : (tensor<1x3x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
  func.return %y : tensor<1x3x4xf32>
}
```
Requires: fold-constants (powers are products and roots).
Keeps: the real value. Where the mean is taken away before the squares, it is layer normalization. A
factor and a summand for each element of a row, behind it, are its scale and bias.
Leaves alone: what is not along the last axis; what does not come from integers, which is the host's;
roots that something else reads, too.
"""

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern

from qcompiler.dialects import nn
from qcompiler.dialects.attributes import shape_of
from qcompiler.passes.elementwise_steps import comes_from_integers, is_constant
from qcompiler.passes.rewriting import apply_patterns, constant_array, replace


def _same(a: SSAValue, b: SSAValue, depth: int = 3) -> bool:
    """Whether two values are one, or made by the same few operations: exporters repeat some."""
    first, second = a.owner, b.owner
    if a is b or not depth:
        return a is b
    return (
        isinstance(first, Operation)
        and isinstance(second, Operation)
        and type(first) is type(second)
        and len(first.results) == 1
        and not first.regions
        and first.properties == second.properties
        and len(first.operands) == len(second.operands) > 0
        and all(
            _same(x, y, depth - 1) for x, y in zip(first.operands, second.operands, strict=True)
        )
    )


def _mean_of(value: SSAValue) -> SSAValue | None:
    """Returns of what a value is the mean along the last axis, which stays as 1."""
    mean = value.owner
    if not isinstance(mean, nn.ReduceMeanOp) or not mean.keeps:
        return None
    last = len(shape_of(mean.input.type)) - 1
    return mean.input if mean.axes.get_values() == (last,) else None


def _is_mean_of(value: SSAValue, rows: SSAValue) -> bool:
    averaged = _mean_of(value)
    return averaged is not None and _same(averaged, rows)


def _number(value: SSAValue) -> float | None:
    array = constant_array(value)
    return float(array.reshape(-1)[0]) if array is not None and array.size == 1 else None


def _deviations(value: SSAValue) -> tuple[SSAValue, float] | None:
    """Returns d and epsilon of `sqrt(mean(d * d) + epsilon)`."""
    root = value.owner
    total = root.input.owner if isinstance(root, nn.SqrtOp) and root.result.has_one_use() else None
    if not isinstance(total, nn.AddOp):
        return None
    for mean, constant in ((total.lhs, total.rhs), (total.rhs, total.lhs)):
        square, epsilon = _mean_of(mean), _number(constant)
        power = square.owner if square is not None else None
        if epsilon is None or not isinstance(power, nn.MulOp):
            continue
        alike = _same(power.lhs, power.rhs)
        if alike and epsilon > 0 and float(np.float32(epsilon)) == epsilon:
            return power.lhs, epsilon
    return None


def _divided(op: Operation) -> tuple[SSAValue, SSAValue] | None:
    """Returns a and b of `a / b`, or of `a * (1 / b)`."""
    if isinstance(op, nn.DivOp):
        return op.lhs, op.rhs
    for value, factor in ((op.lhs, op.rhs), (op.rhs, op.lhs)) if isinstance(op, nn.MulOp) else ():
        inverse = factor.owner
        if isinstance(inverse, nn.DivOp) and _number(inverse.lhs) == 1:
            return value, inverse.rhs
    return None


class _WrittenOut(RewritePattern):
    """d / sqrt(mean(d * d) + epsilon), where d may be x - mean(x)."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        parts = _divided(op)
        found = None if parts is None else _deviations(parts[1])
        if parts is None or found is None or not _same(parts[0], found[0]):
            return
        x, epsilon = found
        less = x.owner
        centered = isinstance(less, nn.SubOp) and _is_mean_of(less.rhs, less.lhs)
        x = less.lhs if centered and isinstance(less, nn.SubOp) else x
        if not comes_from_integers(x):
            return
        row = shape_of(x.type)[-1:]
        ones, zeros = (nn.ConstantOp(np.full(row, n, np.float32)) for n in (1, 0))
        new = nn.LayerNormOp(x, ones.result, zeros.result, epsilon, centered)
        replace(rewriter, op, [ones, zeros, new])


class _Parameters(RewritePattern):
    """A factor and a summand of each element of a normalized row."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, nn.MulOp | nn.AddOp):
            return
        for value, constant in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
            made = value.owner
            if not isinstance(made, nn.LayerNormOp) or not made.result.has_one_use():
                continue
            bias = constant_array(made.bias)
            row = _row(constant, shape_of(made.scale.type))
            if row is None or bias is None or bias.any():
                continue
            scale, bias_value = made.scale, made.bias
            if isinstance(op, nn.AddOp):
                bias_value = row[-1].results[0] if row else constant
            else:
                gains = constant_array(scale)
                if gains is None or (gains != 1).any():
                    continue
                scale = row[-1].results[0] if row else constant
            epsilon = float(made.epsilon.value.data)
            new = nn.LayerNormOp(made.input, scale, bias_value, epsilon, made.takes_mean)
            replace(rewriter, op, [*row, new])
            return


def _row(value: SSAValue, shape: tuple[int, ...]) -> list[Operation] | None:
    """Returns what makes a row of a constant, nothing if it is one; None if that cannot be."""
    if shape_of(value.type) == shape and is_constant(value):
        return []
    array = constant_array(value)
    if array is None or array.size not in (1, *shape) or array.shape[-1:] not in ((), (1,), shape):
        return None
    return [nn.ConstantOp(np.broadcast_to(array.reshape(-1), shape).copy())]


@dataclass(frozen=True)
class FindNormalizationsPass(ModulePass):
    """Finds normalizations of rows that are written out."""

    name = "find-normalizations"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        apply_patterns(op, [_WrittenOut(), _Parameters()])

"""Writes batch normalization as subtraction, multiplication, division and addition.

Before:
```mlir
func.func @main(%x : tensor<1x2xf32>) -> tensor<1x2xf32> {
  %s = nn.constant dense<[2.0, 3.0]> : tensor<2xf32> -> tensor<2xf32>
  %b = nn.constant dense<[0.5, 0.25]> : tensor<2xf32> -> tensor<2xf32>
  %m = nn.constant dense<[1.0, 1.5]> : tensor<2xf32> -> tensor<2xf32>
  %v = nn.constant dense<[4.0, 9.0]> : tensor<2xf32> -> tensor<2xf32>
  %y = nn.batch_norm %x, %s, %b, %m, %v epsilon 0.0 : (tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}
```
After:
```mlir
func.func @main(%x : tensor<1x2xf32>) -> tensor<1x2xf32> {
  %s = nn.constant dense<[[2.0, 3.0]]> : tensor<1x2xf32> -> tensor<1x2xf32>
  %b = nn.constant dense<[[0.5, 0.25]]> : tensor<1x2xf32> -> tensor<1x2xf32>
  %m = nn.constant dense<[[1.0, 1.5]]> : tensor<1x2xf32> -> tensor<1x2xf32>
  %r = nn.constant dense<[[2.0, 3.0]]> : tensor<1x2xf32> -> tensor<1x2xf32>
  %0 = nn.sub %x, %m : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  %1 = nn.mul %0, %s : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  %2 = nn.div %1, %r : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = nn.add %2, %b : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}
```
Requires: nothing. `sqrt(var + epsilon)` becomes a constant where it is exact.
Keeps: the real value. With numerics `onnxruntime` the form is that runtime's own:
`x * (scale / sqrt(var + epsilon)) + (bias - mean * scale / sqrt(var + epsilon))` in float32.
Leaves alone: normalizations whose parameters are not constants.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from qcompiler.dialects import nn
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.passes.fold_constants import fold_constant_patterns
from qcompiler.passes.rewriting import apply_patterns, constant_array, numerics_of, replace


class _Chain:
    """Collects new operations in order."""

    def __init__(self) -> None:
        self.ops: list[Operation] = []

    def add(self, op: Operation) -> SSAValue:
        self.ops.append(op)
        return op.results[0]


def _exact(chain: _Chain, op: nn.BatchNormOp, parameters: Sequence[Array]) -> None:
    scale, bias, mean, var = (chain.add(nn.ConstantOp(p)) for p in parameters)
    epsilon = chain.add(nn.ConstantOp(np.array(op.epsilon.value.data, np.float32)))
    deviation = chain.add(nn.SqrtOp(chain.add(nn.AddOp(var, epsilon))))
    centred = chain.add(nn.SubOp(op.input, mean))
    gained = chain.add(nn.DivOp(chain.add(nn.MulOp(centred, scale)), deviation))
    chain.add(nn.AddOp(gained, bias))


def _as_onnxruntime(chain: _Chain, op: nn.BatchNormOp, parameters: Sequence[Array]) -> None:
    scale, bias, mean, var = (p.astype(np.float32) for p in parameters)
    gain = scale / np.sqrt(var + np.float32(op.epsilon.value.data))
    offset = bias - mean * gain
    scaled = chain.add(nn.MulOp(op.input, chain.add(nn.ConstantOp(gain))))
    chain.add(nn.AddOp(scaled, chain.add(nn.ConstantOp(offset))))


class _FoldBatchNorm(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.BatchNormOp, rewriter: PatternRewriter) -> None:
        arrays = [constant_array(v) for v in (op.scale, op.bias, op.mean, op.var)]
        rank = len(shape_of(op.input.type))
        per_channel = [1, -1, *[1] * (rank - 2)]
        parameters = [a.reshape(per_channel if a.size > 1 else ()) for a in arrays if a is not None]
        if len(parameters) != 4:
            return
        chain = _Chain()
        build = _as_onnxruntime if numerics_of(op) == "onnxruntime" else _exact
        build(chain, op, parameters)
        replace(rewriter, op, chain.ops)


@dataclass(frozen=True)
class FoldBatchnormPass(ModulePass):
    """Writes batch normalization as subtraction, multiplication, division and addition."""

    name = "fold-batchnorm"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        apply_patterns(op, [_FoldBatchNorm(), *fold_constant_patterns()])

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
Leaves alone: quantizers of real inputs (they stay on the host); parameters that vary along more than
one axis.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from qcompiler.analysis.scalar_functions import REAL_OPS
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import shape_of
from qcompiler.passes.rewriting import apply_patterns, channel_axis_of, replace


class _NotAChain(Exception):
    """The quantizer's input is no scalar function of integer tensors."""


@dataclass(frozen=True)
class _Source:
    """Integers that enter a chain: `affine` and then `dequantize` are applied to `value`."""

    value: SSAValue
    affine: qint.AffineOp | None

    @staticmethod
    def of(dequantize: qint.DequantizeOp) -> "_Source":
        """Returns what a dequantize takes; an integer map before it becomes part of the chain."""
        affine = dequantize.input.owner
        if isinstance(affine, qint.AffineOp):
            return _Source(affine.input, affine)
        return _Source(dequantize.input, None)


@dataclass
class _Chain:
    """The operations between integer tensors and a quantizer, in order."""

    shape: tuple[int, ...]
    ops: list[Operation] = field(default_factory=list[Operation])
    sources: list[_Source] = field(default_factory=list[_Source])
    axis: int | None = None

    def collect(self, value: SSAValue) -> None:
        """Adds what computes `value`, operands first.

        Raises:
            _NotAChain: something in it is not elementwise, or varies along several axes.
        """
        owner = value.owner
        if not isinstance(owner, Operation):
            raise _NotAChain
        if owner in self.ops:
            return
        if isinstance(owner, qint.DequantizeOp):
            self._enter(owner)
        elif isinstance(owner, nn.ConstantOp):
            self._see_parameter(shape_of(value.type))
        elif type(owner) in REAL_OPS or self._is_parameter_reshape(owner):
            for operand in owner.operands:
                self.collect(operand)
        else:
            raise _NotAChain
        self.ops.append(owner)

    def _enter(self, dequantize: qint.DequantizeOp) -> None:
        source = _Source.of(dequantize)
        if isinstance(source.value.owner, qint.ConstantOp):
            raise _NotAChain
        if source not in self.sources:
            self.sources.append(source)
        offset = len(self.shape) - len(shape_of(source.value.type))
        for op in (dequantize, source.affine):
            if op is not None and op.channel_axis is not None:
                self._see_axis(op.channel_axis + offset)

    @staticmethod
    def _is_parameter_reshape(op: Operation) -> bool:
        return isinstance(op, nn.ReshapeOp) and isinstance(op.input.owner, nn.ConstantOp)

    def _see_axis(self, axis: int | None) -> None:
        if axis is None:
            return
        if self.axis not in (None, axis):
            raise _NotAChain
        self.axis = axis

    def _see_parameter(self, shape: Sequence[int]) -> None:
        try:
            self._see_axis(channel_axis_of(shape, self.shape))
        except ValueError:
            raise _NotAChain from None


def _scalar_copy(op: Operation, values: dict[SSAValue, SSAValue]) -> list[Operation]:
    """Returns the scalar form of a chain's operation."""
    if isinstance(op, nn.ConstantOp):
        return [nn.ParameterOp(op.array)]
    if isinstance(op, qint.DequantizeOp):
        zero = np.zeros(1, np.int64)
        copy: Operation = qint.DequantizeOp(values[op.input], np.ones(1), zero)
        copy.properties["scale"] = op.scale
        return [copy]
    if isinstance(op, nn.ReshapeOp):
        return []
    assert isinstance(op, nn.Binary | nn.Unary)
    return [nn.same_op(op, [values[operand] for operand in op.operands])]


def _body(chain: _Chain, quantize: qint.QuantizeOp) -> Region:
    inputs = list(dict.fromkeys(source.value for source in chain.sources))
    block = Block(arg_types=[qint.int_type_of(value.type) for value in inputs])
    values: dict[SSAValue, SSAValue] = dict(zip(inputs, block.args, strict=True))

    def append(op: Operation, original: Operation) -> None:
        op.location = original.location
        op.results[0].name_hint = original.results[0].name_hint
        block.add_op(op)
        values[original.results[0]] = op.results[0]

    for source in chain.sources:
        affine = source.affine
        if affine is not None:
            given = values[affine.input]
            append(qint.AffineOp(given, affine.multiplier_array, affine.offset_array), affine)
    for op in chain.ops:
        copies = _scalar_copy(op, values)
        if not copies:  # a reshaped parameter is still one value per channel
            values[op.results[0]] = values[op.operands[0]]
        for copy in copies:
            append(copy, op)
    last = qint.QuantizeOp(
        values[quantize.input], np.ones(1), np.zeros(1, np.int64), quantize.range,
        rounding=quantize.rounding.data,
        zero_point_after_rounding=quantize.adds_after_rounding,
    )  # fmt: skip
    last.properties["scale"] = quantize.scale
    last.properties["zero_point"] = quantize.zero_point
    append(last, quantize)
    block.add_op(qint.YieldOp(last.result))
    return Region(block)


class _FuseRequantize(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.QuantizeOp, rewriter: PatternRewriter) -> None:
        shape = shape_of(op.input.type)
        if not shape:
            return
        chain = _Chain(shape, axis=op.channel_axis)
        try:
            chain.collect(op.input)
        except _NotAChain:
            return
        inputs = list(dict.fromkeys(source.value for source in chain.sources))
        if not inputs or (len(inputs) == 1 and shape_of(inputs[0].type) != shape):
            return
        axis = len(shape) - 1 if chain.axis is None else chain.axis
        if chain.axis is None and any(shape_of(value.type) != shape for value in inputs):
            axis = 1 if len(shape) > 2 else axis  # one value per channel joins all positions
        body = _body(chain, op)
        if len(inputs) == 1:
            replace(rewriter, op, [qint.RequantizeOp(inputs[0], axis, body, op.range)])
        else:
            replace(rewriter, op, [qint.JoinOp(inputs, axis, body, op.range)])


@dataclass(frozen=True)
class FuseRequantizePass(ModulePass):
    """Gathers the real operations between integer tensors and a quantizer into one region."""

    name = "fuse-requantize"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        apply_patterns(op, [_FuseRequantize()])

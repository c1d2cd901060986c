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
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import FloatAttr, ModuleOp, f32
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from qcompiler.analysis.scalar_functions import REAL_OPS
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, DenseAttr, numpy_from_dense, shape_of
from qcompiler.dialects.qint.types import RealParameter
from qcompiler.passes.rewriting import apply_patterns, numerics_of, replace


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
    axes: set[int] = field(default_factory=set[int])
    """Along which parameters vary."""

    @property
    def inputs(self) -> list[SSAValue]:
        """The integer tensors, each once."""
        return list(dict.fromkeys(source.value for source in self.sources))

    def collect(self, value: SSAValue) -> None:
        """Adds what computes `value`, operands first.

        Raises:
            _NotAChain: something in it is not elementwise.
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
                self.axes.add(op.channel_axis + offset)

    @staticmethod
    def _is_parameter_reshape(op: Operation) -> bool:
        return isinstance(op, nn.ReshapeOp) and isinstance(op.input.owner, nn.ConstantOp)

    def _see_parameter(self, shape: Sequence[int]) -> None:
        padded = (*[1] * (len(self.shape) - len(shape)), *shape)
        if len(padded) != len(self.shape):
            raise _NotAChain
        for axis, (extent, whole) in enumerate(zip(padded, self.shape, strict=True)):
            if extent not in (1, whole):
                raise _NotAChain
            if extent != 1:
                self.axes.add(axis)


class _Rows:
    """Parameters as rows along one axis, as they stand."""

    def constant(self, array: Array) -> Array:
        """Returns a constant's numbers, one or one per row."""
        return array

    def along(self, array: Array, axis: int | None) -> Array:
        """Returns numbers along an axis of the tensor, one or one per row."""
        return array


class _FlatRows(_Rows):
    """Parameters that vary along several axes, as rows along all of them.

    Tensors with space are seen channels last, as they flow through hardware.
    """

    def __init__(self, shape: Sequence[int], axes: Iterable[int]):
        rank = len(shape)
        self.shape = tuple(shape)
        self.order = [0, *range(2, rank), 1] if rank > 2 else list(range(rank))
        self.dims = [shape[axis] for axis in self.order]
        places = sorted(self.order.index(axis) for axis in axes)
        self.first, self.end = places[0], places[-1] + 1
        self.count = prod(self.dims[self.first : self.end])

    @property
    def flat_shape(self) -> tuple[int, ...]:
        """What integers are reshaped to; the rows lie along axis `axis`."""
        # A unit more: along axis 1 of three or more they would be taken for channels.
        return (*self.dims[: self.first], 1, self.count, *self.dims[self.end :])

    @property
    def axis(self) -> int:
        """Along which the rows lie."""
        return self.first + 1

    def constant(self, array: Array) -> Array:
        if array.size == 1:
            return array
        padded = array.reshape((1,) * (len(self.shape) - array.ndim) + array.shape)
        moved = np.broadcast_to(padded, self.shape).transpose(self.order)
        outside = [slice(None) if self.first <= i < self.end else 0 for i in range(moved.ndim)]
        return moved[tuple(outside)].reshape(-1)

    def along(self, array: Array, axis: int | None) -> Array:
        if array.size == 1 or axis is None:
            return array
        return self.constant(
            array.reshape([-1 if i == axis else 1 for i in range(len(self.shape))])
        )


def _real(parameter: RealParameter, array: Array) -> RealParameter:
    """Returns other numbers of a parameter's float type."""
    single = parameter.type == f32 if isinstance(parameter, FloatAttr) else _is_float32(parameter)
    return qint.real_parameter(array.astype(np.float32) if single else array)


def _is_float32(parameter: DenseAttr) -> bool:
    return numpy_from_dense(parameter).dtype == np.float32


def _is_accumulator(value: SSAValue) -> bool:
    """Whether integers are sums of products, perhaps moved, and not codes of a quantizer."""
    owner = value.owner
    while isinstance(owner, qint.AffineOp | qint.ReshapeOp | qint.TransposeOp | qint.Rearrangement):
        owner = owner.operands[0].owner
    return isinstance(owner, qint.MatMulOp | qint.ConvOp)


def _scalar_copy(op: Operation, values: dict[SSAValue, SSAValue], rows: _Rows) -> list[Operation]:
    """Returns the scalar form of a chain's operation."""
    if isinstance(op, nn.ConstantOp):
        return [nn.ParameterOp(rows.constant(op.array))]
    if isinstance(op, qint.DequantizeOp):
        zero = np.zeros(1, np.int64)
        apart = numerics_of(op) == "onnxruntime" and not _is_accumulator(op.input)
        copy: Operation = qint.DequantizeOp(values[op.input], np.ones(1), zero, apart=apart)
        scale = rows.along(op.scale_array, op.channel_axis)
        copy.properties["scale"] = _real(op.scale, scale)
        return [copy]
    if isinstance(op, nn.ReshapeOp):
        return []
    assert isinstance(op, nn.Binary | nn.Unary)
    return [nn.same_op(op, [values[operand] for operand in op.operands])]


def _body(chain: _Chain, quantize: qint.QuantizeOp, rows: _Rows) -> Region:
    inputs = chain.inputs
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
            numbers = affine.multiplier_array, affine.offset_array
            multiplier, offset = (rows.along(array, affine.channel_axis) for array in numbers)
            append(qint.AffineOp(given, multiplier, offset), affine)
    for op in chain.ops:
        copies = _scalar_copy(op, values, rows)
        if not copies:  # a reshaped parameter is still one value per channel
            values[op.results[0]] = values[op.operands[0]]
        for copy in copies:
            append(copy, op)
    last = qint.QuantizeOp(
        values[quantize.input], np.ones(1), np.zeros(1, np.int64), quantize.range,
        rounding=quantize.rounding.data,
        zero_point_after_rounding=quantize.adds_after_rounding,
    )  # fmt: skip
    axis = quantize.channel_axis
    last.properties["scale"] = _real(quantize.scale, rows.along(quantize.scale_array, axis))
    zero_point = rows.along(quantize.zero_point_array, axis)
    last.properties["zero_point"] = qint.int_parameter(zero_point)
    append(last, quantize)
    block.add_op(qint.YieldOp(last.result))
    return Region(block)


class _FuseRequantize(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.QuantizeOp, rewriter: PatternRewriter) -> None:
        shape = shape_of(op.input.type)
        if not shape:
            return
        chain = _Chain(shape)
        if op.channel_axis is not None:
            chain.axes.add(op.channel_axis)
        try:
            chain.collect(op.input)
        except _NotAChain:
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
            axis = 1 if len(shape) > 2 and not same else len(shape) - 1
        body = _body(chain, op, _Rows())
        replace(rewriter, op, [_fused(inputs, axis, body, op.range)])

    @staticmethod
    def _flat(chain: _Chain, op: qint.QuantizeOp) -> list[Operation]:
        """Returns the region with parameters along several axes, between reshapes."""
        rows = _FlatRows(chain.shape, chain.axes)
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
        fused = _fused(values, rows.axis, _body(chain, op, rows), op.range)
        shaped = qint.ReshapeOp(fused.results[0], rows.dims)
        if as_it_is:
            return [*new, fused, shaped]
        back = [rows.order.index(axis) for axis in range(len(rows.order))]
        return [*new, fused, shaped, qint.TransposeOp(shaped.result, back)]


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

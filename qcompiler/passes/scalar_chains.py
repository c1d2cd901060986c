"""Chains of real operations between integer tensors and a quantizer, as scalar functions.

`Chain` collects them from the quantizer upwards, `scalar_body` writes them as the region of a
`qint.requantize` or a `qint.join`.
"""

from collections.abc import Iterable, Sequence
from math import prod

import numpy as np
from msgspec import Struct, field
from xdsl.dialects.builtin import FloatAttr, f32
from xdsl.ir import Block, Operation, Region, SSAValue

from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, DenseAttr, numpy_from_dense, shape_of
from qcompiler.dialects.qint.types import RealParameter
from qcompiler.interpreters.scalar_functions import REAL_OPS
from qcompiler.passes.rewriting import numerics_of


class NotAChainError(Exception):
    """The quantizer's input is no scalar function of integer tensors."""


class _Source(Struct, frozen=True):
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


class Chain(Struct):
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
            NotAChainError: something in it is not elementwise.
        """
        known = set(self.ops)
        stack = [value]  # its own: chains are longer than Python's
        while stack:
            owner = stack[-1].owner
            if not isinstance(owner, Operation):
                raise NotAChainError
            if owner in known:
                stack.pop()
                continue
            missing = [o for o in self._operands(owner) if o.owner not in known]
            stack.extend(reversed(missing))
            if not missing:
                self._see(owner)
                known.add(owner)
                self.ops.append(owner)
                stack.pop()

    def _operands(self, op: Operation) -> Sequence[SSAValue]:
        """Returns what a chain goes on with above an operation."""
        if isinstance(op, qint.DequantizeOp | nn.ConstantOp):
            return ()
        if type(op) in REAL_OPS or self._is_parameter_reshape(op):
            return op.operands
        raise NotAChainError

    def _see(self, op: Operation) -> None:
        """Notes the integers that enter here, or along which axes parameters vary."""
        if isinstance(op, qint.DequantizeOp):
            self._enter(op)
        elif isinstance(op, nn.ConstantOp):
            self._see_parameter(shape_of(op.result.type))

    def _enter(self, dequantize: qint.DequantizeOp) -> None:
        source = _Source.of(dequantize)
        if isinstance(source.value.owner, qint.ConstantOp):
            raise NotAChainError
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
            raise NotAChainError
        for axis, (extent, whole) in enumerate(zip(padded, self.shape, strict=True)):
            if extent not in (1, whole):
                raise NotAChainError
            if extent != 1:
                self.axes.add(axis)


class Rows:
    """Parameters as rows along one axis, as they stand."""

    def constant(self, array: Array) -> Array:
        """Returns a constant's numbers, one or one per row."""
        return array

    def along(self, array: Array, axis: int | None) -> Array:
        """Returns numbers along an axis of the tensor, one or one per row."""
        return array


class FlatRows(Rows):
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


def _scalar_copy(op: Operation, values: dict[SSAValue, SSAValue], rows: Rows) -> list[Operation]:
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


def scalar_body(chain: Chain, quantize: qint.QuantizeOp, rows: Rows) -> Region:
    """Returns the region that computes a chain and its quantizer on scalars.

    Args:
        chain: all that computes the quantizer's input.
        quantize: ends the region.
        rows: how parameters lie along the axis of the operation that will hold the region.
    """
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

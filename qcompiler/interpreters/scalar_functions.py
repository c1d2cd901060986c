"""Reads a scalar region of qint and nn operations as an `arith` scalar function."""

from collections.abc import Sequence
from typing import cast

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.scalar_builder import ScalarBuilder, Value
from qcompiler.arith.scalar_function import Numerics, ScalarFunction
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array

REAL_OPS: tuple[type[nn.Unary | nn.Binary], ...] = tuple(
    op for op in nn.NN.operations if issubclass(op, nn.Unary | nn.Binary) and op.IS_SCALAR
)
"""Real operations that a scalar region may hold: see `IS_SCALAR`."""


def parameter_row(values: Array, channels: int) -> Array:
    """Returns parameters in the shape that the builder wants: [] or [channels]."""
    return values.reshape(()) if values.size == 1 and channels != 1 else values.reshape(-1)


def scalar_value(
    builder: ScalarBuilder, op: Operation, values: dict[SSAValue, Value], channels: int
) -> Value:
    """Adds one operation of a region to the function that is built; returns its result.

    Raises:
        VerifyException: the operation has no scalar meaning.
    """
    operands = [values[operand] for operand in op.operands]
    if isinstance(op, nn.ParameterOp):
        return builder.constant(parameter_row(op.array, channels))
    if isinstance(op, qint.AffineOp):
        multiplied = builder.apply("mul", operands[0], parameter_row(op.multiplier_array, channels))
        return builder.apply("add", multiplied, parameter_row(op.offset_array, channels))
    if isinstance(op, qint.DequantizeOp):
        return builder.apply("mul", operands[0], parameter_row(op.scale_array, channels))
    if type(op) in REAL_OPS:
        assert isinstance(op, nn.Binary | nn.Unary), "there are no others"
        return builder.apply(op.function, *operands, *op.parameters)
    raise VerifyException(f"{op.name} cannot stand in a scalar region")


def _only_cuts(steps: Sequence[Operation]) -> bool:
    """Whether steps only cut off at zero, which any positive factor may pass."""
    return all(isinstance(op, nn.ReluOp) for op in steps)


def scalar_function(body: qint.ScalarBody, channels: int, numerics: str) -> ScalarFunction:
    """Returns what a region computes, as a function of the integer that goes in.

    Raises:
        VerifyException: the region holds an operation that has no scalar meaning.
    """
    return function_of(body.operations, body.argument, channels, numerics)


def function_of(
    operations: list[Operation], argument: SSAValue, channels: int, numerics: str
) -> ScalarFunction:
    """Returns what operations compute of the integer `argument`, the last of which quantizes.

    Raises:
        VerifyException: one of them has no scalar meaning.
    """
    maps = [op for op in operations if isinstance(op, qint.AffineOp)]
    readers = [op for op in operations if argument in op.operands]
    if maps == readers and len(maps) == 1:  # formed in integers, whatever their size
        builder = ScalarBuilder(
            channels,
            cast(Numerics, numerics),
            multiplier=parameter_row(maps[0].multiplier_array, channels),
            offset=parameter_row(maps[0].offset_array, channels),
        )
        operations.remove(maps[0])
        values: dict[SSAValue, Value] = {maps[0].result: builder.x}
    else:  # zero points that differ belong to codes, which every float holds
        builder = ScalarBuilder(channels, cast(Numerics, numerics))
        values = {argument: builder.x}
    *steps, last = operations
    if not isinstance(last, qint.QuantizeOp):
        raise VerifyException(f"a scalar region must end in qint.quantize, got {last.name}")
    scale = last.scale_array
    first = steps[0] if steps else None
    fused = isinstance(first, qint.DequantizeOp) and not first.rounds_apart
    if numerics == "onnxruntime" and fused and _only_cuts(steps[1:]):
        assert isinstance(first, qint.DequantizeOp), "it is fused"
        # The fused kernel's one multiplication, by (a_scale * b_scale) / y_scale in float32.
        factor = first.scale_array.astype(np.float32) / scale.astype(np.float32)
        values[first.result] = builder.rescale(values[first.input], parameter_row(factor, channels))
        steps, scale = steps[1:], np.ones(1)
    for op in steps:
        values[op.results[0]] = scalar_value(builder, op, values, channels)
    return quantized(builder, last, values, channels, scale)


def rescaling(op: qint.QuantizeOp) -> list[Operation] | None:
    """Returns the operations that make one multiplication of codes in onnxruntime's kernels.

    Returns:
        A dequantize, what cuts off at zero, and `op`; None where it is something else.
    """
    chain: list[Operation] = [op]
    while True:
        owner = chain[0].operands[0].owner
        if isinstance(owner, qint.DequantizeOp):
            axes = {owner.channel_axis, op.channel_axis} - {None}
            return None if owner.rounds_apart or len(axes) > 1 else [owner, *chain]
        if not isinstance(owner, nn.ReluOp):
            return None
        chain.insert(0, owner)


def quantized(
    builder: ScalarBuilder,
    last: Operation,
    values: dict[SSAValue, Value],
    channels: int,
    scale: Array | None = None,
) -> ScalarFunction:
    """Returns the function that ends in the quantizer `last`; `scale` replaces its own.

    Raises:
        VerifyException: `last` is no quantizer.
    """
    if not isinstance(last, qint.QuantizeOp):
        raise VerifyException(f"a scalar region must end in qint.quantize, got {last.name}")
    return builder.quantize(
        values[last.input],
        scale=parameter_row(last.scale_array if scale is None else scale, channels),
        zero_point=parameter_row(last.zero_point_array, channels),
        rounding=last.rounding_mode,
        lo=last.range.lo,
        hi=last.range.hi,
        zero_point_after_rounding=last.adds_after_rounding,
    )

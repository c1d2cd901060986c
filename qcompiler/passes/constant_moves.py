"""Patterns of fold-constants for operations that move elements of constants.

A concatenation of which some parts are constant becomes padding and a sum: hardware has no source of
constants, but a sum with one is part of a requantizer.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from qcompiler.analysis.constant_expressions import (
    MAX_ELEMENTS,
    constant_reals,
    narrowest,
    quantized_constant,
)
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.interpreters.host_calls import host_call
from qcompiler.passes.rewriting import as_parameter, numerics_of, replace

_ZERO = np.zeros(1, np.int64)
_LARGEST_CODE = 2**22
_MOVES = (
    nn.ReshapeOp, nn.TransposeOp, nn.SliceOp, nn.PadOp, nn.ConcatOp, nn.ResizeNearestOp,
    nn.DepthToSpaceOp,
)  # fmt: skip


def _too_large(op: Operation) -> bool:
    """Whether a move makes more of its constants, and too much; others are views of them."""
    size = int(np.prod(shape_of(op.results[0].type), dtype=object))
    return isinstance(op, nn.PadOp | nn.ResizeNearestOp) and size > MAX_ELEMENTS


def _moved(op: Operation, arrays: Sequence[Array]) -> Array:
    """Returns what `op` makes of arrays of the shapes of its operands."""
    return host_call(op).run(*(array[np.newaxis] for array in arrays))[0]


class _MoveConstants(RewritePattern):
    """Moves constants, and integers behind a dequantize with their scales."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, _MOVES) or not op.operands or _too_large(op):
            return
        if all(isinstance(operand.owner, nn.ConstantOp) for operand in op.operands):
            arrays = [constant_reals(operand, "exact") for operand in op.operands]
            replace(rewriter, op, [nn.ConstantOp(_moved(op, [a for a in arrays if a is not None]))])
            return
        quantized = [quantized_constant(operand) for operand in op.operands]
        found = [q for q in quantized if q is not None]
        if len(found) == len(quantized) and not isinstance(op, nn.PadOp):
            new = _integers(*(_moved(op, part) for part in zip(*found, strict=True)))
            if new is not None:
                replace(rewriter, op, new)


def _integers(codes: Array, scale: Array) -> list[Operation] | None:
    """Returns integers with scales; None if these vary along several axes."""
    axes = [axis for axis in range(scale.ndim) if (scale != np.take(scale, [0], axis=axis)).any()]
    if len(axes) > 1:
        return None
    axis = axes[0] if axes else None
    first = tuple(slice(None) if i == axis else 0 for i in range(scale.ndim))
    constant = qint.ConstantOp(codes.astype(np.int64))
    row = as_parameter(np.atleast_1d(scale[first]).astype(np.float64))
    return [constant, qint.DequantizeOp(constant.result, row, _ZERO, axis=axis)]


class _MoveCodes(RewritePattern):
    """Reshapes, transposes and joins constants of integers."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, qint.ReshapeOp | qint.TransposeOp | qint.ConcatOp):
            return
        owners = [operand.owner for operand in op.operands]
        arrays = [owner.array for owner in owners if isinstance(owner, qint.ConstantOp)]
        if len(arrays) < len(owners):
            return
        if isinstance(op, qint.ConcatOp):
            array = np.concatenate(arrays, op.axis.value.data)
        elif isinstance(op, qint.TransposeOp):
            array = arrays[0].transpose(op.permutation.get_values())
        else:
            array = arrays[0].reshape(shape_of(op.result.type))
        replace(rewriter, op, [qint.ConstantOp(array, qint.range_of(op.result.type))])


class _JoinWithConstants(RewritePattern):
    """concat(x, c) = pad(x) + pad(c): each part is surrounded by zeros for the constants beside it."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.ConcatOp, rewriter: PatternRewriter) -> None:
        numerics = numerics_of(op)
        arrays = [constant_reals(value, numerics) for value in op.inputs]
        moving = [v for v, array in zip(op.inputs, arrays, strict=True) if array is None]
        if not moving or len(moving) == len(arrays):
            return
        axis = op.axis.value.data
        parts = _padded(op.inputs, arrays, axis)
        summand = np.concatenate(
            [
                np.zeros(shape_of(value.type)) if array is None else array
                for value, array in zip(op.inputs, arrays, strict=True)
            ],
            axis,
        )
        new: list[Operation] = list(parts)
        joined = parts[0].result
        if len(parts) > 1:
            new.append(nn.ConcatOp([part.result for part in parts], axis))
            joined = new[-1].results[0]
        constant = nn.ConstantOp(narrowest(summand))
        total = nn.AddOp(joined, constant.result)
        new += [constant, total]
        constants = [v for v, array in zip(op.inputs, arrays, strict=True) if array is not None]
        replace(rewriter, op, [*new, *_common_codes(moving, constants, total.result, numerics)])


def _padded(
    values: Sequence[SSAValue], arrays: Sequence[Array | None], axis: int
) -> list[nn.PadOp]:
    """Returns the parts that are no constants, with room before and behind them for those."""
    parts: list[nn.PadOp] = []
    room = 0
    rank = len(shape_of(values[0].type))
    last = max(index for index, array in enumerate(arrays) if array is None)
    for index, (value, array) in enumerate(zip(values, arrays, strict=True)):
        if array is not None:
            room += array.shape[axis]
            continue
        behind = sum(a.shape[axis] for a in arrays[index + 1 :] if a is not None)
        begin, end = [0] * rank, [0] * rank
        begin[axis], end[axis] = room, behind if index == last else 0
        room = 0
        parts.append(nn.PadOp(value, begin, end))
    return parts


def _common_codes(
    values: Sequence[SSAValue], constants: Sequence[SSAValue], total: SSAValue, numerics: str
) -> list[Operation]:
    """Returns a quantizer for the sum, if all parts are integers of one scale; it changes nothing."""
    owners = [value.owner for value in values]
    sources = [owner for owner in owners if isinstance(owner, qint.DequantizeOp)]
    scales = {float(scale) for source in sources for scale in source.scale_array}
    if len(sources) < len(owners) or len(scales) > 1:
        return []
    scale = scales.pop()
    ends = [0]
    for constant in constants:
        codes = _codes(constant, scale, numerics)
        if codes is None:
            return []
        ends += [int(codes.min()), int(codes.max())]
    for source in sources:
        bounds, zero_points = qint.range_of(source.input.type), source.zero_point_array
        ends += [bounds.lo - int(zero_points.max()), bounds.hi - int(zero_points.min())]
    if max(map(abs, ends)) >= _LARGEST_CODE:
        return []
    numbers = as_parameter(np.array([scale]))
    quantize = qint.QuantizeOp(total, numbers, _ZERO, qint.IntRange(min(ends), max(ends)))
    return [quantize, qint.DequantizeOp(quantize.result, numbers, _ZERO)]


def _codes(constant: SSAValue, scale: float, numerics: str) -> Array | None:
    """Returns the integers of which a constant is `scale` times, None if it is not."""
    found = quantized_constant(constant)
    if found is not None and (found[1] == scale).all():
        return found[0]
    reals = constant_reals(constant, numerics)
    if reals is None:
        return None
    codes = np.rint(reals.astype(np.float64) / scale)
    pairs = set(zip(codes.reshape(-1).tolist(), reals.reshape(-1).tolist(), strict=True))
    exact = all(Fraction(code) * Fraction(scale) == Fraction(real) for code, real in pairs)
    return codes if exact else None


def constant_move_patterns() -> list[RewritePattern]:
    """Returns the patterns of this module."""
    return [_MoveConstants(), _MoveCodes(), _JoinWithConstants()]

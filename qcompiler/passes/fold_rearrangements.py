"""Patterns of fold-scales for operations that move elements: integers move instead of reals.

As convolutions do, they work channels last: transpositions before and behind them cancel later.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.passes.fold_windows import to_channels_first, to_channels_last
from qcompiler.passes.rewriting import as_parameter, plain_dequantize, replace

_ZERO = np.zeros(1, np.int64)
_Order = Callable[[Sequence[int]], list[int]]


def _last(values: Sequence[int]) -> list[int]:
    """Returns one entry per axis, channels first, in the order of channels last."""
    return [*values[:1], *values[2:], *values[1:2]]


def _slice(op: nn.SliceOp, x: SSAValue, order: _Order) -> Operation:
    starts, ends, steps = (order(part) for part in op.bounds)
    return qint.SliceOp(x, starts, ends, steps)


def _resize(op: nn.ResizeNearestOp, x: SSAValue, order: _Order) -> Operation:
    return qint.ResizeNearestOp(x, order(op.scales.get_values()))


def _depth(op: nn.DepthToSpaceOp, x: SSAValue, order: _Order) -> Operation:
    block = op.block.value.data
    return qint.DepthToSpaceOp(x, [block, block], op.mode.data)


_CHANNELS_LAST: dict[type[nn.Move], Callable[[Any, SSAValue, _Order], Operation]] = {
    nn.SliceOp: _slice,
    nn.ResizeNearestOp: _resize,
    nn.DepthToSpaceOp: _depth,
}


def moved_integers(op: nn.Move, codes: SSAValue) -> list[Operation]:
    """Returns the operations that move integers as `op` moves reals; the last has the result."""
    if isinstance(op, nn.TransposeOp):
        return [qint.TransposeOp(codes, op.permutation.get_values())]
    if isinstance(op, nn.ReshapeOp):
        return [qint.ReshapeOp(codes, shape_of(op.result.type))]
    build = _CHANNELS_LAST[type(op)]
    return _channels_last(codes, lambda x, order: build(op, x, order))


def padded_integers(op: nn.PadOp, codes: SSAValue, code: int) -> list[Operation]:
    """Returns the operations that surround integers by `code` as `op` surrounds reals."""
    begin, end = op.begin.get_values(), op.end.get_values()
    return _channels_last(codes, lambda x, order: qint.PadOp(x, order(begin), order(end), code))


def _channels_last(
    codes: SSAValue, build: Callable[[SSAValue, _Order], Operation]
) -> list[Operation]:
    if len(shape_of(codes.type)) < 3:
        return [build(codes, list)]
    first = to_channels_last(codes)
    moved = build(first.result, _last)
    return [first, moved, to_channels_first(moved.results[0])]


def along(numbers: Array, axis: int | None, rank: int) -> Array:
    """Returns numbers along an axis, or a single one, in a shape that broadcasts to a tensor."""
    return numbers.reshape([-1 if i == axis else 1 for i in range(rank)])


def axis_of(numbers: Array) -> int | None:
    """Returns the axis along which numbers vary, None for a single one.

    Raises:
        ValueError: they vary along several.
    """
    axes = [axis for axis, extent in enumerate(numbers.shape) if extent > 1]
    if len(axes) > 1:
        raise ValueError(f"numbers vary along axes {axes}")
    return axes[0] if axes else None


@dataclass
class RearrangementPattern(RewritePattern):
    """move(dequantize(x)) = dequantize(move(x)); scales of channels move along.

    Attributes:
        spreads: whether a scale per channel may become one for each of a channel's elements. As a
            last resort: a quantizer that can be raised needs no more than one per channel.
    """

    spreads: bool = False

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, nn.Move | nn.PadOp):
            return
        source = plain_dequantize(op.operands[0])
        if source is None:
            return
        scale = along(source.scale_array, source.channel_axis, len(shape_of(op.operands[0].type)))
        if isinstance(op, nn.PadOp):
            code = _code(op, scale)
            if code is None:
                return
            moved = padded_integers(op, source.input, code)
        else:
            scale = op.moved(scale)
            if (scale.size > source.scale_array.size and not self.spreads) or not _one_axis(scale):
                return
            moved = moved_integers(op, source.input)
        codes = moved[-1].results[0]
        scales = as_parameter(scale.reshape(-1))
        reals = qint.DequantizeOp(codes, scales, _ZERO, axis=axis_of(scale))
        replace(rewriter, op, [*moved, reals])


def _one_axis(numbers: Array) -> bool:
    return sum(extent > 1 for extent in numbers.shape) < 2


def _code(op: nn.PadOp, scale: Array) -> int | None:
    """Returns the code of the padding, if it has one that is the same for all channels."""
    value = Fraction(float(op.value.value.data))
    codes = {value / Fraction(float(s)) for s in scale.reshape(-1)}
    widths = zip(op.begin.get_values(), op.end.get_values(), strict=True)
    longer = any(n > 1 and max(w) > 0 for n, w in zip(scale.shape, widths, strict=True))
    code = codes.pop()
    return int(code) if not codes and code.denominator == 1 and not longer else None


class ConcatPattern(RewritePattern):
    """concat of dequantized tensors with equal scales: the integers are joined."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.ConcatOp, rewriter: PatternRewriter) -> None:
        sources = [plain_dequantize(value) for value in op.inputs]
        first = sources[0]
        if first is None or any(s is None or s.channel_axis is not None for s in sources):
            return
        found = [s for s in sources if s is not None]
        if any(s.scale_array[0] != first.scale_array[0] for s in found):
            return
        joined = qint.ConcatOp([s.input for s in found], op.axis.value.data)
        reals = qint.DequantizeOp(joined.result, as_parameter(first.scale_array), _ZERO)
        replace(rewriter, op, [joined, reals])

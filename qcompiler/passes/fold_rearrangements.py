"""Patterns of fold-scales for operations that move elements: integers move instead of reals.

As convolutions do, they work channels last: transpositions before and behind them cancel later.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import shape_of
from qcompiler.passes.fold_windows import to_channels_first, to_channels_last
from qcompiler.passes.rewriting import as_parameter, plain_dequantize, replace

_ZERO = np.zeros(1, np.int64)
_Move = Callable[[Any, SSAValue, Any], Operation | None]


def _last(values: Sequence[int]) -> list[int]:
    """Returns one entry per axis, channels first, in the order of channels last."""
    return [*values[:1], *values[2:], *values[1:2]]


def _slice(op: nn.SliceOp, x: SSAValue, order: Any) -> Operation:
    starts, ends, steps = (order(part) for part in op.bounds)
    return qint.SliceOp(x, starts, ends, steps)


def _resize(op: nn.ResizeNearestOp, x: SSAValue, order: Any) -> Operation:
    return qint.ResizeNearestOp(x, order(op.scales.get_values()))


def _pad(op: nn.PadOp, x: SSAValue, order: Any, scale: float = 1.0) -> Operation | None:
    code = Fraction(float(op.value.value.data)) / Fraction(scale)
    if code.denominator != 1:
        return None  # the padding has no code
    begin, end = order(op.begin.get_values()), order(op.end.get_values())
    return qint.PadOp(x, begin, end, int(code))


def _depth(op: nn.DepthToSpaceOp, x: SSAValue, order: Any) -> Operation:
    block = op.block.value.data
    return qint.DepthToSpaceOp(x, [block, block], op.mode.data)


_MOVES: dict[type[Operation], _Move] = {
    nn.SliceOp: _slice,
    nn.ResizeNearestOp: _resize,
    nn.DepthToSpaceOp: _depth,
}


class RearrangementPattern(RewritePattern):
    """move(dequantize(x)) = dequantize(move(x)), for one scale."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, (*_MOVES, nn.PadOp)):
            return
        source = plain_dequantize(op.operands[0])
        if source is None or source.channel_axis is not None:
            return
        deep = len(shape_of(source.input.type)) > 2
        first = to_channels_last(source.input) if deep else None
        given = source.input if first is None else first.result
        order = _last if deep else list
        if isinstance(op, nn.PadOp):
            moved = _pad(op, given, order, float(source.scale_array[0]))
        else:
            moved = _MOVES[type(op)](op, given, order)
        if moved is None:
            return
        back = to_channels_first(moved.results[0]) if deep else None
        codes = moved.results[0] if back is None else back.result
        reals = qint.DequantizeOp(codes, as_parameter(source.scale_array), _ZERO)
        around = [o for o in (first, moved, back) if o is not None]
        replace(rewriter, op, [*around, reals])


class MoveThroughElementwise(RewritePattern):
    """move(f(x)) = f(move(x)) for functions of one tensor and numbers."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, tuple(_MOVES)):
            return
        inner = op.operands[0].owner
        if not isinstance(inner, nn.Unary) or isinstance(inner, nn.PReluOp):
            return
        moved = op.clone()
        moved.operands[0] = inner.input
        replace(rewriter, op, [moved, nn.same_op(inner, [moved.results[0]])])


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


class QuantizeBeforeConcat(RewritePattern):
    """quantize(concat(x, z)) = concat(quantize(x), quantize(z)), for one scale."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.QuantizeOp, rewriter: PatternRewriter) -> None:
        concat = op.input.owner
        if not isinstance(concat, nn.ConcatOp) or op.channel_axis is not None:
            return
        parts: list[Operation] = []
        for value in concat.inputs:
            part = qint.QuantizeOp(
                value,
                as_parameter(op.scale_array),
                op.zero_point_array,
                op.range,
                rounding=op.rounding.data,
                zero_point_after_rounding=op.adds_after_rounding,
            )
            part.result.name_hint = value.name_hint
            parts.append(part)
        codes = [part.results[0] for part in parts]
        replace(rewriter, op, [*parts, qint.ConcatOp(codes, concat.axis.value.data)])

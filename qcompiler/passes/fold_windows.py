"""Patterns of fold-scales for convolution and pooling: integers, channels last, scales behind."""

from math import prod

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from qcompiler.arith.windows import Window
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.errors import ModelError
from qcompiler.passes.rewriting import (
    accumulated,
    as_parameter,
    numerics_of,
    plain_dequantize,
    replace,
    scale_product,
)
from qcompiler.passes.wide_integers import wide_operand

_ZERO = np.zeros(1, np.int64)


def to_channels_last(value: SSAValue) -> qint.TransposeOp:
    """Returns [batch, channels, *space] as [batch, *space, channels]."""
    rank = len(shape_of(value.type))
    return qint.TransposeOp(value, [0, *range(2, rank), 1])


def to_channels_first(value: SSAValue) -> qint.TransposeOp:
    """Returns [batch, *space, channels] as [batch, channels, *space]."""
    rank = len(shape_of(value.type))
    return qint.TransposeOp(value, [0, rank - 1, *range(1, rank - 1)])


class ConvPattern(RewritePattern):
    """conv(dequantize(x), dequantize(w)) = dequantize(conv(x, w)), one scale per output channel.

    Where each output sees one channel (a depthwise convolution), that may have a scale of its own.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.ConvOp, rewriter: PatternRewriter) -> None:
        x, w = plain_dequantize(op.input), plain_dequantize(op.weights)
        if x is None or w is None or w.channel_axis not in (None, 0):
            return
        channels, outputs = shape_of(op.input.type)[1], shape_of(op.weights.type)[0]
        if x.channel_axis is not None and (x.channel_axis != 1 or op.groups != channels):
            return
        rank = len(shape_of(op.weights.type))
        first = to_channels_last(x.input)
        weights = qint.TransposeOp(w.input, [*range(2, rank), 1, 0])
        conv = accumulated(
            op, lambda: qint.ConvOp(first.result, weights.result, op.window, op.groups)
        )
        last = to_channels_first(conv.result)
        new: list[Operation] = [first, weights, conv, last]
        given = x.scale_array
        if x.channel_axis is not None:
            given = np.repeat(given, outputs // channels)
        new += dequantized_sums(last.result, given, w.scale_array, numerics_of(op))
        replace(rewriter, op, new)


def dequantized_sums(sums: SSAValue, x: Array, w: Array, numerics: str) -> list[Operation]:
    """Returns the operations that make reals of sums of products; the last has the result.

    Args:
        sums: of a convolution, channels first.
        x: scale of the activation, or one for each channel of the sums.
        w: scale of the weights, or one for each channel of the sums.
        numerics: of the module.
    """
    scale = scale_product(x, w, numerics)
    if scale is not None:
        return [qint.DequantizeOp(sums, scale, _ZERO, axis=1 if scale.size > 1 else None)]
    # More bits than a float64 has: two exact steps.
    axis = 1 if x.size > 1 else None
    reals = qint.DequantizeOp(sums, as_parameter(x), _ZERO, axis=axis)
    factors = as_parameter(w)
    shape = [-1, *[1] * (len(shape_of(sums.type)) - 2)]
    factor = nn.ConstantOp(factors.reshape(shape) if factors.size > 1 else factors)
    return [reals, factor, nn.MulOp(reals.result, factor.result)]


def pooled_integers(codes: SSAValue, kind: str, window: Window, pad_value: int) -> list[Operation]:
    """Returns the operations that pool integers, channels first; the last has the result."""
    first = to_channels_last(codes)
    pool = qint.PoolOp(first.result, kind, window, pad_value)
    return [first, pool, to_channels_first(pool.result)]


def _pooled(
    source: qint.DequantizeOp, kind: str, window: Window, pad_value: int
) -> tuple[list[Operation], qint.DequantizeOp]:
    pooled = pooled_integers(source.input, kind, window, pad_value)
    scale = as_parameter(source.scale_array)
    reals = qint.DequantizeOp(pooled[-1].results[0], scale, _ZERO, axis=source.channel_axis)
    return [*pooled, reals], reals


class MaxPoolPattern(RewritePattern):
    """The largest real has the largest code, because scales are positive."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MaxPoolOp, rewriter: PatternRewriter) -> None:
        source = plain_dequantize(op.input)
        if source is None or source.channel_axis not in (None, 1):
            return
        wide = wide_operand(op, source.input)
        if wide is not None:
            raise ModelError([wide])
        lowest = qint.range_of(source.input.type).lo
        replace(rewriter, op, _pooled(source, "max", op.window, lowest)[0])


class AveragePoolPattern(RewritePattern):
    """An average is an integer sum, divided by the number of elements that the window holds."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.AveragePoolOp, rewriter: PatternRewriter) -> None:
        source = plain_dequantize(op.input)
        if source is None or source.channel_axis not in (None, 1):
            return
        counts = _counts(op)
        if counts.min() < 1:
            return
        summed = _pooled(source, "sum", op.extended_window, 0)
        _replace_by_average(rewriter, op, summed, counts)


_DISTINCT = 2**22
"""Integers below it times a scale are different numbers in float32, too."""


class ArgMaxPattern(RewritePattern):
    """The largest real stands where the largest code does, because scales are positive."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.ArgMaxOp, rewriter: PatternRewriter) -> None:
        source = plain_dequantize(op.input)
        if source is None or source.channel_axis is not None:
            return
        codes = qint.range_of(source.input.type)
        if numerics_of(op) != "exact" and max(-codes.lo, codes.hi) >= _DISTINCT:
            return  # different codes may be the same real number
        axis, rank = op.axis.value.data, len(shape_of(op.input.type))
        order = [*(i for i in range(rank) if i != axis), axis]
        back = [order.index(i) for i in range(rank)]
        new: list[Operation] = []
        given = source.input
        if axis != rank - 1:
            new.append(qint.TransposeOp(given, order))
            given = new[-1].results[0]
        new.append(qint.ArgMaxOp(given, bool(op.last.value.data)))
        if axis != rank - 1:
            new.append(qint.TransposeOp(new[-1].results[0], back))
        ones = np.ones(1, np.float32)
        new.append(qint.DequantizeOp(new[-1].results[0], ones, _ZERO))
        if not op.keeps:
            new.append(nn.ReshapeOp(new[-1].results[0], shape_of(op.result.type)))
        replace(rewriter, op, new)


def _counts(op: nn.AveragePoolOp) -> Array:
    """Returns how many elements each window's sum is divided by: one number, or one per window."""
    space, window = shape_of(op.input.type)[2:], op.window
    ones = np.ones((1, *space, 1), np.int64)
    if op.includes_padding:
        widths = [(0, 0), *zip(window.pads_begin, window.pads_end, strict=True), (0, 0)]
        ones = np.pad(ones, widths, constant_values=1)
        zeros = (0,) * window.rank
        overhang = tuple(op.overhang.get_values())
        slid = Window(window.kernel, window.strides, window.dilations, zeros, overhang)
    else:
        slid = op.extended_window
    windows = slid.gather(ones, 0)
    rank = window.rank
    counts = windows.sum(axis=tuple(range(1 + rank, 1 + 2 * rank)))[..., 0]
    return counts.reshape(-1)[:1] if counts.min() == counts.max() else counts[:, np.newaxis]


class ReduceMeanPattern(RewritePattern):
    """A mean is a sum, over a window of space and by a product with ones over channels."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.ReduceMeanOp, rewriter: PatternRewriter) -> None:
        source = plain_dequantize(op.input)
        shape = shape_of(op.input.type)
        axes = set(op.axes.get_values())
        if source is None or len(shape) not in (2, 3, 4) or 0 in axes:
            return
        if source.channel_axis not in (None, 1) or (source.channel_axis == 1 and 1 in axes):
            return
        new: list[Operation] = []
        if len(axes) > (1 in axes):  # over space, too
            kernel = tuple(e if i in axes else 1 for i, e in enumerate(shape[2:], 2))
            ones, zeros = (1,) * len(kernel), (0,) * len(kernel)
            new, source = _pooled(source, "sum", Window(kernel, ones, ones, zeros, zeros), 0)
        if 1 in axes:
            added, source = _summed_channels(source)
            new += added
        count = prod(shape[axis] for axis in axes)
        _replace_by_average(rewriter, op, (new, source), np.array([count]))


def _summed_channels(source: qint.DequantizeOp) -> tuple[list[Operation], qint.DequantizeOp]:
    """Returns the sums over channels, which stay as one, and how much they are worth."""
    shape = shape_of(source.input.type)
    ones = qint.ConstantOp(np.ones((shape[1], 1), np.int64))
    if len(shape) == 2:
        total = qint.MatMulOp(source.input, ones.result)
        new: list[Operation] = [ones, total]
    else:
        first = to_channels_last(source.input)
        total = qint.MatMulOp(first.result, ones.result)
        new = [ones, first, total, to_channels_first(total.result)]
    reals = qint.DequantizeOp(new[-1].results[0], as_parameter(source.scale_array), _ZERO)
    return [*new, reals], reals


def _replace_by_average(
    rewriter: PatternRewriter,
    op: Operation,
    summed: tuple[list[Operation], qint.DequantizeOp],
    counts: Array,
) -> None:
    new, total = summed
    count = nn.ConstantOp(counts.astype(np.float32))
    mean = nn.DivOp(total.result, count.result)
    new += [count, mean]
    wanted = shape_of(op.results[0].type)
    if shape_of(mean.result.type) != wanted:
        new.append(nn.ReshapeOp(mean.result, wanted))
    replace(rewriter, op, new)

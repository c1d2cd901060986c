"""Patterns of fold-scales that raise pools above elementwise operations, to the integers.

The maximum commutes with what rises and turns into a minimum, -max(-x), with what falls; an average
commutes with sums and factors.
"""

from collections.abc import Sequence

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.errors import ModelError
from qcompiler.passes.elementwise_steps import (
    MoveNumbers,
    climb,
    comes_from_integers,
    data_of,
    direction,
    steps_on,
)
from qcompiler.passes.fold_quantizers import same_in_space
from qcompiler.passes.fold_windows import pooled_integers
from qcompiler.passes.rewriting import as_parameter, discard, plain_dequantize, replace
from qcompiler.passes.wide_integers import wide_operand

_ZERO = np.zeros(1, np.int64)


class RaiseMaxPools(RewritePattern):
    """max_pool(f(dequantize(x))) = f(dequantize(s * max_pool(s * x))), s = -1 where f falls."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MaxPoolOp, rewriter: PatternRewriter) -> None:
        value, steps = climb(op.input)
        source = plain_dequantize(value)
        if source is None or not steps or source.channel_axis not in (None, 1):
            return
        wide = wide_operand(op, source.input)
        if wide is not None:
            raise ModelError([wide])
        new: list[Operation] = []
        pooled = _pooled_by_direction(op, source, steps, new)
        if pooled is None:
            return
        reals = qint.DequantizeOp(
            pooled, as_parameter(source.scale_array), _ZERO, axis=source.channel_axis
        )
        new.append(reals)
        move = same_in_space(len(shape_of(op.result.type)))
        if steps_on(reals.result, steps, move, new) is None:
            discard(new)
        else:
            replace(rewriter, op, new)


def _pooled_by_direction(
    op: nn.MaxPoolOp,
    source: qint.DequantizeOp,
    steps: Sequence[Operation],
    new: list[Operation],
) -> SSAValue | None:
    """Appends the pool of integers to `new`; returns what the steps make the largest of each window."""
    moves = direction(source.result, steps)
    if moves is None or not bool(np.isin(moves, (-1, 0, 1)).all()):
        return None
    signs = np.where(moves < 0, -1, 1).astype(np.int64)
    if bool((signs == 1).all()):
        new += pooled_integers(source.input, "max", op.window, qint.range_of(source.input.type).lo)
        return new[-1].results[0]
    axis = 1 if signs.size > 1 else None
    turned = qint.AffineOp(source.input, signs, _ZERO, axis=axis)
    new.append(turned)
    new += pooled_integers(turned.result, "max", op.window, qint.range_of(turned.result.type).lo)
    new.append(qint.AffineOp(new[-1].results[0], signs, _ZERO, axis=axis))
    return new[-1].results[0]


class RaiseAverages(RewritePattern):
    """average(a * x + b) = a * average(x) + b, where a and b are the same in all that is averaged."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, nn.AveragePoolOp | nn.ReduceMeanOp):
            return
        step = op.input.owner
        data = data_of(step) if isinstance(step, Operation) else None
        if data is None or not isinstance(step, Operation) or not comes_from_integers(data):
            return
        if not _is_line(step, data, keeps_zero=_sees_padding(op)):
            return
        averaged = type(op).create(
            operands=[data], properties=dict(op.properties), result_types=[op.result.type]
        )
        new: list[Operation] = [averaged]
        if steps_on(averaged.result, [step], _averaged(op), new) is None:
            discard(new)
        else:
            replace(rewriter, op, new)


def _sees_padding(op: nn.AveragePoolOp | nn.ReduceMeanOp) -> bool:
    """Whether zeros that are no elements of the input count."""
    if isinstance(op, nn.ReduceMeanOp) or not op.includes_padding:
        return False
    return any(op.window.pads_begin) or any(op.window.pads_end)


def _is_line(step: Operation, data: SSAValue, *, keeps_zero: bool) -> bool:
    if isinstance(step, nn.MulOp | nn.NegOp):
        return True
    if isinstance(step, nn.DivOp):
        return step.lhs is data
    return isinstance(step, nn.AddOp | nn.SubOp) and not keeps_zero


def _averaged(op: nn.AveragePoolOp | nn.ReduceMeanOp) -> MoveNumbers:
    """Returns how parameters of what is averaged are parameters of the averages."""
    rank = len(shape_of(op.input.type))
    if isinstance(op, nn.AveragePoolOp):
        return same_in_space(rank)
    axes, keeps = set(op.axes.get_values()), op.keeps

    def same(numbers: Array) -> Array | None:
        padded = nn.padded_to(numbers, rank)
        if any(padded.shape[axis] > 1 for axis in axes):
            return None
        kept = [n for axis, n in enumerate(padded.shape) if keeps or axis not in axes]
        return padded.reshape(kept)

    return same

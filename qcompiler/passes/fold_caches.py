"""Pattern of fold-scales for caches: integers of which one row is replaced, at a position."""

from collections.abc import Sequence

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import shape_of
from qcompiler.errors import ModelError, Problem
from qcompiler.passes.rewriting import as_parameter, plain_dequantize, replace
from qcompiler.provenance.sources import place_of

_ZERO, _ONE = np.zeros(1, np.int64), np.ones(1, np.int64)


class CachePattern(RewritePattern):
    """tensor_scatter of dequantized tensors with equal scales: the integers are put in place."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.TensorScatterOp, rewriter: PatternRewriter) -> None:
        cache, update = plain_dequantize(op.input), plain_dequantize(op.update)
        position = plain_dequantize(op.position)
        if cache is None or update is None or position is None:
            return
        scales = [source.scale_array for source in (cache, update)]
        if any(scale.size > 1 for scale in scales) or scales[0][0] != scales[1][0]:
            what = "what is written has another scale than the cache"
            raise ModelError([Problem(place_of(op), what, "give both the same quantizer")])
        if shape_of(op.update.type)[op.axis.value.data] > 1:
            what = "more than one row is written in a frame"
            remedy = "write one row a frame: a prompt is as many frames, which follow each other"
            raise ModelError([Problem(place_of(op), what, remedy)])
        new: list[Operation] = []
        kept, row = cache.input, update.input
        maps = [_plus(kept), _plus(row)]
        if maps[0] is not None and maps[1] is not None and _alike(maps[0], maps[1]):
            kept, row = maps[0].input, maps[1].input  # plain codes are kept
        new += _replaced(op, kept, row, position.input)
        if kept is not cache.input and maps[0] is not None:
            new.append(qint.AffineOp(new[-1].results[0], _ONE, maps[0].offset_array))
        reals = qint.DequantizeOp(new[-1].results[0], as_parameter(cache.scale_array), _ZERO)
        replace(rewriter, op, [*new, reals])


def _plus(value: SSAValue) -> qint.AffineOp | None:
    """Returns what makes a value by adding a number to codes: a zero point."""
    owner = value.owner
    if not isinstance(owner, qint.AffineOp) or owner.offset_array.size > 1:
        return None
    return owner if (owner.multiplier_array == 1).all() else None


def _alike(one: qint.AffineOp, other: qint.AffineOp) -> bool:
    return bool(one.offset_array[0] == other.offset_array[0])


def _replaced(
    op: nn.TensorScatterOp, cache: SSAValue, update: SSAValue, position: SSAValue
) -> Sequence[Operation]:
    """Returns operations that put a row of integers in place; the last has the result.

    Each row of the cache is told by a flag whether it is the one at the position.
    """
    shape, axis = shape_of(cache.type), op.axis.value.data
    one = qint.ReshapeOp(position, [1] * len(shape))
    if axis == len(shape) - 1:
        everywhere = qint.ResizeNearestOp(one.result, [*shape[:-1], 1])
        inputs = [cache, update, everywhere.result]
        return [one, everywhere, qint.FormulaOp(inputs, "b if position == c else a")]
    rows = qint.ResizeNearestOp(one.result, [*shape[:-1], 1])
    places = np.arange(shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(shape) - 1)])
    places = np.broadcast_to(places, shape[:-1]).reshape(-1)
    if (places == np.arange(len(places))).all():
        flags = qint.FormulaOp([rows.result], "a == element")
    else:
        flags = qint.FormulaOp([rows.result], "a == t[element]", {"t": places})
    factors = [shape[axis] if i == axis else 1 for i in range(len(shape))]
    repeated = qint.ResizeNearestOp(update, factors)
    inputs = [cache, repeated.result, flags.result]
    return [one, rows, flags, repeated, qint.FormulaOp(inputs, "b if c else a")]

"""Patterns of fold-scales that raise quantizers: integers are moved, padded and pooled.

A quantizer works on each element alone and never falls. So it commutes with every move and with the
maximum of a window; what stands between it and them goes along. Then it follows the layer directly
and becomes one function with its bias, and the codes that move are narrower than accumulators.
"""

from collections.abc import Sequence

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from qcompiler.arith.scalar_evaluation import evaluate
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.passes.elementwise_steps import (
    MoveNumbers,
    climb,
    comes_from_integers,
    direction,
    steps_function,
    steps_on,
)
from qcompiler.passes.fold_moves import rises
from qcompiler.passes.fold_rearrangements import along, axis_of, moved_integers, padded_integers
from qcompiler.passes.fold_windows import pooled_integers
from qcompiler.passes.rewriting import as_parameter, discard, numerics_of, replace


class RaiseQuantizers(RewritePattern):
    """quantize(steps(move(x))) = move(quantize(steps(x))), with parameters in their old places."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.QuantizeOp, rewriter: PatternRewriter) -> None:
        value, steps = climb(op.input)
        below = value.owner
        new: list[Operation] = []
        if isinstance(below, nn.ConcatOp):
            last = _above_concat(below, steps, op, new)
        elif not isinstance(below, Operation) or not comes_from_integers(value):
            return
        elif moves := _moves(value, steps):
            last = _above_moves(moves, op, new)
            if last is None and len(moves) > 1:  # not above all of them
                discard(new)
                new = []
                last = _above_moves(moves[:1], op, new)
        else:
            last = _above(below, steps, op, new)
        if last is None:
            discard(new)
        else:
            replace(rewriter, op, [*new, *last])


_Moved = tuple[nn.Move, Sequence[Operation]]
"""A move, and the steps between it and what follows."""


def _moves(value: SSAValue, steps: Sequence[Operation]) -> list[_Moved]:
    """Returns the moves on the way up from `value`, the last one first, with the steps behind each.

    All at once: steps behind many moves are written once, not again for each of them.
    """
    found: list[_Moved] = []
    while isinstance(move := value.owner, nn.Move):
        if isinstance(move, nn.SliceOp) and rises(move):
            break  # the slice rises instead, so that nothing is computed for what it drops
        found.append((move, steps))
        value, steps = climb(move.operands[0])
    return found


def _above_moves(
    moves: Sequence[_Moved], op: qint.QuantizeOp, new: list[Operation]
) -> list[Operation] | None:
    """Returns what moves make of codes; appends to `new` what makes the codes."""
    (_, behind_all), *others = moves
    passed = [move for move, _ in moves]
    value: SSAValue | None = passed[-1].operands[0]
    for index in range(len(others), 0, -1):
        value = steps_on(value, moves[index][1], _through(passed[index:]), new)
        if value is None:
            return None
    codes = _quantized(value, behind_all, op, _through(passed), new)
    if codes is None:
        return None
    made: list[Operation] = []
    for move in reversed(passed):
        made += moved_integers(move, codes)
        codes = made[-1].results[0]
    return made


def _through(moves: Sequence[nn.Move]) -> MoveNumbers:
    """Returns where parameters behind moves, the last of them first, lie before all of them."""

    def before(numbers: Array) -> Array | None:
        found: Array | None = numbers
        for move in moves:
            found = None if found is None else move.unmoved(found)
        return found

    return before


def _above(
    below: Operation, steps: Sequence[Operation], op: qint.QuantizeOp, new: list[Operation]
) -> list[Operation] | None:
    """Returns what `below` makes of codes; appends to `new` what makes the codes."""
    if isinstance(below, nn.PadOp):
        code = _code_of_padding(below, steps, op)
        if code is None:
            return None
        codes = _quantized(below.input, steps, op, _unpadded(below), new)
        return None if codes is None else padded_integers(below, codes, code)
    if isinstance(below, nn.MaxPoolOp) and _rise(below.result, steps):
        move = same_in_space(len(shape_of(below.result.type)))
        codes = _quantized(below.input, steps, op, move, new)
        return None if codes is None else pooled_integers(codes, "max", below.window, op.range.lo)
    return None


def _above_concat(
    concat: nn.ConcatOp, steps: Sequence[Operation], op: qint.QuantizeOp, new: list[Operation]
) -> list[Operation] | None:
    axis, start = concat.axis.value.data, 0
    parts: list[SSAValue] = []
    for value in concat.inputs:
        end = start + shape_of(value.type)[axis]
        codes = _quantized(
            value, steps, op, _part(len(shape_of(value.type)), axis, start, end), new
        )
        if codes is None:
            return None
        parts.append(codes)
        start = end
    return [qint.ConcatOp(parts, axis)]


def _part(rank: int, axis: int, start: int, end: int) -> MoveNumbers:
    def part(numbers: Array) -> Array:
        padded = nn.padded_to(numbers, rank)
        return padded.take(range(start, end), axis) if padded.shape[axis] > 1 else padded

    return part


def _unpadded(op: nn.PadOp) -> MoveNumbers:
    widths = list(zip(op.begin.get_values(), op.end.get_values(), strict=True))

    def same(numbers: Array) -> Array | None:
        padded = nn.padded_to(numbers, len(widths))
        varies = any(n > 1 and max(w) for n, w in zip(padded.shape, widths, strict=True))
        return None if varies else padded

    return same


def same_in_space(rank: int) -> MoveNumbers:
    """Returns how parameters of a pool's result are those of its input: they vary by channel only."""

    def same(numbers: Array) -> Array | None:
        return numbers if max(nn.padded_to(numbers, rank).shape[2:], default=1) == 1 else None

    return same


def _rise(value: SSAValue, steps: Sequence[Operation]) -> bool:
    found = direction(value, steps)
    return found is not None and bool(np.isin(found, (0, 1)).all())


def _code_of_padding(pad: nn.PadOp, steps: Sequence[Operation], op: qint.QuantizeOp) -> int | None:
    """Returns the code that steps and quantizer make of the padding, if all channels have one."""
    mantissa, exponent = np.frexp(np.float64(pad.value.value.data))
    number = int(mantissa * 2**24)
    function = steps_function(pad.result, steps, op, numerics_of(op), 2.0 ** (int(exponent) - 24))
    if function is None:
        return None
    codes = evaluate(function, np.array([number], np.int64))
    return int(codes[0, 0]) if bool((codes == codes[0, 0]).all()) else None


def _quantized(
    value: SSAValue,
    steps: Sequence[Operation],
    op: qint.QuantizeOp,
    move: MoveNumbers,
    new: list[Operation],
) -> SSAValue | None:
    """Appends to `new` the steps and the quantizer on another value; returns its codes."""
    rank = len(shape_of(op.input.type))
    scale = move(along(op.scale_array, op.channel_axis, rank))
    zero_point = move(along(op.zero_point_array, op.channel_axis, rank))
    if scale is None or zero_point is None:
        return None
    try:
        axis = axis_of(np.broadcast_arrays(scale, zero_point)[0])
    except ValueError:
        return None
    real = steps_on(value, steps, move, new)
    if real is None:
        return None
    quantize = qint.QuantizeOp(
        real,
        as_parameter(scale.reshape(-1)),
        zero_point.reshape(-1),
        op.range,
        axis=axis,
        rounding=op.rounding.data,
        zero_point_after_rounding=op.adds_after_rounding,
    )
    quantize.result.name_hint = value.name_hint
    new.append(quantize)
    return quantize.result

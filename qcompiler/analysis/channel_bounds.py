"""Bounds of integers channel by channel, through all of a function: constant channels show here."""

import numpy as np
from xdsl.ir import Block, Operation, SSAValue

from qcompiler.arith.ranges import ChannelRanges
from qcompiler.arith.scalar_evaluation import evaluate
from qcompiler.dialects import qint
from qcompiler.dialects.attributes import element_of, shape_of
from qcompiler.interpreters.channel_kinds import channel_kinds
from qcompiler.interpreters.scalar_functions import scalar_function


def channel_bounds(block: Block) -> dict[SSAValue, ChannelRanges]:
    """Returns bounds of the channels along the last axis of each tensor of int64 of a function.

    They are as tight as the types, or tighter.
    """
    found: dict[SSAValue, ChannelRanges] = {}
    for value in block.args:
        _note(found, value, None)
    for op in block.ops:
        for value in op.results:
            known = all(operand in found for operand in op.operands)
            _note(found, value, _bounds(op, found) if known else None)
    return found


def _note(
    found: dict[SSAValue, ChannelRanges], value: SSAValue, bounds: ChannelRanges | None
) -> None:
    element = element_of(value.type)
    if not isinstance(element, qint.IntType) or not element.range.fits_int64:
        return
    shape = shape_of(value.type)
    if not shape:
        return
    if bounds is None:
        found[value] = ChannelRanges.of(element.range, shape[-1])
    else:
        found[value] = bounds.within(element.range)


def _bounds(op: Operation, found: dict[SSAValue, ChannelRanges]) -> ChannelRanges | None:
    if not all(
        isinstance(element := element_of(result.type), qint.IntType) and element.range.fits_int64
        for result in op.results
    ):
        return None
    if isinstance(op, qint.RequantizeOp):
        return _requantized(op, found[op.input])
    if isinstance(op, qint.IntegerOp):
        return op.channel_ranges([found[operand] for operand in op.operands])
    return None


def _requantized(op: qint.RequantizeOp, given: ChannelRanges) -> ChannelRanges | None:
    """Functions that never turn reach their extremes at the ends of what they are given."""
    if not op.carries_channels:
        return None
    try:
        if op.channel_axis == len(shape_of(op.input.type)) - 1:
            return _by_kinds(op, given)
        kinds = channel_kinds(op.scalar_body, op.channels)  # all are alike
        function = scalar_function(kinds.body, 1, qint.numerics_of(op))
        codes = evaluate(function, np.stack([given.lo, given.hi]).reshape(1, -1)).reshape(2, -1)
    except ValueError:  # select-requantizer says why, with all other problems
        return None
    turns = bool((np.abs(function.direction) > 1).any())
    return None if turns else ChannelRanges(codes.min(axis=0), codes.max(axis=0))


def _by_kinds(op: qint.RequantizeOp, given: ChannelRanges) -> ChannelRanges | None:
    """As `_requantized`, where parameters lie along the last axis."""
    kinds = channel_kinds(op.scalar_body, op.channels, given.lo, given.hi)
    function = scalar_function(kinds.body, kinds.count, qint.numerics_of(op))
    if (np.abs(function.direction) > 1).any():
        return None
    ends = np.stack([given.lo[kinds.first], given.hi[kinds.first]], axis=1)
    codes = evaluate(function, ends)
    each = np.broadcast_to(kinds.of_each, given.lo.shape)
    return ChannelRanges(codes.min(axis=1)[each], codes.max(axis=1)[each])

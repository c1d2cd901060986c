"""Scalar functions, and operations on several activations, as processes."""

from collections.abc import Sequence
from math import prod

import numpy as np
from xdsl.ir import SSAValue

from qcompiler.arith.requantizers import MulShift, Requantizer, repeated, rows_of
from qcompiler.dialects import qint, stream
from qcompiler.dialects.attributes import shape_of
from qcompiler.passes.to_stream.state import Conversion, frame_of, scalar_process


def lower_requantizer(state: Conversion, op: qint.RequantizerOp) -> None:
    """Adds the process of a `qint.requantizer`."""
    if not is_term(op):  # else the addition multiplies
        _scalar(state, op, op.requantizer)


def _scalar(state: Conversion, op: qint.RequantizerOp | qint.AffineOp, form: Requantizer) -> None:
    made = qint.int_type_of(op.result.type)
    shape = shape_of(op.input.type)
    axis = op.channel_axis
    value = state.values[op.input]
    if axis is None or rows_of(form) == 1 or axis == len(shape) - 1:
        state.emit(op, scalar_process(op, value, form, made))
        return
    # Rows of parameters for each element of what lies along and within the axis.
    inner = prod(shape[axis + 1 :])
    frame = (1, prod(shape[:axis]), shape[axis] * inner)
    flat = state.insert(op, stream.ReshapeOp(value, frame), value)
    result = state.insert(op, scalar_process(op, flat, repeated(form, inner), made), op.result)
    state.emit(op, stream.ReshapeOp(result, frame_of(op.result.type)))


def lower_affine(state: Conversion, op: qint.AffineOp) -> None:
    """An integer map that no other operation took in: a multiplication and an addition."""
    bounds = qint.range_of(op.result.type)
    form = MulShift(op.multiplier_array, op.offset_array, 0, bounds.lo, bounds.hi)
    _scalar(state, op, form)


def _aligned(
    state: Conversion, op: qint.AddOp | qint.MulOp, values: Sequence[SSAValue]
) -> list[SSAValue] | None:
    """Returns channels with the result's frame for each value; None if that was refused."""
    if any(isinstance(value.owner, qint.ConstantOp) for value in values):
        state.refuse(op, "one of its operands is constant", "join activations only")
        return None
    shape, frame = shape_of(op.result.type), frame_of(op.result.type)
    channels: list[SSAValue] = []
    for value in values:
        given = state.values[value]
        block, loops = _broadcast_loops(shape_of(value.type), shape)
        if loops:
            given = state.insert(op, stream.ReorderOp(given, block, loops, frame), value)
        elif stream.channel_of(given).frame_shape != frame:
            given = state.insert(op, stream.ReshapeOp(given, frame), value)
        channels.append(given)
    return channels


def _broadcast_loops(
    given: Sequence[int], wanted: Sequence[int]
) -> tuple[int, list[tuple[int, int]]]:
    """Returns in which blocks, and in which order of each, a tensor must be sent to fill another.

    Args:
        given: shape of the tensor.
        wanted: shape that it broadcasts to.

    Returns:
        Elements of a block, and (count, stride) of nested loops, the fastest last; no loops if the
        elements come in that order anyway.
    """
    padded = (*[1] * (len(wanted) - len(given)), *given)
    repeated_axes = [i for i, (a, b) in enumerate(zip(padded, wanted, strict=True)) if a != b]
    if not repeated_axes:
        return prod(padded), []
    first = repeated_axes[0]
    loops: list[tuple[int, int]] = []
    for axis in range(first, len(wanted)):
        stride = prod(padded[axis + 1 :]) if axis not in repeated_axes else 0
        count = wanted[axis]
        if loops and loops[-1][1] == stride * count:  # one loop over both axes
            count *= loops.pop()[0]
        loops.append((count, stride))
    return prod(padded[first:]), loops


def is_term(op: qint.RequantizerOp) -> bool:
    """Whether an operation is a factor that an addition multiplies by itself."""
    return _multiple(op.result) is not None and all(
        isinstance(use.operation, qint.AddOp) for use in op.result.uses
    )


def _multiple(value: SSAValue) -> tuple[int, SSAValue] | None:
    """Returns m and x if `value` is m * x and nothing else needs it."""
    op = value.owner
    if not isinstance(op, qint.MulShiftOp) or len(list(value.uses)) != 1:
        return None
    form = op.requantizer
    if form.shift or form.bias.any() or form.multiplier.size != 1 or form.tie_parity is not None:
        return None
    reached = form.sum_range(qint.range_of(op.input.type))
    if reached.lo < form.lo or reached.hi > form.hi:
        return None  # it cuts off
    return int(form.multiplier[0]), op.input


def lower_add(state: Conversion, op: qint.AddOp) -> None:
    """Adds the process of a `qint.add`."""
    terms = [_multiple(value) or (1, value) for value in op.operands]
    channels = _aligned(state, op, [value for _, value in terms])
    if channels is not None:
        element = qint.int_type_of(op.result.type)
        factors = terms[0][0], terms[1][0]
        state.emit(op, stream.AddOp(channels[0], channels[1], element, factors))


def lower_mul(state: Conversion, op: qint.MulOp) -> None:
    """Adds the process of a `qint.mul`."""
    channels = _aligned(state, op, op.operands)
    if channels is not None:
        element = qint.int_type_of(op.result.type)
        state.emit(op, stream.MulOp(channels[0], channels[1], element))


def lower_concat(state: Conversion, op: qint.ConcatOp) -> None:
    """Adds the process of a `qint.concat`."""
    if any(value not in state.values for value in op.inputs):
        state.refuse(op, "one of its operands is constant", "concatenate activations only")
        return
    if _lower_gather(state, op):
        return
    element = qint.int_type_of(op.result.type)
    given = [state.values[value] for value in op.inputs]
    axis, frame = op.axis.value.data, frame_of(op.result.type)
    place = axis - len(shape_of(op.result.type)) + len(frame)
    if place >= 0 and all(len(stream.channel_of(v).frame_shape) == len(frame) for v in given):
        state.emit(op, stream.ConcatOp(given, place, element))
        return
    # Along the batch: all that lies within the axis are channels, all that lies along it are rows.
    for index, value in enumerate(op.inputs):
        shape = shape_of(value.type)
        rows = (1, prod(shape[:axis]), prod(shape[axis:]))
        given[index] = state.insert(op, stream.ReshapeOp(given[index], rows), value)
    joined = state.insert(op, stream.ConcatOp(given, 2, element), op.result)
    state.emit(op, stream.ReshapeOp(joined, frame))


def _lower_gather(state: Conversion, op: qint.ConcatOp) -> bool:
    """Pieces of one tensor that are put together in another order are one process, which gathers.

    Returns:
        Whether it was added; the pieces' own processes are gone then.
    """
    pieces = [value.owner for value in op.inputs]
    axis = op.axis.value.data
    if not all(isinstance(piece, qint.SliceOp) and _cuts_only(piece, axis) for piece in pieces):
        return False
    slices = [piece for piece in pieces if isinstance(piece, qint.SliceOp)]
    source = slices[0].input
    if any(s.input is not source for s in slices) or _element(source) != _element(op.result):
        return False
    shape = shape_of(source.type)
    along = [np.arange(shape[axis])[slice(*(b[axis] for b in s.bounds))] for s in slices]
    inner = prod(shape[axis + 1 :])
    order = (np.concatenate(along)[:, None] * inner + np.arange(inner)).reshape(-1)
    for piece in dict.fromkeys(slices):
        if all(use.operation is op for use in piece.result.uses):
            process = state.values.pop(piece.result).owner
            assert isinstance(process, stream.SliceOp), "as lower_slice made it"
            process.detach()
            process.erase()
    block, frame = shape[axis] * inner, frame_of(op.result.type)
    state.emit(op, stream.GatherOp(state.values[source], block, order.tolist(), frame))
    return True


def _element(value: SSAValue) -> qint.IntType:
    return qint.int_type_of(value.type)


def _cuts_only(op: qint.SliceOp, axis: int) -> bool:
    """Whether a slice is whole along all axes but one."""
    shape = shape_of(op.input.type)
    bounds = list(zip(*op.bounds, strict=True))
    return all(
        b == (0, n, 1) for i, (b, n) in enumerate(zip(bounds, shape, strict=True)) if i != axis
    )

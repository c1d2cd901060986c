"""Operations that move integers, as processes."""

from collections.abc import Sequence
from math import prod

import numpy as np
from xdsl.ir import SSAValue

from qcompiler.arith.requantizers import MulShift
from qcompiler.arith.windows import Window
from qcompiler.dialects import qint, stream
from qcompiler.dialects.attributes import shape_of
from qcompiler.passes.to_stream.products import is_kept_transposed
from qcompiler.passes.to_stream.state import Conversion, frame_of, scalar_process
from qcompiler.provenance.sources import identifier


def lower_reshape(state: Conversion, op: qint.ReshapeOp) -> None:
    """Adds the process of a `qint.reshape`."""
    given, frame = state.values[op.input], frame_of(op.result.type)
    if stream.channel_of(given).frame_shape == frame:
        state.values[op.result] = given
    else:
        state.emit(op, stream.ReshapeOp(given, frame))


def lower_transpose(state: Conversion, op: qint.TransposeOp) -> None:
    """Adds the process of a `qint.transpose`."""
    shape, permutation = shape_of(op.input.type), list(op.permutation.get_values())
    given, frame = state.values[op.input], frame_of(op.result.type)
    if is_kept_transposed(op):
        permutation[-2:] = permutation[:-3:-1]
        frame = tuple(shape[axis] for axis in permutation)
    kept = [axis for axis in permutation if shape[axis] != 1]
    if kept == sorted(kept):
        state.emit(op, stream.ReshapeOp(given, frame))
        return
    strides = [int(np.prod(shape[axis + 1 :], dtype=object)) for axis in range(len(shape))]
    loops = [(shape[axis], strides[axis]) for axis in permutation]
    size = int(np.prod(shape, dtype=object))
    state.emit(op, stream.ReorderOp(given, size, loops, frame))


def lower_slice(state: Conversion, op: qint.SliceOp) -> None:
    """Adds the process of a `qint.slice`."""
    given = state.values[op.input]
    frame = stream.channel_of(given).frame_shape
    shape = shape_of(op.input.type)
    parts = [list(part) for part in op.bounds]
    if len(frame) < len(shape):  # without the batch
        parts = [part[1:] for part in parts]
    elif len(frame) > len(shape):  # with a unit row
        parts = [[first, *part] for first, part in zip((0, 1, 1), parts, strict=True)]
    starts, ends, steps = parts
    state.emit(op, stream.SliceOp(given, starts, ends, steps))


def lower_resize(state: Conversion, op: qint.ResizeNearestOp) -> None:
    """Adds the process of a `qint.resize_nearest`."""
    shape, factors = shape_of(op.input.type), op.factors
    first = next((axis for axis, factor in enumerate(factors) if factor > 1), len(shape) - 1)
    # What lies within an element of the first axis that grows is sent again and again.
    loops = [(factors[first], 0)]
    for axis in range(first + 1, len(shape)):
        loops += [(shape[axis], prod(shape[axis + 1 :])), (factors[axis], 0)]
    frame, block = frame_of(op.result.type), prod(shape[first + 1 :])
    state.emit(op, stream.ReorderOp(state.values[op.input], block, _merged(loops), frame))


def _merged(loops: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Returns (count, stride) of nested loops without those of one round, neighbours as one."""
    found: list[tuple[int, int]] = []
    for count, stride in loops:
        if count == 1:
            continue
        if found and stride and found[-1][1] == stride * count:
            count *= found.pop()[0]
        found.append((count, stride))
    return found


def lower_depth_to_space(state: Conversion, op: qint.DepthToSpaceOp) -> None:
    """Adds the process of a `qint.depth_to_space`."""
    *_, width, channels = (1, *shape_of(op.input.type))
    *_, rows, columns = (1, *op.blocks)
    depth = channels // (rows * columns)
    if op.mode.data == "DCR":
        row, column, channel = columns * depth, depth, 1
    else:
        row, column, channel = columns, 1, rows * columns
    inner = [(columns, column), (depth, channel)]
    loops = inner if rows == 1 else [(rows, row), (width, channels), *inner]
    block = channels if rows == 1 else width * channels
    state.emit(op, stream.ReorderOp(state.values[op.input], block, loops, frame_of(op.result.type)))


def lower_pad(state: Conversion, op: qint.PadOp) -> None:
    """Padding of space is a sliding window of one element; channels are a matrix that selects.

    Other axes are padded one after the other, each as the width of an image.
    """
    frame = stream.channel_of(state.values[op.input]).frame_shape
    batch, *inner = op.widths
    widths = [*[(0, 0)] * (3 - len(inner)), *inner]  # a row of channels has one pixel
    if any(batch) or len(widths) != 3 or (len(frame) != 3 and len(inner) != 1):
        _pad_axes(state, op)
        return
    given = state.values[op.input]
    (top, bottom), (left, right), channels = widths
    made: list[stream.Process] = []
    if any((top, bottom, left, right)):
        made.append(_bordered(op, given, (top, left), (bottom, right)))
        given = made[-1].results[0]
    if any(channels):
        made += _padded_channels(state, op, given, channels)
    for process in made[:-1]:
        state.insert(op, process, op.result)
    if made:
        state.emit(op, made[-1])
    else:
        state.values[op.result] = given


def _bordered(
    op: qint.PadOp, given: SSAValue, begin: tuple[int, int], end: tuple[int, int]
) -> stream.SlidingWindowOp:
    """Returns the process that puts rows and columns of the padding's value around an image."""
    window = Window((1, 1), (1, 1), (1, 1), begin, end)
    element = qint.int_type_of(op.result.type)
    return stream.SlidingWindowOp(given, element, window, op.value.value.data, 1)


def _pad_axes(state: Conversion, op: qint.PadOp) -> None:
    shape = list(shape_of(op.input.type))
    value = state.values[op.input]
    for axis, (before, after) in enumerate(op.widths):
        if not before and not after:
            continue
        image = (prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :]))
        value = state.insert(op, stream.ReshapeOp(value, image), op.result)
        value = state.insert(op, _bordered(op, value, (0, before), (0, after)), op.result)
        shape[axis] += before + after
    state.emit(op, stream.ReshapeOp(value, frame_of(op.result.type)))


def _padded_channels(
    state: Conversion, op: qint.PadOp, given: SSAValue, widths: tuple[int, int]
) -> list[stream.Process]:
    """Returns a product with ones and zeros, and the padding's value where that is not 0."""
    channels = stream.channel_of(given).channels
    count = sum(widths) + channels
    chosen = np.zeros((channels, count), np.int64)
    chosen[np.arange(channels), widths[0] + np.arange(channels)] = 1
    name = state.unique(f"{identifier(op.result.name_hint or 'pad', 'pad')}_channels")
    state.add_weights(name, chosen, op)
    value, bounds = op.value.value.data, qint.range_of(op.result.type)
    seen = bounds.union(qint.IntRange(0, 0))
    element = qint.IntType(seen.lo, seen.hi)
    product = stream.MvauOp(given, name, element, count, 1, 1)
    if not value:
        return [product]
    filler = np.where(chosen.any(axis=0), 0, value).astype(np.int64)
    form = MulShift(np.ones(1, np.int64), filler, 0, bounds.lo, bounds.hi)
    return [product, scalar_process(op, product.result, form, qint.int_type_of(op.result.type))]

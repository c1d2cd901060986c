"""Products of two activations as processes."""

from math import prod

import numpy as np
from xdsl.ir import SSAValue

from qcompiler.dialects import qint, stream
from qcompiler.dialects.attributes import shape_of
from qcompiler.passes.to_stream.state import Conversion, frame_of


def is_kept_transposed(op: qint.TransposeOp) -> bool:
    """Whether products keep what a transposition makes, and need not have its last axes swapped.

    That is worth it where the last axis of what comes becomes the one before the last: its
    elements stay side by side.
    """
    permutation = op.permutation.get_values()
    uses = [use.operation for use in op.result.uses]
    return (
        len(permutation) > 1
        and permutation[-2] == len(permutation) - 1
        and bool(uses)
        and all(isinstance(use, qint.MatMulOp) and use.is_product_of(op.result) for use in uses)
    )


def lower_product(state: Conversion, op: qint.MatMulOp) -> None:
    """Adds the process of a `qint.matmul` of two activations: it keeps the right one."""
    element = qint.int_type_of(op.result.type)
    lhs, rhs = shape_of(op.lhs.type), shape_of(op.rhs.type)
    stack = shape_of(op.result.type)[:-2]
    turned = isinstance(op.rhs.owner, qint.TransposeOp) and is_kept_transposed(op.rhs.owner)
    kept_shape = (*rhs[:-2], rhs[-1], rhs[-2]) if turned else rhs
    shared = prod(rhs[:-2]) == 1  # one matrix for all vectors
    given = _stacked(state, op, state.values[op.lhs], lhs, stack)
    kept = _stacked(state, op, state.values[op.rhs], kept_shape, () if shared else stack)
    product = stream.MatMulOp(given, kept, element, transposed=turned)
    made, frame = state.insert(op, product, op.result), frame_of(op.result.type)
    if stream.channel_of(made).frame_shape == frame:
        state.values[op.result] = made
    else:
        state.emit(op, stream.ReshapeOp(made, frame))


def _stacked(
    state: Conversion,
    op: qint.MatMulOp,
    value: SSAValue,
    shape: tuple[int, ...],
    stack: tuple[int, ...],
) -> SSAValue:
    """Returns matrices as a frame [matrices, rows, columns], repeated as broadcasting asks."""
    *own, rows, columns = shape
    own = [*[1] * (len(stack) - len(own)), *own]
    frame = (max(prod(stack), prod(own)), rows, columns)
    if prod(own) < prod(stack):
        sizes = [*own, rows * columns]
        strides = [int(np.prod(sizes[axis + 1 :], dtype=object)) for axis in range(len(own))]
        loops = [
            (count, stride if size > 1 else 0)
            for count, size, stride in zip(stack, own, strides, strict=True)
        ]
        loops.append((rows * columns, 1))
        repeated = stream.ReorderOp(value, prod(shape), loops, frame)
        return state.insert(op, repeated, op.result)
    if stream.channel_of(value).frame_shape == frame:
        return value
    return state.insert(op, stream.ReshapeOp(value, frame), op.result)

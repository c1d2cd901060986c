"""ReduceMean, ReduceMax, ArgMax and TopK."""

from collections.abc import Sequence
from math import prod

from xdsl.ir import SSAValue

from qcompiler.arith.windows import Window
from qcompiler.dialects import nn
from qcompiler.dialects.attributes import shape_of
from qcompiler.frontends.onnx.node import NodeContext
from qcompiler.frontends.onnx.ops.shapes import axis_in
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import importer

_SPACE = (2, 3, 4)
"""Numbers of axes for which means over channels and space are built."""


def _axes(node: NodeContext) -> list[int]:
    """Returns the axes that a reduction works along, none if it leaves its input alone."""
    rank = len(node.shape(0))
    axes = node.integers(1, "axes") if node.has_input(1) else node.ints_attribute("axes") or []
    leaves_alone = node.int_attribute("noop_with_empty_axes", 0)
    if not axes and not leaves_alone:
        axes = list(range(rank))
    return sorted({axis_in(axis, rank) for axis in axes})


@importer("", "ReduceMean")
def _reduce_mean(node: NodeContext) -> Value:
    axes, keeps = _axes(node), bool(node.int_attribute("keepdims", 1))
    x, shape = node.operand(0), node.shape(0)
    several = [axis for axis in axes if shape[axis] > 1]
    if 0 not in several and len(shape) in _SPACE and axes == several:
        return node.emit(nn.ReduceMeanOp(x, axes, keeps)) if axes else x
    if several:  # along the batch, too: all of them as one
        rows, _ = _rows(node, x, several)
        x = node.emit(nn.ReduceMeanOp(rows, [2], True))
    return node.emit(nn.ReshapeOp(x, _reduced(shape, axes, keeps)))


@importer("", "ReduceMax")
def _reduce_max(node: NodeContext) -> Value:
    axes = _axes(node)
    if not axes:
        return node.operand(0)
    largest = _largest(node, node.operand(0), axes)
    if node.int_attribute("keepdims", 1):
        return largest
    return node.emit(nn.ReshapeOp(largest, _reduced(node.shape(0), axes, False)))


@importer("", "ArgMax")
def _arg_max(node: NodeContext) -> Value:
    axis = axis_in(node.int_attribute("axis", 0), len(node.shape(0)))
    keeps = bool(node.int_attribute("keepdims", 1))
    last = bool(node.int_attribute("select_last_index", 0))
    return node.emit(nn.ArgMaxOp(node.number(0), axis, keeps, last=last))


@importer("", "TopK")
def _top_k(node: NodeContext) -> Sequence[Value]:
    k = node.integers(1, "k") if node.has_input(1) else [node.int_attribute("k")]
    largest = node.int_attribute("largest", 1)
    if k != [1] or not largest:
        raise RefusalError(
            f"only the largest element is supported, got k {k} and largest {largest}",
            "use k = 1, or end the model before it and select on the host",
        )
    axis = axis_in(node.int_attribute("axis", -1), len(node.shape(0)))
    x = node.operand(0)
    return [_largest(node, x, [axis]), node.emit(nn.ArgMaxOp(x, axis, keepdims=True))]


def _reduced(shape: Sequence[int], axes: Sequence[int], keeps: bool) -> list[int]:
    """Returns the shape after a reduction."""
    return [1 if i in axes else e for i, e in enumerate(shape) if keeps or i not in axes]


def _rows(node: NodeContext, x: SSAValue, axes: Sequence[int]) -> tuple[SSAValue, int]:
    """Emits `x` as [1, all other axes, `axes`]; returns it and how many elements a row has."""
    shape = shape_of(x.type)
    rest = [axis for axis in range(len(shape)) if axis not in axes]
    order = [*rest, *axes]
    moved = x if order == sorted(order) else node.emit(nn.TransposeOp(x, order))
    count = prod(shape[axis] for axis in axes)
    rows = (1, prod(shape[axis] for axis in rest), count)
    return node.emit(nn.ReshapeOp(moved, rows)), count


def _largest(node: NodeContext, x: SSAValue, axes: Sequence[int]) -> SSAValue:
    """Emits the largest element along axes, which stay as 1: a pool with all of them as space."""
    rows, count = _rows(node, x, axes)
    pooled = node.emit(nn.MaxPoolOp(rows, Window((count,), (1,), (1,), (0,), (0,))))
    return node.emit(nn.ReshapeOp(pooled, _reduced(shape_of(x.type), axes, True)))

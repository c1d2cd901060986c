"""ReduceMean, ArgMax and TopK."""

from collections.abc import Sequence
from math import prod

from xdsl.ir import SSAValue

from qcompiler.arith.windows import Window
from qcompiler.dialects import nn
from qcompiler.dialects.attributes import shape_of
from qcompiler.frontends.onnx.node import NodeContext
from qcompiler.frontends.onnx.ops.shapes import axis_in
from qcompiler.frontends.onnx.registry import RefusalError, Value, importer


@importer("", "ReduceMean")
def _reduce_mean(node: NodeContext) -> Value:
    rank = len(node.shape(0))
    axes = node.integers(1, "axes") if node.has_input(1) else node.ints_attribute("axes")
    if not axes:
        if node.int_attribute("noop_with_empty_axes", 0):
            return node.operand(0)
        axes = list(range(rank))
    axes = [axis_in(axis, rank) for axis in axes]
    keeps = bool(node.int_attribute("keepdims", 1))
    return node.emit(nn.ReduceMeanOp(node.operand(0), axes, keeps))


@importer("", "ArgMax")
def _arg_max(node: NodeContext) -> Value:
    axis = axis_in(node.int_attribute("axis", 0), len(node.shape(0)))
    keeps = bool(node.int_attribute("keepdims", 1))
    last = bool(node.int_attribute("select_last_index", 0))
    return node.emit(nn.ArgMaxOp(node.operand(0), axis, keeps, last=last))


@importer("", "TopK")
def _top_k(node: NodeContext) -> Sequence[Value]:
    k = node.integers(1, "k") if node.has_input(1) else [node.int_attribute("k")]
    if k != [1] or not node.int_attribute("largest", 1):
        raise RefusalError(
            f"only the largest element is supported, got k {k}",
            "use k = 1, or end the model before it and select on the host",
        )
    axis = axis_in(node.int_attribute("axis", -1), len(node.shape(0)))
    x = node.operand(0)
    return [_largest(node, x, axis), node.emit(nn.ArgMaxOp(x, axis, keepdims=True))]


def _largest(node: NodeContext, x: SSAValue, axis: int) -> SSAValue:
    """Emits the largest element along an axis: a pool over all of it, with the axis as space."""
    shape = shape_of(x.type)
    rest = [extent for i, extent in enumerate(shape) if i != axis]
    order = [*(i for i in range(len(shape)) if i != axis), axis]
    moved = x if axis == len(shape) - 1 else node.emit(nn.TransposeOp(x, order))
    rows = node.emit(nn.ReshapeOp(moved, (1, prod(rest), shape[axis])))
    pooled = node.emit(nn.MaxPoolOp(rows, Window((shape[axis],), (1,), (1,), (0,), (0,))))
    return node.emit(nn.ReshapeOp(pooled, [1 if i == axis else e for i, e in enumerate(shape)]))

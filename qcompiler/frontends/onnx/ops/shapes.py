"""Operations that only rearrange elements."""

from collections.abc import Sequence
from math import prod

from qcompiler.dialects import nn, qint
from qcompiler.frontends.onnx.node import NodeContext, is_integer
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import importer

_NOT_VALID = "export the model again, this node is not valid"


def axis_in(axis: int, rank: int) -> int:
    """Returns `axis` of a tensor of `rank`, counted from the front.

    Raises:
        RefusalError: the tensor has no such axis.
    """
    if not -rank <= axis < rank:
        raise RefusalError(f"axis must be in [{-rank}, {rank - 1}], got {axis}", _NOT_VALID)
    return axis % rank


@importer("", "Identity", "Dropout", moves_data=True)
def _identity(node: NodeContext) -> Value:
    if node.has_input(2) and bool(node.constant(2, "training_mode").any()):
        raise RefusalError("training_mode must be false", "call model.eval() before the export")
    return node.value(0)


@importer("", "Reshape", moves_data=True)
def _reshape(node: NodeContext) -> Value:
    source = node.shape(0)
    wanted = node.integers(1, "shape")
    return _reshaped(node, _resolved(wanted, source, bool(node.int_attribute("allowzero", 0))))


def _resolved(wanted: Sequence[int], source: Sequence[int], allow_zero: bool) -> list[int]:
    """Returns the shape that ONNX's 0 (copy) and -1 (the rest) stand for."""
    shape = list(wanted)
    for axis, extent in enumerate(shape):
        if extent == 0 and not allow_zero and axis < len(source):
            shape[axis] = source[axis]
    if -1 in shape:
        known = -prod(shape)
        if shape.count(-1) > 1 or known <= 0 or prod(source) % known:
            raise RefusalError(f"cannot reshape {list(source)} to {list(wanted)}", _NOT_VALID)
        shape[shape.index(-1)] = prod(source) // known
    return shape


def _reshaped(node: NodeContext, shape: Sequence[int]) -> Value:
    source = node.shape(0)
    if prod(shape) != prod(source) or any(extent < 1 for extent in shape):
        # An open batch size is taken as 1; a constant shape may have been made for another.
        batch = source[0] == 1 and prod(shape) > 0 and prod(shape) % prod(source) == 0
        remedy = "export with a fixed batch size of 1" if batch else _NOT_VALID
        raise RefusalError(f"cannot reshape {list(source)} to {list(shape)}", remedy)
    x = node.any_operand(0)
    return node.emit(qint.ReshapeOp(x, shape) if is_integer(x) else nn.ReshapeOp(x, shape))


@importer("", "Flatten", moves_data=True)
def _flatten(node: NodeContext) -> Value:
    shape = node.shape(0)
    axis = node.int_attribute("axis", 1)
    # The axis may also be the rank: all extents go to the rows.
    split = axis if axis == len(shape) else axis_in(axis, len(shape))
    return _reshaped(node, (prod(shape[:split]), prod(shape[split:])))


@importer("", "Squeeze", moves_data=True)
def _squeeze(node: NodeContext) -> Value:
    shape = node.shape(0)
    axes = _axes(node)
    if axes is None:
        return _reshaped(node, [extent for extent in shape if extent != 1])
    dropped = {axis_in(axis, len(shape)) for axis in axes}
    for axis in dropped:
        if shape[axis] != 1:
            raise RefusalError(f"cannot squeeze axis {axis} of extent {shape[axis]}", _NOT_VALID)
    return _reshaped(node, [extent for i, extent in enumerate(shape) if i not in dropped])


@importer("", "Unsqueeze", moves_data=True)
def _unsqueeze(node: NodeContext) -> Value:
    axes = _axes(node)
    if axes is None:
        raise RefusalError("axes are missing", _NOT_VALID)
    rank = len(node.shape(0)) + len(axes)
    new = {axis_in(axis, rank) for axis in axes}
    if len(new) != len(axes):
        raise RefusalError(f"axes must differ, got {axes}", _NOT_VALID)
    old = iter(node.shape(0))
    return _reshaped(node, [1 if axis in new else next(old) for axis in range(rank)])


def _axes(node: NodeContext) -> list[int] | None:
    """Returns the axes: an input from opset 13 on, an attribute before."""
    return node.integers(1, "axes") if node.has_input(1) else node.ints_attribute("axes")


@importer("", "Transpose", moves_data=True)
def _transpose(node: NodeContext) -> Value:
    permutation = node.ints_attribute("perm")
    if permutation is None:
        permutation = list(reversed(range(len(node.shape(0)))))
    x = node.any_operand(0)
    transpose = qint.TransposeOp if is_integer(x) else nn.TransposeOp
    return node.emit(transpose(x, permutation))

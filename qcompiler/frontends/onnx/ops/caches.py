"""TensorScatter: a row of a cache is replaced, at a position that the network is given."""

from qcompiler.dialects import nn
from qcompiler.dialects.attributes import shape_of
from qcompiler.frontends.onnx.node import NodeContext
from qcompiler.frontends.onnx.ops.shapes import axis_in
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import importer

_MODES = ("linear", "circular")


@importer("", "TensorScatter")
def _tensor_scatter(node: NodeContext) -> Value:
    """A position lies within the cache, so that both modes are one."""
    mode = node.string_attribute("mode", "linear")
    if mode not in _MODES:
        what = f"mode must be one of {', '.join(_MODES)}, got {mode}"
        raise RefusalError(what, "export the model again, this node is not valid")
    cache, update = node.operand(0), node.operand(1)
    given, written = shape_of(cache.type), shape_of(update.type)
    axis = axis_in(node.int_attribute("axis", -2), len(given))
    if axis == 0 or given[0] != 1:
        raise RefusalError(
            f"a cache is written for one sequence at a time, got shape {list(given)} and axis "
            f"{axis}",
            "export with a batch of 1, and write along another axis",
        )
    fits = given[axis] - written[axis] if len(written) == len(given) else 0
    if fits < 0:
        what = f"writes {written[axis]} rows into a cache of {given[axis]}"
        raise RefusalError(what, "make the cache as long as the longest sequence")
    start = node.place(2, fits + 1) if node.has_input(2) else node.scalar(0.0)
    return node.emit(nn.TensorScatterOp(cache, update, start, axis))

"""Gather of rows of a constant table by integers of the network: an embedding, a ROM."""

from math import prod

import numpy as np
from xdsl.ir import SSAValue

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.frontends.onnx.node import NodeContext, is_integer
from qcompiler.frontends.onnx.refusal import RefusalError

_ONE, _ZERO = np.ones(1, np.float32), np.zeros(1, np.int64)


def look_up(node: NodeContext) -> SSAValue:
    """Emits rows of input 0, those that integers name, input 1; negative ones count from the end.

    Raises:
        RefusalError: the table is not constant and quantized, or the integers may lie beside it.
    """
    codes, scale = _table(node)
    count, *inner = codes.shape
    index = _indices(node)
    bounds = qint.range_of(index.type)
    if not IntRange(-count, count - 1).contains(bounds):
        raise RefusalError(
            f"a table of {count} rows is read at {bounds.lo} to {bounds.hi}",
            "say which integers arrive, e.g. --input NAME=uint8:1, or make the table longer",
        )
    shape, width = shape_of(index.type), prod(inner)
    wide = index
    if width > 1:
        column = node.emit(qint.ReshapeOp(index, (*shape, 1)))
        wide = node.emit(qint.ResizeNearestOp(column, (*[1] * len(shape), width)))
    row = f"(a + {count} if a < 0 else a)" if bounds.lo < 0 else "a"
    place = f"{row} * {width} + position" if width > 1 else row
    made = node.emit(qint.FormulaOp([wide], f"t[{place}]", {"t": codes.reshape(-1)}))
    shaped = node.emit(qint.ReshapeOp(made, (*shape, *inner)))
    return node.emit(qint.DequantizeOp(shaped, scale, _ZERO))


def _table(node: NodeContext) -> tuple[Array, Array]:
    """Returns the codes of input 0, less their zero point, and their scale."""
    name = node.input_name(0)
    remedy = "quantize the table, with one scale: quantize_static does it if Gather is quantized"
    maker = None if isinstance(node.value(0), np.ndarray) else node.operand(0).owner
    if node.int_attribute("axis", 0) or not isinstance(maker, qint.DequantizeOp):
        raise RefusalError(
            f"its table {name!r} is looked up by an input, and not quantized", remedy
        )
    codes = node.elements(maker.input)
    if maker.scale_array.size > 1:
        raise RefusalError(f"its table {name!r} has several scales", remedy)
    return codes.astype(np.int64) - maker.zero_point_array, maker.scale_array


def _indices(node: NodeContext) -> SSAValue:
    """Returns input 1 as integers of the IR."""
    value = node.any_operand(1)
    if is_integer(value):
        return value
    found = node.range_of(value).integers
    if found is None:
        raise RefusalError(
            f"indices {node.input_name(1)!r} are no integers, or nothing bounds them",
            "say which integers arrive, e.g. --input NAME=uint8:1",
        )
    return node.emit(qint.QuantizeOp(value, _ONE, _ZERO, found))

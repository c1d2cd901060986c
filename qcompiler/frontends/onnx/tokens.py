"""Which integers an input may hold that does nothing but look up rows of tables: tokens."""

from onnx import GraphProto, NodeProto

from qcompiler.arith.ranges import IntRange
from qcompiler.frontends.onnx.moves import readers_beyond_moves

_COMPARISONS = ("Less", "LessOrEqual", "Greater", "GreaterOrEqual")
_QUANTIZERS = ("QuantizeLinear", "DequantizeLinear", "Quant", "Identity")


def token_range(graph: GraphProto, name: str) -> IntRange | None:
    """Returns the rows that all tables have which input `name` indexes; None if it does more.

    A runtime stops at an index beyond the table, so the model says nothing of others.
    """
    rows: list[int] = []
    for node, places in readers_beyond_moves(graph.node, name):
        if node.op_type == "Shape" or node.op_type in _COMPARISONS:
            continue
        if node.op_type == "TensorScatter" and places == [2]:
            continue  # it narrows the range further
        count = _rows(graph, node) if node.op_type == "Gather" and places == [1] else None
        if count is None:
            return None
        rows.append(count)
    return IntRange(0, min(rows) - 1) if rows and min(rows) > 0 else None


def _rows(graph: GraphProto, node: NodeProto) -> int | None:
    """Returns how many rows the table of a Gather has, if it is stored in the model."""
    if any(attribute.name == "axis" and attribute.i for attribute in node.attribute):
        return None
    name = node.input[0]
    makers = {made: n for n in graph.node for made in n.output}
    for _ in range(len(_QUANTIZERS)):
        maker = makers.get(name)
        if maker is None or maker.op_type not in _QUANTIZERS or not maker.input:
            break
        name = maker.input[0]
    dims = _dims(graph, name)
    return dims[0] if dims else None


def _dims(graph: GraphProto, name: str) -> list[int]:
    for tensor in graph.initializer:
        if tensor.name == name:
            return list(tensor.dims)
    return []

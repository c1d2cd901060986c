"""Constant, Shape and Cast; other arithmetic on constants is folded without an importer."""

from collections.abc import Callable

import numpy as np
from onnx import AttributeProto

from qcompiler.dialects.attributes import Array
from qcompiler.frontends.onnx.node import NodeContext
from qcompiler.frontends.onnx.ops.integers import cast
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import importer

_FORMS: dict[str, tuple[AttributeProto.AttributeType, Callable[[AttributeProto], Array]]] = {
    "value_float": (AttributeProto.FLOAT, lambda a: np.array(a.f, np.float32)),
    "value_floats": (AttributeProto.FLOATS, lambda a: np.array(a.floats, np.float32)),
    "value_int": (AttributeProto.INT, lambda a: np.array(a.i, np.int64)),
    "value_ints": (AttributeProto.INTS, lambda a: np.array(a.ints, np.int64)),
}


@importer("", "Constant", moves_data=True)
def _constant(node: NodeContext) -> Value:
    tensor = node.attribute("value", AttributeProto.TENSOR)
    if tensor is not None:
        node.set_short(tensor.t.data_type)
        return node.tensor(tensor.t)
    for name, (kind, read) in _FORMS.items():
        attribute = node.attribute(name, kind)
        if attribute is not None:
            return read(attribute)
    given = ", ".join(a.name for a in node.proto.attribute) or "none"
    raise RefusalError(
        f"a constant must be a dense tensor, numbers or a number, got attributes: {given}",
        "store the constant as a dense tensor",
    )


@importer("", "Shape", moves_data=True)
def _shape(node: NodeContext) -> Value:
    shape = node.shape(0)
    start = node.int_attribute("start", 0)
    end = node.int_attribute("end", len(shape))
    return np.array(shape[_clamped(start, len(shape)) : _clamped(end, len(shape))], np.int64)


def _clamped(axis: int, rank: int) -> int:
    return min(max(axis + rank if axis < 0 else axis, 0), rank)


@importer("", "Size", moves_data=True)
def _size(node: NodeContext) -> Value:
    return np.array(np.prod(node.shape(0), dtype=np.int64), np.int64)


@importer("", "Cast", "CastLike", moves_data=True)
def _cast(node: NodeContext) -> Value:
    if node.proto.op_type == "CastLike":
        raise RefusalError("CastLike is supported for constants only", "use Cast instead")
    return cast(node, node.int_attribute("to"))

"""Arithmetic on integer tensors, and casts to them, as NEMO, DORY and Quantlab write networks.

Such integers are reals in the IR. Each operation is proven to stay inside its element type, where
ONNX would wrap around, so that real arithmetic on them is integer arithmetic.

Source: the ONNX operator reference; onnxruntime casts toward zero, and divides toward zero as C++.
"""

from onnx import TensorProto
from xdsl.ir import SSAValue

from qcompiler.dialects import nn
from qcompiler.frontends.onnx.node import NodeContext
from qcompiler.frontends.onnx.refusal import RefusalError
from qcompiler.frontends.onnx.tensors import HALVES, element_type_name, integer_range

_FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE)


def common_type(node: NodeContext) -> int | None:
    """Returns the element type of a node's inputs if those are integers, else None.

    Raises:
        RefusalError: some are reals, others integers.
    """
    types = {name: node.integer_type(index) for index, name in enumerate(node.proto.input) if name}
    short = [HALVES[data_type] for data_type in types.values() if data_type and data_type in HALVES]
    if short:
        raise RefusalError(
            f"computes in {short[0]}, but only float is supported",
            f"cast its inputs to float before it, and its output to {short[0]} behind it",
        )
    held = {name: data_type for name, data_type in types.items() if data_type is not None}
    if not held:
        return None
    if len(held) < len(types):
        name, data_type = next(iter(held.items()))
        raise RefusalError(
            f"tensor {name!r} has elements of type {element_type_name(data_type)}, where reals are "
            "needed",
            "cast it to float before this node",
        )
    # Constants know their type; of what the network computes it may be known from above only.
    return max(held.values(), key=_size)


def _size(data_type: int) -> int:
    range_ = integer_range(data_type)
    return 0 if range_ is None else range_.size


def integer_result(node: NodeContext, y: SSAValue, data_type: int) -> SSAValue:
    """Returns `y`, rounded toward zero, as integers of an element type.

    Raises:
        RefusalError: it is not proven that they fit.
    """
    target = integer_range(data_type)
    if target is None:
        raise RefusalError(
            f"integers of type {element_type_name(data_type)} are not supported",
            "use int32 or int64",
        )
    if not node.range_of(y).integral:
        y = node.emit(nn.TruncOp(y))
    found = node.range_of(y).integers
    if found is None:
        raise RefusalError(
            f"nothing bounds the values, which may leave {element_type_name(data_type)}",
            "say which integers arrive, e.g. --input NAME=uint8:1, and use --numerics exact",
        )
    if found.lo < target.lo or found.hi > target.hi:
        raise RefusalError(
            f"values in [{found.lo}, {found.hi}] may leave {element_type_name(data_type)}",
            "use a wider integer type, or clip before",
        )
    node.set_integers(data_type)
    return y


def cast(node: NodeContext, data_type: int) -> SSAValue:
    """Emits a cast of reals or integers to an element type.

    Raises:
        RefusalError: the type is not supported, or it is not proven that values fit.
    """
    x = node.number(0)
    # A real of the IR is what float32 and double both hold.
    if data_type in _FLOATS:
        return x
    if data_type in HALVES:
        return node.shortened(x, data_type)
    if integer_range(data_type) is None:
        raise RefusalError(
            f"a cast to {element_type_name(data_type)} is not supported",
            "cast to float, int32 or int64, or use a quantizer for rounding",
        )
    held = node.integer_type(0)
    if held is not None and _holds(data_type, held):
        node.set_integers(data_type)
        return x
    return integer_result(node, x, data_type)


def _holds(data_type: int, other: int) -> bool:
    """Whether every integer of an element type is one of another, too."""
    wide, narrow = integer_range(data_type), integer_range(other)
    return wide is not None and narrow is not None and wide.contains(narrow)

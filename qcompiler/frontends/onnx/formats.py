"""Which ways of writing quantized models a graph uses, and what their numbers mean."""

from collections.abc import Iterable

from onnx import NodeProto

from qcompiler.frontends.onnx import naming
from qcompiler.frontends.onnx.refusal import RefusalError

_QONNX = frozenset({"Quant", "IntQuant", "BipolarQuant", "Trunc"})
_ON_INTEGERS = frozenset({"ConvInteger", "MatMulInteger", "QGemm"})
_OTHER = frozenset({"MultiThreshold", "RequantShift"})


def is_quantizer(node: NodeProto) -> bool:
    """Returns whether the node makes or takes quantized integers, supported or not."""
    name = node.op_type
    known = name in _QONNX | _ON_INTEGERS | _OTHER
    return known or "quant" in name.lower() or name.startswith("QLinear")


def _is_onnxruntime(node: NodeProto) -> bool:
    name = node.op_type
    return name in _ON_INTEGERS or name.startswith("QLinear") or name.endswith("quantizeLinear")


def default_numerics(nodes: Iterable[NodeProto]) -> str:
    """Returns `exact` for QONNX, `onnxruntime` for QDQ and QOperator (QLinearConv) models.

    Raises:
        RefusalError: the graph mixes both formats, whose authors mean different numbers.
    """
    listed = list(nodes)
    qonnx = next((n for n in listed if n.op_type in _QONNX), None)
    integer = next((n for n in listed if _is_onnxruntime(n)), None)
    if qonnx is not None and integer is not None:
        raise RefusalError(
            f"mixes {naming.where(qonnx)}, which means exact arithmetic, and "
            f"{naming.where(integer)}, which means that of onnxruntime",
            "choose one with --numerics exact or --numerics onnxruntime",
        )
    return "exact" if integer is None else "onnxruntime"

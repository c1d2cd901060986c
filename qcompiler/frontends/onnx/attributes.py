"""No attribute is ignored: an importer reads it, it has no effect, or the node is refused.

Source: the ONNX operator reference, for those without effect on what the network computes.
"""

from collections.abc import Collection

from onnx import NodeProto, defs
from onnx.helper import get_attribute_value

from qcompiler.frontends.onnx import naming
from qcompiler.frontends.onnx.refusal import RefusalError

NO_EFFECT: dict[str, frozenset[str]] = {
    "BatchNormalization": frozenset({"momentum", "spatial"}),  # of training
    "Dropout": frozenset({"ratio", "seed"}),
    "Cast": frozenset({"saturate", "round_mode"}),  # of float8 only
    "CastLike": frozenset({"saturate", "round_mode"}),
    "QuantizeLinear": frozenset({"saturate", "axis"}),  # an axis of one scale for the tensor
    "DequantizeLinear": frozenset({"axis"}),
    "MaxPool": frozenset({"storage_order", "pads"}),  # of indices; pads beside auto_pad
    "AveragePool": frozenset({"pads"}),
    "QLinearAveragePool": frozenset({"pads"}),
    "Conv": frozenset({"pads"}),
    "ConvInteger": frozenset({"pads"}),
    "QLinearConv": frozenset({"pads"}),
    "ConvTranspose": frozenset({"pads"}),
    "Gemm": frozenset({"beta"}),  # without C
    "ReduceMean": frozenset({"keepdims"}),  # of no axes
    "ReduceMax": frozenset({"keepdims"}),
    "Resize": frozenset({"cubic_coeff_a", "exclude_outside", "extrapolation_value"}),
    "TopK": frozenset({"sorted"}),  # one element
    "Split": frozenset({"num_outputs"}),  # beside the sizes
}
"""Attributes that an importer need not read, by operation: what they say does not matter then."""

_REQUANTIZATION = ("in1_", "in2_", "out_", "n_levels")
"""How the attributes begin with which DORY and Quantlab say that operands are requantized."""


def check_names(node: NodeProto, opset: int) -> None:
    """Checks a node that is evaluated while compiling.

    Raises:
        RefusalError: it has an attribute that ONNX does not define.
    """
    _refuse(node, _unknown(node, {a.name for a in node.attribute}, opset), opset)


def check_read(node: NodeProto, read: Collection[str], opset: int) -> None:
    """Checks a node of which an importer has read the attributes `read`.

    Raises:
        RefusalError: it has another that may have an effect, or one twice.
    """
    given = [attribute.name for attribute in node.attribute]
    twice = sorted({name for name in given if given.count(name) > 1})
    if twice:
        raise RefusalError(
            f"attribute {twice[0]} is given twice", "export the model again, this node is not valid"
        )
    ignored = set(given) - set(read) - NO_EFFECT.get(node.op_type, frozenset())
    _refuse(node, ignored - _defaults(node, opset), opset)


def _defaults(node: NodeProto, opset: int) -> set[str]:
    """Returns the attributes that say what the node does without them, too."""
    domain = naming.domain_of(node)
    if domain or not defs.has(node.op_type, opset, domain):
        return set()
    known = defs.get_schema(node.op_type, opset, domain).attributes
    return {
        a.name
        for a in node.attribute
        if a.name in known
        and a.type == known[a.name].default_value.type
        and get_attribute_value(a) == get_attribute_value(known[a.name].default_value)
    }


def _unknown(node: NodeProto, names: set[str], opset: int) -> set[str]:
    domain = naming.domain_of(node)
    if domain or not defs.has(node.op_type, opset, domain):
        return set()
    return names - set(defs.get_schema(node.op_type, opset, domain).attributes)


def _refuse(node: NodeProto, names: set[str], opset: int) -> None:
    if not names:
        return
    unknown = sorted(_unknown(node, names, opset))
    shown = ", ".join(unknown or sorted(names))
    kind = "attribute" if len(unknown or names) == 1 else "attributes"
    if not unknown:
        raise RefusalError(
            f"{kind} {shown} would be ignored", "leave it out, or compute the node on the host"
        )
    remedy = "export the model again without it, or write what it means as nodes"
    if any(name.startswith(_REQUANTIZATION) for name in unknown):
        remedy = (
            "write the requantization that DORY and Quantlab mean by it as nodes: Mul, Add, Div, "
            "Floor and Clip for each input"
        )
    none = "is none" if len(unknown) == 1 else "are none"
    raise RefusalError(f"{kind} {shown} of {node.op_type} {none} that ONNX defines", remedy)

"""Names of ONNX nodes, made fit for problem reports, locations and value names."""

from collections.abc import Iterable

from onnx import NodeProto
from xdsl.dialects.builtin import StringAttr

from qcompiler.frontends.naming import MAX_HINT, ascii_text, hint, location

__all__ = [
    "MAX_HINT", "ascii_text", "domain_of", "hint", "location", "node_name", "op_name",
    "result_name", "where",
]  # fmt: skip


def node_name(node: NodeProto) -> str:
    """Returns the node's name, or that of its first output when it has none."""
    return node.name or next(filter(None, node.output), "(unnamed)")


def source_name(node: NodeProto) -> str:
    """Returns the name that locations have for the node."""
    return ascii_text(node_name(node)).data


def node_types(nodes: Iterable[NodeProto]) -> dict[str, StringAttr]:
    """Returns the operation of each node by its name in locations."""
    return {source_name(node): ascii_text(node.op_type) for node in nodes}


def op_name(node: NodeProto) -> str:
    """Returns the operation as a user knows it, e.g. `ONNX Conv` or `onnx.brevitas Quant`."""
    return f"{domain_of(node) or 'ONNX'} {node.op_type}"


def domain_of(node: NodeProto) -> str:
    """Returns the node's domain, "" for ONNX's own."""
    return "" if node.domain == "ai.onnx" else node.domain


def where(node: NodeProto) -> str:
    """Returns how a problem names the node."""
    return f"{node_name(node)} ({op_name(node)})"


def result_name(node: NodeProto) -> str:
    """Returns what to call a node's result: its own name, or the node's if that is a number."""
    output = next(filter(None, node.output), "")
    return node.name if output.isdigit() and node.name else output

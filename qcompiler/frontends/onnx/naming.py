"""Names from a model, made fit for problem reports, locations and value names."""

import re

from onnx import NodeProto
from xdsl.dialects.builtin import NameLoc, StringAttr, UnknownLoc

MAX_HINT = 40


def node_name(node: NodeProto) -> str:
    """Returns the node's name, or that of its first output when it has none."""
    return node.name or next(filter(None, node.output), "(unnamed)")


def op_name(node: NodeProto) -> str:
    """Returns the operation as a user knows it, e.g. `ONNX Conv` or `onnx.brevitas Quant`."""
    return f"{domain_of(node) or 'ONNX'} {node.op_type}"


def domain_of(node: NodeProto) -> str:
    """Returns the node's domain, "" for ONNX's own."""
    return "" if node.domain == "ai.onnx" else node.domain


def where(node: NodeProto) -> str:
    """Returns how a problem names the node."""
    return f"{node_name(node)} ({op_name(node)})"


def location(name: str) -> NameLoc:
    """Returns the location that carries a name of the model through the compiler."""
    return NameLoc(StringAttr(name), UnknownLoc())


def hint(name: str) -> str:
    """Returns a value name of at most `MAX_HINT` characters that MLIR's syntax allows.

    The end of a long name says more: exporters write paths, `/block/fc1/MatMul_output_0`.
    """
    clean = re.sub(r"[^A-Za-z0-9_]+", "_", name[-4 * MAX_HINT :]).strip("_")
    clean = clean[1 - MAX_HINT :].strip("_")
    return clean if clean[:1].isalpha() else f"v{clean}"

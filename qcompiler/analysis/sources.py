"""Which node of the model an operation comes from."""

import re

from xdsl.dialects.builtin import FileLineColLoc, NameLoc
from xdsl.ir import Operation


def source_node(op: Operation) -> str | None:
    """Returns the name of the model's node that `op` comes from, if it is known."""
    return op.location.desc.data if isinstance(op.location, NameLoc) else None


def source_of(op: Operation) -> str:
    """Returns where `op` comes from, for a message: node, file and line, or the operation itself."""
    node = source_node(op)
    if node is not None:
        return f"{node} ({op.name})"
    if isinstance(op.location, FileLineColLoc):
        return f"{op.location.filename.data}:{op.location.line.data} ({op.name})"
    hint = op.results[0].name_hint if op.results else None
    return f"%{hint} ({op.name})" if hint else op.name


def identifier(text: str, fallback: str, limit: int = 40) -> str:
    """Returns `text` as an identifier of letters, digits and underscores, or `fallback`.

    Paths of module names (`/fc1/act_quant/Quant`) keep their end, which tells nodes apart.
    """
    clean = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")[-limit:].strip("_")
    if not clean:
        return fallback
    return clean if clean[0].isalpha() else f"{fallback}_{clean}"

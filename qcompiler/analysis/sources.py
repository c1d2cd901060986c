"""Which node of the model an operation comes from."""

import re

from xdsl.dialects.builtin import FileLineColLoc, NameLoc
from xdsl.ir import Operation


def source_node(op: Operation) -> str | None:
    """Returns the name of the model's node that `op` comes from, if it is known."""
    return op.location.desc.data if isinstance(op.location, NameLoc) else None


def source_of(op: Operation) -> str:
    """Returns where `op` comes from, for a message: node, file and line, or the op itself."""
    node = source_node(op)
    if node is not None:
        return f"{node} ({op.name})"
    if isinstance(op.location, FileLineColLoc):
        return f"{op.location.filename.data}:{op.location.line.data} ({op.name})"
    hint = op.results[0].name_hint if op.results else None
    return f"%{hint} ({op.name})" if hint else op.name


_NOISE = frozenset({"", "export_handler", "activation_impl"})


def identifier(text: str, fallback: str, limit: int = 40) -> str:
    """Returns `text` as an identifier of letters, digits and underscores, or `fallback`.

    Exporters name nodes by paths, `/features/features.0/act_quant/export_handler/Quant_output_0`:
    parts that say nothing (repeated prefixes, handlers, output numbers) are left out, and of a long
    name the end is kept, which tells nodes apart. The example becomes `features_0_act_quant_Quant`.
    """
    parts = [p for p in text[-8 * limit :].split("/") if p not in _NOISE]
    following = [*parts, ""][1:]
    kept = [p for p, after in zip(parts, following, strict=True) if not after.startswith(f"{p}.")]
    clean = re.sub(r"[^A-Za-z0-9]+", "_", "_".join(kept)).strip("_").removesuffix("_output_0")
    clean = clean[-limit:].strip("_")
    if not clean:
        return fallback
    return clean if clean[0].isalpha() else f"{fallback}{clean}"

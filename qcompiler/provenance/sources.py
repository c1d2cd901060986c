"""Which nodes of the model an operation comes from.

An operation's location is `loc("conv1")`, or `loc(fused["conv1", "relu1"])` where a pass has made
one of several: the first is what it computes, the others went into it. Operations without a
location come from where the one around them comes from, such as those in a hardware module.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import cast

from onnx import defs
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FileLineColLoc,
    FusedLoc,
    ModuleOp,
    NameLoc,
    NoneAttr,
    StringAttr,
    UnknownLoc,
)
from xdsl.ir import Attribute, Operation
from xdsl.utils.hints import isa


def _names(location: Attribute) -> Iterable[str]:
    if isinstance(location, NameLoc):
        yield location.desc.data
    elif isinstance(location, FusedLoc):
        # The attribute's own constraint says what it holds; `isa` on each is slow.
        for part in cast("ArrayAttr[Attribute]", location.locations):
            yield from _names(part)


def own_nodes(op: Operation) -> tuple[str, ...]:
    """Returns the names in the location of `op` itself."""
    if isinstance(op.location, UnknownLoc):  # most operations of hardware: do not look further
        return ()
    return tuple(dict.fromkeys(_names(op.location)))


def source_nodes(op: Operation) -> tuple[str, ...]:
    """Returns the names of all nodes of the model that `op` comes from, the main one first."""
    inner: Operation | None = op
    while inner is not None:
        names = own_nodes(inner)
        if names:
            return names
        inner = inner.parent_op()
    return ()


def source_node(op: Operation) -> str | None:
    """Returns the name of the model's node that `op` itself comes from, if it is known."""
    return next(iter(_names(op.location)), None)


def model_nodes(module: ModuleOp) -> dict[str, str]:
    r"""Returns the operation of every node of the model, by its name in locations.

    Names are those of the model with all but ASCII escaped (`\xf6`). Other names in locations are
    those of tensors: inputs and initializers. A module that no model was imported into has none.
    """
    nodes = module.attributes.get("nn.nodes")
    if not isa(nodes, DictionaryAttr):
        return {}
    return {name: kind.data for name, kind in nodes.data.items() if isinstance(kind, StringAttr)}


def location_of_nodes(names: Iterable[str]) -> NameLoc | FusedLoc:
    """Returns the location of what comes from the nodes `names`, at least one."""
    parts = tuple(NameLoc(StringAttr(n), UnknownLoc()) for n in dict.fromkeys(names))
    return parts[0] if len(parts) == 1 else FusedLoc(parts, NoneAttr())


def source_of(op: Operation) -> str:
    """Returns where `op` comes from, for a message: node, file and line, or the op itself."""
    node = source_node(op)
    if node is not None:
        return f"{node} ({op.name})"
    if isinstance(op.location, FileLineColLoc):
        return f"{op.location.filename.data}:{op.location.line.data} ({op.name})"
    hint = op.results[0].name_hint if op.results else None
    return f"%{hint} ({op.name})" if hint else op.name


def place_of(op: Operation) -> str:
    """Returns where `op` comes from as the author of the model calls it, e.g. `fc1 (ONNX MatMul)`.

    Where no model tells, as in IR that somebody wrote, it is `source_of(op)`.
    """
    outer: Operation | None = op
    while outer is not None and not isinstance(outer, ModuleOp):
        outer = outer.parent_op()
    name = source_node(op)
    kind = None if outer is None or name is None else model_nodes(outer).get(name)
    if kind is None:
        return source_of(op)
    return f"{name} ({spoken_kind(kind)})" if defs.has(kind) else f"{name} ({kind})"


def spoken_kind(kind: str) -> str:
    """Returns an operation as a user knows it: `ONNX Conv`, `TFLite CONV_2D`."""
    return kind if kind.startswith("TFLite ") else f"ONNX {kind}"


_NOISE = frozenset({"", "export_handler", "activation_impl"})
_APPENDED = re.compile(
    r"(_(output_\d+|Output|QuantizeLinear|DequantizeLinear|quantized))+(_\d+)?$", re.ASCII
)
"""What exporters append to the name of a layer for its results, and onnxruntime for quantizers."""


MAX_NAME = 40


@cache
def identifier(text: str, fallback: str, limit: int = MAX_NAME, *, layer: bool = True) -> str:
    """Returns `text` as an identifier of letters, digits and underscores, or `fallback`.

    Exporters name nodes by paths, `/features/features.0/act_quant/export_handler/Quant_output_0`:
    parts that say nothing (repeated prefixes, handlers, output numbers, that it is quantized) are
    left out. Of a long name the end is kept, which tells nodes apart, from the beginning of a part
    of the path or else of a word. The example becomes `features_0_act_quant_Quant`. What is no
    layer, such as the model itself, keeps all of its last part.
    """
    parts = [p for p in text[-8 * limit :].split("/") if p not in _NOISE]
    following = [*parts, ""][1:]
    kept = [p for p, after in zip(parts, following, strict=True) if not after.startswith(f"{p}.")]
    words = [re.sub(r"[^A-Za-z0-9]+", "_", part).strip("_") for part in kept]
    words = [word for word in words if word]
    if words and layer:
        words[-1] = _APPENDED.sub("", words[-1])
    clean = _shortened(_shortened(words, limit).split("_"), limit)[-limit:].strip("_")
    if not clean:
        return fallback
    return clean if clean[0].isalpha() else f"{fallback}{clean}"


def _shortened(words: list[str], limit: int) -> str:
    """Returns words as one, without the first ones if they are too long; the last one stays."""
    first = 0
    while first + 1 < len(words) and len("_".join(words[first:])) > limit:
        first += 1
    return "_".join(words[first:])

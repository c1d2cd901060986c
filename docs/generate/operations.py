"""The reference of operations and types: one page a dialect, from the classes' docstrings."""

import inspect
import re
from typing import Any

from xdsl.ir import Dialect
from xdsl.irdl import IRDLOperation, OptOperandDef, OptResultDef, VarOperandDef, VarResultDef

from qcompiler.universe import DIALECTS

_EXAMPLE = re.compile(r"Example: `([^`]+)`", re.DOTALL)


def page(name: str) -> str:
    """Returns the page of a dialect.

    Raises:
        ValueError: an operation or a type has no documentation.
    """
    dialect: Dialect = DIALECTS[name]()
    parts = [
        f"# Operations of `{name}`\n",
        f"Why the dialect is as it is: [rationale](../dialects/{name}.md).\n",
    ]
    kinds = sorted(dialect.attributes, key=lambda kind: kind.name)
    if kinds:
        parts.append("## Types and attributes\n")
        parts += [f"### `!{kind.name}`\n\n{_docstring(kind)}\n" for kind in kinds]
    parts.append("## Operations\n")
    for kind in sorted(dialect.operations, key=lambda kind: kind.name):
        parts.append(f"### `{kind.name}`\n\n{_text(kind)}\n{_parts(kind)}")
    return "\n".join(parts)


def _docstring(kind: type) -> str:
    text = inspect.cleandoc(vars(kind).get("__doc__") or "")
    if not text:
        raise ValueError(f"{kind.__qualname__} of {kind.__module__} has no docstring")
    return text


def _text(kind: type) -> str:
    """Returns the docstring with its example as a block of its own."""
    text = _docstring(kind)
    return _EXAMPLE.sub(lambda found: f"\n\n```mlir\n{inspect.cleandoc(found[1])}\n```\n", text)


def example(kind: type) -> str | None:
    """Returns the line of IR in an operation's docstring."""
    found = _EXAMPLE.search(inspect.cleandoc(vars(kind).get("__doc__") or ""))
    return " ".join(found[1].split()) if found else None


def _parts(kind: type[Any]) -> str:
    definition = kind.get_irdl_definition() if issubclass(kind, IRDLOperation) else None
    if definition is None:
        return ""
    named = {
        "operands": [_counted(name, part) for name, part in definition.operands],
        "results": [_counted(name, part) for name, part in definition.results],
        "properties": [f"`{name}`" for name in definition.properties],
        "regions": [f"`{name}`" for name, _ in definition.regions],
    }
    listed = "; ".join(f"{what} {', '.join(names)}" for what, names in named.items() if names)
    return f"*Has:* {listed}.\n" if listed else ""


def _counted(name: str, part: object) -> str:
    if isinstance(part, OptOperandDef | OptResultDef):
        return f"`{name}` (optional)"
    return f"`{name}`..." if isinstance(part, VarOperandDef | VarResultDef) else f"`{name}`"

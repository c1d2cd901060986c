"""qcompiler: quantized neural networks to bit-exact, readable, streaming Verilog."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qcompiler.backends.verification import load
    from qcompiler.compiler import compile
    from qcompiler.design import Design
    from qcompiler.errors import ModelError, Problem

__version__ = "0.1.0"
__all__ = ["Design", "ModelError", "Problem", "__version__", "compile", "load"]

_HOMES = {
    "compile": "qcompiler.compiler",
    "load": "qcompiler.backends.verification",
    "Design": "qcompiler.design",
    "ModelError": "qcompiler.errors",
    "Problem": "qcompiler.errors",
}


def __getattr__(name: str) -> Any:
    """Imports public names at their first use: tools that want one dialect start quickly."""
    if name not in _HOMES:
        raise AttributeError(f"module 'qcompiler' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)

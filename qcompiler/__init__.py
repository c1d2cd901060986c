"""qcompiler: quantized neural networks to bit-exact, readable, streaming Verilog.

>>> import qcompiler
>>> design = qcompiler.compile("examples/digits_mlp/digits_mlp.onnx", cycles=64)
>>> design.report().cycles_per_frame
64

What `__all__` names, here and in `qcompiler.extend` and `qcompiler.devices`, follows semantic
versioning; see docs/versions.md. Everything else may change.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from qcompiler.version import VERSION

if TYPE_CHECKING:
    from qcompiler.analysis.validation import ValidationError
    from qcompiler.backends.report.data import LayerReport
    from qcompiler.backends.report.notebook import Report
    from qcompiler.backends.simulators import SimulationError
    from qcompiler.compiler import compile
    from qcompiler.design import Design, load
    from qcompiler.errors import ModelError, Problem
    from qcompiler.exploration.entry import explore
    from qcompiler.exploration.run import Exploration
    from qcompiler.faults import InternalError
    from qcompiler.plugins import load_plugin
    from qcompiler.quantization import evaluate, quantize

__version__ = VERSION
__all__ = [
    "Design",
    "Exploration",
    "InternalError",
    "LayerReport",
    "ModelError",
    "Problem",
    "Report",
    "SimulationError",
    "ValidationError",
    "__version__",
    "compile",
    "evaluate",
    "explore",
    "load",
    "load_plugin",
    "quantize",
]

_HOMES = {
    "compile": "qcompiler.compiler",
    "load": "qcompiler.design",
    "load_plugin": "qcompiler.plugins",
    "quantize": "qcompiler.quantization",
    "evaluate": "qcompiler.quantization",
    "explore": "qcompiler.exploration.entry",
    "Exploration": "qcompiler.exploration.run",
    "Design": "qcompiler.design",
    "LayerReport": "qcompiler.backends.report.data",
    "Report": "qcompiler.backends.report.notebook",
    "SimulationError": "qcompiler.backends.simulators",
    "ValidationError": "qcompiler.analysis.validation",
    "ModelError": "qcompiler.errors",
    "Problem": "qcompiler.errors",
    "InternalError": "qcompiler.faults",
}


def __getattr__(name: str) -> Any:
    """Imports public names at their first use: tools that want one dialect start quickly."""
    if name not in _HOMES:
        raise AttributeError(f"module 'qcompiler' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Returns the public names, for completion."""
    return sorted({*globals(), *__all__})

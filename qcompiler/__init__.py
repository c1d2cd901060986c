"""qcompiler: quantized neural networks to bit-exact, readable, streaming Verilog."""

from qcompiler.compiler import compile
from qcompiler.design import Design
from qcompiler.errors import ModelError, Problem

__version__ = "0.1.0"
__all__ = ["Design", "ModelError", "Problem", "__version__", "compile"]

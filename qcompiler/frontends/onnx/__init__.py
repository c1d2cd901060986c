"""ONNX: QONNX models become nn and qint operations."""

from qcompiler.frontends.onnx.importer import import_onnx, inspect_problems
from qcompiler.frontends.onnx.inputs import InputSpec, parse_input_option
from qcompiler.frontends.onnx.node import NodeContext
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import importer

__all__ = [
    "InputSpec",
    "NodeContext",
    "RefusalError",
    "Value",
    "import_onnx",
    "importer",
    "inspect_problems",
    "parse_input_option",
]

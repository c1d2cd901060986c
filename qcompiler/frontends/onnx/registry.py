"""Which function imports which operation of ONNX, QONNX or a user's own domain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Struct

from qcompiler.frontends.onnx.node import NodeContext
from qcompiler.frontends.onnx.refusal import Value

ImporterFunction: TypeAlias = Callable[[NodeContext], Value | Sequence[Value]]


class Importer(Struct, frozen=True):
    """How nodes of one operation are imported.

    Attributes:
        function: emits the node's operations, returns its outputs in order; the last ones may
            be left out, which refuses models that use them.
        moves_data: the operation computes nothing, so that constants pass through it while
            compiling. Others keep float constants symbolic: their exact value is for passes.
        folds_constants: of constants, ONNX's reference computes it while compiling, in float32.
    """

    function: ImporterFunction
    moves_data: bool
    folds_constants: bool

    @property
    def reads_all(self) -> bool:
        """Whether attributes that it does not read are refused; plugins may have their own ways."""
        return self.function.__module__.startswith("qcompiler.")


IMPORTERS: dict[tuple[str, str], Importer] = {}


def importer(
    domain: str, *op_types: str, moves_data: bool = False, folds_constants: bool = False
) -> Callable[[ImporterFunction], ImporterFunction]:
    """Returns a decorator that registers a function for operations of `domain` ("" is ONNX).

    Example: `@importer("my.domain", "Halve")` above
    `def _halve(node): return node.emit(nn.MulOp(node.operand(0), node.scalar(0.5)))`

    Raises:
        ValueError: an operation is registered already.
    """

    def register(function: ImporterFunction) -> ImporterFunction:
        for op_type in op_types:
            if (domain, op_type) in IMPORTERS:
                raise ValueError(f"{domain or 'ONNX'} {op_type} already has an importer")
            IMPORTERS[domain, op_type] = Importer(function, moves_data, folds_constants)
        return function

    return register

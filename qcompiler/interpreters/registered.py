"""Semantics of operations that plugins bring."""

from collections.abc import Callable
from typing import Any

from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    impl,
    register_impls,
)
from xdsl.ir import Operation
from xdsl.utils.exceptions import InterpretationError

from qcompiler.dialects import qint
from qcompiler.dialects.attributes import Array, element_of
from qcompiler.dialects.stream import ChannelType
from qcompiler.provenance.sources import source_of

Semantics = Callable[..., Array]
"""Takes the operation and one array per operand, [batch, *shape]; returns the result."""


class RegisteredFunctions(InterpreterFunctions):
    """Holds what `semantics` registers."""


register_impls(RegisteredFunctions)


def semantics(*op_types: type[Operation]) -> Callable[[Semantics], Semantics]:
    """Returns a decorator that registers the numpy function of operations with one result.

    The function takes the operation and an array per operand; arrays have a leading batch axis,
    integers are int64. That results stay in their proven ranges is checked for it.

    Example: `@semantics(CumSumOp)` above `def _(op, x): return x.cumsum(axis=-1)`
    """

    def register(function: Semantics) -> Semantics:
        def call(_: Any, i: Interpreter, op: Operation, args: PythonValues) -> PythonValues:
            return (_check(op, function(op, *args)),)

        for op_type in op_types:
            setattr(RegisteredFunctions, op_type.name, impl(op_type)(call))
        register_impls(RegisteredFunctions)
        return function

    return register


def _check(op: Operation, value: Array) -> Array:
    type_ = op.results[0].type
    element = type_.element if isinstance(type_, ChannelType) else element_of(type_)
    if isinstance(element, qint.IntType) and value.size:
        lo, hi = element.range.lo, element.range.hi
        if value.min() < lo or value.max() > hi:
            raise InterpretationError(
                f"{source_of(op)}: a value leaves its proven range [{lo}, {hi}]"
            )
    return value

"""Runs functions: calls and returns.

xDSL has the same in `xdsl.interpreters.func`, but importing that package loads every interpreter it
has, half a second that each start of `qcc` would pay.
"""

from xdsl.dialects import func
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    ReturnedValues,
    TerminatorValue,
    impl_callable,
    impl_terminator,
    register_impls,
)


@register_impls
class FunctionFunctions(InterpreterFunctions):
    """Semantics of func.func and func.return."""

    @impl_terminator(func.ReturnOp)
    def run_return(
        self, i: Interpreter, op: func.ReturnOp, args: PythonValues
    ) -> tuple[TerminatorValue, PythonValues]:
        return ReturnedValues(args), ()

    @impl_callable(func.FuncOp)
    def call_func(self, i: Interpreter, op: func.FuncOp, args: PythonValues) -> PythonValues:
        return i.run_ssacfg_region(op.body, args, op.sym_name.data)

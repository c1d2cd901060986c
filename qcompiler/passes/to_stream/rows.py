"""Functions of a row as processes."""

from qcompiler.dialects import qint, stream
from qcompiler.passes.to_stream.state import Conversion


def lower_row_reduce(state: Conversion, op: qint.RowReduceOp) -> None:
    """Adds the process of a `qint.row_reduce`."""
    state.emit(op, stream.RowReduceOp(state.values[op.input], op.kind.data))


def lower_formula(state: Conversion, op: qint.FormulaOp) -> None:
    """Adds the process of a `qint.formula`."""
    given = [state.values[value] for value in op.inputs]
    element = qint.int_type_of(op.result.type)
    state.emit(op, stream.FormulaOp(given, op.text.data, element, op.tables))

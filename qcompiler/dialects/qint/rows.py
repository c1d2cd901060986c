"""Functions of a row: reductions of its elements, and integer formulas of elements and reductions.

Softmax, normalizations and quotients are made of these two.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import prod

import numpy as np
from xdsl.dialects.builtin import StringAttr, TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.formula import Formula, FormulaError
from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.dialects.qint.interface import IntegerOp
from qcompiler.dialects.qint.types import (
    INT_TENSOR,
    IntParameter,
    IntType,
    int_parameter,
    parameter_array,
    range_of,
)

REDUCTIONS = ("max", "min", "sum")
"""How a row is reduced."""


def reduced_range(kind: str, x: IntRange, count: int) -> IntRange:
    """Returns bounds of what a row of so many elements is reduced to."""
    return IntRange(count * x.lo, count * x.hi) if kind == "sum" else x


def reduced(kind: str, x: Array) -> Array:
    """Returns the rows along the last axis reduced, which stays with extent 1."""
    return {"max": np.max, "min": np.min, "sum": np.sum}[kind](x, axis=-1, keepdims=True)


@irdl_op_definition
class RowReduceOp(IntegerOp):
    """Reduces each row, the innermost axis, to its largest or smallest element, or their sum.

    Example: `%y = qint.row_reduce %x "sum"
        : (tensor<1x3x4x!qint.int<-8, 7>>) -> tensor<1x3x1x!qint.int<-32, 28>>`
    """

    name = "qint.row_reduce"
    input = operand_def(INT_TENSOR)
    kind = prop_def(StringAttr)
    result = result_def(INT_TENSOR)
    traits = traits_def(Pure())
    assembly_format = "$input $kind attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, kind: str):
        shape = shape_of(input.type)
        bounds = reduced_range(kind, range_of(input.type), shape[-1])
        super().__init__(
            operands=[input],
            properties={"kind": StringAttr(kind)},
            result_types=[TensorType(IntType(bounds.lo, bounds.hi), (*shape[:-1], 1))],
        )

    @property
    def inferred_range(self) -> IntRange:
        """Bounds of a row's reduction."""
        count = shape_of(self.input.type)[-1]
        return reduced_range(self.kind.data, range_of(self.input.type), count)

    def verify_(self) -> None:
        shape = shape_of(self.input.type)
        if self.kind.data not in REDUCTIONS:
            raise VerifyException(
                f"kind must be one of {', '.join(REDUCTIONS)}, got {self.kind.data}"
            )
        if not shape or shape[-1] < 1 or shape_of(self.result.type) != (*shape[:-1], 1):
            raise VerifyException(f"rows of {list(shape)} do not reduce to {self.result.type}")


@lru_cache(maxsize=256)
def _formula(
    text: str,
    operands: tuple[IntRange, ...],
    tables: tuple[tuple[str, tuple[int, ...]], ...],
    shape: tuple[int, ...],
) -> Formula:
    return Formula.of(text, operands, dict(tables), (shape[-1], prod(shape)))


class WithFormula(IRDLOperation):
    """What operations that compute a formula share: the properties that hold it."""

    text = prop_def(StringAttr)
    t = opt_prop_def(IntParameter)
    u = opt_prop_def(IntParameter)
    v = opt_prop_def(IntParameter)
    w = opt_prop_def(IntParameter)

    @property
    def tables(self) -> dict[str, Array]:
        """The tables that there are, by name, one dimension each."""
        given = {"t": self.t, "u": self.u, "v": self.v, "w": self.w}
        return {name: parameter_array(table) for name, table in given.items() if table is not None}

    def formula_on(self, operands: Sequence[IntRange], shape: tuple[int, ...]) -> Formula:
        """Returns the formula on operands of known ranges, for results of a shape.

        Raises:
            VerifyException: it means nothing, or is not defined everywhere.
        """
        known = self.tables.items()
        values = tuple((name, tuple(array.tolist())) for name, array in known)
        try:
            return _formula(self.text.data, tuple(operands), values, shape)
        except FormulaError as error:
            raise VerifyException(f"formula: {error}") from None


def formula_properties(text: str, tables: Mapping[str, Array]) -> dict[str, Attribute | None]:
    """Returns the properties that hold a formula, whose tables are called t, u, v and w."""
    held = {name: int_parameter(np.asarray(values)) for name, values in tables.items()}
    return {"text": StringAttr(text), **held}


def formula_shape(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Returns the shape of what a formula makes: rows of one element serve all of a row.

    Raises:
        VerifyException: the shapes differ in something else than the last extent.
    """
    row = max(shape[-1] if shape else 0 for shape in shapes)
    if any(shape[:-1] != shapes[0][:-1] or shape[-1:] not in ((row,), (1,)) for shape in shapes):
        raise VerifyException(
            f"operands must be rows of equal length or of one element, got {[*map(list, shapes)]}"
        )
    return (*shapes[0][:-1], row)


@irdl_op_definition
class FormulaOp(WithFormula, IntegerOp):
    """Computes an integer formula of elements in equal places; exact at every step.

    Operands are called a, b, c and so on. One with rows of one element, such as a reduction, gives
    that to all elements of the row. `qcompiler.arith.formula` says what a formula may hold.

    Example: `%y = qint.formula %x, %m "t[max(b - a, 0)]" {t = dense<[8, 4, 2, 1]>
        : tensor<4xi8>} : (tensor<1x3x4x!qint.int<0, 3>>, tensor<1x3x1x!qint.int<0, 3>>)
        -> tensor<1x3x4x!qint.int<1, 8>>`
    """

    name = "qint.formula"
    inputs = var_operand_def(INT_TENSOR)
    result = result_def(INT_TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$inputs $text attr-dict `:` functional-type(operands, results)"

    def __init__(
        self, inputs: Sequence[SSAValue], text: str, tables: Mapping[str, Array] | None = None
    ):
        shape = formula_shape([shape_of(value.type) for value in inputs])
        ranges = tuple(range_of(value.type) for value in inputs)
        known = {name: np.asarray(values) for name, values in (tables or {}).items()}
        plain = tuple((name, tuple(values.tolist())) for name, values in known.items())
        bounds = _formula(text, ranges, plain, shape).range
        super().__init__(
            operands=[list(inputs)],
            properties=formula_properties(text, known),
            result_types=[TensorType(IntType(bounds.lo, bounds.hi), shape)],
        )

    @property
    def formula(self) -> Formula:
        """The formula on the operands as they are."""
        shapes = [shape_of(value.type) for value in self.inputs]
        ranges = [range_of(value.type) for value in self.inputs]
        return self.formula_on(ranges, formula_shape(shapes))

    @property
    def inferred_range(self) -> IntRange:
        """Bounds of the formula."""
        return self.formula.range

    def verify_(self) -> None:
        shape = formula_shape([shape_of(value.type) for value in self.inputs])
        if shape_of(self.result.type) != shape:
            raise VerifyException(f"result must have shape {list(shape)}, got {self.result.type}")
        _ = self.formula

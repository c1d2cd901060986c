"""Types written behind a name: checked against what is inferred, and scales that make reals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from xdsl.dialects.builtin import Float64Type
from xdsl.ir import Operation, SSAValue

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, element_of, shape_of
from qcompiler.errors import suggestion
from qcompiler.frontends.text.advice import refitted
from qcompiler.frontends.text.arguments import (
    Given,
    check_finite,
    check_zero_point,
    convert,
    is_integer,
    spoken,
)
from qcompiler.frontends.text.diagnostics import MisfitError, StatementError
from qcompiler.frontends.text.evaluator import Evaluator
from qcompiler.frontends.text.operations import OPERATIONS
from qcompiler.frontends.text.scope import Naming, Scope
from qcompiler.frontends.text.signatures import Kind, Param
from qcompiler.frontends.text.syntax import (
    Annotation,
    Assign,
    List,
    Number,
    Span,
    Value,
)
from qcompiler.frontends.text.values import (
    FLOATS,
    Constant,
    Meaning,
    TypeValue,
    element_name,
    smallest_type,
    type_text,
)

_CLAUSES = {
    "scale": Param("scale", Kind.REALS),
    "zero_point": Param("zero_point", Kind.INTEGERS),
    "axis": Param("axis", Kind.INT),
}


def _check_clauses(
    found: dict[str, Any], clauses: dict[str, Given], rank: int, given: TypeValue
) -> None:
    """Raises StatementError if an axis or a zero point does not fit a type."""
    axis = found.get("axis")
    if axis is not None and not 0 <= axis < rank:
        what = f"axis must be in [0, {rank - 1}], got {axis}"
        remedy = f"write axis {rank - 1}, or leave it out where there is one scale"
        raise StatementError(clauses["axis"].span, what, remedy)
    if "zero_point" in clauses:
        check_zero_point(given, found["zero_point"], clauses["zero_point"].span)


class Annotations:
    """Reads annotations and applies them."""

    def __init__(self, evaluator: Evaluator):
        self._evaluator = evaluator

    def type_of(self, annotation: Annotation, scope: Scope) -> TypeValue:
        """Returns the type of an annotation.

        Raises:
            StatementError: it is no type.
        """
        meaning = self._evaluator.reference(annotation.type, scope)
        if not isinstance(meaning, TypeValue):
            what = f"expected a type, got {spoken(meaning)}"
            raise StatementError(annotation.type.span, what, "such as uint8[1, 16] or float32")
        return meaning

    def scaled(
        self, codes: SSAValue, annotation: Annotation, given: TypeValue, scope: Scope, names: Naming
    ) -> SSAValue:
        """Returns the reals that integers stand for, if the annotation has a scale; else them."""
        found: dict[str, Any] = {}
        clauses: dict[str, Given] = {}
        for clause in annotation.clauses:
            name = clause.name.text
            if name not in _CLAUSES:
                remedy = suggestion(name, _CLAUSES, f"a type may have {', '.join(_CLAUSES)}")
                raise StatementError(clause.name.span, f"a type has no {name!r}", remedy)
            value = self._evaluator.evaluate(clause.value, scope, names)
            clauses[name] = Given(clause.value, value)
            found[name] = convert(_CLAUSES[name], clauses[name])
        span = annotation.type.span
        if "scale" not in found:
            if found or given.bipolar:
                raise StatementError(span, f"{given} needs a scale", "add scale 1")
            return codes
        if not is_integer(codes):
            raise StatementError(
                span,
                f"a scale belongs to integers, got {given}",
                "leave it out, or write a type of integers",
            )
        if given.bipolar:
            plain = codes
            codes = scope.emit(
                lambda: qint.AffineOp(plain, np.array([2]), np.array([-1])), names, span
            )
        _check_clauses(found, clauses, len(shape_of(codes.type)), given)
        scale, axis = found["scale"], found.get("axis")
        zero = found.get("zero_point", np.zeros(1, np.int64))
        if scale.size == zero.size == 1:
            axis = None
        try:
            return scope.emit(lambda: qint.DequantizeOp(codes, scale, zero, axis=axis), names, span)
        except MisfitError as error:
            (signature,) = OPERATIONS["dequantize"]
            raise refitted(error, signature, clauses, [codes], [str(given)]) from None

    def apply(self, meaning: Meaning, statement: Assign, scope: Scope, names: Naming) -> Meaning:
        """Returns what a statement's name stands for: its value, with its annotation applied.

        Constants get their operation here, in the order of the text.

        Raises:
            StatementError: the value is not of the type.
        """
        annotation = statement.annotation
        given = None if annotation is None else self.type_of(annotation, scope)
        if isinstance(meaning, Constant):
            made = self._constant(meaning, given, statement.value, scope, names)
            if annotation is not None and annotation.clauses:
                assert made.operation is not None
                assert given is not None
                return self.scaled(made.operation, annotation, given, scope, names)
            return made
        if annotation is None or given is None:
            return meaning
        if annotation.clauses or given.bipolar:
            clause = annotation.clauses[0].name.span if annotation.clauses else annotation.type.span
            raise StatementError(
                clause,
                "only inputs and constants take a scale",
                f"write requantize(..., {TypeValue(given.element)}, scale: 0.1)",
            )
        if isinstance(meaning, SSAValue) and is_integer(meaning):
            return self._range(meaning, annotation, given)
        self.check(meaning, given, annotation.type.span, "the value")
        return meaning

    def check(self, meaning: Meaning, wanted: TypeValue, span: Span, what: str) -> None:
        """Checks a value against a type; a shape left out is not looked at.

        Raises:
            StatementError: they differ.
        """
        if isinstance(meaning, Constant):
            made = array_of(meaning, wanted, span)
            _check_shape(made.shape, wanted, span, what)
            return
        if not isinstance(meaning, SSAValue):
            raise StatementError(
                span, f"{what} must be {wanted}, got {spoken(meaning)}", "give a tensor"
            )
        _check_shape(shape_of(meaning.type), wanted, span, what)
        integers = isinstance(wanted.element, IntRange)
        fits = is_integer(meaning) == integers
        if fits and isinstance(wanted.element, IntRange):
            fits = wanted.element.contains(qint.range_of(meaning.type))
        elif fits:
            double = isinstance(element_of(meaning.type), Float64Type)
            fits = double == (wanted.element == np.float64)
        if not fits:
            raise StatementError(
                span,
                f"{what} must be {wanted}, got {type_text(meaning)}",
                _remedy_for(meaning, wanted, what),
            )

    def _constant(
        self, constant: Constant, given: TypeValue | None, value: Value, scope: Scope, names: Naming
    ) -> Constant:
        """Returns numbers with an operation that holds them, where one can."""
        span = value.span
        array = constant.array if given is None else array_of(constant, given, span, value)
        if given is not None:
            _check_shape(array.shape, given, span, "the value")
        if scope.scalar or not array.size:
            return Constant(array, constant.exact if given is None else None)
        if array.dtype.kind == "i":
            range_ = given.element if given is not None else None
            held = range_ if isinstance(range_, IntRange) else None
            made = scope.emit(lambda: qint.ConstantOp(array, held), names, span)
        else:
            check_finite(array, span)
            made = scope.emit(lambda: nn.ConstantOp(array), names, span)
        return Constant(array, constant.exact if given is None else None, made)

    @staticmethod
    def _range(value: SSAValue, annotation: Annotation, given: TypeValue) -> SSAValue:
        """Returns a value with the wider type of an annotation; a narrower one if assumed."""
        span = annotation.type.span
        _check_shape(shape_of(value.type), given, span, "the value")
        inferred = qint.range_of(value.type)
        wanted = given.element
        if not isinstance(wanted, IntRange):
            raise StatementError(
                span, f"the value holds integers, not {given}", f"write {element_name(inferred)}"
            )
        if wanted == inferred:
            return value
        if not wanted.contains(inferred) and not annotation.assumed:
            raise StatementError(
                span,
                f"the value is {element_name(inferred)}, {inferred.lo} to {inferred.hi}, which "
                f"{given} does not hold",
                f"write {element_name(inferred)}; to promise that no value is larger, write "
                f"assume {given}",
            )
        return _retyped(value, wanted)


def _retyped(value: SSAValue, wanted: IntRange) -> SSAValue:
    """Replaces an operation by the same with another range of its result."""
    op = value.owner
    if not isinstance(op, Operation) or value.first_use is not None:
        return value
    regions = [op.detach_region(region) for region in list(op.regions)]
    made = type(op).create(
        operands=list(op.operands),
        result_types=[qint.int_like(value.type, wanted)],
        properties=op.properties,
        regions=regions,
        location=op.location,
    )
    made.results[0].name_hint = value.name_hint
    block = op.parent
    assert block is not None
    block.insert_op_after(made, op)
    block.erase_op(op)
    return made.results[0]


def _remedy_for(value: SSAValue, wanted: TypeValue, what: str) -> str:
    """Returns what to write for a value of another type."""
    if isinstance(wanted.element, IntRange) and not is_integer(value):
        return f"write quantize(..., {element_name(wanted.element)}, scale: 0.1)"
    return f"write {type_text(value)}" if what == "the value" else "change the type, or the value"


def array_of(constant: Constant, given: TypeValue, span: Span, value: Value | None = None) -> Array:
    """Returns numbers as a type wants them.

    Raises:
        StatementError: they are no integers, or exceed its range.
    """
    if not isinstance(given.element, IntRange):
        try:
            double = given.element == np.float64
            return constant.reals(FLOATS["float64" if double else "float32"])
        except ValueError as error:
            raise StatementError(span, str(error), "use float64") from None
    array = constant.array
    if not constant.integral:
        whole = array.astype(np.int64) if np.abs(array).max(initial=0) < 2**62 else None
        if whole is None or not np.array_equal(whole, array):
            bad = _first(value, lambda number: number.value % 1 == 0)
            raise StatementError(
                bad or span,
                f"{given} needs integers, got {spoken(constant)}",
                "write the integers that the scale multiplies, or float32 without a scale",
            )
        array = whole
    bounds = given.element
    if array.size and not (bounds.contains(int(array.min())) and bounds.contains(int(array.max()))):
        bad = _first(value, lambda number: bounds.lo <= number.value <= bounds.hi)
        held = IntRange(int(array.min()), int(array.max()))
        raise StatementError(
            bad or span,
            f"numbers from {held.lo} to {held.hi} exceed {given}, which holds {bounds.lo} to "
            f"{bounds.hi}",
            f"write {smallest_type(held)}, or smaller numbers",
        )
    return array


def _first(value: Value | None, good: Callable[[Number], bool]) -> Span | None:
    """Returns where the first number stands that is not good; None if that is not in the text."""
    if isinstance(value, Number):
        return None if good(value) else value.span
    if isinstance(value, List):
        found = (_first(item, good) for item in value.items)
        return next((span for span in found if span is not None), None)
    return None


def _check_shape(shape: tuple[int, ...], wanted: TypeValue, span: Span, what: str) -> None:
    if wanted.shape is not None and tuple(wanted.shape) != tuple(shape):
        said = f"{what} has shape {list(shape)}, not {list(wanted.shape)}"
        here = f"{TypeValue(wanted.element, tuple(shape), wanted.bipolar)}"
        remedy = f"write {here}, or other numbers" if what == "the value" else f"its type is {here}"
        raise StatementError(span, said, remedy)

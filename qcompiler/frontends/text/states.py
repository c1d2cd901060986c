"""States of a network: inputs with a value, and what its return leaves to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.ir import Attribute, Block, Operation, SSAValue

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.frontends.text.annotations import array_of
from qcompiler.frontends.text.arguments import is_integer, spoken
from qcompiler.frontends.text.diagnostics import StatementError
from qcompiler.frontends.text.syntax import Name, Output, Return, Span, Value
from qcompiler.frontends.text.values import (
    Broken,
    Constant,
    Meaning,
    TypeValue,
    element_name,
    type_text,
)


@dataclass(frozen=True)
class TextState:
    """A state of a network.

    Attributes:
        name: in the text.
        original: the model's name of it.
        codes: the integers that are kept.
        value: what the name stands for: the codes, or the reals that they stand for.
        first: the codes before the first frame.
    """

    name: Name
    original: str
    codes: SSAValue
    value: SSAValue
    first: Array


def first_codes(meaning: Meaning, given: TypeValue, value: Value) -> Array:
    """Returns the integers of a state before the first frame, in its shape.

    Raises:
        StatementError: they are no integers of its type, or have another shape.
    """
    if not isinstance(given.element, IntRange):
        what = f"a state holds integers, not {given}"
        raise StatementError(value.span, what, "write int8[1, 16] scale 0.1 = 0")
    if not isinstance(meaning, Constant):
        what = f"a state begins as numbers, got {spoken(meaning)}"
        raise StatementError(value.span, what, "write = 0, or numbers in brackets")
    numbers = array_of(meaning, given, value.span, value)
    shape = tuple(given.shape or ())
    if numbers.size != 1 and numbers.shape != shape:
        what = f"the state has shape {list(shape)}, its value {list(numbers.shape)}"
        raise StatementError(value.span, what, "write one number for all, or as many as it has")
    return np.broadcast_to(numbers.reshape(-1) if numbers.size == 1 else numbers, shape).copy()


def _grid(maker: Operation | Block) -> Mapping[str, Attribute] | None:
    """Returns scale, zero point and axis of what makes reals of integers; None for others."""
    return maker.properties if isinstance(maker, qint.DequantizeOp) else None


def codes_left(state: TextState, made: SSAValue, span: Span) -> SSAValue:
    """Returns the integers that are left to a state.

    Raises:
        StatementError: they are reals on another grid, have another shape, or exceed its range.
    """
    name, kept = state.name.text, type_text(state.codes)
    codes = made
    if not is_integer(made):
        given, own = made.owner, state.value.owner
        is_dequantized = isinstance(given, qint.DequantizeOp)
        if not is_dequantized or _grid(given) != _grid(own):
            raise StatementError(
                span,
                f"{name!r} keeps integers, and reals that are not on their grid are left to it",
                f"write requantize(..., {kept.partition('[')[0]}, scale: ...) with the scale of "
                f"{name!r}",
            )
        codes = given.input
    if shape_of(codes.type) != shape_of(state.codes.type):
        what = f"{name!r} is {kept}, and {type_text(codes)} is left to it"
        raise StatementError(span, what, "leave a tensor of the same shape")
    held, left = qint.range_of(state.codes.type), qint.range_of(codes.type)
    if not held.contains(left):
        what = f"{name!r} holds {held.lo} to {held.hi}, and {left.lo} to {left.hi} is left to it"
        raise StatementError(span, what, f"give {name!r} the type {element_name(left)}")
    return codes


def returned(output: Output, meaning: Meaning, states: Sequence[TextState]) -> SSAValue | None:
    """Returns what is returned or left to a state; None if that is broken.

    Raises:
        StatementError: it is no tensor, or none that the state keeps.
    """
    made = meaning.operation if isinstance(meaning, Constant) else meaning
    if isinstance(made, Broken):
        return None
    if not isinstance(made, SSAValue):
        what = f"returns {spoken(meaning)}"
        raise StatementError(output.value.span, what, "return what is computed from inputs")
    if output.state is None:
        return made
    name = output.state.text
    state = next((state for state in states if state.name.text == name), None)
    return None if state is None else codes_left(state, made, output.value.span)


def check_no_state(last: Return) -> None:
    """Raises StatementError if a block or a scalar function leaves something to a state."""
    for output in last.outputs:
        if output.state is not None:
            what = "a network has states, a block has none"
            raise StatementError(output.state.span, what, "return the value, and leave it there")


def check_left(known: Sequence[str], last: Return) -> None:
    """Raises StatementError unless a return leaves something to each state, once."""
    given = [output.state for output in last.outputs if output.state is not None]
    for name in given:
        if name.text not in known:
            what = f"there is no state {name.text!r}"
            remedy = "give an input of the network a value, h: int8[1, 16] scale 0.1 = 0"
            raise StatementError(name.span, what, remedy)
    texts = [name.text for name in given]
    for name in given:
        if texts.count(name.text) > 1:
            raise StatementError(name.span, f"{name.text!r} is left twice", "write it once")
    missing = [name for name in known if name not in texts]
    if missing:
        what = f"nothing is left to the state {missing[0]!r}"
        raise StatementError(last.span, what, f"write return y, {missing[0]} = ...")
    if known and len(given) == len(last.outputs):
        raise StatementError(last.span, "all that is returned are states", "return y, too")

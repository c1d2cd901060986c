"""The inputs and outputs of a network: types and names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qcompiler.frontends.onnx.refusal import RefusalError
from qcompiler.frontends.onnx.tensors import check_elements
from qcompiler.frontends.text.annotations import Annotations
from qcompiler.frontends.text.diagnostics import StatementError
from qcompiler.frontends.text.scope import ELEMENTS, Scope
from qcompiler.frontends.text.syntax import Output, Parameter, Reference
from qcompiler.frontends.text.values import TypeValue


def input_type(parameter: Parameter, annotations: Annotations, scope: Scope) -> TypeValue:
    """Returns the type of an input.

    Raises:
        StatementError: it has none, or none that an input may have.
    """
    name = parameter.name
    if parameter.annotation is None:
        raise StatementError(
            name.span,
            f"input {name.text!r} needs a type",
            f"write {name.text}: uint8[1, 16] scale 1/255",
        )
    given = annotations.type_of(parameter.annotation, scope)
    span = parameter.annotation.type.span
    if given.shape is None:
        what = "the type of an input needs a shape"
        raise StatementError(span, what, f"write {given}[1, 16]")
    if given.element == np.float64:
        raise StatementError(span, "inputs are float32 or integers", "write float32")
    try:
        check_elements(given.shape)
    except RefusalError as error:
        raise StatementError(span, error.what, ELEMENTS) from None
    return given


def output_name(output: Output, index: int, taken: Sequence[str]) -> str:
    """Returns what an output is called.

    Raises:
        StatementError: another one is called so.
    """
    value = output.value
    name = value.name if isinstance(value, Reference) else f"output{index}"
    if output.alias is not None:
        name = output.alias.value
    if name in taken:
        raise StatementError(
            value.span,
            f"two outputs are called {name!r}",
            'give one another name: return y as "name"',
        )
    return name

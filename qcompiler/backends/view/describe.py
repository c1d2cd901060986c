"""Types, attributes and constants in short words, for people."""

from xdsl.dialects.builtin import DenseArrayBase, FloatAttr, IntegerAttr, StringAttr, SymbolRefAttr
from xdsl.ir import Attribute, Operation
from xdsl.utils.hints import isa

from qcompiler.backends.report.estimates import type_name
from qcompiler.dialects import qint, stream
from qcompiler.dialects.attributes import (
    DenseAttr,
    element_of,
    is_dense,
    numpy_from_dense,
    shape_of,
)

_LONG = 80
_TIMES = "\N{MULTIPLICATION SIGN}"


def integer_of(type_: Attribute) -> qint.IntType | None:
    """Returns the integers that a tensor, channel or scalar consists of; None for reals."""
    if isinstance(type_, stream.ChannelType):
        return type_.element
    element = element_of(type_)
    return element if isinstance(element, qint.IntType) else None


def describe_type(type_: Attribute) -> str:
    """Returns shape, type and range, such as `16x3 INT8 [-128, 127]`; for channels also lanes."""
    element = integer_of(type_)
    channel = isinstance(type_, stream.ChannelType)
    extents = type_.frame_shape if channel else shape_of(type_)
    what = str(element_of(type_)) if element is None else f"{type_name(element)} {_range(element)}"
    beat = f" · {type_.lanes.data} a beat" if channel else ""
    return " ".join(filter(None, (_TIMES.join(map(str, extents)), what))) + beat


def _range(element: qint.IntType) -> str:
    return f"[{element.lo.data}, {element.hi.data}]"


def describe_attribute(value: Attribute) -> str:
    """Returns the value of an attribute in one line."""
    if isinstance(value, StringAttr):
        return value.data
    if isa(value, IntegerAttr | FloatAttr):
        return f"{value.value.data:.7g}" if isinstance(value, FloatAttr) else str(value.value.data)
    if isinstance(value, DenseArrayBase):
        return ", ".join(map(str, value.get_values()))
    if isinstance(value, SymbolRefAttr):
        return f"@{value.string_value()}"
    if is_dense(value):
        return describe_constant(value)
    text = str(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def describe_constant(value: DenseAttr) -> str:
    """Returns shape and bounds of a constant, or the number itself."""
    array = numpy_from_dense(value)
    if array.size == 1:
        return f"{array.reshape(-1)[0]:.7g}"
    if not array.size:
        return "empty"
    extents = _TIMES.join(map(str, array.shape))
    return f"{extents} values from {array.min():.7g} to {array.max():.7g}"


def attributes_of(op: Operation) -> list[tuple[str, str]]:
    """Returns the properties and attributes of an operation: name and value in words."""
    found = {**op.properties, **op.attributes}
    return [(name, describe_attribute(value)) for name, value in found.items()]

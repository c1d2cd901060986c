"""What to write where names are not known, or arguments do not fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import prod

from xdsl.dialects.builtin import TensorType
from xdsl.ir import SSAValue
from xdsl.utils.hints import isa

from qcompiler.dialects.attributes import shape_of
from qcompiler.frontends.text.arguments import Given, Unknown, spread
from qcompiler.frontends.text.diagnostics import StatementError
from qcompiler.frontends.text.foreign import argument_for, remedy_for
from qcompiler.frontends.text.operations import FUNCTIONS, OPERATIONS
from qcompiler.frontends.text.scope import Scope
from qcompiler.frontends.text.signatures import Kind, Param, Signature
from qcompiler.frontends.text.syntax import Argument, Call, Number, Reference
from qcompiler.frontends.text.values import Constant, Meaning, is_type_name


def unknown_operation(call: Call, scope: Scope, blocks: Sequence[str]) -> StatementError:
    """Returns the error for a call of something that the language does not have."""
    name, span = call.function.text, call.function.span
    texts = [scope.source.text_at(a.value.span) for a in call.arguments if a.name is None]
    owner = name.partition(".")[0]
    if "." in name and scope.find(owner) is not None:  # x.relu()
        texts.insert(0, owner)
    if scope.find(name) is not None:
        what = f"{name!r} is a value, and no operation"
        return StatementError(span, what, "write the operation's name before the parentheses")
    if is_type_name(name):
        shown = texts[0] if texts else "x"
        what = f"{name!r} is a type, and no operation"
        return StatementError(span, what, f"write quantize({shown}, {name}, scale: 0.1)")
    shape = _first_shape(call, scope)
    flat = str([1, prod(shape[1:])]) if shape else "[1, 16]"
    known = [*(o for o in OPERATIONS if "." not in o), *FUNCTIONS, *blocks]
    known += [o for o in OPERATIONS if "." in o and o.rpartition(".")[2] not in OPERATIONS]
    remedy = remedy_for(name, texts, flat, known)
    return StatementError(span, f"no operation is called {name!r}", remedy)


def unknown_argument(call: Call, signature: Signature, scope: Scope) -> Unknown:
    """Returns what says, for an argument with a name from elsewhere, what to write."""
    params = {p.name: p for p in signature.params}
    names = [*signature.operands, *params]
    rank = len(_first_shape(call, scope)) or 4

    def remedy(argument: Argument) -> str:
        assert argument.name is not None
        name, text = argument.name.text, scope.source.text_at(argument.value.span)
        if name == "bias" and signature.name in ("conv", "conv_transpose", "matmul"):
            return f"write add({signature.name}(...), {text})"
        ours = argument_for(name, names)
        if ours is None:
            return ""
        number = isinstance(argument.value, Number) and argument.value.integer
        kind = params[ours].kind if ours in params else None
        if kind in (Kind.INTS, Kind.PADS) and number:
            text = spread(params[ours], text, rank)
        if kind is Kind.TYPE and number:
            text = f"int{text} or uint{text}"
        return f"write {ours}: {text}"

    return remedy


def indexed(reference: Reference, meaning: Meaning) -> str:
    """Returns what to write for `x[0]`: values are not indexed, but sliced."""
    if not isinstance(meaning, SSAValue) or not isa(meaning.type, TensorType):
        return "write the name alone"
    shape, at = shape_of(meaning.type), reference.shape or ()
    if len(at) > len(shape) or any(not 0 <= i < n for i, n in zip(at, shape, strict=False)):
        return f"write slice({reference.name}, starts: [...], ends: [...]): its shape is {[*shape]}"
    starts = [*at, *[0] * (len(shape) - len(at))]
    ends = [*(i + 1 for i in at), *shape[len(at) :]]
    return f"write slice({reference.name}, starts: {starts}, ends: {ends})"


def _first_shape(call: Call, scope: Scope) -> tuple[int, ...]:
    """Returns the shape of the first argument, if that is the name of a tensor; else ()."""
    value = call.arguments[0].value if call.arguments else None
    variable = scope.find(value.name) if isinstance(value, Reference) else None
    meaning = None if variable is None else variable.meaning
    if isinstance(meaning, SSAValue) and isa(meaning.type, TensorType):
        return shape_of(meaning.type)
    return ()


Shapes = Sequence[tuple[int, ...]]


def refitted(
    error: StatementError,
    signature: Signature,
    given: Mapping[str, Given],
    operands: Sequence[SSAValue],
    texts: Sequence[str],
) -> StatementError:
    """Returns the error of an operation that refuses its operands or parameters, with a remedy.

    Args:
        error: what the operation says, at the call.
        signature: of the operation.
        given: arguments by name; an error that begins with one is told there.
        operands: what it gets.
        texts: what stands for the operands in the text.
    """
    first = error.what.partition(" ")[0]
    if first == "axis" and "axes" in given:
        first = "axes"
    param = next((p for p in signature.params if p.name == first), None)
    shapes = [shape_of(v.type) for v in operands if isa(v.type, TensorType)]
    remedy = next((r for part, r in _NUMBERS.items() if part in error.what), "")
    if not remedy and param is not None:
        remedy = _param_remedy(param, given.get(first), shapes)
    if not remedy and len(shapes) == len(operands):
        remedy = _SHAPES.get(signature.name, _no_remedy)(shapes, texts)
    if not remedy and shapes:
        remedy = _axis_remedy(error.what, shapes[0])
    if not remedy:
        shown = [f"{text} has shape {[*s]}" for text, s in zip(texts, shapes, strict=False)]
        remedy = f"change the arguments: {', '.join(shown)}" if shown else "change the arguments"
    span = given[first].span if first in given else error.span
    return StatementError(span, error.what, remedy)


def _axis_remedy(what: str, shape: Sequence[int]) -> str:
    """Returns the axis that has as many channels as there are values, if that is what lacks."""
    found = re.search(r" has (\d+) values, which needs an axis", what)
    fitting = [axis for axis, extent in enumerate(shape) if found and extent == int(found[1])]
    return f"add axis: {fitting[-1]}" if fitting else ""


_NUMBERS = {
    "must be positive, got (": "write numbers of 1 or more",
    "must not be negative": "write numbers of 0 or more",
    "lo must not exceed hi": "write the smaller number first",
}


def _param_remedy(param: Param, given: Given | None, shapes: Shapes) -> str:
    if param.name == "scale" and given is not None and isinstance(given.meaning, Constant):
        count = given.meaning.array.size
        if count > 1 and shapes:
            fitting = [axis for axis, extent in enumerate(shapes[0]) if extent == count]
            extents = f"one number, or as many as an axis of {[*shapes[0]]} has"
            return f"add axis {fitting[-1]}" if fitting else f"write {extents}"
    if param.name == "scale":
        return "write a number above 0, or one for each channel with axis"
    if param.name == "axis" and shapes:
        return f"write axis: {max(0, len(shapes[0]) - 1)}, for the last of {len(shapes[0])} axes"
    if param.name == "axes" and shapes:
        return f"write axes from 0 to {len(shapes[0]) - 1}"
    listed = param.kind in (Kind.INTS, Kind.PADS) and param.name != "permutation"
    if listed and shapes and given is not None:
        meaning = given.meaning
        if isinstance(meaning, Constant) and meaning.integral and meaning.array.size:
            number = str(int(meaning.array.reshape(-1)[0]))
            return f"write {param.name}: {spread(param, number, len(shapes[0]))}"
    return ""


def _no_remedy(_shapes: Shapes, _texts: Sequence[str]) -> str:
    return ""


def _matmul(shapes: Shapes, texts: Sequence[str]) -> str:
    a, b = shapes
    if len(a) > 2 and len(b) == 2 and prod(a[1:]) == b[0]:
        return f"write matmul(reshape({texts[0]}, [1, {b[0]}]), {texts[1]})"
    if len(a) > 1 and len(b) == 2 and b[1] == a[0]:
        return f"exchange them: matmul({texts[1]}, {texts[0]})"
    if len(a) > 1 and len(b) == 2 and b[1] == a[-1]:
        return f"write matmul({texts[0]}, transpose({texts[1]}, permutation: [1, 0]))"
    if len(a) < 2:
        return f"write reshape({texts[0]}, [1, {prod(a)}]) for the first"
    rows = "" if len(b) < 2 else f"{b[-1]}]"
    return f"give {texts[1]} the shape [{a[-1]}, {rows or 'outputs]'}: inputs by outputs"


def _binary(shapes: Shapes, texts: Sequence[str]) -> str:
    a, b = shapes
    if len(b) > len(a):
        return _binary((b, a), texts[::-1])
    if len(a) > 2 and len(b) == 1 and b[0] == a[1]:
        ones = ", ".join(["1"] * (len(a) - 2))
        return f"write reshape({texts[1]}, [{b[0]}, {ones}]): one for each channel"
    if prod(a) == prod(b):
        return f"write reshape({texts[1]}, {[*a]})"
    return f"give {texts[1]} the shape {[*a]}, or 1 where it repeats"


def _conv(shapes: Shapes, texts: Sequence[str]) -> str:
    x, w = shapes
    if len(x) < 3:
        side = prod(x)
        return f"conv takes [1, channels, width]: write reshape({texts[0]}, [1, 1, {side}])"
    if len(w) == len(x) + 1:
        return f"the first axis is missing: write reshape({texts[0]}, {[1, *x]})"
    if len(w) != len(x):
        space = ", height, width" if len(x) == 4 else ", width" if len(x) == 3 else ", ..."
        return f"give {texts[1]} the shape [outputs, {x[1]}{space}]"
    if w[1] == 1 and x[1] > 1 and w[0] % x[1] == 0:
        return f"write group: {x[1]}, for weights of one channel each"
    return f"give {texts[1]} the shape {[w[0], x[1], *w[2:]]}: outputs, inputs, and the kernel"


def _reshape(shapes: Shapes, texts: Sequence[str]) -> str:
    return f"{texts[0]} has {prod(shapes[0])} elements: write shape: [1, {prod(shapes[0])}]"


def _transpose(shapes: Shapes, _texts: Sequence[str]) -> str:
    axes = [*range(len(shapes[0]))]
    return f"write each axis once, such as permutation: {[*axes[:1], *axes[2:], *axes[1:2]]}"


def _concat(shapes: Shapes, _texts: Sequence[str]) -> str:
    return f"their shapes are {', '.join(str([*s]) for s in shapes)}: make the other axes equal"


def _window(shapes: Shapes, texts: Sequence[str]) -> str:
    x = shapes[0]
    if len(x) < 3:
        return f"{texts[0]} has shape {[*x]}; pools take [1, channels, height, width]"
    return f"the image is {[*x[2:]]}: write a kernel of at most that, or pads"


def _slice(shapes: Shapes, _texts: Sequence[str]) -> str:
    x = shapes[0]
    return f"write starts: {[0] * len(x)}, ends: {[*x]}, and change the axis that is cut"


_SHAPES: dict[str, Callable[[Shapes, Sequence[str]], str]] = {
    "matmul": _matmul, "conv": _conv, "reshape": _reshape, "transpose": _transpose,
    "concat": _concat, "max_pool": _window, "average_pool": _window, "slice": _slice,
    **dict.fromkeys(("add", "sub", "mul", "div", "min", "max", "pow", "greater_equal"), _binary),
}  # fmt: skip
"""What to write, by operation, where shapes do not fit."""

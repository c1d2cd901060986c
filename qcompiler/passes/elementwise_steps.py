"""Elementwise operations with parameters: steps that moves and pools may pass.

A step has one operand that is data, of the result's shape; the others are parameters: constants, or
what elementwise operations make of constants (a root that no float holds exactly).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import cast

import numpy as np
from xdsl.ir import Operation, SSAValue

from qcompiler.arith.scalar_builder import ScalarBuilder, Value
from qcompiler.arith.scalar_function import Numerics, ScalarFunction
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.interpreters.scalar_functions import (
    REAL_OPS,
    parameter_row,
    quantized,
    scalar_value,
)
from qcompiler.passes.rewriting import numerics_of

MoveNumbers = Callable[[Array], Array | None]
"""Returns where numbers that broadcast to one tensor lie on another; None if they cannot."""


_LARGEST_PARAMETER = 32
"""Operations that make one of constants; a batch normalization has four."""


def operands_first(values: Iterable[SSAValue], stop: Callable[[SSAValue], bool]) -> list[Operation]:
    """Returns what computes `values`, operands before users; it does not look beyond `stop`."""
    found: dict[Operation, None] = {}
    pending = [(value, False) for value in values]
    while pending:
        value, ready = pending.pop()
        owner = value.owner
        if not isinstance(owner, Operation) or owner in found:
            continue
        if ready:
            found[owner] = None
        elif not stop(value):
            pending.append((value, True))
            pending += [(operand, False) for operand in owner.operands]
    return list(found)


def is_parameter(value: SSAValue) -> bool:
    """Whether a value depends on real constants only, through a few operations."""
    seen: set[Operation] = set()
    pending = [value]
    while pending:
        owner = pending.pop().owner
        if isinstance(owner, nn.ConstantOp) or owner in seen:
            continue
        if type(owner) not in REAL_OPS or len(seen) == _LARGEST_PARAMETER:
            return False
        assert isinstance(owner, Operation)
        seen.add(owner)
        pending += owner.operands
    return True


def is_constant(value: SSAValue) -> bool:
    """Whether a value is a parameter, or quantized weights."""
    source = value.owner
    quantized_weights = isinstance(source, qint.DequantizeOp) and isinstance(
        source.input.owner, qint.ConstantOp
    )
    return quantized_weights or is_parameter(value)


def divides_activations(op: Operation) -> bool:
    """Whether an operation is a quotient of two activations, and no function of one of them."""
    if not isinstance(op, nn.DivOp) or is_constant(op.lhs) or is_constant(op.rhs):
        return False
    cone = operands_first(op.operands, lambda v: type(v.owner) not in REAL_OPS)
    values = [operand for one in (op, *cone) for operand in one.operands]
    ends = [v for v in values if type(v.owner) not in REAL_OPS and not is_constant(v)]
    codes = {v.owner.input if isinstance(v.owner, qint.DequantizeOp) else v for v in ends}
    return len(codes) > 1


def data_of(op: Operation) -> SSAValue | None:
    """Returns the one operand of an elementwise operation that is data, of the result's shape."""
    if type(op) not in REAL_OPS:
        return None
    data = [operand for operand in op.operands if not is_parameter(operand)]
    same = len(data) == 1 and shape_of(data[0].type) == shape_of(op.results[0].type)
    return data[0] if same else None


def climb(value: SSAValue) -> tuple[SSAValue, list[Operation]]:
    """Returns the value from which steps lead to `value`, and these steps in order."""
    steps: list[Operation] = []
    while isinstance(value.owner, Operation) and (below := data_of(value.owner)) is not None:
        steps.append(value.owner)
        value = below
    return value, steps[::-1]


def comes_from_integers(value: SSAValue) -> bool:
    """Whether activations that are integers reach `value` through real operations."""

    def ends(v: SSAValue) -> bool:
        return isinstance(v.owner, qint.DequantizeOp | qint.QuantizeOp)

    leaves = [
        operand for op in operands_first([value], ends) for operand in op.operands
    ] or [value]  # fmt: skip
    sources = [v.owner for v in leaves if isinstance(v.owner, qint.DequantizeOp)]
    return any(not isinstance(source.input.owner, qint.ConstantOp) for source in sources)


def moved_parameter(value: SSAValue, move: MoveNumbers, new: list[Operation]) -> SSAValue | None:
    """Appends to `new` what computes a parameter in another place; returns it."""
    values: dict[SSAValue, SSAValue] = {}
    for op in operands_first([value], lambda _: False):
        if isinstance(op, nn.ConstantOp):
            numbers = move(op.array)
            if numbers is None:
                return None
            copy: Operation = nn.ConstantOp(numbers)
        else:
            copy = nn.same_op(
                cast(nn.Binary | nn.Unary, op), [values[operand] for operand in op.operands]
            )
        copy.location = op.location
        copy.results[0].name_hint = op.results[0].name_hint
        new.append(copy)
        values[op.results[0]] = copy.results[0]
    return values[value]


def steps_on(
    value: SSAValue, steps: Sequence[Operation], move: MoveNumbers, new: list[Operation]
) -> SSAValue | None:
    """Appends to `new` the same steps on another value; returns their result.

    Returns:
        None if a parameter cannot be moved.
    """
    for step in steps:
        data = data_of(step)
        operands: list[SSAValue] = []
        for operand in step.operands:
            other = value if operand is data else moved_parameter(operand, move, new)
            if other is None:
                return None
            operands.append(other)
        copy = nn.same_op(cast(nn.Binary | nn.Unary, step), operands)
        copy.location = step.location
        copy.result.name_hint = step.results[0].name_hint
        new.append(copy)
        value = copy.result
    return value


def _varying_axes(steps: Sequence[Operation], rank: int) -> set[int]:
    parameters = [o for step in steps for o in step.operands if o is not data_of(step)]
    constants = [op for op in operands_first(parameters, lambda _: False)
                 if isinstance(op, nn.ConstantOp)]  # fmt: skip
    shapes = [nn.padded_to(op.array, rank).shape for op in constants]
    return {axis for shape in shapes for axis, extent in enumerate(shape) if extent > 1}


def steps_function(
    value: SSAValue,
    steps: Sequence[Operation],
    quantize: qint.QuantizeOp | None,
    numerics: str,
    unit: float = 1.0,
) -> ScalarFunction | None:
    """Returns steps on `value`, and a quantizer, as a function of the integer value / unit.

    Args:
        value: what the first step takes.
        steps: in order.
        quantize: what follows; without it, the function only tells the direction of the steps.
        numerics: of the module.
        unit: a power of two.

    Returns:
        None if parameters vary along several axes.
    """
    shape = shape_of(value.type)
    axes = _varying_axes(steps, len(shape))
    if quantize is not None and quantize.channel_axis is not None:
        axes.add(quantize.channel_axis)
    if len(axes) > 1:
        return None
    channels = shape[axes.pop()] if axes else 1
    builder = ScalarBuilder(channels, cast(Numerics, numerics))
    values: dict[SSAValue, Value] = {value: builder.apply("mul", builder.x, np.asarray(unit))}
    for op in operands_first([steps[-1].results[0]] if steps else [], lambda v: v is value):
        if isinstance(op, nn.ConstantOp):
            values[op.result] = builder.constant(parameter_row(op.array, channels))
        else:
            values[op.results[0]] = scalar_value(builder, op, values, channels)
    if quantize is not None:
        return quantized(builder, quantize, values, channels)
    return builder.quantize(values[steps[-1].results[0] if steps else value], lo=0, hi=1)


def direction(value: SSAValue, steps: Sequence[Operation]) -> Array | None:
    """Returns which way steps move, per channel: +1, -1, 0 for constant, 2 for unknown."""
    if not steps:
        return np.ones(1, np.int8)
    function = steps_function(value, steps, None, numerics_of(steps[0]))
    return None if function is None else np.atleast_1d(function.direction)

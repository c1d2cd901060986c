"""What expressions of constants are worth: reals where a float64 holds them, codes always.

A constant is an `nn.constant`, or integers behind `qint.dequantize`. Under `exact` numerics its
elementwise functions are real numbers, which a float64 may not hold (a third, a root); the codes
that a quantizer makes of them are exact nevertheless, as those of activations are.
"""

from collections.abc import Sequence
from typing import cast

import numpy as np
from xdsl.ir import Operation, SSAValue

from qcompiler.arith import error_bounds
from qcompiler.arith.scalar_builder import ScalarBuilder, Value
from qcompiler.arith.scalar_evaluation import evaluate_at
from qcompiler.arith.scalar_function import Numerics
from qcompiler.arith.scalar_ops import OPS
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.interpreters.scalar_functions import REAL_OPS, scalar_value

MAX_ELEMENTS = 2**22
"""Of what is computed on constants; each takes some 100 bytes on the way."""
MAX_OPERATIONS = 256

_Layout = nn.ReshapeOp | nn.TransposeOp


def narrowest(array: Array) -> Array:
    """Returns float64 values as float32 where that loses nothing."""
    with np.errstate(over="ignore"):
        narrow = array.astype(np.float32)
    return narrow if np.array_equal(narrow.astype(np.float64), array) else array


def quantized_constant(value: SSAValue) -> tuple[Array, Array] | None:
    """Returns integers (zero point taken off, int64) and scales (float64) of dequantized constants.

    Both have the shape of `value`; None for any other value.
    """
    op = value.owner
    if not isinstance(op, qint.DequantizeOp) or not isinstance(op.input.owner, qint.ConstantOp):
        return None
    codes = op.input.owner.array
    along = [-1 if axis == op.channel_axis else 1 for axis in range(codes.ndim)]
    scale, zero_point = op.scale_array.reshape(along), op.zero_point_array.reshape(along)
    return codes - zero_point, np.broadcast_to(scale, codes.shape)


def constant_reals(value: SSAValue, numerics: str) -> Array | None:
    """Returns the elements of a constant.

    Returns:
        None for other values, and where a float64 does not hold what integers stand for exactly.
    """
    if isinstance(value.owner, nn.ConstantOp):
        return value.owner.array
    found = quantized_constant(value)
    if found is None:
        return None
    integers, scale = found
    if numerics == "onnxruntime":
        return integers.astype(np.float32) * scale.astype(np.float32)
    wide = error_bounds.from_integers(integers.astype(np.float64))
    product = error_bounds.mul(wide, error_bounds.exactly(scale))
    return None if np.any(product.error) else narrowest(product.value)


def elementwise_reals(
    op: nn.Binary | nn.Unary, operands: Sequence[Array], numerics: str
) -> Array | None:
    """Returns an elementwise function of constants, broadcast to the shape of its result.

    Returns:
        None for functions without a rule, results that are too many or not finite, and under
        `exact` numerics where a float64 does not hold one.
    """
    shape = shape_of(op.result.type)
    if not op.IS_SCALAR or isinstance(op, nn.GeluOp) or np.prod(shape, dtype=object) > MAX_ELEMENTS:
        return None
    numbers = (*operands, *op.parameters)
    with np.errstate(all="ignore"):
        if numerics == "onnxruntime":
            single = [np.asarray(v, np.float32) for v in numbers]
            result = np.asarray(OPS[op.function].ieee(*single), np.float32)
        else:
            wide = [error_bounds.exactly(np.asarray(v, np.float64)) for v in numbers]
            found = OPS[op.function].bounded(*wide)
            if np.any(found.error != 0):
                return None
            result = narrowest(found.value)
    return np.broadcast_to(result, shape).copy() if np.isfinite(result).all() else None


def quantized_codes(op: qint.QuantizeOp, numerics: str) -> Array | None:
    """Returns the codes, int64, that a quantizer makes of an expression of constants.

    Exact under `exact` numerics; with those of onnxruntime every operation rounds to float32.

    Returns:
        None if its input is no such expression, is too large, or is not a number.
    """
    order = _expression(op.input)
    shape = shape_of(op.input.type)
    count = int(np.prod(shape, dtype=object))
    if order is None or count > MAX_ELEMENTS:
        return None
    places = _places(op.input, order, count)
    if places is None:
        return None
    builder = ScalarBuilder(count, cast(Numerics, numerics))
    values: dict[SSAValue, Value] = {}
    for step in order:
        result = step.results[0]
        if isinstance(step, _Layout):
            values[result] = values[step.input]
        elif _is_leaf(step):
            values[result] = _leaf(builder, result, places[result], numerics)
        else:
            values[result] = scalar_value(builder, step, values, count)
    try:
        function = builder.quantize(
            values[op.input],
            scale=_along(op, op.scale_array, shape),
            zero_point=_along(op, op.zero_point_array, shape),
            rounding=op.rounding_mode,
            lo=op.range.lo,
            hi=op.range.hi,
            zero_point_after_rounding=op.adds_after_rounding,
        )
        every = np.arange(count)
        return evaluate_at(function, np.zeros(count, np.int64), every).reshape(shape)
    except ValueError:  # not a number somewhere
        return None


def _is_leaf(op: Operation) -> bool:
    return isinstance(op, nn.ConstantOp) or quantized_constant(op.results[0]) is not None


def _expression(value: SSAValue) -> list[Operation] | None:
    """Returns the operations that compute `value` from constants, operands first, else None."""
    order: dict[Operation, None] = {}
    stack = [value]
    while stack:
        op = stack[-1].owner
        if not isinstance(op, Operation) or len(order) > MAX_OPERATIONS:
            return None
        if op in order:
            stack.pop()
            continue
        leaf = _is_leaf(op)
        if not leaf and type(op) not in REAL_OPS and not isinstance(op, _Layout):
            return None
        missing = [] if leaf else [o for o in op.operands if o.owner not in order]
        if missing:
            stack.extend(missing)
        else:
            order[op] = None
            stack.pop()
    return list(order)


def _places(root: SSAValue, order: Sequence[Operation], count: int) -> dict[SSAValue, Array] | None:
    """Returns, for each value, which of its elements goes into each of the root's."""
    places: dict[SSAValue, Array] = {root: np.arange(count)}
    for op in reversed(order):
        if _is_leaf(op):
            continue
        for operand in op.operands:
            source = shape_of(operand.type)
            numbers = np.arange(int(np.prod(source, dtype=object))).reshape(source)
            if isinstance(op, nn.TransposeOp):
                numbers = numbers.transpose(op.permutation.get_values())
            elif not isinstance(op, nn.ReshapeOp):
                numbers = np.broadcast_to(numbers, shape_of(op.results[0].type))
            taken = numbers.reshape(-1)[places[op.results[0]]]
            known = places.setdefault(operand, taken)
            if known is not taken and not np.array_equal(known, taken):
                return None
    return places


def _leaf(builder: ScalarBuilder, value: SSAValue, place: Array, numerics: str) -> Value:
    def constant(array: Array) -> Value:
        numbers = array.reshape(-1)[place].astype(np.float64)
        return builder.constant(
            numbers.astype(np.float32) if numerics == "onnxruntime" else numbers
        )

    found = quantized_constant(value)
    if found is not None:
        return builder.apply("mul", *(constant(part) for part in found))
    assert isinstance(value.owner, nn.ConstantOp)
    return constant(value.owner.array)


def _along(op: qint.QuantizeOp, parameter: Array, shape: Sequence[int]) -> Array:
    """Returns a parameter of the quantizer, one per element or one in all."""
    if parameter.size == 1:
        return parameter.reshape(())
    along = [-1 if axis == op.channel_axis else 1 for axis in range(len(shape))]
    return np.broadcast_to(parameter.reshape(along), shape).reshape(-1)

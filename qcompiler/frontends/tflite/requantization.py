"""The kernels' requantization, written out as operations that compute it exactly.

It rounds twice: halves up at 31 fraction bits of the multiplier, then halves away from zero at a
power of two. Each is a quantizer of ours. Where no code below the zero point can come out (behind a
ReLU) both agree with one rounding at shifted boundaries, and one quantizer is enough.
"""

import numpy as np
from xdsl.ir import SSAValue

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.tflite_kernels import INT32, QuantizedMultiplier, clamped_codes
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.frontends.onnx.refusal import RefusalError
from qcompiler.frontends.tflite.model import Tensor
from qcompiler.frontends.tflite.node import NodeContext, codes_range

_ONE, _ZERO = np.ones(1, np.float32), np.zeros(1, np.int64)
_ACTIVATIONS: dict[int, tuple[float | None, float | None]] = {
    0: (None, None), 1: (0.0, None), 2: (-1.0, 1.0), 3: (0.0, 6.0),
}  # fmt: skip
_MOST_SHIFT = 23
"""Bits up to which a half beside a power of two is a float32 number."""


def activation_range(node: NodeContext, tensor: Tensor) -> IntRange:
    """Returns the codes that a fused activation lets through."""
    chosen = node.node.number("FusedActivationFunction")
    if chosen not in _ACTIVATIONS:
        raise RefusalError(
            f"fused activation {chosen} is not supported", "use none, relu, relu6 or relu_n1_to_1"
        )
    lo, hi = _ACTIVATIONS[chosen]
    codes = codes_range(tensor)
    scale, zero_point = tensor.one_scale()
    least = codes.lo if lo is None else clamped_codes(lo, scale, zero_point)
    most = codes.hi if hi is None else clamped_codes(hi, scale, zero_point)
    bounds = max(codes.lo, least), min(codes.hi, most)
    if bounds[0] > bounds[1]:
        raise RefusalError("its activation lets no code through", "convert the model again")
    return IntRange(*bounds)


def without_zero_point(node: NodeContext, codes: SSAValue, zero_point: int) -> SSAValue:
    """Emits `codes - zero_point`."""
    if not zero_point:
        return codes
    return node.emit(qint.AffineOp(codes, np.ones(1, np.int64), np.array([-zero_point])))


def requantize(
    node: NodeContext,
    sums: SSAValue,
    factors: Array,
    zero_point: int,
    codes: IntRange,
    *,
    once: bool = False,
    count: int = 1,
) -> SSAValue:
    """Emits the codes of sums: scaled by factors, one or one per channel, rounded and clamped.

    Args:
        node: the operation.
        sums: integers, channels last.
        factors: positive.
        zero_point: of the codes.
        codes: that may come out.
        once: round halves up behind the shift, and nowhere else.
        count: elements of which the sums are, for their mean.
    """
    form = QuantizedMultiplier.of(factors)
    if count > 1:
        form = form.divided_by(count)
    bounds = _checked(sums, form)
    zero = np.array([zero_point], np.int64)
    if once:
        form = form.in_one_step
    scaled = _scaled(node, sums, form.factor)
    if not form.right.any():
        halves = node.emit(nn.AddOp(scaled, _constant(node, np.array([0.5]))))
        return node.emit(_quantizer(halves, _ONE, zero, codes, "floor"))
    if codes.lo >= zero_point and form.right.max() <= _MOST_SHIFT:
        ahead = np.where(form.right > 0, 0.5 + 2.0 ** (form.right - 1), 0.5)
        halves = node.emit(nn.AddOp(scaled, _constant(node, ahead)))
        return node.emit(_quantizer(halves, _powers(form), zero, codes, "floor"))
    middle = rounded(node, scaled, bounds)
    return node.emit(_quantizer(middle, _powers(form), zero, codes, "half_up"))


def rescale(node: NodeContext, sums: SSAValue, factor: float) -> SSAValue:
    """Emits integers scaled by a factor, in the kernels' arithmetic."""
    form = QuantizedMultiplier.of(np.array([factor]))
    bounds = _checked(sums, form)
    middle = rounded(node, _scaled(node, sums, form.factor), bounds)
    power = 2 ** int(form.right[0])
    reached = IntRange(bounds.lo // power, -(-bounds.hi // power))
    return node.emit(_quantizer(middle, _powers(form), _ZERO, reached, "half_up"))


def rounded(node: NodeContext, scaled: SSAValue, bounds: IntRange) -> SSAValue:
    """Emits reals rounded to integers within `bounds`, halves up, as reals."""
    halves = node.emit(nn.AddOp(scaled, _constant(node, np.array([0.5]))))
    codes = node.emit(_quantizer(halves, _ONE, _ZERO, bounds, "floor"))
    return node.emit(qint.DequantizeOp(codes, _ONE, _ZERO))


def _checked(sums: SSAValue, form: QuantizedMultiplier) -> IntRange:
    """Returns what the first rounding may give.

    Raises:
        RefusalError: a kernel's 32 bits may not hold it.
    """
    given = qint.range_of(sums.type)
    ends = np.array([[given.lo], [given.hi]], dtype=object)
    before = ends * (1 << form.left.astype(object))
    if before.min() < INT32[0] or before.max() > INT32[1]:
        raise RefusalError(
            f"its sums lie in [{given.lo}, {given.hi}], and may exceed the kernels' 32 bits",
            "use fewer inputs, or smaller weights and biases",
        )
    after = (before * form.multiplier.astype(object) + 2**30) >> 31
    return IntRange(int(after.min()), int(after.max()))


def _scaled(node: NodeContext, sums: SSAValue, factors: Array) -> SSAValue:
    axis = len(shape_of(sums.type)) - 1 if factors.size > 1 else None
    return node.emit(qint.DequantizeOp(sums, factors, _ZERO, axis=axis))


def _powers(form: QuantizedMultiplier) -> Array:
    return (2.0**form.right).astype(np.float32)


def _constant(node: NodeContext, values: Array) -> SSAValue:
    return node.emit(nn.ConstantOp(values.astype(np.float32)))


def _quantizer(
    x: SSAValue, scale: Array, zero_point: Array, codes: IntRange, rounding: str
) -> qint.QuantizeOp:
    axis = len(shape_of(x.type)) - 1 if scale.size > 1 else None
    return qint.QuantizeOp(
        x, scale, zero_point, codes, axis=axis, rounding=rounding, zero_point_after_rounding=True
    )

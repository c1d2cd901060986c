"""Bounds of real tensors, proven from the types of integers, and whether they hold integers only.

Interval arithmetic on the operations of nn, per channel where parameters are. Integers are exact;
what is not an integer is widened by more than float64 can be off.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from xdsl.ir import Operation, SSAValue

from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of

_EXACT = 2.0**53
_EXACT_FLOAT32 = 2.0**24
_RELATIVE = 2.0**-52
_SMALLEST = 2.0**-1000


class RealRange(Struct, frozen=True, eq=False):
    """Every element of a tensor lies in [lo, hi].

    Attributes:
        lo: float64 of the tensor's rank, each extent that of the tensor or 1; may be infinite.
        hi: likewise.
        integral: whether all elements are integers.
    """

    lo: Array
    hi: Array
    integral: bool

    @property
    def ends(self) -> tuple[float, float]:
        """The bounds over all elements."""
        return float(self.lo.min()), float(self.hi.max())

    @property
    def integers(self) -> qint.IntRange | None:
        """The integers that the tensor may hold; None if that is not proven or not bounded."""
        lo, hi = self.ends
        known = self.integral and np.isfinite([lo, hi]).all()
        return qint.IntRange(int(lo), int(hi)) if known else None


class RealRanges:
    """Finds ranges of values of the IR; remembers those that it has found.

    Under the numerics of onnxruntime, results that a float32 may not hold have no bounds.
    """

    def __init__(self, numerics: str = "exact") -> None:
        self._largest = np.inf if numerics == "exact" else _EXACT_FLOAT32
        self._found: dict[SSAValue, RealRange] = {}

    def of(self, value: SSAValue) -> RealRange:
        """Returns the range of a tensor of reals."""
        stack = [value]  # its own: networks are deeper than Python's
        while stack:
            current = stack[-1]
            missing = [o for o in self._operands(current) if o not in self._found]
            if current not in self._found and not missing:
                self._found[current] = self._compute(current)
            if not missing:
                stack.pop()
            stack.extend(missing)
        return self._found[value]

    @staticmethod
    def _operands(value: SSAValue) -> Sequence[SSAValue]:
        owner = value.owner
        if not isinstance(owner, Operation) or isinstance(owner, qint.DequantizeOp):
            return []
        return list(owner.operands) if type(owner) in _RULES else []

    def _compute(self, value: SSAValue) -> RealRange:
        owner = value.owner
        rule = _RULES.get(type(owner)) if isinstance(owner, Operation) else None
        if rule is None or not isinstance(owner, Operation):
            return _unknown(value)
        known = [self._found[o] for o in self._operands(value)]
        with np.errstate(all="ignore"):
            found = rule(owner, *known)
        if self._largest == np.inf or type(owner) in _NEVER_ROUNDED:
            return found
        in_float32 = found.integral and max(abs(end) for end in found.ends) <= self._largest
        return found if in_float32 else replace(_unknown(value), integral=found.integral)


def _unknown(value: SSAValue) -> RealRange:
    ones = (1,) * len(shape_of(value.type))
    return RealRange(np.full(ones, -np.inf), np.full(ones, np.inf), False)


def _range(lo: Any, hi: Any, integral: bool, magnitude: Any = None, terms: int = 1) -> RealRange:
    """Returns [lo, hi], widened by what `terms` additions of up to `magnitude` in all round."""
    lo, hi = np.asarray(lo, np.float64), np.asarray(hi, np.float64)
    low, high = (np.abs(lo), np.abs(hi)) if magnitude is None else (magnitude, magnitude)
    exact = integral & (np.maximum(low, high) < _EXACT)
    below, above = (np.where(exact | (m == 0), 0.0, _slack(m, terms)) for m in (low, high))
    lo, hi = lo - below, hi + above
    lo = np.where(np.isnan(lo), -np.inf, np.floor(lo) if integral else lo)
    return RealRange(lo, np.where(np.isnan(hi), np.inf, np.ceil(hi) if integral else hi), integral)


def _slack(magnitude: Array, terms: int) -> Array:
    return (terms + 1) * _RELATIVE * magnitude + _SMALLEST


def _whole(values: Array) -> bool:
    return bool((values == np.rint(values)).all())


def _constant(op: nn.ConstantOp) -> RealRange:
    values = op.array.astype(np.float64)
    return RealRange(values, values, _whole(values))


def _dequantize(op: qint.DequantizeOp) -> RealRange:
    rank = len(shape_of(op.result.type))
    shape = [-1 if axis == op.channel_axis else 1 for axis in range(rank)]
    scale, zero_point = op.scale_array.reshape(shape), op.zero_point_array.reshape(shape)
    codes = qint.range_of(op.input.type)
    integral = _whole(scale)
    return _range((codes.lo - zero_point) * scale, (codes.hi - zero_point) * scale, integral)


def _aligned(op: nn.Binary, *ranges: RealRange) -> list[tuple[Array, Array]]:
    rank = len(shape_of(op.result.type))

    def padded(values: Array) -> Array:
        return values.reshape((1,) * (rank - values.ndim) + values.shape)

    return [(padded(r.lo), padded(r.hi)) for r in ranges]


def _add(op: nn.Binary, a: RealRange, b: RealRange) -> RealRange:
    (alo, ahi), (blo, bhi) = _aligned(op, a, b)
    if isinstance(op, nn.SubOp):
        blo, bhi = -bhi, -blo
    largest = np.maximum(abs(alo), abs(ahi)) + np.maximum(abs(blo), abs(bhi))
    return _range(alo + blo, ahi + bhi, a.integral and b.integral, largest)


def _corners(function: Any, a: tuple[Array, Array], b: tuple[Array, Array]) -> tuple[Array, Array]:
    found = np.stack(np.broadcast_arrays(*(function(x, y) for x in a for y in b)))
    unsure = np.isnan(found).any(axis=0)
    lo, hi = found.min(axis=0), found.max(axis=0)
    return np.where(unsure, -np.inf, lo), np.where(unsure, np.inf, hi)


def _mul(op: nn.MulOp, a: RealRange, b: RealRange) -> RealRange:
    lo, hi = _corners(np.multiply, *_aligned(op, a, b))
    return _range(lo, hi, a.integral and b.integral)


def _div(op: nn.DivOp, a: RealRange, b: RealRange) -> RealRange:
    x, (blo, bhi) = _aligned(op, a, b)
    lo, hi = _corners(np.divide, x, (blo, bhi))
    through_zero = (blo <= 0) & (bhi >= 0)
    return _range(np.where(through_zero, -np.inf, lo), np.where(through_zero, np.inf, hi), False)


def _extreme(op: nn.Binary, a: RealRange, b: RealRange) -> RealRange:
    function = np.minimum if isinstance(op, nn.MinOp) else np.maximum
    (alo, ahi), (blo, bhi) = _aligned(op, a, b)
    return RealRange(function(alo, blo), function(ahi, bhi), a.integral and b.integral)


def _greater_equal(op: nn.GreaterEqualOp, a: RealRange, b: RealRange) -> RealRange:
    (alo, ahi), (blo, bhi) = _aligned(op, a, b)
    return RealRange((alo >= bhi) * 1.0, (ahi >= blo) * 1.0, True)


def _unary(function: Callable[..., Array], integral: bool) -> Callable[..., RealRange]:
    def rule(op: nn.Unary, x: RealRange) -> RealRange:
        held = op.parameters
        kept = integral or (x.integral and all(float(value).is_integer() for value in held))
        return RealRange(function(x.lo, *held), function(x.hi, *held), kept)

    return rule


def _neg(op: nn.NegOp, x: RealRange) -> RealRange:
    return RealRange(-x.hi, -x.lo, x.integral)


def _transpose(op: nn.TransposeOp, x: RealRange) -> RealRange:
    order = op.permutation.get_values()
    return RealRange(x.lo.transpose(order), x.hi.transpose(order), x.integral)


def _merged(op: Operation, *parts: RealRange) -> RealRange:
    """One range for all elements, of operations that move them."""
    ones = (1,) * len(shape_of(op.results[0].type))
    lo, hi = min(p.ends[0] for p in parts), max(p.ends[1] for p in parts)
    return RealRange(np.full(ones, lo), np.full(ones, hi), all(p.integral for p in parts))


def _tensor_scatter(
    op: nn.TensorScatterOp, x: RealRange, update: RealRange, _position: RealRange
) -> RealRange:
    return _merged(op, x, update)


def _where(op: nn.WhereOp, _condition: RealRange, a: RealRange, b: RealRange) -> RealRange:
    return _merged(op, a, b)


def _pad(op: nn.PadOp, x: RealRange) -> RealRange:
    value = np.full((1,) * x.lo.ndim, np.float64(np.float32(op.value.value.data)))
    return _merged(op, x, RealRange(value, value, _whole(value)))


def _per_channel(x: RealRange) -> tuple[Array, Array]:
    """Returns the bounds of [batch, channels, *space] by channel."""
    axes = tuple(axis for axis in range(x.lo.ndim) if axis != 1)
    return x.lo.min(axis=axes, keepdims=True), x.hi.max(axis=axes, keepdims=True)


def _max_pool(op: nn.MaxPoolOp, x: RealRange) -> RealRange:
    return RealRange(*_per_channel(x), x.integral)


def _average_pool(op: nn.AveragePoolOp, x: RealRange) -> RealRange:
    lo, hi = _per_channel(x)
    return _range(np.minimum(lo, 0), np.maximum(hi, 0), False, terms=op.window.taps)


def _sums(lo: Array, hi: Array, weights: Array, integral: bool) -> RealRange:
    """Returns the range of products summed along the last axis of all."""
    up, down = np.maximum(weights, 0), np.minimum(weights, 0)
    # 0 * inf is no number, and an unbounded input bounds no sum.
    low = (up * lo + down * hi).sum(axis=-1)
    high = (up * hi + down * lo).sum(axis=-1)
    magnitude = (np.abs(weights) * np.maximum(np.abs(lo), np.abs(hi))).sum(axis=-1)
    low, high = np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)
    return _range(low, high, integral, magnitude, weights.shape[-1])


def _weights(value: SSAValue) -> Array | None:
    owner = value.owner
    if isinstance(owner, nn.ConstantOp):
        return owner.array.astype(np.float64)
    if isinstance(owner, nn.TransposeOp):
        inner = _weights(owner.input)
        return None if inner is None else inner.transpose(owner.permutation.get_values())
    if not isinstance(owner, qint.DequantizeOp) or not isinstance(
        owner.input.owner, qint.ConstantOp
    ):
        return None
    codes = owner.input.owner.array
    shape = [-1 if axis == owner.channel_axis else 1 for axis in range(codes.ndim)]
    scale, zero_point = owner.scale_array.reshape(shape), owner.zero_point_array.reshape(shape)
    return (codes - zero_point) * scale


def _conv(op: nn.ConvOp, x: RealRange, _: RealRange) -> RealRange:
    weights = _weights(op.weights)
    if weights is None:
        return _unknown(op.result)
    channels = shape_of(op.input.type)[1]
    lo, hi = (np.broadcast_to(v.reshape(-1), (channels,)) for v in _per_channel(x))
    lo, hi = np.minimum(lo, 0), np.maximum(hi, 0)  # the padding
    outputs, inputs = weights.shape[:2]
    flat = weights.reshape(outputs, inputs, -1)
    per_group = outputs // op.groups
    starts = [m // per_group * inputs for m in range(outputs)]
    lo, hi = (
        np.repeat(np.stack([v[s : s + inputs] for s in starts]), flat.shape[2], axis=1)
        for v in (lo, hi)
    )
    found = _sums(lo, hi, flat.reshape(outputs, -1), x.integral and _whole(weights))
    shape = (1, outputs, *(1 for _ in weights.shape[2:]))
    return RealRange(found.lo.reshape(shape), found.hi.reshape(shape), found.integral)


def _matmul(op: nn.MatMulOp, x: RealRange, _: RealRange) -> RealRange:
    weights = _weights(op.rhs)
    if weights is None or weights.ndim != 2:
        return _unknown(op.result)
    rest = tuple(range(x.lo.ndim - 1))
    lo, hi = x.lo.min(axis=rest), x.hi.max(axis=rest)
    found = _sums(lo, hi, weights.T, x.integral and _whole(weights))
    shape = (*(1 for _ in rest), weights.shape[1])
    return RealRange(found.lo.reshape(shape), found.hi.reshape(shape), found.integral)


def _bounded(lo: float, hi: float) -> Callable[..., RealRange]:
    def rule(op: Operation, x: RealRange) -> RealRange:
        return RealRange(np.full_like(x.lo, lo), np.full_like(x.hi, hi), False)

    return rule


def _relu(x: Array) -> Array:
    return np.maximum(x, 0)


def _clip(x: Array, lo: float, hi: float) -> Array:
    return np.minimum(np.maximum(x, lo), hi)


_RULES: dict[type[Operation], Callable[..., RealRange]] = {
    nn.ConstantOp: _constant,
    qint.DequantizeOp: _dequantize,
    nn.AddOp: _add,
    nn.SubOp: _add,
    nn.MulOp: _mul,
    nn.DivOp: _div,
    nn.MinOp: _extreme,
    nn.MaxOp: _extreme,
    nn.GreaterEqualOp: _greater_equal,
    nn.FloorOp: _unary(np.floor, integral=True),
    nn.CeilOp: _unary(np.ceil, integral=True),
    nn.TruncOp: _unary(np.trunc, integral=True),
    nn.RoundOp: _unary(np.rint, integral=True),
    nn.ReluOp: _unary(_relu, integral=False),
    nn.ClipOp: _unary(_clip, integral=False),
    nn.NegOp: _neg,
    nn.SigmoidOp: _bounded(0, 1),
    nn.HardSigmoidOp: _bounded(0, 1),
    nn.TanhOp: _bounded(-1, 1),
    nn.TransposeOp: _transpose,
    nn.ReshapeOp: _merged,
    nn.SliceOp: _merged,
    nn.ConcatOp: _merged,
    nn.TensorScatterOp: _tensor_scatter,
    nn.WhereOp: _where,
    nn.DepthToSpaceOp: _merged,
    nn.ResizeNearestOp: _merged,
    nn.PadOp: _pad,
    nn.MaxPoolOp: _max_pool,
    nn.AveragePoolOp: _average_pool,
    nn.ConvOp: _conv,
    nn.MatMulOp: _matmul,
}

_NEVER_ROUNDED = frozenset(
    (nn.ConstantOp, nn.MinOp, nn.MaxOp, nn.GreaterEqualOp, nn.ReluOp, nn.ClipOp, nn.NegOp)
)
"""Operations whose float32 result is the exact one."""

"""Bounds of integers channel by channel, tighter than the one range of a type."""

from xdsl.ir import SSAValue

from qcompiler.arith.arrays import IntArray, per_channel
from qcompiler.dialects import qint
from qcompiler.dialects.attributes import shape_of


def channel_ranges(value: SSAValue, axis: int) -> tuple[IntArray, IntArray]:
    """Returns the smallest and largest value per channel along `axis`, each of shape [channels].

    A product with constant weights is bounded by the column of weights that makes each channel;
    so is a convolution.
    """
    bounds, channels = qint.range_of(value.type), shape_of(value.type)[axis]
    owner = value.owner
    if axis == len(shape_of(value.type)) - 1:
        if isinstance(owner, qint.MatMulOp) and isinstance(owner.rhs.owner, qint.ConstantOp):
            weights = owner.rhs.owner
            if weights.array.ndim == 2:
                return weights.sum_bounds(qint.range_of(owner.lhs.type))
        if isinstance(owner, qint.ConvOp) and isinstance(owner.weights.owner, qint.ConstantOp):
            return owner.weights.owner.sum_bounds(owner.padded_range)
    lo, hi = (per_channel(end, channels) for end in (bounds.lo, bounds.hi))
    return lo, hi

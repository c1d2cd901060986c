"""Which channels of activations nothing depends on: constant ones, or read by weights of zero."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct, field
from xdsl.ir import Block, Operation, SSAValue

from qcompiler.analysis.channel_bounds import channel_bounds
from qcompiler.arith.arrays import BoolArray, IntArray, indices
from qcompiler.arith.ranges import ChannelRanges
from qcompiler.dialects import qint
from qcompiler.dialects.attributes import shape_of

_MORE = 8
"""One dead channel in so many may stay, where the number of those left then has more divisors."""


class Bundle(Struct, eq=False):
    """Channels that go from products through operations on each of them to other products.

    Attributes:
        channels: how many.
        values: tensors that have them along their last axis, perhaps several times.
        free: whether nothing but products and such operations knows of them.
        kept: places of those that stay, in order.
    """

    channels: int
    values: list[SSAValue] = field(default_factory=list[SSAValue])
    free: bool = True
    kept: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))

    def places(self, value: SSAValue) -> IntArray:
        """Returns the places along a value's last axis that stay."""
        times = shape_of(value.type)[-1] // self.channels
        starts = np.arange(times, dtype=np.int64)[:, None] * self.channels
        return (starts + self.kept).reshape(-1)


class DeadChannels:
    """The channels of a function, in bundles, and which of them stay.

    Attributes:
        bounds: of each channel of each tensor.
        bundles: those that lose channels.
    """

    def __init__(self, block: Block):
        self.bounds = channel_bounds(block)
        self._bundle: dict[SSAValue, Bundle] = {}
        for value in block.args:
            self._begin(value, free=False)
        for op in block.ops:
            self._follow(op)
        every = list(dict.fromkeys(self._bundle.values()))
        for bundle in every:
            bundle.kept = np.arange(bundle.channels, dtype=np.int64)
        for bundle in reversed(every):  # products behind it have told what they keep
            if bundle.free:
                bundle.kept = self._kept(bundle)
        self.bundles = [b for b in every if len(b.kept) < b.channels]

    def of(self, value: SSAValue) -> Bundle | None:
        """Returns the bundle of a tensor, None of weights and of what has no channels."""
        return self._bundle.get(value)

    def constants(self, op: qint.IntegerOp) -> IntArray:
        """Returns what the inputs that a product loses add to each output that it keeps."""
        value, weights = op.operands[0], op.mixing_weights
        assert weights is not None, "it is a product"
        bundle, made = self._bundle[value], self._bundle[op.results[0]]
        lost = np.setdiff1d(indices(0, weights.shape[1]), bundle.places(value))
        sums = weights[:, lost].sum(axis=0, dtype=np.int64)
        return self.bounds[value].lo[lost] @ sums[:, made.places(op.results[0])]

    def _begin(self, value: SSAValue, *, free: bool) -> None:
        if value in self.bounds:
            self._bundle[value] = Bundle(shape_of(value.type)[-1], [value], free)

    def _follow(self, op: Operation) -> None:
        if isinstance(op, qint.IntegerOp) and self._mixes(op):
            self._begin(op.results[0], free=True)
        elif not (isinstance(op, qint.IntegerOp) and op.carries_channels and self._joins(op)):
            for value in op.operands:
                self._pin(value)
            for value in op.results:
                self._begin(value, free=False)

    def _mixes(self, op: qint.IntegerOp) -> bool:
        if op.mixing_weights is None:
            return False
        return op.operands[0] in self._bundle and op.results[0] in self.bounds

    def _pin(self, value: SSAValue) -> None:
        if value in self._bundle:
            self._bundle[value].free = False

    def _joins(self, op: qint.IntegerOp) -> bool:
        """Adds the result of an operation to its operands' bundle, if they have one together."""
        made = op.results[0]
        found = [self._bundle.get(value) for value in carried(op)]
        first = found[0]
        if first is None or made not in self.bounds:
            return False
        extents = {shape_of(value.type)[-1] for value in (*carried(op), made)}
        same = all(one is not None and one.channels == first.channels for one in found)
        if not same or any(extent % first.channels for extent in extents):
            return False
        for other in found:
            if other is not None and other is not first:
                self._merge(first, other)
        first.values.append(made)
        self._bundle[made] = first
        return True

    def _merge(self, one: Bundle, other: Bundle) -> None:
        one.values += other.values
        one.free &= other.free
        for value in other.values:
            self._bundle[value] = one

    def _kept(self, bundle: Bundle) -> IntArray:
        needed = np.zeros(bundle.channels, np.bool_)
        for value in bundle.values:
            for use in value.uses:
                op = use.operation
                if isinstance(op, qint.IntegerOp) and op.mixing_weights is not None:
                    rows = self._needed_rows(op, value)
                    needed |= rows.reshape(-1, bundle.channels).any(axis=0)
        count = _count(int(needed.sum()), bundle.channels)
        dead = np.flatnonzero(~needed)
        return np.sort(np.concatenate([np.flatnonzero(needed), dead[: count - needed.sum()]]))

    def _needed_rows(self, op: qint.IntegerOp, value: SSAValue) -> BoolArray:
        """Returns which inputs of a product what it keeps depends on, [inputs]."""
        weights = op.mixing_weights
        assert weights is not None, "it is a product"
        made = self._bundle[op.results[0]]
        whole = len(made.kept) == made.channels
        columns = weights if whole else weights[..., made.places(op.results[0])]
        return (columns != 0).any(axis=(0, 2)) & ~self._is_known(op, self.bounds[value])

    def _is_known(self, op: qint.IntegerOp, given: ChannelRanges) -> BoolArray:
        """Returns which inputs of a product add the same to all its sums, [inputs]."""
        constant = given.constant
        if isinstance(op, qint.Windowed) and op.is_padded:
            constant &= given.lo == op.pad_value.value.data
        offsets = all(takes_offset(use.operation) for use in op.results[0].uses)
        return constant if offsets else constant & (given.lo == 0)


def carried(op: qint.IntegerOp) -> Sequence[SSAValue]:
    """Returns the operands whose channels an operation carries: all but constant weights."""
    return op.operands[:1] if isinstance(op, qint.ConvOp) else op.operands


def takes_offset(op: Operation) -> bool:
    """Whether an integer for each channel may be added to what an operation takes."""
    if not isinstance(op, qint.RequantizeOp) or not op.carries_channels:
        return False
    first = [use.operation for use in op.scalar_body.argument.uses]
    maps = [inner for inner in op.scalar_body.operations if isinstance(inner, qint.AffineOp)]
    return not maps or first == maps


def _count(needed: int, channels: int) -> int:
    """Returns how many channels stay: foldings divide them, so a few more may be better."""
    least = max(1, needed)
    most = min(channels, least + least // _MORE)
    return max(range(least, most + 1), key=lambda n: (_divisors(n), -n))


def _divisors(number: int) -> int:
    return int((number % np.arange(1, number + 1) == 0).sum())

"""What units that multiply by weights share, wherever the weights come from."""

from abc import abstractmethod

from xdsl.dialects.builtin import SymbolRefAttr
from xdsl.ir import SSAValue
from xdsl.irdl import operand_def, opt_operand_def, prop_def
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.ranges import IntRange, dot_range
from qcompiler.dialects.attributes import Array
from qcompiler.dialects.qint.linear import product_range
from qcompiler.dialects.stream.channel import ChannelType, channel_of, set_lanes
from qcompiler.dialects.stream.process import Process
from qcompiler.dialects.stream.weights import WeightsOp, find_weights
from qcompiler.dialects.stream.windows import Foldable


class WeightBringer(Process):
    """What the weights of a unit come from."""

    @property
    @abstractmethod
    def is_writable(self) -> bool:
        """Whether the host writes them, so that others than those there are may come."""


class Weighted(Foldable):
    """A unit that multiplies by weights.

    They are constants of its hardware; or, with a `source`, they come in the order of use, a beat
    of PE * SIMD: all of them for each vector.
    """

    weights = prop_def(SymbolRefAttr)
    input = operand_def(ChannelType)  # again: it comes before the source
    source = opt_operand_def(ChannelType)

    @property
    def weights_op(self) -> WeightsOp:
        """The operation that holds the weights."""
        return find_weights(self, self.weights)

    @property
    def source_channel(self) -> ChannelType | None:
        """What the weights come through; None where they are constants."""
        return None if self.source is None else channel_of(self.source)

    @property
    def weight_range(self) -> IntRange:
        """Every weight that may come; of constants, of those that there are."""
        channel = self.source_channel
        return self.weights_op.range if channel is None else channel.element.range

    @property
    @abstractmethod
    def weight_uses(self) -> int:
        """How many times a frame all weights are used."""

    @abstractmethod
    def weight_words(self, matrix: Array) -> Array:
        """Returns weights in the order of use, [words, PE * SIMD]; SIMD of an output side by side.

        Args:
            matrix: as `stream.weights` has them.
        """

    @property
    def may_change(self) -> bool:
        """Whether other weights than those there are may come."""
        value = self.source
        while value is not None:
            if isinstance(value.owner, WeightBringer):
                return value.owner.is_writable
            value = _before(value)
        return False

    @property
    def inferred_range(self) -> IntRange:
        given = self.input_channel.element.range
        if self.may_change:
            return product_range(given, self.weight_range, self.terms)
        lo, hi = dot_range(self.weights_op.array, given)
        return IntRange(int(lo.min()), int(hi.max()))

    @property
    def wanted_lanes(self) -> tuple[int, ...]:
        if self.source is None:
            return (self.input_lanes,)
        pe, simd = self.folding
        return self.input_lanes, pe * simd

    @property
    def memory_bits(self) -> int:
        return super().memory_bits if self.source is None else 0

    def is_constant(self, pe: int, simd: int) -> bool:
        return self.source is None and self.is_whole(pe, simd)

    @abstractmethod
    def is_whole(self, pe: int, simd: int) -> bool:
        """Whether a folding uses all weights in each cycle."""

    def allows(self, pe: int, simd: int) -> bool:
        return self.source is None or not self.is_whole(pe, simd)

    def fold(self, pe: int, simd: int) -> None:
        super().fold(pe, simd)
        value = self.source
        while value is not None:
            set_lanes(value, pe * simd)
            value = _before(value)

    def verify_source(self) -> None:
        """Checks that what the weights come through holds them.

        Raises:
            VerifyException: it does not, or the weights there are lie beyond its range.
        """
        channel = self.source_channel
        if channel is None:
            return
        frame = self.weight_uses, self.weights_op.values.size
        if channel.frame_shape != frame:
            raise VerifyException(
                f"weights must come as {list(frame)} (uses, weights), got {channel}"
            )
        have = self.weights_op.range
        if not channel.element.range.contains(have):
            raise VerifyException(
                f"weights lie in [{have.lo}, {have.hi}], beyond what comes, {channel}"
            )


def _before(value: SSAValue) -> SSAValue | None:
    """Returns what a buffer takes; None for what no buffer makes."""
    owner = value.owner
    return owner.operands[0] if isinstance(owner, Process) and owner.is_buffer else None

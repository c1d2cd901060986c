"""What an operation on integers says of itself."""

from collections.abc import Sequence
from enum import Enum
from typing import ClassVar

from xdsl.irdl import IRDLOperation

from qcompiler.arith.ranges import ChannelRanges, IntRange
from qcompiler.dialects.attributes import Array


class Hardware(Enum):
    """When hardware does an operation, and not the host."""

    NEVER = "it is there before anything is done"
    ALWAYS = "it is why there is hardware: arithmetic, and moving integers about"
    ALONE = "if nothing else is to be done, and between others"
    BETWEEN = "between others only"


class IntegerOp(IRDLOperation):
    """An operation whose operands and results are integers, of which a network is made.

    A subclass says what is not as here.
    """

    HARDWARE: ClassVar[Hardware] = Hardware.ALWAYS

    @property
    def inferred_range(self) -> IntRange | None:
        """Bounds of the result by those of the operands; None where its own type decides.

        Raises:
            ValueError: they do not fit 63 bits.
        """
        return None

    def channel_ranges(self, given: Sequence[ChannelRanges]) -> ChannelRanges | None:
        """Returns bounds of each channel of the result; None if no more is known than its type.

        Args:
            given: of each operand, along its last axis.
        """
        return None

    @property
    def carries_channels(self) -> bool:
        """Whether each channel of the result depends on the same channel of each operand alone.

        Channels are along the last axis: all of them, perhaps several times one after the other.
        """
        return False

    def keep_channels(self, kept: Array) -> None:
        """Drops the parameters of all channels but some, where it carries channels.

        Args:
            kept: their places along the last axis of the result, which has its old type still.
        """

    @property
    def mixing_weights(self) -> Array | None:
        """Constant weights [taps, inputs, outputs] of a product that sums over all channels."""
        return None

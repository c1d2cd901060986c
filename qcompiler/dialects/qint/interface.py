"""What an operation on integers says of itself."""

from enum import Enum
from typing import ClassVar

from xdsl.irdl import IRDLOperation

from qcompiler.arith.ranges import IntRange


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

"""A tensor while importing, and what says that a node cannot be imported."""

from typing import TypeAlias

from xdsl.ir import SSAValue

from qcompiler.dialects.attributes import Array

Value: TypeAlias = SSAValue | Array
"""A tensor while importing: computed when the network runs, or known when it is compiled."""


class RefusalError(Exception):
    """A node or tensor cannot be imported; the walk turns it into a `Problem`.

    Attributes:
        what: the reason, with the offending value and the limit.
        remedy: what the user can do about it.
    """

    def __init__(self, what: str, remedy: str):
        self.what = what
        self.remedy = remedy
        super().__init__(f"{what}; {remedy}")

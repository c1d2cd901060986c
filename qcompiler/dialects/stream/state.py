"""The process that keeps what one frame leaves for the next."""

from collections.abc import Sequence

import numpy as np
from xdsl.ir import SSAValue
from xdsl.irdl import (
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
)
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import Array, DenseAttr, int_dense, numpy_from_dense
from qcompiler.dialects.qint.types import IntType
from qcompiler.dialects.stream.channel import ChannelType, channel_of
from qcompiler.dialects.stream.process import Facts, Process
from qcompiler.dialects.stream.schedule import Schedule

RESTART = ChannelType(IntType(0, 1), [1], 1)
"""A number for each frame: 1 where a sequence begins, whose states are those before the first."""

_FRAMES = 2
"""Frames that are stored: the one that is read, and the one that is left meanwhile."""


@irdl_op_definition
class StateOp(Process):
    """Gives each frame what the one before left; `initial` to the first, and where `restart` is 1.

    Two frames are stored, so that a frame can leave all of its state before the next reads it.

    Example: `%s = stream.state %left, %restart {initial = dense<0> : tensor<2xi8>}
        : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>,
           !stream.channel<!qint.int<0, 1>, frame = [1], lanes = 1>)
        -> !stream.channel<!qint.int<0, 7>, frame = [2], lanes = 1>`
    """

    name = "stream.state"
    left = operand_def(ChannelType)
    restart = operand_def(ChannelType)
    initial = prop_def(DenseAttr)
    result = result_def(ChannelType)
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$left `,` $restart attr-dict `:` functional-type(operands, results)"

    def __init__(self, left: SSAValue, restart: SSAValue, initial: Array, made: ChannelType):
        super().__init__(
            operands=[left, restart],
            properties={"initial": int_dense(initial.reshape(-1))},
            result_types=[made],
        )

    @property
    def first(self) -> Array:
        """What the first frame gets, int64, one entry an element."""
        return numpy_from_dense(self.initial).astype(np.int64)

    @property
    def made(self) -> ChannelType:
        """The type of the result."""
        return channel_of(self.result)

    @property
    def stored_beats(self) -> int:
        """Beats that its memory holds."""
        return _FRAMES * self.made.beats

    @property
    def wanted_lanes(self) -> tuple[int, ...]:
        return self.made.lanes.data, 1

    @property
    def memory_bits(self) -> int:
        return self.stored_beats * channel_of(self.left).width_bits

    @property
    def inferred_range(self) -> IntRange:
        first = self.first
        return channel_of(self.left).element.range.union(
            IntRange(int(first.min()), int(first.max()))
        )

    @property
    def headline(self) -> str:
        return f"keeps {self.first.size} integers from frame to frame"

    @property
    def facts(self) -> Facts:
        return {"state": self.first.size}

    def schedule(self) -> Schedule:
        beats = np.arange(self.made.beats, dtype=np.int64)
        return Schedule(len(beats), (beats, np.zeros(1, np.int64)), (beats,), latency=2)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        """Frames of a batch follow one another, from the first one on."""
        left, restart = inputs
        first = self.first.reshape(self.made.frame_shape)
        made = np.concatenate([first[None], left[:-1].reshape(-1, *first.shape)])
        made[restart.reshape(-1) == 1] = first
        return (made,)

    def verify_(self) -> None:
        given, made = channel_of(self.left), self.made
        if self.restart.type != RESTART:
            raise VerifyException(f"restart must be {RESTART}, got {self.restart.type}")
        size = made.beats * made.lanes.data
        if self.first.size != size or given.beats * given.lanes.data != size:
            raise VerifyException(
                f"initial has {self.first.size} integers, and {given} comes, for {made}"
            )

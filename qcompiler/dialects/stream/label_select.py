"""The selection of a class."""

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import BoolAttr
from xdsl.ir import SSAValue
from xdsl.irdl import ParsePropInAttrDict, irdl_op_definition, prop_def
from xdsl.utils.exceptions import VerifyException

from qcompiler.dialects.attributes import Array
from qcompiler.dialects.qint.select import positions
from qcompiler.dialects.qint.types import IntType
from qcompiler.dialects.stream.channel import ChannelType, channel_of
from qcompiler.dialects.stream.process import Pipe
from qcompiler.dialects.stream.schedule import Schedule


@irdl_op_definition
class LabelSelectOp(Pipe):
    """Sends the position of each row's largest element: of equals the first one, or the last.

    Example: `%y = stream.label_select %x {last = false}
        : (!stream.channel<!qint.int<-8, 7>, frame = [10], lanes = 2>)
        -> !stream.channel<!qint.int<0, 9>, frame = [1], lanes = 1>`
    """

    name = "stream.label_select"
    last = prop_def(BoolAttr)
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, last: bool = False):
        channel = channel_of(input)
        frame = (*channel.frame_shape[:-1], 1)
        super().__init__(
            operands=[input],
            properties={"last": BoolAttr.from_bool(last)},
            result_types=[ChannelType(IntType(0, max(0, channel.channels - 1)), frame, 1)],
        )

    @property
    def takes_last(self) -> bool:
        """Whether of equals it is the last one."""
        return bool(self.last.value.data)

    @property
    def paced(self) -> bool:
        return True

    @property
    def input_lanes(self) -> int:
        return self.input_channel.lanes.data

    @property
    def steps(self) -> int:
        """Beats of a row."""
        return self.input_channel.channels // self.input_lanes

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (positions(inputs[0], last=self.takes_last),)

    def schedule(self) -> Schedule:
        every = np.arange(self.steps, dtype=np.int64)
        # issue -> operand -> largest of the beat -> largest so far -> output register
        latency = 4 + self.added_latency
        turns = self.output_channel.beats
        return Schedule.pipe(self.steps, every, every[-1:], latency, turns)

    def verify_(self) -> None:
        given, made = self.input_channel, self.output_channel
        if made.frame_shape != (*given.frame_shape[:-1], 1):
            raise VerifyException(f"result must have one position per row of {given}, got {made}")
        if made.element.lo.data > 0 or made.element.hi.data < given.channels - 1:
            raise VerifyException(f"result must hold 0 to {given.channels - 1}, got {made.element}")

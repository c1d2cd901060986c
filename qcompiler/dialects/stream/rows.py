"""Functions of a row as processes: reductions, and integer formulas of elements and reductions."""

from collections.abc import Mapping, Sequence

import numpy as np
from xdsl.dialects.builtin import StringAttr
from xdsl.ir import SSAValue
from xdsl.irdl import (
    ParsePropInAttrDict,
    irdl_op_definition,
    prop_def,
    result_def,
    var_operand_def,
)
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.formula import Formula
from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import Array
from qcompiler.dialects.qint.rows import (
    REDUCTIONS,
    WithFormula,
    formula_properties,
    formula_shape,
    reduced,
    reduced_range,
)
from qcompiler.dialects.qint.types import IntType
from qcompiler.dialects.stream.channel import ChannelType, channel_of
from qcompiler.dialects.stream.joins import Join
from qcompiler.dialects.stream.process import Pipe
from qcompiler.dialects.stream.schedule import Schedule


@irdl_op_definition
class RowReduceOp(Pipe):
    """Reduces each row of a frame to its largest or smallest element, or their sum.

    Example: `%y = stream.row_reduce %x "sum"
        : (!stream.channel<!qint.int<-8, 7>, frame = [3, 4], lanes = 2>)
        -> !stream.channel<!qint.int<-32, 28>, frame = [3, 1], lanes = 1>`
    """

    name = "stream.row_reduce"
    kind = prop_def(StringAttr)
    assembly_format = "$input $kind attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, kind: str):
        channel = channel_of(input)
        bounds = reduced_range(kind, channel.element.range, channel.channels)
        made = ChannelType(IntType(bounds.lo, bounds.hi), (*channel.frame_shape[:-1], 1), 1)
        super().__init__(
            operands=[input], properties={"kind": StringAttr(kind)}, result_types=[made]
        )

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

    @property
    def headline(self) -> str:
        return f"{self.kind.data} of {self.input_channel.channels} elements"

    @property
    def inferred_range(self) -> IntRange:
        given = self.input_channel
        return reduced_range(self.kind.data, given.element.range, given.channels)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (reduced(self.kind.data, inputs[0]),)

    def schedule(self) -> Schedule:
        every = np.arange(self.steps, dtype=np.int64)
        # issue -> operand -> that of the beat -> that of the row -> output register
        latency = 4 + self.added_latency
        return Schedule.pipe(self.steps, every, every[-1:], latency, self.output_channel.beats)

    def verify_(self) -> None:
        given, made = self.input_channel, self.output_channel
        if self.kind.data not in REDUCTIONS:
            raise VerifyException(
                f"kind must be one of {', '.join(REDUCTIONS)}, got {self.kind.data}"
            )
        if made.frame_shape != (*given.frame_shape[:-1], 1):
            raise VerifyException(f"rows of {given} do not reduce to {made}")


@irdl_op_definition
class FormulaOp(WithFormula, Join):
    """Computes an integer formula of elements in equal places, beat by beat.

    Operands are called a, b, c and so on. One with rows of one element gives that to all elements
    of the row: it is taken with the row's first beat and kept. `qcompiler.arith.formula` says what
    a formula may hold.

    Example: `%y = stream.formula %x, %m "t[max(b - a, 0)]" {t = dense<[8, 4, 2, 1]>
        : tensor<4xi8>} : (!stream.channel<!qint.int<0, 3>, frame = [3, 4], lanes = 2>,
        !stream.channel<!qint.int<0, 3>, frame = [3, 1], lanes = 1>)
        -> !stream.channel<!qint.int<1, 8>, frame = [3, 4], lanes = 2>`
    """

    name = "stream.formula"
    inputs = var_operand_def(ChannelType)
    result = result_def(ChannelType)
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$inputs $text attr-dict `:` functional-type(operands, results)"

    def __init__(
        self,
        inputs: Sequence[SSAValue],
        text: str,
        element: IntType,
        tables: Mapping[str, Array] | None = None,
    ):
        frame = formula_shape([channel_of(value).frame_shape for value in inputs])
        super().__init__(
            operands=[list(inputs)],
            properties=formula_properties(text, tables or {}),
            result_types=[ChannelType(element, frame, 1)],
        )

    @property
    def output_channel(self) -> ChannelType:
        """The type of the result."""
        return channel_of(self.result)

    @property
    def formula(self) -> Formula:
        """The formula on the channels as they are."""
        ranges = [channel.element.range for channel in self.input_channels]
        return self.formula_on(ranges, self.output_channel.frame_shape)

    @property
    def steps(self) -> int:
        """Beats of a row."""
        return self.output_channel.channels // self.output_channel.lanes.data

    @property
    def per_row(self) -> tuple[bool, ...]:
        """For each input whether a row has one element of it, which all others share."""
        row = self.output_channel.channels
        return tuple(channel.channels < row for channel in self.input_channels)

    @property
    def wanted_lanes(self) -> tuple[int, ...]:
        lanes = self.output_channel.lanes.data
        return tuple(1 if once else lanes for once in self.per_row)

    @property
    def early(self) -> bool:
        # What it joins was the same row before: neither way has time to spare.
        return False

    @property
    def largest_lanes(self) -> int:
        return self.output_channel.channels

    @property
    def memory_bits(self) -> int:
        looked_up = [step for step in self.formula.steps if step.kind == "table"]
        bits = sum(len(step.table) * step.range.width_bits for step in looked_up)
        return self.output_channel.lanes.data * bits

    @property
    def headline(self) -> str:
        return f"y = {self.text.data}"

    @property
    def inferred_range(self) -> IntRange:
        return self.formula.range

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (self.formula.evaluate(inputs),)

    def schedule(self) -> Schedule:
        # issue -> operands -> the formula's own registers -> output register
        latency = 2 + self.formula.stages
        every, first = np.arange(self.steps, dtype=np.int64), np.zeros(1, np.int64)
        consume = tuple(first if once else every for once in self.per_row)
        turns = self.output_channel.beats // self.steps
        return Schedule(self.steps, consume, (every,), latency, turns)

    def verify_(self) -> None:
        frame = formula_shape([channel.frame_shape for channel in self.input_channels])
        if self.output_channel.frame_shape != frame:
            raise VerifyException(f"result must have frame {list(frame)}, got {self.result.type}")
        _ = self.formula

"""Processes where paths part and meet again."""

from collections.abc import Sequence
from functools import reduce

import numpy as np
from xdsl.dialects.builtin import I64, DenseArrayBase, IntegerAttr, i64
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def, var_operand_def
from xdsl.irdl import var_result_def as var_results
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.arrays import integers
from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import Array
from qcompiler.dialects.qint import joins
from qcompiler.dialects.qint.linear import AffineOp
from qcompiler.dialects.qint.types import IntType
from qcompiler.dialects.stream.channel import ChannelType, channel_of, divisors, set_lanes
from qcompiler.dialects.stream.process import Beat, Process, follow_input, reader_lanes
from qcompiler.dialects.stream.schedule import Schedule


@irdl_op_definition
class DuplicateOp(Process):
    """Sends every beat to several processes; each output has a register slice of its own.

    Example: `%a, %b = stream.duplicate %x
        : (!stream.channel<!qint.int<0, 3>, frame = [16], lanes = 2>)
        -> (!stream.channel<!qint.int<0, 3>, frame = [16], lanes = 2>,
        !stream.channel<!qint.int<0, 3>, frame = [16], lanes = 2>)`
    """

    name = "stream.duplicate"
    input = operand_def(ChannelType)
    copies = var_results(ChannelType)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, count: int):
        super().__init__(operands=[input], result_types=[[input.type] * count])

    @property
    def takes_pixels(self) -> bool:
        return True

    @property
    def is_beatwise(self) -> bool:
        return True

    def beat(self, inputs: Sequence[SSAValue]) -> Beat:
        return [], [inputs[0]] * len(self.copies)

    def first_lanes(self, channel: ChannelType, target_cycles: int) -> int:
        return max(reader_lanes(copy, target_cycles) for copy in self.copies)

    def follow(self, target_cycles: int) -> None:
        follow_input(self, target_cycles)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (inputs[0],) * len(self.results)

    def schedule(self) -> Schedule:
        return Schedule.beat_by_beat(self, 1)

    def verify_(self) -> None:
        if len(self.copies) < 2:
            raise VerifyException(f"a duplicate needs at least two outputs, got {len(self.copies)}")
        if any(copy.type != self.input.type for copy in self.copies):
            raise VerifyException(f"all outputs must have the input's type {self.input.type}")


def _verify_elementwise(process: Process) -> None:
    made = process.output_channels[0]
    for given in process.input_channels:
        if given.frame != made.frame:
            raise VerifyException(f"input {given} and result {made} must have equal frames")


class Join(Process):
    """A process where several paths meet."""

    def follow(self, target_cycles: int) -> None:
        (made,) = self.output_channels
        legal = self.largest_lanes
        least = made.enough_lanes(target_cycles)
        given = sorted(channel.lanes.data for channel in self.input_channels)
        wanted = next((lanes for lanes in given if lanes >= least), least)
        set_lanes(self.results[0], next((d for d in divisors(legal) if d >= wanted), legal))


@irdl_op_definition
class AddOp(Join):
    """Adds multiples beat by beat, `y = m[0] * a + m[1] * b`; waits for both inputs.

    Example: `%y = stream.add %a, %b multipliers [3, 1]
        : (!stream.channel<!qint.int<0, 3>, frame = [16], lanes = 2>,
        !stream.channel<!qint.int<0, 3>, frame = [16], lanes = 2>)
        -> !stream.channel<!qint.int<0, 12>, frame = [16], lanes = 2>`
    """

    name = "stream.add"
    lhs = operand_def(ChannelType)
    rhs = operand_def(ChannelType)
    multipliers = prop_def(DenseArrayBase.constr(i64))
    result = result_def(ChannelType)
    assembly_format = (
        "$lhs `,` $rhs `multipliers` $multipliers attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        element: IntType,
        multipliers: tuple[int, int] = (1, 1),
    ):
        channel = channel_of(lhs)
        result = ChannelType(element, channel.frame_shape, channel.lanes.data)
        super().__init__(
            operands=[lhs, rhs],
            properties={"multipliers": DenseArrayBase.from_list(i64, multipliers)},
            result_types=[result],
        )

    @property
    def factors(self) -> tuple[int, int]:
        """The multiplier of each operand."""
        first, second = self.multipliers.get_values()
        return first, second

    @property
    def is_beatwise(self) -> bool:
        return True

    def beat(self, inputs: Sequence[SSAValue]) -> Beat:
        terms = [
            AffineOp(value, integers([factor]), integers([0]))
            for value, factor in zip(inputs, self.factors, strict=True)
        ]
        made = joins.AddOp(terms[0].result, terms[1].result)
        return [*terms, made], [made.result]

    @property
    def multiplies(self) -> bool:
        """Whether a multiplier is no power of two, so that products get registers of their own."""
        return any(abs(factor) & (abs(factor) - 1) for factor in self.factors)

    @property
    def headline(self) -> str:
        return "y = {} * in0 + {} * in1".format(*self.factors)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        first, second = self.factors
        return (first * inputs[0] + second * inputs[1],)

    def schedule(self) -> Schedule:
        # (operands -> products ->) sum -> output register
        return Schedule.beat_by_beat(self, (4 if self.multiplies else 2) + self.added_latency)

    @property
    def inferred_range(self) -> IntRange:
        lhs, rhs = (
            channel.element.range * IntRange(factor, factor)
            for channel, factor in zip(self.input_channels, self.factors, strict=True)
        )
        return lhs + rhs

    def verify_(self) -> None:
        _verify_elementwise(self)
        if len(self.multipliers.get_values()) != 2:
            raise VerifyException(f"an addition has two multipliers, got {self.multipliers}")


@irdl_op_definition
class MulOp(Join):
    """Multiplies beat by beat; waits for both inputs.

    Example: `%y = stream.mul %a, %b
        : (!stream.channel<!qint.int<0, 3>, frame = [16], lanes = 2>,
        !stream.channel<!qint.int<0, 3>, frame = [16], lanes = 2>)
        -> !stream.channel<!qint.int<0, 9>, frame = [16], lanes = 2>`
    """

    name = "stream.mul"
    lhs = operand_def(ChannelType)
    rhs = operand_def(ChannelType)
    result = result_def(ChannelType)
    assembly_format = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)"

    def __init__(self, lhs: SSAValue, rhs: SSAValue, element: IntType):
        channel = channel_of(lhs)
        result = ChannelType(element, channel.frame_shape, channel.lanes.data)
        super().__init__(operands=[lhs, rhs], result_types=[result])

    @property
    def is_beatwise(self) -> bool:
        return True

    def beat(self, inputs: Sequence[SSAValue]) -> Beat:
        made = joins.MulOp(*inputs)
        return [made], [made.result]

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (inputs[0] * inputs[1],)

    def schedule(self) -> Schedule:
        return Schedule.beat_by_beat(self, 3)  # operands first

    @property
    def inferred_range(self) -> IntRange:
        lhs, rhs = (channel.element.range for channel in self.input_channels)
        return lhs * rhs

    def verify_(self) -> None:
        _verify_elementwise(self)


@irdl_op_definition
class ConcatOp(Join):
    """Sends frames of several inputs as one: along `axis`, first the elements of the first input.

    It takes beats from one input after another; or, along the last axis, where a beat of the result
    holds all channels, a beat of each input at once.

    Example: `%y = stream.concat %a, %b axis 2
        : (!stream.channel<!qint.int<0, 3>, frame = [2, 2, 4], lanes = 2>,
        !stream.channel<!qint.int<0, 3>, frame = [2, 2, 4], lanes = 2>)
        -> !stream.channel<!qint.int<0, 3>, frame = [2, 2, 8], lanes = 2>`
    """

    name = "stream.concat"
    inputs = var_operand_def(ChannelType)
    axis = prop_def(IntegerAttr[I64])
    result = result_def(ChannelType)
    assembly_format = "$inputs `axis` $axis attr-dict `:` functional-type(operands, results)"

    def __init__(
        self, inputs: Sequence[SSAValue], axis: int, element: IntType, lanes: int | None = None
    ):
        shapes = [channel_of(value).frame_shape for value in inputs]
        frame = list(shapes[0])
        frame[axis] = sum(shape[axis] for shape in shapes)
        super().__init__(
            operands=[list(inputs)],
            properties={"axis": IntegerAttr(axis, i64)},
            result_types=[ChannelType(element, frame, lanes or channel_of(inputs[0]).lanes.data)],
        )

    @property
    def is_whole(self) -> bool:
        """Whether a beat of the result holds all channels, side by side."""
        (made,) = self.output_channels
        last = self.axis.value.data == len(made.frame_shape) - 1
        return last and len(self.inputs) > 1 and made.lanes.data == made.channels

    @property
    def wanted_lanes(self) -> tuple[int, ...]:
        return (
            tuple(c.channels for c in self.input_channels)
            if self.is_whole
            else super().wanted_lanes
        )

    def follow(self, target_cycles: int) -> None:
        (made,) = self.output_channels
        last = self.axis.value.data == len(made.frame_shape) - 1
        if last and made.enough_lanes(target_cycles) > self.largest_lanes:
            set_lanes(self.result, made.channels)
        else:
            super().follow(target_cycles)

    @property
    def is_beatwise(self) -> bool:
        return self.is_whole

    def beat(self, inputs: Sequence[SSAValue]) -> Beat:
        made = joins.ConcatOp(inputs, 1)
        return [made], [made.result]

    @property
    def runs(self) -> tuple[int, ...]:
        """Beats that are taken from each input in turn, again and again."""
        lanes = self.output_channels[0].lanes.data
        axis = self.axis.value.data
        return tuple(
            int(np.prod(c.frame_shape[axis:], dtype=object)) // lanes for c in self.input_channels
        )

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (np.concatenate(inputs, axis=self.axis.value.data + 1),)

    def schedule(self) -> Schedule:
        if self.is_whole:
            return Schedule.beat_by_beat(self, 2)
        turn = np.arange(sum(self.runs), dtype=np.int64)
        ends = np.cumsum(self.runs)
        consume = tuple(turn[end - run : end] for run, end in zip(self.runs, ends, strict=True))
        turns = self.output_channels[0].beats // len(turn)
        return Schedule(len(turn), consume, (turn,), 2, turns)

    @property
    def inferred_range(self) -> IntRange:
        first, *others = (channel.element.range for channel in self.input_channels)
        return reduce(IntRange.union, others, first)

    def verify_(self) -> None:
        made, axis = self.output_channels[0], self.axis.value.data
        shapes = [list(c.frame_shape) for c in self.input_channels]
        if not 0 <= axis < len(made.frame_shape):
            raise VerifyException(f"axis must be in [0, {len(made.frame_shape) - 1}], got {axis}")
        expected = list(shapes[0])
        expected[axis] = sum(shape[axis] for shape in shapes)
        rest = {tuple(shape[:axis] + shape[axis + 1 :]) for shape in shapes}
        if len(rest) != 1 or list(made.frame_shape) != expected:
            raise VerifyException(f"frames {shapes} do not join along axis {axis} to {made}")
        if not self.is_whole and any(shape[-1] % made.lanes.data for shape in shapes):
            raise VerifyException(f"lanes of {made} must divide the channels of every input")

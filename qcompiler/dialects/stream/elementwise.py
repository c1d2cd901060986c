"""Processes that look at one element, or at none."""

from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace
from xdsl.dialects.builtin import (
    I64,
    IntegerAttr,
    i64,
)
from xdsl.ir import (
    Region,
    SSAValue,
)
from xdsl.irdl import (
    irdl_op_definition,
    prop_def,
    region_def,
)
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import factors_of, rows_of
from qcompiler.arith.turns import Turns
from qcompiler.dialects.attributes import Array
from qcompiler.dialects.qint.requantizers import RequantizerOp, ScalarBody, requantizer_op
from qcompiler.dialects.qint.types import IntType
from qcompiler.dialects.stream.channel import ChannelType, channel_of
from qcompiler.dialects.stream.process import LOGIC, Beat, Facts, Pipe, Process, follow_input
from qcompiler.dialects.stream.schedule import Schedule

_TURNS, _PIECES = "stream.turns", "stream.number_pieces"


@irdl_op_definition
class RequantizeOp(Pipe):
    """Applies a scalar integer function, one per channel, to every element.

    The body is scalar qint arithmetic; parameters with many values are indexed by channel.

    Example: `%y = stream.requantize %x {
        ^bb0(%a : !qint.int<-9, 9>):
          %q = qint.shift %a {shift = 1 : i64, bias = 0 : i64, sign = 1 : i64}
            : (!qint.int<-9, 9>) -> !qint.int<-5, 4>
          qint.yield %q : !qint.int<-5, 4>
        } : (!stream.channel<!qint.int<-9, 9>, frame = [16], lanes = 4>)
        -> !stream.channel<!qint.int<-5, 4>, frame = [16], lanes = 4>`
    """

    name = "stream.requantize"
    body = region_def("single_block")
    assembly_format = "$input $body attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, body: Region, element: IntType):
        channel = channel_of(input)
        super().__init__(
            operands=[input],
            regions=[body],
            result_types=[ChannelType(element, channel.frame_shape, channel.lanes.data)],
        )

    @property
    def scalar_body(self) -> ScalarBody:
        """The body as a scalar function."""
        return ScalarBody(self.body.block)

    @property
    def turns(self) -> Turns:
        """The cycles that a beat takes: in several, a lane multiplies pieces one by one.

        They are the attributes `stream.turns`, the number of cycles, and `stream.number_pieces`,
        into how many pieces the accumulator is cut; select-folding sets them. What logic makes at
        once has that style.
        """
        given = [self.attributes.get(name) for name in (_TURNS, _PIECES)]
        counts = [n.value.data if isinstance(n, IntegerAttr) else 1 for n in given]
        return Turns(*counts, in_logic=counts[0] == 1 and self.style == LOGIC)

    @turns.setter
    def turns(self, turns: Turns) -> None:
        for name, count in ((_TURNS, turns.count), (_PIECES, turns.number_pieces)):
            self.attributes.pop(name, None)
            if count > 1:
                self.attributes[name] = IntegerAttr(count, i64)
        self.style = LOGIC if turns.in_logic else None

    @property
    def factors(self) -> tuple[IntRange, IntRange] | None:
        """The ranges of what is multiplied in a lane, and by what; None without a product."""
        (scalar,) = self.scalar_body.operations
        if not isinstance(scalar, RequantizerOp):
            return None
        return factors_of(scalar.requantizer, self.input_channel.element.range)

    @property
    def facts(self) -> Facts:
        forms = [op.name.removeprefix("qint.") for op in self.scalar_body.operations]
        count = self.turns.count
        turns = {"turns": count} if count > 1 else {}
        return {"form": ", ".join(forms), **turns}

    @property
    def pace(self) -> str:
        beats = self.output_channel.beats
        count = self.turns.count
        return super().pace if count == 1 else f"{beats} beats, {count} cycles each"

    @property
    def is_beatwise(self) -> bool:
        forms = self.scalar_body.operations
        channel = self.input_channel
        return (
            self.turns.count == 1
            and len(forms) == 1
            and isinstance(forms[0], RequantizerOp)
            and forms[0].requantizer.is_logic
            and (channel.lanes.data == channel.channels or rows_of(forms[0].requantizer) == 1)
        )

    def beat(self, inputs: Sequence[SSAValue]) -> Beat:
        (scalar,) = self.scalar_body.operations
        assert isinstance(scalar, RequantizerOp), "it is beatwise"
        made = requantizer_op(scalar.requantizer, inputs[0], scalar.range, 1)
        made.location = scalar.location
        return [made], [made.result]

    def follow(self, target_cycles: int) -> None:
        follow_input(self, target_cycles)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        (value,) = inputs
        for scalar in self.scalar_body.operations:
            assert isinstance(scalar, RequantizerOp)
            value = scalar.requantizer.apply(value, -1)
        return (value,)

    def schedule(self) -> Schedule:
        # issue -> operands -> product or comparisons -> code -> output register
        latency, turns = 4 + self.added_latency, self.turns.count
        once = Schedule.beat_by_beat(self, latency)
        return once if turns == 1 else replace(once, cycles=turns, latency=latency + turns)

    def verify_(self) -> None:
        given, made = self.input_channel, self.output_channel
        if (given.frame, given.lanes) != (made.frame, made.lanes):
            raise VerifyException(f"input {given} and result {made} must differ in element only")
        self.scalar_body.verify([given.element], made.element)
        turns = self.turns
        if min(turns.count, turns.number_pieces) < 1 or turns.count % turns.number_pieces:
            raise VerifyException(
                f"turns must be a multiple of the pieces of the accumulator, got {turns.count} "
                f"and {turns.number_pieces}"
            )
        if turns.count > 1 and ((factors := self.factors) is None or factors[1].lo < 0):
            multiplier = factors and factors[1]
            raise VerifyException(f"turns need a multiplier that is not negative, got {multiplier}")


@irdl_op_definition
class ReshapeOp(Pipe):
    """Gives the same beats another frame: flattens, or adds and drops unit dimensions; only wires.

    Example: `%y = stream.reshape %x
        : (!stream.channel<!qint.int<0, 3>, frame = [2, 2, 4], lanes = 4>)
        -> !stream.channel<!qint.int<0, 3>, frame = [16], lanes = 4>`
    """

    name = "stream.reshape"
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, frame: Sequence[int]):
        channel = channel_of(input)
        super().__init__(
            operands=[input],
            result_types=[ChannelType(channel.element, frame, channel.lanes.data)],
        )

    @property
    def takes_pixels(self) -> bool:
        return True

    @property
    def is_wires(self) -> bool:
        return True

    @property
    def is_beatwise(self) -> bool:
        return True

    def beat(self, inputs: Sequence[SSAValue]) -> Beat:
        return [], inputs

    def follow(self, target_cycles: int) -> None:
        follow_input(self, target_cycles)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (inputs[0].reshape(len(inputs[0]), *self.output_channel.frame_shape),)

    def schedule(self) -> Schedule:
        return Schedule.beat_by_beat(self, 0)

    def verify_(self) -> None:
        given, made = self.input_channel, self.output_channel
        elements = given.with_lanes(1).beats, made.with_lanes(1).beats
        if given.element != made.element or elements[0] != elements[1]:
            raise VerifyException(f"input {given} and result {made} must hold the same elements")


@irdl_op_definition
class WidthAdapterOp(Pipe):
    """Changes the number of lanes (DWC, data-width converter); one count divides the other.

    Example: `%y = stream.width_adapter %x
        : (!stream.channel<!qint.int<0, 3>, frame = [16], lanes = 2>)
        -> !stream.channel<!qint.int<0, 3>, frame = [16], lanes = 8>`
    """

    name = "stream.width_adapter"
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, lanes: int):
        super().__init__(operands=[input], result_types=[channel_of(input).with_lanes(lanes)])

    @property
    def takes_pixels(self) -> bool:
        return True

    @property
    def is_buffer(self) -> bool:
        return True

    @property
    def input_lanes(self) -> int:
        return self.input_channel.lanes.data

    @property
    def ratio(self) -> int:
        """How many narrow beats make a wide one."""
        lanes = self.input_channel.lanes.data, self.output_channel.lanes.data
        return max(lanes) // min(lanes)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return tuple(inputs)

    def schedule(self) -> Schedule:
        turns = min(self.input_channel.beats, self.output_channel.beats)
        every = np.arange(self.ratio, dtype=np.int64)
        if self.output_channel.lanes.data >= self.input_channel.lanes.data:
            return Schedule.pipe(self.ratio, every, every[-1:], 2, turns)
        # A wide beat is accepted one cycle before its first part leaves.
        return Schedule.pipe(self.ratio, every[:1], every, 2, turns)

    def verify_(self) -> None:
        given, made = self.input_channel, self.output_channel
        if (given.frame, given.element) != (made.frame, made.element):
            raise VerifyException(f"input {given} and result {made} must differ in lanes only")
        narrow, wide = sorted((given.lanes.data, made.lanes.data))
        if wide % narrow or wide == narrow:
            raise VerifyException(
                f"lanes {wide} must be a multiple of, and differ from, lanes {narrow}"
            )


@irdl_op_definition
class FifoOp(Pipe):
    """Buffers up to `depth` beats between two processes.

    Example: `%y = stream.fifo %x depth 16
        : (!stream.channel<!qint.int<0, 3>, frame = [16], lanes = 2>)
        -> !stream.channel<!qint.int<0, 3>, frame = [16], lanes = 2>`
    """

    name = "stream.fifo"
    depth = prop_def(IntegerAttr[I64])
    assembly_format = "$input `depth` $depth attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, depth: int):
        super().__init__(
            operands=[input],
            properties={"depth": IntegerAttr(depth, i64)},
            result_types=[input.type],
        )

    @property
    def takes_pixels(self) -> bool:
        return True

    @property
    def is_buffer(self) -> bool:
        return True

    @property
    def memory_bits(self) -> int:
        return self.depth.value.data * self.input_channel.width_bits

    @property
    def facts(self) -> Facts:
        return {"depth": self.depth.value.data}

    @property
    def paced(self) -> bool:
        """Whether the reader is not: it is this FIFO then that holds back what is early."""
        reader = self.result.get_user_of_unique_use()
        return isinstance(reader, Process) and not reader.paced

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return tuple(inputs)

    def schedule(self) -> Schedule:
        return Schedule.beat_by_beat(self, 3)

    def verify_(self) -> None:
        if self.depth.value.data < 1:
            raise VerifyException(f"depth must be positive, got {self.depth.value.data}")
        if self.input.type != self.result.type:
            raise VerifyException(
                f"input {self.input.type} and result {self.result.type} must be equal"
            )

"""stream: a network of processes over channels; how the integers flow in time.

A channel moves `lanes` elements a beat, channels innermost (NHWC raster order), under a valid/ready
handshake. Every process answers the same questions: which foldings are legal, how many cycles a
frame takes, how long the pipeline is, and in which cycle each beat is consumed and produced.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    I64,
    ArrayAttr,
    IntAttr,
    IntegerAttr,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
    i64,
)
from xdsl.ir import (
    Attribute,
    Dialect,
    ParametrizedAttribute,
    Region,
    SSAValue,
    TypeAttribute,
)
from xdsl.irdl import (
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
)
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.traits import SymbolOpInterface, SymbolTable
from xdsl.utils.exceptions import VerifyException

from qcompiler.dialects.attributes import Array, DenseAttr, int_dense, numpy_from_dense
from qcompiler.dialects.qint.requantizers import ScalarBody
from qcompiler.dialects.qint.types import IntType


@irdl_attr_definition
class ChannelType(ParametrizedAttribute, TypeAttribute):
    """A stream of frames, `lanes` elements a beat.

    Example: `!stream.channel<!qint.int<-32, 31>, frame = [16], lanes = 4>` moves 16 elements a
    frame in 4 beats; the last entry of `frame` counts channels, `lanes` divides it.
    """

    name = "stream.channel"
    element: IntType
    frame: ArrayAttr[IntAttr]
    lanes: IntAttr

    def __init__(self, element: IntType, frame: Sequence[int], lanes: int):
        super().__init__(element, ArrayAttr(IntAttr(extent) for extent in frame), IntAttr(lanes))

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Extents of a frame, channels last."""
        return tuple(extent.data for extent in self.frame)

    @property
    def channels(self) -> int:
        """Extent of the innermost dimension."""
        return self.frame_shape[-1]

    @property
    def beats(self) -> int:
        """Beats per frame."""
        return int(np.prod(self.frame_shape, dtype=object)) // self.lanes.data

    @property
    def width_bits(self) -> int:
        """Bits moved in one beat."""
        return self.lanes.data * self.element.width_bits

    def with_lanes(self, lanes: int) -> "ChannelType":
        """Returns the same stream with another number of lanes."""
        return ChannelType(self.element, self.frame_shape, lanes)

    def verify(self) -> None:
        lanes = self.lanes.data
        if not self.frame_shape or any(extent < 1 for extent in self.frame_shape):
            raise VerifyException(f"frame must have positive extents, got {self.frame_shape}")
        if lanes < 1 or self.channels % lanes:
            raise VerifyException(
                f"lanes must divide the {self.channels} channels of a frame, got {lanes}"
            )

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> list[Attribute]:
        with parser.in_angle_brackets():
            element = parser.parse_attribute()
            parser.parse_punctuation(",")
            parser.parse_keyword("frame")
            parser.parse_punctuation("=")
            frame = parser.parse_comma_separated_list(
                parser.Delimiter.SQUARE, lambda: IntAttr(parser.parse_integer())
            )
            parser.parse_punctuation(",")
            parser.parse_keyword("lanes")
            parser.parse_punctuation("=")
            lanes = parser.parse_integer()
        return [element, ArrayAttr(frame), IntAttr(lanes)]

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_attribute(self.element)
            printer.print_string(", frame = [")
            printer.print_list(self.frame.data, lambda extent: printer.print_int(extent.data))
            printer.print_string(f"], lanes = {self.lanes.data}")


def channel_of(value: SSAValue) -> ChannelType:
    """Returns the channel type of `value`.

    Raises:
        VerifyException: it is not a channel.
    """
    if not isinstance(value.type, ChannelType):
        raise VerifyException(f"expected a channel, got {value.type}")
    return value.type


@dataclass(frozen=True)
class Schedule:
    """When an undisturbed process moves its beats, in cycles from the start of a frame.

    Attributes:
        cycles: cycles that one frame occupies the process; frames follow back to back.
        consume: cycle in which each input beat is accepted, shape [input beats], increasing.
        produce: cycle in which the work for each output beat is issued, shape [output beats].
        latency: cycles from the issue of an output beat to its appearance on the output.
    """

    cycles: int
    consume: NDArray[np.int64]
    produce: NDArray[np.int64]
    latency: int


class Process(IRDLOperation, ABC):
    """What every process of the stream dialect can be asked."""

    input = operand_def(ChannelType)
    result = result_def(ChannelType)

    @property
    def input_channel(self) -> ChannelType:
        """The type of the input."""
        return channel_of(self.input)

    @property
    def output_channel(self) -> ChannelType:
        """The type of the output."""
        return channel_of(self.result)

    @property
    def input_lanes(self) -> int:
        """Lanes that the process takes a beat; the input channel must come to have as many."""
        return self.input_channel.lanes.data

    @abstractmethod
    def schedule(self) -> Schedule:
        """Returns the cycles in which beats move, without stalls."""

    @property
    def cycles_per_frame(self) -> int:
        """Cycles that one frame occupies the process in steady state."""
        return self.schedule().cycles


@irdl_op_definition
class WeightsOp(IRDLOperation):
    """Names constant weights, as a matrix [inputs, outputs].

    Example: `stream.weights @fc1 dense<1> : tensor<16x64xi8>`
    """

    name = "stream.weights"
    sym_name = prop_def(SymbolNameConstraint())
    value = prop_def(DenseAttr)
    traits = traits_def(SymbolOpInterface())
    assembly_format = "$sym_name attr-dict $value"

    def __init__(self, name: str, value: Array):
        super().__init__(properties={"sym_name": StringAttr(name), "value": int_dense(value)})

    @property
    def array(self) -> Array:
        """The weights as int64, shape [inputs, outputs]."""
        return numpy_from_dense(self.value).astype(np.int64)

    def verify_(self) -> None:
        if len(self.value.get_shape()) != 2:
            raise VerifyException(f"weights must be a matrix, got {self.value.type}")


@irdl_op_definition
class MvauOp(Process):
    """Multiplies each frame, a vector of MW elements, by a constant MW x MH matrix: `y = x @ W`.

    `pe` outputs are computed at a time, from `simd` inputs a cycle: a frame takes
    MH * MW / (pe * simd) cycles. Its accumulators wrap, which is exact because the sum fits.

    Example: `%y = stream.mvau %x weights @fc1 pe 8 simd 16 : (!stream.channel<...>)
        -> !stream.channel<...>`
    """

    name = "stream.mvau"
    weights = prop_def(SymbolRefAttr)
    pe = prop_def(IntegerAttr[I64])
    simd = prop_def(IntegerAttr[I64])
    assembly_format = (
        "$input `weights` $weights `pe` $pe `simd` $simd attr-dict `:` "
        "functional-type(operands, results)"
    )

    def __init__(
        self, input: SSAValue, weights: str, element: IntType, outputs: int, pe: int, simd: int
    ):
        frame = (*channel_of(input).frame_shape[:-1], outputs)
        super().__init__(
            operands=[input],
            properties={
                "weights": SymbolRefAttr(weights),
                "pe": IntegerAttr(pe, i64),
                "simd": IntegerAttr(simd, i64),
            },
            result_types=[ChannelType(element, frame, pe)],
        )

    @property
    def mw(self) -> int:
        """Inputs of the matrix."""
        return self.input_channel.channels

    @property
    def mh(self) -> int:
        """Outputs of the matrix."""
        return self.output_channel.channels

    @property
    def folds(self) -> tuple[int, int]:
        """(neuron fold MH / pe, synapse fold MW / simd)."""
        return self.mh // self.pe.value.data, self.mw // self.simd.value.data

    @property
    def input_lanes(self) -> int:
        return self.simd.value.data

    @property
    def weights_op(self) -> WeightsOp:
        """The operation that holds the weights."""
        op = SymbolTable.lookup_symbol(self, self.weights)
        if not isinstance(op, WeightsOp):
            raise VerifyException(f"weights {self.weights} not found")
        return op

    @property
    def vectors(self) -> int:
        """Vectors in a frame."""
        return int(np.prod(self.input_channel.frame_shape[:-1], dtype=object))

    def schedule(self) -> Schedule:
        neuron, synapse = self.folds
        start = np.arange(self.vectors, dtype=np.int64)[:, None] * (neuron * synapse)
        consume = start + np.arange(synapse, dtype=np.int64)
        produce = start + np.arange(1, neuron + 1, dtype=np.int64) * synapse - 1
        # issue -> operands -> partial sum (-> accumulator) -> output register
        latency = 4 if synapse > 1 else 3
        return Schedule(
            self.vectors * neuron * synapse, consume.reshape(-1), produce.reshape(-1), latency
        )

    def verify_(self) -> None:
        for name, factor, extent in (
            ("pe", self.pe.value.data, self.mh),
            ("simd", self.simd.value.data, self.mw),
        ):
            if factor < 1 or extent % factor:
                raise VerifyException(
                    f"{name} must divide {extent}, got {factor}; legal: {divisors(extent)}"
                )
        vectors = self.input_channel.frame_shape[:-1], self.output_channel.frame_shape[:-1]
        if vectors[0] != vectors[1]:
            raise VerifyException(
                f"input has vectors {list(vectors[0])} and result {list(vectors[1])}; must be equal"
            )
        if self.output_channel.lanes.data != self.pe.value.data:
            raise VerifyException(
                f"output must have pe = {self.pe.value.data} lanes, got {self.output_channel}"
            )
        if self.weights_op.value.get_shape() != (self.mw, self.mh):
            raise VerifyException(
                f"weights must have shape [{self.mw}, {self.mh}], got {self.weights_op.value.type}"
            )


def divisors(number: int) -> list[int]:
    """Returns the divisors of a positive number, ascending."""
    return [d for d in range(1, number + 1) if number % d == 0]


@irdl_op_definition
class RequantizeOp(Process):
    """Applies a scalar integer function, one per channel, to every element.

    The body is scalar qint arithmetic; parameters with many values are indexed by channel.

    Example: `%y = stream.requantize %x { ^bb0(%a : !qint.int<-9, 9>): ... } : (...) -> ...`
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

    def schedule(self) -> Schedule:
        beats = np.arange(self.output_channel.beats, dtype=np.int64)
        # issue -> operands -> product or comparisons -> code -> output register
        return Schedule(self.output_channel.beats, beats, beats, 4)

    def verify_(self) -> None:
        given, made = self.input_channel, self.output_channel
        if (given.frame, given.lanes) != (made.frame, made.lanes):
            raise VerifyException(f"input {given} and result {made} must differ in element only")
        self.scalar_body.verify(given.element, made.element)


@irdl_op_definition
class WidthAdapterOp(Process):
    """Changes the number of lanes (DWC, data-width converter); one count divides the other.

    Example: `%y = stream.width_adapter %x : (!stream.channel<...>) -> !stream.channel<...>`
    """

    name = "stream.width_adapter"
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, lanes: int):
        super().__init__(operands=[input], result_types=[channel_of(input).with_lanes(lanes)])

    @property
    def ratio(self) -> int:
        """How many narrow beats make a wide one."""
        lanes = self.input_channel.lanes.data, self.output_channel.lanes.data
        return max(lanes) // min(lanes)

    def schedule(self) -> Schedule:
        cycles = max(self.input_channel.beats, self.output_channel.beats)
        every = np.arange(cycles, dtype=np.int64)
        if self.output_channel.lanes.data >= self.input_channel.lanes.data:
            return Schedule(cycles, every, every[self.ratio - 1 :: self.ratio], 2)
        # A wide beat is accepted one cycle before its first part leaves.
        return Schedule(cycles, every[:: self.ratio], every, 2)

    def verify_(self) -> None:
        given, made = self.input_channel, self.output_channel
        if (given.frame, given.element) != (made.frame, made.element):
            raise VerifyException(f"input {given} and result {made} must differ in lanes only")
        narrow, wide = sorted((given.lanes.data, made.lanes.data))
        if wide % narrow:
            raise VerifyException(f"lanes {wide} must be a multiple of lanes {narrow}")


@irdl_op_definition
class FifoOp(Process):
    """Buffers up to `depth` beats between two processes.

    Example: `%y = stream.fifo %x depth 16 : (!stream.channel<...>) -> !stream.channel<...>`
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

    def schedule(self) -> Schedule:
        beats = np.arange(self.output_channel.beats, dtype=np.int64)
        return Schedule(self.output_channel.beats, beats, beats, 3)

    def verify_(self) -> None:
        if self.depth.value.data < 1:
            raise VerifyException(f"depth must be positive, got {self.depth.value.data}")
        if self.input.type != self.result.type:
            raise VerifyException(
                f"input {self.input.type} and result {self.result.type} must be equal"
            )


STREAM = Dialect("stream", [WeightsOp, MvauOp, RequantizeOp, WidthAdapterOp, FifoOp], [ChannelType])

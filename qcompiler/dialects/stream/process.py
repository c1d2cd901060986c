"""Channels, and what every process of the stream dialect can be asked."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    ArrayAttr,
    IntAttr,
)
from xdsl.ir import (
    Attribute,
    ParametrizedAttribute,
    SSAValue,
    TypeAttribute,
)
from xdsl.irdl import (
    IRDLOperation,
    irdl_attr_definition,
    operand_def,
    result_def,
)
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

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


Times: TypeAlias = NDArray[np.int64]
"""Cycles, one per beat."""


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
        """Lanes that the process takes a beat; the input channel must come to have as many.

        Most processes take as many as they make.
        """
        return self.output_channel.lanes.data

    @abstractmethod
    def schedule(self) -> Schedule:
        """Returns the cycles in which beats move, without stalls."""

    def timing(self, arrival: Times, frames: int) -> tuple[Times, Times]:
        """Returns when each input beat is accepted, and when each output beat appears.

        Nothing holds the output back. Slot k of the schedule runs at the earliest one cycle after
        slot k - 1, and not before its beat has arrived: a running maximum.

        Args:
            arrival: cycle in which each input beat becomes available, [frames * input beats].
            frames: number of frames.
        """
        schedule = self.schedule()
        slots = np.arange(frames * schedule.cycles, dtype=np.int64)
        start = (np.arange(frames, dtype=np.int64) * schedule.cycles)[:, None]
        consume = (start + schedule.consume).reshape(-1)
        produce = (start + schedule.produce).reshape(-1)
        earliest = np.zeros(slots.size, np.int64)
        earliest[consume] = arrival
        time = slots + np.maximum.accumulate(earliest - slots)
        return time[consume], time[produce] + schedule.latency

    @property
    def cycles_per_frame(self) -> int:
        """Cycles that one frame occupies the process in steady state."""
        return self.schedule().cycles

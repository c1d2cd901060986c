"""Channels: streams of frames, some elements a beat."""

from collections.abc import Sequence
from math import prod

from xdsl.dialects.builtin import ArrayAttr, IntAttr
from xdsl.ir import Attribute, ParametrizedAttribute, SSAValue, TypeAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.rewriter import Rewriter
from xdsl.utils.exceptions import VerifyException

from qcompiler.dialects.qint.types import IntType


@irdl_attr_definition
class ChannelType(ParametrizedAttribute, TypeAttribute):
    """A stream of frames, `lanes` elements a beat.

    Example: `!stream.channel<!qint.int<-32, 31>, frame = [16], lanes = 4>` moves 16 elements a
    frame in 4 beats; the last entry of `frame` counts channels, `lanes` divides it. Or a beat holds
    all channels of several neighbours along the last axis but one, pixels, and `lanes` is a
    multiple of the channels: `!stream.channel<!qint.int<0, 15>, frame = [1, 64, 2], lanes = 16>`
    moves 8 pixels a beat.
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
        return prod(self.frame_shape) // self.lanes.data

    @property
    def width_bits(self) -> int:
        """Bits moved in one beat."""
        return self.lanes.data * self.element.width_bits

    @property
    def pixels(self) -> int:
        """Neighbours along the last axis but one that a beat holds; 1 if it is part of one, too."""
        return max(1, self.lanes.data // self.channels)

    def with_lanes(self, lanes: int) -> "ChannelType":
        """Returns the same stream with another number of lanes."""
        return ChannelType(self.element, self.frame_shape, lanes)

    def enough_lanes(self, target_cycles: int) -> int:
        """Returns the fewest legal lanes that move a frame in so many cycles, or all channels."""
        elements = self.with_lanes(1).beats
        fits = (d for d in divisors(self.channels) if elements <= target_cycles * d)
        return next(fits, self.channels)

    def verify(self) -> None:
        lanes, frame = self.lanes.data, self.frame_shape
        if not frame or any(extent < 1 for extent in frame):
            raise VerifyException(f"frame must have positive extents, got {frame}")
        if lanes > self.channels and len(frame) > 1:
            if lanes % self.channels or frame[-2] % self.pixels:
                raise VerifyException(
                    f"lanes beyond the {self.channels} channels of a frame must be those of a part "
                    f"of its {frame[-2]} pixels, got {lanes}"
                )
        elif lanes < 1 or self.channels % lanes:
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


def set_lanes(value: SSAValue, lanes: int) -> None:
    """Gives a channel another number of lanes, in place."""
    Rewriter.replace_value_with_new_type(value, channel_of(value).with_lanes(lanes))


def divisors(number: int) -> list[int]:
    """Returns the divisors of a positive number, ascending."""
    return [d for d in range(1, number + 1) if number % d == 0]

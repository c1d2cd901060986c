"""Processes that send elements in another order, several times, or not at all."""

from abc import abstractmethod
from collections.abc import Sequence
from math import gcd

import numpy as np
from xdsl.dialects.builtin import I64, DenseArrayBase, IntegerAttr, i64
from xdsl.ir import SSAValue
from xdsl.irdl import ParsePropInAttrDict, irdl_op_definition, prop_def
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.arrays import IntArray
from qcompiler.dialects.attributes import Array
from qcompiler.dialects.nn import slice_shape
from qcompiler.dialects.stream.buffered import Buffered, Buffering
from qcompiler.dialects.stream.channel import ChannelType, channel_of, divisors, set_lanes
from qcompiler.dialects.stream.process import Pipe
from qcompiler.dialects.stream.schedule import Schedule

_I64_ARRAY = DenseArrayBase.constr(i64)

BUFFERED_BLOCKS = 2
"""Blocks that a reorder keeps: one is read while the next one comes."""


def moving_lanes(process: Pipe, target_cycles: int) -> int:
    """Returns the lanes of the input, if legal and enough, or else the fewest that are.

    Args:
        process: that moves elements.
        target_cycles: that a frame may take.
    """
    legal = divisors(process.largest_lanes)
    sizes = [process.input_channel.with_lanes(1).beats, process.output_channel.with_lanes(1).beats]
    enough = [d for d in legal if max(sizes) <= target_cycles * d]
    given = process.input_channel.lanes.data
    if given in enough:
        return given
    return enough[0] if enough else legal[-1]


class BlockMove(Buffered):
    """A process that stores each block of elements and sends those at `places` of it."""

    block = prop_def(IntegerAttr[I64])

    @property
    @abstractmethod
    def places(self) -> IntArray:
        """The element of the block that is sent, in the order of sending."""

    def follow(self, target_cycles: int) -> None:
        set_lanes(self.result, moving_lanes(self, target_cycles))

    @property
    def block_beats(self) -> int:
        """Beats of a block."""
        return self.block.value.data // self.input_lanes

    @property
    def blocks(self) -> int:
        """Blocks of a frame."""
        return int(np.prod(self.input_channel.frame_shape, dtype=object)) // self.block.value.data

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        blocks = inputs[0].reshape(len(inputs[0]), self.blocks, -1)
        return (blocks[..., self.places].reshape(len(blocks), *self.output_channel.frame_shape),)

    def schedule(self) -> Schedule:
        """Returns the reading side's; `timing` knows both sides."""
        beats = self.input_channel.beats, self.output_channel.beats
        cycles = max(beats)
        taken, made = (np.linspace(0, cycles - 1, n).astype(np.int64) for n in beats)
        return Schedule.pipe(cycles, taken, made, self.read_latency)

    @property
    def buffering(self) -> Buffering:
        """A block is a row: read when it is whole, and free afterwards."""
        each = [1] * self.blocks
        out_beats = self.output_channel.beats // self.blocks
        return Buffering(each, each, self.block_beats, out_beats, BUFFERED_BLOCKS)

    def check_blocks(self, sent: int) -> None:
        """Raises VerifyException unless `sent` elements a block fit the types."""
        given, made = self.input_channel, self.output_channel
        size = int(np.prod(given.frame_shape, dtype=object))
        block = self.block.value.data
        if block < 1 or size % block:
            raise VerifyException(f"block must divide the {size} elements of a frame, got {block}")
        total = sent * (size // block)
        if total != int(np.prod(made.frame_shape, dtype=object)) or given.element != made.element:
            raise VerifyException(
                f"{self.name} sends {total} elements of {given.element}, got {made}"
            )
        if self.largest_lanes % made.lanes.data:
            raise VerifyException(
                f"lanes must divide the run of {self.largest_lanes}, got {made.lanes.data}"
            )


@irdl_op_definition
class ReorderOp(BlockMove):
    """Sends each block of elements in the order of nested loops.

    The loops run over `counts`, the last one fastest; the element sent is that at the sum of loop
    index times stride within the block. A stride of 0 repeats. Upsampling, depth to space,
    broadcasting and transposition are loops. Two blocks are buffered.

    Example: `%y = stream.reorder %x {block = 4 : i64, counts = array<i64: 2, 4>,
        strides = array<i64: 0, 1>}
        : (!stream.channel<!qint.int<0, 3>, frame = [16], lanes = 4>)
        -> !stream.channel<!qint.int<0, 3>, frame = [32], lanes = 4>`
    """

    name = "stream.reorder"
    counts = prop_def(_I64_ARRAY)
    strides = prop_def(_I64_ARRAY)
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(
        self,
        input: SSAValue,
        block: int,
        loops: Sequence[tuple[int, int]],
        frame: Sequence[int],
    ):
        kept = [(count, stride) for count, stride in loops if count > 1] or [(1, 1)]
        channel = channel_of(input)
        super().__init__(
            operands=[input],
            properties={
                "block": IntegerAttr(block, i64),
                "counts": DenseArrayBase.from_list(i64, [count for count, _ in kept]),
                "strides": DenseArrayBase.from_list(i64, [stride for _, stride in kept]),
            },
            result_types=[ChannelType(channel.element, frame, 1)],
        )

    @property
    def loops(self) -> tuple[tuple[int, int], ...]:
        """(count, stride) of each loop, in elements, the fastest last."""
        return tuple(zip(self.counts.get_values(), self.strides.get_values(), strict=True))

    @property
    def beat_loops(self) -> tuple[tuple[int, int], ...]:
        """The loops in beats."""
        lanes = self.input_lanes
        *outer, (count, stride) = self.loops
        last = (count // lanes, 1) if stride == 1 else (count, stride)
        return (*((c, s // lanes) for c, s in outer), last)

    @property
    def largest_lanes(self) -> int:
        """Lanes divide this: the run of neighbours that every beat is part of."""
        *outer, (count, stride) = self.loops
        run = count if stride == 1 else 1
        return gcd(super().largest_lanes, run, self.block.value.data, *(s for _, s in outer))

    @property
    def places(self) -> IntArray:
        """The element of the block that is sent, in the order of sending."""
        total = np.zeros((), np.int64)
        for count, stride in self.loops:
            total = total[..., None] + np.arange(count, dtype=np.int64) * stride
        return total.reshape(-1)

    def verify_(self) -> None:
        if len(self.counts) != len(self.strides) or not len(self.counts):
            raise VerifyException("counts and strides must have one entry per loop, at least one")
        block, counts = self.block.value.data, [count for count, _ in self.loops]
        furthest = sum((count - 1) * stride for count, stride in self.loops)
        if min(counts) < 1 or min(s for _, s in self.loops) < 0 or furthest >= max(1, block):
            raise VerifyException(
                f"loops must stay within the block of {block} elements, got {self.loops}"
            )
        self.check_blocks(int(np.prod(counts, dtype=object)))


@irdl_op_definition
class SliceOp(Pipe):
    """Keeps every `step`th element from `start` to before `end` along each dimension of a frame.

    Example: `%y = stream.slice %x {starts = array<i64: 1>, ends = array<i64: 3>,
        steps = array<i64: 1>}
        : (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>)
        -> !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>`
    """

    name = "stream.slice"
    starts = prop_def(_I64_ARRAY)
    ends = prop_def(_I64_ARRAY)
    steps = prop_def(_I64_ARRAY)
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(
        self, input: SSAValue, starts: Sequence[int], ends: Sequence[int], steps: Sequence[int]
    ):
        channel = channel_of(input)
        frame = slice_shape(channel.frame_shape, starts, ends, steps)
        properties = {
            name: DenseArrayBase.from_list(i64, list(values))
            for name, values in (("starts", starts), ("ends", ends), ("steps", steps))
        }
        super().__init__(
            operands=[input],
            properties=properties,
            result_types=[ChannelType(channel.element, frame, 1)],
        )

    @property
    def bounds(self) -> list[tuple[int, int, int]]:
        """(start, end, step) of each dimension, in elements."""
        parts = (self.starts, self.ends, self.steps)
        return list(zip(*(part.get_values() for part in parts), strict=True))

    @property
    def largest_lanes(self) -> int:
        """Lanes divide this: where the kept channels begin and end."""
        start, end, step = self.bounds[-1]
        return gcd(super().largest_lanes, start, end) if step == 1 else 1

    def follow(self, target_cycles: int) -> None:
        set_lanes(self.result, moving_lanes(self, target_cycles))

    @property
    def beat_bounds(self) -> list[tuple[int, int, int, int]]:
        """(extent, start, end, step) of each dimension, the last one in beats."""
        lanes = self.input_lanes
        shape = self.input_channel.frame_shape
        *outer, (start, end, step) = self.bounds
        rows = [(n, *b) for n, b in zip(shape, outer, strict=False)]
        return [*rows, (shape[-1] // lanes, start // lanes, end // lanes, step)]

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (inputs[0][(slice(None), *(slice(*bound) for bound in self.bounds))],)

    def schedule(self) -> Schedule:
        bounds = self.beat_bounds
        beats = np.arange(self.input_channel.with_lanes(self.input_lanes).beats, dtype=np.int64)
        kept = beats.reshape([extent for extent, *_ in bounds])
        kept = kept[tuple(slice(start, end, step) for _, start, end, step in bounds)]
        return Schedule.pipe(len(beats), beats, kept.reshape(-1), 2)

    def verify_(self) -> None:
        given, made = self.input_channel, self.output_channel
        parts = (self.starts, self.ends, self.steps)
        frame = slice_shape(given.frame_shape, *(list(part.get_values()) for part in parts))
        if made.frame_shape != frame or given.element != made.element:
            raise VerifyException(f"result must have frame {list(frame)}, got {made}")
        if self.largest_lanes % made.lanes.data:
            raise VerifyException(
                f"lanes must divide {self.largest_lanes}, where channels begin and end, got "
                f"{made.lanes.data}"
            )

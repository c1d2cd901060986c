"""Blocks that reorder, repeat or drop beats."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import reduce

from msgspec import Struct, field
from xdsl.dialects import hw

from qcompiler.devices.delays import DelayModel, Segment
from qcompiler.dialects import stream
from qcompiler.dialects.stream.process import AHEAD
from qcompiler.dialects.stream.rearrange import BlockMove
from qcompiler.rtl.builder import Counter, Signal
from qcompiler.rtl.hardware import Place, hardware, pipelining
from qcompiler.rtl.numbers import scaled
from qcompiler.rtl.stages import Registers, require_cuts, staged
from qcompiler.rtl.streaming import Library, StreamBlock


class Walk(ABC):
    """Goes through the beats of a block that are sent, one a step."""

    late = 0
    """Steps by which the terms are behind."""

    @abstractmethod
    def advance(self, b: StreamBlock, step: Signal) -> Signal:
        """Adds what steps on when `step` is high; returns whether the next block comes."""

    @abstractmethod
    def at_end(self) -> Signal:
        """Returns whether it is at the last beat of a block."""

    @abstractmethod
    def terms(self, width: int) -> list[Signal]:
        """Returns what the address within the block is the sum of, `width` bits each."""


class BlockConfig(Struct, frozen=True):
    """Shape of a block that stores blocks of beats, and sends some beats of each.

    Attributes:
        prefix: name of the design, for shared helpers.
        name: module name.
        comment: header lines.
        width: bits of a beat.
        block: beats of a block.
        walk: through the beats that are sent.
        buffered: blocks that the memory holds.
        registers: at each cut.
    """

    prefix: str
    name: str
    comment: tuple[str, ...]
    width: int
    block: int
    walk: Walk
    buffered: int
    registers: Registers = field(default_factory=dict[str, int])

    @staticmethod
    def of(place: Place, op: BlockMove, walk: Walk) -> "BlockConfig":
        """Returns the shape for a process."""
        return BlockConfig(
            prefix=place.top,
            name=place.name,
            comment=place.comment,
            width=op.input_channel.width_bits,
            block=op.block_beats,
            walk=walk,
            buffered=stream.BUFFERED_BLOCKS,
            registers=op.registers,
        )


def build_blocks(library: Library, config: BlockConfig) -> hw.HWModuleOp:
    """Returns a block that stores blocks in a ring and reads each one as a walk says.

    Cuts: the walk may run `ahead` of the beat that is read; `words` are what the memory gives.
    """
    require_cuts(config.name, config.registers, {AHEAD, "words"})
    widths = config.width, config.width
    b = StreamBlock(library, config.prefix, config.name, config.comment, widths)
    stored = b.register("stored_blocks", config.buffered.bit_length(), reset=0)
    in_ready = stored.compare("ne", config.buffered).named("ready")
    push = (b.in_valid & in_ready).named("push")
    depth = config.buffered * config.block
    write = b.counter("write_address", depth)
    write.advance_on(push)
    write_beat = b.counter("write_beat", config.block)
    write_beat.advance_on(push)

    issue = b.enable & stored.compare("ne", 0)
    walk = config.walk
    ranks = max(walk.late, config.registers.get(AHEAD, 0))
    step = issue
    if ranks:  # the walk goes on until the first beat is known
        known = staged(b, "known", b.constant(1, 1), ranks, None, reset=0)
        issue = issue & known
        step = issue | ~known
    issue = issue.named("issue")
    stepped = walk.advance(b, step)
    done = issue & staged(b, "block_end", walk.at_end(), ranks, step) if ranks else stepped
    done = done.named("block_done")
    written = push & write_beat.at_end
    one = b.constant(1, stored.width)
    change = b.mux(written, one, b.constant(-1, stored.width))
    stored.drive(stored + change, enable=written ^ done)

    ring = b.counter("read_block", config.buffered)
    ring.advance_on(stepped)
    width = max(1, (depth - 1).bit_length())
    block = staged(b, "block_address", scaled(ring.value, config.block, width), walk.late, step)
    total = b.sum([block, *walk.terms(width)])
    address = staged(b, "address", total, ranks - walk.late, step).named("read_address")
    word = b.ram("blocks", depth=depth, write=(push, write.value, b.in_data), read=(issue, address))
    kept = config.registers.get("words", 0)
    valid = b.valid_chain(issue, kept)[-1] if kept else issue
    word = staged(b, "word", word, kept, b.enable)
    return b.finish(in_ready=in_ready, next_valid=valid, data=word)


class Loops(Walk):
    """Nested counters, the fastest last.

    Args:
        loops: (count, stride) of each, in beats.
    """

    def __init__(self, loops: Sequence[tuple[int, int]]):
        self._loops = loops
        self._counters: list[Counter] = []

    def advance(self, b: StreamBlock, step: Signal) -> Signal:
        """Adds the counters: each steps when all behind it end."""
        self._counters = [b.counter(f"loop{i}", count) for i, (count, _) in enumerate(self._loops)]
        for counter in reversed(self._counters):
            counter.advance_on(step)
            step = step & counter.at_end
        return step

    def at_end(self) -> Signal:
        """Returns whether all end."""
        return reduce(lambda a, c: a & c, [counter.at_end for counter in self._counters])

    def terms(self, width: int) -> list[Signal]:
        """Returns the counters, each times its stride."""
        return [
            scaled(counter.value, stride, width)
            for counter, (count, stride) in zip(self._counters, self._loops, strict=True)
            if stride and count > 1
        ]


def build_slice(
    library: Library,
    prefix: str,
    name: str,
    comment: Sequence[str],
    *,
    width: int,
    bounds: Sequence[tuple[int, int, int, int]],
) -> hw.HWModuleOp:
    """Returns a block that drops beats.

    Args:
        library: takes shared helpers.
        prefix: name of the design.
        name: module name.
        comment: header lines.
        width: bits of a beat.
        bounds: (extent, start, end, step) of each dimension, in beats.
    """
    b = StreamBlock(library, prefix, name, comment, (width, width))
    fire = (b.enable & b.in_valid).named("fire")
    counters = [b.counter(f"position{i}", extent) for i, (extent, *_) in enumerate(bounds)]
    steps: list[Signal] = []
    step = fire
    for counter in reversed(counters):
        counter.advance_on(step)
        steps.insert(0, step)
        step = step & counter.at_end
    kept = [
        signal
        for i, (counter, bound) in enumerate(zip(counters, bounds, strict=True))
        for signal in _kept(b, i, counter, steps[i], bound)
    ]
    keep = reduce(lambda a, c: a & c, kept).named("keep") if kept else b.constant(1, 1)
    take = (fire & keep).named("take")
    return b.finish(
        in_ready=b.enable, next_valid=take, data=b.delay("kept_beat", b.in_data, enable=take)
    )


def _kept(
    b: StreamBlock, index: int, counter: Counter, step: Signal, bound: tuple[int, int, int, int]
) -> list[Signal]:
    """Returns what must hold for a position along one dimension to be kept."""
    extent, start, end, stride = bound
    found: list[Signal] = []
    if start > 0:
        found.append(counter.value.compare("uge", start))
    if end < extent:
        found.append(counter.value.compare("ult", end))
    if stride > 1 and extent > 1:
        # Counts down to the next kept position; starts again with the dimension.
        left = b.register(f"skip{index}", stride.bit_length(), reset=start % stride)
        at_zero = left.equals(0)
        following = b.mux(at_zero, b.constant(stride - 1, left.width), left - 1)
        restart = b.constant(start % stride, left.width)
        left.drive(b.mux(counter.at_end, restart, following), enable=step)
        found.append(at_zero)
    return found


@hardware(stream.ReorderOp)
def _reorder_hardware(place: Place, op: stream.ReorderOp) -> hw.HWModuleOp:
    return build_blocks(place.library, BlockConfig.of(place, op, Loops(op.beat_loops)))


@hardware(stream.SliceOp)
def _slice_hardware(place: Place, op: stream.SliceOp) -> hw.HWModuleOp:
    return build_slice(
        place.library,
        place.top,
        place.name,
        place.comment,
        width=op.input_channel.width_bits,
        bounds=op.beat_bounds,
    )


@pipelining(stream.ReorderOp)
def _reorder_cuts(model: DelayModel, op: stream.ReorderOp) -> dict[str, int]:
    depth, width = stream.BUFFERED_BLOCKS * op.block_beats, op.input_channel.width_bits
    strides = [stride for count, stride in op.beat_loops if stride and count > 1]
    terms = op.block_beats.bit_count() + sum(stride.bit_count() for stride in strides)
    late = model.add(terms, depth.bit_length()) + model.tables(depth.bit_length()) > model.budget
    words = [Segment("words", 2 * model.device.delays.lut)]
    return {AHEAD: int(late)} | model.cuts(words, model.read(depth, width, rom=False))

"""Block that sends listed beats of what it stores: a memory holds the list."""

import numpy as np
from xdsl.dialects import hw

from qcompiler.arith.arrays import IntArray
from qcompiler.devices.delays import DelayModel, Segment
from qcompiler.dialects import stream
from qcompiler.dialects.stream.process import AHEAD
from qcompiler.rtl.blocks.rearrange import BlockConfig, Walk, build_blocks
from qcompiler.rtl.builder import Counter, Signal
from qcompiler.rtl.hardware import Place, hardware, pipelining
from qcompiler.rtl.streaming import StreamBlock


class Listed(Walk):
    """A counter through a memory of places, whose word comes a step later.

    Args:
        places: beats of a block, in the order of sending.
    """

    late = 1

    def __init__(self, places: IntArray):
        self._places = places
        self._counter: Counter | None = None
        self._word: Signal | None = None

    def advance(self, b: StreamBlock, step: Signal) -> Signal:
        """Adds the counter and the memory."""
        sent = b.counter("sent", len(self._places))
        sent.advance_on(step)
        width = max(1, int(self._places.max()).bit_length())
        words = self._places.astype(np.int64)[:, None]
        self._counter, self._word = sent, b.rom("place", sent.value, step, words, width)
        return (step & sent.at_end).named("last_sent")

    def at_end(self) -> Signal:
        """Returns whether the counter is."""
        assert self._counter is not None, "advance comes first"
        return self._counter.at_end

    def terms(self, width: int) -> list[Signal]:
        """Returns the memory's word."""
        assert self._word is not None, "advance comes first"
        return [self._word.resize(width, signed=False)]


@hardware(stream.GatherOp)
def _gather_hardware(place: Place, op: stream.GatherOp) -> hw.HWModuleOp:
    return build_blocks(place.library, BlockConfig.of(place, op, Listed(op.beat_places)))


@pipelining(stream.GatherOp)
def _gather_cuts(model: DelayModel, op: stream.GatherOp) -> dict[str, int]:
    depth, width = stream.BUFFERED_BLOCKS * op.block_beats, op.input_channel.width_bits
    bits = depth.bit_length()
    late = 2 if model.add(op.block_beats.bit_count() + 1, bits) > model.budget else 0
    words = [Segment("words", 2 * model.device.delays.lut)]
    return {AHEAD: late} | model.cuts(words, model.read(depth, width, rom=False))

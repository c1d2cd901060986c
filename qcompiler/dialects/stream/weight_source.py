"""The process that brings the weights of a unit from elsewhere."""

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import I64, IntegerAttr, StringAttr, SymbolRefAttr, i64
from xdsl.ir import Operation
from xdsl.irdl import irdl_op_definition, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.bus_words import pack_words
from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import Array
from qcompiler.dialects.qint.types import IntType
from qcompiler.dialects.stream.channel import ChannelType, channel_of
from qcompiler.dialects.stream.process import Facts, Process
from qcompiler.dialects.stream.schedule import Demand, Schedule, Timeline, Times
from qcompiler.dialects.stream.weighted import WeightBringer, Weighted
from qcompiler.dialects.stream.weights import WeightsOp, find_weights
from qcompiler.weight_places import EXTERNAL, WRITABLE

BUS_BITS = 64
"""Data of the bus that weights come over, if nothing else is asked for."""

SWAP = ChannelType(IntType(0, 1), [1], 1)
"""A number for each frame: 1 where it is the first that uses the weights which are written next."""

_BANKS = 2
_SWAP_CYCLES = 4
"""Cycles from a frame's number to the first word that it gets: a FIFO, and the choice of a bank."""


@irdl_op_definition
class WeightSourceOp(WeightBringer):
    """Brings the weights of a unit, in the order of its use, as many times a frame as it uses them.

    `external`: a memory beside the chip holds them, and all are read once a frame. `writable`: the
    host has written them, and each frame says whether those written next hold from it on. They come
    over a bus of `bus` bits, 64 if nothing is said. Weights that are used several times a frame,
    and writable ones, are kept in one of two banks while the other one is filled.

    Example: `%w = stream.weight_source @fc1 "external" bus 64
        : !stream.channel<!qint.int<-8, 7>, frame = [1, 1024], lanes = 16>`
    """

    name = "stream.weight_source"
    weights = prop_def(SymbolRefAttr)
    place = prop_def(StringAttr)
    bus = prop_def(IntegerAttr[I64], default_value=IntegerAttr(BUS_BITS, i64))
    result = result_def(ChannelType)
    assembly_format = "$weights $place (`bus` $bus^)? attr-dict `:` type($result)"

    def __init__(self, weights: str, place: str, made: ChannelType, bus: int = BUS_BITS):
        super().__init__(
            properties={
                "weights": SymbolRefAttr(weights),
                "place": StringAttr(place),
                "bus": IntegerAttr(bus, i64),
            },
            result_types=[made],
        )

    @property
    def stored(self) -> WeightsOp:
        """The operation that holds the weights there are."""
        return find_weights(self, self.weights)

    @property
    def channel(self) -> ChannelType:
        """The type of what it brings."""
        return channel_of(self.result)

    @property
    def is_writable(self) -> bool:
        return self.place.data == WRITABLE

    @property
    def uses(self) -> int:
        """How many times a frame the weights are used."""
        return self.channel.frame_shape[0]

    @property
    def words(self) -> int:
        """Beats in which all weights are brought once."""
        return self.channel.channels // self.channel.lanes.data

    @property
    def is_kept(self) -> bool:
        """Whether banks keep the weights; else they are used as they come."""
        return self.is_writable or self.uses > 1

    @property
    def bus_bits(self) -> int:
        """Data that the bus moves in a beat."""
        return self.bus.value.data

    @property
    def word_bits(self) -> int:
        """Bits that a word takes on the bus: a part of a beat, or several whole beats."""
        bits = self.channel.width_bits
        if bits > self.bus_bits:
            return -(-bits // self.bus_bits) * self.bus_bits
        return 1 << (bits - 1).bit_length()

    @property
    def bus_beats(self) -> int:
        """Beats of the bus that all weights take."""
        return -(-self.words * self.word_bits // self.bus_bits)

    @property
    def bus_bytes(self) -> int:
        """The same in bytes."""
        return self.bus_beats * self.bus_bits // 8

    @property
    def unit(self) -> Weighted:
        """The unit that takes the weights, buffers aside.

        Raises:
            VerifyException: none does.
        """
        reader: Operation | None = self
        while isinstance(reader, Process) and (reader is self or reader.is_buffer):
            (use,) = list(reader.results[0].uses) or [None]
            reader = None if use is None else use.operation
        if not isinstance(reader, Weighted):
            raise VerifyException("weights must go to a unit that multiplies by them")
        return reader

    def bus_words(self, matrix: Array) -> Array:
        """Returns weights as the bus brings them, uint8 [beats, bytes of a beat].

        Args:
            matrix: as `stream.weights` has them.
        """
        words = self.unit.weight_words(matrix).astype(np.int64)
        return pack_words(words, self.channel.element.width_bits, self.word_bits, self.bus_bits)

    @property
    def siblings(self) -> "list[WeightSourceOp]":
        """All sources that read the memory which this one reads, itself too."""
        block = self.parent_block()
        ops = [self] if block is None or self.is_writable else block.ops
        return [op for op in ops if isinstance(op, WeightSourceOp) and op.place == self.place]

    @property
    def spacing(self) -> int:
        """Cycles from word to word: more than one where a word is wider than the bus."""
        return 1 if self.is_kept else -(-self.word_bits // self.bus_bits)

    @property
    def period(self) -> int:
        """Cycles of a frame: those of its words, and those of the bus that all sources share."""
        own = self.channel.beats * self.spacing
        if self.is_writable:
            return own
        return max(own, sum(source.bus_beats for source in self.siblings))

    @property
    def paced(self) -> bool:
        return True

    @property
    def memory_bits(self) -> int:
        return _BANKS * self.words * self.channel.width_bits if self.is_kept else 0

    @property
    def inferred_range(self) -> IntRange | None:
        return None if self.is_writable else self.stored.range

    @property
    def headline(self) -> str:
        kept = f", {_BANKS} banks of {self.words} words" if self.is_kept else ""
        return f"{self.place.data} weights, {self.bus_beats} beats of {self.bus_bits} bits{kept}"

    @property
    def facts(self) -> Facts:
        return {"weights": self.place.data, "bytes": self.bus_bytes}

    @property
    def pace(self) -> str:
        beats = [source.bus_beats for source in self.siblings]
        return (
            f"{self.channel.beats} words, and {sum(beats)} beats of the bus for {len(beats)} units"
        )

    def schedule(self) -> Schedule:
        return Schedule(
            self.period,
            (),
            (np.arange(self.channel.beats, dtype=np.int64) * self.spacing,),
            self._latency,
        )

    @property
    def _latency(self) -> int:
        return 2 + self.added_latency  # register or memory, output register

    def _slots(self, frames: int) -> Times:
        """Returns the cycles in which words are brought at the earliest, [frames * beats]."""
        first = _SWAP_CYCLES if self.is_writable else 0
        start = np.arange(frames, dtype=np.int64)[:, None] * self.period + first
        return (start + np.arange(self.channel.beats, dtype=np.int64) * self.spacing).reshape(-1)

    def timing(
        self, arrivals: Sequence[Times], frames: int, release: Times | None = None
    ) -> Timeline:
        """Returns when words come: the memory has had time to fill the buffers before a frame."""
        slots = self._slots(frames)
        begun = slots if release is None else np.maximum(slots, release)
        return Timeline((), (begun + self._latency,))

    def latest(self, deadlines: Sequence[Times], frames: int) -> Demand:
        slots = self._slots(frames)
        slack = deadlines[0].astype(np.int64) - self._latency - slots
        return Demand((), np.minimum.accumulate(slack[::-1])[::-1] + slots)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        """Returns one frame of the weights there are, which holds for each of a batch."""
        words = self.unit.weight_words(self.stored.array).reshape(-1)
        return (np.broadcast_to(words, (1, *self.channel.frame_shape)),)

    def verify_(self) -> None:
        if self.place.data not in (EXTERNAL, WRITABLE):
            raise VerifyException(f"place must be {EXTERNAL} or {WRITABLE}, got {self.place.data}")
        if self.bus_bits not in (32, 64, 128, 256, 512):
            raise VerifyException(
                f"bus must have 32, 64, 128, 256 or 512 bits, got {self.bus_bits}"
            )
        if len(self.channel.frame_shape) != 2:
            raise VerifyException(f"must bring frames of [uses, weights], got {self.channel}")
        find_weights(self, self.weights)
        if self.result.uses:
            self.unit  # noqa: B018 (it refuses other readers)

"""Products with Hadamard matrices: stages of additions, one behind the other.

    in --> signs --> elements of different beats, farthest first --> elements of a beat
       --> signs --> register slice --> out

A stage keeps the first half of a block in a memory. When the second half comes, sums leave, and
differences take the places of what they are of; they leave next, while the next block's first half
takes their places. Between stages stands the register that a stage begins with.
"""

from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct
from xdsl.dialects import hw

from qcompiler.arith.arrays import IntArray
from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import stream
from qcompiler.rtl.builder import Signal
from qcompiler.rtl.hardware import Place, hardware
from qcompiler.rtl.streaming import Library, StreamBlock


class ButterflyConfig(Struct, frozen=True):
    """Shape of one butterfly.

    Attributes:
        prefix: name of the design, for shared helpers.
        name: module name.
        comment: header lines.
        x: range of the inputs.
        y: range of the results.
        ranges: of the inputs with their signs, and behind each stage.
        lanes: elements of a beat.
        distances: beats that elements of different beats are apart, stage by stage.
        signs: of inputs and of results, of a vector; None where all are 1.
    """

    prefix: str
    name: str
    comment: tuple[str, ...]
    x: IntRange
    y: IntRange
    ranges: Sequence[IntRange]
    lanes: int
    distances: Sequence[int]
    signs: tuple[IntArray | None, IntArray | None]


class _Beat(Struct, frozen=True):
    """Elements of a beat, and whether they are there; all of one range, and of so many bits."""

    lanes: list[Signal]
    valid: Signal
    range: IntRange

    def resized(self, width: int) -> list[Signal]:
        """Returns the elements in other widths; what does not fit wraps."""
        return [lane.resize(width, signed=self.range.signed) for lane in self.lanes]


def build_butterfly(library: Library, config: ButterflyConfig) -> hw.HWModuleOp:
    """Returns the butterfly as a module."""
    widths = config.lanes * config.x.width_bits, config.lanes * config.y.width_bits
    b = StreamBlock(library, config.prefix, config.name, config.comment, widths)
    stages = _Stages(b, config)
    first, last = config.signs
    beat = _Beat(b.in_data.lanes(config.lanes), b.in_valid, config.x)
    if first is not None:
        beat = stages.signed("before", beat, first, config.ranges[0])
    made = iter(config.ranges[1:])
    for distance in config.distances:
        stage = stages.held if distance == 1 else stages.stored
        beat = stage(beat, distance, next(made))
    distance = config.lanes // 2
    while distance:
        beat = stages.within(beat, distance, next(made))
        distance //= 2
    if last is not None:
        beat = stages.signed("after", beat, last, config.y)
    result = b.pack(beat.resized(config.y.width_bits))
    data = b.delay("result", result, enable=b.enable)
    return b.finish(in_ready=b.enable, next_valid=beat.valid, data=data)


class _Stages:
    """Adds stages to a module; each begins with a register and ends without."""

    def __init__(self, b: StreamBlock, config: ButterflyConfig):
        self._b, self._config = b, config
        self._steps = 2 * config.distances[0] if config.distances else 1

    def _width(self, range_: IntRange) -> int:
        """Returns the bits of a number: of the result's at most, whose sums wrap."""
        return min(range_.width_bits, self._config.y.width_bits)

    def _entered(self, name: str, beat: _Beat) -> tuple[list[Signal], Signal]:
        b = self._b
        word = b.delay(name, b.pack(beat.lanes), enable=b.enable)
        valid = b.register(f"{name}_valid", 1, reset=0)
        valid.drive(beat.valid, enable=b.enable)
        return word.lanes(len(beat.lanes)), valid

    def signed(self, name: str, beat: _Beat, signs: IntArray, made: IntRange) -> _Beat:
        """Gives elements their signs: a memory of bits says which become negative."""
        b, width = self._b, self._width(made)
        lanes, valid = self._entered(f"{name}_operand", beat)
        place = b.counter(f"{name}_beat", self._steps)
        step = b.enable & beat.valid
        place.advance_on(step)
        bits = (signs < 0).astype(np.int64).reshape(self._steps, -1)
        if self._steps == 1:
            negative = [b.constant(int(bit), 1) for bit in bits[0]]
        else:
            rom = b.rom(f"{name}_negative", place.value, b.enable, bits, 1, "distributed")
            negative = rom.lanes(len(lanes))
        wide = _Beat(lanes, valid, beat.range).resized(width)
        found = [
            (lane ^ minus.replicate(width)) + minus.resize(width, signed=False)
            for lane, minus in zip(wide, negative, strict=True)
        ]
        return _Beat(found, valid, made)

    def within(self, beat: _Beat, distance: int, made: IntRange) -> _Beat:
        """Joins elements of a beat that are `distance` apart."""
        width = self._width(made)
        lanes, valid = self._entered(f"lanes{distance}", beat)
        found: list[Signal] = []
        for start in range(0, len(lanes), 2 * distance):
            halves = [lanes[start + h : start + h + distance] for h in (0, distance)]
            first = _Beat(halves[0], valid, beat.range).resized(width)
            sums, differences, _ = self._joined(halves[1], first, beat, width)
            found += [*sums, *differences]
        return _Beat(found, valid, made)

    def _chosen(self, choice: Signal, yes: Sequence[Signal], no: Sequence[Signal]) -> list[Signal]:
        mux: Callable[[Signal, Signal, Signal], Signal] = self._b.mux
        return [mux(choice, a, c) for a, c in zip(yes, no, strict=True)]

    def held(self, beat: _Beat, distance: int, made: IntRange) -> _Beat:
        """Joins neighbouring beats: a register is the memory."""
        b, width, name = self._b, self._width(made), "beats1"
        lanes, valid = self._entered(name, beat)
        kept = b.register(f"{name}_kept", width * len(lanes))
        second = b.register(f"{name}_second", 1, reset=0)
        draining = b.register(f"{name}_draining", 1, reset=0)
        step = b.enable & valid
        second.drive(~second, enable=step)
        draining.drive(valid & second, enable=b.enable)
        waiting = kept.lanes(len(lanes))
        sums, differences, wide = self._joined(lanes, waiting, beat, width)
        kept.drive(b.pack(self._chosen(second, differences, wide)), enable=step)
        leaves = draining | (valid & second)
        return _Beat(self._chosen(draining, waiting, sums), leaves, made)

    def stored(self, beat: _Beat, distance: int, made: IntRange) -> _Beat:
        """Joins beats that are 2, 4, 8, ... apart."""
        b, width, name = self._b, self._width(made), f"beats{distance}"
        bits = distance.bit_length() - 1
        place = b.counter(f"{name}_place", 2 * distance)
        step = b.enable & beat.valid
        place.advance_on(step)
        draining = b.register(f"{name}_draining", 1, reset=0)
        left = b.counter(f"{name}_left", distance)
        leaving = b.enable & draining
        left.advance_on(leaving)
        whole = step & place.at_end
        draining.drive(whole, enable=whole | (leaving & left.at_end))
        address = place.value.slice(0, bits)
        lanes, valid = self._entered(name, beat)
        second = b.delay(f"{name}_second", place.value.bit(bits), enable=b.enable)
        drained = b.register(f"{name}_drained", 1, reset=0)
        drained.drive(draining, enable=b.enable)
        target = b.delay(f"{name}_target", address, enable=b.enable)
        word = b.memory(
            f"{name}_word",
            depth=distance,
            width=width * len(lanes),
            write=(b.enable & valid, target),
            read=(b.enable, b.mux(draining, left.value, address)),
        )
        waiting = word.lanes(len(lanes))
        sums, differences, wide = self._joined(lanes, waiting, beat, width)
        word.write(b.pack(self._chosen(second, differences, wide)))
        leaves = drained | (valid & second)
        return _Beat(self._chosen(drained, waiting, sums), leaves, made)

    def _joined(
        self, lanes: Sequence[Signal], waiting: Sequence[Signal], beat: _Beat, width: int
    ) -> tuple[list[Signal], list[Signal], list[Signal]]:
        """Returns sums and differences of what waits and what comes; what comes, as wide."""
        wide = _Beat([*lanes], beat.valid, beat.range).resized(width)
        pairs = list(zip(waiting, wide, strict=True))
        return [a + c for a, c in pairs], [a - c for a, c in pairs], wide


@hardware(stream.ButterflyOp)
def _butterfly_hardware(place: Place, op: stream.ButterflyOp) -> hw.HWModuleOp:
    return build_butterfly(
        place.library,
        ButterflyConfig(
            prefix=place.top,
            name=place.name,
            comment=place.comment,
            x=op.input_channel.element.range,
            y=op.output_channel.element.range,
            ranges=op.stage_ranges,
            lanes=op.input_lanes,
            distances=op.distances,
            signs=op.signs,
        ),
    )

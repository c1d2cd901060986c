"""What a sampler is, and where its taps stand: codes on the input become elements."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.sampling import Sampling
from qcompiler.dialects.stream.buffered import Buffering
from qcompiler.rtl.blocks.window_reader import either
from qcompiler.rtl.builder import Signal
from qcompiler.rtl.numbers import Number, multiples, total
from qcompiler.rtl.stages import Registers
from qcompiler.rtl.streaming import JoinBlock, Library


class SampleConfig(Struct, frozen=True):
    """Shape of one sampler.

    Attributes:
        prefix: name of the design, for shared helpers.
        name: module name.
        comment: header lines.
        x: range of the elements.
        codes: range of the codes of positions.
        code_count: codes of a window.
        mask: range of the factors; None without.
        y: range of the samples.
        lanes: channels of a tap a beat.
        taps: (rows, columns) of taps a beat.
        shared_rows: whether the taps of a column share a copy of the buffer.
        spatial: (height, width) of a frame.
        windows: (rows, columns) of windows.
        channels: of a frame.
        groups: groups of channels that are sent one after the other, each with all its taps.
        sampling: where it samples.
        buffering: rows of the line buffer, and when they come and go.
        rows_held: cycles from the issue of a beat to its read.
        registers: at each cut.
    """

    prefix: str
    name: str
    comment: tuple[str, ...]
    x: IntRange
    codes: IntRange
    code_count: int
    mask: IntRange | None
    y: IntRange
    lanes: int
    taps: tuple[int, int]
    shared_rows: bool
    spatial: tuple[int, int]
    windows: tuple[int, int]
    channels: int
    groups: int
    sampling: Sampling
    buffering: Buffering
    rows_held: int
    registers: Registers

    @property
    def folds(self) -> int:
        """Beats in which one position comes."""
        return self.channels // self.lanes

    @property
    def tap_count(self) -> int:
        """Taps a beat."""
        return self.taps[0] * self.taps[1]

    @property
    def blocks(self) -> int:
        """Blocks of taps in a window."""
        return self.sampling.taps // self.tap_count

    @property
    def rows(self) -> int:
        """Rows in the line buffer."""
        return self.buffering.capacity


class Axis(Struct, frozen=True):
    """Where a sample stands along an axis.

    Attributes:
        first: the element at or before it.
        fraction: how far behind that it stands, in units of 2**-fraction; None for on it.
        outside: whether `first` is outside of the frame, and its next element; None if never.
    """

    first: Number
    fraction: Signal | None
    outside: tuple[Signal | None, Signal | None]


class Sampler(JoinBlock):
    """The block while it is built."""

    def __init__(self, library: Library, config: SampleConfig):
        widths = [config.lanes * config.x.width_bits, config.code_count * config.codes.width_bits]
        if config.mask is not None:
            factors = config.sampling.taps * config.sampling.offset_groups
            widths.append(factors * config.mask.width_bits)
        made = config.tap_count * config.lanes * config.y.width_bits
        super().__init__(library, config.prefix, config.name, config.comment, (widths, made))
        self.config = config
        self.stages = 0
        self.valid: Signal = self.constant(0, 1)

    def held(self, name: str, signal: Signal) -> Signal:
        """Returns a signal one stage of the pipeline later."""
        return self.delay(f"{name}_{self.stages}", signal, enable=self.enable)

    def held_number(self, name: str, number: Number) -> Number:
        """Returns a number one stage of the pipeline later."""
        return number if number.is_constant else number.at(self.held(name, number))

    def cuts(self, name: str) -> range:
        """Returns one number for each register at a cut."""
        return range(self.config.registers.get(name, 0))

    def next_stage(self) -> None:
        """Goes on to the next stage: `held` then names its registers."""
        self.stages += 1

    def entries(self) -> Entries:
        """Returns what the codes on the input mean for each position."""
        return Entries(self)


class Tap(Struct):
    """A tap of a beat, on its way through the stages.

    Attributes:
        suffix: of its registers' names.
        axes: where it stands; rows, columns.
        place: slot of its row in the ring.
        mask: its factor.
    """

    suffix: str
    axes: list[Axis]
    place: Signal
    mask: Number | None

    def go_on(self, b: Sampler) -> None:
        """Keeps all of it for the next stage."""
        self.place = b.held(f"place{self.suffix}", self.place)
        self.keep_axes(b)

    def keep_axes(self, b: Sampler) -> None:
        """Keeps where it stands and its factor for the next stage."""
        self.axes = [held_axis(b, a, n + self.suffix) for a, n in zip(self.axes, "yx", strict=True)]
        self.keep_mask(b)

    def keep_mask(self, b: Sampler) -> None:
        """Keeps the factor for the next stage."""
        self.mask = self.mask and b.held_number(f"mask{self.suffix}", self.mask)


def selected(b: JoinBlock, index: Signal, values: Sequence[Number]) -> Number:
    """Returns the number at an index; equal ones are chosen once.

    Args:
        b: the module.
        index: less than the number of values.
        values: those that are one value are one signal.
    """
    range_ = values[0].range
    for value in values[1:]:
        range_ = range_.union(value.range)
    places: dict[object, list[int]] = {}
    for at, value in enumerate(values):
        key = value.range.lo if value.is_constant else value.value
        places.setdefault(key, []).append(at)
    usual = max(places.values(), key=len)
    result = values[usual[0]].wide(range_.width_bits)
    for found in places.values():
        if found is usual:
            continue
        here = index.equals(found[0])
        for at in found[1:]:
            here = here | index.equals(at)
        result = b.mux(here, values[found[0]].wide(range_.width_bits), result)
    return Number.of(result, range_)


class Entries:
    """What the codes on the input say of each position, [offset group, tap]."""

    def __init__(self, b: Sampler):
        self.b = b
        config = b.config
        lanes = b.inputs[1].data.lanes(config.code_count)
        self.codes = [Number.of(lane, config.codes) for lane in lanes]
        self._multiples: dict[tuple[int, int], Number] = {}

    def _at_tap(self, tap: int) -> list[int]:
        """Returns the places [offset group, tap] of a tap in each block, as an index counts."""
        config = self.b.config
        count = config.sampling.taps * config.sampling.offset_groups
        return list(range(tap, count, config.tap_count))

    def displacement(self, index: Signal, tap: int, axis: int) -> Number:
        """Returns how far a tap of the block at an index is from its window's start."""
        sampling, b = self.b.config.sampling, self.b
        entries = [2 * place + axis for place in self._at_tap(tap)]
        moved = selected(b, index, [self._multiple(entry) for entry in entries])
        fixed = [
            Number.constant(b, (sampling.tap_offset(e) << sampling.fraction) + sampling.origins[e])
            for e in entries
        ]
        offset = selected(b, index, fixed)
        return moved if offset.range == IntRange(0, 0) else total([moved, offset])

    def _multiple(self, entry: int) -> Number:
        sampling = self.b.config.sampling
        key = sampling.sources[entry], sampling.steps[entry]
        if key not in self._multiples:
            source, step = key
            made = multiples(self.b, [(self.codes[source], step)])
            self._multiples[key] = made
        return self._multiples[key]

    def mask(self, index: Signal, tap: int) -> Number | None:
        """Returns the factor of a tap of the block at an index."""
        b = self.b
        range_ = b.config.mask
        if range_ is None:
            return None
        count = b.config.sampling.taps * b.config.sampling.offset_groups
        lanes = [Number.of(lane, range_) for lane in b.inputs[2].data.lanes(count)]
        return selected(b, index, [lanes[place] for place in self._at_tap(tap)])


def negated(value: Number) -> Number:
    """Returns the number of the other sign."""
    if value.is_constant:
        return Number.constant(value.builder, -value.range.lo)
    range_ = -value.range
    zero = value.builder.constant(0, range_.width_bits)
    return Number.of(zero - value.wide(range_.width_bits), range_)


def element_of(b: Sampler, start: Number, moved: Number, axis: int) -> Axis:
    """Returns where a sample stands, from its window's start and how far it is from that.

    Whether that is outside of the frame says `seen`.
    """
    sampling, size = b.config.sampling, b.config.spatial[axis]
    one = 1 << sampling.fraction
    at = total([start * Number.constant(b, one), moved])
    if sampling.border:
        at = _clamped(b, at, (size - 1) * one)
    beside: Signal | None = None
    if sampling.mode == "nearest":
        first = _nearest(b, at, sampling.fraction)
    else:
        first = at.shifted(sampling.fraction)
        if sampling.interpolates:
            wide = at.wide(max(at.width, sampling.fraction))
            beside = wide.slice(0, sampling.fraction)
    first = first.at(first.named(f"{'yx'[axis]}_element"))
    return Axis(first, beside, (None, None))


def seen(b: Sampler, axis: Axis, size: int) -> Axis:
    """Returns where a sample stands, and whether that is outside of a frame of so many elements."""
    next_one = total([axis.first, Number.constant(b, 1)])
    return replace(axis, outside=(_outside(axis.first, size), _outside(next_one, size)))


def _clamped(b: Sampler, at: Number, last: int) -> Number:
    """Returns a position moved to the nearest end of the frame."""
    range_ = IntRange(min(max(at.range.lo, 0), last), min(max(at.range.hi, 0), last))
    width = range_.width_bits
    kept = at.wide(max(width, at.width)).slice(0, width)
    if at.range.hi > last:
        kept = b.mux(
            at.compare("sge" if at.range.signed else "uge", last), b.constant(last, width), kept
        )
    if at.range.lo < 0:
        kept = b.mux(at.sign, b.constant(range_.lo, width), kept)
    return Number.of(kept, range_)


def _nearest(b: Sampler, at: Number, fraction: int) -> Number:
    """Returns the nearest element, halves to even."""
    if not fraction:
        return at
    half = 1 << (fraction - 1)
    rounded = total([at, Number.constant(b, half)])
    up = rounded.shifted(fraction)
    low = rounded.wide(max(rounded.width, fraction + 1))
    odd_tie = low.slice(0, fraction).equals(0) & low.bit(fraction)
    range_ = IntRange(up.range.lo - 1, up.range.hi)
    width = range_.width_bits
    step = b.mux(odd_tie, b.constant(1, width), b.constant(0, width))
    return Number.of(up.wide(width) - step, range_)


def _outside(value: Number, size: int) -> Signal | None:
    """Returns whether an element lies outside of 0 .. size - 1; None if it never does."""
    before = value.sign if value.range.lo < 0 else None
    behind = None
    if value.range.hi >= size:
        behind = value.compare("sge" if value.range.signed else "uge", size)
    return either(before, behind)


def held_axis(b: Sampler, axis: Axis, name: str) -> Axis:
    """Returns where a sample stands, one stage later."""
    outside = [flag and b.held(f"{name}{n}_outside", flag) for n, flag in enumerate(axis.outside)]
    fraction = axis.fraction and b.held(f"{name}_fraction", axis.fraction)
    return Axis(b.held_number(name, axis.first), fraction, (outside[0], outside[1]))

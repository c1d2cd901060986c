"""The sampler: a line buffer that is read where codes on a channel of their own say.

    in ------> line buffer (rows in a ring) -----------> neighbours -> weights -> mask --> out
                      ^ read                                ^            ^
    offsets -> tap's position -> element, fraction -> slot, inside? ------

A window's codes stay on the input until its last sample is issued. Between elements four memories,
by the parity of the slot in the ring and of the column, give the four neighbours in one cycle.
Positions take several stages: a row is freed when its last read is done, `ROWS_HELD` cycles later.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import hw

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.sampling import Sampling
from qcompiler.dialects import stream
from qcompiler.dialects.stream.buffered import Buffering
from qcompiler.dialects.stream.sampling import ROWS_HELD
from qcompiler.rtl.blocks.window_reader import constant_at, either, wrapped
from qcompiler.rtl.builder import Counter, Signal
from qcompiler.rtl.hardware import Place, hardware
from qcompiler.rtl.numbers import Number, multiples, scaled, total
from qcompiler.rtl.streaming import JoinBlock, Library


@dataclass(frozen=True)
class SampleConfig:
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
        lanes: channels a beat.
        spatial: (height, width) of a frame.
        windows: (rows, columns) of windows.
        channels: of a frame.
        groups: groups of channels that are sent one after the other, each with all its taps.
        sampling: where it samples.
        buffering: rows of the line buffer, and when they come and go.
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
    spatial: tuple[int, int]
    windows: tuple[int, int]
    channels: int
    groups: int
    sampling: Sampling
    buffering: Buffering

    @property
    def folds(self) -> int:
        """Beats in which one position comes."""
        return self.channels // self.lanes

    @property
    def rows(self) -> int:
        """Rows in the line buffer."""
        return self.buffering.capacity


@dataclass(frozen=True)
class _Counters:
    """Which sample is issued: its window, tap and channels.

    Attributes:
        row, column: of the window.
        entry: (offset group, tap), which of the positions.
        channel: beat of the position's channels.
        window_done, row_done: the sample is the last of a window, and of a row of them.
        row: counter of rows of windows.
    """

    row: Counter
    column: Counter
    entry: Signal
    channel: Signal
    window_done: Signal
    row_done: Signal


@dataclass(frozen=True)
class _Axis:
    """Where a sample stands along an axis.

    Attributes:
        first: the element at or before it.
        fraction: how far behind that it stands, in units of 2**-fraction; None for on it.
        outside: whether `first` is outside of the frame, and its next element; None if never.
    """

    first: Number
    fraction: Signal | None
    outside: tuple[Signal | None, Signal | None]


class _Sampler(JoinBlock):
    """The block while it is built."""

    def __init__(self, library: Library, config: SampleConfig):
        widths = [config.lanes * config.x.width_bits, config.code_count * config.codes.width_bits]
        if config.mask is not None:
            factors = config.sampling.taps * config.sampling.offset_groups
            widths.append(factors * config.mask.width_bits)
        made = config.lanes * config.y.width_bits
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

    def next_stage(self) -> None:
        """Goes on to the next stage: `held` then names its registers."""
        self.stages += 1

    def entries(self) -> "_Entries":
        """Returns what the codes on the input mean for each position."""
        return _Entries(self)


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


class _Entries:
    """What the codes on the input say of each position, [offset group, tap]."""

    def __init__(self, b: _Sampler):
        self.b = b
        config = b.config
        lanes = b.inputs[1].data.lanes(config.code_count)
        self.codes = [Number.of(lane, config.codes) for lane in lanes]
        self._multiples: dict[tuple[int, int], Number] = {}

    def displacement(self, index: Signal, axis: int) -> Number:
        """Returns how far the position at an index is from its window's start."""
        sampling, b = self.b.config.sampling, self.b
        entries = range(axis, len(sampling.steps), 2)
        moved = selected(b, index, [self._multiple(entry) for entry in entries])
        fixed = [
            Number.constant(
                b, (sampling.tap_offset(e) << sampling.fraction) + sampling.origins[e]
            )
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

    def mask(self, index: Signal) -> Number | None:
        """Returns the factor of the sample at an index."""
        b = self.b
        range_ = b.config.mask
        if range_ is None:
            return None
        count = b.config.sampling.taps * b.config.sampling.offset_groups
        lanes = [Number.of(lane, range_) for lane in b.inputs[2].data.lanes(count)]
        return selected(b, index, lanes)


def build_sample(library: Library, config: SampleConfig) -> hw.HWModuleOp:
    """Returns the sampler as a module."""
    b = _Sampler(library, config)
    stored_width = config.rows.bit_length()
    occupied = b.register("occupied_rows", stored_width, reset=0)
    in_ready = occupied.compare("ne", config.rows).named("ready")
    push = (b.inputs[0].valid & in_ready).named("push")
    write_beat = b.counter("write_beat", config.buffering.row_beats)
    write_beat.advance_on(push)
    row_stored = (push & write_beat.at_end).named("row_stored")

    row = b.counter("window_row", config.windows[0])
    stored = b.register("stored_rows", stored_width, reset=0)
    want = constant_at(b, row.value, config.buffering.want, stored_width).named("rows_wanted")
    known = b.inputs[1].valid
    for port in b.inputs[2:]:
        known = known & port.valid
    issue = (b.enable & known & stored.compare("uge", want)).named("issue")
    counters = _build_counters(b, row, issue)
    freed = constant_at(b, row.value, config.buffering.free, stored_width)
    row_read = _rows(b, (stored, occupied), (row_stored, counters.row_done), freed)
    window = _window_start(b, counters)
    ring = _ring(b, counters, freed, row_read)
    b.next_stage()
    data, valid = _pipeline(b, counters, window, ring, (push, write_beat, issue))
    taken = counters.window_done.named("codes_taken")
    ready = [in_ready, *[taken] * (len(b.inputs) - 1)]
    return b.close(in_ready=ready, next_valid=valid, data=data)


def _build_counters(b: _Sampler, row: Counter, issue: Signal) -> _Counters:
    """Chains the counters: the innermost steps with every sample."""
    config, sampling = b.config, b.config.sampling
    column = b.counter("window_column", config.windows[1])
    group = b.counter("group", config.groups)
    tap = b.counter("tap", sampling.taps)
    fold = b.counter("channel_fold", config.folds // config.groups)
    step = issue
    for counter in (fold, tap, group):
        counter.advance_on(step)
        step = step & counter.at_end
    window_done = step.named("window_done")
    column.advance_on(window_done)
    row_done = (window_done & column.at_end).named("row_done")
    row.advance_on(row_done)
    width = max(1, (config.folds - 1).bit_length())
    channel = fold.value.resize(width, signed=False)
    if config.groups > 1:
        channel = channel + scaled(group.value, config.folds // config.groups, width)
    channel = channel.named("channel_beat")
    entry: Signal = tap.value
    if sampling.offset_groups > 1:
        count = sampling.taps * sampling.offset_groups
        wide = max(1, (count - 1).bit_length())
        each = config.folds // sampling.offset_groups
        starts = [beat // each * sampling.taps for beat in range(config.folds)]
        entry = tap.value.resize(wide, signed=False) + constant_at(b, channel, starts, wide)
    return _Counters(row, column, entry.named("position"), channel, window_done, row_done)


def _rows(
    b: _Sampler,
    registers: tuple[Signal, Signal],
    events: tuple[Signal, Signal],
    freed: Signal,
) -> Signal:
    """Counts rows: stored ones that no window has done with, and those whose place is taken.

    Returns:
        Whether a row of windows is issued completely.
    """
    stored, occupied = registers
    row_stored, row_done = events
    zero = b.constant(0, stored.width)
    added = b.mux(row_stored, b.constant(1, stored.width), zero)
    stored.drive(stored + added - b.mux(row_done, freed, zero))
    leaving, count = row_done, freed
    for stage in range(1, ROWS_HELD + 1):
        register = b.register(f"leaving{stage}", 1, reset=0)
        register.drive(leaving, enable=b.enable)
        leaving = register
        count = b.delay(f"leaving_rows{stage}", count, enable=b.enable)
    gone = b.mux(leaving & b.enable, count, zero)
    occupied.drive(occupied + added - gone)
    return row_done


def _window_start(b: _Sampler, counters: _Counters) -> tuple[Number, Number]:
    """Returns the row and column of the frame at which the window starts that is issued."""
    config = b.config
    found: list[Number] = []
    for axis, name in enumerate(("row", "column")):
        stride, pad = config.sampling.strides[axis], config.sampling.pads[axis]
        count = config.windows[axis]
        last = (count - 1) * stride - pad
        if stride == 0 or count == 1:
            found.append(Number.constant(b, -pad))
            continue
        range_ = IntRange(-pad, last)
        register = b.register(f"{name}_start", range_.width_bits, reset=-pad)
        counter = (counters.row, counters.column)[axis]
        step = (counters.row_done, counters.window_done)[axis]
        restart = b.constant(-pad, register.width)
        register.drive(b.mux(counter.at_end, restart, register + stride), enable=step)
        found.append(Number.of(register, range_))
    return found[0], found[1]


def _ring(
    b: _Sampler, counters: _Counters, freed: Signal, row_read: Signal
) -> tuple[Number, Number]:
    """Returns the oldest row of the frame that is kept, and its slot in the ring."""
    config = b.config
    height, rows = config.spatial[0], config.rows
    oldest = IntRange(0, height)
    row = b.register("oldest_row", oldest.width_bits, reset=0)
    moved = row + freed.resize(row.width, signed=False)
    row.drive(b.mux(counters.row.at_end, b.constant(0, row.width), moved), enable=row_read)
    width = (2 * rows).bit_length()
    slot = b.register("oldest_slot", width, reset=0)
    slot.drive(wrapped(b, slot + freed.resize(width, signed=False), rows), enable=row_read)
    return Number.of(row, oldest), Number.of(slot, IntRange(0, rows - 1))


def _pipeline(
    b: _Sampler,
    counters: _Counters,
    window: tuple[Number, Number],
    ring: tuple[Number, Number],
    sides: tuple[Signal, Counter, Signal],
) -> tuple[Signal, Signal]:
    """Builds the stages from codes to samples.

    Returns:
        The samples, and whether the last stage holds some after this cycle.
    """
    push, write_beat, issue = sides
    sampling = b.config.sampling
    entries = b.entries()
    moved = [entries.displacement(counters.entry, axis) for axis in (0, 1)]
    mask = entries.mask(counters.entry)
    # Stage 1: what the codes say, and where the window stands.
    moved = [b.held_number(f"moved{a}", value) for a, value in enumerate(moved)]
    starts = [b.held_number(f"start{a}", value) for a, value in enumerate(window)]
    oldest, slot = (b.held_number(n, v) for n, v in zip(("row", "slot"), ring, strict=True))
    channel = b.held("channel", counters.channel)
    mask = mask and b.held_number("mask", mask)
    b.next_stage()
    # Stage 2: the element, and how far behind it.
    axes = [_axis(b, starts[axis], moved[axis], axis) for axis in (0, 1)]
    axes = [_held_axis(b, axis, f"{n}") for axis, n in zip(axes, "yx", strict=True)]
    oldest, slot = (b.held_number(n, v) for n, v in (("row", oldest), ("slot", slot)))
    channel = b.held("channel", channel)
    mask = mask and b.held_number("mask", mask)
    b.next_stage()
    # Stage 3: its slot in the ring.
    behind = total([axes[0].first, _negated(oldest)])
    place = b.held("place", _slot(b, slot, behind))
    axes = [_held_axis(b, axis, f"{n}") for axis, n in zip(axes, "yx", strict=True)]
    channel = b.held("channel", channel)
    mask = mask and b.held_number("mask", mask)
    b.next_stage()
    memory = _Memory(b, push, write_beat)
    more = 4 + (_MORE if sampling.interpolates else 0) + (mask is not None)
    chain = b.valid_chain(issue, more)
    samples, mask = memory.read(place, axes, channel, mask, chain[3])
    if mask is not None:
        samples = [b.held_number(f"masked{n}", one * mask) for n, one in enumerate(samples)]
    made = [one.wide(b.config.y.width_bits) for one in samples]
    return b.pack(made), chain[-1]


def _slot(b: _Sampler, oldest: Number, behind: Number) -> Signal:
    """Returns the slot of a sample's row, which is as far behind the oldest one.

    Between elements the row may be the one before the frame, and its next one be the oldest.
    """
    rows = b.config.rows
    width = (2 * rows).bit_length()
    place = oldest.resize(width, signed=False) + behind.wide(width)
    if not b.config.sampling.interpolates:
        return wrapped(b, place, rows)
    following = wrapped(b, place + 1, rows)
    return b.mux(following.equals(0), b.constant(rows - 1, width), following - 1)


_MORE = 4
"""Stages of interpolation: neighbours, along rows, along columns, their sum."""


def _negated(value: Number) -> Number:
    if value.is_constant:
        return Number.constant(value.builder, -value.range.lo)
    range_ = -value.range
    zero = value.builder.constant(0, range_.width_bits)
    return Number.of(zero - value.wide(range_.width_bits), range_)


def _axis(b: _Sampler, start: Number, moved: Number, axis: int) -> _Axis:
    """Returns where a sample stands, from its window's start and how far it is from that."""
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
    here = _outside(first, size)
    next_one = total([first, Number.constant(b, 1)])
    return _Axis(first, beside, (here, _outside(next_one, size)))


def _clamped(b: _Sampler, at: Number, last: int) -> Number:
    """Returns a position moved to the nearest end of the frame."""
    range_ = IntRange(min(max(at.range.lo, 0), last), min(max(at.range.hi, 0), last))
    width = range_.width_bits
    kept = at.wide(max(width, at.width)).slice(0, width)
    if at.range.hi > last:
        kept = b.mux(at.compare("sge" if at.range.signed else "uge", last), b.constant(last, width), kept)
    if at.range.lo < 0:
        kept = b.mux(at.sign, b.constant(range_.lo, width), kept)
    return Number.of(kept, range_)


def _nearest(b: _Sampler, at: Number, fraction: int) -> Number:
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


def _held_axis(b: _Sampler, axis: _Axis, name: str) -> _Axis:
    """Returns where a sample stands, one stage later."""
    outside = [flag and b.held(f"{name}{n}_outside", flag) for n, flag in enumerate(axis.outside)]
    fraction = axis.fraction and b.held(f"{name}_fraction", axis.fraction)
    return _Axis(b.held_number(name, axis.first), fraction, (outside[0], outside[1]))


class _Memory:
    """The line buffer: one memory, or four by the parities of slot and column."""

    def __init__(self, b: _Sampler, push: Signal, write_beat: Counter):
        self.b = b
        config = b.config
        self.push = push
        self.parts = 2 if config.sampling.interpolates else 1
        self.columns = -(-config.spatial[1] // self.parts)
        self.row_words = self.columns * config.folds
        self.depth = config.rows // self.parts * self.row_words
        self.width = max(1, (self.depth - 1).bit_length())
        self.fold = b.counter("write_fold", config.folds)
        self.column = b.counter("write_column", config.spatial[1])
        self.slot = b.counter("write_slot", config.rows)
        step = push
        for counter in (self.fold, self.column, self.slot):
            counter.advance_on(step)
            step = step & counter.at_end

    def address(self, slot: Signal, column: Signal, channel: Signal) -> Signal:
        """Returns the word of a slot and column of one memory."""
        folds, width = self.b.config.folds, self.width
        wide = max(width, slot.width, column.width)
        found = scaled(slot, self.row_words, wide)
        place = column if folds == 1 else scaled(column, folds, wide)
        found = found + place.resize(wide, signed=False)
        if folds > 1:
            found = found + channel.resize(wide, signed=False)
        return found.slice(0, width)

    def read(
        self,
        place: Signal,
        axes: Sequence[_Axis],
        channel: Signal,
        mask: Number | None,
        reading: Signal,
    ) -> tuple[list[Number], Number | None]:
        """Returns the samples of a beat, and its mask at the same stage."""
        if self.parts == 1:
            return self._read_one(place, axes, channel, mask, reading)
        return self._read_between(place, axes, channel, mask, reading)

    def _unsigned(self, value: Signal) -> Signal:
        return value.slice(0, min(value.width, max(1, (self.b.config.spatial[1]).bit_length())))

    def _read_one(
        self,
        place: Signal,
        axes: Sequence[_Axis],
        channel: Signal,
        mask: Number | None,
        reading: Signal,
    ) -> tuple[list[Number], Number | None]:
        b = self.b
        column = self._unsigned(axes[1].first)
        address = b.held("address", self.address(place, column, channel))
        outside = either(axes[0].outside[0], axes[1].outside[0])
        outside = outside and b.held("outside", outside)
        mask = mask and b.held_number("mask", mask)
        b.next_stage()
        words = self._ram("line_buffer", self.push, self._write_address(), reading, address)
        outside = outside and b.held("outside", outside)
        mask = mask and b.held_number("mask", mask)
        b.next_stage()
        return self._lanes(words, outside), mask

    def _write_address(self) -> Signal:
        return self.address(self._half(self.slot), self._half(self.column), self.fold.value)

    def _half(self, counter: Counter) -> Signal:
        value = counter.value
        if self.parts == 1:
            return value
        return value.slice(1, value.width - 1) if value.width > 1 else self.b.constant(0, 1)

    def _ram(
        self, name: str, write: Signal, at: Signal, reading: Signal, address: Signal
    ) -> Signal:
        b = self.b
        enable = b.enable & reading
        return b.ram(
            name,
            depth=self.depth,
            write=(write, at, b.inputs[0].data),
            read=(enable, address),
        )

    def _lanes(self, word: Signal, outside: Signal | None) -> list[Number]:
        """Returns the channels of a word, zero outside of the frame."""
        b, config = self.b, self.b.config
        lanes = [Number.of(lane, config.x) for lane in word.lanes(config.lanes)]
        if outside is None:
            return lanes
        range_ = config.x.union(IntRange(0, 0))
        zero = b.constant(0, range_.width_bits)
        return [
            Number.of(b.mux(outside, zero, lane.wide(range_.width_bits)), range_) for lane in lanes
        ]

    def _read_between(
        self,
        place: Signal,
        axes: Sequence[_Axis],
        channel: Signal,
        mask: Number | None,
        reading: Signal,
    ) -> tuple[list[Number], Number | None]:
        b, config = self.b, self.b.config
        next_place = wrapped(b, place + 1, config.rows)
        column = axes[1].first.wide(max(2, axes[1].first.width))
        next_column = column + 1
        odd = [place.bit(0), column.bit(0)]
        # In the memory of even slots stands the first of both rows if its slot is even.
        slots = self._by_parity(odd[0], place, next_place)
        columns = self._by_parity(odd[1], column, next_column)
        places = [
            (r, c, b.held(f"address{r}{c}", self.address(slots[r], columns[c], channel)))
            for r in (0, 1)
            for c in (0, 1)
        ]
        odd = [b.held(f"odd{n}", flag) for n, flag in enumerate(odd)]
        axes = [_held_axis(b, axis, name) for axis, name in zip(axes, "yx", strict=True)]
        mask = mask and b.held_number("mask", mask)
        b.next_stage()
        write_address = self._write_address()
        words: dict[tuple[int, int], Signal] = {}
        for r, c, address in places:
            here = self.push & self._is(self.slot, r) & self._is(self.column, c)
            name = f"line_buffer{r}{c}"
            words[r, c] = self._ram(name, here, write_address, reading, address)
        odd = [b.held(f"odd{n}", flag) for n, flag in enumerate(odd)]
        axes = [_held_axis(b, axis, name) for axis, name in zip(axes, "yx", strict=True)]
        mask = mask and b.held_number("mask", mask)
        b.next_stage()
        corners = self._corners(words, odd, axes)
        return _interpolated(b, corners, axes, mask)

    def _by_parity(self, odd: Signal, first: Signal, second: Signal) -> list[Signal]:
        """Returns half of the even one and of the odd one of two neighbours."""
        width = first.width - 1
        halves = [value.slice(1, width) for value in (first, second)]
        b = self.b
        return [b.mux(odd, halves[1], halves[0]), b.mux(odd, halves[0], halves[1])]

    def _is(self, counter: Counter, parity: int) -> Signal:
        if counter.register is None:
            return self.b.constant(1 - parity, 1)
        bit = counter.value.bit(0)
        return bit if parity else ~bit

    def _corners(
        self, words: dict[tuple[int, int], Signal], odd: Sequence[Signal], axes: Sequence[_Axis]
    ) -> list[list[list[Number]]]:
        """Returns the four neighbours, [row][column], channel by channel."""
        b = self.b
        found: list[list[list[Number]]] = []
        for r in (0, 1):
            rows = [b.mux(odd[0], words[1 - r, c], words[r, c]) for c in (0, 1)]
            row: list[list[Number]] = []
            for c in (0, 1):
                word = b.mux(odd[1], rows[1 - c], rows[c])
                outside = either(axes[0].outside[r], axes[1].outside[c])
                lanes = self._lanes(word, outside)
                row.append(
                    [b.held_number(f"x{r}{c}_{n}", lane) for n, lane in enumerate(lanes)]
                )
            found.append(row)
        return found


def _interpolated(
    b: _Sampler,
    corners: list[list[list[Number]]],
    axes: Sequence[_Axis],
    mask: Number | None,
) -> tuple[list[Number], Number | None]:
    """Returns the samples between four neighbours, and the mask at their stage."""
    one = 1 << b.config.sampling.fraction
    weights: list[list[Number]] = []
    for name, axis in zip("yx", axes, strict=True):
        assert axis.fraction is not None, "positions have fractions"
        beside = Number.of(axis.fraction, IntRange(0, one - 1))
        before = total([Number.constant(b, one), _negated(beside)])
        before = Number.of(before, IntRange(1, one))
        weights.append(
            [b.held_number(f"{name}_weight{n}", w) for n, w in enumerate((before, beside))]
        )
    mask = mask and b.held_number("mask", mask)
    b.next_stage()
    along = [
        [
            b.held_number(
                f"row{r}_{n}",
                total([corners[r][c][n] * weights[1][c] for c in (0, 1)]),
            )
            for n in range(b.config.lanes)
        ]
        for r in (0, 1)
    ]
    down = [b.held_number(f"y_weight{n}", w) for n, w in enumerate(weights[0])]
    mask = mask and b.held_number("mask", mask)
    b.next_stage()
    products = [
        [b.held_number(f"product{r}_{n}", along[r][n] * down[r]) for n in range(b.config.lanes)]
        for r in (0, 1)
    ]
    mask = mask and b.held_number("mask", mask)
    b.next_stage()
    sums = [
        b.held_number(f"sample{n}", total([products[0][n], products[1][n]]))
        for n in range(b.config.lanes)
    ]
    mask = mask and b.held_number("mask", mask)
    b.next_stage()
    return sums, mask


@hardware(stream.SampleOp)
def _hardware(place: Place, op: stream.SampleOp) -> hw.HWModuleOp:
    height, width, channels = op.input_channel.frame_shape
    offsets = stream.channel_of(op.offsets)
    rows, columns, _ = op.output_channel.frame_shape
    config = SampleConfig(
        prefix=place.top,
        name=place.name,
        comment=place.comment,
        x=op.input_channel.element.range,
        codes=op.codes,
        code_count=offsets.channels,
        mask=None if op.mask is None else stream.channel_of(op.mask).element.range,
        y=op.output_channel.element.range,
        lanes=op.frame_lanes,
        spatial=(height, width),
        windows=(rows, columns),
        channels=channels,
        groups=op.groups.value.data,
        sampling=op.sampling,
        buffering=op.buffering,
    )
    return build_sample(place.library, config)

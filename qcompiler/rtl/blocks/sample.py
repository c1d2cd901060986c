"""The sampler: a line buffer that is read where codes on a channel of their own say.

    in ------> line buffer (rows in a ring) -----------> neighbours -> weights -> mask --> out
                      ^ read                                ^            ^
    offsets -> tap's position -> element, fraction -> slot, inside? ------

A window's codes stay on the input until its last sample is issued. Between elements four memories,
by the parity of the slot in the ring and of the column, give the four neighbours in one cycle.
Positions take several stages: a row is freed when its last read is done, `rows_held` cycles later.
"""

from msgspec import Struct
from xdsl.dialects import hw

from qcompiler.arith.ranges import IntRange
from qcompiler.devices.delays import DelayModel, Segment
from qcompiler.dialects import stream
from qcompiler.dialects.stream.sampling import CUTS_BEFORE_READ
from qcompiler.rtl.blocks.sampler_memory import BETWEEN_STAGES, Memory
from qcompiler.rtl.blocks.sampler_positions import (
    SampleConfig,
    Sampler,
    Tap,
    element_of,
    negated,
    seen,
)
from qcompiler.rtl.blocks.window_reader import constant_at, wrapped
from qcompiler.rtl.builder import Counter, Register, Signal
from qcompiler.rtl.hardware import Place, hardware, pipelining
from qcompiler.rtl.numbers import Number, scaled, total
from qcompiler.rtl.stages import require_cuts
from qcompiler.rtl.streaming import Library


class _Counters(Struct, frozen=True):
    """Which sample is issued: its window, tap and channels.

    Attributes:
        row, column: of the window.
        entry: (offset group, block of taps), which of the positions.
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


def build_sample(library: Library, config: SampleConfig) -> hw.HWModuleOp:
    """Returns the sampler as a module."""
    require_cuts(config.name, config.registers, {*CUTS_BEFORE_READ, "words", "along"})
    b = Sampler(library, config)
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


def _build_counters(b: Sampler, row: Counter, issue: Signal) -> _Counters:
    """Chains the counters: the innermost steps with every sample."""
    config, sampling = b.config, b.config.sampling
    column = b.counter("window_column", config.windows[1])
    group = b.counter("group", config.groups)
    tap = b.counter("tap_block" if config.tap_count > 1 else "tap", config.blocks)
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
        count = config.blocks * sampling.offset_groups
        wide = max(1, (count - 1).bit_length())
        each = config.folds // sampling.offset_groups
        starts = [beat // each * config.blocks for beat in range(config.folds)]
        entry = tap.value.resize(wide, signed=False) + constant_at(b, channel, starts, wide)
    return _Counters(row, column, entry.named("position"), channel, window_done, row_done)


def _rows(
    b: Sampler,
    registers: tuple[Register, Register],
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
    for stage in range(1, b.config.rows_held + 1):
        register = b.register(f"leaving{stage}", 1, reset=0)
        register.drive(leaving, enable=b.enable)
        leaving = register
        count = b.delay(f"leaving_rows{stage}", count, enable=b.enable)
    gone = b.mux(leaving & b.enable, count, zero)
    occupied.drive(occupied + added - gone)
    return row_done


def _window_start(b: Sampler, counters: _Counters) -> tuple[Number, Number]:
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
    b: Sampler, counters: _Counters, freed: Signal, row_read: Signal
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
    b: Sampler,
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
    config = b.config
    entries = b.entries()
    taps = range(config.tap_count)
    suffixes = [f"{tap}" if config.tap_count > 1 else "" for tap in taps]
    # Stage 1: what the codes say, and where the window stands.
    moved = [
        [
            b.held_number(f"moved{name}{suffix}", entries.displacement(counters.entry, tap, axis))
            for axis, name in enumerate("yx")
        ]
        for tap, suffix in zip(taps, suffixes, strict=True)
    ]
    masks = [entries.mask(counters.entry, tap) for tap in taps]
    masks = [m and b.held_number(f"mask{n}", m) for m, n in zip(masks, suffixes, strict=True)]
    starts = [b.held_number(f"start{n}", value) for n, value in zip("yx", window, strict=True)]
    oldest, slot = (b.held_number(n, v) for n, v in zip(("row", "slot"), ring, strict=True))
    channel = b.held("channel", counters.channel)
    b.next_stage()
    # Stage 2: the element, and how far behind it.
    beat: list[Tap] = []
    for suffix, (rows, columns), mask in zip(suffixes, moved, masks, strict=True):
        axes = [element_of(b, starts[0], rows, 0), element_of(b, starts[1], columns, 1)]
        beat.append(Tap(suffix, axes, issue, mask))
    for _ in b.cuts("element"):
        for tap in beat:
            tap.keep_axes(b)
        oldest, slot = (b.held_number(n, v) for n, v in (("row", oldest), ("slot", slot)))
        channel = b.held("channel", channel)
        b.next_stage()
    for tap in beat:
        tap.axes = [seen(b, *each) for each in zip(tap.axes, config.spatial, strict=True)]
        tap.keep_axes(b)
    oldest, slot = (b.held_number(n, v) for n, v in (("row", oldest), ("slot", slot)))
    channel = b.held("channel", channel)
    b.next_stage()
    # Stage 3: its slot in the ring.
    before = negated(oldest)
    behind = [total([tap.axes[0].first, before]) for tap in beat]
    for _ in b.cuts("slot"):
        for n, tap in enumerate(beat):
            behind[n] = b.held_number(f"behind{tap.suffix}", behind[n])
            tap.keep_axes(b)
        slot, channel = b.held_number("slot", slot), b.held("channel", channel)
        b.next_stage()
    for tap, rows in zip(beat, behind, strict=True):
        tap.place = _slot(b, slot, rows)
        tap.go_on(b)
    channel = b.held("channel", channel)
    b.next_stage()
    more = BETWEEN_STAGES if config.sampling.interpolates else 0
    stages = 4 + more + bool(masks[0]) + sum(config.registers.values())
    chain = b.valid_chain(issue, stages)
    lanes = Memory(b, push, write_beat, channel, chain[config.rows_held - 1]).read(beat)
    samples: list[Signal] = []
    for tap, values in zip(beat, lanes, strict=True):
        if tap.mask is not None:
            values = [
                b.held_number(f"masked{tap.suffix}_{n}", one * tap.mask)
                for n, one in enumerate(values)
            ]
        samples += [one.wide(config.y.width_bits) for one in values]
    return b.pack(samples), chain[-1]


def _slot(b: Sampler, oldest: Number, behind: Number) -> Signal:
    """Returns the slot of a sample's row, which is as far behind the oldest one.

    Between elements the row may be the one before the frame, and its next one be the oldest.
    """
    rows = b.config.rows
    width = (2 * rows).bit_length()
    if not b.config.sampling.interpolates:
        return wrapped(b, oldest.resize(width, signed=False) + behind.wide(width), rows)
    place = oldest.resize(width + 1, signed=False) + behind.wide(width + 1)
    inside = wrapped(b, place.slice(0, width), rows)
    return b.mux(place.bit(width), b.constant(rows - 1, width), inside)


@hardware(stream.SampleOp)
def _hardware(place: Place, op: stream.SampleOp) -> hw.HWModuleOp:
    height, width, channels = op.input_channel.frame_shape
    offsets = stream.channel_of(op.offsets)
    rows, columns, _ = op.output_channel.frame_shape
    taps = op.taps_a_beat
    assert taps is not None, "verified"
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
        taps=taps,
        shared_rows=op.shared_rows,
        spatial=(height, width),
        windows=(rows, columns),
        channels=channels,
        groups=op.groups.value.data,
        sampling=op.sampling,
        buffering=op.buffering,
        rows_held=op.rows_held,
        registers=op.registers,
    )
    return build_sample(place.library, config)


@pipelining(stream.SampleOp)
def _cuts(model: DelayModel, op: stream.SampleOp) -> dict[str, int]:
    sampling, rows = op.sampling, op.buffer_rows
    height, width, _ = op.input_channel.frame_shape
    element = max(height, width).bit_length() + 1
    position = element + sampling.fraction
    lut = model.device.delays.lut
    place = model.add(2, position)
    if sampling.border:
        place += model.compare(position)
    if sampling.mode == "nearest" and sampling.fraction:
        place += model.add(2, position) + model.tables(sampling.fraction + 1) + lut
    outside = model.add(2, element) + model.compare(element)
    found = model.cuts([Segment("", place), Segment("element", outside)])
    slot = rows.bit_length() + 1
    wrap = model.add(2, slot) + model.compare(slot) + lut
    found |= model.cuts([Segment("", model.add(2, element)), Segment("slot", wrap)])
    parts = 2 if sampling.interpolates else 1
    banked = op.shared_rows and (op.taps_a_beat or (1, 1))[0] > 1
    row_words = -(-width // parts) * op.channel_folds
    depth = row_words * (1 if banked else rows // parts)
    word = model.read(depth, op.frame_lanes * op.input_channel.element.width_bits, rom=False)
    if not sampling.interpolates:
        choice = model.tables(rows + slot) if banked else 0.0
        return found | model.cuts([Segment("words", choice + 3 * lut)], word)
    neighbour = model.add(2, slot) + model.compare(slot) + lut
    address = model.add(
        1 + row_words.bit_count() + op.channel_folds.bit_count(), depth.bit_length()
    )
    found |= model.cuts([Segment("", neighbour), Segment("address", address)])
    found |= model.cuts([Segment("words", 3 * lut)], word)
    x, weight = op.input_channel.element.width_bits, sampling.fraction + 1
    product = model.multiply(x, weight, x + weight)
    return found | model.cuts([Segment("", product), Segment("along", model.add(2, x + weight))])

"""The line buffer of a sampler: what it holds where the taps stand, or between neighbours."""

from collections.abc import Sequence

from qcompiler.arith.ranges import IntRange
from qcompiler.rtl.blocks.sampler_positions import Axis, Sampler, Tap, negated
from qcompiler.rtl.blocks.window_reader import either, wrapped
from qcompiler.rtl.builder import Counter, Signal
from qcompiler.rtl.numbers import Number, scaled, total
from qcompiler.rtl.selection import indexed

BETWEEN_STAGES = 4
"""Stages of interpolation: neighbours, along rows, along columns, their sum."""

_CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))


class Memory:
    """The line buffer, once for each tap of a beat that reads it alone.

    It is one memory, or one for each row where the taps of a column share it, or four by the
    parities of slot and column where neighbours are read together.
    """

    def __init__(
        self, b: Sampler, push: Signal, write_beat: Counter, channel: Signal, reading: Signal
    ):
        self.b = b
        config = b.config
        self.push, self.channel, self.reading = push, channel, reading
        self.parts = 2 if config.sampling.interpolates else 1
        self.banked = config.shared_rows and config.taps[0] > 1
        columns = -(-config.spatial[1] // self.parts)
        self.row_words = columns * config.folds
        slots = 1 if self.banked else config.rows // self.parts
        self.depth = slots * self.row_words
        self.width = max(1, (self.depth - 1).bit_length())
        self.fold = b.counter("write_fold", config.folds)
        self.column = b.counter("write_column", config.spatial[1])
        self.slot = b.counter("write_slot", config.rows)
        step = push
        for counter in (self.fold, self.column, self.slot):
            counter.advance_on(step)
            step = step & counter.at_end

    def address(self, slot: Signal | None, column: Signal, channel: Signal) -> Signal:
        """Returns the word of a slot and column of one memory."""
        folds, width = self.b.config.folds, self.width
        wide = max(width, column.width, 1 if slot is None else slot.width)
        found = column.resize(wide, signed=False) if folds == 1 else scaled(column, folds, wide)
        if slot is not None:
            found = scaled(slot, self.row_words, wide) + found
        if folds > 1:
            found = found + channel.resize(wide, signed=False)
        return found.slice(0, width)

    def read(self, beat: Sequence[Tap]) -> list[list[Number]]:
        """Returns the samples of each tap, channel by channel; masks go along."""
        if self.parts == 2:
            return self._between(beat)
        b, columns = self.b, self.b.config.taps[1]
        addresses: list[Signal] = []
        outside: list[Signal | None] = []
        for tap in beat:
            slot = None if self.banked else tap.place
            address = self.address(slot, self._unsigned(tap.axes[1].first), self.channel)
            addresses.append(b.held(f"address{tap.suffix}", address))
            flag = either(tap.axes[0].outside[0], tap.axes[1].outside[0])
            outside.append(flag and b.held(f"outside{tap.suffix}", flag))
            tap.go_on(b)
        b.next_stage()
        at = self._write_address()
        if self.banked:
            words = [
                self._rows(n, beat[n::columns], addresses[n::columns], at) for n in range(columns)
            ]
        else:
            words = [
                [self._ram(f"line_buffer{tap.suffix}", self.push, at, address)]
                for tap, address in zip(beat, addresses, strict=True)
            ]
        for stage in range(1 + len(b.cuts("words"))):
            if stage:
                words = [
                    [b.held(f"word{n}_{k}", word) for k, word in enumerate(row)]
                    for n, row in enumerate(words)
                ]
            outside = [
                flag and b.held(f"outside{tap.suffix}", flag)
                for tap, flag in zip(beat, outside, strict=True)
            ]
            for tap in beat:
                tap.place = b.held(f"read_row{tap.suffix}", tap.place) if self.banked else tap.place
                tap.keep_mask(b)
            b.next_stage()
        return [
            self._lanes(indexed(b, tap.place, words[n % len(words)]), flag)
            for n, (tap, flag) in enumerate(zip(beat, outside, strict=True))
        ]

    def _rows(
        self, column: int, taps: Sequence[Tap], addresses: Sequence[Signal], at: Signal
    ) -> list[Signal]:
        """Returns what the taps of a column read: each row of the ring is a memory of its own."""
        b = self.b
        words: list[Signal] = []
        for row in range(b.config.rows):
            address = addresses[0]
            for tap, other in zip(taps[1:], addresses[1:], strict=True):
                address = b.mux(tap.place.equals(row), other, address)
            here = self.push & self.slot.value.equals(row)
            words.append(self._ram(f"row{row}_column{column}", here, at, address))
        return words

    def _write_address(self) -> Signal:
        slot = None if self.banked else self._half(self.slot)
        return self.address(slot, self._half(self.column), self.fold.value)

    def _unsigned(self, value: Signal) -> Signal:
        return value.slice(0, min(value.width, max(1, self.b.config.spatial[1].bit_length())))

    def _half(self, counter: Counter) -> Signal:
        value = counter.value
        if self.parts == 1:
            return value
        return value.slice(1, value.width - 1) if value.width > 1 else self.b.constant(0, 1)

    def _ram(self, name: str, write: Signal, at: Signal, address: Signal) -> Signal:
        b = self.b
        enable = b.enable & self.reading
        data = b.inputs[0].data
        return b.ram(name, depth=self.depth, write=(write, at, data), read=(enable, address))

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

    def _between(self, beat: Sequence[Tap]) -> list[list[Number]]:
        """Returns the samples between four neighbours each."""
        b = self.b
        odd: list[list[Signal]] = []
        halves: list[tuple[list[Signal], list[Signal]]] = []
        for tap in beat:
            column = tap.axes[1].first.wide(max(2, tap.axes[1].first.width))
            following = wrapped(b, tap.place + 1, b.config.rows)
            odd.append([tap.place.bit(0), column.bit(0)])
            slots = self._by_parity(odd[-1][0], tap.place, following)
            halves.append((slots, self._by_parity(odd[-1][1], column, column + 1)))
        for _ in b.cuts("address"):
            for index, tap in enumerate(beat):
                slots, columns = (
                    [b.held(f"{n}{tap.suffix}_{k}", half) for k, half in enumerate(both)]
                    for n, both in zip(("slots", "columns"), halves[index], strict=True)
                )
                halves[index] = slots, columns
                odd[index] = self._held_odd(tap, odd[index])
                tap.go_on(b)
            self.channel = b.held("channel", self.channel)
            b.next_stage()
        places: list[dict[tuple[int, int], Signal]] = []
        for index, (tap, (slots, columns)) in enumerate(zip(beat, halves, strict=True)):
            places.append(
                {
                    (r, c): b.held(
                        f"address{tap.suffix}_{r}{c}",
                        self.address(slots[r], columns[c], self.channel),
                    )
                    for r, c in _CORNERS
                }
            )
            odd[index] = self._held_odd(tap, odd[index])
            tap.go_on(b)
        b.next_stage()
        at = self._write_address()
        words: list[dict[tuple[int, int], Signal]] = []
        for index, (tap, found) in enumerate(zip(beat, places, strict=True)):
            words.append({})
            for r, c in _CORNERS:
                here = self.push & self._is(self.slot, r) & self._is(self.column, c)
                name = f"line_buffer{tap.suffix}_{r}{c}"
                words[-1][r, c] = self._ram(name, here, at, found[r, c])
            odd[index] = self._held_odd(tap, odd[index])
            tap.go_on(b)
        b.next_stage()
        for _ in b.cuts("words"):
            for index, tap in enumerate(beat):
                words[index] = {
                    (r, c): b.held(f"word{tap.suffix}_{r}{c}", word)
                    for (r, c), word in words[index].items()
                }
                odd[index] = self._held_odd(tap, odd[index])
                tap.go_on(b)
            b.next_stage()
        read = zip(beat, words, odd, strict=True)
        corners = [self._corners(tap, found, flags) for tap, found, flags in read]
        return interpolated(b, corners, beat)

    def _held_odd(self, tap: Tap, odd: Sequence[Signal]) -> list[Signal]:
        """Returns whether slot and column are odd, one stage later."""
        flags = zip("yx", odd, strict=True)
        return [self.b.held(f"odd{n}{tap.suffix}", flag) for n, flag in flags]

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
        self, tap: Tap, words: dict[tuple[int, int], Signal], odd: Sequence[Signal]
    ) -> dict[tuple[int, int], list[Number]]:
        """Returns the four neighbours of a tap, channel by channel, one stage later."""
        b = self.b
        found: dict[tuple[int, int], list[Number]] = {}
        for r, c in _CORNERS:
            rows = [b.mux(odd[0], words[1 - r, k], words[r, k]) for k in (0, 1)]
            word = b.mux(odd[1], rows[1 - c], rows[c])
            outside = either(tap.axes[0].outside[r], tap.axes[1].outside[c])
            lanes = self._lanes(word, outside)
            name = f"x{tap.suffix}_{r}{c}"
            found[r, c] = [b.held_number(f"{name}_{n}", lane) for n, lane in enumerate(lanes)]
        return found


def interpolated(
    b: Sampler, corners: Sequence[dict[tuple[int, int], list[Number]]], beat: Sequence[Tap]
) -> list[list[Number]]:
    """Returns the samples between four neighbours; their masks go along."""
    lanes = range(b.config.lanes)
    weights = [
        [_weights(b, axis, n + tap.suffix) for axis, n in zip(tap.axes, "yx", strict=True)]
        for tap in beat
    ]
    _keep_masks(b, beat)
    down = [w[0] for w in weights]
    shares = [
        [[[x[r, c][n] * w[1][c] for c in (0, 1)] for n in lanes] for r in (0, 1)]
        for x, w in zip(corners, weights, strict=True)
    ]
    for _ in b.cuts("along"):
        shares = [
            [
                [
                    [
                        b.held_number(f"share{tap.suffix}_{r}{c}_{n}", product)
                        for c, product in enumerate(both)
                    ]
                    for n, both in enumerate(row)
                ]
                for r, row in enumerate(rows)
            ]
            for tap, rows in zip(beat, shares, strict=True)
        ]
        down = _held_down(b, beat, down)
        _keep_masks(b, beat)
    along = [
        [
            [b.held_number(f"row{tap.suffix}_{r}_{n}", total(both)) for n, both in enumerate(row)]
            for r, row in enumerate(rows)
        ]
        for tap, rows in zip(beat, shares, strict=True)
    ]
    down = _held_down(b, beat, down)
    _keep_masks(b, beat)
    products = [
        [
            [b.held_number(f"part{tap.suffix}_{r}_{n}", rows[r][n] * w[r]) for n in lanes]
            for r in (0, 1)
        ]
        for tap, rows, w in zip(beat, along, down, strict=True)
    ]
    _keep_masks(b, beat)
    sums = [
        [b.held_number(f"sample{tap.suffix}_{n}", total([p[0][n], p[1][n]])) for n in lanes]
        for tap, p in zip(beat, products, strict=True)
    ]
    _keep_masks(b, beat)
    return sums


def _held_down(b: Sampler, beat: Sequence[Tap], down: Sequence[list[Number]]) -> list[list[Number]]:
    """Returns the weights along columns, one stage later."""
    return [
        [b.held_number(f"down{tap.suffix}_{n}", one) for n, one in enumerate(pair)]
        for tap, pair in zip(beat, down, strict=True)
    ]


def _keep_masks(b: Sampler, beat: Sequence[Tap]) -> None:
    """Ends a stage: masks go along to the next one."""
    for tap in beat:
        tap.keep_mask(b)
    b.next_stage()


def _weights(b: Sampler, axis: Axis, name: str) -> list[Number]:
    """Returns the weights of both neighbours along an axis, one stage later."""
    one = 1 << b.config.sampling.fraction
    assert axis.fraction is not None, "positions have fractions"
    beside = Number.of(axis.fraction, IntRange(0, one - 1))
    before = total([Number.constant(b, one), negated(beside)])
    pair = (Number.of(before, IntRange(1, one)), beside)
    return [b.held_number(f"{name}_weight{n}", weight) for n, weight in enumerate(pair)]

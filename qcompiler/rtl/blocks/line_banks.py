"""A line buffer of several memories, from which several taps of a window are read in one cycle.

    write --> banks [row, column] --> row of each tap --> column of each tap --> taps

Columns of the frame go to the column banks in turn, so that the taps of a kernel row that are read
together lie in different ones. If taps of several rows are read together, each row of the ring has
banks of its own; otherwise one bank holds all rows. Which bank holds the first tap tells which
holds each of the others.
"""

from msgspec import Struct

from qcompiler.rtl.blocks.window_reader import (
    Position,
    Reader,
    SlidingWindowConfig,
    address_ranks,
    build_channel,
    build_slots,
    chosen,
    constant_at,
    wrapped,
)
from qcompiler.rtl.builder import Signal
from qcompiler.rtl.numbers import scaled
from qcompiler.rtl.stages import staged
from qcompiler.rtl.streaming import StreamBlock


class _Banks(Struct, frozen=True):
    """How a frame's rows and columns are spread over memories."""

    config: SlidingWindowConfig

    @property
    def columns(self) -> int:
        """Column banks: the fewest that keep the taps of a row apart."""
        count, dilation = self.config.taps[1], self.config.window.dilations[1]
        banks = count
        while len({tap * dilation % banks for tap in range(count)}) < count:
            banks += 1
        return banks

    @property
    def rows(self) -> int:
        """Row banks."""
        return self.config.buffer_rows if self.config.taps[0] > 1 else 1

    @property
    def row_words(self) -> int:
        """Words of a row in a bank."""
        return -(-self.config.spatial[1] // self.columns) * self.config.channel_folds

    @property
    def depth(self) -> int:
        """Words of a bank."""
        return self.row_words * (self.config.buffer_rows if self.rows == 1 else 1)

    @property
    def address_width(self) -> int:
        """Bits of an address."""
        return max(1, (self.depth - 1).bit_length())

    @property
    def offsets(self) -> list[int]:
        """Columns from the first tap of a beat to each one."""
        return [tap * self.config.window.dilations[1] for tap in range(self.config.taps[1])]

    @property
    def fixed(self) -> int | None:
        """The column bank of a beat's first tap, if it is always the same."""
        config, axis = self.config, 1
        windows = config.window.output_shape(config.spatial)[axis]
        moves = [config.window.strides[axis]] if windows > 1 else []
        if config.window.kernel[axis] > config.taps[axis]:
            moves.append(config.taps[axis] * config.window.dilations[axis])
        if any(move % self.columns for move in moves):
            return None
        return -config.window.pads_begin[axis] % self.columns

    def rounds(self, bank: int) -> list[int]:
        """Returns, per bank of the first tap, how many words on from it a bank is read."""
        return [
            next((n // self.columns for n in ends if n % self.columns == bank), 0)
            for ends in (
                [first + offset for offset in self.offsets] for first in range(self.columns)
            )
        ]

    def address(self, row: Signal, word: Signal, channel: Signal | None) -> Signal:
        """Returns the address of a word of a row's bank, for one beat of its channels."""
        width = self.address_width
        if channel is not None:
            word = scaled(word, self.config.channel_folds, width) + channel.resize(
                width, signed=False
            )
        if self.rows > 1:
            return word
        wide = max(width, row.width)
        return scaled(row, self.row_words, wide).resize(width, signed=False) + word


def read_banks(
    b: StreamBlock,
    config: SlidingWindowConfig,
    write: tuple[Signal, Signal],
    reader: Reader,
    position: Position,
    issue: Signal,
) -> list[Signal]:
    """Returns the taps of a beat, one cycle after `issue`.

    Args:
        b: the module.
        config: of the generator.
        write: a beat is stored; with it a row is complete.
        reader: the counters of the reading side.
        position: where the taps stand along a row.
        issue: whether a beat is issued.
    """
    banks = _Banks(config)
    before, behind = address_ranks(config)
    enables, write_address = _write_side(b, banks, *write)
    slots = build_slots(b, config, reader)
    slots = [reader.held(f"slot{n}_kept", slot, before) for n, slot in enumerate(slots)]
    word, first_bank = _first_tap(b, banks, reader, position)
    word = reader.held("word_kept", word, before)
    first_bank = reader.held("bank_kept", first_bank, before)
    channel = None
    if config.channel_folds > 1:
        channel = build_channel(b, config, reader, banks.address_width)
        channel = reader.held("channel_kept", channel, before)
    ranks = config.registers.get("words", 0)
    memories: list[list[Signal]] = [[] for _ in range(banks.rows)]
    for column in range(banks.columns):
        rounds = banks.rounds(column)
        at = word + _at_bank(b, banks, first_bank, rounds)
        address = banks.address(slots[0], at, channel)
        address = reader.held(f"address{column}", address, behind).named(f"read_address{column}")
        for row, memory in enumerate(memories):
            ram = b.ram(
                f"row{row}_bank{column}" if banks.rows > 1 else f"bank{column}",
                depth=banks.depth,
                write=(enables[row][column], write_address, b.in_data),
                read=(issue, address),
            )
            memory.append(staged(b, f"kept{row}_{column}", ram, ranks, b.enable))
    slots = [reader.held(f"slot{n}_known", slot, behind) for n, slot in enumerate(slots)]
    first_bank = reader.held("bank_known", first_bank, behind)
    return _taps(b, banks, memories, slots, first_bank, issue)


def _at_bank(b: StreamBlock, banks: _Banks, bank: Signal, values: list[int]) -> Signal:
    if banks.fixed is not None:
        return b.constant(values[banks.fixed], banks.address_width)
    return constant_at(b, bank, values, banks.address_width)


def _write_side(
    b: StreamBlock, banks: _Banks, push: Signal, row_stored: Signal
) -> tuple[list[list[Signal]], Signal]:
    """Returns each bank's write enable, and the address."""
    config, width = banks.config, banks.address_width
    fold, stored = b.counter("write_fold", config.channel_folds), push
    if fold.register is not None:
        fold.advance_on(push)
        stored = (push & fold.at_end).named("position_stored")
    row = b.counter("write_row", config.buffer_rows)
    row.advance_on(row_stored)
    bank = b.register("write_bank", max(1, (banks.columns - 1).bit_length()), reset=0)
    last = bank.equals(banks.columns - 1).named("write_bank_end")
    bank.drive(b.mux(row_stored | last, b.constant(0, bank.width), bank + 1), enable=stored)
    # The word's address before the beat of its channels: kept, for it is a sum of products.
    next_row = b.constant(0, width)
    if banks.rows == 1:
        row_start = b.register("write_row_start", width, reset=0)
        next_row = b.mux(row.at_end, next_row, row_start + banks.row_words)
        row_start.drive(next_row, enable=row_stored)
    start = b.register("write_start", width, reset=0)
    round_stored = (row_stored | stored & last).named("round_stored")
    start.drive(b.mux(row_stored, next_row, start + config.channel_folds), enable=round_stored)
    address: Signal = start
    if config.channel_folds > 1:
        address = start + fold.value.resize(width, signed=False)
    address = address.named("write_address")
    here = [push & bank.equals(column) for column in range(banks.columns)]
    if banks.rows == 1:
        return [here], address
    return [[one & row.value.equals(r) for one in here] for r in range(banks.rows)], address


def _first_tap(
    b: StreamBlock, banks: _Banks, reader: Reader, position: Position
) -> tuple[Signal, Signal]:
    """Returns the word and the column bank of a beat's first tap."""
    config, count, width = banks.config, banks.columns, banks.address_width
    if count == 1:
        return position.first.resize(width, signed=True), b.constant(0, 1)
    stride, pad = config.window.strides[1], config.window.pads_begin[1]
    bank_width = (2 * count - 1).bit_length()
    first_word, first_bank = divmod(-pad, count)
    bank = b.register("window_bank", bank_width, reset=first_bank)
    word = b.register("window_word", width, reset=first_word)
    moved = bank + stride % count
    restart, at_end = reader.window_done, reader.column.at_end
    start = b.constant(first_bank, bank_width), b.constant(first_word, width)
    bank.drive(b.mux(at_end, start[0], wrapped(b, moved, count)), enable=restart)
    next_word = word + stride // count + moved.compare("uge", count).resize(width, signed=False)
    word.drive(b.mux(at_end, start[1], next_word), enable=restart)
    steps = config.window.kernel[1] // config.taps[1]
    if steps == 1:
        return word, bank
    block = config.taps[1] * config.window.dilations[1]
    offsets = [divmod(step * block, count) for step in range(steps)]
    tap = reader.tap_column.value
    moved = bank + constant_at(b, tap, [offset[1] for offset in offsets], bank_width)
    words = constant_at(b, tap, [offset[0] for offset in offsets], width)
    carry = moved.compare("uge", count).resize(width, signed=False)
    return (word + words + carry).named("tap_word"), wrapped(b, moved, count).named("tap_bank")


def _taps(
    b: StreamBlock,
    banks: _Banks,
    memories: list[list[Signal]],
    slots: list[Signal],
    first_bank: Signal,
    issue: Signal,
) -> list[Signal]:
    """Returns the taps from what the memories hold: first the row, then the column of each."""
    count, taps = banks.columns, list[Signal]()
    chosen_ranks = banks.config.registers.get("taps", 0)
    ranks = banks.config.registers.get("words", 0)
    bank = b.delay("read_bank", first_bank, enable=issue)
    bank = staged(b, "read_bank_kept", bank, ranks, b.enable)
    for n, slot in enumerate(slots):
        row = memories[0]
        if banks.rows > 1:
            read_row = b.delay(f"read_row{n}", slot, enable=issue)
            read_row = staged(b, f"read_row{n}_kept", read_row, ranks, b.enable)
            row = [chosen(b, read_row, column) for column in zip(*memories, strict=True)]
            row = [column.named(f"row{n}_column{c}") for c, column in enumerate(row)]
        for offset in banks.offsets:
            turned = [row[(first + offset) % count] for first in range(count)]
            tap = chosen(b, bank, turned) if banks.fixed is None else turned[banks.fixed]
            tap = staged(b, f"tap{len(taps)}_kept", tap, chosen_ranks, b.enable)
            taps.append(tap.named(f"tap{len(taps)}"))
    return taps

"""A product in several cycles: pieces of both factors, those of most weight first.

    number, factor --> pieces of this cycle --> product --> + what was before, moved up --> register

Cuts: the pieces that are `chosen`, and their `partial` product.
"""

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.turns import MOST_ROWS, Turns
from qcompiler.devices.delays import DelayModel, Segment
from qcompiler.rtl.builder import ModuleBuilder, Signal
from qcompiler.rtl.numbers import Number
from qcompiler.rtl.selection import indexed
from qcompiler.rtl.stages import Registers, staged, staged_number


def serial_product(
    b: ModuleBuilder,
    x: Number,
    factor: Number,
    turns: Turns,
    *,
    turn: Signal,
    enable: Signal,
    registers: Registers,
) -> Number:
    """Returns x * factor, in a register that has it one cycle after turn 0, and its cuts later.

    Args:
        b: the module.
        x: holds still from turn 1 to turn 0.
        factor: likewise; not negative.
        turns: at least 2.
        turn: counts 1, 2, ... 0.
        enable: of everything.
        registers: at the cuts.
    """
    assert factor.range.lo >= 0, "the highest bits weigh no more than they seem to"
    bits = turns.bits(x.range, factor.range)
    order = turns.order[-1:] + turns.order[:-1]  # entry k is what turn k takes
    x_pieces = _pieces(x, turns.number_pieces, bits)
    piece = _chosen(b, [x_pieces[i] for i, _, _ in order], turn)
    factor_pieces = _pieces(factor, turns.factor_pieces, bits)
    digits = _chosen(b, [factor_pieces[j] for _, j, _ in order], turn)
    chosen, partial = (registers.get(cut, 0) for cut in ("chosen", "partial"))
    piece = staged_number(b, "number_piece", piece, chosen, enable)
    digits = staged_number(b, "factor_piece", digits, chosen, enable)
    made = staged_number(b, "partial", _product(b, piece, digits), partial, enable)
    later = chosen + partial
    product = (x.range * factor.range).union(IntRange(0, 0))
    width = product.width_bits
    register = b.register("product", width)
    higher = b.constant(0, width)  # of a number that is always 0, nothing is left moved up
    if width > bits:
        higher = b.concat([register.slice(0, width - bits), b.constant(0, bits)])
    if turns.number_pieces > 1:
        lower = _flag(b, turn, [down for _, _, down in order])
        lower = staged(b, "lower", lower.named("is_lower"), later, enable)
        higher = b.mux(lower, higher, register)
    first = staged(b, "first", turn.equals(1).named("is_first"), later, enable)
    kept = b.mux(first, b.constant(0, width), higher)
    register.drive(kept + made.wide(width), enable=enable)
    return Number.of(register, product)


def serial_segments(
    model: DelayModel, cut: str, turns: Turns, x: IntRange, factor: IntRange
) -> list[Segment]:
    """Returns what is in series up to the register of a product, behind a cut."""
    bits = turns.bits(x, factor)
    piece = bits + 1 if turns.number_pieces > 1 else x.width_bits + (not x.signed)
    width = (x * factor).width_bits
    choice = model.tables(turns.count + (turns.count - 1).bit_length())
    product = model.product("chosen", piece, bits + 1, piece + bits)
    if bits <= MOST_ROWS:
        product = Segment("chosen", model.device.delays.lut + model.add(bits, piece + bits))
    total = model.device.delays.lut + model.add(2, width)
    return [Segment(cut, choice), product, Segment("partial", total)]


def _pieces(number: Number, count: int, bits: int) -> list[Number]:
    """Returns the pieces of a number, the lowest first; all have the range of any."""
    if count == 1:
        return [number]
    pieces = [number.shifted(bits * k) for k in range(count)]
    highest = pieces[-1].range
    range_ = highest.union(IntRange(0, (1 << bits) - 1))
    wide = number.wide(max(bits * count, number.width))
    found = [
        Number.of(wide.slice(bits * k, bits).resize(range_.width_bits, signed=False), range_)
        for k in range(count - 1)
    ]
    return [*found, Number.of(pieces[-1].wide(range_.width_bits), range_)]


def _product(b: ModuleBuilder, x: Number, digits: Number) -> Number:
    """Returns x * digits; rows of adders if there are few."""
    if digits.width > MOST_ROWS or x.is_constant or digits.is_constant:
        return x * digits
    range_ = x.range * digits.range
    width = range_.width_bits
    rows: list[Signal] = []
    for place in range(digits.width):
        row = x.wide(width - place)
        row = b.concat([row, b.constant(0, place)]) if place else row
        rows.append(row & digits.bit(place).replicate(width))
    return Number.of(b.sum(rows), range_)


def _chosen(b: ModuleBuilder, values: list[Number], index: Signal) -> Number:
    """Returns the value at an index, by a tree of multiplexers; those beyond the last are any."""
    if all(value == values[0] for value in values):
        return values[0]
    return Number.of(indexed(b, index, values), values[0].range)


def _flag(b: ModuleBuilder, index: Signal, values: list[bool]) -> Signal:
    """Returns the bit at an index."""
    return indexed(b, index, [b.constant(int(value), 1) for value in values])

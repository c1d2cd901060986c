"""A product in several cycles: some bits of the multiplier at a time, the highest first."""

from qcompiler.arith.ranges import IntRange
from qcompiler.rtl.builder import ModuleBuilder, Signal
from qcompiler.rtl.numbers import Number


def serial_product(
    b: ModuleBuilder, x: Number, factor: Number, *, turn: Signal, turns: int, enable: Signal
) -> Number:
    """Returns x * factor, in a register that has it one cycle after turn 0.

    Args:
        b: the module.
        x: holds still from turn 1 to turn 0.
        factor: likewise; not negative.
        turn: counts 1, 2, ... turns - 1, 0.
        turns: at least 2.
        enable: of everything.
    """
    assert factor.range.lo >= 0, "the highest bits weigh no more than they seem to"
    bits = -(-factor.width // turns)
    product = (x.range * factor.range).union(IntRange(0, 0))
    width = product.width_bits
    padded = factor.wide(bits * turns)
    # Entry k is what turn k takes: turn 1 the highest bits, turn 0 the lowest.
    pieces = [padded.slice(bits * ((turns - k) % turns), bits) for k in range(turns)]
    piece = _chosen(b, pieces, turn).named("multiplier_bits")
    register = b.register("product", width)
    fresh = turn.equals(1).named("first_bits")
    higher = b.concat([register.slice(0, width - bits), b.constant(0, bits)])
    kept = b.mux(fresh, b.constant(0, width), higher)
    terms = [kept]
    for place in range(bits):
        row = x.wide(width - place)
        row = b.concat([row, b.constant(0, place)]) if place else row
        terms.append(row & piece.bit(place).replicate(width))
    register.drive(b.sum(terms), enable=enable)
    return Number.of(register, product)


def _chosen(b: ModuleBuilder, values: list[Signal], index: Signal) -> Signal:
    """Returns the value at an index, by a tree of multiplexers; those beyond the last are any."""
    for place in range(index.width):
        pairs = [values[i : i + 2] for i in range(0, len(values), 2)]
        values = [b.mux(index.bit(place), p[-1], p[0]) for p in pairs]
    return values[0]

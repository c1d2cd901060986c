"""Products in turns: those there are in a number of cycles, what they take, the cheapest."""

from collections.abc import Iterator
from functools import lru_cache

from qcompiler.analysis.area.estimate import Area
from qcompiler.analysis.area.prices import price
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.turns import IN_LOGIC, MOST_ROWS, ONCE, Turns
from qcompiler.devices.family import Multiplier
from qcompiler.rtl.blocks.weight_codes import signed_width

_MOST_NUMBER_PIECES = 3
_ADDER_BIT = 1.6
_LOGIC_MULTIPLIER = 1.3
"""As for layers, see `rough`."""


def most_cycles(factor: IntRange) -> int:
    """Returns the number of cycles beyond which there are no more ways to cut a product."""
    return _MOST_NUMBER_PIECES * factor.width_bits


def possible_turns(number: IntRange, factor: IntRange, cycles: int) -> Iterator[Turns]:
    """Yields the ways to cut a product that take at most so many cycles, all at once first.

    Of those with pieces of the same length, the fewest cycles.
    """
    yield ONCE
    if factor.width_bits <= MOST_ROWS:
        yield IN_LOGIC
    if factor.lo < 0:
        return
    for number_pieces in range(1, _MOST_NUMBER_PIECES + 1):
        lengths: set[int] = set()
        for factor_pieces in range(1, min(factor.width_bits, cycles // number_pieces) + 1):
            turns = Turns(number_pieces * factor_pieces, number_pieces)
            bits = turns.bits(number, factor)
            if turns != ONCE and bits not in lengths:
                lengths.add(bits)
                yield turns


def product_area(
    number: IntRange, factor: IntRange, turns: Turns, multiplier: Multiplier | None
) -> Area:
    """Returns a guess at what a product takes.

    Args:
        number: what is multiplied.
        factor: by what.
        turns: in which.
        multiplier: of the device, None without.
    """
    long, short = signed_width(number), signed_width(factor)
    width = (number * factor).width_bits
    if turns == ONCE:
        return _at_once(long, short, width, multiplier)
    if turns.in_logic:
        rows = factor.width_bits - 1
        return Area(round(rows * (long + short) * _ADDER_BIT), width)
    bits = turns.bits(number, factor)
    piece = min(long, bits + 1) if turns.number_pieces > 1 else long
    count = multiplier.count(piece, bits + 1, piece + bits) if multiplier else 0
    choices = bits * turns.factor_pieces // 3
    if turns.number_pieces > 1:
        choices += bits * turns.number_pieces // 3 + width
    rows = bits - 1
    if bits <= MOST_ROWS:
        count = 0
    elif count:
        rows = count - 1
    each = round(rows * (piece + bits) * _ADDER_BIT)
    return Area(round(_ADDER_BIT * width) + choices + each, width + 2 * piece + 2 * bits, 0, count)


def _at_once(long: int, short: int, width: int, multiplier: Multiplier | None) -> Area:
    count = multiplier.count(long, short, width) if multiplier else 0
    if count:
        return Area(round(0.5 * (count - 1) * width), 2 * width, 0, count)
    return Area(round(_LOGIC_MULTIPLIER * long * short), width)


@lru_cache(maxsize=4096)
def cheapest_turns(
    number: IntRange,
    factor: IntRange,
    cycles: int,
    multiplier: Multiplier | None,
    prices: tuple[tuple[str, float], ...],
) -> Turns:
    """Returns how a product is best cut that may take so many cycles.

    Args:
        number: what is multiplied.
        factor: by what.
        cycles: most that there are for a product.
        multiplier: of the device, None without.
        prices: of resources.
    """
    each = dict(prices)
    ways = possible_turns(number, factor, cycles)
    return min(
        (turns for turns in ways if multiplier or not turns.in_logic),  # else all is logic
        key=lambda turns: price(product_area(number, factor, turns, multiplier), each),
    )

"""Requantizers with parameters that are constants: logic between an integer and its code."""

from xdsl.dialects import hw

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import Requantizer, Shift, Table, Threshold
from qcompiler.devices.delays import DelayModel
from qcompiler.rtl.builder import ModuleBuilder, Signal
from qcompiler.rtl.numbers import Number

_LEVELS = 3
"""Of tables between an integer and its code: what decides, whether to clamp, the code."""


def code_tables(model: DelayModel, form: Requantizer, y: IntRange) -> float:
    """Returns how long a code takes to make."""
    lut = model.device.delays.lut
    match form:
        case Shift():
            return lut * _LEVELS
        case Threshold():
            return lut * (_LEVELS + 1)
        case Table():
            return model.words((form.entries.shape[1] - 1).bit_length())
        case _:
            return lut * (1 + y.width_bits)


def code_of(b: ModuleBuilder, name: str, x: Number, form: Requantizer, range_: IntRange) -> Number:
    """Returns the code of a number; `form` has one row, no bias and no sign."""
    if range_.size == 1:
        return Number.constant(b, range_.lo)
    match form:
        case Shift():
            made = _shifted(b, x, form, range_)
        case Threshold():
            made = _counted(b, x, form, range_)
        case Table():
            made = _looked_up(b, x, form, range_)
        case _:
            raise AssertionError(f"no logic for {form}")
    return Number.of(made.named(name), range_)


def _shifted(b: ModuleBuilder, x: Number, form: Shift, range_: IntRange) -> Signal:
    """Returns `clamp(x >> shift)`; of a tie, the even or odd neighbour."""
    y = x.shifted(form.shift)
    if form.tie_parity is not None and form.shift > form.tie_width:
        y = _untied(b, x, y, form)
    return _clamped(b, y, form, range_)


def _untied(b: ModuleBuilder, x: Number, y: Number, form: Shift) -> Number:
    """Moves ties that were rounded up to the wrong parity one down."""
    bits = x.wide(max(x.width, form.shift))
    tie = bits.slice(form.tie_width, form.shift - form.tie_width).equals(0)
    if form.tie_parity == 0:  # from an odd number: only its lowest bit changes
        low = y.bit(0) & ~tie
        made = b.concat([y.slice(1, y.width - 1), low]) if y.width > 1 else low
        bounds = IntRange(y.range.lo - 1, y.range.hi) if y.range.signed else y.range
        if bounds.width_bits == y.width:
            return Number.of(made, bounds)
        return Number.of(Number.of(made, y.range).wide(bounds.width_bits), bounds)
    bounds = IntRange(y.range.lo - 1, y.range.hi)
    wrong = (tie & ~y.bit(0)).zext(bounds.width_bits)
    return Number.of(y.wide(bounds.width_bits) - wrong, bounds)


def _clamped(b: ModuleBuilder, y: Number, form: Shift, range_: IntRange) -> Signal:
    width = range_.width_bits
    low = y.range.lo < form.lo
    high = y.range.hi > form.hi
    made = y.wide(width) if y.width <= width else y.slice(0, width)
    if high:
        made = b.mux(_above(b, y, form.hi), b.constant(form.hi, width), made)
    if low:
        made = b.mux(_below(y, form.lo), b.constant(form.lo, width), made)
    return made


def _above(b: ModuleBuilder, y: Number, most: int) -> Signal:
    """Returns whether a number is above a bound; may be anything where it is negative."""
    bits = (most + 1).bit_length() - 1
    if most >= 0 and most + 1 == 1 << bits and bits < y.width:
        top = y.width - bits - y.range.signed
        over = y.slice(bits, top).compare("ne", 0) if top > 1 else y.bit(bits)
        return over & ~y.sign if y.range.signed else over
    if y.range.signed:
        return y.compare("sgt", most)
    return y.compare("ugt", most)


def _below(y: Number, least: int) -> Signal:
    if least == 0:
        return y.sign
    return y.compare("slt", least) if y.range.signed else y.compare("ult", least)


def _counted(b: ModuleBuilder, x: Number, form: Threshold, range_: IntRange) -> Signal:
    """Returns how many thresholds a number reaches, by bisection: each bit chooses the next."""
    width = range_.width_bits
    thresholds = [t for t in form.thresholds[0].tolist() if x.range.lo < t <= x.range.hi]
    always = sum(t <= x.range.lo for t in form.thresholds[0].tolist())
    base = form.lo + always
    flags = [_reached(x, t) for t in thresholds]
    return _select(b, flags, base, width)


def _reached(x: Number, threshold: int) -> Signal:
    """Returns whether a number is at least a constant: a tree of gates, which needs no chain."""
    bits = [x.bit(at) for at in range(x.width)]
    if x.range.signed:  # moved up by half the range, both are unsigned
        bits[-1] = ~bits[-1]
        threshold += 1 << (x.width - 1)
    low = (threshold & -threshold).bit_length() - 1
    found = bits[low]
    for at in range(low + 1, x.width):
        found = bits[at] & found if threshold >> at & 1 else bits[at] | found
    return found


def _select(b: ModuleBuilder, flags: list[Signal], base: int, width: int) -> Signal:
    if not flags:
        return b.constant(base, width)
    middle = len(flags) // 2
    above = _select(b, flags[middle + 1 :], base + middle + 1, width)
    below = _select(b, flags[:middle], base, width)
    return b.mux(flags[middle], above, below)


def _looked_up(b: ModuleBuilder, x: Number, form: Table, range_: IntRange) -> Signal:
    """Returns an entry of a table, by the bits of the number as they are."""
    width, entries = range_.width_bits, form.entries[0].tolist()
    words: list[Signal] = []
    for bits in range(1 << x.width):
        value = bits - (1 << x.width) if x.range.signed and bits >> (x.width - 1) else bits
        place = min(max(value, x.range.lo), x.range.hi) - form.x_lo
        words.append(b.constant(entries[place], width))
    array = hw.ArrayCreateOp(*(word.value for word in reversed(words)))
    made = hw.ArrayGetOp(b.emit(array).value, x.value)
    return b.emit(made)

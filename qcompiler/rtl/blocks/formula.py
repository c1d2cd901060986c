"""Integer formulas as pipelines: registers behind every step, and delays that align them.

    in0 --> operands --> step --> step --> ... --> register slice --> out
    in1 --> of the row --^

How many registers each step takes is said in `qcompiler.arith.formula`; what they hold is here.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce

import numpy as np
from msgspec import Struct, field
from xdsl.dialects import hw

from qcompiler.arith.formula import Formula, Step, quotient_bits, root_bits
from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import stream
from qcompiler.rtl.builder import Predicate, Signal
from qcompiler.rtl.hardware import Place, hardware
from qcompiler.rtl.numbers import Number, multiples, scaled
from qcompiler.rtl.streaming import JoinBlock


@hardware(stream.FormulaOp)
def _hardware(place: Place, op: stream.FormulaOp) -> hw.HWModuleOp:
    given, made = op.input_channels, op.output_channel
    widths = [n * c.element.width_bits for n, c in zip(op.wanted_lanes, given, strict=True)]
    out_width, lanes = made.element.width_bits, made.lanes.data
    b = JoinBlock(place.library, place.top, place.name, place.comment, (widths, lanes * out_width))
    beat = b.counter("beat", op.steps)
    first = beat.value.equals(0).named("first") if op.steps > 1 else b.constant(1, 1)
    present = [
        port.valid | ~first if once else port.valid
        for port, once in zip(b.inputs, op.per_row, strict=True)
    ]
    fire = (b.enable & reduce(lambda one, other: one & other, present)).named("fire")
    beat.advance_on(fire)
    ready = [fire & first if once else fire for once in op.per_row]
    operands = [
        b.delay(f"operand{i}", port.data, enable=take).lanes(count)
        for i, (port, take, count) in enumerate(zip(b.inputs, ready, op.wanted_lanes, strict=True))
    ]
    places = _Places(b, op, (beat.value, fire, fire & beat.at_end))
    results: list[Signal] = []
    for lane in range(lanes):
        chosen = [
            Number.of(values[0 if once else lane], channel.element.range)
            for values, once, channel in zip(operands, op.per_row, given, strict=True)
        ]
        prefix = f"l{lane}_" if lanes > 1 else ""
        pipeline = _Pipeline(b, op.formula, chosen, places.of_lane(lane), prefix)
        results.append(pipeline.result().wide(out_width))
    valid = [fire, *b.valid_chain(fire, op.formula.stages)]
    return b.close(in_ready=ready, next_valid=valid[-1], data=b.pack(results))


class _Places:
    """Where the beat that was taken last lies in its row and in its frame."""

    def __init__(self, b: JoinBlock, op: stream.FormulaOp, taken: tuple[Signal, Signal, Signal]):
        """Adds counters for the places that the formula reads.

        Args:
            b: the module.
            op: the process.
            taken: the beat's number in its row; whether it is taken; and is the row's last.
        """
        beat, fire, row_done = taken
        self._op = op
        read = {step.kind for step in op.formula.steps}
        self._beats: dict[str, Signal] = {}
        if {"position", "element"} & read:
            self._beats["position"] = b.delay("beat_taken", beat, enable=fire)
        if "element" in read:
            row = b.counter("row", op.output_channel.beats // op.steps)
            row.advance_on(row_done)
            width = max(1, (op.output_channel.beats - 1).bit_length())
            number = scaled(row.value, op.steps, width) + beat.resize(width, signed=False)
            self._beats["element"] = b.delay("beat_of_frame", number, enable=fire)

    def of_lane(self, lane: int) -> dict[str, Signal]:
        """Returns the places of an element of the beat, by name."""
        made = self._op.output_channel
        frame = made.with_lanes(1).beats
        found: dict[str, Signal] = {}
        for name, beat in self._beats.items():
            width = max(1, ((frame if name == "element" else made.channels) - 1).bit_length())
            first = scaled(beat, made.lanes.data, width)
            found[name] = first + lane if lane else first
        return found


class _Pipeline(Struct):
    """The steps for one lane.

    Attributes:
        b: the module.
        formula: what to compute.
        operands: in registers, stage 0.
        places: of the element in its row and frame, by name, stage 0.
        prefix: of the registers' names.
    """

    b: JoinBlock
    formula: Formula
    operands: Sequence[Number]
    places: Mapping[str, Signal]
    prefix: str
    _values: dict[tuple[int, int], Number] = field(default_factory=dict[tuple[int, int], Number])

    def result(self) -> Number:
        """Returns the last step's value, in its stage."""
        last = len(self.formula.steps) - 1
        return self.at(last, self.formula.stages)

    def at(self, number: int, stage: int) -> Number:
        """Returns the value of a step in a stage, its own or a later one."""
        step = self.formula.steps[number]
        if step.kind == "constant":
            return Number.constant(self.b, step.number)
        if (number, stage) not in self._values:
            if stage == step.stage:
                made = self._made(number, step)
            else:
                before = self.at(number, stage - 1)
                made = self.keep(f"s{number}_at{stage}", before)
            self._values[number, stage] = made
        return self._values[number, stage]

    def keep(self, name: str, number: Number) -> Number:
        """Returns a number one register later."""
        if number.is_constant:
            return number
        return number.at(self.b.delay(f"{self.prefix}{name}", number, enable=self.b.enable))

    def _made(self, number: int, step: Step) -> Number:
        if step.kind == "operand":
            return self.operands[step.number]
        if step.kind in self.places:
            return Number.of(self.places[step.kind], step.range)
        start = max(self.formula.steps[i].stage for i in step.args)
        given = [self.at(i, start) for i in step.args]
        return MAKERS[step.kind](self, f"s{number}_{step.kind}", given, step)


_Maker = Callable[[_Pipeline, str, Sequence[Number], Step], Number]


def _chained(p: _Pipeline, name: str, given: Sequence[Number], step: Step) -> Number:
    """Sums and differences: one carry chain."""
    width = step.range.width_bits
    wide = [number.wide(width) for number in given]
    if step.kind == "add":
        made = wide[0] + wide[1]
    elif step.kind == "sub":
        made = wide[0] - wide[1]
    else:
        made = p.b.constant(0, width) - wide[0]
    return p.keep(name, Number.of(made, step.range))


def _product(p: _Pipeline, name: str, given: Sequence[Number], step: Step) -> Number:
    kept = [p.keep(f"{name}_operand{i}", number) for i, number in enumerate(given)]
    factors = kept if len(kept) == 2 else [kept[0], kept[0]]
    width = step.range.width_bits
    made = Number.of(factors[0].times(factors[1], width), step.range)
    return p.keep(name, made)


def _shifted(p: _Pipeline, _name: str, given: Sequence[Number], step: Step) -> Number:
    places = given[1].range.lo
    if not places:
        return given[0]
    if step.kind == "shr":
        return given[0].shifted(places)
    return Number.of(p.b.concat([given[0], p.b.constant(0, places)]), step.range)


def _low_bits(_p: _Pipeline, _name: str, given: Sequence[Number], step: Step) -> Number:
    """Remainders of powers of two."""
    bits = (given[1].range.lo - 1).bit_length()
    number = given[0]
    if number.range == step.range:
        return number
    return Number.of(number.wide(max(bits, number.width)).slice(0, bits), step.range)


def _compared(predicate: str, one: Number, other: Number) -> Signal:
    hull = one.range.union(other.range)
    pair = [number.wide(hull.width_bits) for number in (one, other)]
    return pair[0].compare(_PREDICATES[predicate][hull.signed], pair[1])


_PREDICATES: dict[str, tuple[Predicate, Predicate]] = {
    "lt": ("ult", "slt"), "le": ("ule", "sle"), "gt": ("ugt", "sgt"), "ge": ("uge", "sge"),
    "eq": ("eq", "eq"), "ne": ("ne", "ne"),
}  # fmt: skip


def _flag(p: _Pipeline, name: str, given: Sequence[Number], step: Step) -> Number:
    return p.keep(name, Number.of(_compared(step.kind, *given), step.range))


def _extreme(p: _Pipeline, name: str, given: Sequence[Number], step: Step) -> Number:
    above = _compared("gt" if step.kind == "max" else "lt", *given)
    return p.keep(name, _either(p, above, given[0], given[1], step.range))


def _either(p: _Pipeline, condition: Signal, one: Number, other: Number, made: IntRange) -> Number:
    # In the width of both: what is not chosen may not fit the result.
    width = one.range.union(other.range).width_bits
    return Number.of(p.b.mux(condition, one.wide(width), other.wide(width)), made)


def _select(p: _Pipeline, name: str, given: Sequence[Number], step: Step) -> Number:
    condition, one, other = given
    return p.keep(name, _either(p, condition.compare("ne", 0), one, other, step.range))


def _magnitude(p: _Pipeline, name: str, given: Sequence[Number], step: Step) -> Number:
    return p.keep(name, _absolute(p, given[0]))


def _absolute(p: _Pipeline, number: Number) -> Number:
    """Returns the magnitude of a number."""
    low, high = number.range.lo, number.range.hi
    if low >= 0:
        return number
    made = IntRange(0, max(-low, high))
    width = max(number.width, made.width_bits)
    wide = number.wide(width)
    return Number.of(p.b.mux(number.sign, p.b.constant(0, width) - wide, wide), made)


def _look_up(p: _Pipeline, name: str, given: Sequence[Number], step: Step) -> Number:
    (index,) = given
    depth = index.range.hi + 1
    words = np.array(step.table[:depth], np.int64)[:, None]
    address = index.resize(max(1, (depth - 1).bit_length()), signed=False)
    bits = IntRange(int(words.min()), int(words.max()))
    word = p.b.rom(f"{p.prefix}{name}_word", address, p.b.enable, words, bits.width_bits)
    return Number.of(p.keep(name, Number.of(word, bits)), step.range)


def _root(p: _Pipeline, name: str, given: Sequence[Number], step: Step) -> Number:
    """Square root, rounded down, a bit a stage from the highest: the remainder stays exact."""
    b, bits = p.b, root_bits(step.range)
    rest = p.keep(f"{name}_of", given[0])
    root = Number.constant(b, 0)
    for bit in reversed(range(bits)):
        # With r the root so far, r + 2**bit fits if its square does: rest >= (2 r + 2**bit) 2**bit.
        trial_range = IntRange(1 << 2 * bit, (2 * root.range.hi + (1 << bit)) << bit)
        width = max(trial_range.width_bits, rest.width)
        trial = root.wide(width)
        trial = _up(b, trial, bit + 1) + b.constant(1 << 2 * bit, width)
        fits = rest.wide(width).compare("uge", trial).named(f"{p.prefix}{name}_fits{bit}")
        left = b.mux(fits, rest.wide(width) - trial, rest.wide(width))
        # What is left is at most twice the root, in units of the bit.
        rest_range = IntRange(
            0, min(rest.range.hi, ((step.range.hi * 2 + 1) << bit) + (1 << 2 * bit))
        )
        following = b.mux(fits, root.wide(bits) + b.constant(1 << bit, bits), root.wide(bits))
        reached = IntRange(0, root.range.hi + (1 << bit))
        rest = p.keep(f"{name}_rest{bit}", Number.of(left, rest_range))
        root = p.keep(f"{name}_root{bit}", Number.of(following, reached))
    return Number.of(root, step.range)


def _up(b: JoinBlock, signal: Signal, places: int) -> Signal:
    """Returns a signal times 2**places, in its own width."""
    if not places:
        return signal
    if places >= signal.width:
        return b.constant(0, signal.width)
    return b.concat([signal.slice(0, signal.width - places), b.constant(0, places)])


def _quotient(p: _Pipeline, name: str, given: Sequence[Number], step: Step) -> Number:
    """Quotients: a stage for each power of two, whose product with the divisor may fit."""
    b, low, bits = p.b, step.range.lo, quotient_bits(step.range)
    number, divisor = given
    negative: Signal | None = None
    if step.kind == "trunc_div":
        low = 0
        if number.range.signed:
            negative = number.sign
        number = _absolute(p, number)
    elif step.kind == "round_div":
        number = multiples(b, [(number, 2), (divisor, 1 - 2 * low)])
        divisor = multiples(b, [(divisor, 2)])
    else:
        number = multiples(b, [(number, 1), (divisor, -low)])
    # It is not negative, whatever intervals say.
    number = Number.of(number, IntRange(0, max(number.range.hi, 0)))
    rest, divisor = p.keep(f"{name}_number", number), p.keep(f"{name}_divisor", divisor)
    if negative is not None:
        negative = b.delay(f"{p.prefix}{name}_negative", negative, enable=b.enable)
    quotient: list[Signal] = []
    for bit in reversed(range(bits)):
        width = max(rest.width, divisor.width + bit)
        trial = _up(b, divisor.wide(width), bit)
        fits = rest.wide(width).compare("uge", trial)
        left = b.mux(fits, rest.wide(width) - trial, rest.wide(width))
        most = min(rest.range.hi, (divisor.range.hi << bit) - 1)
        label = f"{name}_bit{bit}"
        found = b.concat([*quotient, fits])
        quotient = [b.delay(f"{p.prefix}{label}", found, enable=b.enable)]
        rest = p.keep(f"{name}_rest{bit}", Number.of(left, IntRange(0, max(most, 0))))
        if bit:
            divisor = p.keep(f"{name}_divisor{bit}", divisor)
        if negative is not None:
            negative = b.delay(f"{p.prefix}{name}_negative{bit}", negative, enable=b.enable)
    return p.keep(name, _finished(p, step, low, (quotient[0], rest, negative)))


def _finished(
    p: _Pipeline, step: Step, low: int, found: tuple[Signal, Number, Signal | None]
) -> Number:
    """Returns a quotient from the distance to the lowest one, with its sign or rounding."""
    b, (quotient, rest, negative) = p.b, found
    width = max(step.range.width_bits, quotient.width) + 1
    made = quotient.zext(width) + b.constant(low, width)
    if negative is not None:
        made = b.mux(negative, b.constant(0, width) - made, made)
    if step.kind == "round_div":
        tie = rest.compare("eq", 0) & made.bit(0)
        made = made - tie.zext(width)
    return Number.of(made, step.range)


MAKERS: dict[str, _Maker] = {
    "add": _chained, "sub": _chained, "neg": _chained, "mul": _product, "square": _product,
    "shl": _shifted, "shr": _shifted, "mod": _low_bits, "max": _extreme, "min": _extreme,
    "abs": _magnitude,
    "lt": _flag, "le": _flag, "gt": _flag, "ge": _flag, "eq": _flag, "ne": _flag,
    "select": _select, "sqrt": _root, "floor_div": _quotient, "trunc_div": _quotient,
    "round_div": _quotient, "table": _look_up,
}  # fmt: skip
"""The hardware of each operation; each takes as many registers as its rule says."""

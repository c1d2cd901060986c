"""A guess at what a layer takes in a folding, within microseconds: it guides the folding search.

Multipliers and memories follow the rules of `family` and `memories`; gates are a few terms in the
widths. `process_area` has the last word, and says by how much the guesses of a network are off.
"""

from collections.abc import Iterable
from functools import cached_property
from itertools import repeat

from msgspec import Struct

from qcompiler.analysis.area.estimate import Area, total
from qcompiler.analysis.area.pipelines import products
from qcompiler.analysis.area.turns import cheapest_turns, most_cycles, product_area
from qcompiler.analysis.foldable_layers import Folding, Layer
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import FloatScale, MulShift, Requantizer, Shift, Table, Threshold
from qcompiler.arith.turns import ONCE, Turns
from qcompiler.devices.family import Family
from qcompiler.devices.memories import Memory
from qcompiler.dialects import qint, stream
from qcompiler.rtl.blocks.shift_codes import SHIFTS, ShiftsCode
from qcompiler.rtl.blocks.weight_codes import LOGIC, PAIRS, PairCode, WeightCode

_CONTROL = Area(60, 40)
_ADDER_BIT = 1.6
_LOGIC_MULTIPLIER = 1.3
"""Tables for each product of two bits: the and-gate, and its place in an adder."""


class LayerGuess(Struct, frozen=True, dict=True):
    """Guesses for a layer: the unit, the window before it and the requantizer behind it."""

    layer: Layer
    family: Family
    prices: tuple[tuple[str, float], ...]
    constants: bool = False

    @cached_property
    def _code(self) -> WeightCode | None:
        weights = self.layer.op.weights_op
        return None if weights is None else WeightCode.of(weights.array)

    @cached_property
    def _behind(self) -> stream.RequantizeOp | None:
        users = (use.operation for use in self.layer.op.result.uses)
        return next((user for user in users if isinstance(user, stream.RequantizeOp)), None)

    @cached_property
    def _form(self) -> Requantizer | None:
        if self._behind is None:
            return None
        (scalar,) = self._behind.scalar_body.operations
        return scalar.requantizer if isinstance(scalar, qint.RequantizerOp) else None

    def area(self, folding: Folding) -> Area:
        """Returns what the layer takes in a folding, without its requantizer."""
        if self._is_parallel(folding):
            return self._parallel
        return total(self._unit(folding))

    def _is_parallel(self, folding: Folding) -> bool:
        return self.constants and self.layer.op.is_constant(folding.pe, folding.simd)

    @cached_property
    def _parallel(self) -> Area:
        """What the layer takes as part of a pipeline, where all its weights are constants."""
        op = self.layer.op
        assert op.weights_op is not None, "it has constants"
        sums = op.output_channel.element.width_bits
        code = Area(2 * sums * max(op.legal_pe)) if self._form is not None else Area()
        return products(op.weights_op.array, op.input_channel.element.range) + code

    def requantizer(self, folding: Folding, target_cycles: int) -> Area:
        """Returns what its requantizer takes, if a frame may take so many cycles."""
        if self._form is None or self._is_parallel(folding):
            return Area()
        cycles = min(target_cycles * folding.pe // self._elements, self._most_cycles)
        key = folding.pe, cycles
        if key not in self._requantizers:
            made = self._requantizer(self._form, folding.pe, self._turns(cycles))
            self._requantizers[key] = total(made)
        return self._requantizers[key]

    @cached_property
    def _requantizers(self) -> dict[tuple[int, int], Area]:
        return {}

    @cached_property
    def _elements(self) -> int:
        return self.layer.op.output_channel.with_lanes(1).beats

    @cached_property
    def _factors(self) -> tuple[IntRange, IntRange] | None:
        return self._behind.factors if self._behind is not None else None

    @cached_property
    def _most_cycles(self) -> int:
        return most_cycles(self._factors[1]) if self._factors else 1

    def _turns(self, cycles: int) -> Turns:
        if self._factors is None:
            return ONCE
        return cheapest_turns(*self._factors, cycles, self.family.multiplier, self.prices)

    def _unit(self, folding: Folding) -> Iterable[Area]:
        op, code = self.layer.op, self._code
        x, sums = op.input_channel.element.width_bits, op.output_channel.element.width_bits
        pe, simd = folding.pe, folding.simd
        yield _CONTROL
        taken = simd if op.shares_inputs else pe * simd
        yield Area(0, 2 * taken * x)
        yield Area(round(pe * sums * (1 + _ADDER_BIT)), 4 * pe * sums)
        if code is None:
            yield Area(round(pe * simd * sums * 2))
        else:
            yield self._products(folding, code, x, sums)
            yield self._weights(folding, code)
        yield from self._replay(op, folding, x)
        window = op.input.owner
        if isinstance(window, stream.WindowSource):
            yield from self._window(window, folding, x)

    def _products(self, folding: Folding, code: WeightCode, x: int, sums: int) -> Area:
        count = folding.pe * folding.simd
        long, short = x + 1, code.width + (not code.signed)
        tree = round(folding.pe * (folding.simd - 1) * min(sums, long + short) * _ADDER_BIT)
        multiplier = self.family.multiplier
        if code.kind != "integer":
            return Area(count * (x + 2) + tree)
        if multiplier is not None and folding.style == PAIRS:
            both = self._pair.factor_width
            each = multiplier.count(long, both, long + both)
            borrows = round(count / 2 * (long + short) * _ADDER_BIT)
            return Area(tree + borrows, 0, 0, count // 2 * each)
        made = self.layer.op.input_channel.element.range * self.layer.weight_range
        if folding.style == SHIFTS:
            return Area(round(count * made.width_bits * self._shifts.adders_a_bit) + tree)
        each = multiplier.count(long, short, made.width_bits) if multiplier else 0
        if each and folding.style != LOGIC:
            return Area(tree, 0, 0, count * each)
        return Area(round(count * long * short * _LOGIC_MULTIPLIER) + tree)

    @cached_property
    def _shifts(self) -> ShiftsCode:
        assert self.layer.op.weights_op is not None, "it multiplies by them"
        return ShiftsCode.of_weights(self.layer.op.weights_op.array)

    @cached_property
    def _pair(self) -> PairCode:
        return PairCode.of_range(self.layer.weight_range, self.layer.op.input_channel.element.range)

    def _weights(self, folding: Folding, code: WeightCode) -> Area:
        weights, count = self.layer.op.weights_op, folding.pe * folding.simd
        assert weights is not None, "the caller looked"
        words = max(1, len(weights.value) // count)
        width = count * code.width
        if folding.style == PAIRS:
            width = count // 2 * self._pair.width
        elif folding.style == SHIFTS:
            width = count * self._shifts.width
        return self._memory(Memory(words, width, rom=True)) if words > 1 else Area()

    def _replay(self, op: stream.Foldable, folding: Folding, x: int) -> Iterable[Area]:
        """Yields what keeps shared inputs while one group of outputs after the other takes them."""
        synapse = op.terms // folding.simd
        if op.shares_inputs and synapse > 1 and max(op.legal_pe) > folding.pe:
            yield self._memory(Memory(synapse, folding.simd * x, one_address=True))

    def _window(self, window: stream.WindowSource, folding: Folding, x: int) -> Iterable[Area]:
        matrix = self.layer.op.shares_inputs
        one = self.layer.one_tap if matrix else folding.pe
        beat = self.layer.lanes_of_window(folding)
        if matrix and beat != folding.simd:  # a width adapter
            wide = max(beat, folding.simd) * x
            yield Area(20 + (wide if beat > folding.simd else 0), 20 + wide)
        lanes = min(beat, one)
        taps = beat // lanes
        memories, words = window.buffers(lanes, taps)
        yield Area(150 + 2 * taps * lanes * x, 80 + 2 * taps * lanes * x)
        yield from repeat(self._memory(Memory(words, lanes * x)), memories)

    def _requantizer(self, form: Requantizer, lanes: int, turns: Turns) -> Iterable[Area]:
        channels = self.layer.op.output_channel.channels
        sums = self.layer.op.output_channel.element.width_bits
        words = channels // lanes
        yield _CONTROL
        yield Area(2 * lanes * sums, 3 * lanes * sums)
        match form:
            case MulShift() | FloatScale():
                assert self._factors is not None, "the form multiplies"
                number, factor = self._factors
                product = (number * factor).width_bits
                yield Area(2 * lanes * product, lanes * product)
                yield from repeat(
                    product_area(number, factor, turns, self.family.multiplier), lanes
                )
                rows, bits = form.multiplier.shape[0], factor.width_bits + product
            case Threshold():
                levels = form.thresholds.shape[1]
                yield Area(lanes * levels * (sums + 2), lanes * levels)
                rows, bits = form.thresholds.shape[0], levels * sums
            case Shift():
                rows, bits = form.bias.shape[0], sums
            case Table():
                yield self._memory(Memory(form.entries.shape[1], 8 * lanes, rom=True))
                rows, bits = 1, 0
        if rows > 1 and words > 1:
            yield self._memory(Memory(words, lanes * bits, rom=True))

    def _memory(self, memory: Memory) -> Area:
        found = self.family.place(memory)
        if found.ram is None:
            per_table = 16 if memory.rom else 1
            return Area(memory.depth * memory.width // per_table, memory.width)
        if found.ram.kind == "block":
            return Area((found.banks - 1) * memory.width, 0, found.units)
        return Area(found.units + (found.banks - 1) * memory.width, memory.width)

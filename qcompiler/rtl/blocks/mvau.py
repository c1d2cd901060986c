"""The matrix-vector-activation unit without its activation: accumulators of `x @ W`, folded.

    in --+-- first fold -----------+--> operand --+
         |                         |              +--> PE array --> register slice --> out
         +--> replay, later folds -+   weight ROM +

Weights that come through a channel take the place of the ROM: a beat of them a step.

Cuts: `operands` of the multiplications, their `products`, and levels of the adders' tree (`sum`).

A vector of SF = MW / SIMD beats is read once, kept in the replay buffer, and used NF = MH / PE
times. With several groups, MW and MH are those of a group: vectors and matrices take turns.
"""

from collections.abc import Sequence

from msgspec import Struct, field
from xdsl.dialects import hw

from qcompiler.arith.ranges import IntRange
from qcompiler.devices.delays import DelayModel, Segment
from qcompiler.dialects import stream
from qcompiler.dialects.attributes import Array
from qcompiler.dialects.stream.linear import matrix_words
from qcompiler.errors import ModelError, Problem
from qcompiler.provenance.sources import place_of
from qcompiler.rtl.blocks.shift_codes import MOST_DIGITS, SHIFTS
from qcompiler.rtl.blocks.weight_codes import (
    LOGIC,
    PAIRS,
    PairCode,
    WeightCode,
    arriving_code,
    signed_width,
    styled_code,
)
from qcompiler.rtl.builder import ModuleBuilder, Signal
from qcompiler.rtl.cuts import tree_levels
from qcompiler.rtl.hardware import Place, hardware, pipelining
from qcompiler.rtl.numbers import Number, multiples
from qcompiler.rtl.stages import Registers, require_cuts, staged, staged_number, sum_tree
from qcompiler.rtl.streaming import JoinBlock, Library, StreamBlock


class MvauConfig(Struct, frozen=True):
    """Shape of one matrix unit.

    Attributes:
        prefix: name of the design, for shared helpers.
        name: module name.
        comment: header lines.
        x: range of the inputs.
        accumulator: range of the outputs.
        weights: int64, shape [MW, MH of all groups].
        pe: outputs in parallel; divides MH.
        simd: inputs in parallel; divides MW.
        groups: matrices that take turns, each with its part of the outputs.
        arriving: range of weights that come through a channel; None for those of a ROM.
        code: how weights are stored and multiplied; None for the narrowest.
        registers: at each cut.
    """

    prefix: str
    name: str
    comment: tuple[str, ...]
    x: IntRange
    accumulator: IntRange
    weights: Array
    pe: int
    simd: int
    groups: int = 1
    arriving: IntRange | None = None
    code: WeightCode | None = None
    registers: Registers = field(default_factory=dict[str, int])

    @property
    def weight_range(self) -> IntRange:
        """Every weight that may come."""
        if self.arriving is not None:
            return self.arriving
        return IntRange(int(self.weights.min()), int(self.weights.max()))

    @property
    def weight_code(self) -> WeightCode:
        """How weights are stored and multiplied."""
        if self.code is not None:
            return self.code
        if self.arriving is not None:
            return WeightCode.arriving(self.arriving)
        return WeightCode.of(self.weights)

    @property
    def folds(self) -> tuple[int, int]:
        """(neuron fold, synapse fold) of a group."""
        outputs = self.weights.shape[1] // self.groups
        return outputs // self.pe, self.weights.shape[0] // self.simd


PRODUCT_CUTS = frozenset({"operands", "products", "sum"})
"""Cuts of folded units that multiply by weights."""


def build_mvau(library: Library, config: MvauConfig) -> hw.HWModuleOp:
    """Returns the unit as a module; fully parallel ones have their weights as constants."""
    if config.folds == (1, 1) and config.groups == 1 and config.arriving is None:
        require_cuts(config.name, config.registers, {"sum"})
        return _build_parallel(library, config)
    require_cuts(config.name, config.registers, PRODUCT_CUTS)
    return _build_folded(library, config)


def _build_parallel(library: Library, config: MvauConfig) -> hw.HWModuleOp:
    """One frame a clock: every weight is a constant in an expression of its own."""
    mw, mh = config.weights.shape
    width = config.accumulator.width_bits
    x_width = config.x.width_bits
    b = StreamBlock(library, config.prefix, config.name, config.comment, (mw * x_width, mh * width))
    fire = (b.enable & b.in_valid).named("fire")
    operands = [
        Number.of(b.delay(f"x{i}", lane, enable=fire), config.x)
        for i, lane in enumerate(b.in_data.lanes(mw))
    ]
    inner = config.registers.get("sum", 0)
    valid = b.valid_chain(fire, 1 + inner)[-1]
    rows: list[Signal] = []
    for row in range(mh):
        terms = [
            (operands[i], weight)
            for i, weight in enumerate(config.weights[:, row].tolist())
            if weight
        ]
        found = _row(b, config, f"sum{row}_level", terms, inner)
        if not found.is_constant:
            found = found.at(b.delay(f"sum{row}", found, enable=b.enable))
        rows.append(found.wide(width))
    return b.finish(in_ready=b.enable, next_valid=valid, data=b.pack(rows))


def _row(
    b: StreamBlock,
    config: MvauConfig,
    name: str,
    terms: Sequence[tuple[Number, int]],
    registers: int,
) -> Number:
    """Returns the dot product of operands and constant weights."""
    if config.code is None and not registers:
        return multiples(b, terms)
    products = [_times(b, config, x, weight) for x, weight in terms]
    if not products:
        return Number.constant(b, 0)
    return sum_tree(b, name, products, config.accumulator.width_bits, registers, b.enable)


def _times(b: StreamBlock, config: MvauConfig, x: Number, weight: int) -> Number:
    """Returns a constant multiple of x."""
    factor = Number.constant(b, weight)
    if config.code is None or weight == 1:
        return x * factor
    range_ = x.range * factor.range
    return Number.of(config.code.multiply_constant(b, x.wide(range_.width_bits), weight), range_)


def _build_folded(library: Library, config: MvauConfig) -> hw.HWModuleOp:
    neuron, synapse = config.folds
    code = config.weight_code
    given = [config.simd * config.x.width_bits]
    if config.arriving is not None:
        given.append(config.pe * config.simd * code.width)
    made = config.pe * config.accumulator.width_bits
    b = JoinBlock(library, config.prefix, config.name, config.comment, (given, made))
    x = b.inputs[0]
    synapse_fold = b.counter("synapse_fold", synapse)
    neuron_fold = b.counter("neuron_fold", neuron)
    loading = neuron_fold.value.equals(0).named("loading") if neuron > 1 else b.constant(1, 1)
    able = b.enable & (x.valid | ~loading) if neuron > 1 else b.enable & x.valid
    step = (able if config.arriving is None else able & b.inputs[1].valid).named("step")
    synapse_fold.advance_on(step)
    neuron_fold.advance_on(step & synapse_fold.at_end)
    weights = weight_words(
        b,
        code,
        matrix_words(config.weights, config.groups, config.pe, config.simd),
        config.simd,
        step,
    )
    operand = _operand(b, config, step=step, loading=loading, fold=synapse_fold.value)
    ranks = config.registers.get("operands", 0)
    weights = staged(b, "weights_kept", weights, ranks, b.enable)
    operand = staged(b, "operand_kept", operand, ranks, b.enable)
    stages = (3 if synapse > 1 else 2) + sum(config.registers.values())
    valid = b.valid_chain(step, stages - 1)
    first = last = None
    if synapse > 1:
        first = staged(b, "first", synapse_fold.value.equals(0), stages - 1, b.enable)
        last = staged(b, "last", synapse_fold.at_end, stages - 1, b.enable)
    lane = processing_element(library, config, code, accumulate=synapse > 1)
    results: list[Signal] = []
    for i, w in enumerate(weights.lanes(config.pe // code.outputs)):
        inputs = {"enable": b.enable, "x": operand, "w": w}
        if first is not None:
            inputs |= {"partial_valid": valid[-1], "first": first}
        pe = b.instance(f"pe{i}", lane, **inputs)
        results += [pe.output(b, name) for name in element_outputs(code, synapse > 1)]
    done = valid[-1] & last if last is not None else valid[-1]
    ready = b.enable & loading if neuron > 1 else b.enable
    if config.arriving is None:
        return b.close(in_ready=[ready], next_valid=done, data=b.pack(results))
    readies = [ready & b.inputs[1].valid, able]
    return b.close(in_ready=readies, next_valid=done, data=b.pack(results))


def weight_words(b: JoinBlock, code: WeightCode, words: Array, simd: int, step: Signal) -> Signal:
    """Returns the weights of a step, a cycle later: of the second input, or else of a ROM.

    Args:
        b: the unit; its second input, if it has one, brings weights.
        code: how they are stored.
        words: weights in the order of use, [words, PE * SIMD].
        simd: SIMD.
        step: high in each cycle that takes a word.
    """
    if len(b.inputs) > 1:
        return b.delay("weights", b.inputs[1].data, enable=step)
    word = b.counter("weight_address", len(words))
    word.advance_on(step)
    return b.rom("weights", word.value, b.enable, code.encode_words(words, simd), code.width)


def _operand(
    b: JoinBlock, config: MvauConfig, *, step: Signal, loading: Signal, fold: Signal
) -> Signal:
    """Returns the registered input beat: fresh in the first neuron fold, replayed in later ones."""
    neuron, synapse = config.folds
    load = (step & loading).named("load") if neuron > 1 else step
    fresh = b.delay("fresh", b.inputs[0].data, enable=load)
    if neuron == 1 or synapse == 1:  # one beat a frame stays in its register
        return fresh
    replayed = b.ram(
        "replay",
        depth=synapse,
        write=(load, fold, b.inputs[0].data),
        read=(b.enable, fold),
    )
    from_replay = b.delay("from_replay", ~loading, enable=b.enable)
    return b.mux(from_replay, replayed, fresh).named("operand")


def element_outputs(code: WeightCode, accumulate: bool) -> list[str]:
    """Returns the names of a processing element's results."""
    name = "accumulator" if accumulate else "sum"
    return [name] if code.outputs == 1 else [f"{name}{i}" for i in range(code.outputs)]


def processing_element(
    library: Library, config: MvauConfig, code: WeightCode, *, accumulate: bool
) -> hw.HWModuleOp:
    """The outputs of one code at a time: dot products of SIMD inputs, then accumulators if asked.

    The results are called as `element_outputs` says.
    """
    name = f"{config.name}_pe"
    simd, width, x_width = config.simd, config.accumulator.width_bits, config.x.width_bits
    b = ModuleBuilder(
        name,
        [
            f"Processing element of {config.name}: {simd} inputs of {x_width} bit a cycle,",
            f"{code.kind} weights of {code.weight_width} bit, accumulator of {width} bit.",
            *code.explained,
        ],
    )
    enable = b.input("enable", 1)
    x, w = b.input("x", simd * x_width), b.input("w", simd * code.width)
    weights = config.weight_range
    products: list[list[Number]] = [[] for _ in range(code.outputs)]
    for i, (xi, wi) in enumerate(zip(x.lanes(simd), w.lanes(simd), strict=True)):
        if simd > 1:
            xi, wi = xi.named(f"x{i}"), wi.named(f"w{i}")
        made = code.product(b, Number.of(xi, config.x), wi, weights)
        made.named(f"product{i}")
        ranks = config.registers.get("products", 0)
        made = staged_number(b, f"product{i}_kept", made, ranks, enable)
        for of_output, part in zip(products, code.parts(made, config.x * weights), strict=True):
            of_output.append(part)
    control = (b.input("partial_valid", 1), b.input("first", 1)) if accumulate else None
    levels = config.registers.get("sum", 0)
    for i, result in enumerate(element_outputs(code, accumulate)):
        suffix = "" if code.outputs == 1 else str(i)
        total = sum_tree(b, f"sum{suffix}_level", products[i], width, levels, enable)
        partial = total.at(b.delay(f"partial_sum{suffix}", total, enable=enable)).wide(width)
        if control is None:
            b.output(result, partial)
            continue
        partial_valid, first = control
        accumulator = b.register(f"accumulator{suffix}", width)
        start = b.mux(first, b.constant(0, width), accumulator)
        accumulator.drive(start + partial, enable=enable & partial_valid)
        b.output(result, accumulator)
    return library.add(b.build())


@hardware(stream.MvauOp)
def _hardware(place: Place, op: stream.MvauOp) -> hw.HWModuleOp:
    return build_mvau(
        place.library,
        MvauConfig(
            prefix=place.top,
            name=place.name,
            comment=place.comment,
            x=op.input_channel.element.range,
            accumulator=op.output_channel.element.range,
            weights=op.weights_op.array,
            pe=op.pe.value.data,
            simd=op.simd.value.data,
            groups=op.groups.value.data,
            arriving=None if op.source is None else op.weight_range,
            code=weight_code(op),
            registers=op.registers,
        ),
    )


def weight_code(op: stream.Weighted) -> WeightCode | None:
    """Returns how a unit's weights are stored, if it has a style.

    Raises:
        ModelError: the style is not known, or does not fit.
    """
    if op.style is None:
        return None
    pe = op.folding[0] if op.shares_inputs else 1
    try:
        if op.source is not None:
            return arriving_code(op.style, op.weight_range)
        return styled_code(op.style, op.weights_op.array, op.input_channel.element.range, pe)
    except ValueError as error:
        remedy = "load its plugin, or remove the attribute stream.style"
        raise ModelError([Problem(place_of(op), str(error), remedy)]) from None


def dot_product(
    model: DelayModel, op: stream.Weighted, terms: int, width: int
) -> tuple[list[Segment], int]:
    """Returns the logic from operands to the first level of the sum, and how many levels follow."""
    x, weights = op.input_channel.element.range, op.weight_range
    factors = signed_width(x), signed_width(weights)
    levels, first = tree_levels(model, terms, lambda size: model.add(size, width))
    if weights.lo >= -1 and weights.hi <= 1:
        product = Segment("operands", model.add(2, width) + model.device.delays.lut)
    elif op.style == LOGIC:
        product = Segment("operands", model.multiply_in_logic(*factors, width))
    elif op.style == SHIFTS:
        chosen = model.tables(signed_width(weights)) + model.add(MOST_DIGITS, width)
        product = Segment("operands", chosen)
    elif op.style == PAIRS:
        both = PairCode.of_range(weights, x).factor_width
        product = model.product("operands", factors[0], both, factors[0] + both)
        first += model.add(2, sum(factors))
    else:
        product = model.product("operands", *factors, min(width, (x * weights).width_bits))
    return [product, Segment("products", first)], levels


@pipelining(stream.MvauOp)
def _cuts(model: DelayModel, op: stream.MvauOp) -> dict[str, int]:
    neuron, synapse = op.folds
    width = op.output_channel.element.width_bits
    simd, pe, groups = op.simd.value.data, op.pe.value.data, op.groups.value.data
    weights = op.weight_range
    if (neuron, synapse, groups) == (1, 1, 1) and op.source is None:
        return _parallel_cuts(model, weights, simd, width)
    segments, levels = dot_product(model, op, simd, width)
    depth, word = groups * neuron * synapse, pe * simd * weights.width_bits
    start = 0.0 if op.source is not None else model.read(depth, word, rom=True)
    if neuron > 1 and synapse > 1:
        replay = model.read(synapse, op.input_channel.width_bits, rom=False)
        start = max(start, replay + model.device.delays.lut)
    return model.cuts(segments, start) | {"sum": levels}


def _parallel_cuts(model: DelayModel, weights: IntRange, terms: int, width: int) -> dict[str, int]:
    """Every weight is a constant: a product is some shifted operands in the sum."""
    digits = max(1, (weights.width_bits + 1) // 2)
    levels, _ = tree_levels(model, terms, lambda size: model.add(size * digits, width))
    return {"sum": levels}

"""Where the hardware of each process needs pipeline registers to run at a clock.

A block is logic in series, with cuts where registers may stand. Registers stand at the last cut
before the delay model says that the clock cycle is over.
"""

from collections.abc import Callable
from typing import Any

from qcompiler.analysis.delays import DelayModel, Segment
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import FloatScale, MulShift, Shift, Table, Threshold
from qcompiler.arith.trees import group_sizes
from qcompiler.dialects import qint, stream
from qcompiler.dialects.stream.process import AHEAD
from qcompiler.rtl.blocks.weight_codes import LOGIC, PAIRS, PairCode, signed_width

Rule = Callable[[DelayModel, Any], dict[str, int]]
"""Returns how many registers stand at each cut of a process's hardware."""

_rules: dict[type[stream.Process], Rule] = {}


def registers_of(model: DelayModel, process: stream.Process) -> dict[str, int]:
    """Returns how many registers stand at each cut; processes without cuts have none."""
    rule = _rules.get(type(process))
    return {} if rule is None else rule(model, process)


def pipelining(*op_types: type[stream.Process]) -> Callable[[Rule], Rule]:
    """Returns a decorator that registers where a process's hardware needs registers.

    What the rule returns becomes `Process.registers`: the hardware has to put so many there, and
    each adds a cycle to the latency (`Process.added_latency`).

    Example: `@pipelining(CumSumProcess)` above `def _(model, op): return {"sum": 1}`
    """

    def register(rule: Rule) -> Rule:
        _rules.update((op_type, rule) for op_type in op_types)
        return rule

    return register


def _tree_levels(model: DelayModel, count: int, ns: Callable[[int], float]) -> tuple[int, float]:
    """Returns how many levels of a tree have registers behind them, and how long the first takes.

    Args:
        model: of delays.
        count: of values.
        ns: how long it takes to make one of so many values.
    """
    levels = 1
    while True:
        sizes = group_sizes(count, levels)
        if max(sizes) <= 2 or max(map(ns, sizes)) <= model.budget:
            return levels - 1, ns(sizes[0])
        levels += 1


def _dot_product(
    model: DelayModel, op: stream.MvauOp | stream.VvauOp, terms: int, width: int
) -> tuple[list[Segment], int]:
    """Returns the logic from operands to the first level of the sum, and how many levels follow."""
    x, weights = op.input_channel.element.range, op.weights_op.range
    factors = signed_width(x), signed_width(weights)
    levels, first = _tree_levels(model, terms, lambda size: model.add(size, width))
    if weights.lo >= -1 and weights.hi <= 1:
        product = Segment("operands", model.add(2, width) + model.device.delays.lut)
    elif op.style == LOGIC:
        product = Segment("operands", model.multiply_in_logic(*factors, width))
    elif op.style == PAIRS:
        both = PairCode.of_range(weights, x).factor_width
        product = model.product("operands", factors[0], both, factors[0] + both)
        first += model.add(2, sum(factors))
    else:
        product = model.product("operands", *factors, min(width, (x * weights).width_bits))
    return [product, Segment("products", first)], levels


@pipelining(stream.MvauOp)
def _mvau(model: DelayModel, op: stream.MvauOp) -> dict[str, int]:
    neuron, synapse = op.folds
    width = op.output_channel.element.width_bits
    simd, pe, groups = op.simd.value.data, op.pe.value.data, op.groups.value.data
    weights = op.weights_op.range
    if (neuron, synapse, groups) == (1, 1, 1):
        return _parallel(model, weights, simd, width)
    segments, levels = _dot_product(model, op, simd, width)
    depth, word = groups * neuron * synapse, pe * simd * weights.width_bits
    start = model.read(depth, word, rom=True)
    if neuron > 1 and synapse > 1:
        replay = model.read(synapse, op.input_channel.width_bits, rom=False)
        start = max(start, replay + model.device.delays.lut)
    return model.cuts(segments, start) | {"sum": levels}


def _parallel(model: DelayModel, weights: IntRange, terms: int, width: int) -> dict[str, int]:
    """Every weight is a constant: a product is some shifted operands in the sum."""
    digits = max(1, (weights.width_bits + 1) // 2)
    levels, _ = _tree_levels(model, terms, lambda size: model.add(size * digits, width))
    return {"sum": levels}


@pipelining(stream.VvauOp)
def _vvau(model: DelayModel, op: stream.VvauOp) -> dict[str, int]:
    made = op.output_channel
    simd, lanes = op.simd.value.data, made.lanes.data
    weights = op.weights_op.range
    segments, levels = _dot_product(model, op, simd, made.element.width_bits)
    depth = op.steps * made.channels // lanes
    start = model.read(depth, lanes * simd * weights.width_bits, rom=True)
    return model.cuts(segments, start) | {"sum": levels}


@pipelining(stream.PoolOp)
def _pool(model: DelayModel, op: stream.PoolOp) -> dict[str, int]:
    width = op.output_channel.element.width_bits
    largest = op.kind.data == "max"

    def level(size: int) -> float:
        if largest:
            return (size - 1).bit_length() * model.compare(width)
        return model.add(size, width)

    # The last level is followed by the comparison with, or the sum of, what was kept.
    kept = model.compare(width) if op.steps > 1 else 0.0
    levels, _ = _tree_levels(model, op.simd.value.data, lambda size: level(size) + kept)
    return {"taps": levels}


@pipelining(stream.LabelSelectOp)
def _label_select(model: DelayModel, op: stream.LabelSelectOp) -> dict[str, int]:
    choice = model.compare(op.input_channel.element.width_bits) + model.device.delays.lut
    lanes = op.input_lanes
    return {"lanes": _tree_levels(model, lanes, lambda size: (size - 1).bit_length() * choice)[0]}


@pipelining(stream.SlidingWindowOp)
def _sliding_window(model: DelayModel, op: stream.SlidingWindowOp) -> dict[str, int]:
    rows, taps, folds = op.buffer_rows, op.taps_a_beat, op.channel_folds
    assert taps is not None, "verified"
    row_beats = op.input_channel.frame_shape[1] * folds
    count = taps[0] * taps[1]
    depth = rows * row_beats // (count if taps[0] > 1 else taps[1])
    # Which row of the ring: a sum, and what is beyond its end. Then its place, column, channel.
    slot = model.add(2, rows.bit_length() + 1) + model.compare(rows.bit_length() + 1)
    terms = 1 + row_beats.bit_count() + (folds.bit_count() if folds > 1 else 0)
    address = model.add(terms, depth.bit_length())
    ahead = 0
    if slot + address + model.tables(2 * depth.bit_length()) > model.budget:
        ahead = 1 if slot + address <= model.budget else 2
    word = model.read(depth, op.input_lanes * op.input_channel.element.width_bits, rom=False)
    choice = model.tables(2 * taps[1]) + (model.tables(2 * rows) if taps[0] > 1 else 0.0)
    segments = [Segment("words", choice), Segment("taps", 2 * model.device.delays.lut)]
    if count == 1:  # nothing is chosen
        segments = [Segment("words", 2 * model.device.delays.lut)]
    return {AHEAD: ahead} | model.cuts(segments, word)


@pipelining(stream.ReorderOp)
def _reorder(model: DelayModel, op: stream.ReorderOp) -> dict[str, int]:
    depth, width = stream.BUFFERED_BLOCKS * op.block_beats, op.input_channel.width_bits
    strides = [stride for count, stride in op.beat_loops if stride and count > 1]
    terms = op.block_beats.bit_count() + sum(stride.bit_count() for stride in strides)
    late = model.add(terms, depth.bit_length()) + model.tables(depth.bit_length()) > model.budget
    words = [Segment("words", 2 * model.device.delays.lut)]
    return {AHEAD: int(late)} | model.cuts(words, model.read(depth, width, rom=False))


@pipelining(stream.RequantizeOp)
def _requantize(model: DelayModel, op: stream.RequantizeOp) -> dict[str, int]:
    (scalar,) = op.scalar_body.operations
    assert isinstance(scalar, qint.RequantizerOp)
    form, x = scalar.requantizer, op.input_channel.element.range
    match form:
        case Shift():
            total = model.add(2, signed_width(x) + 1) + model.device.delays.lut
            segments, per_channel = [Segment("operands", total)], [form.sign, form.bias]
            tail = _to_code(model, form, form.sum_range(x))
            return _read_and(model, op, per_channel, segments) | model.cuts(tail)
        case MulShift():
            return _mul_shift(model, op, form, x)
        case FloatScale():
            return _float_scale(model, op, form, x)
        case Threshold():
            return _threshold(model, op, form, x)
        case Table():
            return {}  # the index is a short sum, what is read goes into the register slice


def _read_and(
    model: DelayModel,
    op: stream.RequantizeOp,
    parameters: list[Any],
    segments: list[Segment],
) -> dict[str, int]:
    """Returns the cuts of logic that takes operands and parameters, which may come from ROMs."""
    channels, lanes = op.input_channel.channels, op.input_channel.lanes.data
    start = 0.0
    for values in parameters:
        if values.shape[0] > 1 and channels > lanes:
            width = IntRange(int(values.min()), int(values.max())).width_bits
            word = width * lanes * (values.shape[1] if values.ndim > 1 else 1)
            start = max(start, model.read(channels // lanes, word, rom=True))
    return model.cuts(segments, start)


def _range(values: Any) -> IntRange:
    return IntRange(int(values.min()), int(values.max()))


def _multiply(model: DelayModel, cut: str, a: int, b: int, width: int) -> list[Segment]:
    """Returns a product: in one, or in pieces and their sum."""
    whole = model.product(cut, a, b, width)
    if whole.ns <= model.budget or not model.is_long(a, b, width):
        return [whole]
    delays = model.device.delays
    piece = Segment(cut, delays.multiplier, delays.spread)
    return [piece, Segment("pieces", model.add(4, width))]


def _mul_shift(
    model: DelayModel, op: stream.RequantizeOp, form: MulShift, x: IntRange
) -> dict[str, int]:
    sums = form.sum_range(x)
    a, b = signed_width(x), signed_width(_range(form.multiplier))
    width = signed_width(sums)
    segments = _multiply(model, "operands", a, b, width)
    segments.append(Segment("products", model.add(2, width)))
    found = _read_and(model, op, [form.multiplier, form.bias], segments)
    if len(segments) > 2:
        found.setdefault("pieces", 1)
    return found | model.cuts(_to_code(model, form, sums))


def _to_code(model: DelayModel, form: Shift | MulShift, sums: IntRange) -> list[Segment]:
    shift = max(form.shift, 0)
    width = signed_width(IntRange(sums.lo >> shift, sums.hi >> shift))
    ties = 0.0
    if form.tie_parity is not None and shift > 0:
        ties = model.tables(shift) + model.add(2, width)
    return [Segment("", ties), Segment("rounded", model.compare(width))]


def _float_scale(
    model: DelayModel, op: stream.RequantizeOp, form: FloatScale, x: IntRange
) -> dict[str, int]:
    entered = x + _range(form.offset)
    a, b = signed_width(entered), signed_width(_range(form.multiplier))
    product = form.sum_range(x)
    width = max(signed_width(product), form.shift + 2)
    long = _multiply(model, "entered", a, b, width)
    segments = [Segment("operands", model.add(2, a)), *long]
    found = _read_and(model, op, [form.multiplier, form.offset], segments)
    if len(long) > 1:
        found.setdefault("pieces", 1)
    whole = width - form.shift
    tail = [
        # The sign, the leading one among the bits, and the ends of what counts as a half.
        Segment("", model.device.delays.lut + model.tables(whole) + model.device.delays.lut * 2),
        Segment("widths", model.compare(form.shift)),
        Segment("sides", model.device.delays.lut + model.add(2, whole)),
        Segment("rounded", model.add(2, whole) + model.compare(whole)),
    ]
    return found | model.cuts(tail)


def _threshold(
    model: DelayModel, op: stream.RequantizeOp, form: Threshold, x: IntRange
) -> dict[str, int]:
    count = form.thresholds.shape[1]
    if not count:
        return {}
    compare = model.compare(signed_width(x) + 1)
    segments = [Segment("operands", compare)]
    found = _read_and(model, op, [form.sign, form.thresholds], segments)
    width = op.output_channel.element.width_bits
    terms = count + bool(form.lo)
    levels, _ = _tree_levels(model, terms, lambda size: model.add(size, min(width, 8)))
    return found | {"sum": levels}

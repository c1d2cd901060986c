"""Requantizers: from accumulators to codes, one lane per element of a beat.

    in --> operand --> lanes (two stages: sum or comparisons, then code) --> register slice --> out
    channel counter --> parameter ROMs --^

Parameters that all channels share are constants inside the lane; those of fully parallel layers are
constants at its ports; others come from ROMs addressed by the channel.

Cuts: `operands` (what the lanes take), the `entered` sum before a product, `pieces` of a long
product and the `products`, `widths` and `sides` of rounding halves, the `rounded` number, and
levels of the tree that counts thresholds (`sum`).
"""

import numpy as np
from xdsl.dialects import hw

from qcompiler.arith.arrays import indices
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import (
    FloatScale,
    MulShift,
    Requantizer,
    Shift,
    Table,
    Threshold,
)
from qcompiler.devices.delays import DelayModel
from qcompiler.dialects import qint, stream
from qcompiler.rtl.blocks.float_scale import float_scale, float_scale_cuts
from qcompiler.rtl.blocks.requantizer_lane import (
    Lane,
    Parameter,
    RequantizeConfig,
    clamped,
    mul_shift_cuts,
    parameters_of,
    shift_cuts,
    signed_width,
    threshold_cuts,
)
from qcompiler.rtl.blocks.weight_codes import LOGIC
from qcompiler.rtl.builder import Signal
from qcompiler.rtl.hardware import Place, hardware, pipelining
from qcompiler.rtl.numbers import Number
from qcompiler.rtl.stages import keeper, require_cuts, staged, staged_number, tree
from qcompiler.rtl.streaming import Library, StreamBlock

_LARGEST_PIECE_BITS = 62


def build_requantize(library: Library, config: RequantizeConfig) -> hw.HWModuleOp:
    """Returns the requantizer as a module."""
    x_width, y_width = config.x.width_bits, config.y.width_bits
    widths = config.lanes * x_width, config.lanes * y_width
    b = StreamBlock(library, config.prefix, config.name, config.comment, widths)
    turns = config.turns.count
    turn = b.counter("turn", turns)
    ready = b.enable & turn.value.equals(0) if turns > 1 else b.enable
    fire = (ready & b.in_valid).named("fire")
    if turns > 1:
        turn.advance_on(fire | (b.enable & turn.value.compare("ne", 0)))
    channel = b.counter("channel_fold", config.folds)
    channel.advance_on(fire)
    operand = b.delay("operand", b.in_data, enable=fire)
    fed = [p for p in parameters_of(config.form) if not p.shared]
    # Parameters hold still as long as the operand does.
    read = b.enable if turns == 1 else fire
    columns = {p.name: _per_lane(b, config, p, channel.value, read) for p in fed}
    ranks = config.registers.get("operands", 0)
    operand = staged(b, "operand_kept", operand, ranks, b.enable)
    if config.folds > 1:
        columns = {
            name: [staged(b, f"{name}{i}_kept", one, ranks, b.enable) for i, one in enumerate(each)]
            for name, each in columns.items()
        }
    table_rows = isinstance(config.form, Table) and config.form.entries.shape[0] > 1
    fold = None
    if table_rows and config.folds > 1:
        fold = b.delay("fold", channel.value, enable=fire)
        fold = staged(b, "fold_kept", fold, ranks, b.enable)
    shared_lane = None if table_rows else _build_lane(library, config, 0)
    kept_turn = staged(b, "turn_kept", turn.value, ranks, b.enable) if turns > 1 else turn.value
    results: list[Signal] = []
    for i, x in enumerate(operand.lanes(config.lanes)):
        lane = shared_lane or _build_lane(library, config, i)
        inputs = {"enable": b.enable, "x": x} | {name: c[i] for name, c in columns.items()}
        if fold is not None:
            inputs["fold"] = fold
        if turns > 1:
            inputs["turn"] = kept_turn
        results.append(b.instance(f"lane{i}", lane, **inputs).output(b, "y"))
    stages = 2 + sum(config.registers.values()) + (turns if turns > 1 else 0)
    valid = b.valid_chain(fire, stages)
    return b.finish(in_ready=ready, next_valid=valid[-1], data=b.pack(results))


def _per_lane(
    b: StreamBlock, config: RequantizeConfig, parameter: Parameter, fold: Signal, read: Signal
) -> list[Signal]:
    """Returns each lane's parameters for the beat in the operand register."""
    width, count = parameter.range.width_bits, parameter.values.shape[1]
    if config.folds == 1:
        return [
            b.pack([b.constant(int(value), width) for value in row]) for row in parameter.values
        ]
    # Words of a ROM are made of numbers that 64 bits hold.
    pieces = -(-width // _LARGEST_PIECE_BITS)
    bits = -(-width // pieces)
    split = parameter.values[..., None] >> (bits * indices(0, pieces))
    words = (split & ((1 << bits) - 1) if pieces > 1 else split).astype(np.int64)
    words = words.reshape(config.folds, config.lanes * count * pieces)
    each = b.rom(parameter.name, fold, read, words, bits).lanes(config.lanes)
    return each if pieces == 1 else [one.slice(0, width) for one in each]


def _formula(form: Requantizer) -> str:
    match form:
        case Shift():
            text = f"y = clamp((sign * x + bias) >> {form.shift}, {form.lo}, {form.hi})"
        case MulShift():
            text = f"y = clamp((x * multiplier + bias) >> {form.shift}, {form.lo}, {form.hi})"
        case FloatScale():
            return (
                f"y = clamp(round(float32((x + offset) * multiplier / 2**{form.shift})) + "
                f"{form.zero_point}, {form.lo}, {form.hi})"
            )
        case Threshold():
            count = form.thresholds.shape[1]
            return f"y = {form.lo} + how many of {count} thresholds sign * x reaches"
        case Table():
            return f"y = table[x - {form.x_lo}]"
    ties = {None: "", 0: ", ties to even", 1: ", ties to odd"}[form.tie_parity]
    near = f"; a tie has any {form.tie_width} lowest bits" if form.tie_width else ""
    return text + ties + near


def _build_lane(library: Library, config: RequantizeConfig, index: int) -> hw.HWModuleOp:
    form = config.form
    many = isinstance(form, Table) and form.entries.shape[0] > 1
    name = f"{config.name}_lane{index}" if many else f"{config.name}_lane"
    lane = Lane(config, name, _formula(form))
    match form:
        case Shift():
            y = _shift(lane, form)
        case MulShift():
            y = _mul_shift(lane, form)
        case FloatScale():
            y = float_scale(lane, form)
        case Threshold():
            y = _threshold(lane, form)
        case Table():
            y = _table(lane, form, index)
    require_cuts(config.name, config.registers, lane.cuts)
    lane.output("y", y)
    return library.add(lane.build())


def _shift(lane: Lane, form: Shift) -> Signal:
    sums = form.sum_range(lane.config.x)
    width = max(signed_width(sums), signed_width(lane.config.x) + 1)
    sign, bias = parameters_of(form)
    z = lane.signed_x(sign, width)
    if form.shift < 0:
        z = lane.concat([z.slice(0, width + form.shift), lane.constant(0, -form.shift)])
    (offset,) = lane.parameter(bias, width)
    total = Number.of(z + offset, sums)
    return _to_code(lane, form, total.at(lane.delay("total", total, enable=lane.enable)))


def _mul_shift(lane: Lane, form: MulShift) -> Signal:
    sums = form.sum_range(lane.config.x)
    multiplier, bias = parameters_of(form)
    x, factor = Number.of(lane.x, lane.config.x), lane.number(multiplier)
    product = lane.product(x, factor, x.range * factor.range)
    offset = lane.kept_number("pieces", "bias", lane.number(bias))
    if lane.config.turns.count > 1 and not offset.is_constant:
        # The next beat's comes while the product of this one is in its register.
        later = 1 + lane.registers_at("chosen") + lane.registers_at("partial")
        offset = staged_number(lane, "bias_kept", offset, later, lane.enable)
    product = lane.kept_number("products", "product", product)
    offset = lane.kept_number("products", "bias", offset)
    product.named("product")
    width = sums.width_bits
    total = Number.of(product.wide(width) + offset.wide(width), sums)
    return _to_code(lane, form, total.at(lane.delay("total", total, enable=lane.enable)))


def _to_code(lane: Lane, form: Shift | MulShift, total: Number) -> Signal:
    """Shifts right, mends ties, clamps; registers the code."""
    shift, sums = max(form.shift, 0), total.range
    y_range = lane.config.y
    shifted_range = IntRange(sums.lo >> shift, sums.hi >> shift)
    if form.tie_parity is not None:
        shifted_range = IntRange(shifted_range.lo - 1, shifted_range.hi)
    width = max(signed_width(shifted_range), signed_width(y_range))
    y = total.shifted(shift).wide(width).named("shifted")
    if form.tie_parity is not None and shift > 0:
        tie = (
            total.wide(max(shift, total.width))
            .slice(form.tie_width, shift - form.tie_width)
            .equals(0)
            .named("tie")
        )
        wrong = y.bit(0) if form.tie_parity == 0 else ~y.bit(0)
        y = (y - (tie & wrong).zext(width)).named("rounded")
    (y,) = lane.kept("rounded", number=y)
    y = clamped(lane, y, shifted_range, IntRange(form.lo, form.hi))
    return lane.delay("code", y.slice(0, y_range.width_bits), enable=lane.enable)


def _threshold(lane: Lane, form: Threshold) -> Signal:
    y_width = lane.config.y.width_bits
    if not form.thresholds.shape[1]:
        return lane.constant(form.lo, y_width)
    sign, thresholds = parameters_of(form)
    x = lane.config.x
    width = max(signed_width(IntRange(-x.hi, -x.lo).union(x)), signed_width(thresholds.range))
    z = lane.signed_x(sign, width).named("z")
    reached = [z.compare("sge", level) for level in lane.parameter(thresholds, width)]
    flags = lane.delay("reached", lane.pack(reached), enable=lane.enable)
    terms = [flags.bit(i).zext(y_width) for i in range(len(reached))]
    base = [lane.constant(form.lo, y_width)] if form.lo else []
    inner = lane.registers_at("sum")
    total = tree([*base, *terms], lane.sum, inner, keeper(lane, "count", lane.enable))
    return lane.delay("code", total, enable=lane.enable)


def _table(lane: Lane, form: Table, index: int) -> Signal:
    config = lane.config
    rows = form.entries if form.entries.shape[0] == 1 else form.entries[index :: config.lanes]
    address_width = max(1, (rows.shape[1] - 1).bit_length())
    work_width = max(signed_width(config.x), address_width) + 1
    offset = lane.x.resize(work_width, signed=config.x.signed) - form.x_lo
    address = lane.delay("address", offset.slice(0, address_width), enable=lane.enable)
    words = np.zeros((rows.shape[0], 1 << address_width), np.int64)
    words[:, : rows.shape[1]] = rows
    if rows.shape[0] > 1:
        fold = lane.input("fold", (rows.shape[0] - 1).bit_length())
        fold = lane.delay("row", fold, enable=lane.enable)
        address = lane.concat([fold, address])
    return lane.rom("code", address, lane.enable, words.reshape(-1, 1), config.y.width_bits)


@hardware(stream.RequantizeOp)
def _hardware(place: Place, op: stream.RequantizeOp) -> hw.HWModuleOp:
    (scalar,) = op.scalar_body.operations
    assert isinstance(scalar, qint.RequantizerOp)
    return build_requantize(
        place.library,
        RequantizeConfig(
            prefix=place.top,
            name=place.name,
            comment=place.comment,
            x=op.input_channel.element.range,
            y=op.output_channel.element.range,
            channels=op.input_channel.channels,
            lanes=op.input_channel.lanes.data,
            form=scalar.requantizer,
            registers=op.registers,
            turns=op.turns,
            in_logic=op.style == LOGIC,
        ),
    )


@pipelining(stream.RequantizeOp)
def _cuts(model: DelayModel, op: stream.RequantizeOp) -> dict[str, int]:
    (scalar,) = op.scalar_body.operations
    assert isinstance(scalar, qint.RequantizerOp)
    form, x = scalar.requantizer, op.input_channel.element.range
    match form:
        case Shift():
            return shift_cuts(model, op, form, x)
        case MulShift():
            return mul_shift_cuts(model, op, form, x)
        case FloatScale():
            return float_scale_cuts(model, op, form, x)
        case Threshold():
            return threshold_cuts(model, op, form, x)
        case Table():
            return {}  # the index is a short sum, what is read goes into the register slice

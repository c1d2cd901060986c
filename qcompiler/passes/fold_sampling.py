"""Pattern of fold-scales for sampling: integers at positions that are integers, scales behind."""

from collections.abc import Sequence
from fractions import Fraction
from math import lcm, log2

import numpy as np
from msgspec import Struct
from msgspec.structs import replace as replace_fields
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from qcompiler.arith.ranges import WIDEST_BITS, IntRange
from qcompiler.arith.sampling import Sampling
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.errors import ModelError, Problem
from qcompiler.passes.fold_windows import to_channels_first, to_channels_last
from qcompiler.passes.rewriting import (
    accumulated,
    as_parameter,
    constant_array,
    numerics_of,
    plain_dequantize,
    replace,
    scale_product,
)
from qcompiler.provenance.notes import add_note
from qcompiler.provenance.sources import place_of, source_of

_ZERO = np.zeros(1, np.int64)
_MOST_POSITION_BITS = 62
_MOST_SAMPLE_BITS = WIDEST_BITS - 27
"""So that sums of products with samples fit, too."""


class _Lines(Struct, frozen=True):
    """Real numbers per channel as lines of integers: `factors[c] * codes[sources[c]] + summands[c]`.

    Attributes:
        codes: what they are computed from, channels first.
        factors: one for each channel.
        summands: likewise.
        sources: which channel of the codes each is made of.
    """

    codes: SSAValue
    factors: Sequence[Fraction]
    summands: Sequence[Fraction]
    sources: Sequence[int]


class SamplePattern(RewritePattern):
    """sample(dequantize(x), dequantize(p)) = dequantize(sample(x, p)), positions as fractions."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.SampleOp, rewriter: PatternRewriter) -> None:
        x, lines = plain_dequantize(op.input), lines_of(op.offsets)
        mask = None if op.mask is None else plain_dequantize(op.mask)
        if x is None or lines is None or (op.mask is not None and mask is None):
            return
        if x.channel_axis not in (None, 1) or (mask is not None and mask.channel_axis is not None):
            return
        sampling = sampling_of(op, lines)
        _judge_width(op, lines, sampling, qint.range_of(x.input.type))
        first, codes = to_channels_last(x.input), to_channels_last(lines.codes)
        masks = None if mask is None else to_channels_last(mask.input)
        sampled = accumulated(
            op,
            lambda: qint.SampleOp(
                first.result, codes.result, None if masks is None else masks.result, sampling
            ),
        )
        last = to_channels_first(sampled.result)
        unit = np.array([2.0**-sampling.unit_bits])
        scale = x.scale_array.astype(np.float64) * unit
        new: list[Operation] = [first, codes, *([masks] if masks else []), sampled, last]
        if mask is not None:
            product = scale_product(scale, mask.scale_array, numerics_of(op))
            if product is None:
                return
            scale = np.asarray(product)
        axis = x.channel_axis
        replace(
            rewriter,
            op,
            [*new, qint.DequantizeOp(last.result, as_parameter(scale), _ZERO, axis=axis)],
        )


def sampling_of(op: nn.SampleOp, lines: _Lines) -> Sampling:
    """Returns the sampling in integers."""
    geometry = op.geometry
    (unit, middle), swapped = op.lines, op.has_grid
    entries = range(len(lines.factors))
    # Entry [group, tap, (y, x)] is made of that channel of the offsets.
    channels = [entry ^ swapped for entry in entries]
    steps = [lines.factors[c] * Fraction(unit[e % 2]) for e, c in enumerate(channels)]
    origins = [
        lines.summands[c] * Fraction(unit[e % 2]) + Fraction(middle[e % 2])
        for e, c in enumerate(channels)
    ]
    one = lcm(*(value.denominator for value in (*steps, *origins)))
    return Sampling(
        kernel=geometry.kernel,
        strides=(0, 0) if swapped else geometry.strides,
        dilations=geometry.dilations,
        pads=geometry.pads,
        steps=tuple(int(step * one) for step in steps),
        origins=tuple(int(origin * one) for origin in origins),
        sources=tuple(lines.sources[c] for c in channels),
        fraction=one.bit_length() - 1,
        offset_groups=op.groups,
        mode=op.mode.data,
        border=bool(op.border.value.data),
    )


def _judge_width(op: nn.SampleOp, lines: _Lines, sampling: Sampling, x: IntRange) -> None:
    """Notes what offsets cost whose scale is no power of two: samples have all of its bits, twice.

    Raises:
        ModelError: positions or samples need more bits than integers here have.
    """
    codes = qint.range_of(lines.codes.type)
    bits = _sample_bits(sampling, x)
    entries = range(len(sampling.steps))
    position = max(sampling.displacement(entry, codes).width_bits for entry in entries)
    scale = max(map(abs, lines.factors))
    near = Fraction(2) ** round(log2(scale)) if scale else Fraction(1)
    if position > _MOST_POSITION_BITS or bits > _MOST_SAMPLE_BITS:
        what = (
            f"its positions have steps of {float(scale):.9g}, which is {sampling.fraction} bits "
            f"behind the binary point: positions need {position} bits of at most "
            f"{_MOST_POSITION_BITS}, samples {bits} of at most {_MOST_SAMPLE_BITS}"
        )
        remedy = f"quantize them with a scale that is a power of two, such as {float(near)!r}"
        raise ModelError([Problem(place_of(op), what, remedy)])
    if not scale or scale == near or not sampling.interpolates:
        return
    rounded = replace_fields(lines, factors=[factor * near / scale for factor in lines.factors])
    saved = _sample_bits(sampling_of(op, rounded), x)
    module = op.get_toplevel_object()
    if saved < bits and isinstance(module, ModuleOp):
        text = (
            f"{source_of(op)} samples at steps of {float(scale):.9g}, which is no power of two: its "
            f"samples have {bits} bits; a scale of {float(near)!r} would make {saved} of them"
        )
        add_note(module, text)


def _sample_bits(sampling: Sampling, x: IntRange) -> int:
    return sampling.result_range(x, None).width_bits


def lines_of(value: SSAValue) -> _Lines | None:
    """Returns positions as lines of integers; None if they are anything else.

    What is multiplied by constants and added to constants, channel by channel, still is: so one
    code a pixel can be the displacement of all taps.
    """
    steps: list[nn.MulOp | nn.AddOp | nn.SubOp] = []
    while isinstance(value.owner, nn.MulOp | nn.AddOp | nn.SubOp):
        op = value.owner
        if constant_array(op.rhs) is not None:
            inner = op.lhs
        elif constant_array(op.lhs) is not None and not isinstance(op, nn.SubOp):
            inner = op.rhs
        else:
            return None
        steps.append(op)
        value = inner
    source = plain_dequantize(value)
    if source is None or source.channel_axis not in (None, 1) or len(shape_of(value.type)) != 4:
        return None
    given = shape_of(value.type)
    count = given[1]
    scales = np.broadcast_to(source.scale_array.astype(np.float64), (count,))
    factors = [Fraction(float(scale)) for scale in scales]
    summands, sources = [Fraction(0)] * count, list(range(count))
    for op in reversed(steps):
        made = shape_of(op.result.type)
        if (made[0], *made[2:]) != (given[0], *given[2:]):
            return None  # spread over space, too
        constant = constant_array(op.rhs)
        constant = constant_array(op.lhs) if constant is None else constant
        numbers = _per_channel(constant, made)
        if numbers is None:
            return None
        if len(factors) != made[1]:
            factors, summands, sources = factors * made[1], summands * made[1], sources * made[1]
        if isinstance(op, nn.MulOp):
            factors = [f * n for f, n in zip(factors, numbers, strict=True)]
            summands = [s * n for s, n in zip(summands, numbers, strict=True)]
        else:
            sign = -1 if isinstance(op, nn.SubOp) else 1
            summands = [s + sign * n for s, n in zip(summands, numbers, strict=True)]
    return _Lines(source.input, factors, summands, sources)


def _per_channel(constant: Array | None, shape: Sequence[int]) -> list[Fraction] | None:
    """Returns a constant as one number a channel of a tensor [n, c, h, w]; None if it is not."""
    if constant is None or constant.ndim > 4:
        return None
    whole = constant.reshape(*[1] * (4 - constant.ndim), *constant.shape)
    if whole.shape[0] != 1 or whole.shape[2:] != (1, 1) or whole.shape[1] not in (1, shape[1]):
        return None
    numbers = np.broadcast_to(whole.reshape(-1).astype(np.float64), (shape[1],))
    if not np.isfinite(numbers).all():
        return None
    return [Fraction(float(number)) for number in numbers]

"""QONNX's Trunc: drops low bits of integers, in either of its versions.

Both first make integers `q = round(x / scale + zero_point)` without clamping them, then divide
by a power of two and round. The integers are written as `qint.quantize` at the input's scale, the
division as `qint.quantize` of the integers themselves.

Source: `trunc_v1` and `trunc_v2` in qonnx/custom_op/general/trunc.py.
"""

import numpy as np

from qcompiler.arith.decimals import shortest
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.rounding import RoundingMode, round_float
from qcompiler.dialects.attributes import Array
from qcompiler.frontends.onnx.node import NodeContext
from qcompiler.frontends.onnx.ops.quantizers import (
    DOMAINS,
    MAX_BITS,
    QuantizerParameters,
    bit_width,
    channel_parameter,
    code_range,
    positive,
    rounding_of,
    zero_points,
)
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import importer

_INPUTS_OF_V2 = 6
# QONNX does not clamp the input, and its declared width may be too small for a sum; range
# analysis narrows this to what the quantizers before allow.
_INPUT_RANGE = IntRange.for_bits(MAX_BITS, signed=True)
_ZERO = np.zeros(1, np.int64)


def _import_trunc(node: NodeContext) -> Value:
    mode = rounding_of(node, "FLOOR")
    source = QuantizerParameters.of(node, zero_points(node))
    if node.has_input(_INPUTS_OF_V2 - 1):
        return _version_2(node, source, mode)
    step = 2.0 ** (_whole_bits(node, 3) - _whole_bits(node, 4))
    bounds = round_float(np.array([_INPUT_RANGE.lo, _INPUT_RANGE.hi]) / step, mode)
    return _truncate(
        node,
        source,
        QuantizerParameters(np.array([step], np.float32), _ZERO, None),
        IntRange(int(bounds[0]), int(bounds[1])),
        mode,
        target=source,
    )


def _version_2(node: NodeContext, source: QuantizerParameters, mode: RoundingMode) -> Value:
    scale = positive(node.constant(4, "output scale"), "output scale")
    target_scale, axis = channel_parameter(scale, node.shape(0), "output scale")
    if axis is not None and source.axis is not None and axis != source.axis:
        raise RefusalError(
            f"scale varies along axis {source.axis}, but output scale along axis {axis}",
            "use one channel axis for both",
        )
    axis = source.axis if axis is None else axis
    step = 2.0 ** np.rint(np.log2(target_scale.astype(np.float64) / source.scale))
    signed, narrow = bool(node.int_attribute("signed", 1)), bool(node.int_attribute("narrow", 0))
    target = QuantizerParameters(target_scale, _divided_zero_points(source, step), axis)
    division = QuantizerParameters(step.astype(np.float32), _ZERO, axis if step.size > 1 else None)
    range_ = code_range(bit_width(node, 5), signed, narrow, mode)
    return _truncate(node, source, division, range_, mode, target=target)


def _truncate(
    node: NodeContext,
    source: QuantizerParameters,
    division: QuantizerParameters,
    range_: IntRange,
    mode: RoundingMode,
    *,
    target: QuantizerParameters,
) -> Value:
    codes = node.emit(source.quantize(node.operand(0), _INPUT_RANGE, "half_even"))
    plain = QuantizerParameters(np.ones(1, np.float32), _ZERO, None)
    integers = node.emit(plain.dequantize(codes))
    truncated = node.emit(division.quantize(integers, range_, mode))
    return node.emit(target.dequantize(truncated))


def _divided_zero_points(source: QuantizerParameters, step: Array) -> Array:
    divided = source.zero_point / step
    if (divided != np.rint(divided)).any():
        raise RefusalError(
            "zero point divided by output scale / scale must be an integer, got "
            f"{shortest(divided[divided != np.rint(divided)][0])}",
            "quantize symmetrically before the truncation",
        )
    return divided.astype(np.int64)


def _whole_bits(node: NodeContext, index: int) -> int:
    bits = bit_width(node, index)
    if not bits.is_integer():
        raise RefusalError(
            f"bit widths of a truncation must be integers, got {shortest(bits)}",
            "round the bit width",
        )
    return int(bits)


for _domain in DOMAINS:
    importer(_domain, "Trunc")(_import_trunc)

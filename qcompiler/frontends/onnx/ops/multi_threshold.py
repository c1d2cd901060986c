"""FINN's MultiThreshold: counts the thresholds that its input reaches.

Source: `multithreshold` in qonnx/custom_op/general/multithreshold.py.
"""

import re
from fractions import Fraction

import numpy as np
from xdsl.ir import SSAValue

from qcompiler.arith.decimals import shortest
from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.frontends.onnx.node import NodeContext
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import importer

DOMAINS = ("finn.custom_op.general", "qonnx.custom_op.general", "")
MAX_THRESHOLDS = 255
_LARGEST = 2**31
_MAX_BITS = 32
_INT_TYPE = re.compile(r"(U?)INT([0-9]{1,2})")
_NAMED_TYPES = {"BIPOLAR": IntRange(-1, 1), "BINARY": IntRange(0, 1), "TERNARY": IntRange(-1, 1)}
_ATTRIBUTES = ("out_dtype", "out_scale", "out_bias", "data_layout")
_LAYOUTS = {2: "NC", 3: "NWC", 4: "NCHW"}
"""What QONNX assumes of a rank without the attribute."""
_ONE, _ZERO = np.ones(1, np.float32), np.zeros(1, np.int64)
_REMEDY = (
    "mend this parameter, or give the QONNX model from before FINN's ConvertQONNXtoFINN and "
    "streamlining"
)


def _channel_axis(node: NodeContext, rank: int) -> int:
    layout = node.string_attribute("data_layout", "") or _LAYOUTS.get(rank, "")
    axis = layout.index("C") if "C" in layout else 1
    if axis >= rank or (layout and len(layout) != rank):
        raise RefusalError(
            f"data_layout {layout or '(none)'} does not fit a tensor of rank {rank}", _REMEDY
        )
    return axis


def _thresholds(node: NodeContext, channels: int) -> Array:
    values = node.constant(1, "thresholds")
    if values.ndim != 2 or values.shape[0] not in (1, channels) or not values.size:
        raise RefusalError(
            f"thresholds must have shape [{channels} or 1, steps], got {list(values.shape)}",
            _REMEDY,
        )
    if values.shape[1] > MAX_THRESHOLDS:
        raise RefusalError(
            f"at most {MAX_THRESHOLDS} thresholds are supported, got {values.shape[1]}", _REMEDY
        )
    return values if values.dtype.kind == "f" else values.astype(np.float64)


def _total(node: NodeContext, bits: list[SSAValue]) -> SSAValue:
    """Emits the sum, as a tree, so that no chain is long."""
    while len(bits) > 1:
        pairs = [node.emit(nn.AddOp(a, b)) for a, b in zip(bits[::2], bits[1::2], strict=False)]
        bits = pairs + bits[len(pairs) * 2 :]
    return bits[0]


def _multi_threshold(node: NodeContext) -> Value:
    unknown = sorted(node.attribute_names() - set(_ATTRIBUTES))
    if unknown:
        raise RefusalError(f"attributes {', '.join(unknown)} are not known", _REMEDY)
    x = node.number(0)
    shape = shape_of(x.type)
    axis = _channel_axis(node, len(shape))
    thresholds = _thresholds(node, shape[axis])
    column = [-1 if i == axis else 1 for i in range(len(shape))]
    bits = [
        node.emit(nn.GreaterEqualOp(x, node.emit(nn.ConstantOp(step.reshape(column)))))
        for step in thresholds.T
    ]
    codes = IntRange(0, thresholds.shape[1])
    count = node.emit(qint.QuantizeOp(_total(node, bits), _ONE, _ZERO, codes))
    return _scaled(node, count, codes)


def _scaled(node: NodeContext, count: SSAValue, codes: IntRange) -> SSAValue:
    """Emits out_scale * count + out_bias, in integers where it is one."""
    scale, bias = node.float_attribute("out_scale", 1.0), node.float_attribute("out_bias", 0.0)
    if scale <= 0:
        raise RefusalError(f"out_scale must be positive, got {shortest(scale)}", _REMEDY)
    _check_type(node, bias, scale * codes.hi + bias, scale)
    steps = Fraction(bias) / Fraction(scale)
    factor = np.array([scale], np.float32)
    if steps.denominator == 1 and abs(steps) < _LARGEST:
        return node.emit(qint.DequantizeOp(count, factor, np.array([-int(steps)])))
    if scale.is_integer() and bias.is_integer():
        values = qint.AffineOp(count, np.array([int(scale)]), np.array([int(bias)]))
        return node.emit(qint.DequantizeOp(node.emit(values), _ONE, _ZERO))
    return node.emit(
        nn.AddOp(node.emit(qint.DequantizeOp(count, factor, _ZERO)), node.scalar(bias))
    )


def _claimed_range(name: str) -> IntRange:
    match = _INT_TYPE.fullmatch(name)
    if name in _NAMED_TYPES:
        return _NAMED_TYPES[name]
    if match is None or not 1 <= int(match[2]) <= _MAX_BITS:
        raise RefusalError(f"out_dtype {name} is not supported", _REMEDY)
    return IntRange.for_bits(int(match[2]), signed=not match[1])


def _check_type(node: NodeContext, lo: float, hi: float, scale: float) -> None:
    """Checks that integer results are of the type that the node claims, on which FINN relies."""
    claimed = node.string_attribute("out_dtype", "") or "FLOAT32"
    if claimed == "FLOAT32":
        return
    range_ = _claimed_range(claimed)
    integral = all(value.is_integer() for value in (lo, hi, scale))  # else QONNX takes it as float
    bits_only = claimed != "BIPOLAR" or hi - lo == scale
    if integral and not (range_.lo <= lo and hi <= range_.hi and bits_only):
        raise RefusalError(
            f"out_dtype {claimed} does not hold results {shortest(lo)} to {shortest(hi)}", _REMEDY
        )


for _domain in DOMAINS:
    importer(_domain, "MultiThreshold")(_multi_threshold)

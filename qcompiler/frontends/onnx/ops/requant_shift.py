"""RequantShift, with which Quantlab and Deeploy requantize.

It is `clip(floor((x * mul + add + div / 2) / div))`, in integers.

Source: Deeploy's kernels, `(x * mul + add + (1 << (log2(div) - 1))) >> log2(div)`. The tests
compare with its golden data.
"""

import numpy as np
from onnx import AttributeProto, helper
from xdsl.ir import SSAValue

from qcompiler.arith.decimals import shortest
from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.frontends.onnx.node import NodeContext
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import importer

DOMAINS = ("PACTOps", "ai.onnx.contrib", "")
_ATTRIBUTES = ("div", "signed", "n_levels", "n_levels_out")
_MAX_LEVELS = 2**32
_ONE, _ZERO = np.ones(1, np.float32), np.zeros(1, np.int64)
_REMEDY = "mend this parameter: give what Quantlab's RequantShift has"


def _number(node: NodeContext, name: str) -> int:
    """Returns an attribute that is an integer, written as a number or as a tensor of one."""
    (attribute,) = (a for a in node.proto.attribute if a.name == name)
    given = helper.get_attribute_value(attribute)
    values = node.tensor(given) if attribute.type == AttributeProto.TENSOR else np.asarray(given)
    value = (
        float(values.reshape(-1)[0]) if values.size == 1 and values.dtype.kind in "iufb" else 0.5
    )
    if not value.is_integer():
        raise RefusalError(f"attribute {name} must be one integer, got {_shown(values)}", _REMEDY)
    return int(value)


def _shown(values: Array) -> str:
    """Returns numbers (or what stands in their place) for a message, the first few of many."""
    shown = [shortest(float(v)) if values.dtype.kind == "f" else str(v) for v in values.flat[:4]]
    return ", ".join(shown) + (", ..." if values.size > len(shown) else "")


def _levels(node: NodeContext, given: set[str]) -> IntRange:
    named = sorted(given & {"n_levels", "n_levels_out"})
    if len(named) != 1:
        raise RefusalError(
            f"needs one of n_levels and n_levels_out, got {', '.join(named) or 'none'}", _REMEDY
        )
    levels, signed = _number(node, named[0]), _number(node, "signed")
    if signed not in (0, 1):
        raise RefusalError(f"attribute signed must be 0 or 1, got {signed}", _REMEDY)
    if not 2 <= levels <= _MAX_LEVELS or (signed and levels % 2):
        raise RefusalError(
            f"{named[0]} must be 2 to {_MAX_LEVELS}, and even if signed, got {levels}", _REMEDY
        )
    return IntRange(-levels // 2, levels // 2 - 1) if signed else IntRange(0, levels - 1)


def _parameter(node: NodeContext, index: int, what: str, shape: tuple[int, ...]) -> Array:
    """Returns one integer, or one per channel, shaped to broadcast with the input."""
    values = node.constant(index, what)
    if not (np.isfinite(values) & (values == np.rint(values))).all():
        raise RefusalError(
            f"{what} must be integers, got {_shown(values[values != np.rint(values)])}", _REMEDY
        )
    reals = values if values.dtype.kind == "f" else values.astype(np.float64)
    if values.size == 1:
        return reals.reshape(1)
    padded = (1,) * (len(shape) - values.ndim) + values.shape
    varying = [axis for axis, extent in enumerate(padded) if extent != 1]
    # Deeploy writes [channels, 1, 1] for any number of spatial dimensions.
    axis = 1 if varying == [0] and len(shape) > 2 else varying[0]
    if len(varying) != 1 or len(padded) != len(shape) or values.size != shape[axis]:
        raise RefusalError(
            f"{what} of shape {list(values.shape)} is not one value per channel of {list(shape)}",
            _REMEDY,
        )
    return reals.reshape([-1 if i == axis else 1 for i in range(len(shape))])


def _requant_shift(node: NodeContext) -> Value:
    given = node.attribute_names()
    unknown, missing = sorted(given - set(_ATTRIBUTES)), sorted({"div", "signed"} - given)
    if unknown or missing:
        raise RefusalError(
            f"attributes must be div, signed and n_levels or n_levels_out, got "
            f"{', '.join(sorted(given)) or 'none'}",
            _REMEDY,
        )
    div = _number(node, "div")
    if div < 1 or div & (div - 1):
        raise RefusalError(f"div must be a power of two, got {div}", _REMEDY)
    range_ = _levels(node, given)
    x = node.number(0)
    shape = shape_of(x.type)
    mul, add = (_parameter(node, i, what, shape) for i, what in ((1, "mul"), (2, "add")))
    scaled = node.emit(nn.MulOp(x, _constant(node, mul)))
    shifted = node.emit(nn.AddOp(scaled, _constant(node, add)))
    rounded = node.emit(nn.AddOp(shifted, node.scalar(div / 2)))
    scale = np.array([div], np.float32)
    codes = node.emit(qint.QuantizeOp(rounded, scale, _ZERO, range_, rounding="floor"))
    return node.emit(qint.DequantizeOp(codes, _ONE, _ZERO))


def _constant(node: NodeContext, values: Array) -> SSAValue:
    return node.emit(nn.ConstantOp(values))


for _domain in DOMAINS:
    importer(_domain, "RequantShift")(_requant_shift)

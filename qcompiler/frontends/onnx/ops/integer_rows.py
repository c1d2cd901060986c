"""Deeploy's integer functions of a row, as its kernels compute them: exact as they stand.

Source: TargetLibraries/Generic of Deeploy (Softmax_s8.c, Layernorm_s8.c, iRMSNorm_s8.c,
Div_s32.c); I-BERT (Kim et al., ICML 2021) for the polynomial of the softmax. The tests compare
with golden data.
"""

import numpy as np
from onnx import AttributeProto, helper
from xdsl.ir import SSAValue

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.frontends.onnx.node import NodeContext
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import importer

_DOMAINS = ("", "PACTOps", "ai.onnx.contrib")
_ONE, _ZERO = np.ones(1, np.float32), np.zeros(1, np.int64)
_REMEDY = "mend this attribute: give what Deeploy's kernel takes"


def _integer(node: NodeContext, name: str, default: int | None = None) -> int:
    """Returns an attribute that is an integer, written as a number or as a tensor of one."""
    node.attributes_read.add(name)
    given = [a for a in node.proto.attribute if a.name == name]
    if not given:
        if default is not None:
            return default
        raise RefusalError(f"attribute {name} is missing", _REMEDY)
    value = helper.get_attribute_value(given[0])
    array = node.tensor(value) if given[0].type == AttributeProto.TENSOR else np.asarray(value)
    number = float(array.reshape(-1)[0]) if array.size == 1 and array.dtype.kind in "iuf" else 0.5
    if not number.is_integer():
        raise RefusalError(f"attribute {name} must be one integer", _REMEDY)
    return int(number)


def _positive(node: NodeContext, name: str, default: int | None = None) -> int:
    value = _integer(node, name, default)
    if value < 1:
        raise RefusalError(f"attribute {name} must be positive, got {value}", _REMEDY)
    return value


def _log2(node: NodeContext, name: str) -> int:
    value = _positive(node, name)
    if value & (value - 1):
        raise RefusalError(f"attribute {name} must be a power of two, got {value}", _REMEDY)
    return value.bit_length() - 1


def _codes(node: NodeContext, index: int) -> SSAValue:
    """Emits the integers that an input holds, which a quantizer or an integer input made."""
    value = node.operand(index)
    source = value
    while isinstance(source.owner, nn.Move) and len(source.owner.operands) == 1:
        source = source.owner.operands[0]
    owner = source.owner
    if (
        not isinstance(owner, qint.DequantizeOp)
        or owner.zero_point_array.any()
        or (owner.scale_array != 1).any()
    ):
        raise RefusalError(
            "works on integers, and no quantizer says which its input holds",
            "put a RequantShift before it, or give --input NAME=int8:1 for an input of the model",
        )
    return node.emit(qint.QuantizeOp(value, _ONE, _ZERO, qint.range_of(owner.input.type)))


def _real(node: NodeContext, codes: SSAValue) -> SSAValue:
    return node.emit(qint.DequantizeOp(codes, _ONE, _ZERO))


def _levels(node: NodeContext) -> IntRange:
    """Returns signed codes of as many levels as the node has."""
    levels = _positive(node, "n_levels")
    return IntRange(-(levels // 2), levels - levels // 2 - 1)


def _parameter(node: NodeContext, index: int, what: str, shape: tuple[int, ...]) -> Array:
    """Returns integers for each element of a row, or of a frame."""
    values = node.constant(index, what)
    if not (values == np.rint(values)).all():
        raise RefusalError(f"{what} must be integers", "mend this parameter")
    flat = np.asarray(values, np.float64).astype(np.int64)
    for extents in (shape[-1:], shape):
        whole = (1,) * (len(extents) - flat.ndim) + flat.shape
        if len(whole) == len(extents) and all(
            a in (1, b) for a, b in zip(whole, extents, strict=True)
        ):
            return np.broadcast_to(flat.reshape(whole), extents)
    raise RefusalError(
        f"{what} of shape {list(values.shape)} does not fit rows of {list(shape)}",
        "mend this parameter",
    )


def _place(parameter: Array) -> str:
    return "position" if parameter.ndim == 1 else "element"


def _i_softmax(node: NodeContext) -> Value:
    """`e = (A (p + B)^2 + C) >> z` with `p = x - max + z log2`; `y = e (n - 1) / sum(e)`."""
    x = _codes(node, 0)
    a, b, c = (_integer(node, f"coeff{name}") for name in "ABC")
    log2, levels = _positive(node, "log2"), _positive(node, "n_levels")
    codes = qint.range_of(x.type)
    distance = np.arange(codes.size)  # from the largest
    z = np.minimum(distance // log2, 31)
    exps = (a * (z * log2 - distance + b) ** 2 + c) >> z
    if exps.min() < 0 or exps[0] < 1:
        raise RefusalError("its exponentials are not positive", "mend coeffA, coeffB and coeffC")
    most = node.emit(qint.RowReduceOp(x, "max"))
    exp = node.emit(qint.FormulaOp([x, most], "t[max(b - a, 0)]", {"t": exps}))
    total = node.emit(qint.RowReduceOp(exp, "sum"))
    text = f"min(a * {levels - 1} // max(b, {int(exps[0])}), {levels - 1})"
    return _real(node, node.emit(qint.FormulaOp([exp, total], text)))


def _ita_max(node: NodeContext) -> Value:
    """`y = (((n - 1) 256) / sum(256 >> s)) >> s` with `s = (max - x + 16) >> 5`."""
    x, levels = _codes(node, 0), _positive(node, "n_levels")
    codes = qint.range_of(x.type)
    shifts = (np.arange(codes.size) + 16) >> 5
    most = node.emit(qint.RowReduceOp(x, "max"))
    tables = {"t": 256 >> shifts}
    exp = node.emit(qint.FormulaOp([x, most], "t[max(b - a, 0)]", tables))
    total = node.emit(qint.RowReduceOp(exp, "sum"))
    inverse = node.emit(qint.FormulaOp([total], f"{(levels - 1) * 256} // max(a, 256)"))
    parts = " + ".join(f"((s == {s}) * (c >> {s}))" for s in range(int(shifts.max()) + 1))
    text = f"s = (max(b - a, 0) + 16) >> 5; {parts}"
    return _real(node, node.emit(qint.FormulaOp([x, most, inverse], text)))


def _i_rms_norm(node: NodeContext) -> Value:
    """`y = clip((x w / sqrt(sum(x^2) / n + 1)) >> log2(D))`, quotients rounded towards zero."""
    x, shape = _codes(node, 0), shape_of(node.operand(0).type)
    weight, places = _parameter(node, 1, "weight", shape), _log2(node, "D")
    square = node.emit(qint.FormulaOp([x], "a * a"))
    total = node.emit(qint.RowReduceOp(square, "sum"))
    root = node.emit(qint.FormulaOp([total], f"sqrt(a // {shape[-1]} + 1)"))
    levels = _levels(node)
    text = f"q = trunc_div(a * t[{_place(weight)}], b) >> {places}; {_clipped('q', levels)}"
    made = node.emit(qint.FormulaOp([x, root], text, {"t": weight.reshape(-1)}))
    return _real(node, made)


def _clipped(name: str, levels: IntRange) -> str:
    return f"max(min({name}, {levels.hi}), {levels.lo})"


def _i_layer_norm(node: NodeContext) -> Value:
    """`y = clip(((x - m) w / sqrt(sum((x - m)^2) / n + 1) + b) >> log2(D))`, `m = sum(x) / n`."""
    x, shape = _codes(node, 0), shape_of(node.operand(0).type)
    weight, bias = (_parameter(node, i, what, shape) for i, what in ((1, "weight"), (2, "bias")))
    places, count = _log2(node, "D"), shape[-1]
    total = node.emit(qint.RowReduceOp(x, "sum"))
    mean = node.emit(qint.FormulaOp([total], f"trunc_div(a, {count})"))
    centred = node.emit(qint.FormulaOp([x, mean], "a - b"))
    square = node.emit(qint.FormulaOp([centred], "a * a"))
    squares = node.emit(qint.RowReduceOp(square, "sum"))
    root = node.emit(qint.FormulaOp([squares], f"sqrt(a // {count} + 1)"))
    text = (
        f"q = (trunc_div(a * t[{_place(weight)}], b) + u[{_place(bias)}]) >> {places}; "
        f"{_clipped('q', _levels(node))}"
    )
    tables = {"t": weight.reshape(-1), "u": bias.reshape(-1)}
    return _real(node, node.emit(qint.FormulaOp([centred, root], text, tables)))


def _i_no_norm(node: NodeContext) -> Value:
    """`y = clip(((x w + b) mul) >> log2(D))`."""
    x, shape = _codes(node, 0), shape_of(node.operand(0).type)
    weight, bias = (_parameter(node, i, what, shape) for i, what in ((1, "weight"), (2, "bias")))
    mul, places = _integer(node, "mul"), _log2(node, "D")
    text = (
        f"q = (a * t[{_place(weight)}] + u[{_place(bias)}]) * {mul} >> {places}; "
        f"{_clipped('q', _levels(node))}"
    )
    tables = {"t": weight.reshape(-1), "u": bias.reshape(-1)}
    return _real(node, node.emit(qint.FormulaOp([x], text, tables)))


def _divisor(node: NodeContext, least: int) -> None:
    if least < 1:
        raise RefusalError(
            f"its divisor eta * d + eps can be {least}", "give eps and eta that keep it positive"
        )


def _true_integer_div(node: NodeContext) -> Value:
    """`floor(Delta eta x / (eta y + eps))` for a constant y."""
    x = _codes(node, 0)
    delta, eps, eta = (_integer(node, name, 1) for name in ("Delta", "eps", "eta"))
    divisor = eta * _integer(node, "y") + eps
    _divisor(node, divisor)
    return _real(node, node.emit(qint.FormulaOp([x], f"{delta * eta} * a // {divisor}")))


def _integer_div(node: NodeContext) -> Value:
    """`Delta eta x / (eta d + eps)`, to nearest, halves away from zero; d is an input."""
    x, by = _codes(node, 0), _codes(node, 1)
    delta, eps, eta = (_integer(node, name, 1) for name in ("Delta", "eps", "eta"))
    given = qint.range_of(by.type)
    _divisor(node, min(eta * d + eps for d in (given.lo, given.hi)))
    half = "(d >> 1 if n >= 0 else -(d >> 1))"
    text = f"d = {eta} * b + {eps}; n = {delta * eta} * a; trunc_div(n + {half}, d)"
    return _real(node, node.emit(qint.FormulaOp([x, by], text)))


for _domain in _DOMAINS:
    importer(_domain, "iSoftmax")(_i_softmax)
    importer(_domain, "ITAMax")(_ita_max)
    importer(_domain, "iRMSNorm")(_i_rms_norm)
    importer(_domain, "iLayerNorm")(_i_layer_norm)
    importer(_domain, "iNoNorm")(_i_no_norm)
    importer(_domain, "TrueIntegerDiv")(_true_integer_div)
    importer(_domain, "IntegerDiv")(_integer_div)

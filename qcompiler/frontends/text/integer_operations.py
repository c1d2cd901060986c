"""The spelling of qint: operations on integers, and those between integers and reals."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.ir import Operation, Region, SSAValue

from qcompiler.arith.requantizers import FloatScale, MulShift, Requantizer, Shift, Table, Threshold
from qcompiler.arith.sampling import Sampling
from qcompiler.arith.scalar_function import NUMERICS
from qcompiler.arith.windows import Window
from qcompiler.dialects import qint
from qcompiler.dialects.attributes import shape_of
from qcompiler.dialects.qint.boundary import ROUNDING_MODES
from qcompiler.frontends.text.real_operations import (
    AXIS,
    SAMPLE_MODE,
    SLICE,
    check_pairs,
    check_per_axis,
    check_rank,
    masked,
)
from qcompiler.frontends.text.signatures import Build, Kind, Param, Signature, Values

_ZERO, _ONE = np.zeros(1, np.int64), np.ones(1, np.int64)


def _integer(
    kind: Any, operands: str, *params: Param, build: Build | None = None, **flags: bool
) -> Signature:
    def direct(inputs: Sequence[SSAValue], values: Values, _region: Region | None) -> Operation:
        return kind(*inputs, **values)

    integers = flags.pop("integers", True)
    return Signature(kind, tuple(operands.split()), params, build or direct, integers, **flags)


def _quantize(inputs: Sequence[SSAValue], values: Values, _region: Region | None) -> Operation:
    values = dict(values)
    return qint.QuantizeOp(
        inputs[0], values.pop("scale"), values.pop("zero_point"), values.pop("type"), **values
    )


def _dequantize(inputs: Sequence[SSAValue], values: Values, _region: Region | None) -> Operation:
    values = dict(values)
    numerics = values.pop("numerics", None)
    op = qint.DequantizeOp(inputs[0], values.pop("scale"), values.pop("zero_point"), **values)
    if numerics is not None:
        qint.set_numerics(op, numerics)
    return op


def _region_of(region: Region | None) -> Region:
    assert region is not None
    return region


def _requantize(inputs: Sequence[SSAValue], values: Values, region: Region | None) -> Operation:
    body = _region_of(region)
    made = qint.range_of(qint.ScalarBody(body.block).yielded.type)
    return qint.RequantizeOp(inputs[0], values["axis"], body, made)


def _join(inputs: Sequence[SSAValue], values: Values, region: Region | None) -> Operation:
    body = _region_of(region)
    made = qint.range_of(qint.ScalarBody(body.block).yielded.type)
    return qint.JoinOp(inputs, values["axis"], body, made)


def _concat(inputs: Sequence[SSAValue], values: Values, _region: Region | None) -> Operation:
    if not inputs:
        raise ValueError("concat needs at least one operand, got 0")
    return qint.ConcatOp(inputs, values["axis"])


def _window(x: SSAValue, kernel: Sequence[int], values: Values) -> Window:
    space = check_rank(x, 3)[1:-1]
    names = ("strides", "dilations", "pads_begin", "pads_end")
    for name, part in (("kernel", kernel), *((name, values[name]) for name in names)):
        if len(part) != len(space):
            raise ValueError(
                f"{name} must have {len(space)} entries, one for each spatial dimension, got "
                f"{list(part)}"
            )
    return Window(tuple(kernel), *(tuple(values[name]) for name in names))


def _conv(inputs: Sequence[SSAValue], values: Values, _region: Region | None) -> Operation:
    x, weights = inputs
    kernel = check_rank(weights, 3)[:-2]
    return qint.ConvOp(x, weights, _window(x, kernel, values), values["group"], values["pad_value"])


def _pool(inputs: Sequence[SSAValue], values: Values, _region: Region | None) -> Operation:
    window = _window(inputs[0], values["kernel"], values)
    return qint.PoolOp(inputs[0], values["kind"], window, values["pad_value"])


def _per_axis(kind: Any, *names: str) -> Build:
    """Returns a builder that first checks that lists have one entry for each axis."""

    def build(inputs: Sequence[SSAValue], values: Values, _region: Region | None) -> Operation:
        check_per_axis(inputs[0], **{name: values[name] for name in names})
        return kind(inputs[0], **values)

    return build


def _depth_to_space(inputs: Sequence[SSAValue], values: Values, _r: Region | None) -> Operation:
    if not values["block"]:
        raise ValueError("block must have one entry for each spatial dimension, got none")
    return qint.DepthToSpaceOp(inputs[0], values["block"], values["mode"])


def _sample(inputs: Sequence[SSAValue], values: Values, _region: Region | None) -> Operation:
    pairs = ("kernel", "strides", "dilations", "pads")
    check_pairs(values, pairs)
    lists = (*pairs, "steps", "origins", "sources")
    parts: dict[str, Any] = {
        name: tuple(values[name]) if name in lists else values[name] for name in values
    }
    return qint.SampleOp(*masked(inputs), Sampling(**parts))


def _formula(inputs: Sequence[SSAValue], values: Values, _region: Region | None) -> Operation:
    tables = {name: values[name] for name in "tuvw" if values[name] is not None}
    return qint.FormulaOp(inputs, values["text"], tables)


def _form(make: Any) -> Build:
    """Returns the builder of a hardware form of requantization."""

    def build(inputs: Sequence[SSAValue], values: Values, _region: Region | None) -> Operation:
        form: Requantizer = make(values, values["type"])
        return qint.requantizer_op(form, inputs[0], values["type"], values["axis"])

    return build


def _shift(v: Values, made: qint.IntRange) -> Requantizer:
    return Shift(v["shift"], v["bias"], v["sign"], made.lo, made.hi, v["tie_parity"])


def _mul_shift(v: Values, made: qint.IntRange) -> Requantizer:
    return MulShift(v["multiplier"], v["bias"], v["shift"], made.lo, made.hi, v["tie_parity"])


def _float_scale(v: Values, made: qint.IntRange) -> Requantizer:
    parts = (v["multiplier"], v["offset"], v["shift"], v["zero_point"])
    return FloatScale(*parts, made.lo, made.hi)


def _threshold(v: Values, _made: qint.IntRange) -> Requantizer:
    return Threshold(v["thresholds"], v["sign"], v["lo"])


def _table(v: Values, _made: qint.IntRange) -> Requantizer:
    return Table(v["entries"], v["x_lo"])


def _lookup(inputs: Sequence[SSAValue], values: Values, _region: Region | None) -> Operation:
    return qint.LookupOp(
        inputs[0], values["sources"], values["entries"], values["bits"], values["x_lo"]
    )


def _least(operands: Sequence[SSAValue]) -> int:
    return qint.range_of(operands[0].type).lo


def _bits(operands: Sequence[SSAValue]) -> int:
    bounds = qint.range_of(operands[0].type)
    return max(1, (bounds.hi - bounds.lo).bit_length())


def _spatial(entry: int) -> Any:

    def default(operands: Sequence[SSAValue]) -> list[int]:
        return [entry] * max(0, len(shape_of(operands[0].type)) - 2)

    return default


_TYPE = Param("type", Kind.TYPE)
_SCALE = Param("scale", Kind.REALS)
_ZERO_POINT = Param("zero_point", Kind.INTEGERS, _ZERO)
_CHANNELS = Param("axis", Kind.INT, None)
_WINDOW = (
    Param("strides", Kind.INTS, _spatial(1)),
    Param("dilations", Kind.INTS, _spatial(1)),
    Param("pads_begin", Kind.INTS, _spatial(0)),
    Param("pads_end", Kind.INTS, _spatial(0)),
)
_PAD_VALUE = Param("pad_value", Kind.INT, 0)
_BIAS = Param("bias", Kind.INTEGERS, _ZERO)
_SIGN = Param("sign", Kind.INTEGERS, _ONE)
_TIE = Param("tie_parity", Kind.INT, None)
_DEPTH_MODE = Param("mode", Kind.WORD, "DCR", ("DCR", "CRD"))
ROUNDING = Param("rounding", Kind.WORD, "half_even", ROUNDING_MODES)

INTEGER_OPERATIONS = (
    _integer(qint.QuantizeOp, "x", _TYPE, _SCALE, _ZERO_POINT, ROUNDING, _CHANNELS,
             Param("zero_point_after_rounding", Kind.BOOL, False),
             build=_quantize, integers=False, scalar=True),
    _integer(qint.DequantizeOp, "x", _SCALE, _ZERO_POINT, _CHANNELS,
             Param("apart", Kind.BOOL, False),
             Param("numerics", Kind.WORD, None, NUMERICS),
             build=_dequantize, scalar=True),
    _integer(qint.AffineOp, "x", Param("multiplier", Kind.INTEGERS, _ONE),
             Param("offset", Kind.INTEGERS, _ZERO), _CHANNELS, scalar=True),
    _integer(qint.MatMulOp, "a b"),
    _integer(qint.AddOp, "a b"),
    _integer(qint.MulOp, "a b"),
    _integer(qint.ConcatOp, "*inputs", AXIS, build=_concat),
    _integer(qint.ReshapeOp, "x", Param("shape", Kind.SHAPE)),
    _integer(qint.TransposeOp, "x", Param("permutation", Kind.INTS)),
    _integer(qint.ConvOp, "x weights", *_WINDOW, Param("group", Kind.INT, 1), _PAD_VALUE,
             build=_conv),
    _integer(qint.PoolOp, "x", Param("kind", Kind.WORD, words=("max", "sum")),
             Param("kernel", Kind.INTS), *_WINDOW, _PAD_VALUE, build=_pool),
    _integer(qint.SampleOp, "*inputs", Param("kernel", Kind.INTS, [1, 1]),
             Param("strides", Kind.INTS, [1, 1]), Param("dilations", Kind.INTS, [1, 1]),
             Param("pads", Kind.INTS, [0, 0]), Param("steps", Kind.INTS),
             Param("origins", Kind.INTS), Param("sources", Kind.INTS),
             Param("fraction", Kind.INT, 0), Param("offset_groups", Kind.INT, 1), SAMPLE_MODE,
             Param("border", Kind.BOOL, False), build=_sample),
    _integer(qint.SoftmaxOp, "x", Param("multiplier", Kind.INT), Param("shift", Kind.INT),
             Param("least", Kind.INT)),
    _integer(qint.RowReduceOp, "x", Param("kind", Kind.WORD, words=qint.REDUCTIONS)),
    _integer(qint.FormulaOp, "*inputs", Param("text", Kind.TEXT),
             *(Param(table, Kind.INTEGERS, None) for table in "tuvw"), build=_formula),
    _integer(qint.ArgMaxOp, "x", Param("last", Kind.BOOL, False)),
    _integer(qint.LookupOp, "x", Param("sources", Kind.MATRIX), Param("entries", Kind.MATRIX),
             Param("bits", Kind.INT, _bits), Param("x_lo", Kind.INT, _least), build=_lookup),
    _integer(qint.SliceOp, "x", *SLICE, build=_per_axis(qint.SliceOp, "starts", "ends", "steps")),
    _integer(qint.PadOp, "x", Param("begin", Kind.INTS), Param("end", Kind.INTS),
             Param("value", Kind.INT, 0), build=_per_axis(qint.PadOp, "begin", "end")),
    _integer(qint.ResizeNearestOp, "x", Param("scales", Kind.INTS),
             build=_per_axis(qint.ResizeNearestOp, "scales")),
    _integer(qint.DepthToSpaceOp, "x", Param("block", Kind.INTS), _DEPTH_MODE,
             build=_depth_to_space),
    _integer(qint.RequantizeOp, "x", AXIS, build=_requantize, region=True),
    _integer(qint.JoinOp, "*inputs", AXIS, build=_join, region=True),
    _integer(qint.ShiftOp, "x", _TYPE, Param("shift", Kind.INT), _BIAS, _SIGN, _TIE, _CHANNELS,
             build=_form(_shift), scalar=True),
    _integer(qint.MulShiftOp, "x", _TYPE, Param("multiplier", Kind.INTEGERS), _BIAS,
             Param("shift", Kind.INT), _TIE, _CHANNELS, build=_form(_mul_shift), scalar=True),
    _integer(qint.FloatScaleOp, "x", _TYPE, Param("multiplier", Kind.INTEGERS),
             Param("offset", Kind.INTEGERS, _ZERO), Param("shift", Kind.INT),
             Param("zero_point", Kind.INT, 0), _CHANNELS, build=_form(_float_scale), scalar=True),
    _integer(qint.ThresholdOp, "x", _TYPE, Param("thresholds", Kind.MATRIX), _SIGN,
             Param("lo", Kind.INT), _CHANNELS, build=_form(_threshold), scalar=True),
    _integer(qint.TableOp, "x", _TYPE, Param("entries", Kind.MATRIX), Param("x_lo", Kind.INT),
             _CHANNELS, build=_form(_table), scalar=True),
)  # fmt: skip
"""Every operation of qint but constants and the end of a region."""

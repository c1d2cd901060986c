"""The spelling of nn: operations on reals, with ONNX's names, channels first."""

from collections.abc import Sequence
from typing import Any

from xdsl.ir import Operation, SSAValue

from qcompiler.arith.windows import Window
from qcompiler.dialects import nn
from qcompiler.dialects.attributes import shape_of
from qcompiler.frontends.text.signatures import REQUIRED, Kind, Param, Signature, Values

_PLAIN_UNARY = (
    nn.ReluOp, nn.SqrtOp, nn.NegOp, nn.SigmoidOp, nn.TanhOp, nn.ErfOp, nn.HardSwishOp,
    nn.FloorOp, nn.CeilOp, nn.TruncOp, nn.RoundOp,
)  # fmt: skip
_BINARY = (
    nn.AddOp, nn.SubOp, nn.MulOp, nn.DivOp, nn.PowOp, nn.MinOp, nn.MaxOp, nn.PReluOp,
    nn.GreaterEqualOp,
)  # fmt: skip


def _real(
    kind: Any, operands: str, *params: Param, scalar: bool = False, build: Any = None
) -> Signature:
    names = tuple(operands.split())

    def direct(inputs: Sequence[SSAValue], values: Values, _region: Any) -> Operation:
        return kind(*inputs, **values)

    def custom(inputs: Sequence[SSAValue], values: Values, _region: Any) -> Operation:
        return build(inputs, values)

    return Signature(kind, names, params, direct if build is None else custom, False, scalar=scalar)


def check_rank(x: SSAValue, least: int) -> tuple[int, ...]:
    """Returns the shape of an operand; ValueError if it has fewer than `least` dimensions."""
    shape = shape_of(x.type)
    if len(shape) < least:
        raise ValueError(f"input must have rank {least} or more, got shape {list(shape)}")
    return shape


def check_per_axis(x: SSAValue, **lists: Sequence[int]) -> None:
    """Checks that lists have one entry for each axis of an operand; ValueError if not."""
    rank = len(shape_of(x.type))
    for name, entries in lists.items():
        if len(entries) != rank:
            raise ValueError(f"{name} must have {rank} entries, one for each axis, got {entries}")


def _spatial(count: int, entry: int) -> Any:
    """Returns a default: `count` entries for each spatial dimension of the first operand."""

    def default(operands: Sequence[SSAValue]) -> list[int]:
        return [entry] * (count * max(0, len(shape_of(operands[0].type)) - 2))

    return default


_STRIDES = Param("strides", Kind.INTS, _spatial(1, 1))
_DILATIONS = Param("dilations", Kind.INTS, _spatial(1, 1))
_PADS = Param("pads", Kind.PADS, _spatial(2, 0))
_KERNEL = Param("kernel", Kind.INTS)
_GROUP = Param("group", Kind.INT, 1)


def same_pads(shape: Sequence[int], window: Window) -> list[int]:
    """Returns pads with which a window makes ceil(extent / stride) of an extent, more at the end.

    Source: auto_pad SAME_UPPER of ONNX's Conv.
    """
    begins: list[int] = []
    ends: list[int] = []
    for size, stride, extent in zip(shape, window.strides, window.extent, strict=True):
        total = max(0, (-(-size // stride) - 1) * stride + extent - size)
        begins.append(total // 2)
        ends.append(total - total // 2)
    return begins + ends


def _window(x: SSAValue, kernel: Sequence[int], values: Values) -> Window:
    space = check_rank(x, 3)[2:]
    strides, dilations = tuple(values["strides"]), tuple(values["dilations"])
    parts = {"kernel": kernel, "strides": strides, "dilations": dilations}
    for name, part in parts.items():
        if len(part) != len(space):
            raise ValueError(
                f"{name} must have {len(space)} entries, one for each spatial dimension, got "
                f"{list(part)}"
            )
    pads = values["pads"]
    zeros = (0,) * len(space)
    if isinstance(pads, str):
        plain = Window(tuple(kernel), strides, dilations, zeros, zeros)
        pads = same_pads(space, plain) if pads == "same" else [*zeros, *zeros]
    if len(pads) != 2 * len(space):
        raise ValueError(
            f"pads must have {2 * len(space)} entries, all begins, then all ends, got {list(pads)}"
        )
    half = len(space)
    return Window(tuple(kernel), strides, dilations, tuple(pads[:half]), tuple(pads[half:]))


def _conv(inputs: Sequence[SSAValue], values: Values) -> Operation:
    x, weights = inputs
    kernel = check_rank(weights, 3)[2:]
    return nn.ConvOp(x, weights, _window(x, kernel, values), values["group"])


def _conv_transpose(inputs: Sequence[SSAValue], values: Values) -> Operation:
    x, weights = inputs
    window = _window(x, check_rank(weights, 3)[2:], values)
    padding = values["output_padding"]
    if len(padding) != window.rank:
        raise ValueError(f"output_padding must have {window.rank} entries, got {padding}")
    return nn.ConvTransposeOp(x, weights, window, padding, values["group"])


def _max_pool(inputs: Sequence[SSAValue], values: Values) -> Operation:
    return nn.MaxPoolOp(inputs[0], _window(inputs[0], values["kernel"], values))


def _average_pool(inputs: Sequence[SSAValue], values: Values) -> Operation:
    window = _window(inputs[0], values["kernel"], values)
    overhang = values["overhang"]
    if len(overhang) != window.rank or min(overhang) < 0:
        raise ValueError(f"overhang must be {window.rank} integers of 0 or more, got {overhang}")
    return nn.AveragePoolOp(inputs[0], window, overhang, values["count_include_pad"])


def _sample(inputs: Sequence[SSAValue], values: Values) -> Operation:
    x, positions, mask = masked(inputs)
    lists = ("kernel", "strides", "dilations", "pads")
    check_pairs(values, lists)
    geometry = nn.SampleGeometry(*((values[name][0], values[name][1]) for name in lists))
    rest = {name: value for name, value in values.items() if name not in lists}
    return nn.SampleOp(x, positions, mask, geometry, **rest)


def masked(inputs: Sequence[SSAValue]) -> tuple[SSAValue, SSAValue, SSAValue | None]:
    """Returns what is sampled, the positions, and the mask if there is one; ValueError if more."""
    if len(inputs) not in (2, 3):
        raise ValueError(f"sample needs two operands, or three with a mask, got {len(inputs)}")
    x, positions, *rest = inputs
    check_rank(x, 4)
    return x, positions, rest[0] if rest else None


def check_pairs(values: Values, names: Sequence[str]) -> None:
    """Checks that lists have one entry for rows and one for columns; ValueError if not."""
    for name in names:
        if len(values[name]) != 2:
            raise ValueError(
                f"{name} must have two entries, for rows and columns, got {values[name]}"
            )


def _slice(inputs: Sequence[SSAValue], values: Values) -> Operation:
    check_per_axis(inputs[0], **values)
    return nn.SliceOp(inputs[0], **values)


def _pad(inputs: Sequence[SSAValue], values: Values) -> Operation:
    check_per_axis(inputs[0], begin=values["begin"], end=values["end"])
    return nn.PadOp(inputs[0], **values)


def _resize(inputs: Sequence[SSAValue], values: Values) -> Operation:
    check_per_axis(inputs[0], **values)
    return nn.ResizeNearestOp(inputs[0], **values)


def _concat(inputs: Sequence[SSAValue], values: Values) -> Operation:
    return nn.ConcatOp(inputs, values["axis"])


def one_per_axis(operands: Sequence[SSAValue]) -> list[int]:
    """Returns a default: 1 for each axis of the first operand."""
    return [1] * len(shape_of(operands[0].type))


SLICE = (Param("starts", Kind.INTS), Param("ends", Kind.INTS),
         Param("steps", Kind.INTS, one_per_axis))  # fmt: skip
AXIS = Param("axis", Kind.INT)
SAMPLE_MODE = Param("mode", Kind.WORD, "bilinear", ("bilinear", "nearest"))
_KEEPDIMS = Param("keepdims", Kind.BOOL, True)

REAL_OPERATIONS = (
    *(_real(kind, "x", scalar=True) for kind in _PLAIN_UNARY),
    *(_real(kind, "a b", scalar=True) for kind in _BINARY),
    _real(nn.MulAddOp, "a b", Param("factor", Kind.REAL), scalar=True),
    _real(nn.ClipOp, "x", Param("lo", Kind.REAL), Param("hi", Kind.REAL), scalar=True),
    _real(nn.LeakyReluOp, "x", Param("alpha", Kind.REAL), scalar=True),
    _real(nn.HardSigmoidOp, "x", Param("alpha", Kind.REAL), Param("beta", Kind.REAL), scalar=True),
    _real(nn.GeluOp, "x", Param("approximate", Kind.WORD, "none", ("none", "tanh")), scalar=True),
    _real(nn.RoundToOp, "x", Param("format", Kind.WORD, REQUIRED, tuple(nn.RoundToOp.FORMATS))),
    _real(nn.SoftmaxOp, "x", AXIS),
    _real(nn.LogSoftmaxOp, "x", AXIS),
    _real(nn.ReduceMeanOp, "x", Param("axes", Kind.INTS), _KEEPDIMS),
    _real(nn.ArgMaxOp, "x", AXIS, _KEEPDIMS, Param("last", Kind.BOOL, False)),
    _real(nn.MatMulOp, "a b"),
    _real(nn.BatchNormOp, "x scale bias mean var", Param("epsilon", Kind.REAL, REQUIRED)),
    _real(nn.LayerNormOp, "x scale bias", Param("epsilon", Kind.REAL, REQUIRED),
          Param("centered", Kind.BOOL, True)),
    _real(nn.ConvOp, "x weights", _STRIDES, _DILATIONS, _PADS, _GROUP, build=_conv),
    _real(nn.ConvTransposeOp, "x weights", _STRIDES, _DILATIONS, _PADS,
          Param("output_padding", Kind.INTS, _spatial(1, 0)), _GROUP, build=_conv_transpose),
    _real(nn.MaxPoolOp, "x", _KERNEL, _STRIDES, _DILATIONS, _PADS, build=_max_pool),
    _real(nn.AveragePoolOp, "x", _KERNEL, _STRIDES, _DILATIONS, _PADS,
          Param("overhang", Kind.INTS, _spatial(1, 0)),
          Param("count_include_pad", Kind.BOOL, False), build=_average_pool),
    _real(nn.SampleOp, "*inputs", Param("kernel", Kind.INTS, [1, 1]),
          Param("strides", Kind.INTS, [1, 1]), Param("dilations", Kind.INTS, [1, 1]),
          Param("pads", Kind.INTS, [0, 0]),
          Param("positions", Kind.WORD, "offsets", ("offsets", "grid", "grid_corners")),
          Param("offset_groups", Kind.INT, 1), SAMPLE_MODE, Param("border", Kind.BOOL, False),
          build=_sample),
    _real(nn.ReshapeOp, "x", Param("shape", Kind.SHAPE)),
    _real(nn.TransposeOp, "x", Param("permutation", Kind.INTS)),
    _real(nn.ConcatOp, "*inputs", AXIS, build=_concat),
    _real(nn.WhereOp, "condition a b"),
    _real(nn.TensorScatterOp, "x update position", AXIS),
    _real(nn.SliceOp, "x", *SLICE, build=_slice),
    _real(nn.PadOp, "x", Param("begin", Kind.INTS), Param("end", Kind.INTS),
          Param("value", Kind.REAL, 0.0), build=_pad),
    _real(nn.ResizeNearestOp, "x", Param("scales", Kind.INTS), build=_resize),
    _real(nn.DepthToSpaceOp, "x", Param("block", Kind.INT),
          Param("mode", Kind.WORD, "DCR", ("DCR", "CRD"))),
)  # fmt: skip
"""Every operation of nn but constants."""

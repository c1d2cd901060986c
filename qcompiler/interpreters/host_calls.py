"""Which numpy function computes which operation of nn: one table for interpreter and driver.

A row says how to call the function: the operands come first, then these keywords.
"""

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict
from xdsl.ir import Operation

from qcompiler.arith import gemmlowp
from qcompiler.arith.scalar_ops import OPS
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.interpreters import numpy_ops, numpy_windows
from qcompiler.interpreters.scalar_functions import REAL_OPS

Static = int | float | str | bool | list[int] | list[float]


class HostCall(Struct, frozen=True):
    """A call of a numpy function.

    Attributes:
        function: of `real_functions`, `numpy_ops`, `numpy_windows` or numpy itself.
        static: keyword arguments that are known while compiling.
    """

    function: Callable[..., Any]
    static: dict[str, Static]

    def run(self, *operands: Array) -> Array:
        """Returns what the function makes of arrays."""
        return self.function(*operands, **self.static)

    def text(self, operands: Sequence[str]) -> str:
        """Returns the call as Python source; `operands` are expressions."""
        prefix = "np." if isinstance(self.function, np.ufunc) else ""
        keywords = [f"{name}={value!r}" for name, value in self.static.items()]
        return f"{prefix}{self.function.__name__}({', '.join([*operands, *keywords])})"


def _window(op: nn.Windowed) -> dict[str, Static]:
    return {
        "strides": list(op.strides.get_values()),
        "dilations": list(op.dilations.get_values()),
        "pads": list(op.pads.get_values()),
    }


def _round_to(op: nn.RoundToOp) -> HostCall:
    digits, smallest, beyond = op.FORMATS[op.format.data]
    static: dict[str, Static] = {"digits": digits, "smallest": smallest, "beyond": beyond}
    return HostCall(numpy_ops.round_to, static)


def _reshape(op: nn.ReshapeOp | qint.ReshapeOp) -> HostCall:
    return HostCall(numpy_ops.reshape, {"shape": list(shape_of(op.result.type))})


def _transpose(op: nn.TransposeOp | qint.TransposeOp) -> HostCall:
    return HostCall(numpy_ops.transpose, {"permutation": list(op.permutation.get_values())})


def _reduce_mean(op: nn.ReduceMeanOp) -> HostCall:
    axes = list(op.axes.get_values())
    return HostCall(numpy_ops.reduce_mean, {"axes": axes, "keepdims": op.keeps})


def _arg_max(op: nn.ArgMaxOp) -> HostCall:
    static: dict[str, Static] = {"axis": op.axis.value.data, "keepdims": op.keeps}
    return HostCall(numpy_ops.arg_max, {**static, "last": bool(op.last.value.data)})


def _conv_transpose(op: nn.ConvTransposeOp) -> HostCall:
    padding = list(op.output_padding.get_values())
    static = {**_window(op), "output_padding": padding, "group": op.groups}
    return HostCall(numpy_windows.conv_transpose, static)


def _max_pool(op: nn.MaxPoolOp) -> HostCall:
    return HostCall(numpy_windows.max_pool, {"kernel": list(op.kernel_shape), **_window(op)})


def _average_pool(op: nn.AveragePoolOp) -> HostCall:
    static = {"kernel": list(op.kernel_shape), **_window(op)}
    static |= {"overhang": list(op.overhang.get_values())}
    static |= {"count_include_pad": op.includes_padding}
    return HostCall(numpy_windows.average_pool, static)


def _slice(op: nn.SliceOp) -> HostCall:
    starts, ends, steps = op.bounds
    return HostCall(numpy_windows.slice_of, {"starts": starts, "ends": ends, "steps": steps})


def _pad(op: nn.PadOp) -> HostCall:
    begin, end = list(op.begin.get_values()), list(op.end.get_values())
    value = op.value.value.data
    return HostCall(numpy_windows.pad, {"begin": begin, "end": end, "value": value})


def _depth_to_space(op: nn.DepthToSpaceOp) -> HostCall:
    static: dict[str, Static] = {"block": op.block.value.data, "mode": op.mode.data}
    return HostCall(numpy_windows.depth_to_space, static)


def _sample(op: nn.SampleOp) -> HostCall:
    where = {name: list(value) for name, value in asdict(op.geometry).items()}
    how: dict[str, Static] = {
        "step": list(op.lines[0]),
        "origin": list(op.lines[1]),
        "has_grid": op.has_grid,
        "offset_groups": op.groups,
        "mode": op.mode.data,
        "border": bool(op.border.value.data),
    }
    return HostCall(numpy_windows.sample, {**where, **how})


def real_function(op: nn.Unary | nn.Binary) -> Callable[..., Any]:
    """Returns what computes a real operation on elements, from its operands and parameters."""
    return OPS[op.function].ieee if op.IS_SCALAR else np.power


def _real(op: nn.Unary) -> HostCall:
    function = real_function(op)
    if not op.parameters:
        return HostCall(function, {})
    names = list(signature(function).parameters)[1:]
    return HostCall(function, dict(zip(names, op.parameters, strict=True)))


CALLS: dict[type[Operation], Callable[[Any], HostCall]] = {
    **{op: _real for op in REAL_OPS if issubclass(op, nn.Unary)},
    nn.RoundToOp: _round_to,
    nn.SoftmaxOp: lambda op: HostCall(numpy_ops.softmax, {"axis": op.axis.value.data}),
    nn.LogSoftmaxOp: lambda op: HostCall(numpy_ops.log_softmax, {"axis": op.axis.value.data}),
    qint.SoftmaxOp: lambda op: HostCall(gemmlowp.softmax_codes, dict(op.parameters)),
    nn.LayerNormOp: lambda op: HostCall(
        numpy_ops.layer_norm, {"epsilon": op.epsilon.value.data, "centered": op.takes_mean}
    ),
    nn.ReduceMeanOp: _reduce_mean,
    nn.ArgMaxOp: _arg_max,
    nn.MatMulOp: lambda op: HostCall(numpy_ops.matmul, {}),
    nn.ConvOp: lambda op: HostCall(numpy_windows.conv, {**_window(op), "group": op.groups}),
    nn.ConvTransposeOp: _conv_transpose,
    nn.MaxPoolOp: _max_pool,
    nn.AveragePoolOp: _average_pool,
    nn.SampleOp: _sample,
    nn.ReshapeOp: _reshape,
    qint.ReshapeOp: _reshape,
    nn.TransposeOp: _transpose,
    qint.TransposeOp: _transpose,
    nn.ConcatOp: lambda op: HostCall(numpy_windows.concat, {"axis": op.axis.value.data}),
    nn.WhereOp: lambda op: HostCall(numpy_windows.where, {"rank": len(shape_of(op.result.type))}),
    nn.TensorScatterOp: lambda op: HostCall(
        numpy_windows.tensor_scatter, {"axis": op.axis.value.data}
    ),
    nn.SliceOp: _slice,
    nn.PadOp: _pad,
    nn.ResizeNearestOp: lambda op: HostCall(
        numpy_windows.resize_nearest, {"scales": list(op.scales.get_values())}
    ),
    nn.DepthToSpaceOp: _depth_to_space,
}
"""How to call numpy for an operation that needs no more than its own attributes."""


def host_call(op: Operation) -> HostCall:
    """Returns the call that computes `op`, whose type is in `CALLS`."""
    return CALLS[type(op)](op)

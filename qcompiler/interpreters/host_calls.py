"""Which numpy function computes which operation of nn: one table for interpreter and driver.

A row says how to call the function: the operands come first, then these keywords.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.ir import Operation

from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.interpreters import numpy_ops, numpy_windows

Static = int | float | str | bool | list[int]


@dataclass(frozen=True)
class HostCall:
    """A call of a numpy function.

    Attributes:
        function: of `numpy_ops`, `numpy_windows` or numpy itself.
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


def _clip(op: nn.ClipOp) -> HostCall:
    lo, hi = op.parameters
    return HostCall(numpy_ops.clip, {"lo": lo, "hi": hi})


def _round_to(op: nn.RoundToOp) -> HostCall:
    digits, smallest, beyond = op.FORMATS[op.format.data]
    static: dict[str, Static] = {"digits": digits, "smallest": smallest, "beyond": beyond}
    return HostCall(numpy_ops.round_to, static)


def _hard_sigmoid(op: nn.HardSigmoidOp) -> HostCall:
    alpha, beta = op.parameters
    return HostCall(numpy_ops.hard_sigmoid, {"alpha": alpha, "beta": beta})


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


CALLS: dict[type[Operation], Callable[[Any], HostCall]] = {
    nn.NegOp: lambda op: HostCall(np.negative, {}),
    nn.FloorOp: lambda op: HostCall(np.floor, {}),
    nn.CeilOp: lambda op: HostCall(np.ceil, {}),
    nn.TruncOp: lambda op: HostCall(np.trunc, {}),
    nn.RoundOp: lambda op: HostCall(np.rint, {}),
    nn.RoundToOp: _round_to,
    nn.ErfOp: lambda op: HostCall(numpy_ops.erf, {}),
    nn.SqrtOp: lambda op: HostCall(np.sqrt, {}),
    nn.ReluOp: lambda op: HostCall(numpy_ops.relu, {}),
    nn.ClipOp: _clip,
    nn.LeakyReluOp: lambda op: HostCall(numpy_ops.leaky_relu, {"alpha": op.parameters[0]}),
    nn.SigmoidOp: lambda op: HostCall(numpy_ops.sigmoid, {}),
    nn.TanhOp: lambda op: HostCall(numpy_ops.tanh, {}),
    nn.HardSigmoidOp: _hard_sigmoid,
    nn.HardSwishOp: lambda op: HostCall(numpy_ops.hard_swish, {}),
    nn.GeluOp: lambda op: HostCall(numpy_ops.gelu, {"approximate": op.approximate.data}),
    nn.SoftmaxOp: lambda op: HostCall(numpy_ops.softmax, {"axis": op.axis.value.data}),
    nn.LogSoftmaxOp: lambda op: HostCall(numpy_ops.log_softmax, {"axis": op.axis.value.data}),
    nn.ReduceMeanOp: _reduce_mean,
    nn.ArgMaxOp: _arg_max,
    nn.MatMulOp: lambda op: HostCall(numpy_ops.matmul, {}),
    nn.ConvOp: lambda op: HostCall(numpy_windows.conv, {**_window(op), "group": op.groups}),
    nn.ConvTransposeOp: _conv_transpose,
    nn.MaxPoolOp: _max_pool,
    nn.AveragePoolOp: _average_pool,
    nn.ReshapeOp: _reshape,
    qint.ReshapeOp: _reshape,
    nn.TransposeOp: _transpose,
    qint.TransposeOp: _transpose,
    nn.ConcatOp: lambda op: HostCall(numpy_windows.concat, {"axis": op.axis.value.data}),
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

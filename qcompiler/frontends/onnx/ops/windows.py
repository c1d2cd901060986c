"""Convolutions and pools, in one and two dimensions."""

from collections.abc import Sequence
from math import prod

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from xdsl.ir import SSAValue

from qcompiler.arith.windows import Window
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import shape_of
from qcompiler.frontends.onnx.node import NodeContext, is_integer
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import importer

_NOT_VALID = "export the model again, this node is not valid"
_LARGEST = 2**20
_MOST_ELEMENTS = 2**24
_AUTO_PADS = ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")


def check_space(shape: Sequence[int]) -> int:
    """Returns the number of spatial dimensions of an input [batch, channels, *space].

    Raises:
        RefusalError: there are none, or more than two.
    """
    rank = len(shape) - 2
    if rank not in (1, 2):
        raise RefusalError(
            f"input must have one or two spatial dimensions, got shape {list(shape)}",
            "use 1-D or 2-D layers",
        )
    return rank


def _list(node: NodeContext, name: str, count: int, default: int, least: int) -> tuple[int, ...]:
    """Returns a list attribute of `count` integers that are at least `least`."""
    values = node.ints_attribute(name)
    if values is None:
        return (default,) * count
    if len(values) != count or min(values, default=least) < least:
        raise RefusalError(
            f"{name} must be {count} integers of {least} or more, got {values}", _NOT_VALID
        )
    _check_size(name, values)
    return tuple(values)


def _check_size(name: str, values: Sequence[int]) -> None:
    """Raises RefusalError for numbers that no layer has, and that no machine could hold."""
    if max(values, default=0) > _LARGEST or prod(max(v, 1) for v in values) > _MOST_ELEMENTS:
        raise RefusalError(
            f"{name} of {list(values)} is too large",
            f"use at most {_LARGEST} along an axis, {_MOST_ELEMENTS} in all",
        )


def _auto_pad(node: NodeContext) -> str:
    mode = node.string_attribute("auto_pad", "NOTSET") or "NOTSET"
    if mode not in _AUTO_PADS:
        raise RefusalError(
            f"auto_pad must be one of {', '.join(_AUTO_PADS)}, got {mode}", _NOT_VALID
        )
    return mode


def window_of(node: NodeContext, kernel: tuple[int, ...], space: Sequence[int]) -> Window:
    """Returns the window of a convolution or pool over an input of the spatial shape `space`.

    Raises:
        RefusalError: an attribute is not valid.
    """
    rank = len(kernel)
    if min(kernel) < 1:
        raise RefusalError(f"kernel must be positive, got {list(kernel)}", _NOT_VALID)
    strides = _list(node, "strides", rank, 1, 1)
    dilations = _list(node, "dilations", rank, 1, 1)
    mode = _auto_pad(node)
    pads = _list(node, "pads", 2 * rank, 0, 0) if mode == "NOTSET" else (0,) * (2 * rank)
    window = Window(kernel, strides, dilations, pads[:rank], pads[rank:])
    if mode.startswith("SAME"):
        window = _same(window, space, lower=mode == "SAME_LOWER")
    return window


def _same(window: Window, space: Sequence[int], *, lower: bool) -> Window:
    """Returns the window with the padding for which every stride's start has a window."""
    begins: list[int] = []
    ends: list[int] = []
    for size, stride, extent in zip(space, window.strides, window.extent, strict=True):
        total = max((-(-size // stride) - 1) * stride + extent - size, 0)
        small, large = total // 2, total - total // 2
        begins.append(large if lower else small)
        ends.append(small if lower else large)
    return replace(window, pads_begin=tuple(begins), pads_end=tuple(ends))


def _padded_before(node: NodeContext, x: SSAValue, window: Window) -> tuple[SSAValue, Window]:
    """Returns the input and the window of a convolution whose padding fits in its kernel.

    Padding wider than the kernel is an operation of its own.
    """
    widest = zip(window.pads_begin, window.pads_end, window.extent, strict=True)
    if all(max(begin, end) <= extent for begin, end, extent in widest):
        return x, window
    padded = node.emit(nn.PadOp(x, [0, 0, *window.pads_begin], [0, 0, *window.pads_end]))
    none = (0,) * window.rank
    return padded, replace(window, pads_begin=none, pads_end=none)


def kernel_of(node: NodeContext, from_weights: tuple[int, ...]) -> tuple[int, ...]:
    """Returns the kernel, which the attribute may repeat."""
    given = node.ints_attribute("kernel_shape")
    if given is not None and tuple(given) != from_weights:
        raise RefusalError(
            f"kernel_shape is {given}, but the weights have kernel {list(from_weights)}", _NOT_VALID
        )
    return from_weights


def _check_rank(w: tuple[int, ...], rank: int) -> None:
    if len(w) != rank + 2:
        raise RefusalError(f"weights must have rank {rank + 2}, got shape {list(w)}", _NOT_VALID)


def convolution(node: NodeContext, x: SSAValue, weights: SSAValue) -> SSAValue:
    """Emits a convolution as the node's attributes say, without bias.

    Raises:
        RefusalError: an attribute is not valid or not supported.
    """
    shape, w = shape_of(x.type), shape_of(weights.type)
    _check_rank(w, check_space(shape))
    window = window_of(node, kernel_of(node, w[2:]), shape[2:])
    group = node.int_attribute("group", 1)
    nn.verify_groups(group, shape[1], w[0], w[1])
    x, window = _padded_before(node, x, window)
    return node.emit(nn.ConvOp(x, weights, window, group))


def with_bias(node: NodeContext, y: SSAValue, bias: SSAValue) -> SSAValue:
    """Emits the addition of one number per channel (axis 1)."""
    shape = shape_of(y.type)
    if shape_of(bias.type) != (shape[1],):
        raise RefusalError(
            f"bias must have shape [{shape[1]}], got {list(shape_of(bias.type))}", _NOT_VALID
        )
    column = node.emit(nn.ReshapeOp(bias, (shape[1], *(1 for _ in shape[2:]))))
    return node.emit(nn.AddOp(y, column))


@importer("", "Conv")
def _conv(node: NodeContext) -> Value:
    y = convolution(node, node.operand(0), node.operand(1))
    return with_bias(node, y, node.operand(2)) if node.has_input(2) else y


@importer("", "ConvTranspose")
def _conv_transpose(node: NodeContext) -> Value:
    x, weights = node.operand(0), node.operand(1)
    shape, w = shape_of(x.type), shape_of(weights.type)
    rank = check_space(shape)
    _check_rank(w, rank)
    group = node.int_attribute("group", 1)
    nn.verify_groups(group, shape[1], w[1] * group, w[0] // max(group, 1))
    kernel = kernel_of(node, w[2:])
    strides = _list(node, "strides", rank, 1, 1)
    dilations = _list(node, "dilations", rank, 1, 1)
    more = _list(node, "output_padding", rank, 0, 0)
    below = [max(pair) for pair in zip(strides, dilations, strict=True)]
    if any(extra >= bound for extra, bound in zip(more, below, strict=True)):
        raise RefusalError(
            f"output_padding must be below stride or dilation, {below}, got {list(more)}",
            "use less, and a Pad node behind it for the rest",
        )
    whole = Window(kernel, strides, dilations, (0,) * rank, (0,) * rank)
    window = _transposed_pads(node, whole, more, shape[2:])
    y = node.emit(nn.ConvTransposeOp(x, weights, window, more, group))
    return with_bias(node, y, node.operand(2)) if node.has_input(2) else y


def _transposed_pads(
    node: NodeContext, window: Window, more: Sequence[int], space: Sequence[int]
) -> Window:
    """Returns the window with what is cut off the result, given directly or by its shape."""
    rank, mode = window.rank, _auto_pad(node)
    wanted = node.ints_attribute("output_shape")
    if wanted is None and mode in ("NOTSET", "VALID"):
        pads = _list(node, "pads", 2 * rank, 0, 0) if mode == "NOTSET" else (0,) * (2 * rank)
        return replace(window, pads_begin=pads[:rank], pads_end=pads[rank:])
    if wanted is None:
        wanted = [size * stride for size, stride in zip(space, window.strides, strict=True)]
    full = [
        (size - 1) * stride + extent + extra
        for size, stride, extent, extra in zip(
            space, window.strides, window.extent, more, strict=True
        )
    ]
    if len(wanted) != rank or any(w > f for w, f in zip(wanted, full, strict=True)):
        raise RefusalError(
            f"output_shape must be {rank} integers of at most {full}, got {wanted}",
            "set pads and output_padding instead",
        )
    cut = [f - w for f, w in zip(full, wanted, strict=True)]
    small, large = tuple(c // 2 for c in cut), tuple(c - c // 2 for c in cut)
    if mode == "SAME_UPPER":
        return replace(window, pads_begin=small, pads_end=large)
    return replace(window, pads_begin=large, pads_end=small)


class _PoolGeometry(Struct, frozen=True):
    """A pool's window, and how far windows reach beyond the padding, per dimension."""

    window: Window
    overhang: tuple[int, ...]


def _pool_geometry(node: NodeContext, space: Sequence[int]) -> _PoolGeometry:
    kernel = node.ints_attribute("kernel_shape")
    _check_size("kernel_shape", kernel or [])
    if kernel is None or len(kernel) != len(space):
        raise RefusalError(
            f"kernel_shape must be {len(space)} integers, got {kernel or 'none'}", _NOT_VALID
        )
    window = window_of(node, tuple(kernel), space)
    for begin, end, extent in zip(window.pads_begin, window.pads_end, window.extent, strict=True):
        if max(begin, end) >= extent:
            raise RefusalError(
                f"padding of a pool must be smaller than its window of {extent}, got {begin} and "
                f"{end}",
                "use a Pad node before it, or smaller padding",
            )
    if not node.int_attribute("ceil_mode", 0):
        return _PoolGeometry(window, (0,) * window.rank)
    return _rounded_up(window, space)


def _rounded_up(window: Window, space: Sequence[int]) -> _PoolGeometry:
    """Returns the geometry of ceil_mode: a last window may reach beyond, but starts inside."""
    overhang: list[int] = []
    ends: list[int] = []
    for size, stride, extent, begin, end in zip(
        space, window.strides, window.extent, window.pads_begin, window.pads_end, strict=True
    ):
        count = -(-max(size + begin + end - extent, 0) // stride) + 1
        if (count - 1) * stride >= size + begin:
            count -= 1
        needed = (count - 1) * stride + extent - size - begin
        overhang.append(max(needed - end, 0))
        # Less padding than given when a window that starts behind the input was dropped.
        ends.append(min(end, max(needed, 0)) if needed < end else end)
    return _PoolGeometry(replace(window, pads_end=tuple(ends)), tuple(overhang))


@importer("", "MaxPool")
def _max_pool(node: NodeContext) -> Value:
    x = node.any_operand(0)
    if not is_integer(x):
        return _max_pooled(node, x)
    one, zero = np.ones(1, np.float32), np.zeros(1, np.int64)
    reals = node.emit(qint.DequantizeOp(x, one, zero))
    return node.emit(qint.QuantizeOp(_max_pooled(node, reals), one, zero, qint.range_of(x.type)))


def _max_pooled(node: NodeContext, x: SSAValue) -> SSAValue:
    shape = shape_of(x.type)
    check_space(shape)
    geometry = _pool_geometry(node, shape[2:])
    # Padding never wins, so what lies beyond it may count as padding, too.
    ends = zip(geometry.window.pads_end, geometry.overhang, strict=True)
    window = replace(geometry.window, pads_end=tuple(end + more for end, more in ends))
    return node.emit(nn.MaxPoolOp(x, window))


@importer("", "AveragePool")
def _average_pool(node: NodeContext) -> Value:
    return average_pool(node, node.operand(0))


def average_pool(node: NodeContext, x: SSAValue) -> SSAValue:
    """Emits an average over windows as the node's attributes say."""
    shape = shape_of(x.type)
    check_space(shape)
    geometry = _pool_geometry(node, shape[2:])
    counts = bool(node.int_attribute("count_include_pad", 0))
    return node.emit(nn.AveragePoolOp(x, geometry.window, geometry.overhang, counts))


@importer("", "GlobalMaxPool")
def _global_max_pool(node: NodeContext) -> Value:
    x = node.number(0)
    space = shape_of(x.type)[2:]
    check_space(shape_of(x.type))
    ones, zeros = (1,) * len(space), (0,) * len(space)
    return node.emit(nn.MaxPoolOp(x, Window(space, ones, ones, zeros, zeros)))


@importer("", "GlobalAveragePool")
def _global_average_pool(node: NodeContext) -> Value:
    return global_average_pool(node, node.operand(0))


def global_average_pool(node: NodeContext, x: SSAValue) -> SSAValue:
    """Emits the mean over space."""
    rank = len(shape_of(x.type))
    if rank < 3:
        raise RefusalError(f"input must have rank 3 or more, got {rank}", _NOT_VALID)
    return node.emit(nn.ReduceMeanOp(x, range(2, rank), keepdims=True))

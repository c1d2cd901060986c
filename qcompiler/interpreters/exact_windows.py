"""Convolution and pooling of integers, exact, channels last, on whole batches.

Sums of which no partial sum exceeds 2**24 (2**53) are exact in float32 (float64), whatever their
order, and so BLAS and vector units may compute them.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.lib.stride_tricks import as_strided

from qcompiler.arith.arrays import IntArray
from qcompiler.arith.exact_products import exact_type
from qcompiler.arith.windows import Window
from qcompiler.dialects.attributes import Array

_ELEMENTS_AT_A_TIME = 2**20
"""Of windows that are multiplied: a product of large matrices is faster than many small ones."""


def convolve(
    x: IntArray,
    weights: IntArray,
    window: Window,
    groups: int,
    pad_value: int,
    magnitude: int,
    check: Callable[[Array], object] = lambda sums: None,
    *,
    plain: bool = True,
) -> Array:
    """Returns the convolution of images with integer weights.

    Args:
        x: [batch, *space, channels].
        weights: [*kernel, channels / groups, outputs]; a group's outputs are neighbours.
        window: geometry, which has the kernel.
        groups: of channels, each with weights of its own.
        pad_value: what stands in the padding.
        magnitude: no element of x or of the padding exceeds it.
        check: is called with all sums, some at a time while they are at hand; they may be floats.
        plain: whether sums are wanted as int64; else they are whole numbers of any type.

    Returns:
        [batch, *windows, outputs].
    """
    inputs, outputs = weights.shape[-2:]
    matrix = weights.reshape(window.taps * inputs, outputs)
    # Python's integers do not wrap.
    most = int(np.abs(matrix).sum(axis=0, dtype=np.float64).max(initial=0) * (1 + 2**-40)) + 1
    kind = exact_type(most * magnitude)
    space = window.output_shape(x.shape[1:-1])
    result = np.empty((len(x), *space, outputs), np.int64 if plain and kind.kind != "O" else kind)
    run = _by_matrices
    if inputs == 1 and groups > 1:
        run = _depthwise if outputs > groups or window.strides[-1] > 1 else _by_rows
    each = max(1, _ELEMENTS_AT_A_TIME // max(1, int(np.prod(space)) * window.taps * x.shape[-1]))
    factors = weights.astype(kind)
    for start in range(0, len(x), each):
        padded = _padded(x[start : start + each], window, pad_value, kind)
        part = result[start : start + each]
        sums = part if part.dtype == kind else np.empty(part.shape, kind)
        run(padded, factors, window, groups, sums)
        check(sums)
        if sums is not part:
            part[...] = sums
    return result


def pool(x: IntArray, window: Window, kind: str, pad_value: int) -> IntArray:
    """Returns the maximum (`max`) or sum (`sum`) of each window, [batch, *windows, channels]."""
    join = np.maximum if kind == "max" else np.add
    result = _padded(x, window, pad_value, x.dtype)
    for axis, place in enumerate(_along_axes(result.shape[1:-1], window), 1):
        taps = (result[(slice(None),) * axis + (at,)] for at in place)
        joined = next(taps).copy()
        for tap in taps:
            join(joined, tap, out=joined)
        result = joined
    return result


def _padded(x: IntArray, window: Window, value: int, kind: np.dtype[np.generic]) -> Array:
    pads = list(zip(window.pads_begin, window.pads_end, strict=True))
    if not any(map(any, pads)):
        return x.astype(kind)
    space = [n + begin + end for n, (begin, end) in zip(x.shape[1:-1], pads, strict=True)]
    padded = np.empty((len(x), *space, x.shape[-1]), kind)
    inner = [slice(b, b + n) for n, (b, _) in zip(x.shape[1:-1], pads, strict=True)]
    padded[(slice(None), *inner)] = x
    for axis, within in enumerate(inner, 1):  # the border alone: it is the smaller part
        lines = np.moveaxis(padded, axis, 0)
        lines[: within.start] = lines[within.stop :] = value
    return padded


def _along_axes(space: Sequence[int], window: Window) -> list[list[slice]]:
    """Returns for each axis, and each tap along it, where its elements of all windows are."""
    parts = zip(space, window.extent, window.strides, window.dilations, window.kernel, strict=True)
    return [
        [
            slice(t * dilation, t * dilation + (size - extent) // stride * stride + 1, stride)
            for t in range(taps)
        ]
        for size, extent, stride, dilation, taps in parts
    ]


def _depthwise(padded: Array, weights: Array, window: Window, groups: int, out: Array) -> None:
    """Computes the sums, one channel in and some out a group."""
    rows = weights.reshape(*window.kernel, groups, -1)
    _sum(_windows(padded, window), rows, out.reshape(*out.shape[:-1], groups, -1))


def _by_rows(padded: Array, weights: Array, window: Window, groups: int, out: Array) -> None:
    """Computes the sums, one channel in and out a group, windows side by side along rows.

    What stands under one tap of all windows of a row is one piece of the row then.
    """
    windows = _windows(padded, window)
    *counts, columns, channels = out.shape
    shape = (*counts, *window.kernel, columns * channels)
    strides = (*windows.strides[: len(counts)], *windows.strides[len(counts) + 1 :])
    pieces = as_strided(windows, shape, strides, writeable=False)
    row = np.tile(weights.reshape(*window.kernel, 1, groups), (columns, 1))
    row = row.reshape(*window.kernel, columns * channels, 1)
    _sum(pieces, row, out.reshape(*counts, columns * channels, 1))


def _windows(padded: Array, window: Window) -> Array:
    """Returns what each window has, [batch, *windows, *kernel, channels], as a view."""
    padded = np.ascontiguousarray(padded)
    batch, *along, channel = padded.strides
    places = _along_axes(padded.shape[1:-1], window)
    counts = [len(range(first.start, first.stop, first.step)) for first, *_ in places]
    steps = [stride * step for stride, step in zip(along, window.strides, strict=True)]
    taps = [stride * step for stride, step in zip(along, window.dilations, strict=True)]
    shape = (len(padded), *counts, *window.kernel, padded.shape[-1])
    return as_strided(padded, shape, (batch, *steps, *taps, channel), writeable=False)


def _sum(windows: Array, weights: Array, out: Array) -> None:
    """Multiplies windows [batch, *windows, *kernel, channels] by [*kernel, channels, some].

    Numpy goes along the channels innermost, so that each sum stays in a cache.
    """
    axes, some = list(range(windows.ndim)), windows.ndim
    kept = axes[: out.ndim - 2]
    np.einsum(windows, axes, weights, [*axes[len(kept) :], some], [*kept, axes[-1], some], out=out)


def _by_matrices(padded: Array, weights: Array, window: Window, groups: int, out: Array) -> None:
    """Computes the sums, one matrix product a group."""
    terms, outputs = window.taps * weights.shape[-2], weights.shape[-1] // groups
    windows = _windows(padded, window)
    by_group = np.moveaxis(windows.reshape(*windows.shape[:-1], groups, -1), -2, 0)
    matrices = np.moveaxis(weights.reshape(terms, groups, outputs), 1, 0)
    sums = np.moveaxis(out.reshape(-1, groups, outputs), 1, 0)
    np.matmul(by_group.reshape(groups, -1, terms), matrices, out=sums)

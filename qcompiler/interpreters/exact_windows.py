"""Convolution and pooling of integers, exact, channels last, on whole batches.

Sums of which no partial sum exceeds 2**24 (2**53) are exact in float32 (float64), whatever their
order, and so BLAS and vector units may compute them.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from qcompiler.arith.arrays import IntArray
from qcompiler.arith.exact_products import exact_type
from qcompiler.arith.windows import Window
from qcompiler.dialects.attributes import Array

_ELEMENTS_AT_A_TIME = 2**19
"""Of windows that are looked at tap by tap: a cache holds their sums."""

_COPIED_AT_A_TIME = 2**21
"""Of windows that are copied out: a product of large matrices is faster than many small ones."""


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
    most = _COPIED_AT_A_TIME if run is _by_matrices else _ELEMENTS_AT_A_TIME
    each = max(1, most // max(1, int(np.prod(space)) * window.taps * x.shape[-1]))
    factors = weights.astype(kind)
    if run is _by_rows:
        factors = np.tile(factors.reshape(window.taps, groups), space[-1])
    for start in range(0, len(x), each):
        padded = _padded(x[start : start + each], window, pad_value, kind)
        sums = run(padded, factors, window, groups)
        check(sums)
        result[start : start + each] = sums.reshape(-1, *space, outputs)
    return result


def pool(x: IntArray, window: Window, kind: str, pad_value: int) -> IntArray:
    """Returns the maximum (`max`) or sum (`sum`) of each window, [batch, *windows, channels]."""
    join = np.maximum if kind == "max" else np.add
    taps = _taps(_padded(x, window, pad_value, x.dtype), window)
    result = next(taps).copy()
    for tap in taps:
        join(result, tap, out=result)
    return result


def _padded(x: IntArray, window: Window, value: int, kind: np.dtype[np.generic]) -> Array:
    pads = list(zip(window.pads_begin, window.pads_end, strict=True))
    if not any(map(any, pads)):
        return x.astype(kind)
    space = [n + begin + end for n, (begin, end) in zip(x.shape[1:-1], pads, strict=True)]
    padded = np.full((len(x), *space, x.shape[-1]), value, kind)
    inner = [slice(b, b + n) for n, (b, _) in zip(x.shape[1:-1], pads, strict=True)]
    padded[(slice(None), *inner)] = x
    return padded


def _taps(padded: Array, window: Window) -> Iterator[Array]:
    """Yields the element under each tap of all windows, [batch, *windows, channels], as views."""
    for _, at in _places(padded, window):
        yield padded[(slice(None), *at)]


def _places(padded: Array, window: Window) -> Iterator[tuple[tuple[int, ...], list[slice]]]:
    """Yields each tap, and where its elements of all windows are."""
    count = [
        (size - extent) // stride + 1
        for size, extent, stride in zip(
            padded.shape[1:-1], window.extent, window.strides, strict=True
        )
    ]
    for tap in np.ndindex(*window.kernel):
        yield (
            tap,
            [
                slice(t * dilation, t * dilation + (n - 1) * stride + 1, stride)
                for t, dilation, n, stride in zip(
                    tap, window.dilations, count, window.strides, strict=True
                )
            ],
        )


def _depthwise(padded: Array, weights: Array, window: Window, groups: int) -> Array:
    """Returns the sums, one channel in and some out a group."""
    rows = weights.reshape(window.taps, groups, -1)
    pairs = [(tap[..., None], row) for tap, row in zip(_taps(padded, window), rows, strict=True)]
    return _total(pairs)


def _by_rows(padded: Array, weights: Array, window: Window, groups: int) -> Array:
    """Returns the sums, one channel in and out a group, windows side by side along rows.

    What stands under one tap of all windows of a row is one piece of the row then, and
    `weights`, [taps, columns of windows * channels], has its factors.
    """
    *image, last, channels = padded.shape
    assert channels == groups, "each channel is a group"
    lines = padded.reshape(*image, last * channels)
    pairs: list[tuple[Array, Array]] = []
    for (_, (*outer, along)), row in zip(_places(padded, window), weights, strict=True):
        piece = slice(along.start * channels, along.stop * channels)
        pairs.append((lines[(slice(None), *outer, piece)], row))
    return _total(pairs)


def _total(pairs: Sequence[tuple[Array, Array]]) -> Array:
    """Returns the sum of products."""
    total = np.multiply(*pairs[0])
    product = np.empty_like(total)
    for taken, weight in pairs[1:]:
        np.multiply(taken, weight, out=product)
        total += product
    return total


def _by_matrices(padded: Array, weights: Array, window: Window, groups: int) -> Array:
    """Returns the sums, one matrix product a group."""
    inputs, outputs = weights.shape[-2], weights.shape[-1] // groups
    taps = list(_taps(padded, window))
    if len(taps) == groups == 1:
        return np.matmul(taps[0], weights.reshape(inputs, outputs))
    columns = np.empty((groups, *taps[0].shape[:-1], len(taps), inputs), padded.dtype)
    for index, tap in enumerate(taps):
        columns[..., index, :] = np.moveaxis(tap.reshape(*tap.shape[:-1], groups, inputs), -2, 0)
    rows = columns.reshape(groups, -1, len(taps) * inputs)
    matrices = weights.reshape(len(taps) * inputs, groups, outputs).transpose(1, 0, 2)
    return np.moveaxis(np.matmul(rows, matrices), 0, 1)

"""Convolution and pooling of integers, exact, channels last, on whole batches.

Sums of which no partial sum exceeds 2**24 (2**53) are exact in float32 (float64), whatever their
order, and so BLAS and vector units may compute them.
"""

from collections.abc import Iterator

import numpy as np

from qcompiler.arith.arrays import IntArray
from qcompiler.arith.exact_products import exact_type
from qcompiler.arith.windows import Window
from qcompiler.dialects.attributes import Array

_ELEMENTS_AT_A_TIME = 2**20
"""Of windows that are copied out: about as many as a cache holds."""


def convolve(
    x: IntArray, weights: IntArray, window: Window, groups: int, pad_value: int, magnitude: int
) -> IntArray:
    """Returns the convolution of images with integer weights.

    Args:
        x: [batch, *space, channels].
        weights: [*kernel, channels / groups, outputs]; a group's outputs are neighbours.
        window: geometry, which has the kernel.
        groups: of channels, each with weights of its own.
        pad_value: what stands in the padding.
        magnitude: no element of x or of the padding exceeds it.

    Returns:
        [batch, *windows, outputs].
    """
    inputs, outputs = weights.shape[-2:]
    matrix = weights.reshape(window.taps * inputs, outputs)
    # Python's integers do not wrap.
    most = int(np.abs(matrix).sum(axis=0, dtype=np.float64).max(initial=0) * (1 + 2**-40)) + 1
    kind = exact_type(most * magnitude)
    space = window.output_shape(x.shape[1:-1])
    result = np.empty((len(x), *space, outputs), kind if kind.kind == "O" else np.int64)
    run = _depthwise if inputs == 1 and groups > 1 else _by_matrices
    each = max(1, _ELEMENTS_AT_A_TIME // max(1, int(np.prod(space)) * window.taps * x.shape[-1]))
    for start in range(0, len(x), each):
        padded = _padded(x[start : start + each], window, pad_value, kind)
        run(padded, weights.astype(kind), window, groups, result[start : start + each])
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
    count = [
        (size - extent) // stride + 1
        for size, extent, stride in zip(
            padded.shape[1:-1], window.extent, window.strides, strict=True
        )
    ]
    for tap in np.ndindex(*window.kernel):
        at = [
            slice(t * dilation, t * dilation + (n - 1) * stride + 1, stride)
            for t, dilation, n, stride in zip(
                tap, window.dilations, count, window.strides, strict=True
            )
        ]
        yield padded[(slice(None), *at)]


def _depthwise(
    padded: Array, weights: Array, window: Window, groups: int, result: IntArray
) -> None:
    """Fills `result`, one channel in and some out a group."""
    rows = weights.reshape(window.taps, groups, -1)
    total = np.zeros((*result.shape[:-1], groups, rows.shape[-1]), padded.dtype)
    product = np.empty_like(total)
    for tap, row in zip(_taps(padded, window), rows, strict=True):
        np.multiply(tap[..., None], row, out=product)
        total += product
    result[...] = total.reshape(result.shape)


def _by_matrices(
    padded: Array, weights: Array, window: Window, groups: int, result: IntArray
) -> None:
    """Fills `result`, one matrix product a group."""
    inputs, outputs = weights.shape[-2], weights.shape[-1] // groups
    columns = np.empty((groups, *result.shape[:-1], window.taps, inputs), padded.dtype)
    for index, tap in enumerate(_taps(padded, window)):
        columns[..., index, :] = np.moveaxis(tap.reshape(*tap.shape[:-1], groups, inputs), -2, 0)
    rows = columns.reshape(groups, -1, window.taps * inputs)
    matrices = weights.reshape(window.taps * inputs, groups, outputs).transpose(1, 0, 2)
    for group in range(groups):
        part = np.matmul(rows[group], matrices[group])
        result[..., group * outputs : (group + 1) * outputs] = part.reshape(
            *result.shape[:-1], outputs
        )

"""Convolution, pooling and what moves pixels, in plain numpy, channels first.

All arrays have a leading batch axis before the model's own. Like `numpy_ops`, the source of these
functions goes into drivers: they use `np` and each other, nothing else.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def windows(
    x: Array,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
    fill: float,
) -> Array:
    """Returns all windows of images [n, c, *space]: [n, c, *positions, *kernel]."""
    rank = len(kernel)
    widths = [(0, 0), (0, 0), *zip(pads[:rank], pads[rank:])]  # noqa: B905 (both have rank entries)
    padded = np.pad(x, widths, constant_values=fill)
    extents = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilations))  # noqa: B905
    axes = tuple(range(2, 2 + rank))
    view = np.lib.stride_tricks.sliding_window_view(padded, extents, axes)
    steps = [slice(None, None, step) for step in (*strides, *dilations)]
    return view[(slice(None), slice(None), *steps)]


def conv(
    x: Array,
    w: Array,
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
    group: int,
) -> Array:
    """Returns x [batch, n, c, *space] convolved with w [batch or 1, m, c / group, *kernel]."""
    if len(w) > 1:
        x = np.broadcast_to(x, (len(w), *x.shape[1:]))
        pairs = [(x[i : i + 1], w[i : i + 1]) for i in range(len(w))]
        return np.concatenate([conv(a, b, strides, dilations, pads, group) for a, b in pairs])
    rank, outputs = w.ndim - 3, w.shape[1] // group
    matrix = w[0].reshape(group, outputs, -1).transpose(0, 2, 1)
    results: list[Array] = []
    for image in x.reshape(-1, 1, *x.shape[2:]):  # one at a time: windows take much memory
        taps = windows(image, w.shape[3:], strides, dilations, pads, 0)
        space = taps.shape[2 : 2 + rank]
        grouped = taps.reshape(group, -1, *taps.shape[2:])
        rows = np.moveaxis(grouped, 1, 1 + rank).reshape(group, int(np.prod(space)), -1)
        results.append(np.matmul(rows, matrix).transpose(0, 2, 1).reshape(-1, *space))
    return np.stack(results).reshape(*x.shape[:2], *results[0].shape)


def conv_transpose(
    x: Array,
    w: Array,
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
    output_padding: Sequence[int],
    group: int,
) -> Array:
    """Returns x [batch, n, c, *space] spread by w [1, c, m / group, *kernel], pads cut off."""
    kernel, rank = w.shape[3:], w.ndim - 3
    images = x.reshape(-1, group, x.shape[2] // group, int(np.prod(x.shape[3:])))
    matrix = w[0].reshape(group, w.shape[1] // group, -1)
    parts = np.matmul(matrix.transpose(0, 2, 1), images)
    parts = parts.reshape(len(images), group * w.shape[2], *kernel, *x.shape[3:])
    full = [
        (x.shape[3 + i] - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 + output_padding[i]
        for i in range(rank)
    ]
    result = np.zeros((*parts.shape[:2], *full), x.dtype)
    for tap in np.ndindex(*kernel):
        starts = [tap[i] * dilations[i] for i in range(rank)]
        at = [
            slice(starts[i], starts[i] + (x.shape[3 + i] - 1) * strides[i] + 1, strides[i])
            for i in range(rank)
        ]
        result[(slice(None), slice(None), *at)] += parts[(slice(None), slice(None), *tap)]
    kept = [slice(pads[i], full[i] - pads[rank + i]) for i in range(rank)]
    cut = result[(slice(None), slice(None), *kept)]
    return cut.reshape(*x.shape[:2], *cut.shape[1:])


def max_pool(
    x: Array,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
) -> Array:
    """Returns the largest element of each window of x [batch, n, c, *space]."""
    images = x.reshape(-1, *x.shape[2:])
    taps = windows(images, kernel, strides, dilations, pads, -np.inf)
    largest = taps.max(axis=tuple(range(-len(kernel), 0)))
    return largest.reshape(*x.shape[:2], *largest.shape[1:])


def average_pool(
    x: Array,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
    overhang: Sequence[int],
    count_include_pad: bool,
) -> Array:
    """Returns the mean of each window of x [batch, n, c, *space]; the overhang never counts."""
    rank = len(kernel)
    images = x.reshape(-1, *x.shape[2:])
    counted = np.ones((1, 1, *images.shape[2:]), x.dtype)
    if count_include_pad:
        counted = np.pad(
            counted, [(0, 0), (0, 0), *((pads[i], pads[rank + i]) for i in range(rank))],
            constant_values=1,
        )  # fmt: skip
        around = [*(0 for _ in range(rank)), *overhang]
    else:
        around = [*pads[:rank], *(pads[rank + i] + overhang[i] for i in range(rank))]
    ends = [pads[rank + i] + overhang[i] for i in range(rank)]
    axes = tuple(range(-rank, 0))
    total = windows(images, kernel, strides, dilations, [*pads[:rank], *ends], 0).sum(axis=axes)
    count = windows(counted, kernel, strides, dilations, around, 0).sum(axis=axes)
    return (total / count).reshape(*x.shape[:2], *total.shape[1:])


def slice_of(x: Array, starts: Sequence[int], ends: Sequence[int], steps: Sequence[int]) -> Array:
    """Returns every `step`th element from `start` to `end` along each axis but the batch axis."""
    at = [slice(starts[i], ends[i], steps[i]) for i in range(len(starts))]
    return x[(slice(None), *at)]


def pad(x: Array, begin: Sequence[int], end: Sequence[int], value: float) -> Array:
    """Returns x surrounded by `value` along each axis but the batch axis."""
    widths = [(0, 0), *((begin[i], end[i]) for i in range(len(begin)))]
    return np.pad(x, widths, constant_values=value)


def resize_nearest(x: Array, scales: Sequence[int]) -> Array:
    """Returns x with each element repeated along each axis but the batch axis."""
    for axis, scale in enumerate(scales):
        x = np.repeat(x, scale, axis + 1) if scale > 1 else x
    return x


def depth_to_space(x: Array, block: int, mode: str) -> Array:
    """Returns x [batch, n, c, h, w] with channels moved into blocks of pixels."""
    b, n, c, h, w = x.shape
    if mode == "DCR":
        parts = x.reshape(b, n, block, block, c // block**2, h, w).transpose(0, 1, 4, 5, 2, 6, 3)
    else:
        parts = x.reshape(b, n, c // block**2, block, block, h, w).transpose(0, 1, 2, 5, 3, 6, 4)
    return parts.reshape(b, n, c // block**2, h * block, w * block)


def concat(*parts: Array, axis: int) -> Array:
    """Returns arrays joined along an axis (not counting the batch axis)."""
    batch = max(len(part) for part in parts)
    same = [np.broadcast_to(part, (batch, *part.shape[1:])) for part in parts]
    return np.concatenate(same, axis + 1)


def where(condition: Array, a: Array, b: Array, rank: int) -> Array:
    """Returns elements of `a` where a condition is not 0, else of `b`, of a rank without batch."""
    parts = [x.reshape(x.shape[0], *(1,) * (rank + 1 - x.ndim), *x.shape[1:]) for x in (a, b)]
    flags = condition.reshape(
        condition.shape[0], *(1,) * (rank + 1 - condition.ndim), *condition.shape[1:]
    )
    return np.where(flags != 0, *parts)


def tensor_scatter(x: Array, update: Array, position: Array, axis: int) -> Array:
    """Returns a copy with `update` put in from a position on, along an axis.

    Args:
        x: [batch, ...].
        update: [batch, ...], with a smaller extent along the axis.
        position: [batch, one element], a whole number; what does not fit is left out.
        axis: not counting the batch axis.
    """
    batch = max(len(x), len(update), len(position))
    made = np.broadcast_to(x, (batch, *x.shape[1:])).copy()
    rows = np.broadcast_to(update, (batch, *update.shape[1:]))
    starts = np.broadcast_to(position.reshape(len(position), -1), (batch, 1))[:, 0]
    count = update.shape[axis + 1]
    for frame, start in enumerate(starts.astype(np.int64).tolist()):
        into = np.moveaxis(made[frame], axis, 0)
        fitting = max(0, min(count, len(into) - start))
        into[start : start + fitting] = np.moveaxis(rows[frame], axis, 0)[:fitting]
    return made


def sample(
    x: Array,
    offsets: Array,
    *mask: Array,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
    step: Sequence[float],
    origin: Sequence[float],
    has_grid: bool,
    offset_groups: int,
    mode: str,
    border: bool,
) -> Array:
    """Returns samples of images [batch, n, c, h, w] at positions; windows stand side by side."""
    images, codes = x.reshape(-1, *x.shape[2:]), offsets.reshape(-1, *offsets.shape[2:])
    rows, columns = codes.shape[2:]
    pairs = codes.reshape(len(codes), offset_groups, *kernel, 2, rows, columns)
    last = np.array(images.shape[2:]) - 1
    at: list[Array] = []
    for axis in (0, 1):
        windows_along = np.arange((rows, columns)[axis], dtype=np.int64)
        start = windows_along * (0 if has_grid else strides[axis]) - pads[axis]
        taps: Array = np.arange(kernel[axis]) * dilations[axis]
        shape = [kernel[0], 1, rows, 1] if axis == 0 else [1, kernel[1], 1, columns]
        base = (taps[:, None] + start).reshape(shape)
        moved = pairs[:, :, :, :, axis ^ has_grid] * x.dtype.type(step[axis])
        position = base + x.dtype.type(origin[axis]) + moved
        at.append(np.clip(position, 0, last[axis]) if border else position)
    channels = images.reshape(len(images), offset_groups, -1, *images.shape[2:])
    taken = np.zeros(1, x.dtype)
    for row, column, weight in corners(at[0], at[1], mode):
        taken = taken + weight * read_at(channels, row, column)
    if mask:
        factor = mask[0].reshape(-1, offset_groups, 1, *kernel, rows, columns)
        taken = taken * factor
    tiled = np.moveaxis(taken, (5, 6), (3, 5))  # [n, groups, c, rows, kernel, columns, kernel]
    made = (rows * kernel[0], columns * kernel[1])
    return np.asarray(tiled.reshape(*x.shape[:3], *made), x.dtype)


def corners(y: Array, x: Array, mode: str) -> list[tuple[Array, Array, Any]]:
    """Returns the elements (row, column, weight) that a sample at real positions is made of."""
    if mode == "nearest":
        return [(np.rint(y), np.rint(x), 1)]
    above, before = np.floor(y), np.floor(x)
    below, behind = y - above, x - before
    ones = [(0, 1 - below), (1, below)], [(0, 1 - behind), (1, behind)]
    return [
        (above + i, before + j, (wy * wx)[:, :, None]) for i, wy in ones[0] for j, wx in ones[1]
    ]


def read_at(x: Array, row: Array, column: Array) -> Array:
    """Returns x [n, g, c, h, w] at [n, g, ...positions], zero outside: [n, g, c, ...positions]."""
    height, width = x.shape[3:]
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    y = np.clip(row, 0, height - 1).astype(np.int64)
    at = y * width + np.clip(column, 0, width - 1).astype(np.int64)
    flat = x.reshape(*x.shape[:3], -1)
    read = np.take_along_axis(flat, at.reshape(*at.shape[:2], 1, -1), axis=3)
    return np.where(inside[:, :, None], read.reshape(*x.shape[:3], *at.shape[2:]), 0)

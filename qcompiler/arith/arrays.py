"""Names for the numpy array types that integer mathematics passes around."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def indices(start: int, stop: int) -> IntArray:
    """Returns the integers start to stop - 1."""
    return np.arange(start, stop, dtype=np.int64)


def integers(values: Sequence[int]) -> IntArray:
    """Returns integers as an array: int64, or of Python's own where 64 bits do not hold them."""
    wide = any(not -(2**63) <= value < 2**63 for value in values)
    return np.array(values, object if wide else np.int64)


def one_row(table: IntArray) -> IntArray:
    """Returns a table [R, ...] cut to its first row [1, ...] if all rows are equal."""
    return table[:1] if bool((table == table[:1]).all()) else table


def along_axis(row: IntArray, ndim: int, channel_axis: int) -> IntArray:
    """Returns per-channel values [R] reshaped so that they broadcast along one axis of an array.

    Args:
        row: one value per channel, or a single one for all channels.
        ndim: number of dimensions of the array to broadcast against.
        channel_axis: its axis that counts channels; may be negative.
    """
    shape = [1] * ndim
    if row.shape[0] > 1:
        shape[channel_axis] = row.shape[0]
    return row.reshape(shape)


def per_channel(values: IntArray | int, channels: int) -> IntArray:
    """Returns a scalar, [1] or [C] value as an array [C] of integers.

    Raises:
        ValueError: the array has another length.
    """
    given = integers([values]) if isinstance(values, int) else values
    return np.broadcast_to(given, (channels,))

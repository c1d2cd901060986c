"""When a line buffer takes rows and gives them free, and how many rows it needs."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qcompiler.arith.windows import Window

_SETTLING_FRAMES, _MEASURED_FRAMES = 16, 8


@cache
def rows_wanted(window: Window, height: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Returns, per row of windows, how many input rows must be there and how many it frees.

    Rows are kept from the first to the last that a row of windows touches. The last row of windows
    waits for all rows of the frame and frees them, so that the next frame starts clean.

    Args:
        window: two-dimensional.
        height: rows of a frame.

    Returns:
        want: rows that must be stored, counted from the oldest that is.
        free: rows that the next row of windows does not touch.
    """
    count = window.output_shape((height, window.extent[1]))[0]
    starts = [row * window.strides[0] - window.pads_begin[0] for row in range(count)]
    extent = window.extent[0]
    want, free = rows_between(starts, [start + extent for start in starts], height)
    return tuple(want), tuple(free)


def rows_between(
    starts: Sequence[int], ends: Sequence[int], height: int
) -> tuple[list[int], list[int]]:
    """Returns what `rows_wanted` does, where windows touch rows `starts[i]` to before `ends[i]`.

    Args:
        starts: not decreasing; may lie outside of the frame.
        ends: not decreasing.
        height: rows of a frame.
    """
    want: list[int] = []
    free: list[int] = []
    gone = 0
    for row, end in enumerate(ends):
        needed = min(height, max(end, 0))
        last = row == len(ends) - 1
        kept_from = height if last else min(height, max(starts[row + 1], 0))
        if last:
            needed = height
        # Rows that are skipped must have passed, too; and no frame starts before its first row.
        needed = max(needed, kept_from, 1)
        want.append(needed - gone)
        free.append(kept_from - gone)
        gone = kept_from
    return want, free


def least_rows(window: Window, height: int) -> int:
    """Returns the rows of a window, and those that the next one adds."""
    want, _ = rows_wanted(window, height)
    return max(*want, window.extent[0]) + window.strides[0]


def frame_cycles(window: Window, height: int, row_beats: tuple[int, int], buffer_rows: int) -> int:
    """Returns the cycles of a frame of windows in steady state, see `steady_cycles`."""
    want, free = rows_wanted(window, height)
    return steady_cycles(want, free, row_beats, buffer_rows)


@cache
def steady_cycles(
    want: tuple[int, ...],
    free: tuple[int, ...],
    row_beats: tuple[int, int],
    buffer_rows: int,
    held: int = 0,
) -> int:
    """Returns the cycles of a frame in steady state, if the input never lacks.

    The last row of windows frees all rows of its frame at once. What the next frame's first windows
    need and has no room before, they have to wait for.

    Args:
        want: rows that must be stored for each row of windows, as `rows_wanted` gives them.
        free: rows that each frees.
        row_beats: of an input row, and of a row of windows.
        buffer_rows: rows in the line buffer.
        held: cycles for which rows that are not needed any more keep their place.
    """
    row_in, row_out = row_beats
    stored: list[int] = []  # cycle from which on each row can be read
    freed: list[int] = []  # cycle from which on each row's place may be used again
    ends: list[int] = []
    ready = 0
    for _ in range(_SETTLING_FRAMES + _MEASURED_FRAMES):
        for wanted, gone in zip(want, free, strict=True):
            while len(stored) < len(freed) + wanted:
                room = freed[len(stored) - buffer_rows] if len(stored) >= buffer_rows else 0
                stored.append(max(room, stored[-1] if stored else 0) + row_in)
            newest = len(freed) + wanted
            ready = max(ready, stored[newest - 1] if newest else 0) + row_out
            freed += [ready + held] * gone
        ends.append(ready)
    return -((ends[-1 - _MEASURED_FRAMES] - ends[-1]) // _MEASURED_FRAMES)


class Writer:
    """The side of a line buffer that stores rows as they come, while there is room."""

    def __init__(self, arrival: NDArray[np.signedinteger[Any]], buffer_rows: int):
        self.arrival = arrival
        self.taken = np.empty_like(arrival)
        self.buffer_rows = buffer_rows
        self.rows = 0
        self.next_free = 0
        self.freed: list[int] = []  # cycle from which on each row's place may be used again

    def release(self, rows: int, cycle: int) -> None:
        """Says that the first `rows` rows are not needed from `cycle` on."""
        self.freed += [cycle] * (rows - len(self.freed))

    def complete(self, rows: int) -> int:
        """Stores rows until there are `rows`; returns the cycle from which they can be read."""
        beat = np.arange(self.arrival.shape[1], dtype=self.arrival.dtype)
        while self.rows < rows:
            row = self.rows
            room = self.freed[row - self.buffer_rows] if row >= self.buffer_rows else 0
            earliest = np.maximum(self.arrival[row], max(self.next_free, room))
            self.taken[row] = beat + np.maximum.accumulate(earliest - beat)
            self.next_free = int(self.taken[row, -1]) + 1
            self.rows += 1
        return int(self.taken[rows - 1, -1]) + 1 if rows else 0

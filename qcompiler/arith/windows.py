"""Geometry of sliding windows: kernels, strides, dilations and padding over space."""

from math import prod

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qcompiler.arith.arrays import IntArray


def _divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


class Window(Struct, frozen=True):
    """A window that slides over the spatial dimensions of a channels-last tensor.

    All tuples have one entry per spatial dimension (one or two).

    Attributes:
        kernel: extent in taps.
        strides: distance of neighbouring windows.
        dilations: distance of neighbouring taps.
        pads_begin: virtual elements before the tensor.
        pads_end: virtual elements behind it.

    Raises:
        ValueError: lengths differ, or an entry is out of range.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads_begin: tuple[int, ...]
    pads_end: tuple[int, ...]

    def __post_init__(self) -> None:
        parts = (self.kernel, self.strides, self.dilations, self.pads_begin, self.pads_end)
        if len({len(part) for part in parts}) != 1:
            raise ValueError(f"kernel, strides, dilations and pads differ in length: {parts}")
        if min((*self.kernel, *self.strides, *self.dilations), default=1) < 1:
            raise ValueError(f"kernel, strides and dilations must be positive, got {parts[:3]}")
        if min((*self.pads_begin, *self.pads_end), default=0) < 0:
            raise ValueError(f"pads must not be negative, got {parts[3:]}")

    @property
    def rank(self) -> int:
        """Number of spatial dimensions."""
        return len(self.kernel)

    @property
    def taps(self) -> int:
        """Elements in a window, per channel."""
        return prod(self.kernel)

    @property
    def tap_blocks(self) -> list[tuple[int, ...]]:
        """Blocks of taps, as (rows, columns), that are neighbours in order and divide the window.

        Parts of a row, from one tap on, and then several whole rows; ascending in size.
        """
        *_, columns = self.kernel
        parts = [(1,) * (self.rank - 1) + (part,) for part in _divisors(columns)]
        if self.rank == 1:
            return parts
        return parts + [(rows, columns) for rows in _divisors(self.kernel[0]) if rows > 1]

    @property
    def extent(self) -> tuple[int, ...]:
        """Span of a window, dilation included."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True))

    @property
    def is_pointwise(self) -> bool:
        """Whether every window is one element and every element has a window."""
        padded = any(self.pads_begin) or any(self.pads_end)
        return self.taps == 1 and set(self.strides) <= {1} and not padded

    def output_shape(self, spatial: tuple[int, ...]) -> tuple[int, ...]:
        """Returns how many windows fit along each dimension.

        Raises:
            ValueError: none fits along some dimension.
        """
        shape: list[int] = []
        for size, begin, end, extent, stride in zip(
            spatial, self.pads_begin, self.pads_end, self.extent, self.strides, strict=True
        ):
            room = size + begin + end - extent
            if room < 0:
                raise ValueError(
                    f"a window of extent {extent} does not fit {size} elements padded by "
                    f"{begin} and {end}"
                )
            shape.append(room // stride + 1)
        return tuple(shape)

    def positions(self, spatial: tuple[int, ...]) -> tuple[NDArray[np.intp], ...]:
        """Returns, per dimension, the element under each tap of each window: [windows, taps].

        Elements in the padding have positions below 0 or not below the size.
        """
        found: list[NDArray[np.intp]] = []
        for axis, count in enumerate(self.output_shape(spatial)):
            start = np.arange(count) * self.strides[axis] - self.pads_begin[axis]
            taps = np.arange(self.kernel[axis]) * self.dilations[axis]
            found.append(start[:, None] + taps)
        return tuple(found)

    def gather(self, x: IntArray, pad_value: int) -> IntArray:
        """Returns all windows of a batch: [batch, *windows, *kernel, channels].

        Args:
            x: shape [batch, *spatial, channels].
            pad_value: what stands in the padding.
        """
        widths = [(0, 0), *zip(self.pads_begin, self.pads_end, strict=True), (0, 0)]
        # Of x's type: numpy's integers among Python's own would overflow in sums with these.
        padded = np.pad(x, widths, constant_values=np.array(pad_value, x.dtype))
        for axis, at in enumerate(self.positions(x.shape[1:-1])):
            # Each step replaces axis 1 + 2 * axis by (windows, taps) of that dimension.
            padded = np.take(padded, at + self.pads_begin[axis], axis=1 + 2 * axis)
        order = [0, *(1 + 2 * a for a in range(self.rank)), *(2 + 2 * a for a in range(self.rank))]
        return padded.transpose(*order, padded.ndim - 1)

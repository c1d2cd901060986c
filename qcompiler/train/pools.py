"""Sums over windows: what an average is before it is divided, which the requantizer does."""

from collections.abc import Sequence
from math import prod, sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from qcompiler.arith.arrays import IntArray
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.windows import Window
from qcompiler.interpreters.exact_windows import pool
from qcompiler.train.arguments import extents
from qcompiler.train.layer import Layer, takes
from qcompiler.train.onnx_graph import OnnxGraph


def unfit_space(
    rank: int, shape: Sequence[int], kernel: Sequence[int] | None, padding: Sequence[int]
) -> tuple[str, str] | None:
    """Returns what is said of a tensor that windows do not fit.

    Args:
        rank: of space.
        shape: of the tensor, [batch, channels, *space].
        kernel: elements that a window reaches over; None is all.
        padding: zeros on each side.
    """
    if len(shape) != rank + 2:
        space = ("time",) if rank == 1 else ("height", "width")
        remedy = f"use the layer for {len(shape) - 2} dimensions, or give a batch of such tensors"
        return takes(f"[batch, channels, {', '.join(space)}]", shape, remedy)
    padded = [extent + 2 * zeros for extent, zeros in zip(shape[2:], padding, strict=True)]
    if kernel is None or all(a <= b for a, b in zip(kernel, padded, strict=True)):
        return None
    what = f"windows of {list(kernel)} elements do not fit into {padded}, padding counted"
    return what, "make the kernel smaller, or pad more"


class _SumPool(Layer):
    """Sums of windows of [batch, channels, *space]; see `SumPool2d`."""

    rank = 2

    def __init__(
        self,
        kernel_size: int | Sequence[int] | None = None,
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
    ) -> None:
        super().__init__()
        rank = self.rank
        self.kernel = None if kernel_size is None else extents(kernel_size, rank, "kernel_size")
        self.stride = self.kernel if stride is None else extents(stride, rank, "stride")
        self.padding = extents(padding, rank, "padding", 0)
        self._taps = prod(self.kernel) if self.kernel else 1

    def unfit(self, *shapes: Sequence[int]) -> tuple[str, str] | None:
        """Refuses another number of dimensions, or a window larger than the image."""
        return unfit_space(self.rank, shapes[0], self.kernel, self.padding)

    def _window(self, space: Sequence[int]) -> Window:
        kernel = self.kernel or tuple(space)
        return Window(kernel, self.stride or kernel, (1,) * self.rank, self.padding, self.padding)

    def forward(self, x: Tensor) -> Tensor:
        """Returns sums."""
        window = self._window(x.shape[2:])
        apply = functional.conv1d if self.rank == 1 else functional.conv2d
        ones = torch.ones((x.shape[1], 1, *window.kernel), dtype=x.dtype, device=x.device)
        return apply(x, ones, None, window.strides, window.pads_begin, 1, x.shape[1])

    def integers(self, *x: IntArray) -> IntArray:
        """Returns sums of integers."""
        window = self._window(x[0].shape[2:])
        self._taps = window.taps
        return np.moveaxis(pool(np.moveaxis(x[0], 1, -1), window, "sum", 0), -1, 1)

    def reach(self, *x: float) -> float:
        """Returns as many times that of the input as a window has elements."""
        return x[0] * self._taps

    def spread(self, *x: float) -> float:
        """Returns that of sums of which half is in common."""
        return x[0] * self._taps**0.75 if self.kernel else x[0] * sqrt(16)

    def write(self, graph: OnnxGraph, *x: str) -> str:
        """Adds an average times its count where both are exact, else a convolution with ones."""
        shape = graph.shapes[x[0]]
        window = self._window(shape[2:])
        geometry: dict[str, Any] = {
            "kernel_shape": list(window.kernel),
            "strides": list(window.strides),
            "pads": [*window.pads_begin, *window.pads_end],
        }
        if window.taps & (window.taps - 1) == 0:
            mean = graph.node("AveragePool", [x[0]], "mean", count_include_pad=1, **geometry)
            return graph.node("Mul", [mean, graph.constant("count", window.taps)])
        ones = np.ones((shape[1], 1, *window.kernel))
        weights = graph.quant(graph.constant("ones", ones), IntRange(0, 3), 2, "weight")
        return graph.node("Conv", [x[0], weights], group=shape[1], **geometry)


class SumPool1d(_SumPool):
    """Sums over windows of [batch, channels, time]; arguments as those of `SumPool2d`."""

    rank = 1


class SumPool2d(_SumPool):
    """Sums over windows of [batch, channels, height, width], zeros around.

    A mean is a sum and a requantizer that divides: no rounding comes between.

    Args:
        kernel_size: of the window; None is all of the image.
        stride: distance of windows; None is the kernel.
        padding: zeros on each side.
    """

"""Deformable convolutions of integers, made for hardware: bounded, square and rounded offsets.

Tap (i, j) of a window that starts at (r, c) reads x at

    free:    (r + i * dilation + dy[i, j],  c + j * dilation + dx[i, j])
    square:  (r + i * dilation + (i - (rows - 1) / 2) * d,
              c + j * dilation + (j - (columns - 1) / 2) * d)

with offsets dy, dx, d = codes * 2**-fraction. Between elements, x is bilinear; outside there are
zeros. The forms are those of Huang et al., CoDeNet (arXiv 2006.08357): one d a pixel in place of
two offsets a tap (square), a clamp that bounds them (`BoundedOffsets`), whole elements (rounded,
fraction 0); their released module computes anchor * (s - 1) with s = Hardtanh(conv(x), -7, 8),
which is d in [-8, 7], four bits. Gradients in x and in offsets are those of the bilinear function;
on an element, that of its right side. Rounding offsets passes gradients straight through.
"""

from itertools import product
from math import prod

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from qcompiler.arith.arrays import IntArray
from qcompiler.arith.sampling import Sampling
from qcompiler.arith.windows import Window
from qcompiler.train.layer import Fixed
from qcompiler.train.linear import Extent, QuantConv2d
from qcompiler.train.onnx_graph import OnnxGraph
from qcompiler.train.requantizer import Requantizer

_OPSET = 19  # of DeformConv


class BoundedOffsets(Requantizer):
    """Codes of offsets: a requantizer whose clamp is how far samples may be displaced.

    Hardware keeps as many rows as the bound reaches, so few bits make a small buffer. Training
    starts near the plain convolution: what is expected of offsets is a quarter of an element.

    Args:
        bits: of a code, with its sign.
        fraction: places behind the binary point; 0 rounds offsets to elements.
        multiplier_bits: as a `Requantizer` has them.
        multiplier_digits: likewise.
    """

    def __init__(
        self,
        bits: int = 4,
        fraction: int = 0,
        *,
        multiplier_bits: int = 8,
        multiplier_digits: int | None = None,
    ) -> None:
        super().__init__(
            bits,
            signed=True,
            bias=False,
            multiplier_bits=multiplier_bits,
            multiplier_digits=multiplier_digits,
        )
        self.fraction = fraction

    @property
    def bound(self) -> float:
        """Elements that the farthest offset reaches."""
        return 2.0 ** (self.bits - 1 - self.fraction)

    def spread(self, *x: float) -> float:
        """Chooses the scale: most offsets are less than half an element."""
        target = 2.0**self.fraction / 4
        self._fit(target, max(x[0], 2**-20))
        return target


class QuantDeformConv2d(QuantConv2d):
    """A convolution of [batch, channels, height, width] at displaced positions: `layer(x, codes)`.

    The codes are integers [batch, 2 * taps, height, width] of the output, (dy, dx) of each tap; or
    [batch, 1, height, width] with `square`. See `BoundedOffsets`.

    Args:
        in_channels: as torch has it, and all that follow.
        out_channels: likewise.
        kernel_size: likewise.
        stride: likewise.
        padding: likewise.
        dilation: likewise.
        groups: likewise; as many as channels make the depthwise form.
        square: whether one offset a pixel displaces all taps.
        fraction: places of offsets behind the binary point; 0 reads elements as they are.
        bits: of the weights, as of a `QuantConv2d`, and all that follow.
        signed: likewise.
        per_channel: likewise.
        bias: likewise.
        digits: likewise.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Extent,
        stride: Extent = 1,
        padding: Extent = 0,
        dilation: Extent = 1,
        groups: int = 1,
        *,
        square: bool = False,
        fraction: int = 0,
        bits: int = 4,
        signed: bool = True,
        per_channel: bool = True,
        bias: bool = True,
        digits: int | None = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bits=bits,
            signed=signed,
            per_channel=per_channel,
            bias=bias,
            digits=digits,
        )
        if square and any(extent % 2 == 0 for extent in self.kernel):
            raise ValueError(
                f"a square has a middle tap, got a kernel of {list(self.kernel)}; use odd extents"
            )
        self.square = square
        self.fraction = fraction

    @property
    def offset_channels(self) -> int:
        """Channels of the codes."""
        return 1 if self.square else 2 * prod(self.kernel)

    def anchors(self) -> list[int]:
        """Returns what a code displaces, in units of 2**-fraction: entries of [tap, (y, x)]."""
        if not self.square:
            return [1] * self.offset_channels
        middles = [(extent - 1) // 2 for extent in self.kernel]
        taps = product(*(range(extent) for extent in self.kernel))
        return [place - middle for tap in taps for place, middle in zip(tap, middles, strict=True)]

    def sampling(self, fraction: int) -> Sampling:
        """Returns where samples are taken, for codes with so many places."""
        count = 2 * prod(self.kernel)
        return Sampling(
            kernel=_pair(self.kernel),
            strides=_pair(self.stride),
            dilations=_pair(self.dilation),
            pads=_pair(self.padding),
            steps=tuple(self.anchors()),
            origins=(0,) * count,
            sources=(0,) * count if self.square else tuple(range(count)),
            fraction=fraction,
            offset_groups=1,
            mode="bilinear",
            border=False,
        )

    def forward(self, x: Tensor, *offsets: Tensor) -> Tensor:
        """Returns sums of samples times weights."""
        samples = _sampled(x, self._positions(offsets[0]))
        weights = self.values()
        as_one = weights.reshape(len(weights), -1, 1, 1)
        return functional.conv2d(samples, as_one, self.bias_values(), groups=self.groups)

    def _positions(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Returns rows and columns of samples, in elements: [batch, taps, height, width] each."""
        anchors = torch.tensor(self.anchors(), dtype=codes.dtype, device=codes.device)
        moved = codes * (anchors * 2.0**-self.fraction).reshape(-1, 1, 1)
        found: list[Tensor] = []
        for axis, extent in enumerate(self.kernel):
            windows = torch.arange(codes.shape[2 + axis], dtype=codes.dtype, device=codes.device)
            taps = torch.arange(extent, dtype=codes.dtype, device=codes.device)
            starts = windows * self.stride[axis] - self.padding[axis]
            places = taps * self.dilation[axis]
            if axis == 0:
                places, starts = places.reshape(-1, 1), starts.reshape(-1, 1)
            places = places.expand(self.kernel)
            found.append(moved[:, axis::2] + places.reshape(-1, 1, 1) + starts)
        return found[0], found[1]

    def fixed(self, *x: Fixed) -> Fixed:
        """Returns sums; between elements they have the places of two weights more."""
        given, offsets = x
        sampling = self.sampling(self.fraction + offsets.fraction)
        images, codes = (np.moveaxis(each.codes, 1, -1) for each in x)
        tiled = sampling.side_by_side(sampling.sample(images, codes))
        beside = Fixed(np.moveaxis(tiled, -1, 1), given.fraction + sampling.unit_bits)
        return super().fixed(beside)

    def integers(self, *x: IntArray) -> IntArray:
        """Returns the codes of sums, for inputs and offsets that are integers."""
        return self.fixed(*(Fixed(each) for each in x)).codes

    def window(self) -> Window:
        """Returns the windows of samples that stand side by side."""
        none = (0,) * len(self.kernel)
        return Window(self.kernel, self.kernel, (1,) * len(self.kernel), none, none)

    def write(self, graph: OnnxGraph, *x: str) -> str:
        """Adds a DeformConv; codes become offsets by a factor a channel."""
        graph.opset = max(graph.opset, _OPSET)
        offsets = x[1]
        if self.square or self.fraction:
            factors = np.array(self.anchors()) * 2.0**-self.fraction
            each = graph.constant(
                "anchors", factors.reshape(-1, 1, 1) if self.square else factors[0]
            )
            offsets = graph.node("Mul", [offsets, each], "offsets")
        return self._write(graph, "DeformConv", [x[0], offsets], **self.geometry())


def _pair(values: tuple[int, ...]) -> tuple[int, int]:
    rows, columns = values
    return rows, columns


def _sampled(x: Tensor, positions: tuple[Tensor, Tensor]) -> Tensor:
    """Returns x at positions, bilinear, zero outside: [batch, channels * taps, height, width].

    Args:
        x: [batch, channels, height, width].
        positions: rows and columns, [batch, taps, oh, ow].
    """
    corners = [torch.floor(position).detach() for position in positions]
    beside = [position - corner for position, corner in zip(positions, corners, strict=True)]
    parts: list[Tensor] = []
    for row, column in product(range(2), repeat=2):
        read = _read(x, corners[0] + row, corners[1] + column)
        # An element's neighbours have weight zero there; their differences are its gradient.
        down = beside[0] if row else 1 - beside[0]
        right = beside[1] if column else 1 - beside[1]
        parts.append(read * (down * right).unsqueeze(1))
    total = parts[0] + parts[1] + parts[2] + parts[3]
    return total.reshape(len(x), -1, *total.shape[3:])


def _read(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Returns x at whole rows and columns, zero outside: [batch, channels, taps, oh, ow]."""
    height, width = x.shape[2:]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    at = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)
    index = at.long().reshape(len(x), 1, -1).expand(-1, x.shape[1], -1)
    read = torch.gather(x.reshape(*x.shape[:2], -1), 2, index)
    return read.reshape(*x.shape[:2], *rows.shape[1:]) * inside.unsqueeze(1)

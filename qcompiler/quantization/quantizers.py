"""Integers of weights and activations, and the numbers they stand for."""

from dataclasses import dataclass

import numpy as np

from qcompiler.dialects.attributes import Array
from qcompiler.quantization.graph import Graph
from qcompiler.quantization.placement import Group


@dataclass(frozen=True)
class Quantizer:
    """Codes of an activation: `code = clip(round(x / scale), lo, hi)`, half to even.

    Attributes:
        scale: what a code of one stands for; a float32 number.
        bits: width of a code.
        signed: whether codes may be negative.
    """

    scale: float
    bits: int
    signed: bool

    @property
    def lo(self) -> int:
        """The least code."""
        return -(2 ** (self.bits - 1)) if self.signed else 0

    @property
    def hi(self) -> int:
        """The greatest code."""
        return 2 ** (self.bits - self.signed) - 1

    def rounded(self, x: Array) -> Array:
        """Returns what the codes of numbers stand for."""
        codes = np.clip(np.rint(x / np.float32(self.scale)), self.lo, self.hi)
        return (codes * np.float32(self.scale)).astype(np.float32)


@dataclass(frozen=True)
class WeightCodes:
    """Symmetric codes of a layer's weights.

    Attributes:
        codes: integers, in the shape of the weights.
        scales: float32, that broadcasts to it: one number an output channel.
        bits: width of a code; all lie between -(2**(bits - 1) - 1) and 2**(bits - 1) - 1.
        odd: all are odd, and lie between -(2**bits - 1) and 2**bits - 1: as many codes as `bits`
            can have, none of them zero, which is better for the fewest bits.
    """

    codes: Array
    scales: Array
    bits: int
    odd: bool = False

    @property
    def width(self) -> int:
        """Bits of the integers."""
        return self.bits + self.odd

    @property
    def values(self) -> Array:
        """What the codes stand for."""
        return (self.codes.astype(np.float32) * self.scales).astype(np.float32)


@dataclass
class Quantized:
    """A graph, and the integers that it is to compute in.

    Attributes:
        graph: of real numbers.
        activations: quantizers of groups of values.
        weights: codes by the output of the layer.
    """

    graph: Graph
    activations: dict[Group, Quantizer]
    weights: dict[str, WeightCodes]

    def of_values(self) -> dict[str, Quantizer]:
        """Returns the quantizer of each value that has one."""
        return {v: q for group, q in self.activations.items() for v in group.values}


def widest(bits: int) -> int:
    """Returns the greatest code of a weight."""
    return 2 ** (bits - 1) - 1


def scale_axes(weights: Array, axis: int) -> tuple[int, ...]:
    """Returns the axes along which the weights of one output channel lie."""
    return tuple(place for place in range(weights.ndim) if place != axis)


def positive(scale: Array) -> Array:
    """Returns scales as float32, those of nothing but zeros as one."""
    narrow = np.asarray(scale, np.float32)
    return np.where(narrow > np.finfo(np.float32).tiny, narrow, np.float32(1))


def nearest(weights: Array, bits: int, axis: int, shrink: float | Array = 1.0) -> WeightCodes:
    """Returns the nearest codes, on scales that reach the largest weight of each output channel.

    Args:
        weights: of a layer.
        bits: width of codes.
        axis: of output channels.
        shrink: of the largest weight, what the scale reaches; one number, or one a channel.
    """
    largest = np.abs(weights).max(scale_axes(weights, axis), keepdims=True)
    scales = positive(largest * shrink / widest(bits))
    codes = np.clip(np.rint(weights / scales), -widest(bits), widest(bits))
    return WeightCodes(codes.astype(np.int64), scales, bits)


_REACHES = 15
ODD_BITS = 3
"""Most bits for which odd codes are worth their wider integers."""


def one_grid(weights: Array, bits: int, axis: int, least: float) -> WeightCodes:
    """Returns nearest codes on one grid for all weights, odd ones where bits are few.

    Args:
        weights: that look like normal numbers of one deviation.
        bits: width of codes.
        axis: of output channels, each of which gets the same scale.
        least: how far the grid reaches at least, in root mean squares: as far as errs least.
    """
    rms = float(np.sqrt(np.square(weights, dtype=np.float64).mean()))
    most = max(float(np.abs(weights).max()) / max(rms, 1e-30), least)
    made = [
        _on_grid(weights, bits, axis, rms * (least + (most - least) * step / _REACHES))
        for step in range(_REACHES + 1)
    ]
    return min(made, key=lambda codes: float(np.square(codes.values - weights).sum()))


def _on_grid(weights: Array, bits: int, axis: int, reach: float) -> WeightCodes:
    shape = [n if place == axis else 1 for place, n in enumerate(weights.shape)]
    odd = bits <= ODD_BITS
    most = 2**bits - 1 if odd else widest(bits)
    scales = positive(np.full(shape, reach / most))
    units = weights / scales
    codes = 2 * np.rint((units + most) / 2) - most if odd else np.rint(units)
    return WeightCodes(np.clip(codes, -most, most).astype(np.int64), scales, bits, odd)


_SHRINKS = np.linspace(0.3, 1.0, 36)


def least_error(weights: Array, bits: int, axis: int) -> WeightCodes:
    """Returns nearest codes on the scales with the least squared error, channel by channel."""
    rows = np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1)
    largest, most = np.abs(rows).max(1, keepdims=True), widest(bits)
    best, error = np.ones(len(rows)), np.full(len(rows), np.inf)
    for shrink in _SHRINKS[::-1]:
        scales = positive(largest * shrink / most)
        units = rows / scales
        noise = np.clip(np.rint(units), -most, most) - units
        found = np.einsum("ij,ij->i", noise, noise) * np.square(scales[:, 0])
        best = np.where(found < error, shrink, best)
        error = np.minimum(found, error)
    shape = [n if place == axis else 1 for place, n in enumerate(weights.shape)]
    return nearest(weights, bits, axis, best.reshape(shape))


def activation_quantizer(lo: float, hi: float, bits: int) -> Quantizer:
    """Returns the quantizer of numbers between `lo` and `hi`: unsigned if none is negative."""
    signed = lo < 0
    most = 2 ** (bits - signed) - 1
    reach = max(hi / most, -lo / (most + 1) if signed else 0.0)
    return Quantizer(float(positive(np.asarray(reach))), bits, signed)

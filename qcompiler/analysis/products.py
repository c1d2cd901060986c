"""Multiply-accumulate operations of a layer, and how well its multipliers are used.

In steady state a layer has `multipliers * cycles per frame` places for products, where the cycles
are those of the slowest process. Those that it does not fill go two ways: it waits for the slowest
process, because a folding with fewer multipliers would be slower still than that; or it multiplies
the padding of an image, whose products a streaming window does not leave out.
"""

from dataclasses import dataclass

from qcompiler.analysis.foldable_layers import Folding, Layer
from qcompiler.dialects import stream

_IMAGE = 3
"""Dimensions of a frame [height, width, channels]: what works on one is a convolution."""


@dataclass(frozen=True)
class Products:
    """The multiplications of one layer.

    Attributes:
        macs: multiply-accumulate operations of a frame, as the model's dimensions have them.
        padding: of these, with elements of the padding.
        multipliers: PE times SIMD.
        convolution: whether the frame is an image.
    """

    macs: int
    padding: int
    multipliers: int
    convolution: bool

    @staticmethod
    def of(process: stream.Process) -> "Products | None":
        """Returns the multiplications of a process; None if there are none."""
        if not isinstance(process, stream.Foldable) or not process.macs_per_cycle:
            return None
        made = process.output_channel
        macs = made.with_lanes(1).beats * process.terms
        convolution = len(made.frame_shape) == _IMAGE
        return Products(macs, _on_padding(process, macs), process.macs_per_cycle, convolution)

    def efficiency(self, cycles: int) -> float:
        """Returns the share of the places for products that are filled, those on padding too.

        Args:
            cycles: that a frame takes in the slowest process.
        """
        return self.macs / (self.multipliers * cycles)

    def useful(self, cycles: int) -> float:
        """Returns the same without products with the padding."""
        return (self.macs - self.padding) / (self.multipliers * cycles)


def _on_padding(process: stream.Foldable, macs: int) -> int:
    """Returns how many of a layer's products are with elements of the padding."""
    window = process.window
    if window is None:
        return 0
    inside, taps = window.taps_inside
    return macs - macs * inside // taps


def next_smaller(layer: Layer) -> tuple[Folding, int] | None:
    """Returns the fastest folding with fewer multipliers, and its cycles; None if there is none."""
    now = layer.chosen.pe * layer.chosen.simd
    fewer = [
        (layer.cycles(other), other.pe * other.simd, other)
        for other in layer.foldings
        if other.pe * other.simd < now
    ]
    if not fewer:
        return None
    cycles, _, best = min(fewer, key=lambda entry: entry[:2])
    return best, cycles

"""The requantizer: activation function and rescaler in one, trained as what hardware computes.

    y = clamp(((M * acc + 2**(S - 1)) >> S) + B, lo, hi)

with integers M, S and B. That layers of integers end in a trainable quantizer which is rescaler and
nonlinearity at once, with trained scales and no calibration data, is of Pistellato et al., Sensors
2023, 23(10):4667. The equation, how M and S follow from a trained logarithm, the gradients, the
initial scale and the regularizer are ours: the paper's own were not available to us.

Gradients, with m = 2**l the trained scale and v = m * acc + b, where rounding counts as the
identity (straight through) and (M, S) as m itself:

    dy/dacc = m,  dy/dl = ln 2 * m * acc,  dy/db = 1  where lo <= v <= hi;  all 0 elsewhere.
"""

from math import sqrt

import numpy as np
import torch
from torch import Tensor, nn

from qcompiler.arith.arrays import IntArray
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import MulShift
from qcompiler.train.dyadic import dyadic
from qcompiler.train.layer import Fixed, Layer
from qcompiler.train.onnx_graph import OnnxGraph
from qcompiler.train.tensors import (
    along_axis,
    floor_through,
    integers_of,
    round_through,
    straight_to,
)

_FLOAT32_BITS = 24
_HEADROOM = 2.5
"""Root mean squares of a sum that the codes reach at the start."""


class Requantizer(Layer):
    """y = clamp(((M * acc + 2**(S - 1)) >> S) + B, lo, hi), elementwise.

    Without a sign the lower bound is 0, so that it is a ReLU; the upper bound bends, too.

    Args:
        bits: of the codes.
        channels: of axis 1 where each has its own M, S and B; None has one for all.
        signed: whether codes have a sign.
        multiplier_bits: most bits of M.
        multiplier_digits: most signed digits of M, 1 for a shift alone; None for any number.
        bias: whether there is B, at most 2**bits in magnitude.
        largest_shift: most that S is; None is what float32 computes exactly, 23 - bits.
    """

    def __init__(
        self,
        bits: int,
        channels: int | None = None,
        *,
        signed: bool = False,
        multiplier_bits: int = 8,
        multiplier_digits: int | None = None,
        bias: bool = True,
        largest_shift: int | None = None,
    ) -> None:
        super().__init__()
        self.bits = bits
        self.range = IntRange.for_bits(bits, signed)
        self.multiplier_bits = multiplier_bits
        self.multiplier_digits = multiplier_digits
        self.largest_shift = largest_shift or _FLOAT32_BITS - 1 - bits
        rows = channels or 1
        self.log2_scale = nn.Parameter(torch.full((rows,), -4.0))
        self.bias = nn.Parameter(torch.zeros(rows)) if bias else None

    def multiplier_and_shift(self) -> tuple[Tensor, Tensor]:
        """Returns M and S, int64 [channels or 1]."""
        scale = torch.exp2(self.log2_scale.double())
        return dyadic(scale, self.multiplier_bits, self.multiplier_digits, self.largest_shift)

    def _offset(self) -> Tensor:
        """Returns B, float64 [channels or 1]."""
        if self.bias is None:
            return torch.zeros(1, dtype=torch.float64, device=self.log2_scale.device)
        return round_through(torch.clamp(self.bias.double(), -(2**self.bits), 2**self.bits))

    def forward(self, acc: Tensor) -> Tensor:
        """Returns codes; acc has channels along axis 1."""
        multiplier, shift = self.multiplier_and_shift()
        exact = multiplier.double() * torch.exp2(-shift.double())
        trained = torch.exp2(self.log2_scale.double())
        scale = along_axis(straight_to(exact, trained), acc.dim(), 1)
        # In float64 products and sums are exact.
        rounded = floor_through(acc.double() * scale + 0.5)
        y = rounded + along_axis(self._offset(), acc.dim(), 1)
        return torch.clamp(y, self.range.lo, self.range.hi).to(acc.dtype)

    def form(self, fraction: int = 0) -> MulShift:
        """Returns the same as the compiler's arithmetic has it, with one shift for all channels.

        Args:
            fraction: places of the accumulators behind the binary point.
        """
        multiplier, shift = (integers_of(values) for values in self.multiplier_and_shift())
        shift = shift + fraction
        most = max(int(shift.max()), 1)
        bias = (integers_of(self._offset()) << most) + (1 << most >> 1)
        # A channel's own half, 2**(S - 1), is the common one: both are half of what is shifted out.
        return MulShift(multiplier << (most - shift), bias, most, self.range.lo, self.range.hi)

    def integers(self, *x: IntArray) -> IntArray:
        """Returns codes of accumulators with channels along axis 1."""
        return self.form().apply(x[0], channel_axis=1)

    def fixed(self, *x: Fixed) -> Fixed:
        """Returns codes, of accumulators with any binary point."""
        return Fixed(self.form(x[0].fraction).apply(x[0].codes, channel_axis=1))

    def width(self, *x: Tensor) -> Tensor:
        """Returns the bits of the codes."""
        return torch.tensor(float(self.bits))

    def reach(self, *x: float) -> float:
        """Returns that of the codes."""
        return float(max(-self.range.lo, self.range.hi))

    def spread(self, *x: float) -> float:
        """Chooses the scale: the codes reach some root mean squares of the accumulators."""
        target = max(self.range.hi, 1) / _HEADROOM
        with torch.no_grad():
            self.log2_scale.fill_(np.log2(target / max(x[0], 2**-20)))
        return target if self.range.signed else target / sqrt(2)

    def write(self, graph: OnnxGraph, *x: str) -> str:
        """Adds a factor, a summand and a quantizer that rounds down: acc * M/2**S + (B + 1/2).

        float32 computes that exactly, or where it does not, so far outside that it is clamped.
        """
        multiplier, shift = (integers_of(values) for values in self.multiplier_and_shift())
        offset = integers_of(self._offset())
        if self.bits + 1 + int(shift.max()) > _FLOAT32_BITS:
            graph.notes.append(f"{self.where()}: its product has more than 24 bits")
        scales = graph.along_channels(multiplier / 2.0**shift, x[0])
        summands = graph.along_channels(offset + 0.5, x[0])
        scaled = graph.node("Mul", [x[0], graph.constant("multiplier", scales)], "scaled")
        moved = graph.node("Add", [scaled, graph.constant("offset", summands)], "moved")
        return graph.quant(moved, self.range, self.bits, "", mode="FLOOR")

    def extra_repr(self) -> str:
        """Returns what `print` shows."""
        return f"{self.bits}, signed={self.range.signed}, channels={self.log2_scale.numel()}"

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

from collections.abc import Sequence
from math import sqrt
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from qcompiler.arith.arrays import IntArray
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import MulShift
from qcompiler.train.arguments import bits_of, whole
from qcompiler.train.dyadic import dyadic
from qcompiler.train.layer import Fixed, Layer, takes
from qcompiler.train.onnx_graph import OnnxGraph
from qcompiler.train.tensors import (
    along_axis,
    integers_of,
    round_through,
    straight_to,
)

_FLOAT32_BITS = 24
_HEADROOM = 2.5
"""Root mean squares of a sum that the codes reach at the start."""
_SMALLEST_VARIANCE = 1e-3
"""Added to variances of sums of integers, so that channels that are constant divide by no zero."""


def _unclamped(acc: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """Returns floor(acc * scale + 1/2) + offset; in float64 products and sums are exact."""
    return (acc.double() * scale).add_(0.5).floor_().add_(offset)


def _clamped(acc: Tensor, scale: Tensor, offset: Tensor, lo: int, hi: int) -> Tensor:
    """Returns the codes.

    As one operation it keeps what its gradients need and no more; torch.compile takes it as it is.
    """
    return _unclamped(acc, scale, offset).clamp_(lo, hi).to(acc.dtype)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    acc, scale, offset, lo, hi = inputs
    ctx.save_for_backward(acc, scale, offset)
    ctx.bounds = (lo, hi)


def _gradients(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
    """Returns those of the head of this module."""
    acc, scale, offset = ctx.saved_tensors
    lo, hi = ctx.bounds
    y = _unclamped(acc, scale, offset)
    passed = grad * ((y >= lo) & (y <= hi))
    to_scale = (passed * acc).sum_to_size(scale.shape).double()
    to_offset = passed.sum_to_size(offset.shape).double()
    return passed * scale.to(passed.dtype), to_scale, to_offset, None, None


def _like(acc: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(acc)


_requantize: Any = torch.library.custom_op("qcompiler::requantize", _clamped, mutates_args=())
_requantize.register_fake(_like)
_requantize.register_autograd(_gradients, setup_context=_keep)


def unfit_channels(channels: int, shape: Sequence[int]) -> tuple[str, str] | None:
    """Returns what is said of a tensor with other channels; numbers of one channel are for all."""
    if channels == 1 or (len(shape) > 1 and shape[1] == channels):
        return None
    remedy = "let it have as many channels as the layer before it"
    return takes(f"[batch, {channels} channels, ...]", shape, remedy)


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

    Raises:
        ValueError: there are no such numbers.
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
        self.bits = bits_of(bits, "codes", signed=signed)
        self.range = IntRange.for_bits(bits, signed)
        self.multiplier_bits = whole(multiplier_bits, "multiplier_bits", 1, _FLOAT32_BITS)
        if multiplier_digits is not None:
            whole(multiplier_digits, "multiplier_digits", 1)
        self.multiplier_digits = multiplier_digits
        if channels is not None:
            whole(channels, "channels", 1)
        self.largest_shift = largest_shift or _FLOAT32_BITS - 1 - bits
        rows = channels or 1
        self.log2_scale = nn.Parameter(torch.full((rows,), -4.0))
        self.bias = nn.Parameter(torch.zeros(rows)) if bias else None

    def unfit(self, *shapes: Sequence[int]) -> tuple[str, str] | None:
        """Refuses another number of channels than there are multipliers."""
        return unfit_channels(self.log2_scale.numel(), shapes[0])

    def scale(self) -> Tensor:
        """Returns the trained real number that M * 2**-S is next to, float64 [channels or 1]."""
        return torch.exp2(self.log2_scale.double())

    def multiplier_and_shift(self) -> tuple[Tensor, Tensor]:
        """Returns M and S, int64 [channels or 1]."""
        return self._dyadic(self.scale())

    def _dyadic(self, scale: Tensor) -> tuple[Tensor, Tensor]:
        return dyadic(scale, self.multiplier_bits, self.multiplier_digits, self.largest_shift)

    def _middle(self) -> Tensor | None:
        """Returns whole numbers that are taken from sums first, float64 [channels], or None."""
        return None

    def _offset(self) -> Tensor:
        """Returns B, float64 [channels or 1]."""
        if self.bias is None:
            return torch.zeros(1, dtype=torch.float64, device=self.log2_scale.device)
        return round_through(torch.clamp(self.bias.double(), -(2**self.bits), 2**self.bits))

    def forward(self, acc: Tensor) -> Tensor:
        """Returns codes; acc has channels along axis 1."""
        return self._requantized(acc, self.scale(), self._middle())

    def _requantized(self, acc: Tensor, trained: Tensor, middle: Tensor | None) -> Tensor:
        if middle is not None:
            acc = acc - along_axis(middle, acc.dim(), 1).to(acc.dtype)
        multiplier, shift = self._dyadic(trained)
        exact = multiplier.double() * torch.exp2(-shift.double())
        scale = along_axis(straight_to(exact, trained), acc.dim(), 1)
        offset = along_axis(self._offset(), acc.dim(), 1)
        return cast(Tensor, _requantize(acc, scale, offset, self.range.lo, self.range.hi))

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
        multiplier = multiplier << (most - shift)
        middle = self._middle()
        if middle is not None:
            bias = bias - multiplier * (integers_of(middle) << fraction)
        return MulShift(multiplier, bias, most, self.range.lo, self.range.hi)

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
        self._fit(target, max(x[0], 2**-20))
        return target if self.range.signed else target / sqrt(2)

    def _fit(self, target: float, expected: float) -> None:
        """Lets sums of an expected root mean square have codes of a wanted one."""
        with torch.no_grad():
            self.log2_scale.fill_(np.log2(target / expected))

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
        source = x[0]
        middle = self._middle()
        if middle is not None:
            means = graph.along_channels(integers_of(middle), source)
            source = graph.node("Sub", [source, graph.constant("middle", means)], "centred")
        scaled = graph.node("Mul", [source, graph.constant("multiplier", scales)], "scaled")
        moved = graph.node("Add", [scaled, graph.constant("offset", summands)], "moved")
        return graph.quant(moved, self.range, self.bits, "", mode="FLOOR")

    def extra_repr(self) -> str:
        """Returns what `print` shows."""
        return f"{self.bits}, signed={self.range.signed}, channels={self.log2_scale.numel()}"


class NormRequantizer(Requantizer):
    """A requantizer behind a batch normalization, which it is at the same time.

        y = clamp(((M * (acc - m) + 2**(S - 1)) >> S) + B, lo, hi)

    m is the rounded mean of a channel's sums, and M * 2**-S is next to 2**log2_scale through their
    standard deviation: of the batch in training, and running averages of these afterwards, as
    torch.nn.BatchNorm2d has them. Networks train as quickly as float ones with normalizations, and
    the hardware is that of a requantizer. The biases of layers in front have no effect.

    Args:
        bits: as a `Requantizer` has them, and all that follow.
        channels: of axis 1.
        signed: likewise.
        multiplier_bits: likewise.
        multiplier_digits: likewise.
        momentum: share of a batch in the running averages.
    """

    def __init__(
        self,
        bits: int,
        channels: int,
        *,
        signed: bool = False,
        multiplier_bits: int = 8,
        multiplier_digits: int | None = None,
        momentum: float = 0.1,
    ) -> None:
        super().__init__(
            bits,
            channels,
            signed=signed,
            multiplier_bits=multiplier_bits,
            multiplier_digits=multiplier_digits,
        )
        self.momentum = momentum
        self.running_mean: Tensor
        self.running_variance: Tensor
        self.register_buffer("running_mean", torch.zeros(channels, dtype=torch.float64))
        self.register_buffer("running_variance", torch.ones(channels, dtype=torch.float64))

    def scale(self) -> Tensor:
        """Returns that of sums, with the running averages."""
        return self._over(self.running_variance)

    def _over(self, variance: Tensor) -> Tensor:
        return super().scale() / torch.sqrt(variance + _SMALLEST_VARIANCE)

    def _middle(self) -> Tensor:
        return torch.round(self.running_mean)

    def _offset(self) -> Tensor:
        """Returns B: the trained bias is in standard deviations, as of a normalization."""
        assert self.bias is not None, "made with one"
        trained = self.bias.double() * super().scale()
        return round_through(torch.clamp(trained, -(2**self.bits), 2**self.bits))

    def forward(self, acc: Tensor) -> Tensor:
        """Returns codes; acc has channels along axis 1."""
        if not self.training:
            return super().forward(acc)
        others = [axis for axis in range(acc.dim()) if axis != 1]
        variance, mean = torch.var_mean(acc.double(), others, correction=0)
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_variance.lerp_(variance, self.momentum)
        return self._requantized(acc, self._over(variance), round_through(mean))

    def _fit(self, target: float, expected: float) -> None:
        with torch.no_grad():
            self.log2_scale.fill_(np.log2(target))
            self.running_variance.fill_(expected**2)

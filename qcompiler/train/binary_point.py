"""Layers in fixed point, with learned binary points: weights, activations, batch normalization.

See `point` for the arithmetic and its gradients. Sums keep all places behind the point; a `Cast`
behind them takes those that are wanted.
"""

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from qcompiler.arith.arrays import IntArray, along_axis
from qcompiler.arith.fixed_point import FixedPoint, Overflow, Rounding
from qcompiler.arith.ranges import IntRange
from qcompiler.errors import ModelError, Problem
from qcompiler.train.dyadic import few_digits, nearest
from qcompiler.train.layer import Fixed, Layer
from qcompiler.train.linear import LinearLayer, QuantConv1d, QuantConv2d, QuantLinear
from qcompiler.train.onnx_graph import OnnxGraph
from qcompiler.train.point import Point
from qcompiler.train.requantizer import unfit_channels
from qcompiler.train.tensors import along_axis as tensor_along_axis
from qcompiler.train.tensors import integers_of

_NORMAL = np.array([NormalDist().inv_cdf((i + 0.5) / 512) for i in range(512)])
"""What sums are like at the start, in root mean squares."""

_BEFORE: dict[Rounding, tuple[float, str]] = {
    "TRN": (0, "FLOOR"),
    "TRN_ZERO": (0, "DOWN"),
    "RND": (0.5, "FLOOR"),
    "RND_MIN_INF": (-0.5, "CEIL"),
    "RND_CONV": (0, "ROUND"),
    "RND_INF": (0, "HALF_UP"),
    "RND_ZERO": (0, "HALF_DOWN"),
}
"""How QONNX writes a rounding mode: what is added, in units, and what then rounds."""


class Cast(Layer):
    """An activation in fixed point: without a sign it is a ReLU.

    Args:
        bits: of the number.
        fraction: places behind the point at the start; None chooses them from the weights.
        signed: whether there is a sign.
        rounding: a mode of `ap_fixed`.
        overflow: a mode of `ap_fixed`; QONNX can say SAT and, with a sign, SAT_SYM.
        learned: whether the point is trained.
        learned_width: whether the width is trained, from `bits` on, by places behind the point.
    """

    def __init__(
        self,
        bits: int,
        fraction: float | None = None,
        *,
        signed: bool = False,
        rounding: Rounding = "RND",
        overflow: Overflow = "SAT",
        learned: bool = True,
        learned_width: bool = False,
    ) -> None:
        super().__init__()
        self.is_given = fraction is not None
        self.point = Point(
            bits, signed=signed, rounding=rounding, overflow=overflow, fraction=fraction or 0
        )
        self.point.fraction.requires_grad_(learned)
        if learned_width:
            self.point.learn_width()

    def forward(self, x: Tensor) -> Tensor:
        """Returns fixed-point numbers."""
        return self.point(x)

    def width(self, *x: Tensor) -> Tensor:
        """Returns the bits of the format."""
        return self.point.width()

    def fixed(self, *x: Fixed) -> Fixed:
        """Returns codes, as the compiler's arithmetic has them."""
        number = self.point.number
        return Fixed(number.codes(x[0].numbers), number.fraction)

    def integers(self, *x: IntArray) -> IntArray:
        """Returns the codes of integers."""
        return self.fixed(Fixed(x[0])).codes

    def reach(self, *x: float) -> float:
        """Returns that of the format."""
        return self.point.reach

    def spread(self, *x: float) -> float:
        """Chooses the point that is best for normal numbers of that root mean square."""
        if not self.is_given:
            self.point.fit_to(_NORMAL * x[0])
        return x[0] if self.point.kept.signed else x[0] / sqrt(2)

    def observe(self, *x: Tensor) -> None:
        """Chooses the point that is best for these numbers."""
        if not self.is_given:
            self.point.fit_to(x[0].detach().cpu().double().numpy())

    def write(self, graph: OnnxGraph, *x: str) -> str:
        """Adds a quantizer, and what is added before it where halves go up or down.

        Raises:
            ModelError: QONNX has no such overflow.
        """
        number = self.point.number
        if number.overflow not in ("SAT", "SAT_SYM"):
            what = f"QONNX has no quantizer that overflows as {number.overflow}"
            raise ModelError([Problem(self.where(), what, "use overflow SAT or SAT_SYM")])
        offset, mode = _BEFORE[number.rounding]
        source = x[0]
        if offset:
            half = graph.constant("half", offset * 2.0**-number.fraction)
            source = graph.node("Add", [source, half], "moved")
        return graph.quant(source, number.range, number.width, "", mode, number.fraction)

    def extra_repr(self) -> str:
        """Returns what `print` shows."""
        return str(self.point.number)


class _FixedWeights(LinearLayer):
    """A layer whose weights, and bias, have learned binary points, one for each tensor."""

    def __init__(
        self, *args: Any, bits: int = 8, learned_width: bool = False, **options: Any
    ) -> None:
        if options.pop("per_channel", False):
            raise ValueError(
                "per_channel: weights in fixed point have one binary point for all; use a layer "
                "with steps, as QuantConv2d, for one of each channel"
            )
        super().__init__(*args, bits=bits, per_channel=False, **options)
        self.log2_step = None
        self.bias_unit.fill_(1.0)
        modes: dict[str, Any] = {"rounding": "RND_CONV", "overflow": "SAT_SYM", "fraction": 0}
        self.weight_point = Point(bits, signed=self.range.signed, **modes)
        self.bias_point = Point(2 * bits, signed=True, **modes) if self.bias is not None else None
        if learned_width:
            self.weight_point.learn_width()
        self.fit_step()

    def fit_step(self) -> None:
        """Moves the points to where weights have the least squared error."""
        if not hasattr(self, "weight_point"):
            return
        self.weight_point.fit_to(self.weight.detach().cpu().double().numpy())
        if self.bias_point is not None:
            with torch.no_grad():
                self.bias_point.fraction.copy_(self.weight_point.fraction + self.bits // 2)

    def spread(self, *x: float) -> float:
        """Chooses the points for the weights; returns that of sums of independent products."""
        self.fit_step()
        return sqrt(self.terms * float((self.values().detach() ** 2).mean())) * x[0]

    def values(self) -> Tensor:
        """Returns weights in fixed point."""
        return self.weight_point(self.weight, self.digits)

    def codes(self) -> Tensor:
        """Returns the integers of weights."""
        return self.values() * 2.0 ** self.weight_fraction()

    def weight_format(self) -> tuple[IntRange, int]:
        """Returns the integers of weights, and their bits."""
        number = self.weight_point.number
        return number.range, number.width

    def weight_width(self) -> Tensor:
        """Returns the bits of weights, as a real number to be trained."""
        return self.weight_point.width()

    def codes_of_width(self, bits: int) -> IntArray:
        """Returns the weights with another width, places before the point as they are."""
        places = self.weight_point.number.fraction + bits - self.weight_point.number.width
        number = FixedPoint(max(bits, 2), places, True, "RND_CONV", "SAT_SYM")
        weights = self.weight.detach().cpu().double()
        if self.digits is None:
            return number.codes(weights.numpy())
        allowed = few_digits(number.range.hi, self.digits, signed=True)
        return integers_of(nearest(weights * 2.0**places, allowed))

    def weight_fraction(self) -> int:
        """Returns the places of weights behind the binary point."""
        return self.weight_point.number.fraction

    def bias_values(self) -> Tensor | None:
        """Returns what is added, in fixed point."""
        return None if self.bias_point is None else self.bias_point(self.bias)

    def bias_fraction(self) -> int:
        """Returns the places of the bias behind the binary point."""
        return 0 if self.bias_point is None else self.bias_point.number.fraction


class FixedLinear(_FixedWeights, QuantLinear):
    """A dense layer in fixed point; arguments as those of `QuantLinear`, without `per_channel`."""


class FixedConv1d(_FixedWeights, QuantConv1d):
    """A convolution over [batch, channels, time] in fixed point; arguments as `FixedConv2d`'s."""


class FixedConv2d(_FixedWeights, QuantConv2d):
    """A convolution over images in fixed point; arguments as `QuantConv2d`'s but `per_channel`."""


class FixedBatchNorm(Layer):
    """Batch normalization in fixed point: y = cast(a) * x + cast(b), per channel of axis 1.

    a = gamma / sqrt(var + eps) and b = beta - mean * a, of the batch while training, of the running
    means afterwards. Both have learned binary points.

    Args:
        channels: of axis 1.
        bits: of a; b has twice as many.
        momentum: of running means.
        eps: added to variances.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self, channels: int, bits: int = 8, *, momentum: float = 0.1, eps: float = 1e-5
    ) -> None:
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        modes: dict[str, Any] = {"rounding": "RND_CONV", "overflow": "SAT", "signed": True}
        self.scale_point = Point(bits, fraction=bits - 2, **modes)
        self.offset_point = Point(2 * bits, fraction=bits, **modes)

    def unfit(self, *shapes: Sequence[int]) -> tuple[str, str] | None:
        """Refuses other channels."""
        return unfit_channels(len(self.weight), shapes[0])

    def _line(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the factor and the summand of each channel, in fixed point."""
        factor = self.weight / torch.sqrt(variance + self.eps)
        return self.scale_point(factor), self.offset_point(self.bias - mean * factor)

    def forward(self, x: Tensor) -> Tensor:
        """Returns normalized numbers; updates running means while training."""
        mean, variance = self.running_mean, self.running_var
        if self.training:
            axes = [axis for axis in range(x.dim()) if axis != 1]
            mean, variance = x.mean(axes), x.var(axes, unbiased=False)
            with torch.no_grad():
                self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
                self.running_var.lerp_(variance.to(self.running_var.dtype), self.momentum)
        factor, summand = self._line(mean, variance)
        wide = (tensor_along_axis(values, x.dim(), 1) for values in (factor, summand))
        scale, offset = wide
        return x * scale + offset

    def _codes(self) -> tuple[Fixed, Fixed]:
        points = (self.scale_point, self.offset_point)
        lines = self._line(self.running_mean, self.running_var)
        places = [point.number.fraction for point in points]
        scale, offset = (
            Fixed(integers_of(values.double() * 2.0**f), f)
            for values, f in zip(lines, places, strict=True)
        )
        return scale, offset

    def fixed(self, *x: Fixed) -> Fixed:
        """Returns what running means make of numbers."""
        (given,) = x
        scale, offset = self._codes()
        rank = given.codes.ndim
        factor = along_axis(scale.codes, rank, 1)
        product = Fixed(given.codes * factor, given.fraction + scale.fraction)
        fraction = max(product.fraction, offset.fraction)
        summand = along_axis(offset.at(fraction), rank, 1)
        return Fixed(product.at(fraction) + summand, fraction)

    def integers(self, *x: IntArray) -> IntArray:
        """Returns the codes of integers."""
        return self.fixed(Fixed(x[0])).codes

    def reach(self, *x: float) -> float:
        """Returns that of the largest factor and the largest summand."""
        scale, offset = self._codes()
        return float(np.abs(scale.numbers).max() * x[0] + np.abs(offset.numbers).max())

    def spread(self, *x: float) -> float:
        """Takes what enters as normal: running means start there, and the factors' point."""
        with torch.no_grad():
            self.running_var.fill_(max(x[0], 2**-20) ** 2)
        self.scale_point.fit(2 / max(x[0], 2**-20))
        self.offset_point.fit(8.0)
        return 1.0

    def write(self, graph: OnnxGraph, *x: str) -> str:
        """Adds a factor and a summand for each channel."""
        scale, offset = self._codes()
        factor = graph.constant("factor", graph.along_channels(scale.numbers, x[0]))
        summand = graph.constant("summand", graph.along_channels(offset.numbers, x[0]))
        return graph.node("Add", [graph.node("Mul", [x[0], factor], "scaled"), summand])

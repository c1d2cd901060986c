"""Convolutions and dense layers of integers: weights of few bits, exact sums.

A trained weight w has the code clamp(round(w / step), lo, hi), narrow: as many codes below zero as
above. Gradients pass straight through the rounding, so that with t = log2(step)

    dcode/dw = 1 / step,  dcode/dt = -ln 2 * w / step  where lo <= w / step <= hi;  0 elsewhere.

With `digits=K` codes are those next to w / step that have at most K signed digits, powers of two
added or subtracted: such a weight multiplies by K shifts. (Dai et al., arXiv 2401.17544, limit the
ones of a fixed-point number; that we count signed digits, which are never more, is our choice.)

The step only says how latent weights are divided; what a code stands for is up to the requantizer.
"""

from collections.abc import Sequence
from math import log2, prod, sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from qcompiler.arith.arrays import IntArray
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.windows import Window
from qcompiler.interpreters.exact_windows import convolve
from qcompiler.train.arguments import bits_of, extents, padding_of, whole
from qcompiler.train.dyadic import few_digits, nearest
from qcompiler.train.layer import Fixed, Layer, takes
from qcompiler.train.onnx_graph import OnnxGraph
from qcompiler.train.pools import unfit_space
from qcompiler.train.tensors import integers_of, round_through, straight_to

Extent = int | Sequence[int]


class LinearLayer(Layer):
    """What convolutions and dense layers share: weights [outputs, inputs of a group, *kernel].

    Attributes:
        weight: trained real numbers.
        log2_step: of what one code of a weight stands for, per output or for all.
        bias: in units of `bias_unit`, or None.
        bias_unit: about the root mean square of sums, so that biases learn as fast as weights do.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        bits: int,
        *,
        signed: bool,
        per_channel: bool,
        bias: bool,
        digits: int | None,
    ) -> None:
        super().__init__()
        self.bits = bits_of(bits, "weights", signed=signed)
        if digits is not None:
            whole(digits, "digits", 1)
        for count, what in zip(shape[:2], ("outputs", "inputs"), strict=True):
            whole(count, what, 1)
        self.digits = digits
        self.range = IntRange.for_bits(bits, signed, narrow=signed)
        self.terms = prod(shape[1:])
        self.weight = nn.Parameter(torch.randn(shape) / sqrt(self.terms))
        rows = shape[0] if per_channel else 1
        self.log2_step = nn.Parameter(torch.zeros(rows))
        self.bias = nn.Parameter(torch.zeros(shape[0])) if bias else None
        self.bias_unit: Tensor
        self.register_buffer("bias_unit", torch.tensor(max(1.0, sqrt(self.terms) * self.range.hi)))
        self.fit_step()

    def fit_step(self) -> None:
        """Chooses the step such that the largest weight has the largest code."""
        with torch.no_grad():
            rows = self.weight.abs().reshape(self.log2_step.numel(), -1).amax(1).clamp(min=2**-20)
            if not self.range.signed:
                self.weight.abs_()
            self.log2_step.copy_(torch.log2(rows / self.range.hi))

    def narrow(self, bits: int) -> None:
        """Gives weights so many bits, for training to go on with.

        Sums shrink by the ratio of the steps, and the bias with them; a `NormRequantizer` behind
        follows by itself.
        """
        before = self.log2_step.detach().clone()
        self.bits = bits
        self.range = IntRange.for_bits(bits, self.range.signed, narrow=self.range.signed)
        self.fit_step()
        if self.bias is not None:
            with torch.no_grad():
                self.bias.mul_(torch.exp2(before - self.log2_step))

    def codes(self) -> Tensor:
        """Returns the weights that hardware has, as floats."""
        step = torch.exp2(self.log2_step).reshape(-1, *[1] * (self.weight.dim() - 1))
        scaled = torch.clamp(self.weight / step, self.range.lo, self.range.hi)
        if self.digits is None:
            return round_through(scaled)
        allowed = few_digits(self.range.hi, self.digits, signed=True)
        return straight_to(nearest(scaled, allowed.to(scaled.dtype)), scaled)

    def values(self) -> Tensor:
        """Returns what inputs are multiplied by: codes * 2**-weight_fraction()."""
        return self.codes()

    def weight_format(self) -> tuple[IntRange, int]:
        """Returns the integers of weights, and their bits."""
        return self.range, self.bits

    def weight_width(self) -> Tensor:
        """Returns the bits of weights, as a real number that may be trained."""
        return torch.tensor(float(self.bits))

    def codes_of_width(self, bits: int) -> IntArray:
        """Returns the weights with another width, if there is a choice."""
        return integers_of(self.codes())

    def width(self, *x: Tensor) -> Tensor:
        """Returns the bits of sums, about."""
        return x[0] + self.weight_width() + log2(self.terms) / 2

    def weight_fraction(self) -> int:
        """Returns the places of weights behind the binary point."""
        return 0

    def bias_values(self) -> Tensor | None:
        """Returns what is added to sums, or None: multiples of 2**-bias_fraction()."""
        return None if self.bias is None else round_through(self.bias * self.bias_unit)

    def bias_fraction(self) -> int:
        """Returns the places of what is added behind the binary point."""
        return 0

    def fixed(self, *x: Fixed) -> Fixed:
        """Returns sums, with the places of the products, or of the bias where those are more."""
        (given,) = x
        products = Fixed(self.sums(given.codes), given.fraction + self.weight_fraction())
        added = self.bias_values()
        if added is None:
            return products
        places = self.bias_fraction()
        bias = Fixed(integers_of(added.double() * 2.0**places), places)
        fraction = max(products.fraction, bias.fraction)
        sums = products.at(fraction)
        return Fixed(sums + bias.at(fraction).reshape(-1, *[1] * (sums.ndim - 2)), fraction)

    def integers(self, *x: IntArray) -> IntArray:
        """Returns the codes of sums, for inputs that are integers."""
        return self.fixed(Fixed(x[0])).codes

    def sums(self, x: IntArray) -> IntArray:
        """Returns sums of products of codes."""
        raise NotImplementedError

    def reach(self, *x: float) -> float:
        """Returns what sums with these very weights can be."""
        rows = self.values().detach().double().abs().reshape(len(self.weight), -1).sum(1)
        added = self.bias_values()
        offset = 0.0 if added is None else float(added.detach().abs().max())
        return float(rows.max()) * x[0] + offset

    def spread(self, *x: float) -> float:
        """Chooses the step for the weights; returns that of sums of independent products.

        Biases are counted in it from then on.
        """
        self.fit_step()
        expected = sqrt(self.terms * float((self.values().detach() ** 2).mean())) * x[0]
        if self.bias is not None:
            with torch.no_grad():
                unit = max(1.0, expected)
                self.bias.mul_(self.bias_unit / unit)
                self.bias_unit.fill_(unit)
        return expected

    def _write(self, graph: OnnxGraph, operation: str, x: Sequence[str], **attributes: Any) -> str:
        """Adds the operation on [x, weights, any other operand, bias]."""
        places = self.weight_fraction()
        real = graph.constant("weight_values", integers_of(self.codes()) * 2.0**-places)
        weights = graph.quant(real, *self.weight_format(), "weight", fraction=places)
        inputs = [x[0], weights, *x[1:]]
        added = self.bias_values()
        if added is not None:
            inputs.append(graph.constant("bias", added.detach().cpu().numpy()))
        return graph.node(operation, inputs, **attributes)


class QuantLinear(LinearLayer):
    """A dense layer: integers x [batch, inputs] to exact sums [batch, outputs].

    Args:
        in_features: inputs.
        out_features: outputs.
        bits: of the weights.
        signed: whether weights have a sign.
        per_channel: whether each output has a step of its own.
        bias: whether an integer is added to each sum.
        digits: most signed digits of a weight; None for any number.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bits: int = 4,
        signed: bool = True,
        per_channel: bool = True,
        bias: bool = True,
        digits: int | None = None,
    ) -> None:
        shape = (out_features, in_features)
        super().__init__(
            shape, bits, signed=signed, per_channel=per_channel, bias=bias, digits=digits
        )

    def unfit(self, *shapes: Sequence[int]) -> tuple[str, str] | None:
        """Refuses what is not a batch of so many inputs."""
        inputs = self.weight.shape[1]
        if len(shapes[0]) == 2 and shapes[0][1] == inputs:
            return None
        remedy = "put a torch.nn.Flatten before it, or give it as many inputs"
        return takes(f"[batch, {inputs} inputs]", shapes[0], remedy)

    def forward(self, x: Tensor) -> Tensor:
        """Returns sums."""
        return functional.linear(x, self.values(), self.bias_values())

    def sums(self, x: IntArray) -> IntArray:
        """Returns sums of products of codes [batch, inputs]."""
        return x @ integers_of(self.codes()).T

    def write(self, graph: OnnxGraph, *x: str) -> str:
        """Adds a Gemm, its weights quantized."""
        return self._write(graph, "Gemm", x, transB=1)

    def extra_repr(self) -> str:
        """Returns what `print` shows."""
        outputs, inputs = self.weight.shape
        return f"{inputs}, {outputs}, bits={self.bits}"


class _Conv(LinearLayer):
    rank = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Extent,
        stride: Extent = 1,
        padding: Extent | str = 0,
        dilation: Extent = 1,
        groups: int = 1,
        *,
        bits: int = 4,
        signed: bool = True,
        per_channel: bool = True,
        bias: bool = True,
        digits: int | None = None,
    ) -> None:
        kernel, self.stride, self.dilation = (
            extents(value, self.rank, what)
            for value, what in (
                (kernel_size, "kernel_size"),
                (stride, "stride"),
                (dilation, "dilation"),
            )
        )
        reach = [step * (taps - 1) for step, taps in zip(self.dilation, kernel, strict=True)]
        self.padding = padding_of(padding, reach, self.stride)
        whole(groups, "groups", 1)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"channels must be multiples of groups, got {in_channels} and {out_channels} "
                f"channels in {groups} groups"
            )
        shape = (out_channels, in_channels // groups, *kernel)
        super().__init__(
            shape, bits, signed=signed, per_channel=per_channel, bias=bias, digits=digits
        )
        self.groups = groups
        self.kernel = kernel

    def unfit(self, *shapes: Sequence[int]) -> tuple[str, str] | None:
        """Refuses other channels, another number of dimensions, and windows that do not fit."""
        shape, channels = shapes[0], self.weight.shape[1] * self.groups
        extent = [d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True)]
        problem = unfit_space(self.rank, shape, extent, self.padding)
        if problem is None and shape[1] != channels:
            remedy = "let in_channels be as many as the layer before it makes"
            return takes(f"{channels} channels", shape, remedy)
        return problem

    def forward(self, x: Tensor) -> Tensor:
        """Returns sums."""
        apply = functional.conv1d if self.rank == 1 else functional.conv2d
        weights, added = self.values(), self.bias_values()
        return apply(x, weights, added, self.stride, self.padding, self.dilation, self.groups)

    def window(self) -> Window:
        """Returns the windows that sums are made of."""
        return Window(self.kernel, self.stride, self.dilation, self.padding, self.padding)

    def sums(self, x: IntArray) -> IntArray:
        """Returns sums of products of codes [batch, channels, *space]."""
        weights = np.moveaxis(integers_of(self.codes()), (0, 1), (-1, -2))
        images = np.moveaxis(x, 1, -1)
        magnitude = int(np.abs(images).max(initial=0))
        return np.moveaxis(
            convolve(images, weights, self.window(), self.groups, 0, magnitude), -1, 1
        )

    def write(self, graph: OnnxGraph, *x: str) -> str:
        """Adds a Conv, its weights quantized."""
        return self._write(graph, "Conv", x, **self.geometry())

    def geometry(self) -> dict[str, Any]:
        """Returns the attributes of ONNX that say which windows there are."""
        return {
            "kernel_shape": list(self.kernel),
            "strides": list(self.stride),
            "dilations": list(self.dilation),
            "pads": [*self.padding, *self.padding],
            "group": self.groups,
        }

    def extra_repr(self) -> str:
        """Returns what `print` shows."""
        outputs, inputs, *_ = self.weight.shape
        return (
            f"{inputs * self.groups}, {outputs}, {self.kernel}, stride={self.stride}, "
            f"padding={self.padding}, groups={self.groups}, bits={self.bits}"
        )


class QuantConv1d(_Conv):
    """A convolution over [batch, channels, time]; arguments as torch's, and `QuantLinear`'s."""

    rank = 1


class QuantConv2d(_Conv):
    """A convolution over [batch, channels, height, width]; arguments as `QuantConv1d`'s."""

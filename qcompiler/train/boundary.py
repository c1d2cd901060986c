"""Where real numbers become integers, and integers real numbers: on the host."""

from collections.abc import Sequence
from math import frexp, sqrt

import numpy as np
import torch
from torch import Tensor, nn

from qcompiler.arith.arrays import IntArray
from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError, Problem
from qcompiler.interpreters.numpy_ops import quantize
from qcompiler.train.arguments import bits_of, extents
from qcompiler.train.layer import Fixed, Layer, takes
from qcompiler.train.onnx_graph import OnnxGraph
from qcompiler.train.tensors import round_through


def power_of_two(value: float, what: str) -> float:
    """Returns `value`.

    Raises:
        ValueError: it is no power of two, so that dividing by it could round.
    """
    if not (value > 0 and frexp(value)[0] == 0.5):
        raise ValueError(
            f"{what} must be a power of two, which every runtime divides by exactly, got {value}; "
            f"give one, and scale the data before"
        )
    return value


class Input(Layer):
    """Makes integers of the network's input: clamp(round(x / scale), lo, hi), half to even.

    Args:
        bits: of the integers.
        signed: whether they have a sign.
        scale: of the input, a power of two.
        shape: of one input without the batch axis; None takes that of the first forward pass.

    Raises:
        ValueError: `scale` is no power of two, or other arguments are not possible.
    """

    def __init__(
        self,
        bits: int = 8,
        *,
        signed: bool = False,
        scale: float = 1.0,
        shape: int | Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.bits = bits_of(bits, "an input", signed=signed)
        self.range = IntRange.for_bits(bits, signed)
        self.scale = power_of_two(scale, "scale of an input")
        given = (shape,) if isinstance(shape, int) else shape
        self.shape = given if given is None else extents(given, len(given), "shape of an input")

    def unfit(self, *shapes: Sequence[int]) -> tuple[str, str] | None:
        """Refuses an input without its batch axis, or with another besides."""
        (given,) = shapes
        if self.shape is None or len(given) == 1 + len(self.shape):
            return None
        remedy = "give a batch, or say another Input(shape=...), which is that of one input"
        return takes(f"[batch, {', '.join(map(str, self.shape))}]", given, remedy)

    def forward(self, x: Tensor) -> Tensor:
        """Returns integers, of any shape."""
        self.shape = self.shape or tuple(x.shape[1:])
        return torch.clamp(round_through(x / self.scale), self.range.lo, self.range.hi)

    def integers(self, *x: Array) -> IntArray:
        """Returns the integers of real numbers, as drivers compute them."""
        one, zero = np.array([self.scale]), np.zeros(1, np.int64)
        return quantize(
            x[0].astype(np.float64), one, zero, None, "half_even", self.range.lo, self.range.hi
        )

    def width(self, *x: Tensor) -> Tensor:
        """Returns the bits of the type."""
        return torch.tensor(float(self.bits))

    def reach(self, *x: float) -> float:
        """Returns that of the type."""
        return float(max(-self.range.lo, self.range.hi))

    def spread(self, *x: float) -> float:
        """Returns that of evenly distributed integers."""
        return max(self.range.hi, 1) / sqrt(3)

    def write(self, graph: OnnxGraph, *x: str) -> str:
        """Adds a factor, unless it is one, and a quantizer."""
        source = x[0]
        if self.scale != 1:
            factor = graph.constant("factor", 1 / self.scale)
            source = graph.node("Mul", [source, factor], "scaled")
        return graph.quant(source, self.range, self.bits, "")

    def input_shape(self) -> tuple[int, ...]:
        """Returns the shape of one input.

        Raises:
            ModelError: nobody has said it.
        """
        if self.shape is None:
            what, remedy = "its shape is not known", "give Input(shape=...), or run the model once"
            raise ModelError([Problem(self.where(), what, remedy)])
        return self.shape

    def extra_repr(self) -> str:
        """Returns what `print` shows."""
        return f"{self.bits}, scale={self.scale}, shape={self.shape}"


class Output(Layer):
    """Makes real numbers of integers: y = scale * x, with a power of two that is trained.

    Args:
        log2_scale: at the start; None is chosen so that a score of the last layer is near one.
    """

    def __init__(self, log2_scale: float | None = None) -> None:
        super().__init__()
        self.is_given = log2_scale is not None
        self.log2_scale = nn.Parameter(torch.tensor(float(log2_scale or 0)))

    @property
    def scale(self) -> float:
        """The factor, which is exact in every arithmetic."""
        return 2.0 ** round(float(self.log2_scale.detach()))

    def forward(self, x: Tensor) -> Tensor:
        """Returns real numbers."""
        return x * torch.exp2(round_through(self.log2_scale))

    def integers(self, *x: IntArray) -> IntArray:
        """Returns the integers as they are: `scale` is the host's."""
        return x[0]

    def fixed(self, *x: Fixed) -> Fixed:
        """Returns the integers with their binary point moved by the scale."""
        return Fixed(x[0].codes, x[0].fraction - round(float(self.log2_scale.detach())))

    def reach(self, *x: float) -> float:
        """Returns that of the integers, times the scale."""
        return x[0] * self.scale

    def spread(self, *x: float) -> float:
        """Chooses the scale."""
        if not self.is_given:
            with torch.no_grad():
                self.log2_scale.fill_(round(np.log2(1 / max(x[0], 2**-20))))
        return x[0]

    def write(self, graph: OnnxGraph, *x: str) -> str:
        """Adds the factor."""
        return graph.node("Mul", [x[0], graph.constant("scale", self.scale)])

"""Where activations meet: sums and concatenations, each operand times a small trained integer.

    Add: M_1 * x_1 + M_2 * x_2 + ...      Concat: [M_1 * x_1, M_2 * x_2, ...]

with M_i = round(2**l_i), at most 2**multiplier_bits - 1. So branches with codes of different worth
meet exactly; a `Requantizer` behind makes one code of the sum. The gradient of M_i in l_i is
ln 2 * 2**l_i: rounding counts as the identity.
"""

from collections.abc import Sequence
from math import sqrt

import numpy as np
import torch
from torch import Tensor, nn

from qcompiler.arith.arrays import IntArray
from qcompiler.train.arguments import WIDEST, whole
from qcompiler.train.layer import Fixed, Layer
from qcompiler.train.onnx_graph import OnnxGraph
from qcompiler.train.tensors import integers_of, round_through


class _Joint(Layer):
    def __init__(self, operands: int = 2, *, multiplier_bits: int = 3) -> None:
        super().__init__()
        whole(operands, "operands", 2)
        self.largest = 2 ** whole(multiplier_bits, "multiplier_bits", 1, WIDEST) - 1
        self.log2_scale = nn.Parameter(torch.full((operands,), multiplier_bits - 1.0))

    def unfit(self, *shapes: Sequence[int]) -> tuple[str, str] | None:
        """Refuses other operands than those said, or of shapes that do not meet."""
        operands = self.log2_scale.numel()
        if len(shapes) != operands:
            what = f"it has {operands} operands, got {len(shapes)}"
            return what, f"make it as {self.kind}({len(shapes)})"
        if len({self._common(shape) for shape in shapes}) == 1:
            return None
        given = " and ".join(str(list(shape)) for shape in shapes)
        return f"its operands have shapes that do not meet, {given}", "give them one shape"

    def _common(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Returns what all operands have in common."""
        return tuple(shape)

    def multipliers(self) -> Tensor:
        """Returns the integer of each operand."""
        return torch.clamp(round_through(torch.exp2(self.log2_scale)), 1, self.largest)

    def _integers(self) -> list[int]:
        return integers_of(self.multipliers()).tolist()

    def _scaled(self, x: Sequence[Tensor]) -> list[Tensor]:
        factors = self.multipliers()
        return [each * factors[i] for i, each in enumerate(x)]

    def _scaled_integers(self, x: Sequence[IntArray]) -> list[IntArray]:
        return [each * factor for each, factor in zip(x, self._integers(), strict=True)]

    def width(self, *x: Tensor) -> Tensor:
        """Returns the bits of the widest operand, times its multiplier."""
        return torch.stack(list(x)).max() + np.log2(max(self._integers()))

    def fixed(self, *x: Fixed) -> Fixed:
        """Returns what meets at the finest of the binary points."""
        fraction = max(each.fraction for each in x)
        return Fixed(self.integers(*(each.at(fraction) for each in x)), fraction)

    def _write_scaled(self, graph: OnnxGraph, x: Sequence[str]) -> list[str]:
        found: list[str] = []
        for i, (each, factor) in enumerate(zip(x, self._integers(), strict=True)):
            constant = graph.constant(f"multiplier{i}", factor) if factor > 1 else ""
            found.append(graph.node("Mul", [each, constant], f"scaled{i}") if constant else each)
        return found

    def extra_repr(self) -> str:
        """Returns what `print` shows."""
        return f"{self.log2_scale.numel()} operands"


class Add(_Joint):
    """A sum of activations of one shape, each times a trained integer; see the module's formula.

    Args:
        operands: how many.
        multiplier_bits: of each integer; 1 adds the integers as they are.
    """

    def forward(self, *x: Tensor) -> Tensor:
        """Returns sums."""
        total, *rest = self._scaled(x)
        for each in rest:
            total = total + each
        return total

    def integers(self, *x: IntArray) -> IntArray:
        """Returns sums of integers."""
        return np.sum(self._scaled_integers(x), axis=0)

    def reach(self, *x: float) -> float:
        """Returns the sum."""
        return sum(each * m for each, m in zip(x, self._integers(), strict=True))

    def spread(self, *x: float) -> float:
        """Chooses multipliers that give all operands about the same weight."""
        if self.largest > 1:
            with torch.no_grad():
                worth = torch.log2(max(x) / torch.tensor([max(each, 2**-20) for each in x]))
                self.log2_scale.copy_(np.log2(self.largest + 1) - 1 + worth - worth.max())
                self.log2_scale.clamp_(min=0)
        scaled = [each * m for each, m in zip(x, self._integers(), strict=True)]
        return sqrt(sum(each**2 for each in scaled))

    def write(self, graph: OnnxGraph, *x: str) -> str:
        """Adds factors and sums."""
        total, *rest = self._write_scaled(graph, x)
        for each in rest:
            total = graph.node("Add", [total, each])
        return total


class Concat(_Joint):
    """Activations side by side along the channels, each times a trained integer.

    Args:
        operands: how many.
        multiplier_bits: of each integer; 1 leaves them as they are.
    """

    def _common(self, shape: Sequence[int]) -> tuple[int, ...]:
        return *shape[:1], *shape[2:]

    def forward(self, *x: Tensor) -> Tensor:
        """Returns activations [batch, all channels, *space]."""
        return torch.cat(self._scaled(x), 1)

    def integers(self, *x: IntArray) -> IntArray:
        """Returns integers [batch, all channels, *space]."""
        return np.concatenate(self._scaled_integers(x), axis=1)

    def reach(self, *x: float) -> float:
        """Returns the largest."""
        return max(each * m for each, m in zip(x, self._integers(), strict=True))

    def spread(self, *x: float) -> float:
        """Returns the mean of the operands."""
        return sqrt(sum((e * m) ** 2 for e, m in zip(x, self._integers(), strict=True)) / len(x))

    def write(self, graph: OnnxGraph, *x: str) -> str:
        """Adds factors and a Concat."""
        return graph.node("Concat", self._write_scaled(graph, x), axis=1)

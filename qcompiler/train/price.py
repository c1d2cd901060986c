"""What a model takes of a device, as a term of the loss: trained widths meet a budget.

The price is the compiler's own estimate of a network in full parallel: the adders of each layer's
products with its very weights (`analysis.area.pipelines`), and two look-up tables for each bit of
each channel that enters a requantizer. It is known at whole widths; between them it is a straight
line, so that

    dprice/dwidth = price(next width) - price(this width)

with the weights rounded to each. Windows, FIFOs and what adders share are not in it: what they come
to is known of a compiled design, and `Price.calibrate` adds it. Beside it stand effective bit
operations, the field's yardstick (HGQ, arXiv 2405.00645): the sum over all products with a weight
other than zero of the bits of the one factor times those of the other; we count the bits of the
layer, not of each weight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import floor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from warnings import catch_warnings, simplefilter

import torch
from torch import Tensor, nn

from qcompiler.analysis.area.pipelines import CODE_BIT, products
from qcompiler.arith.ranges import IntRange
from qcompiler.compiler import compile
from qcompiler.train.binary_point import Cast
from qcompiler.train.export import export, shapes_of
from qcompiler.train.graph import Step, trace
from qcompiler.train.linear import LinearLayer
from qcompiler.train.requantizer import Requantizer


@dataclass(frozen=True)
class Cost:
    """What a model takes, differentiable in the widths that are trained.

    Attributes:
        luts: look-up tables in full parallel, as the compiler guesses before it makes adders, and
            what the last `calibrate` found beside that.
        ebops: effective bit operations.
    """

    luts: Tensor
    ebops: Tensor


class Price:
    """Prices a model, again and again while it is trained.

    Args:
        model: made of layers of integers.

    Raises:
        ModelError: as `export`.

    Example:
        >>> from qcompiler import train
        >>> model = train.Sequential(
        ...     train.Input(4, shape=(8,)), train.FixedLinear(8, 4, bits=6, learned_width=True)
        ... )
        >>> price = Price(model)
        >>> loss = torch.relu(price().luts - 100) * 0.01  # a budget of 100 look-up tables
        >>> loss.backward()
        >>> bool(model[1].weight_point.fraction.grad > 0)
        True
        >>> price.calibrate()  # now and then: from here on it is that of the compiled design
    """

    def __init__(self, model: nn.Module) -> None:
        self._model, self._graph = model, trace(model)
        self._beside = 0.0

    @cached_property
    def _channels(self) -> dict[str, int]:
        """How many numbers each step makes at a place, by its name."""
        return {name: shape[1] for name, shape in shapes_of(self._graph).items()}

    def calibrate(self, **options: Any) -> None:
        """Compiles the model as it is, and adds from now on what its design takes beyond the price.

        So the price is that of the whole design, with windows and FIFOs, as `Design.report` says
        it, until widths change: call it from time to time, and at the end.

        Args:
            options: of `qcompiler.compile`, in place of one cycle a frame, which is full parallel.

        Raises:
            ModelError: as `export` and `qcompiler.compile`.
        """
        with TemporaryDirectory() as folder, catch_warnings():
            simplefilter("ignore")  # of runtimes that compute in float32
            path = export(self._model, Path(folder) / "model.onnx")
            asked: dict[str, Any] = {"cycles": 1, **options}
            design = compile(path, **asked)
        self._beside += design.report().area["LUT"] - float(self().luts.detach())

    def __call__(self) -> Cost:
        """Returns what the model takes with its weights and widths as they are.

        Raises:
            ModelError: the shape of an input is not known, as in `export`.
        """
        luts: list[Tensor] = [torch.tensor(self._beside)]
        ebops: list[Tensor] = [torch.zeros(())]

        def visit(step: Step, widths: Sequence[Tensor]) -> Tensor:
            layer = step.layer
            if isinstance(layer, LinearLayer):
                luts.append(_products(layer, widths[0]))
                nonzero = float((layer.codes().detach() != 0).sum())
                ebops.append(nonzero * layer.weight_width() * widths[0])
            elif isinstance(layer, (Cast, Requantizer)):
                luts.append(CODE_BIT * widths[0] * self._channels[step.name])
            return layer.width(*widths)

        self._graph.run(visit, {name: torch.zeros(()) for name in self._graph.inputs})
        return Cost(torch.stack(luts).sum(), torch.stack(ebops).sum())


def _products(layer: LinearLayer, x: Tensor) -> Tensor:
    """Returns the look-up tables of a layer's products, between four whole pairs of widths."""
    w = layer.weight_width()
    low_w, low_x = floor(float(w.detach())), floor(float(x.detach()))
    part_w, part_x = w - low_w, x - low_x
    corners = [[_luts(layer, low_w + i, low_x + j) for j in (0, 1)] for i in (0, 1)]
    first, second = (a + (b - a) * part_x for a, b in corners)
    return first + (second - first) * part_w


def _luts(layer: LinearLayer, weight_bits: int, bits: int) -> float:
    codes = layer.codes_of_width(weight_bits)
    matrix = codes.reshape(len(codes), -1).T
    return float(products(matrix, IntRange.for_bits(max(bits, 1), signed=False)).luts)

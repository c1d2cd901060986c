"""What every layer of integers answers for itself: its integers, their bounds, its ONNX nodes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from qcompiler.arith.arrays import FloatArray, IntArray
from qcompiler.errors import ModelError, Problem
from qcompiler.train.onnx_graph import OnnxGraph


def named_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Returns all modules in a model by their path; the model itself has the empty one."""
    return dict(cast("Iterator[tuple[str, nn.Module]]", model.named_modules()))


@dataclass(frozen=True, eq=False)
class Fixed:
    """Numbers as hardware has them: codes * 2**-fraction.

    Attributes:
        codes: integers, with the batch axis first.
        fraction: places behind the binary point.
    """

    codes: IntArray
    fraction: int = 0

    @property
    def numbers(self) -> FloatArray:
        """The real numbers."""
        return np.ldexp(self.codes.astype(np.float64), -self.fraction)

    def at(self, fraction: int) -> IntArray:
        """Returns the codes with so many places, which are no fewer."""
        return self.codes << (fraction - self.fraction)


class Layer(nn.Module):
    """A module that takes and makes integers, which are held in floats.

    Attributes:
        label: where the module is in its model, for messages.
    """

    label: str = ""

    def __init__(self) -> None:
        super().__init__()
        self.register_forward_pre_hook(_refuse_shapes)
        self.register_forward_hook(_refuse_nan)

    @property
    def kind(self) -> str:
        """What people call this module."""
        return type(self).__name__

    def integers(self, *x: IntArray) -> IntArray:
        """Returns what `forward` computes, in integers; arrays have the batch axis first."""
        raise NotImplementedError

    def fixed(self, *x: Fixed) -> Fixed:
        """Returns the same with binary points: layers leave it where it is, unless they say so."""
        return Fixed(self.integers(*(each.codes for each in x)), x[0].fraction)

    def unfit(self, *shapes: Sequence[int]) -> tuple[str, str] | None:
        """Returns why tensors of these shapes cannot enter, and what helps; None if they can.

        Shapes have the batch axis.
        """
        return None

    def reach(self, *x: float) -> float:
        """Returns a bound of the magnitude of what leaves, given those of what enters."""
        raise NotImplementedError

    def spread(self, *x: float) -> float:
        """Returns the root mean square to expect of what leaves, before training, given that of x.

        Layers that have a scale to choose choose it.
        """
        raise NotImplementedError

    def observe(self, *x: Tensor) -> None:
        """Chooses a scale from numbers that enter, before training, if it has one to choose so."""

    def width(self, *x: Tensor) -> Tensor:
        """Returns the bits of what leaves, given those of what enters; they may be trained."""
        return x[0]

    def write(self, graph: OnnxGraph, *x: str) -> str:
        """Adds nodes that compute this layer; returns the name of the tensor that they make."""
        raise NotImplementedError

    def where(self) -> str:
        """Returns how messages call this module."""
        return f"{self.label} ({self.kind})" if self.label else self.kind


def takes(what: str, shape: Sequence[int], remedy: str) -> tuple[str, str]:
    """Returns what `Layer.unfit` says of a tensor of another shape."""
    return f"it takes {what}, got {list(shape)}", remedy


def refuse_shapes(layer: Layer, where: str, shapes: Sequence[Sequence[int]]) -> None:
    """Refuses what cannot enter a layer.

    Raises:
        ModelError: the layer says why.
    """
    problem = layer.unfit(*shapes)
    if problem is not None:
        raise ModelError([Problem(where, *problem)])


def lost_parameters(layer: nn.Module) -> list[str]:
    """Returns the names of parameters that are no longer finite."""
    return [name for name, p in layer.named_parameters() if not bool(torch.isfinite(p).all())]


LOST = "lower the learning rate, or clip gradients, and start from the last good state"
"""What helps where numbers are lost in training."""


def _refuse_shapes(layer: nn.Module, args: tuple[object, ...]) -> None:
    assert isinstance(layer, Layer), "registered there"
    refuse_shapes(layer, layer.where(), [x.shape for x in args if isinstance(x, Tensor)])


_GIVEN = "look at the data, and at modules of torch before this one"


def _refuse_nan(layer: nn.Module, args: tuple[object, ...], output: Tensor) -> None:
    """Ends training where numbers are lost; while torch.compile traces, there are none to look at.

    Raises:
        ModelError: `output` holds what is no number.
    """
    if not layer.training or torch.compiler.is_compiling():
        return
    assert isinstance(layer, Layer), "registered there"
    # A sum is lost with any number, and is the quickest pass there is; it may overflow by itself.
    made = output.detach()
    if not bool(torch.isfinite(made.sum())) and not bool(torch.isfinite(made).all()):
        raise ModelError([Problem(layer.where(), *_lost(layer, args))])


def _lost(layer: Layer, given: tuple[object, ...]) -> tuple[str, str]:
    """Returns why what a layer makes is not finite, and what helps."""
    said = lost_parameters(layer)
    if said:
        return f"its {said[0]} is no longer finite", LOST
    # Layers before this one have looked at what they made.
    if any(isinstance(x, Tensor) and not bool(torch.isfinite(x).all()) for x in given):
        return "what it is given is not finite", _GIVEN
    return "its output is not finite", LOST

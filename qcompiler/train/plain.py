"""Modules of torch that work on integers as they are: what they compute, and their nodes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from torch import nn

from qcompiler.arith.arrays import IntArray
from qcompiler.arith.windows import Window
from qcompiler.interpreters.exact_windows import pool
from qcompiler.train.layer import Layer, takes
from qcompiler.train.onnx_graph import OnnxGraph


class _Plain(Layer):
    """Integers stay what they are, and are moved or chosen."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module

    @property
    def kind(self) -> str:
        """The name of torch's class."""
        return type(self.module).__name__

    def reach(self, *x: float) -> float:
        """Returns that of the input."""
        return x[0]

    def spread(self, *x: float) -> float:
        """Returns that of the input."""
        return x[0]


class _Identity(_Plain):
    def integers(self, *x: IntArray) -> IntArray:
        return x[0]

    def write(self, graph: OnnxGraph, *x: str) -> str:
        return x[0]


class _Flatten(_Plain):
    def unfit(self, *shapes: Sequence[int]) -> tuple[str, str] | None:
        elements = getattr(self.module, "elements", None)  # of a view of so many
        if elements in (None, prod(shapes[0][1:])):
            return None
        return takes(f"{elements} elements", shapes[0], "flatten as many as there are")

    def integers(self, *x: IntArray) -> IntArray:
        return x[0].reshape(len(x[0]), prod(x[0].shape[1:]))

    def write(self, graph: OnnxGraph, *x: str) -> str:
        return graph.node("Flatten", [x[0]], axis=1)


class _MaxPool(_Plain):
    def _window(self, rank: int) -> Window:
        module = self.module
        kernel, stride, dilation, padding = (
            (value,) * rank if isinstance(value, int) else tuple(value)
            for value in (module.kernel_size, module.stride, module.dilation, module.padding)
        )
        return Window(kernel, stride, dilation, padding, padding)

    def integers(self, *x: IntArray) -> IntArray:
        images = np.moveaxis(x[0], 1, -1)
        lowest = int(images.min(initial=0))
        return np.moveaxis(pool(images, self._window(x[0].ndim - 2), "max", lowest), -1, 1)

    def write(self, graph: OnnxGraph, *x: str) -> str:
        window = self._window(len(graph.shapes[x[0]]) - 2)
        return graph.node(
            "MaxPool",
            [x[0]],
            kernel_shape=list(window.kernel),
            strides=list(window.strides),
            dilations=list(window.dilations),
            pads=[*window.pads_begin, *window.pads_end],
        )


@dataclass(frozen=True)
class _Kind:
    types: tuple[type[nn.Module], ...]
    layer: Callable[[Any], Layer]
    allowed: Callable[[Any], bool] = lambda module: True


_KINDS: Sequence[_Kind] = (
    _Kind((nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d), _Identity),
    _Kind((nn.Flatten,), _Flatten, lambda m: (m.start_dim, m.end_dim) == (1, -1)),
    _Kind((nn.MaxPool1d, nn.MaxPool2d), _MaxPool, lambda m: not (m.ceil_mode or m.return_indices)),
)


def layer_of(module: nn.Module) -> Layer | None:
    """Returns a module as a layer of integers; None if it is none."""
    if isinstance(module, Layer):
        return module
    for kind in _KINDS:
        if isinstance(module, kind.types) and kind.allowed(module):
            return kind.layer(module)
    return None

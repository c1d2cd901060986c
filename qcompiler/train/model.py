"""Models of integer layers: naming them, choosing scales before training, running in integers."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from qcompiler.arith.arrays import IntArray
from qcompiler.train.graph import trace
from qcompiler.train.layer import Fixed, Layer, named_modules


def name_layers(model: nn.Module) -> None:
    """Tells each layer where it is, for messages."""
    for name, module in named_modules(model).items():
        if isinstance(module, Layer):
            module.label = name


def initialize(model: nn.Module, *example: Tensor) -> nn.Module:
    """Chooses the scales of a model before training, from its weights alone; returns the model.

    What is expected of a sum follows from the weights and from what enters: no data is needed. With
    an example, the binary points of activations are chosen from what it makes of that.

    Args:
        model: made of layers of integers.
        example: some inputs, real numbers, with the batch axis.

    Raises:
        ModelError: as `export`.
    """
    name_layers(model)
    graph = trace(model)
    graph.run(lambda step, x: step.layer.spread(*x), dict.fromkeys(graph.inputs, 1.0))
    if example:
        _observe(model, *example)
    return model


def _observe(model: nn.Module, *example: Tensor) -> None:
    """Shows each layer what enters it; those before it have chosen by then."""

    def show(layer: nn.Module, x: tuple[Tensor, ...]) -> None:
        assert isinstance(layer, Layer), "registered there"
        layer.observe(*x)

    layers = [module for module in model.modules() if isinstance(module, Layer)]
    hooks = [layer.register_forward_pre_hook(show) for layer in layers]
    training = model.training
    with torch.no_grad():
        model.eval()(*example)
    model.train(training)
    for hook in hooks:
        hook.remove()


def integers(model: nn.Module, *x: Tensor | np.ndarray[Any, Any]) -> IntArray:
    """Returns what a model computes, in integers: what `Design.predict` returns over its scale.

    Args:
        model: made of layers of integers.
        x: inputs, real numbers, with the batch axis.

    Raises:
        ModelError: as `export`.
    """
    return fixed(model, *x).codes


def fixed(model: nn.Module, *x: Tensor | np.ndarray[Any, Any]) -> Fixed:
    """Returns what a model computes, in integers, and where their binary point is.

    Raises:
        ModelError: as `export`; or a layer cannot take the shape that it is given.
        ValueError: the model has another number of inputs.
    """
    graph = trace(model)
    if len(x) != len(graph.inputs):
        raise ValueError(
            f"the model has {len(graph.inputs)} inputs ({', '.join(graph.inputs)}), got {len(x)}"
        )
    arrays = [a.detach().cpu().double().numpy() if isinstance(a, Tensor) else a for a in x]
    given = {name: Fixed(np.asarray(a)) for name, a in zip(graph.inputs, arrays, strict=True)}
    return graph.run(lambda step, values: step.fixed(values), given)


class Model(nn.Module):
    """A module whose layers are named in messages, with `integers` and `initialize` as methods.

    Call `initialize` once all layers are there; `Sequential` does so itself.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.register_forward_pre_hook(_name_once)

    def integers(self, *x: Tensor | np.ndarray[Any, Any]) -> IntArray:
        """Returns what the model computes, in integers; see `integers`."""
        return integers(self, *x)

    def initialize(self, *example: Tensor) -> None:
        """Chooses scales before training; see `initialize`."""
        initialize(self, *example)


def _name_once(model: nn.Module, _args: object) -> None:
    if not torch.compiler.is_compiling():
        name_layers(model)


class Sequential(Model, nn.Sequential):
    """Layers one after the other, with their scales chosen."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__(*layers)
        self.initialize()

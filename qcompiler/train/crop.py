"""Removes channels of a float model before it is trained; see `qcompiler.cropping`.

>>> import torch
>>> from torch import nn
>>> model = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU(),
...                       nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))
>>> small = crop(model, torch.zeros(1, 1, 8, 8), keep=0.25, densities="convex")
>>> [tuple(layer.weight.shape) for layer in (small[0], small[2], small[6])]
[(10, 1, 3, 3), (11, 10, 3, 3), (10, 11)]
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, Literal, cast

import torch.fx
from torch import Tensor, nn
from torch.fx.passes.shape_prop import ShapeProp

from qcompiler.cropping.densities import convex
from qcompiler.cropping.groups import (
    Channels,
    Group,
    Kept,
    Span,
    Spans,
    Taker,
    elements,
    flattened,
    made_by_layer,
    strongest,
    tie,
    unknown,
    weights_left,
)
from qcompiler.cropping.widths import Widths, within
from qcompiler.errors import ModelError, Problem
from qcompiler.train.functions import CONCATENATING, concatenated, name_of
from qcompiler.train.layer import named_modules
from qcompiler.train.synaptic_flow import Flow

Densities = Literal["synflow", "convex"]
_LINEAR = (nn.Conv1d, nn.Conv2d, nn.Linear)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
_PASSING = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.Hardtanh, nn.Sigmoid, nn.Tanh, nn.Identity),
    *(nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d),
    *(nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.Hardsigmoid, nn.Hardswish),
)
_PASSING_FUNCTIONS = (
    *("relu", "relu6", "leaky_relu", "gelu", "silu", "sigmoid", "tanh", "hardtanh", "hardswish"),
    *("dropout", "max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d"),
    *("adaptive_avg_pool1d", "adaptive_avg_pool2d", "contiguous"),
)
_FLATTENING = ("flatten", "view", "reshape")
_MEETING = ("add", "iadd", "sub", "isub", "mul", "imul")


def crop(
    model: nn.Module,
    example: Tensor,
    keep: float = 0.5,
    *,
    densities: Densities = "synflow",
    multiple: int = 1,
) -> nn.Module:
    """Returns a model with fewer channels, to be trained; those with most synaptic flow stay.

    Args:
        model: of torch.nn's layers, float; it is not changed.
        example: one input or more, with the batch axis.
        keep: share of the weights of convolutions and dense layers that stay, about, in (0, 1].
        densities: of layers: `synflow` from this model's weights, `convex` from sizes alone.
        multiple: that widths are a multiple of, where it divides the channels that there are.

    Raises:
        ModelError: channels meet what is not known to keep them apart; all such places.
        ValueError: `keep` is outside (0, 1], or less than the smallest crop.
    """
    widths = cropped_widths(model, example, keep, densities=densities, multiple=multiple)
    layers = widths.channels.layers
    scores = {
        name: score.numpy()
        for name, score in Flow(model, example, [layer.name for layer in layers]).scores().items()
    }
    return without(model, widths.channels.takers, strongest(widths.kept, layers, scores))


def without(model: nn.Module, takers: Sequence[Taker], kept: Kept) -> nn.Module:
    """Returns a model with the channels that are kept alone.

    Args:
        model: is not changed.
        takers: all of its modules that have parameters of channels.
        kept: channels of each group.
    """
    small = copy.deepcopy(model)
    modules = named_modules(small)
    for taker in takers:
        _slice(modules[taker.name], taker, kept)
    return small


def cropped_widths(
    model: nn.Module,
    example: Tensor,
    keep: float,
    *,
    densities: Densities = "synflow",
    multiple: int = 1,
) -> Widths:
    """Returns how many channels `crop` leaves; arguments and errors are the same."""
    channels = _channels_of(model, example)
    layers = channels.layers
    if densities == "convex" or not 0 < keep <= 1:
        found = convex([layer.weights for layer in layers], keep)
    else:
        found = Flow(model, example, [layer.name for layer in layers]).densities(keep)
    return within(channels, found, keep, multiple)


def _slice(module: Any, taker: Taker, kept: Kept) -> None:
    """Leaves out of a module's parameters what is of channels that go."""
    made, taken = (torch.tensor(elements(s, kept)) for s in (taker.made, taker.taken))
    if not taker.weights:
        for name in ("weight", "bias", "running_mean", "running_var"):
            _cut(module, name, lambda values: values[made])
        module.num_features = len(made)
        return
    _cut(module, "weight", lambda values: torch.tensor(weights_left(values.numpy(), taker, kept)))
    _cut(module, "bias", lambda values: values[made])
    if taker.is_depthwise:
        module.groups = len(taken)
    if isinstance(module, nn.Linear):
        module.in_features, module.out_features = len(taken), len(made)
    else:
        module.in_channels, module.out_channels = len(taken), len(made)


def _cut(module: Any, name: str, part: Callable[[Tensor], Tensor]) -> None:
    values = cast("Tensor | None", getattr(module, name, None))
    if values is None:
        return
    left = part(values.detach().cpu()).clone().to(values.device)
    setattr(module, name, nn.Parameter(left) if isinstance(values, nn.Parameter) else left)


def _channels_of(model: nn.Module, example: Tensor) -> Channels:
    """Returns the groups of a model.

    Raises:
        ModelError: something in the model has channels of which nothing is known; all such places.
        ValueError: the example has no channels.
    """
    if example.dim() < 2:
        raise ValueError(f"example must have a batch axis and channels, got {example.dim()} axes")
    traced = torch.fx.symbolic_trace(copy.deepcopy(model).eval())
    with torch.no_grad():
        ShapeProp(traced).propagate(example)
    reader = _Reader(named_modules(traced))
    for node in traced.graph.nodes:
        reader.read(node)
    if reader.problems:
        raise ModelError(reader.problems)
    if not reader.found.layers:
        what = "has no convolution and no dense layer"
        raise ModelError([Problem(type(model).__name__, what, "crop a model that has some")])
    return reader.found


def _shape(node: torch.fx.Node) -> tuple[int, ...]:
    return tuple(node.meta["tensor_meta"].shape)


class _Reader:
    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        self.modules = modules
        self.spans: dict[torch.fx.Node, Spans] = {}
        self.found = Channels()
        self.problems: list[Problem] = []

    def read(self, node: torch.fx.Node) -> None:
        """Notes the spans of what a node makes."""
        if node.op != "output" and "tensor_meta" not in node.meta:
            return  # a number: of a shape, say
        given = [each for each in node.all_input_nodes if "tensor_meta" in each.meta]
        known = [self.spans[each] for each in given if each in self.spans]
        if len(known) < len(given):
            return  # behind a problem
        if node.op == "placeholder":
            self.spans[node] = (Span(Group(_shape(node)[1], is_fixed=True)),)
        elif node.op == "output":
            for span in (span for spans in known for span in spans):
                span.group.root().is_fixed = True
        elif node.op == "call_module":
            self._module(node, str(node.target), known[0])
        elif node.op == "get_attr":
            self._unknown(str(node.target), "a parameter outside of torch.nn's layers")
        else:
            self._function(node, name_of(node), known)

    def _module(self, node: torch.fx.Node, name: str, given: Spans) -> None:
        module: Any = self.modules[name]
        before = [taker for taker in self.found.takers if taker.name == name]
        if before and tie([before[0].taken, given]):  # a layer that is called twice
            self.spans[node] = before[0].made
        elif isinstance(module, nn.Linear) and len(_shape(node)) > 2:
            self._unknown(name, "a dense layer along the last of more than two axes")
        elif isinstance(module, _LINEAR):
            groups = getattr(module, "groups", 1)
            made = made_by_layer(given, len(module.weight), groups)
            if made is None:
                what = "its groups do not fit the channels that enter"
                remedy = "let it be dense, depthwise, or take what one layer makes"
                self.problems.append(Problem(f"{name} ({type(module).__name__})", what, remedy))
                return
            self.found.takers.append(Taker(name, given, made, module.weight.numel(), groups))
            self.spans[node] = made
        elif isinstance(module, _NORMS):
            self.found.takers.append(Taker(name, given, given))
            self.spans[node] = given
        elif isinstance(module, nn.Flatten) and (module.start_dim, module.end_dim) == (1, -1):
            self.spans[node] = flattened(given, prod(_shape(node.all_input_nodes[0])[2:]))
        elif isinstance(module, _PASSING):
            self.spans[node] = given
        else:
            self._unknown(name, type(module).__name__)

    def _function(self, node: torch.fx.Node, name: str, given: Sequence[Spans]) -> None:
        if name in _PASSING_FUNCTIONS or (name == "mean" and 1 not in _dimensions(node)):
            self.spans[node] = given[0]
        elif name in _FLATTENING and _is_flat(node):
            self.spans[node] = flattened(given[0], prod(_shape(node.all_input_nodes[0])[2:]))
        elif name in CONCATENATING and (tensors := concatenated(node, 1, 1 - len(_shape(node)))):
            self.spans[node] = tuple(span for each in tensors for span in self.spans[each])
        elif name in _MEETING and tie(given):
            self.spans[node] = given[0]
        else:
            self._unknown(node.name, name)

    def _unknown(self, where: str, kind: str) -> None:
        self.problems.append(unknown(f"{where} ({kind})", kind))


def _is_flat(node: torch.fx.Node) -> bool:
    """Whether a value has its batch axis and one other, after the first of its sources."""
    before, after = _shape(node.all_input_nodes[0]), _shape(node)
    return after == (before[0], prod(before[1:]))


def _dimensions(node: torch.fx.Node) -> tuple[int, ...]:
    said: Any = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 1)
    given = (said,) if isinstance(said, int) else tuple(said)
    rank = len(_shape(node.all_input_nodes[0]))
    return tuple(each % rank for each in given)

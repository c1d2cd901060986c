"""Functions and methods of torch, as the modules that compute the same."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch.fx
from torch import nn


class FlattenTo(nn.Flatten):
    """Flattens all axes but the batch's, which have so many elements.

    Attributes:
        elements: of one entry of the batch.
    """

    def __init__(self, elements: int) -> None:
        super().__init__()
        self.elements = elements


_POOL = ("kernel_size", "stride", "padding")
_MAX = (*_POOL, "dilation", "ceil_mode", "return_indices")
_AVERAGE = (*_POOL, "ceil_mode", "count_include_pad")


def _dropout(p: float = 0.5, **_: Any) -> nn.Module:
    return nn.Dropout(p)


def _flatten(start_dim: int = 0, end_dim: int = -1) -> nn.Module:
    return nn.Flatten(start_dim, end_dim)


_FUNCTIONS: Mapping[str, tuple[Sequence[str], Callable[..., nn.Module]]] = {
    "relu": (("inplace",), nn.ReLU),
    "relu6": (("inplace",), nn.ReLU6),
    "dropout": (("p", "training", "inplace"), _dropout),
    "max_pool1d": (_MAX, nn.MaxPool1d),
    "max_pool2d": (_MAX, nn.MaxPool2d),
    "avg_pool1d": (_AVERAGE, nn.AvgPool1d),
    "avg_pool2d": ((*_AVERAGE, "divisor_override"), nn.AvgPool2d),
    "adaptive_avg_pool1d": (("output_size",), nn.AdaptiveAvgPool1d),
    "adaptive_avg_pool2d": (("output_size",), nn.AdaptiveAvgPool2d),
    "flatten": (("start_dim", "end_dim"), _flatten),
    "contiguous": ((), nn.Identity),
}
"""What is called: its arguments behind the tensor, and the module made of them."""


CONCATENATING = ("cat", "concat", "concatenate")
"""What torch calls tensors side by side."""


def name_of(node: torch.fx.Node) -> str:
    """Returns what a node calls: `relu` for torch.relu, functional.relu, relu_ and x.relu()."""
    return str(getattr(node.target, "__name__", node.target)).strip("_")


def module_of(node: torch.fx.Node) -> nn.Module | None:
    """Returns the module that computes what a call does; None if it is not known."""
    name = name_of(node)
    if name in ("view", "reshape"):
        return _reshaped(node)
    if name not in _FUNCTIONS:
        return None
    names, make = _FUNCTIONS[name]
    given: dict[str, Any] = dict(zip(names, node.args[1:], strict=False))
    given |= {key: value for key, value in node.kwargs.items() if key != "input"}
    if any(isinstance(value, torch.fx.Node) for value in given.values()):
        return None
    try:
        return make(**given)
    except TypeError:
        return None


def _reshaped(node: torch.fx.Node) -> nn.Module | None:
    """Returns what flattens all but the batch, where x.view or x.reshape does that."""
    extents: Sequence[Any] = node.args[1:]
    if len(extents) == 1 and isinstance(extents[0], (tuple, list)):
        extents = cast(Sequence[Any], extents[0])
    if len(extents) != 2:
        return None
    batch, elements = extents
    is_batch = batch == -1 or (isinstance(batch, torch.fx.Node) and is_size(batch))
    if not is_batch or not isinstance(elements, int):
        return None
    return FlattenTo(elements) if elements > 0 else nn.Flatten() if batch != -1 else None


def is_size(node: torch.fx.Node) -> bool:
    """Whether a node is a shape, or the batch's extent in one: no tensor."""
    name = name_of(node)
    if name == "size":
        return node.args[1:] in ((), (0,))
    if name == "getattr":
        return node.args[1] == "shape"
    given = node.args[0] if node.args else None
    if name != "getitem" or not isinstance(given, torch.fx.Node):
        return False
    return bool(node.args[1] == 0) and is_size(given)


def tensors_of(node: torch.fx.Node) -> list[torch.fx.Node]:
    """Returns the tensors that a call takes, each once."""
    return [given for given in node.all_input_nodes if not is_size(given)]


def operands_of(node: torch.fx.Node) -> list[torch.fx.Node] | None:
    """Returns what a sum or a concatenation along axis 1 has, in order; None if it is neither.

    A tensor that is given twice is there twice.
    """
    name, options = name_of(node), dict(node.kwargs)
    if name in CONCATENATING:
        return concatenated(node, 1)
    if name not in ("add", "iadd"):
        return None
    found = [*node.args, *([options.pop("other")] if "other" in options else [])]
    is_plain = len(found) == 2 and options.pop("alpha", 1) == 1
    nodes = [each for each in found if isinstance(each, torch.fx.Node)]
    return nodes if is_plain and not options and len(nodes) == 2 else None


def concatenated(node: torch.fx.Node, *axes: int) -> list[torch.fx.Node] | None:
    """Returns the tensors that a concatenation has side by side, in order, as often as given.

    Args:
        node: of `CONCATENATING`.
        axes: all names of the one along which it may be.

    Returns:
        None if it is along another, or not of a list of tensors.
    """
    options = dict(node.kwargs)
    names = (("tensors",), ("dim", "axis"))
    given = [*node.args]
    for known in names[len(given) :]:
        given += [options.pop(name) for name in known if name in options]
    tensors, axis = given if len(given) == 2 else (None, 0)
    if options or axis not in axes or not isinstance(tensors, (list, tuple)):
        return None
    found = cast("Sequence[Any]", tensors)
    nodes = [each for each in found if isinstance(each, torch.fx.Node)]
    return nodes if len(nodes) == len(found) else None

"""Networks of the study of cropping: which weights or channels go, and how all are trained.

A float network is drawn, loses weights or channels, is trained, made a network of integers of 4
bits and trained on. Everything but what goes is equal: images, epochs, steps, order of batches.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.float_networks import Task, digits, fashion
from qcompiler import train
from qcompiler.cropping.groups import Group
from qcompiler.train.crop import without
from qcompiler.train.linear import LinearLayer
from qcompiler.train.synaptic_flow import Flow

DENSE = "dense"
CROPPED = "cropped, synaptic flow"
ROUNDED = "cropped, synaptic flow, widths rounded"
UNSTRUCTURED = "weights, synaptic flow"
METHODS = (
    *(CROPPED, ROUNDED, "cropped, convex program", "cropped at random"),
    *(UNSTRUCTURED, "weights at random"),
)
KEEPS = (0.25, 0.5, 0.75)
MULTIPLES = {"digits": 2, "fashion": 4}
"""That widths are rounded to, by task: a quarter of the first layer's."""
EPOCHS: Mapping[str, tuple[int, int]] = {"digits": (8, 5), "fashion": (1, 1)}
"""In float, and in integers, by task."""
RATES = (0.01, 0.003)
"""Largest steps of Adam, likewise."""
BITS = 4
_BATCH = 64
_EXAMPLES = 256
_CHECKED = 20
_IMAGES = 6_000
"""Of Fashion-MNIST, the first, to train with."""
_LAYERS = (nn.Conv2d, nn.Linear)

Masks = Mapping[str, Tensor]
"""Ones where weights stay, by the layer's name."""


def tasks() -> list[Task]:
    """Returns digits, and Fashion-MNIST where it is installed; inputs are pixels of 0 to 255."""
    found = fashion(_IMAGES, pixels=True)
    if found is None:
        return [digits(pixels=True)]
    (x, y), (tx, ty) = found.train, found.test
    whole = ((np.rint(255 * x), y), (np.rint(255 * tx), ty))
    return [digits(pixels=True), Task("fashion", *whole, found.epochs, found.channels)]


def name_of(task: Task) -> str:
    """Returns `digits` or `fashion`."""
    return task.name.split(",")[0]


def _block(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]


def network(task: Task) -> nn.Sequential:
    """Returns a float network of three convolutions and a dense layer, not trained."""
    if name_of(task) == "digits":
        first = [*_block(1, 8), nn.MaxPool2d(2), *_block(8, 16), *_block(16, 16)]
        return nn.Sequential(*first, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 10))
    first = [*_block(1, 16, 2), *_block(16, 32, 2), *_block(32, 32)]
    return nn.Sequential(*first, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(288, 10))


def reduced(task: Task, method: str, keep: float, seed: int) -> tuple[nn.Module, Masks]:
    """Returns a network that lost channels, or masks of its weights; not trained."""
    torch.manual_seed(seed)
    model = network(task)
    example = torch.from_numpy(task.train[0][:1])
    layers = [name for name, module in model.named_modules() if isinstance(module, _LAYERS)]
    if method == UNSTRUCTURED:
        return model, Flow(model, example, layers).masks(keep)
    if method == "weights at random":
        return model, _random_masks(model, layers, keep)
    if method == "cropped at random":
        return _at_random(model, example, keep), {}
    if method == DENSE:
        return model, {}
    densities = "convex" if method == "cropped, convex program" else "synflow"
    multiple = MULTIPLES[name_of(task)] if method == ROUNDED else 1
    return train.crop(model, example, keep, densities=densities, multiple=multiple), {}


def _random_masks(model: nn.Module, layers: Sequence[str], keep: float) -> Masks:
    shapes = [model.get_submodule(name).get_parameter("weight").shape for name in layers]
    sizes = [shape.numel() for shape in shapes]
    mask = torch.zeros(sum(sizes))
    mask[torch.randperm(len(mask))[: round(keep * len(mask))]] = 1
    parts = torch.split(mask, sizes)
    return {n: p.reshape(s) for n, p, s in zip(layers, parts, shapes, strict=True)}


def _at_random(model: nn.Module, example: Tensor, keep: float) -> nn.Module:
    """Returns a network without channels, drawn one after the other; each layer keeps one."""
    channels = train.cropped_widths(model, example, 1.0).channels
    allowed = keep * sum(layer.weights for layer in channels.layers)
    kept = {group: np.arange(group.channels) for group in channels.groups()}
    listed = [(g, each) for g in kept if not g.is_fixed for each in range(g.channels)]

    def left() -> int:
        counts: dict[Group, int] = {group: len(found) for group, found in kept.items()}
        return sum(layer.left(counts) for layer in channels.layers)

    for at in torch.randperm(len(listed)).tolist():
        if left() <= allowed:
            break
        group, each = listed[at]
        if len(kept[group]) > 1:
            kept[group] = kept[group][kept[group] != each]
    return without(model, channels.takers, kept)


def trained(task: Task, method: str, keep: float, seed: int, path: Path) -> dict[str, Any]:
    """Trains a network, writes it as QONNX; returns what was found.

    Returns:
        right: share of the test images told, by integers.
        float: the same before it was of integers.
        weights: that may be other than zero.
        nonzero: that are other than zero, as integers.
        layers: output channels, and those of them without any weight.
    """
    model, masks = reduced(task, method, keep, seed)
    x, tx = (torch.from_numpy(part[0]) for part in (task.train, task.test))
    floats, integers = EPOCHS[name_of(task)]
    layers = [module for module in model.modules() if isinstance(module, _LAYERS)]
    kept = list(masks.values()) or [torch.ones_like(layer.weight) for layer in layers]
    kept = [mask.float() for mask in kept]
    torch.manual_seed(1000 + seed)
    _fit(model, task, floats, RATES[0], list(zip(layers, kept, strict=True)))
    with torch.no_grad():
        before = (model(tx).argmax(1).numpy() == task.test[1]).mean()
    input_bits = 5 if name_of(task) == "digits" else 8
    config = train.Config(BITS, BITS, input_bits=input_bits)
    made = train.quantize_modules(model, config, x[:_EXAMPLES])
    whole = [module for module in made.modules() if isinstance(module, LinearLayer)]
    _fit(made, task, integers, RATES[1], list(zip(whole, kept, strict=True)))
    with torch.no_grad():
        codes = made(tx)  # integers, too
    assert (codes[:_CHECKED].numpy() == train.fixed(made, tx[:_CHECKED]).numbers).all()
    told = codes.argmax(1).numpy()
    train.export(made, path)
    weights = [layer.codes().detach() for layer in whole]
    return {
        "right": float((told == task.test[1]).mean()),
        "float": float(before),
        "weights": int(sum(mask.sum() for mask in kept)),
        "nonzero": int(sum((codes != 0).sum() for codes in weights)),
        "layers": [(len(mask), _empty(mask)) for mask in kept],
    }


def _empty(mask: Tensor) -> int:
    return int((mask.flatten(1).sum(1) == 0).sum())


def _fit(
    model: nn.Module, task: Task, epochs: int, rate: float,
    masked: Sequence[tuple[Any, Tensor]],
) -> None:  # fmt: skip
    """Trains; weights whose mask is zero are zero before and after each step."""
    x, y = (torch.from_numpy(part) for part in task.train)
    optimizer = torch.optim.Adam(model.parameters(), rate)
    steps = epochs * (len(x) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(_BATCH)[: len(x) // _BATCH]:
            _mask(masked)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
            schedule.step()
    _mask(masked)
    model.eval()


def _mask(masked: Sequence[tuple[Any, Tensor]]) -> None:
    with torch.no_grad():
        for layer, mask in masked:
            layer.weight.mul_(mask)


Run = tuple[Task, str, float, int]
"""A task, a method, a share that stays, a seed."""


def ways() -> list[tuple[str, float]]:
    """Returns the methods and shares of the study."""
    return [(DENSE, 1.0), *((method, keep) for keep in KEEPS for method in METHODS)]


def key(task: str, method: str, keep: float, seed: int) -> str:
    """Returns the name of a training."""
    return f"{task} | {method} | {keep:.0%} | {seed}"

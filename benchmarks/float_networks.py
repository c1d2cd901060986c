"""Two small float networks that are trained here: digits of scikit-learn, and Fashion-MNIST."""

import gzip
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from sklearn.datasets import load_digits
from torch import nn

from qcompiler.dialects.attributes import Array

FASHION = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist has its files."""


@dataclass(frozen=True)
class Task:
    """Images [count, 1, rows, columns] and their classes."""

    name: str
    train: tuple[Array, Array]
    test: tuple[Array, Array]
    epochs: int
    channels: int
    attack: float = 0.0
    """By how much each number of a training image is changed against the network."""
    reach: tuple[float, float] | None = None
    """The least and the greatest number that a pixel can have; None where they are normalized."""


def digits(*, pixels: bool = False) -> Task:
    """The 8 x 8 digits of scikit-learn: 1,297 to train with, 500 to test.

    Args:
        pixels: whether numbers are as stored, 0 to 16; or of mean zero and deviation one.
    """
    found: Any = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    x, y = found.images[order][:, None], found.target[order]
    parts = x[:-500], y[:-500], x[-500:], y[-500:]
    return _task("digits", parts, 30, 8, (16.0, 16.0) if pixels else None)


def fashion(train: int = 12_000, test: int = 2_000, *, pixels: bool = False) -> Task | None:
    """The first images of Fashion-MNIST; None where Debian's package is not installed.

    Args:
        train: how many to train with.
        test: how many to test with.
        pixels: whether numbers are of 0 to 1; or of mean zero and deviation one.
    """
    if not FASHION.exists():
        return None
    x, y = _idx("train-images-idx3"), _idx("train-labels-idx1")
    tx, ty = _idx("t10k-images-idx3"), _idx("t10k-labels-idx1")
    parts = x[:train, None], y[:train], tx[:test, None], ty[:test]
    return _task("fashion", parts, 4, 16, (255.0, 1.0) if pixels else None)


def _idx(name: str) -> Array:
    with gzip.open(FASHION / f"{name}-ubyte.gz") as file:
        data = file.read()
    rank = data[3]
    shape = np.frombuffer(data, ">i4", rank, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def _task(
    name: str, parts: tuple[Array, Array, Array, Array], epochs: int, width: int,
    white: tuple[float, float] | None,
) -> Task:  # fmt: skip
    """Returns a task of pixels: as stored and here, white is; or if that is None, normalized."""
    x, y, tx, ty = parts
    mean, scale = (float(x.mean()), float(x.std())) if white is None else (0.0, white[0] / white[1])
    images = [((part - mean) / scale).astype(np.float32) for part in (x, tx)]
    train, test = (images[0], y.astype(np.int64)), (images[1], ty.astype(np.int64))
    if white is None:
        return Task(name, train, test, epochs, width)
    return Task(f"{name}, pixels", train, test, epochs, width, reach=(0.0, white[1]))


class _Block(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Any) -> Any:
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(x + self.norm2(self.conv2(y)))


def network(width: int, stride: int) -> nn.Module:
    """A residual network: three convolutions with stride or more channels, two blocks, a mean."""
    return nn.Sequential(
        nn.Conv2d(1, width, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        _Block(width),
        nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        _Block(2 * width),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2 * width, 10),
    )


def trained(task: Task, path: Path, seed: int = 0) -> Path:
    """Trains a network of a task, and writes it as torch exports it, batch norms and all."""
    torch.manual_seed(seed)
    x, y = (torch.from_numpy(part) for part in task.train)
    net = network(task.channels, 2 if x.shape[-1] > 8 else 1)
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=1e-2)
    steps = task.epochs * (len(x) // 64)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(task.epochs):
        order = torch.randperm(len(x))
        for start in range(0, len(x) - 63, 64):
            chosen = order[start : start + 64]
            images = x[chosen]
            if task.attack:
                images = _worse(net, images, y[chosen], task.attack)
            loss = nn.functional.cross_entropy(net(images), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    export(net.eval(), x[:1], path)
    return path


def _worse(net: nn.Module, x: Any, y: Any, by: float) -> Any:
    """Returns images that were moved along the signs of the loss's gradient.

    Source: Goodfellow et al., "Explaining and Harnessing Adversarial Examples", ICLR 2015.
    """
    x = x.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(nn.functional.cross_entropy(net(x), y), x)
    return (x + by * slope.sign()).detach()


def attacked(path: Path, task: Task, count: int, by: float = 0.2) -> Array:
    """Returns test images that are hard for a network that was trained here."""
    x, y = (torch.from_numpy(part[:count]) for part in task.test)
    return _worse(of_file(path, task), x, y, by).numpy()


def of_file(path: Path, task: Task) -> nn.Module:
    """Returns the network that was exported."""
    arrays = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    net = network(task.channels, 2 if task.train[0].shape[-1] > 8 else 1)
    state = net.state_dict()
    for name in state:
        if not name.endswith("num_batches_tracked"):
            state[name] = torch.from_numpy(np.array(arrays[name]))
    net.load_state_dict(state)
    return net.eval()


def export(net: nn.Module, example: Any, path: Path) -> None:
    """Writes a network with its batch norms."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net,
            (example,),
            path,
            dynamo=False,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
            input_names=["image"],
            output_names=["scores"],
            dynamic_axes={"image": {0: "N"}},
            opset_version=17,
        )

"""Two small float networks that are trained here: digits of scikit-learn, and Fashion-MNIST."""

import gzip
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from qcompiler.dialects.attributes import Array

FASHION = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist has its files."""


@dataclass(frozen=True)
class Task:
    """Images [count, 1, rows, columns] of mean zero and deviation one, and their classes."""

    name: str
    train: tuple[Array, Array]
    test: tuple[Array, Array]
    epochs: int
    channels: int


def digits() -> Task:
    """The 8 x 8 digits of scikit-learn: 1,297 to train with, 500 to test."""
    found: Any = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    x, y = found.images[order][:, None], found.target[order]
    return _task("digits", x[:-500], y[:-500], x[-500:], y[-500:], 30, 8)


def fashion(train: int = 12_000, test: int = 2_000) -> Task | None:
    """The first images of Fashion-MNIST; None where Debian's package is not installed."""
    if not FASHION.exists():
        return None
    x, y = _idx("train-images-idx3"), _idx("train-labels-idx1")
    tx, ty = _idx("t10k-images-idx3"), _idx("t10k-labels-idx1")
    return _task("fashion", x[:train, None], y[:train], tx[:test, None], ty[:test], 4, 16)


def _idx(name: str) -> Array:
    with gzip.open(FASHION / f"{name}-ubyte.gz") as file:
        data = file.read()
    rank = data[3]
    shape = np.frombuffer(data, ">i4", rank, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def _task(name: str, x: Array, y: Array, tx: Array, ty: Array, epochs: int, width: int) -> Task:
    mean, deviation = float(x.mean()), float(x.std())
    images = [((part - mean) / deviation).astype(np.float32) for part in (x, tx)]
    return Task(
        name, (images[0], y.astype(np.int64)), (images[1], ty.astype(np.int64)), epochs, width
    )


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
            loss = nn.functional.cross_entropy(net(x[chosen]), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    export(net.eval(), x[:1], path)
    return path


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

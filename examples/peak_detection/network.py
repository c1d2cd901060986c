"""The detector: a network along a line that makes a confidence and an offset of each pixel.

It is trained in floating point, then made one of integers, and trained on as that.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from detectors import Detector
from lines import WIDTH, Lines, Reals, make_lines
from torch import Tensor, nn

from qcompiler import train

KERNELS = 7, 3
SCALE = 1 / 64
"""Of the pixels."""

Targets = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Kind:
    """A network, and how it is trained.

    Attributes:
        channels: of its two hidden layers.
        confidence: factor of that output in the loss; both outputs have one scale, that of the
            offset in pixels.
        multiplier_digits: of requantizers; 1 makes them shifts, which cost no adders.
        faint: logarithm of how much more every other channel magnifies: for faint peaks; what is
            bright reaches its upper bound.
        biases: rate of the biases of integers, of that of weights.
        lines: that it is trained on.
        batch: of a step.
        steps: in floating point, and then of integers.
    """

    channels: tuple[int, int] = (6, 6)
    confidence: float = 4.0
    multiplier_digits: int | None = None
    faint: float = 0.0
    biases: float = 1.0
    lines: int = 4096
    batch: int = 16
    steps: tuple[int, int] = (1200, 1000)


WIDE = Kind()
SMALL = Kind((4, 4), 16.0, 1, 2.0, 0.1, 8192, 32, (2000, 2000))
"""Of less than half the hardware."""


def floating(kind: Kind) -> nn.Sequential:
    """Returns the detector in floating point, not trained."""
    first, second = kind.channels
    return nn.Sequential(
        nn.Conv1d(1, first, KERNELS[0], padding=KERNELS[0] // 2),
        nn.ReLU(),
        nn.Conv1d(first, second, KERNELS[1], padding=KERNELS[1] // 2),
        nn.ReLU(),
        nn.Conv1d(second, 2, 1),
    )


def quantized(model: nn.Module, kind: Kind, bits: int, seed: int) -> train.Model:
    """Returns a float detector with weights and activations of so many bits; pixels have 8."""
    config = train.Config(
        weight_bits=bits,
        activation_bits=bits,
        input_scale=SCALE,
        multiplier_digits=kind.multiplier_digits,
    )
    made = train.quantize_modules(model, config, pixels_of(make_lines(64, 2000 + seed)))
    with torch.no_grad():
        for layer in made.modules():
            if isinstance(layer, train.Requantizer):
                layer.log2_scale[1::2] += kind.faint
    return made


def pixels_of(lines: Lines) -> Tensor:
    """Returns lines as a network takes them, [N, 1, WIDTH]."""
    return torch.tensor(lines.pixels[:, None] * SCALE, dtype=torch.float32)


def targets(lines: Lines) -> Targets:
    """Returns of each pixel whether it is the nearest to a centre, the offset to it, and a weight.

    The offset counts for the nearest pixel, and half for one that is nearly as near.
    """
    centres = np.where(np.isnan(lines.centres), np.inf, lines.centres)
    offset = centres[..., None] - np.arange(WIDTH)
    nearest = np.abs(offset).argmin(axis=1)
    near = np.take_along_axis(offset, nearest[:, None], axis=1)[:, 0]
    distance = np.abs(near)
    weight = np.where(distance <= 0.5, 1.0, np.where(distance <= 0.75, 0.5, 0.0))
    near = np.where(weight > 0, near, 0)
    is_peak, near, weight = (
        torch.tensor(a, dtype=torch.float32) for a in (distance <= 0.5, near, weight)
    )
    return is_peak, near, weight


def loss(made: Tensor, wanted: Targets, kind: Kind) -> Tensor:
    """Returns what is trained: cross entropy of the confidence, error of the offset."""
    is_peak, offset, weight = wanted
    confident = nn.functional.binary_cross_entropy_with_logits(
        kind.confidence * made[:, 0], is_peak, pos_weight=torch.tensor(4.0)
    )
    wrong = nn.functional.smooth_l1_loss(made[:, 1], offset, reduction="none", beta=0.2)
    return confident + 3.0 * (wrong * weight).sum() / weight.sum()


def fit(model: nn.Module, kind: Kind, seed: int, steps: int, rate: float = 0.02) -> None:
    """Trains a model on lines of a seed."""
    model.train()
    slow = [p for name, p in model.named_parameters() if _is_bias_of_integers(model, name)]
    others = [p for p in model.parameters() if not any(p is bias for bias in slow)]
    groups = [{"params": others}, *([{"params": slow}] if slow else [])]
    rates = [rate, rate * kind.biases][: len(groups)]
    optimizer = torch.optim.Adam(groups, lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps)
    for pixels, wanted in _batches(kind, seed, steps):
        optimizer.zero_grad()
        loss(model(pixels), wanted, kind).backward()
        optimizer.step()
        schedule.step()
    model.eval()


def _is_bias_of_integers(model: nn.Module, name: str) -> bool:
    path, _, last = name.rpartition(".")
    return last == "bias" and isinstance(model.get_submodule(path), train.QuantConv1d)


def _batches(kind: Kind, seed: int, steps: int) -> Iterator[tuple[Tensor, Targets]]:
    lines = make_lines(kind.lines, 1000 + seed)
    pixels, (is_peak, offset, weight) = pixels_of(lines), targets(lines)
    random = np.random.default_rng(seed)
    for _ in range(steps):
        some = torch.tensor(random.choice(len(pixels), kind.batch, replace=False))
        yield pixels[some], (is_peak[some], offset[some], weight[some])


def detector(model: nn.Module) -> Detector:
    """Returns a model as a detector."""

    def detect(pixels: Reals) -> tuple[Reals, Reals]:
        with torch.no_grad():
            made = model(torch.tensor(pixels[:, None] * SCALE, dtype=torch.float32))
        confidence, offset = made.double().numpy().transpose(1, 0, 2)
        return confidence, np.arange(pixels.shape[1]) + offset

    return detect

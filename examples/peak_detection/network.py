"""The detector in floating point: a network along a line that makes a confidence and an offset.

Its first layer looks at `KERNEL` pixels, what follows at one place: so it is trained on windows of
so many pixels, which are drawn more often near peaks, each with the inverse of its chance.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from detectors import Detector
from lines import MARGIN, WIDTH, Reals, make_lines
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = 10, 6
"""Of the two hidden layers."""
KERNEL = 9
SCALE = 1 / 64
"""Of the pixels."""
STEPS, RATE = 2000, 0.015
BATCH = 1024
_LINES, _CHUNKS, _PEAKS = 512, 16, (4, 18)
"""Lines at a time, how often, and peaks of one: more than others have, to learn more of each."""
_CHANCES = (0.75, 1.0), (4.0, 0.33), (np.inf, 0.12)
"""Of a window to be taken, up to a distance to the nearest centre."""
_SURE, _NONE = 0.55, 0.85
"""Distance to the nearest centre up to which a pixel is to be confident, and from which not; less
and less between them. Both neighbours of a centre midway are: else they would share it, and none
of them reach the threshold."""
_CONFIDENCE = 16.0
"""Factor of that output in the loss: both outputs have one scale, that of the offset in pixels."""
_OFFSET = 3.0
"""Of the offset's part of the loss."""
_BETAS, _LONGEST_GRADIENT = (0.9, 0.98), 2.0


@dataclass(frozen=True)
class Windows:
    """What is trained on.

    Attributes:
        pixels: [N, KERNEL], as the network takes them.
        confidence: that wanted of the middle, from 0 to 1 where a centre is near, [N].
        offset: from the middle to that centre, [N]; zero where `nearness` is.
        weight: of the confidence's error, [N].
        nearness: weight of the offset's error: half where another pixel is a little nearer, [N].
    """

    pixels: Tensor
    confidence: Tensor
    offset: Tensor
    weight: Tensor
    nearness: Tensor

    def __getitem__(self, some: Tensor | slice) -> "Windows":
        """Returns some of them."""
        return Windows(*(part[some] for part in vars(self).values()))


def make_windows(seed: int) -> Windows:
    """Returns windows of lines of a seed."""
    random = np.random.default_rng(seed)
    parts = [_some_windows(1000 * (seed + 1) + chunk, random) for chunk in range(_CHUNKS)]
    return Windows(
        *(
            torch.tensor(np.concatenate(part), dtype=torch.float32)
            for part in zip(*parts, strict=True)
        )
    )


def _some_windows(seed: int, random: np.random.Generator) -> tuple[Reals, ...]:
    lines = make_lines(_LINES, seed, _PEAKS)
    centres = np.where(np.isnan(lines.centres), np.inf, lines.centres)
    offsets = centres[..., None] - np.arange(WIDTH)
    nearest = np.abs(offsets).argmin(axis=1)
    offset = np.take_along_axis(offsets, nearest[:, None], axis=1)[:, 0]
    distance = np.abs(offset)
    chance = np.select([distance <= far for far, _ in _CHANCES], [share for _, share in _CHANCES])
    half = KERNEL // 2
    chance[:, :MARGIN] = chance[:, -MARGIN:] = 0
    some = random.random(chance.shape) < chance
    confidence = np.clip((_NONE - distance) / (_NONE - _SURE), 0, 1)
    nearness = np.select([distance <= _SURE, distance <= _NONE], [1.0, 0.5])
    windows = sliding_window_view(np.pad(lines.pixels, ((0, 0), (half, half))), KERNEL, axis=1)
    offset = np.where(nearness > 0, offset, 0)
    return (
        windows[some] * SCALE,
        *(a[some] for a in (confidence, offset)),
        1 / chance[some],
        nearness[some],
    )


def floating() -> nn.Sequential:
    """Returns the detector, not trained."""
    first, second = CHANNELS
    return nn.Sequential(
        nn.Conv1d(1, first, KERNEL, padding=KERNEL // 2),
        nn.ReLU(),
        nn.Conv1d(first, second, 1),
        nn.ReLU(),
        nn.Conv1d(second, 2, 1),
    )


def convolutions(model: nn.Module) -> list[nn.Conv1d]:
    """Returns the layers that have weights."""
    return [layer for layer in model.modules() if isinstance(layer, nn.Conv1d)]


def on_windows(model: nn.Module, windows: Tensor) -> Tensor:
    """Returns what a float model makes of windows, [N, 2]."""
    value = windows
    for number, layer in enumerate(convolutions(model)):
        value = functional.relu(value) if number else value
        value = functional.linear(value, layer.weight.flatten(1), layer.bias)
    return value


def loss(made: Tensor, wanted: Windows) -> Tensor:
    """Returns what is trained: cross entropy of the confidence, error of the offset."""
    confident = functional.binary_cross_entropy_with_logits(
        _CONFIDENCE * made[:, 0],
        wanted.confidence,
        weight=wanted.weight,
        pos_weight=torch.tensor(4.0),
        reduction="sum",
    )
    wrong = functional.smooth_l1_loss(made[:, 1], wanted.offset, reduction="none", beta=0.2)
    of_offset = (wrong * wanted.nearness).sum() / wanted.nearness.sum()
    return confident / wanted.weight.sum() + _OFFSET * of_offset


def fit(
    forward: Callable[[Tensor], Tensor],
    trained: Iterable[Tensor],
    windows: Windows,
    seed: int,
    steps: int = STEPS,
    rate: float = RATE,
) -> None:
    """Trains parameters."""
    parameters = list(trained)
    optimizer = torch.optim.Adam(parameters, lr=rate, betas=_BETAS, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=0.1
    )
    random = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        some = windows[torch.randint(len(windows.pixels), (BATCH,), generator=random)]
        optimizer.zero_grad()
        loss(forward(some.pixels), some).backward()
        nn.utils.clip_grad_norm_(parameters, _LONGEST_GRADIENT)
        optimizer.step()
        schedule.step()


def detector(model: nn.Module) -> Detector:
    """Returns a model as a detector."""

    def detect(pixels: Reals) -> tuple[Reals, Reals]:
        with torch.no_grad():
            made = model(torch.tensor(pixels[:, None] * SCALE, dtype=torch.float32))
        confidence, offset = made.double().numpy().transpose(1, 0, 2)
        return confidence, np.arange(pixels.shape[1]) + offset

    return detect

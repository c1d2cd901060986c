"""Weights of K signed digits on handwritten digits: what accuracy they lose, what hardware takes.

A small convolutional network of `qcompiler.train`, weights of 8 bits and activations of 4, trained
for K = 1, 2, 3 and for any number, with several seeds; then folded for an ECP5-85k, with shifts in
place of multipliers, and synthesized by Yosys. Needs scikit-learn.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.common import RESULTS, Kept, add_any_commit, print_table
from qcompiler import compile as compile_model
from qcompiler import train
from qcompiler.backends.synthesis.flow import Request, synthesize
from qcompiler.devices import load_device

_COLUMNS = ("digits of a weight", "right", "multiply by", "LUT", "FF", "DSP")
_TEST = 360
_CYCLES = 256
_DEVICE = "ecp5-85k"


@dataclass(frozen=True)
class Row:
    """A number of digits.

    Attributes:
        digits: of weights, None for any number.
        right: share of the test images, of each seed.
        multipliers: as of `qcc compile`.
        area: of the first seed's design, by Yosys.
    """

    digits: int | None
    right: list[float]
    multipliers: str
    area: dict[str, int]

    def columns(self) -> list[str]:
        """Returns the row of the table."""
        right = np.array(self.right) * 100
        words = {"hard": "hard multipliers", "any": "logic", "shifts": "shifts"}
        area = [str(self.area[kind]) for kind in ("LUT", "FF", "DSP")]
        said = f"{right.mean():.1f} ± {right.std():.1f} %"
        return [str(self.digits or "any"), said, words[self.multipliers], *area]


def network(
    digits: int | None,
    *,
    bits: int = 8,
    requantizer: type[train.Requantizer] = train.Requantizer,
    **options: Any,
) -> nn.Module:
    """Returns the network, not trained.

    Args:
        digits: of weights, None for any number.
        bits: of weights.
        requantizer: its class.
        options: of the requantizers, whose codes have 4 bits.
    """
    return train.Sequential(
        train.Input(5, shape=(1, 8, 8)),
        train.QuantConv2d(1, 8, 3, padding=1, bits=bits, digits=digits),
        requantizer(4, 8, **options),
        nn.MaxPool2d(2),
        train.QuantConv2d(8, 16, 3, padding=1, bits=bits, digits=digits),
        requantizer(4, 16, **options),
        nn.MaxPool2d(2),
        nn.Flatten(),
        train.QuantLinear(64, 10, bits=bits, digits=digits),
        train.Output(),
    )


def trained(
    model: nn.Module, seed: int, epochs: int, term: Callable[[nn.Module], Tensor] | None = None
) -> float:
    """Trains a model; returns what share of the test images it tells, by its integers.

    Args:
        model: as `network` makes it.
        seed: of the order of the images.
        epochs: to train.
        term: of the loss, beside that of the task.
    """
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(pixels))
    x = torch.tensor(pixels[order].reshape(-1, 1, 8, 8), dtype=torch.float32)
    y = torch.tensor(labels[order])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    steps = epochs * -(-(len(x) - _TEST) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=steps)
    for _ in range(epochs):
        for batch in torch.randperm(len(x) - _TEST).split(64):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            (loss if term is None else loss + term(model)).backward()
            optimizer.step()
            schedule.step()
    model.eval()
    told = train.integers(model, x[-_TEST:]).argmax(axis=1)
    return float((told == y[-_TEST:].numpy()).mean())


def _trained(digits: int | None, seed: int, epochs: int) -> tuple[nn.Module, float]:
    torch.manual_seed(seed)
    model = network(digits)
    return model, trained(model, seed, epochs)


def _area(model: nn.Module, multipliers: str) -> dict[str, int]:
    device = load_device(_DEVICE)
    with TemporaryDirectory() as name:
        path = train.export(model, Path(name) / "digits.onnx")
        design = compile_model(path, cycles=_CYCLES, device=_DEVICE, multipliers=multipliers)
        folder = design.write(Path(name) / "design")
        return dict(synthesize(folder, Request(device), lambda _: None).total)


def _row(digits: int | None, given: argparse.Namespace) -> Row:
    found = [_trained(digits, seed, given.epochs) for seed in range(given.seeds)]
    kind = "shifts" if digits else "hard"
    return Row(digits, [share for _, share in found], kind, _area(found[0][0], kind))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--digits", type=int, nargs="+", default=(0, 3, 2, 1), help="0: any number")
    add_any_commit(parser)
    given = parser.parse_args()
    torch.set_num_threads(1)
    RESULTS.mkdir(exist_ok=True)
    kept = Kept(RESULTS / "few_digits.json", any_commit=given.any_commit)
    rows: list[Row] = []
    for digits in given.digits:
        key = f"{digits} digits, {given.seeds} seeds, {given.epochs} epochs"
        rows.append(Row(**kept(key, lambda digits=digits: asdict(_row(digits or None, given)))))
        print(rows[-1].columns(), flush=True)
    print_table("digits", _COLUMNS, [row.columns() for row in rows])


if __name__ == "__main__":
    sys.exit(main())

"""Trained widths under a budget of look-up tables: what the compiled designs take of it.

A network of two convolutions and a dense layer on handwritten digits, in fixed point with trained
widths, in full parallel. The budget is a share of what it takes at the start, with all widths of 6
bits. It is a term of the loss, by `train.Price` alone and by one that is calibrated repeatedly.
Both train on the same batches. Needs scikit-learn.
"""

import argparse
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.common import RESULTS, Kept, add_any_commit, print_table
from qcompiler import compile as compile_model
from qcompiler import train

_COLUMNS = (
    "seed",
    "price",
    "LUT at the start",
    "budget",
    "price says",
    "compiled",
    "over",
    "right",
)
_TEST, _BATCH, _RATE, _POINTS_RATE, _BITS = 360, 64, 0.01, 0.05, 6
_WEIGHT = 4.0
"""Of the share above the budget, in the loss."""


@dataclass(frozen=True)
class Row:
    """A training.

    Attributes:
        seed: of weights and images.
        calibrated: whether the price was.
        start, budget, price, compiled: look-up tables: of designs, but what the price says.
        right: share of the test images that the integers tell.
    """

    seed: int
    calibrated: bool
    start: int
    budget: int
    price: int
    compiled: int
    right: float

    def columns(self) -> list[str]:
        """Returns the row of the table."""
        words = "calibrated" if self.calibrated else "alone"
        tables = [f"{n:,}" for n in (self.start, self.budget, self.price, self.compiled)]
        over = f"{self.compiled / self.budget - 1:+.1%}"
        return [str(self.seed), words, *tables, over, f"{self.right:.1%}"]


def _network() -> nn.Module:
    return train.Sequential(
        train.Input(5, shape=(1, 8, 8)),
        train.FixedConv2d(1, 6, 3, stride=2, padding=1, bits=_BITS, learned_width=True),
        train.Cast(_BITS, learned_width=True),
        train.FixedConv2d(6, 8, 3, stride=2, padding=1, bits=_BITS, learned_width=True),
        train.Cast(_BITS, learned_width=True),
        nn.Flatten(),
        train.FixedLinear(32, 10, bits=_BITS, learned_width=True),
    )


def _luts(model: nn.Module) -> int:
    with TemporaryDirectory() as folder:
        path = train.export(model, Path(folder) / "m.onnx")
        return compile_model(path, cycles=1).report().area["LUT"]


def _images(seed: int) -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(pixels))
    x = torch.tensor(pixels[order].reshape(-1, 1, 8, 8), dtype=torch.float32)
    return x, torch.tensor(labels[order])


def _trained(seed: int, given: argparse.Namespace, *, calibrated: bool) -> Row:
    x, y = _images(seed)
    torch.manual_seed(seed)
    model = _network()
    train.initialize(model, x[:_BATCH])
    start = _luts(model)
    budget = round(given.share * start)
    price = train.Price(model)
    points = list(train.binary_points(model))
    others = [each for each in model.parameters() if all(each is not point for point in points)]
    optimizer = torch.optim.Adam(
        [{"params": others, "lr": _RATE}, {"params": points, "lr": _POINTS_RATE}]
    )
    steps = given.epochs * -(-(len(x) - _TEST) // _BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(given.epochs):
        for at, batch in enumerate(torch.randperm(len(x) - _TEST).split(_BATCH)):
            if calibrated and at % given.every == 0:
                price.calibrate()
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            over = torch.relu(price().luts / budget - 1)
            (loss + _WEIGHT * over).backward()
            optimizer.step()
            schedule.step()
    told = train.integers(model.eval(), x[-_TEST:]).argmax(axis=1)
    right = float((told == y[-_TEST:].numpy()).mean())
    said = round(float(price().luts.detach()))
    return Row(seed, calibrated, start, budget, said, _luts(model), right)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--share", type=float, default=0.6, help="of the tables at the start")
    parser.add_argument("--every", type=int, default=12, help="steps from calibration to the next")
    add_any_commit(parser)
    given = parser.parse_args()
    torch.set_num_threads(1)
    RESULTS.mkdir(exist_ok=True)
    kept = Kept(RESULTS / "lut_budget.json", any_commit=given.any_commit)
    rows: list[Row] = []
    for calibrated in (False, True):
        for seed in range(given.seeds):
            options = f"{given.epochs} epochs, {given.share}, {given.every}"
            key = f"seed {seed}, calibrated {calibrated}, {options}"

            def measure(seed: int = seed, calibrated: bool = calibrated) -> dict[str, object]:
                return asdict(_trained(seed, given, calibrated=calibrated))

            rows.append(Row(**kept(key, measure)))
            print(rows[-1].columns(), flush=True)
    print_table("budgets", _COLUMNS, [row.columns() for row in rows])


if __name__ == "__main__":
    sys.exit(main())

"""Learned binary points beside the best fixed ones that a search finds, at equal widths.

Networks of `qcompiler.train` on handwritten digits, with weights and activations of 3, 4 or 6 bits.
Both kinds start from the weights of a float network, and from points that follow from these and the
first batch; they train for as many epochs on the same batches. Learned points move for the first
third of the epochs, three times as fast as weights, and then stay. The search tries the points of
both layers' weights and of the activation, each moved by -1, 0 or 1 from where training starts, and
goes on around the best of these 27 until the best is in the middle; a bias, of twice as many bits,
moves with the weights. It has five trainings for each choice, and takes the one that tells the most
validation images in all five. What counts is the test after that, whose images are the same for all
seeds: no training and no choice has seen them. Needs scikit-learn.
"""

import argparse
import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import sqrt

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from benchmarks.common import RESULTS, Kept, add_any_commit, print_table
from qcompiler import train

_COLUMNS = (
    "network",
    "bits",
    "learned",
    "best fixed",
    "difference",
    "at the start, fixed",
    "best single run",
    "choices",
    "points: start",
    "best fixed",
    "learned",
)
_VALIDATION, _TEST = 300, 360
_HELD = 2000
"""The seed that the test images are drawn with, for all others the same ones."""
_BATCH, _RATE = 128, 0.01
_FLOAT_EPOCHS = 20
_POINTS_RATE, _MOVING = 3, 0.3
"""How much faster than weights points learn, and for which part of the epochs."""

Places = tuple[int, ...]


def _dense(bits: int) -> nn.Module:
    return train.Sequential(
        train.Input(5, shape=(1, 8, 8)),
        nn.Flatten(),
        train.FixedLinear(64, 24, bits=bits),
        train.Cast(bits),
        train.FixedLinear(24, 10, bits=bits),
    )


def _convolution(bits: int) -> nn.Module:
    return train.Sequential(
        train.Input(5, shape=(1, 8, 8)),
        train.FixedConv2d(1, 8, 3, stride=2, padding=1, bits=bits),
        train.Cast(bits),
        nn.Flatten(),
        train.FixedLinear(128, 10, bits=bits),
    )


def _float_dense() -> nn.Module:
    return nn.Sequential(
        nn.Identity(), nn.Flatten(), nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10)
    )


def _float_convolution() -> nn.Module:
    conv = nn.Conv2d(1, 8, 3, stride=2, padding=1)
    return nn.Sequential(nn.Identity(), conv, nn.ReLU(), nn.Flatten(), nn.Linear(128, 10))


NETWORKS: Mapping[str, tuple[Callable[[int], nn.Module], Callable[[], nn.Module]]] = {
    "dense": (_dense, _float_dense),
    "convolution": (_convolution, _float_convolution),
}
"""In fixed point, of so many bits, and in float: the same layers at the same places."""


@dataclass(frozen=True)
class Run:
    """What one training gives: of images, how many are told, and where the points are."""

    validation: int
    test: int
    places: Places


@dataclass(frozen=True)
class Row:
    """A network at a width; lists have a number for each seed.

    Attributes:
        network, bits: which.
        learned: test images told with learned points.
        searched: with the fixed points that the search took.
        start: with the points that training starts from.
        single: of the one training, of all of the search, that tells the most validation images.
        choices: that the search tried.
        start_places: behind the points at the start: weights, activation, weights.
        searched_places: that the search took.
        learned_places: that were learned, of each seed.
    """

    network: str
    bits: int
    learned: list[int]
    searched: list[int]
    start: list[int]
    single: list[int]
    choices: int
    start_places: Places
    searched_places: Places
    learned_places: list[Places]

    def columns(self) -> list[str]:
        """Returns the row of the table."""
        difference = (np.array(self.learned) - np.array(self.searched)) * 100 / _TEST
        error = difference.std(ddof=1) / sqrt(len(difference))
        learned = ", ".join(dict.fromkeys(map(_said, self.learned_places)))
        return [
            self.network,
            str(self.bits),
            _mean(self.learned),
            _mean(self.searched),
            f"{difference.mean():+.2f} ± {error:.2f}",
            _mean(self.start),
            _mean(self.single),
            str(self.choices),
            _said(self.start_places),
            _said(self.searched_places),
            learned,
        ]


def _said(places: Sequence[int]) -> str:
    return " ".join(map(str, places))


def _mean(told: list[int]) -> str:
    """Returns the mean share and its standard error over seeds."""
    shares = np.array(told) * 100 / _TEST
    return f"{shares.mean():.2f} ± {shares.std(ddof=1) / sqrt(len(shares)):.2f} %"


class _Digits:
    """The images of a seed: to train with, to choose with, to test with."""

    def __init__(self, seed: int) -> None:
        from sklearn.datasets import load_digits

        pixels, labels = load_digits(return_X_y=True)
        whole = np.random.default_rng(_HELD).permutation(len(pixels))
        rest = np.random.default_rng(seed).permutation(whole[:-_TEST])
        order = np.concatenate([rest, whole[-_TEST:]])
        x = torch.tensor(pixels[order].reshape(-1, 1, 8, 8), dtype=torch.float32)
        y = torch.tensor(labels[order])
        sizes = [len(x) - _VALIDATION - _TEST, _VALIDATION, _TEST]
        self.learn, self.validation, self.test = zip(x.split(sizes), y.split(sizes), strict=True)


def _points(model: nn.Module) -> list[tuple[nn.Parameter, ...]]:
    """Returns what moves together: weights with their bias, the activation, weights with theirs."""
    found: list[tuple[nn.Parameter, ...]] = []
    for module in model.children():
        if isinstance(module, (train.FixedLinear, train.FixedConv2d, train.Cast)):
            found.append(tuple(train.binary_points(module)))
    return found


def _places(model: nn.Module) -> Places:
    return tuple(round(float(group[0].detach())) for group in _points(model))


def _is_point(name: str) -> bool:
    return name.endswith("point.fraction")


class _Trainings:
    """A network at a width from one seed: the same weights and batches, whatever the points are."""

    def __init__(self, network: str, bits: int, seed: int, epochs: int) -> None:
        self._network, self._bits, self._seed, self._epochs = network, bits, seed, epochs
        self._digits = _Digits(seed)
        self._float = self._trained_float()

    def _trained_float(self) -> nn.Module:
        torch.manual_seed(self._seed)
        model = NETWORKS[self._network][1]()
        x, y = self._digits.learn
        optimizer = torch.optim.Adam(model.parameters())
        steps = _FLOAT_EPOCHS * -(-len(x) // _BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps)
        for _ in range(_FLOAT_EPOCHS):
            for some in torch.randperm(len(x)).split(_BATCH):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x[some]), y[some]).backward()
                optimizer.step()
                schedule.step()
        return model

    def runs(self, choices: Sequence[Places | None]) -> list[Run]:
        """Trains with points that are moved from the start and stay, or with learned ones (None).

        All at once, which is quicker, and as each would by itself.
        """
        models = [self._model(moves) for moves in choices]
        parameters, buffers = stack_module_state(models)
        torch.manual_seed(self._seed + 100)
        x, y = self._digits.learn
        points, others = (
            [p for n, p in parameters.items() if _is_point(n) == is_point]
            for is_point in (True, False)
        )
        optimizer = torch.optim.Adam([{"params": others}, {"params": points}])
        steps = self._epochs * -(-len(x) // _BATCH)
        rates = [_RATE, _POINTS_RATE * _RATE]
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps)
        learned = torch.tensor([moves is None for moves in choices])

        def scores(own: tuple[dict[str, Tensor], dict[str, Tensor]], x: Tensor) -> Tensor:
            return functional_call(models[0], own, (x,))

        for epoch in range(self._epochs):
            if epoch >= _MOVING * self._epochs:
                optimizer.param_groups[1]["params"] = []
            for some in torch.randperm(len(x)).split(_BATCH):
                optimizer.zero_grad()
                made = vmap(scores, in_dims=(0, None))((parameters, buffers), x[some])
                wanted = y[some].expand(len(models), -1)
                losses = nn.functional.cross_entropy(made.mT, wanted, reduction="none")
                losses.mean(1).sum().backward()
                for each in points:
                    each.grad *= learned
                optimizer.step()
                schedule.step()
        for i, model in enumerate(models):
            model.load_state_dict({name: each[i] for name, each in (parameters | buffers).items()})
        return [self._run(model) for model in models]

    def _model(self, moves: Places | None) -> nn.Module:
        model = NETWORKS[self._network][0](self._bits).eval()
        with torch.no_grad():
            for layer, trained in zip(model.children(), self._float.children(), strict=True):
                if isinstance(trained, (nn.Linear, nn.Conv2d)):
                    layer.weight.copy_(trained.weight)
                    layer.bias.copy_(trained.bias)
        train.initialize(model, self._digits.learn[0][:_BATCH])
        with torch.no_grad():
            for group, move in zip(_points(model), moves or (0, 0, 0), strict=True):
                for places in group:
                    places += move
        return model

    def _run(self, model: nn.Module) -> Run:
        told = (_told(model, *images) for images in (self._digits.validation, self._digits.test))
        return Run(*told, _places(model))


class _Task:
    """A network at a width, over seeds."""

    def __init__(self, network: str, bits: int, seeds: Sequence[int], epochs: int) -> None:
        self._network, self._bits = network, bits
        self._seeds = [_Trainings(network, bits, seed, epochs) for seed in seeds]
        self._found: dict[Places | None, list[Run]] = {}

    def row(self) -> Row:
        """Trains all."""
        best = self._best()
        learned, start = self._found.pop(None), self._found[0, 0, 0]
        trainings = zip(*self._found.values(), strict=True)
        single = [max(runs, key=lambda run: run.validation) for runs in trainings]
        return Row(
            self._network,
            self._bits,
            [run.test for run in learned],
            [run.test for run in self._found[best]],
            [run.test for run in start],
            [run.test for run in single],
            len(self._found),
            start[0].places,
            self._found[best][0].places,
            [run.places for run in learned],
        )

    def _best(self) -> Places:
        """Returns the moves that tell the most validation images, searching from the start."""
        middle: Places = (0, 0, 0)
        self._try([None])
        while True:
            steps = itertools.product((-1, 0, 1), repeat=3)
            self._try([tuple(a + b for a, b in zip(middle, step, strict=True)) for step in steps])
            tried = [moves for moves in self._found if moves is not None]
            best = max(tried, key=lambda moves: sum(run.validation for run in self._found[moves]))
            if best == middle:
                return best
            middle = best

    def _try(self, choices: Sequence[Places | None]) -> None:
        new = [moves for moves in choices if moves not in self._found]
        of_seeds = [trainings.runs(new) for trainings in self._seeds]
        self._found.update(zip(new, map(list, zip(*of_seeds, strict=True)), strict=True))


def _told(model: nn.Module, x: Tensor, y: Tensor) -> int:
    return int((train.fixed(model, x).numbers.argmax(axis=1) == y.numpy()).sum())


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=tuple(NETWORKS), default=tuple(NETWORKS))
    parser.add_argument("--bits", type=int, nargs="+", default=(3, 4, 6))
    parser.add_argument("--seeds", type=int, nargs="+", default=tuple(range(100, 105)))
    parser.add_argument("--epochs", type=int, default=30)
    add_any_commit(parser)
    given = parser.parse_args()
    torch.set_num_threads(1)
    RESULTS.mkdir(exist_ok=True)
    kept = Kept(RESULTS / "learned_points.json", any_commit=given.any_commit)
    rows: list[Row] = []
    for network, bits in itertools.product(given.networks, given.bits):
        task = _Task(network, bits, given.seeds, given.epochs)
        key = f"{network}, {bits} bits, seeds {given.seeds}, {given.epochs} epochs"
        rows.append(Row(**kept(key, lambda task=task: asdict(task.row()))))
        print(rows[-1].columns(), flush=True)
    print_table("digits", _COLUMNS, [row.columns() for row in rows])


if __name__ == "__main__":
    sys.exit(main())

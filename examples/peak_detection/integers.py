"""Makes the trained detector one of integers.

1. Activations get bounds, and the noise of a rounding before them; so trained, a channel finds how
   much it magnifies. (A rounding whose gradient passes straight through learns less: weights of so
   few bits swing between two codes.)
2. Activations are rounded, and trained on so for a while.
3. Weights are rounded. Then each integer in turn is changed by one, and each pair in a row, and
   stays so where that lowers the loss: there are few enough.

This is done from several starts, and what has the least loss on what was trained on is taken.

Requantizers are shifts, which are wires and a clamp: weights of a channel are taken times what
makes them as large as their codes are, up to a power of two.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from lines import WIDTH
from network import CHANNELS, KERNEL, SCALE, Windows, convolutions, fit, loss
from torch import Tensor, nn
from torch.nn import functional

from qcompiler import train

HEAD_BITS = 8
"""Of the last layer's weights and of what it takes, as of the pixels."""
GAINS = 1.0, 2.0, 4.0
"""How much more channels of the first layer magnify, at the start, than their largest sums allow:
bright peaks reach the upper bound of some, which tell faint ones apart."""
NOISY, ROUNDED, AGAIN = (3000, 0.005), (1000, 0.002), (300, 0.002)
"""Steps and rates: with noise, with rounded activations, and again with rounded weights."""
SWEEPS = (False, False, False), (False, True, False), (True, False), (True, False)
"""Turns of the search, before each of which biases and the last layer are trained again; whether
pairs are tried."""
STARTS = 2
"""How often all of it is done."""
_SHARES = 0.25, 0.5, 1.0
_WINDOWS, _FEW = 60_000, 10_000
"""What the loss is of; and of how many of them it has to be lower first, which is quicker."""
_NEARLY_ALL = 0.999
_APART = 1000
"""Of the seeds of starts."""
_NO_MORE = 1e-4
"""By what a logarithm of integers is larger for being computed."""


class Bounded(nn.Module):
    """The float detector with activations from 0 to 1 that have steps.

    Attributes:
        weights: of each layer, [outputs, inputs].
        biases: of each layer.
        highest: codes of activations.
        rounded: whether they are rounded; else they have noise.
    """

    def __init__(self, model: nn.Module, windows: Tensor, bits: tuple[int, ...]) -> None:
        super().__init__()
        layers = convolutions(model)
        self.weights = nn.ParameterList([a.weight.detach().flatten(1).clone() for a in layers])
        self.biases = nn.ParameterList([a.bias.detach().clone() for a in layers])
        self.highest = [2**count - 1 for count in bits]
        self.rounded = False
        with torch.no_grad():
            value = windows
            for number in range(len(bits)):
                value = functional.relu(self._sums(number, value))
                largest = torch.quantile(value, _NEARLY_ALL, dim=0).clamp(min=0.05)
                gains = torch.tensor(GAINS).repeat(len(largest)) if number == 0 else torch.ones(99)
                factor = gains[: len(largest)] / largest
                value = value * factor
                self.weights[number] *= factor[:, None]
                self.biases[number] *= factor
                self.weights[number + 1] /= factor

    def _sums(self, number: int, value: Tensor) -> Tensor:
        return functional.linear(value, self.weights[number], self.biases[number])

    def forward(self, value: Tensor) -> Tensor:
        """Returns what it makes of windows, [N, 2]."""
        for number, highest in enumerate(self.highest):
            value = self._sums(number, value)
            if not self.rounded:
                value = value + (torch.rand_like(value) - 0.5) / highest
            value = torch.clamp(value, 0, 1)
            if self.rounded:
                value = value + (torch.round(value * highest) / highest - value).detach()
        return self._sums(len(self.highest), value)


@dataclass
class _Layer:
    """Integers of a layer: sums are shifted by powers of two, and clamped unless they are the last.

    Attributes:
        codes: weights, [outputs, inputs].
        bias: [outputs].
        factor: powers of two, [outputs].
        most: magnitude of weights.
        highest: code of an activation; 0 where there is none.
    """

    codes: Tensor
    bias: Tensor
    factor: Tensor
    most: int
    highest: int

    def __call__(self, value: Tensor, rows: slice = slice(None)) -> Tensor:
        """Returns the outputs of some rows; float32 is exact for these numbers."""
        weights = self.codes[rows] * self.factor[rows, None]
        sums = functional.linear(value, weights, self.bias[rows] * self.factor[rows])
        return torch.floor(sums + 0.5).clamp_(0, self.highest) if self.highest else sums


def _rounded(bounded: Bounded, bits: tuple[int, ...]) -> list[_Layer]:
    """Returns layers with the weights' next integers."""
    made: list[_Layer] = []
    taken = SCALE
    highest = [*bounded.highest, 0]
    for weight, bias, count, most in zip(
        bounded.weights, bounded.biases, bits, highest, strict=True
    ):
        largest = 2 ** (count - 1) - 1
        weight, bias = weight.detach() * taken * (most or 1), bias.detach() * (most or 1)
        rows = weight.abs().amax(1)
        rows = torch.where(rows > 0, rows, rows.max())  # a channel may have lost all of its weights
        relative = torch.log2((rows if most else rows.max()) / largest)
        factor = torch.exp2(torch.ceil(relative - _NO_MORE))
        factor = factor.expand(len(rows)).clone()
        codes = torch.round(weight / factor[:, None]).clamp(-largest, largest)
        made.append(_Layer(codes, torch.round(bias / factor), factor, largest, most))
        taken = 1 / (most or 1)
    return made


def _take(bounded: Bounded, layers: list[_Layer]) -> None:
    """Gives a model the numbers of layers of integers."""
    taken = SCALE
    for number, layer in enumerate(layers):
        unit = layer.factor / (layer.highest or 1)
        bounded.weights[number].copy_(layer.codes * unit[:, None] / taken)
        bounded.biases[number].copy_(layer.bias * unit)
        taken = 1 / (layer.highest or 1)


class _Descent:
    """Changes one integer after the other, or two weights of a row."""

    def __init__(self, layers: list[_Layer], windows: Windows, seed: int) -> None:
        self._layers, self._windows = layers, windows
        self._random = np.random.default_rng(seed)
        self._values = [windows.pixels / SCALE]
        for layer in layers:
            self._values.append(layer(self._values[-1]))
        self.best = float(loss(self._values[-1], windows))
        self._few = windows[:_FEW]
        self._best_of_few = float(loss(self._values[-1][:_FEW], self._few))

    def sweep(self, *, pairs: bool = False) -> int:
        """Tries all once, or all pairs of weights of a row; returns how many changed."""
        tries: list[tuple[int, int, tuple[int, ...], tuple[int, ...]]] = []
        for number, layer in enumerate(self._layers):
            rows, columns = layer.codes.shape
            if pairs:
                both = [(a, b) for a in range(columns) for b in range(a)]
                steps = [(1, -1), (-1, 1), (1, 1), (-1, -1)] if number < 2 else []
            else:
                both = [(a,) for a in range(-1, columns)]
                steps = [(1,), (-1,)]
            tries += [(number, row, *how) for row in range(rows) for how in product(both, steps)]
        return sum(self._try(*tries[k]) for k in self._random.permutation(len(tries)))

    def _try(self, number: int, row: int, columns: tuple[int, ...], steps: tuple[int, ...]) -> bool:
        """Adds steps to weights or to a bias (column -1), unless that is no better."""
        layer = self._layers[number]
        kept = layer.codes[row].clone(), layer.bias[row].clone()
        share = float(self._random.choice(_SHARES))
        for column, step in zip(columns, steps, strict=True):
            if column >= 0:
                layer.codes[row, column] += step * max(1, round(share * layer.most / 7))
            else:
                unit = (layer.highest + 1) / 16 / float(layer.factor[row]) if layer.highest else 16
                layer.bias[row] += step * max(1, round(share * unit))
        if float(layer.codes[row].abs().max()) <= layer.most and self._better(number, row):
            return True
        layer.codes[row], layer.bias[row] = kept
        return False

    def _better(self, number: int, row: int) -> bool:
        """Whether the loss is lower with a row as it is now; if so, takes note."""
        few = self._behind(number, row, _FEW)
        of_few = float(loss(few[-1], self._few))
        if of_few >= self._best_of_few:
            return False
        behind = self._behind(number, row, len(self._values[0]))
        now = float(loss(behind[-1], self._windows))
        if now >= self.best:
            return False
        self.best, self._best_of_few = now, of_few
        self._values[number + 1 :] = behind
        return True

    def _behind(self, number: int, row: int, count: int) -> list[Tensor]:
        """Returns what a layer, of which a row is new, and those behind it make of some windows."""
        rows = slice(row, row + 1)
        changed = self._values[number + 1][:count].clone()
        changed[:, rows] = self._layers[number](self._values[number][:count], rows)
        behind = [changed]
        for layer in self._layers[number + 1 :]:
            behind.append(layer(behind[-1]))
        return behind


def _model(
    layers: list[_Layer], bits: tuple[int, ...], activations: tuple[int, ...]
) -> train.Model:
    """Returns the same of layers that are exported."""
    inputs = 1, *CHANNELS
    convs: list[train.QuantConv1d] = []
    made: list[nn.Module] = [train.Input(8, scale=SCALE, shape=(1, WIDTH))]
    for number, layer in enumerate(layers):
        kernel, outputs = KERNEL if number == 0 else 1, len(layer.codes)
        shape = inputs[number], outputs, kernel
        convs.append(train.QuantConv1d(*shape, padding=kernel // 2, bits=bits[number]))
        made.append(convs[-1])
        if layer.highest:
            count = activations[number]
            made.append(train.Requantizer(count, outputs, multiplier_digits=1, bias=False))
        else:
            made.append(train.Output())
    model = train.Sequential(*made)  # which chooses scales
    with torch.no_grad():
        for layer, conv, scaled in zip(layers, convs, made[2::2], strict=True):
            conv.log2_step.zero_()
            conv.weight.copy_(layer.codes.reshape(conv.weight.shape))
            conv.bias.copy_(layer.bias / conv.bias_unit)
            shifts = torch.log2(layer.factor)
            scaled.log2_scale.copy_(shifts if layer.highest else shifts[0])
    return model.eval()


def quantized(
    model: nn.Module, windows: Windows, bits: int, seed: int, head: int = HEAD_BITS
) -> train.Model:
    """Returns a trained float detector as one of integers.

    Args:
        model: of floats.
        windows: to train on.
        bits: of weights and activations, but the last layer's.
        seed: of what is random.
        head: bits of the last layer's weights, and of what it takes.
    """
    activations, weights = (bits, head), (bits, bits, head)
    found = [
        _searched(model, windows, activations, weights, seed + _APART * start)
        for start in range(STARTS)
    ]
    return _model(min(found, key=lambda one: one[0])[1], weights, activations)


def _searched(
    model: nn.Module,
    windows: Windows,
    activations: tuple[int, ...],
    weights: tuple[int, ...],
    seed: int,
) -> tuple[float, list[_Layer]]:
    """Returns the loss and the layers of the turn that has the least."""
    torch.manual_seed(seed)
    bounded = Bounded(model, windows.pixels[:_WINDOWS], activations)
    fit(bounded, bounded.parameters(), windows, seed, *NOISY)
    bounded.rounded = True
    fit(bounded, bounded.parameters(), windows, seed + 1, *ROUNDED)
    found: list[tuple[float, list[_Layer]]] = []
    for turn, plan in enumerate(SWEEPS):
        with torch.no_grad():
            layers = _rounded(bounded, weights)
            _take(bounded, layers)
        free = [*bounded.biases, bounded.weights[-1]]
        fit(bounded, free, windows, seed + 2 + turn, *AGAIN)
        with torch.no_grad():
            layers = _rounded(bounded, weights)
            descent = _Descent(layers, windows[:_WINDOWS], seed)
            for pairs in plan:
                descent.sweep(pairs=pairs)
            _take(bounded, layers)
        found.append((descent.best, layers))
    return min(found, key=lambda one: one[0])

"""Synaptic flow: which weights of an initialized model matter, found without data."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from qcompiler.train.layer import named_modules

_ROUNDS = 100


class Flow:
    """Scores of a model's weights, and the densities that its layers have by these.

    The score of a weight w is |w * dR/dw|, where R is the sum of what the network with all
    parameters positive makes of ones.

    Args:
        model: is not changed.
        example: inputs, for the shape of one.
        layers: paths of the modules whose weights count.

    Source: Tanaka et al., "Pruning neural networks without any data by iteratively conserving
    synaptic flow", NeurIPS 2020, algorithm 1.
    """

    def __init__(self, model: nn.Module, example: Tensor, layers: Sequence[str]) -> None:
        self._model = copy.deepcopy(model).double().eval()
        modules = named_modules(self._model)
        with torch.no_grad():
            for module in modules.values():
                if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                    module.reset_running_stats()
            for parameter in self._model.parameters():
                parameter.abs_()
        self._weights = {name: modules[name].get_parameter("weight") for name in layers}
        self._ones = torch.ones(1, *example.shape[1:], dtype=torch.float64)

    def scores(self) -> dict[str, Tensor]:
        """Returns the scores of the weights, by layer."""
        weights = list(self._weights.values())
        gradients = torch.autograd.grad(_total(self._model(self._ones)), weights)
        return {
            name: (gradient * weight.detach()).abs()
            for (name, weight), gradient in zip(self._weights.items(), gradients, strict=True)
        }

    def densities(self, keep: float) -> list[float]:
        """Returns densities of the layers, so that a share of all weights stays."""
        return [float(mask.mean()) for mask in self.masks(keep).values()]

    def masks(self, keep: float) -> dict[str, Tensor]:
        """Returns ones for a share of all weights, which stay, and zeros, by layer.

        In each of 100 rounds those with the lowest scores go, and the others are scored anew.
        """
        whole = {name: weight.detach().clone() for name, weight in self._weights.items()}
        masks = {name: torch.ones_like(weight) for name, weight in whole.items()}
        for at in range(_ROUNDS):
            masks = _best(self.scores(), keep ** ((at + 1) / _ROUNDS))
            with torch.no_grad():
                for name, weight in self._weights.items():
                    weight.copy_(whole[name] * masks[name])
        with torch.no_grad():
            for name, weight in self._weights.items():
                weight.copy_(whole[name])
        return masks


def _total(made: Any) -> Tensor:
    """Returns the sum of all numbers that a model makes, of all its outputs."""
    if isinstance(made, Tensor):
        return made.sum()
    outputs = cast("Sequence[Any]", made.values() if isinstance(made, dict) else made)
    return torch.stack([_total(each) for each in outputs]).sum()


def _best(scores: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Returns masks of a share of all scores, the highest."""
    together = torch.cat([score.flatten() for score in scores.values()])
    count = max(1, round(share * together.numel()))
    mask = torch.zeros(together.numel(), dtype=torch.float64)
    mask[torch.argsort(together, descending=True, stable=True)[:count]] = 1.0
    parts = torch.split(mask, [score.numel() for score in scores.values()])
    return {
        name: part.reshape(score.shape)
        for (name, score), part in zip(scores.items(), parts, strict=True)
    }

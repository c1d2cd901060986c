"""Inputs where there are no data: made to have the statistics that batch normalizations remember.

Source: Cai et al., "ZeroQ: A Novel Zero Shot Quantization Framework", CVPR 2020, equation 3 and
appendix; optimizer, learning rate and schedule as there.
"""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError, Problem
from qcompiler.progress import Progress, silent
from qcompiler.quantization.batch_norm import Statistics, statistics
from qcompiler.quantization.cost import multiplications
from qcompiler.quantization.graph import Graph

FRAMES = 32
ITERATIONS = 500
_LEARNING_RATE = 0.5
_LEAST_RATE = 1e-4
_PATIENCE = 100
_WORK = 4e11
"""Most multiplications of activations by weights that distilling may take."""
_LEAST_FRAMES, _LEAST_ITERATIONS = 4, 20


def gaussian(graph: Graph, frames: int = FRAMES, seed: int = 0) -> dict[str, Array]:
    """Returns inputs of normal numbers, by name."""
    random = np.random.default_rng(seed)
    return {
        name: random.standard_normal((frames, *shape[1:])).astype(np.float32)
        for name, shape in graph.inputs.items()
    }


def effort(graph: Graph) -> tuple[int, int]:
    """Returns how many frames are distilled in how many iterations: as in the paper, or fewer.

    Fewer are where as many would take too long on a processor.
    """
    ratio = _WORK / max(3 * multiplications(graph) * FRAMES * ITERATIONS, 1)
    if ratio >= 1:
        return FRAMES, ITERATIONS
    frames = max(_LEAST_FRAMES, min(FRAMES, int(FRAMES * ratio**0.5)))
    iterations = int(FRAMES * ITERATIONS * ratio / frames)
    return frames, min(ITERATIONS, max(_LEAST_ITERATIONS, iterations))


def distilled(graph: Graph, seed: int = 0, progress: Progress = silent) -> dict[str, Array]:
    """Returns inputs that give values before batch normalizations their remembered statistics.

    Args:
        graph: with its batch normalizations.
        seed: of the normal numbers that it begins with.
        progress: is told what goes on.

    Raises:
        ModelError: the graph has no batch normalization behind a layer.
    """
    remembered = statistics(graph)
    if not remembered:
        what = "has no batch norms (exporters fold them into layers), so no statistics of its data"
        remedy = (
            "export with training=TrainingMode.PRESERVE and do_constant_folding=False, give "
            "--data FILE.npz, or take normal numbers: --data gaussian"
        )
        raise ModelError([Problem("model", what, remedy)])
    from qcompiler.quantization import torch_ops

    torch, (frames, iterations) = torch_ops.torch, effort(graph)
    inputs = {name: torch_ops.tensor(x) for name, x in gaussian(graph, frames, seed).items()}
    for x in inputs.values():
        x.requires_grad_(True)
    optimizer = torch.optim.Adam([*inputs.values()], lr=_LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, min_lr=_LEAST_RATE, patience=_PATIENCE
    )
    loss = _Loss(graph, remembered)
    best, kept = float("inf"), {name: x.detach().clone() for name, x in inputs.items()}
    for done in range(iterations):
        progress(f"distilling inputs: {done} of {iterations} iterations")
        optimizer.zero_grad()
        found = loss(inputs)
        number = float(found.detach())
        if number < best:
            best = number
            kept = {name: x.detach().clone() for name, x in inputs.items()}
        found.backward()
        optimizer.step()
        schedule.step(number)
    return {name: x.numpy() for name, x in kept.items()}


class _Loss:
    """Squared distances of means and deviations from those that are remembered."""

    def __init__(self, graph: Graph, remembered: list[Statistics]):
        from qcompiler.quantization import torch_ops

        self._ops, self._graph = torch_ops, graph
        self._constants = torch_ops.parameters(graph)
        self._targets = [
            (s.value, torch_ops.tensor(s.mean), torch_ops.tensor(s.deviation)) for s in remembered
        ]

    def __call__(self, inputs: dict[str, Any]) -> Any:
        """Returns the loss, a tensor."""
        parts = [self._distance(x, 0.0, 1.0) for x in inputs.values()]

        def hook(mean: Any, deviation: Any) -> Callable[[Any], Any]:
            def look(x: Any) -> Any:
                parts.append(self._distance(x, mean, deviation))
                return x

            return look

        hooks = {value: hook(mean, deviation) for value, mean, deviation in self._targets}
        self._ops.run(self._graph, inputs, self._constants, hooks)
        return sum(parts[1:], parts[0])

    def _distance(self, x: Any, mean: Any, deviation: Any) -> Any:
        torch = self._ops.torch
        pixels = prod(x.shape[2:])
        # Of one pixel a channel, only several frames have a deviation.
        flat = x.reshape(*x.shape[:2], -1) if pixels > 1 else x.reshape(1, *x.shape[:2]).mT
        means, variances = flat.mean(2), flat.var(2, correction=0)
        found = torch.sqrt(variances + 1e-6)
        return ((means - mean) ** 2 + (found - deviation) ** 2).sum() / len(flat)

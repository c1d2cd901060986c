"""Inputs where there are no data: made to have the statistics that batch normalizations remember.

Inputs themselves are asked to have a mean and a deviation, too: 0 and 1 in the paper, whose
networks take normalized images. Others do not (pixels of 0 to 255), and what the first batch
normalization remembers tells. It begins with normal numbers of that reach, and steps are in units
of it.

Two moments leave the tails free: a few numbers go far out, and values with them, so that ranges are
too wide. If it is known how far inputs reach, numbers stay within. Pictures, then, begin with
amplitudes that fall as the frequency grows: neighbours are alike, as in those of a camera.

Statistics are those of all frames together, as batch normalizations saw them. The paper asks each
frame for them: frames are then all alike, and no class is sure of any. Frames of a network with
scores of classes are of one class after the other, too.

Source: Cai et al., "ZeroQ: A Novel Zero Shot Quantization Framework", CVPR 2020, equation 3 and
appendix; optimizer, learning rate and schedule as there. Yin et al., "Dreaming to Distill", CVPR
2020, section 3.2: statistics of the batch, cross entropy. Field, "Relations between the statistics
of natural images and the response properties of cortical cells", JOSA A 1987: amplitudes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError, Problem
from qcompiler.progress import Progress, silent
from qcompiler.quantization.batch_norm import Statistics, statistics
from qcompiler.quantization.cost import multiplications
from qcompiler.quantization.graph import Graph, output_axis

FRAMES = 32
ITERATIONS = 500
_LEARNING_RATE = 0.5
_LEAST_RATE = 1e-4
_PATIENCE = 100
_WORK = 4e11
"""Most multiplications of activations by weights that distilling may take."""
_CLASSES = 1.0
"""What the cross entropy of classes weighs beside distances from statistics."""
_LEAST_FRAMES, _LEAST_ITERATIONS = 4, 20
_PICTURE_AXES, _LEAST_SIDE = 4, 2
Range = tuple[float, float]
"""The least and the greatest number."""


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


def distilled(
    graph: Graph, seed: int = 0, progress: Progress = silent, within: Range | None = None
) -> dict[str, Array]:
    """Returns inputs that give values before batch normalizations their remembered statistics.

    Args:
        graph: with its batch normalizations.
        seed: of the normal numbers that it begins with.
        progress: is told what goes on.
        within: how far inputs reach, if that is known.

    Raises:
        ModelError: the graph has no batch normalization behind a layer, or the first one saw
            inputs beyond the range.
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

    frames, iterations = effort(graph)
    start = _start(graph, frames, seed, within)
    with torch_ops.few_threads(multiplications(graph) * frames):
        made = _distilled(graph, remembered, start, iterations, progress)
    return made if within is None else {name: x.clip(*within) for name, x in made.items()}


@dataclass(frozen=True)
class _Input:
    """Where an input begins: `mean + deviation * units`; its units stay between two bounds."""

    units: Array
    mean: float
    deviation: float
    bounds: Range | None


def _start(graph: Graph, frames: int, seed: int, within: Range | None) -> dict[str, _Input]:
    found: dict[str, _Input] = {}
    for name, units in gaussian(graph, frames, seed).items():
        mean, deviation = input_statistics(graph, name)
        if within is None:
            found[name] = _Input(units, mean, deviation, None)
            continue
        _check_range(name, mean, deviation, within)
        lo, hi = ((bound - mean) / deviation for bound in within)
        found[name] = _Input(_as_pictures(units).clip(lo, hi), mean, deviation, (lo, hi))
    return found


def _check_range(name: str, mean: float, deviation: float, within: Range) -> None:
    lo, hi = within
    if not lo - deviation <= mean <= hi + deviation:
        what = (
            f"is to reach from {lo:g} to {hi:g}, but the first batch norm saw inputs of mean "
            f"{mean:.3g} and deviation {deviation:.3g}"
        )
        remedy = "give the range of what the network was trained on, after its preprocessing"
        raise ModelError([Problem(name, what, remedy)])


def _as_pictures(units: Array) -> Array:
    """Returns normal numbers of mean zero and deviation one; in pictures, neighbours are alike.

    Amplitudes fall as one over the frequency, up to a period of the longer side.
    """
    if units.ndim != _PICTURE_AXES or min(units.shape[2:]) < _LEAST_SIDE:
        return units
    rows, columns = (np.fft.fftfreq(n) for n in units.shape[2:])
    frequency = np.hypot(rows[:, None], columns).clip(1 / max(units.shape[2:]))
    alike = np.fft.ifft2(np.fft.fft2(units) / frequency).real
    return ((alike - alike.mean()) / alike.std()).astype(np.float32)


def _distilled(
    graph: Graph, remembered: list[Statistics], start: Mapping[str, _Input], iterations: int,
    progress: Progress,
) -> dict[str, Array]:  # fmt: skip
    from qcompiler.quantization import torch_ops

    torch = torch_ops.torch
    units = {name: torch_ops.tensor(of.units) for name, of in start.items()}
    for x in units.values():
        x.requires_grad_(True)
    optimizer = torch.optim.Adam([*units.values()], lr=_LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, min_lr=_LEAST_RATE, patience=_PATIENCE
    )
    loss = _Loss(graph, remembered)
    best, kept = float("inf"), dict[str, Any]()
    for done in range(iterations):
        progress(f"distilling inputs: {done} of {iterations} iterations")
        optimizer.zero_grad()
        inputs = {name: of.mean + units[name] * of.deviation for name, of in start.items()}
        found = loss(inputs, units)
        number = float(found.detach())
        if number < best or not kept:
            best = number
            kept = {name: x.detach().clone() for name, x in inputs.items()}
        found.backward()
        optimizer.step()
        for name, of in start.items():
            if of.bounds is not None:
                units[name].data.clamp_(*of.bounds)
        schedule.step(number)
    return {name: x.numpy() for name, x in kept.items()}


def input_statistics(graph: Graph, name: str) -> tuple[float, float]:
    """Returns the mean and deviation that an input has, by the batch normalization after a layer.

    A layer's output has the mean `m * sum(w) + b` for inputs of mean m, and for independent ones of
    deviation s the variance `s**2 * sum(w**2)`: m is of least squared error over the channels, s
    the median. Without such a layer, they are 0 and 1.
    """
    for found in statistics(graph):
        layer = graph.maker(found.value)
        if layer is None or layer.inputs[0] != name or not graph.is_layer(layer):
            continue
        weights = graph.weights(layer).astype(np.float64)
        rows = np.moveaxis(weights, output_axis(layer, weights), 0).reshape(len(found.mean), -1)
        sums, squares = rows.sum(1), np.square(rows).sum(1)
        kept = squares > 0
        if not kept.any() or not np.square(sums).sum() > 0:
            continue
        mean = ((found.mean - graph.bias(layer)) * sums).sum() / np.square(sums).sum()
        variances = np.square(found.deviation.astype(np.float64))[kept] / squares[kept]
        return float(mean), float(np.sqrt(np.median(variances)))
    return 0.0, 1.0


class _Loss:
    """Squared distances of means and deviations from those that are remembered."""

    def __init__(self, graph: Graph, remembered: list[Statistics]):
        from qcompiler.quantization import torch_ops

        self._ops, self._graph = torch_ops, graph
        self._constants = torch_ops.parameters(graph)
        self._targets = [
            (s.value, torch_ops.tensor(s.mean), torch_ops.tensor(s.deviation)) for s in remembered
        ]

    def __call__(self, inputs: dict[str, Any], units: dict[str, Any]) -> Any:
        """Returns the loss, a tensor; `units` are the inputs in units of their reach."""
        parts = [self._distance(x, 0.0, 1.0) for x in units.values()]

        def hook(mean: Any, deviation: Any) -> Callable[[Any], Any]:
            def look(x: Any) -> Any:
                parts.append(self._distance(x, mean, deviation))
                return x

            return look

        hooks = {value: hook(mean, deviation) for value, mean, deviation in self._targets}
        outputs = self._ops.run(self._graph, inputs, self._constants, hooks)
        return sum(parts[1:], parts[0]) + _CLASSES * self._surprise(outputs)

    def _distance(self, x: Any, mean: Any, deviation: Any) -> Any:
        flat = x.transpose(0, 1).reshape(x.shape[1], -1)
        means, variances = flat.mean(1), flat.var(1, correction=0)
        found = self._ops.torch.sqrt(variances + 1e-6)
        return ((means - mean) ** 2 + (found - deviation) ** 2).sum()

    def _surprise(self, outputs: Mapping[str, Any]) -> Any:
        """Returns the cross entropy of classes in turn, if the first output is one of scores."""
        name = self._graph.outputs[0]
        _, *extents = self._graph.shapes[name]
        scores = outputs[name].flatten(1)
        classes = scores.shape[1]
        if classes < 2 or max(extents) < classes:  # a picture, a sequence
            return 0.0
        torch, frames = self._ops.torch, len(scores)
        wanted = torch.arange(frames) * max(classes // frames, 1) % classes
        return torch.nn.functional.cross_entropy(scores, wanted)

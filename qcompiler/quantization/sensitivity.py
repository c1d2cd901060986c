"""How much a network suffers from few bits in one place: a layer's weights, or an activation.

`kl` is the divergence of the outputs' distributions when only that place is quantized (ZeroQ,
section 3.2). `hessian` is the average trace of the Hessian of the loss with respect to it, times
the squared error of its codes (HAWQ-V2, equation 10), traces by Hutchinson's method.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar

import numpy as np

from qcompiler.dialects.attributes import Array
from qcompiler.progress import Progress, silent
from qcompiler.quantization import torch_ops
from qcompiler.quantization.cost import multiplications
from qcompiler.quantization.graph import Graph
from qcompiler.quantization.onnx_writer import is_batched
from qcompiler.quantization.placement import Group
from qcompiler.quantization.places import Places, Sensitivities
from qcompiler.quantization.quantizers import Quantizer, WeightCodes
from qcompiler.quantization.torch_ops import Tensor, torch

Measure = Literal["kl", "hessian"]
MEASURES: tuple[Measure, ...] = ("kl", "hessian")
_MOST_PROBES = 100
_LEAST_PROBES = 5
_TOLERANCE = 1e-2
_FRAMES_AT_ONCE = 64
_Codes = TypeVar("_Codes", WeightCodes, Quantizer)


def rounded(x: Tensor, q: Quantizer) -> Tensor:
    """Returns what the codes of a tensor stand for."""
    return torch.clamp(torch.round(x / q.scale), q.lo, q.hi) * q.scale


def sensitivities(
    graph: Graph,
    feeds: Mapping[str, Array],
    places: Places,
    measure: Measure,
    *,
    labels: Array | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Sensitivities:
    """Returns the sensitivity of each place at each of its widths.

    Args:
        graph: of real numbers, batch norms folded.
        feeds: frames by input.
        places: codes to try.
        measure: which of the two.
        labels: classes of the frames, for `hessian`; None for those that the network gives.
        seed: of random vectors.
        progress: is told what goes on.
    """
    inputs = {name: torch_ops.tensor(x) for name, x in feeds.items()}
    frames = min(map(len, feeds.values()))
    with torch_ops.few_threads(multiplications(graph) * frames):
        if measure == "kl":
            return _divergences(graph, inputs, places, progress)
        traces = hutchinson(graph, inputs, [*places.activations], labels, seed, progress)
        return _perturbed(graph, inputs, places, traces)


def _logits(outputs: Mapping[str, Tensor], graph: Graph) -> Tensor:
    """Returns the first output as one row a frame."""
    first = outputs[graph.outputs[0]]
    return first.reshape(first.shape[0], -1)


def _divergences(
    graph: Graph, inputs: dict[str, Tensor], places: Places, progress: Progress
) -> Sensitivities:
    found = Sensitivities()
    layers = {layer.output for layer in graph.layers()}
    firsts = _first_places(graph, [*places.activations])
    with torch.no_grad():
        measure = _Divergence(graph, inputs)
        # What is before a place is the same as without it: only what follows is computed again.
        for place, before in torch_ops.steps(graph, inputs, measure.constants):
            node = graph.nodes[place]
            progress(f"sensitivity of {node.name}")
            if node.output in layers:
                found.weights[node.output] = measure.each(
                    places.weights[node.output], partial(measure.of_weights, place, before)
                )
            for group in firsts.get(place, []):
                found.activations[group.name] = measure.each(
                    places.activations[group], partial(measure.of_group, place, before, group)
                )
    return found


class _Divergence:
    """Measures how far outputs diverge, at several widths at once.

    Where frames are few and weights many, several take little longer than one.
    """

    def __init__(self, graph: Graph, inputs: dict[str, Tensor]):
        self.graph, self.constants = graph, torch_ops.parameters(graph)
        outputs = torch_ops.run(graph, inputs, self.constants)
        self._reference = torch.log_softmax(_logits(outputs, graph), 1)
        fit = _FRAMES_AT_ONCE // len(self._reference) if is_batched(graph) else 1
        self._at_once = max(1, fit)

    def each(
        self,
        tried: Mapping[int, _Codes],
        measure: Callable[[Sequence[_Codes]], Mapping[str, Tensor]],
    ) -> dict[int, float]:
        """Returns the divergence at each width; `measure` returns the outputs of some, in turn."""
        values, found = [*tried.values()], list[float]()
        for first in range(0, len(values), self._at_once):
            outputs = measure(values[first : first + self._at_once])
            rows = torch.log_softmax(_logits(outputs, self.graph), 1)
            for other in rows.split(len(self._reference)):
                terms = (self._reference.exp() * (self._reference - other)).sum(1)
                found.append(max(float(terms.mean()), 0.0))
        return dict(zip(tried, found, strict=True))

    def of_weights(
        self, place: int, before: Mapping[str, Tensor], tried: Sequence[WeightCodes]
    ) -> dict[str, Tensor]:
        """Returns the outputs with other weights of the layer at a place."""
        node = self.graph.nodes[place]
        known = {**self.constants, **before}
        made: list[Tensor] = []
        for codes in tried:
            known[node.inputs[1]] = torch_ops.tensor(codes.values)
            made.append(torch_ops.made(node, known))
        values = {**_repeated(before, len(tried)), node.output: torch.cat(made)}
        return torch_ops.run(self.graph, values, self.constants, start=place + 1)

    def of_group(
        self, place: int, before: Mapping[str, Tensor], group: Group, tried: Sequence[Quantizer]
    ) -> dict[str, Tensor]:
        """Returns the outputs with an activation rounded, of which nothing is before a place."""
        hooks = dict.fromkeys(group.values, partial(_each_rounded, quantizers=tried))
        values = _repeated(before, len(tried))
        return torch_ops.run(self.graph, values, self.constants, hooks, place)


def _repeated(values: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
    """Returns values with all frames so many times."""
    return {name: x.repeat(count, *[1] * (x.ndim - 1)) for name, x in values.items()}


def _each_rounded(x: Tensor, quantizers: Sequence[Quantizer]) -> Tensor:
    """Returns equal parts of the frames, each rounded in its own way."""
    parts = x.split(len(x) // len(quantizers))
    return torch.cat([rounded(part, q) for part, q in zip(parts, quantizers, strict=True)])


def _first_places(graph: Graph, listed: Sequence[Group]) -> dict[int, list[Group]]:
    """Returns groups by the place of the first node that makes one of their values; inputs: 0."""
    made = {node.output: place for place, node in enumerate(graph.nodes)}
    found: dict[int, list[Group]] = {}
    for group in listed:
        found.setdefault(min(made.get(value, 0) for value in group.values), []).append(group)
    return found


@dataclass(frozen=True)
class Traces:
    """Traces of the Hessian divided by the number of elements: by layer output, by group."""

    weights: dict[str, float]
    activations: dict[str, float]
    probes: int


def hutchinson(
    graph: Graph,
    inputs: Mapping[str, Tensor],
    listed: Sequence[Group],
    labels: Array | None,
    seed: int = 0,
    progress: Progress = silent,
    tolerance: float = _TOLERANCE,
    most: int = _MOST_PROBES,
) -> Traces:
    """Returns average traces of the Hessian of the cross entropy, block by block.

    Random signs z for all blocks at once give `z_i . (H z)_i`, whose mean is the trace of block i:
    what other blocks add has the mean zero. It ends when the mean of no sum of blocks moves by more
    than `tolerance`.
    """
    constants = torch_ops.parameters(graph)
    layers = graph.layers()
    blocks = {f"w {n.output}": constants[n.inputs[1]] for n in layers}
    blocks |= _shifts(graph, inputs, constants, listed)
    target = _classes(graph, inputs, constants, labels)

    def loss(points: dict[str, Tensor]) -> Tensor:
        weights = {n.inputs[1]: points[f"w {n.output}"] for n in layers}
        hooks = {
            value: partial(torch.add, points[f"a {value}"])
            for group in listed
            for value in group.values
        }
        outputs = torch_ops.run(graph, inputs, {**constants, **weights}, hooks)
        return torch.nn.functional.cross_entropy(_logits(outputs, graph), target)

    # The Hessian is symmetric: products from the left are those from the right. One graph does for
    # all, and forward differentiation of torch warns of what it uses itself.
    _, product = torch.func.vjp(torch.func.grad(loss), blocks)
    generator = torch.Generator().manual_seed(seed)
    totals, probes = dict.fromkeys(blocks, 0.0), 0
    mean = 0.0
    while probes < most:
        progress(f"traces: {probes} of at most {most} random vectors")
        signs = {
            name: torch.randint(0, 2, x.shape, generator=generator).to(x.dtype) * 2 - 1
            for name, x in blocks.items()
        }
        (products,) = product(signs)
        for name, z in signs.items():
            totals[name] += float((z * products[name]).sum())
        probes += 1
        before, mean = mean, sum(totals.values()) / probes
        if probes >= _LEAST_PROBES and abs(mean - before) <= tolerance * abs(mean):
            break
    frames = len(next(iter(inputs.values())))
    sizes = {name: x.numel() for name, x in blocks.items()}
    weights = {n.output: totals[f"w {n.output}"] / probes / sizes[f"w {n.output}"] for n in layers}
    # The loss is a mean over frames: the sum of its blocks is the mean of those of the frames.
    activations = {
        group.name: sum(totals[f"a {v}"] / (sizes[f"a {v}"] / frames) for v in group.values)
        / probes
        / len(group.values)
        for group in listed
    }
    return Traces(weights, activations, probes)


def _shifts(
    graph: Graph, inputs: Mapping[str, Tensor], constants: Mapping[str, Tensor],
    listed: Sequence[Group],
) -> dict[str, Tensor]:  # fmt: skip
    """Returns zeros that are added to activations, to differentiate by them."""
    frames = len(next(iter(inputs.values())))
    return {
        f"a {value}": torch.zeros((frames, *graph.shapes[value][1:]))
        for group in listed
        for value in group.values
    }


def _classes(
    graph: Graph, inputs: Mapping[str, Tensor], constants: Mapping[str, Tensor],
    labels: Array | None,
) -> Tensor:  # fmt: skip
    if labels is not None:
        return torch.from_numpy(np.array(labels, np.int64))
    with torch.no_grad():
        return _logits(torch_ops.run(graph, inputs, constants), graph).argmax(1)


def _perturbed(
    graph: Graph, inputs: dict[str, Tensor], places: Places, traces: Traces
) -> Sensitivities:
    """Returns average traces times squared errors; negative traces count as zero."""
    found = Sensitivities()
    for layer in graph.layers():
        weights, trace = graph.weights(layer), max(traces.weights[layer.output], 0.0)
        found.weights[layer.output] = {
            bits: trace * float(np.square(codes.values - weights).sum())
            for bits, codes in places.weights[layer.output].items()
        }
    errors: dict[str, dict[int, float]] = {group.name: {} for group in places.activations}

    def look(x: Tensor, group: Group) -> Tensor:
        for bits, q in places.activations[group].items():
            error = float(((rounded(x, q) - x) ** 2).sum()) / len(x)
            errors[group.name][bits] = errors[group.name].get(bits, 0.0) + error
        return x

    hooks = {
        value: partial(look, group=group) for group in places.activations for value in group.values
    }
    with torch.no_grad():
        torch_ops.run(graph, inputs, torch_ops.parameters(graph), hooks)
    for group in places.activations:
        trace = max(traces.activations[group.name], 0.0)
        found.activations[group.name] = {b: trace * e for b, e in errors[group.name].items()}
    return found

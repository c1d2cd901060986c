"""Plans the width of each layer and activation for a budget."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from onnx import ModelProto

from qcompiler.analysis.area.estimate import total
from qcompiler.devices import Device, load_device
from qcompiler.errors import ModelError
from qcompiler.progress import Progress
from qcompiler.quantization.bits import Choice, Chosen, least_sensitive, pareto
from qcompiler.quantization.chosen_bits import BOPS, SIZE, items, variables, weights_variable
from qcompiler.quantization.cost import multiplications
from qcompiler.quantization.data import Data
from qcompiler.quantization.extra import library
from qcompiler.quantization.graph import Graph, Node
from qcompiler.quantization.hardware import HardwareCosts, compile_within, hardware_costs
from qcompiler.quantization.placement import Group, input_group
from qcompiler.quantization.places import Places
from qcompiler.quantization.quantizers import WeightCodes
from qcompiler.quantization.ranges import Observed, quantizer
from qcompiler.quantization.settings import RESOURCES, Settings
from qcompiler.quantization.weights import codes_of, feedback_work, with_feedback_at

_SENSITIVITY_FRAMES = 32
_SENSITIVITY_WORK = 4e11
"""Most multiplications of activations by weights that measuring sensitivities may take."""
_ROUNDING_WORK = 5e10
"""Most multiplications that rounding with feedback at each width may take; else codes are those
nearest."""
_ATTEMPTS = 12
_AIM_LOWER = 0.98


@dataclass(frozen=True)
class Widths:
    """Bits of each layer's weights by its output, and of each group by its name."""

    weights: Mapping[str, int]
    activations: Mapping[str, int]


@dataclass(frozen=True)
class Point:
    """A point of the front: bits, sensitivity, and what is spent."""

    sensitivity: float
    costs: Mapping[str, float]
    widths: Widths


@dataclass(frozen=True)
class Plan:
    """How widths were chosen.

    Attributes:
        widths: what was chosen.
        budget: most of each kind of resource.
        kind: of resource that the front is over.
        sensitivity: of what was chosen.
        costs: what it takes, by the program.
        compiled: what it takes by the estimate of the compiled network, if a device was given.
        front: solutions for smaller and larger budgets.
    """

    widths: Widths
    budget: Mapping[str, float]
    kind: str
    sensitivity: float
    costs: Mapping[str, float]
    compiled: Mapping[str, int] | None
    front: tuple[Point, ...]

    def as_dict(self) -> dict[str, Any]:
        """Returns it for JSON."""
        front = [
            {"sensitivity": p.sensitivity, "costs": dict(p.costs), "widths": vars(p.widths)}
            for p in self.front
        ]
        own = {"budget": dict(self.budget), "kind": self.kind, "sensitivity": self.sensitivity}
        return {**own, "costs": dict(self.costs), "compiled": self.compiled, "front": front}

    def plot(self, axes: Any = None) -> Any:
        """Draws the front with matplotlib: sensitivity over what is spent; returns the axes."""
        pyplot = library("matplotlib.pyplot", "plot")
        axes = axes if axes is not None else pyplot.figure().subplots()
        spent = [p.costs[self.kind] for p in self.front]
        axes.plot(spent, [p.sensitivity for p in self.front], "o-", label="front")
        axes.plot([self.costs[self.kind]], [self.sensitivity], "s", label="chosen")
        axes.set_xlabel(self.kind)
        axes.set_ylabel("sensitivity")
        axes.set_yscale("symlog", linthresh=1e-6)
        axes.legend()
        return axes


@dataclass(frozen=True)
class Makers:
    """What makes models of widths.

    Attributes:
        plain: with the nearest codes, quickly: what layers cost is found with it.
        finished: as it will be written.
    """

    plain: Callable[[Widths], ModelProto]
    finished: Callable[[Widths], ModelProto]


def uniform(graph: Graph, listed: Sequence[Group], settings: Settings, **bits: int) -> Widths:
    """Returns the same widths everywhere, but for the model's inputs."""
    weights = bits.get("weights", settings.weight_bits)
    activations = bits.get("activations", settings.activation_bits)
    by_group = {
        group.name: settings.input_bits
        if is_input(graph, group)
        else max(int(activations), least_bits(graph, group))
        for group in listed
    }
    by_layer = {layer.output: layer.fixed.weight_bits or int(weights) for layer in graph.layers()}
    return Widths(by_layer, by_group)


def least_bits(graph: Graph, group: Group) -> int:
    """Returns the least width that what makes a group asks for."""
    makers = map(graph.maker, group.values)
    return max((maker.fixed.least_bits for maker in makers if maker is not None), default=0)


def is_input(graph: Graph, group: Group) -> bool:
    """Whether a group quantizes an input of the model."""
    return any(value in graph.inputs for value in group.values)


def plan_widths(
    graph: Graph,
    data: Data,
    seen: Mapping[Group, Observed],
    settings: Settings,
    made: Makers,
    progress: Progress,
) -> Plan:
    """Returns the widths of least sensitivity within the budget.

    Args:
        graph: batch norms folded.
        data: on which sensitivities are measured.
        seen: ranges of activations.
        settings: widths to choose from, budget, measure.
        made: makes models of widths.
        progress: is told what goes on.

    Raises:
        ModelError: the budget cannot be kept.
    """
    planner = _Planner(graph, data, seen, settings, made, progress)
    return planner.for_device() if settings.device is not None else planner.for_numbers()


class _Planner:
    def __init__(
        self, graph: Graph, data: Data, seen: Mapping[Group, Observed], settings: Settings,
        made: Makers, progress: Progress,
    ):  # fmt: skip
        self.graph, self.settings, self.made, self.progress = graph, settings, made, progress
        self.listed = [*seen]
        self.names = variables(graph, self.listed)
        from qcompiler.quantization.sensitivity import sensitivities

        places = Places(
            {layer.output: self._codes(layer, data, seen) for layer in graph.layers()},
            {
                group: {b: quantizer(seen[group], b, settings.ranges) for b in self._widths(group)}
                for group in self.listed
            },
        )
        frames = self._frames()
        feeds = {name: array[:frames] for name, array in data.feeds.items()}
        labels = None if data.labels is None else data.labels[:frames]
        self.found = sensitivities(
            graph, feeds, places, settings.sensitivity, labels=labels, seed=settings.seed,
            progress=progress,
        )  # fmt: skip

    def _codes(
        self, layer: Node, data: Data, seen: Mapping[Group, Observed]
    ) -> Mapping[int, WeightCodes]:
        """Returns the codes of a layer by width: as they will be rounded, if that is not long."""
        graph, settings = self.graph, self.settings
        fixed, widths = layer.fixed.weight_bits, settings.widths_of_weights
        nearest = {b: codes_of(graph, layer, b, settings) for b in ((fixed,) if fixed else widths)}
        if settings.rounding == "nearest" or feedback_work(graph) > _ROUNDING_WORK:
            return nearest
        self.progress(f"rounding {layer.name} at each width")
        group = input_group(graph, self.listed, layer)
        q = quantizer(seen[group], max(self._widths(group)), settings.ranges)
        return with_feedback_at(graph, data.feeds, layer, q, nearest)

    def _frames(self) -> int:
        """Returns on how many frames sensitivities are measured: fewer of large networks."""
        runs = len(self.settings.widths) * (len(self.listed) + len(self.graph.layers()))
        most = int(_SENSITIVITY_WORK / max(runs * multiplications(self.graph), 1))
        return min(_SENSITIVITY_FRAMES, max(1, most))

    def _widths(self, group: Group) -> tuple[int, ...]:
        if is_input(self.graph, group):
            return (self.settings.input_bits,)
        least = least_bits(self.graph, group)
        return tuple(dict.fromkeys(max(b, least) for b in self.settings.widths_of_activations))

    def widths(self, chosen: Chosen) -> Widths:
        """Returns a solution as widths of layers and groups."""
        weights = {n.output: chosen.widths[weights_variable(n.output)] for n in self.graph.layers()}
        activations = {name: chosen.widths[variable] for name, variable in self.names.items()}
        return Widths(weights, activations)

    def _plan(
        self, program: Sequence[Sequence[Choice]], budget: Mapping[str, float], chosen: Chosen,
        kind: str, compiled: Mapping[str, int] | None,
    ) -> Plan:  # fmt: skip
        self.progress("the front")
        front = tuple(Point(p.sensitivity, p.costs, self.widths(p)) for p in pareto(program, kind))
        widths, costs = self.widths(chosen), chosen.costs
        return Plan(widths, budget, kind, chosen.sensitivity, costs, compiled, front)

    def for_numbers(self) -> Plan:
        """Returns the plan for a budget of bytes or bit operations."""
        size, bops = self.settings.size, self.settings.bops
        budget = {SIZE: size} if size is not None else {BOPS: float(bops or 0)}
        program = items(self.graph, self.listed, self.found)
        chosen = least_sensitive(program, budget)
        return self._plan(program, budget, chosen, next(iter(budget)), None)

    def for_device(self) -> Plan:
        """Returns the plan for a device; what it compiles to is within the budget.

        The areas of processes beside each other are not quite the sum of what was estimated for
        them alone: where the compiler finds no room for a plan, the next aims lower.
        """
        settings, device = self.settings, self._device()
        rate = self._rate()
        costs = self._costs(device, rate)
        program = items(self.graph, self.listed, self.found, costs)
        limits = self._limits(device)
        aims, refused = limits, list[ModelError]()
        for attempt in range(_ATTEMPTS):
            try:
                chosen = least_sensitive(program, aims)
            except ModelError as error:  # of a limit that nobody asked for, if some were refused
                raise (refused or [error])[-1] from None
            self.progress(f"compiling what was chosen, attempt {attempt + 1}")
            model = self.made.finished(self.widths(chosen))
            try:
                design = compile_within(model, device=settings.device, **rate, **settings.limits)
            except ModelError as error:
                refused.append(error)
            else:
                found = total(design.areas.values()).as_dict()
                kind = self._tightest(limits, found)
                return self._plan(program, limits, chosen, kind, found)
            spent = {kind: chosen.costs[kind] for kind in aims}
            aims = {kind: min(aims[kind], spent[kind]) * _AIM_LOWER for kind in aims}
        raise refused[-1]

    def _device(self) -> Device:
        assert self.settings.device is not None
        return load_device(self.settings.device)

    def _tightest(self, limits: Mapping[str, float], found: Mapping[str, int]) -> str:
        return max(limits, key=lambda kind: found[kind] / max(limits[kind], 1))

    def _limits(self, device: Device) -> dict[str, float]:
        """Returns what there is of each resource: of the device, or less."""
        capacity = device.capacity()
        found = {kind: float(n) for kind, n in capacity.items() if kind in RESOURCES.values()}
        for name, most in self.settings.limits.items():
            kind = RESOURCES[name]
            found[kind] = min(found.get(kind, float(most)), float(most))
        return found

    def _rate(self) -> dict[str, Any]:
        """Returns what all are folded for: as asked for, or the fastest with widths in between."""
        settings = self.settings
        if settings.fps is not None or settings.cycles is not None:
            return settings.rate
        self.progress("the rate that fits")
        middle = sorted(settings.widths)[(len(settings.widths) - 1) // 2]
        model = self.made.plain(self._uniform(middle, middle))
        limits = {**settings.rate, **settings.limits}
        design = compile_within(model, device=settings.device, **limits)
        return {**settings.rate, "cycles": design.timing.cycles_per_frame}

    def _uniform(self, weights: int, activations: int) -> Widths:
        bits = {"weights": weights, "activations": activations}
        return uniform(self.graph, self.listed, replace(self.settings), **bits)

    def _costs(self, device: Device, rate: Mapping[str, Any]) -> HardwareCosts:
        settings = self.settings
        pairs = [*product(settings.widths_of_weights, settings.widths_of_activations)]
        return hardware_costs(
            self.graph, self.listed, pairs, lambda pair: self.made.plain(self._uniform(*pair)),
            device, rate, self.progress,
        )  # fmt: skip

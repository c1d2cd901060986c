"""What widths cost in hardware: the compiler's own estimates, layer by layer.

The network is compiled with the same widths everywhere, once for each pair of widths, all folded
for one rate. What a process takes is charged to the layer it is of, at that pair of widths, or to
the activation that it makes or moves; what is of neither is the same for all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from onnx import ModelProto

from qcompiler.analysis.area.estimate import Area, estimate_areas, total
from qcompiler.compiler import compile as compile_model
from qcompiler.design import Design
from qcompiler.devices import Device
from qcompiler.options import Options
from qcompiler.passes.pipeline import make_pass, pass_name
from qcompiler.progress import Progress, silent
from qcompiler.provenance.sources import source_nodes
from qcompiler.quantization.graph import Graph
from qcompiler.quantization.placement import Group

Pair = tuple[int, int]
"""Widths of weights and of activations."""


@dataclass
class HardwareCosts:
    """Areas by widths.

    Attributes:
        layers: by the output of the layer, then by the widths of its weights and its inputs.
        groups: by the name of the group, then by its width.
        rest: of neither.
        cycles: that a frame takes in the slowest process.
    """

    layers: dict[str, dict[Pair, Area]] = field(default_factory=dict[str, dict[Pair, Area]])
    groups: dict[str, dict[int, Area]] = field(default_factory=dict[str, dict[int, Area]])
    rest: Area = field(default_factory=Area)
    cycles: int = 0


def compile_within(model: ModelProto, **options: Any) -> Design:
    """Returns a model compiled with options of `qcompiler.compile`.

    Raises:
        ModelError: the compiler refuses it: the limits cannot be kept, say.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        path.write_bytes(model.SerializeToString())
        return compile_model(path, **options)


def compile_unlimited(model: ModelProto, device: Device, rate: Mapping[str, Any]) -> Design:
    """Returns a model folded for a rate, as if the device had room for anything.

    So areas of layers do not depend on which of them got the last multipliers.
    """
    options = Options(device=device.name, **rate)
    free = {**options.pass_options()["select-folding"], "device": None}
    passes = [
        make_pass("select-folding", free) if pass_name(pass_) == "select-folding" else pass_
        for pass_ in options.pipeline()
    ]
    return compile_within(model, passes=passes)


def hardware_costs(
    graph: Graph,
    listed: Sequence[Group],
    pairs: Sequence[Pair],
    made: Callable[[Pair], ModelProto],
    device: Device,
    rate: Mapping[str, Any],
    progress: Progress = silent,
) -> HardwareCosts:
    """Returns what each layer and activation costs at each pair of widths.

    Args:
        graph: whose layers and groups are asked about.
        listed: the groups.
        pairs: widths of weights and of activations.
        made: returns the model in which all have a pair of widths.
        device: the part.
        rate: `fps` or `cycles`, and `mhz`: what all are folded for.
        progress: is told what goes on.
    """
    costs = HardwareCosts()
    seen: dict[str, dict[int, list[Area]]] = {group.name: {} for group in listed}
    rests: list[Area] = []
    for weights, activations in pairs:
        progress(f"hardware of {weights}-bit weights and {activations}-bit activations")
        design = compile_unlimited(made((weights, activations)), device, rate)
        costs.cycles = max(costs.cycles, design.timing.cycles_per_frame)
        layers, groups, rest = charged(design, device, graph, listed)
        rests.append(rest)
        for name, area in layers.items():
            costs.layers.setdefault(name, {})[weights, activations] = area
        for name, area in groups.items():
            seen[name].setdefault(activations, []).append(area)
    costs.groups = {
        name: {bits: _mean(areas) for bits, areas in by_bits.items()}
        for name, by_bits in seen.items()
    }
    costs.rest = _mean(rests)
    return costs


def charged(
    design: Design, device: Device, graph: Graph, listed: Sequence[Group]
) -> tuple[dict[str, Area], dict[str, Area], Area]:
    """Returns the areas of a design: of layers by output, of groups by name, and of the rest."""
    layers = {layer.name: layer.output for layer in graph.layers()}
    owners = _owners(graph, listed)
    of_layers = dict.fromkeys(layers.values(), Area())
    of_groups = {group.name: Area() for group in listed}
    dsp = device.dsp is not None
    rtl = design.level("rtl")
    left = estimate_areas(rtl, design.network, device.family, dsp=dsp)
    for name, process in design.network.named():
        area, nodes = left.pop(name, Area()), source_nodes(process)
        layer = next((layers[node] for node in nodes if node in layers), None)
        group = next((owners[node] for node in nodes if node in owners), None)
        if layer is not None:
            of_layers[layer] += area
        elif group is not None:
            of_groups[group] += area
        else:
            left[name] = area
    return of_layers, of_groups, total(left.values())


def _owners(graph: Graph, listed: Sequence[Group]) -> dict[str, str]:
    """Returns the group of nodes that make or move activations, by the node's name."""
    found: dict[str, str] = {}
    for group in listed:
        for value in group.values:
            found[f"{value}_quant"] = found[f"{value}_quantize"] = group.name
            maker = graph.maker(value)
            if maker is not None and not graph.is_layer(maker):
                found.setdefault(maker.name, group.name)
            for user in graph.users(value):
                if not graph.is_layer(user):
                    found.setdefault(user.name, group.name)
    return found


def _mean(areas: Sequence[Area]) -> Area:
    count = max(len(areas), 1)
    whole = total(areas)
    return Area.of({kind: round(number / count) for kind, number in whole.as_dict().items()})

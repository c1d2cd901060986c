"""What widths cost in hardware: the compiler's own estimates, layer by layer.

The network is compiled with the same widths everywhere, once for each pair of widths, all folded
for one rate. What a process takes is charged to the layer it is of, at that pair of widths, or to
the activation that it makes or moves; what is of neither is the same for all. There are
further areas with fewer hard multipliers, as the compiler has them where those are short: two
outputs of a layer share one, and requantizers multiply in several turns of logic.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from onnx import ModelProto

from qcompiler.analysis.area.estimate import Area, estimate_areas, total
from qcompiler.analysis.area.process_area import process_area
from qcompiler.analysis.area.turns import cheapest_turns
from qcompiler.analysis.foldable_layers import choose, foldable_layers
from qcompiler.compiler import compile as compile_model
from qcompiler.design import Design
from qcompiler.devices import Device
from qcompiler.devices.families import FAMILIES
from qcompiler.dialects import stream
from qcompiler.options import Options
from qcompiler.passes.pipeline import make_pass, pass_name
from qcompiler.progress import Progress, silent
from qcompiler.provenance.sources import source_nodes
from qcompiler.quantization.graph import Graph
from qcompiler.quantization.placement import Group
from qcompiler.rtl.blocks.weight_codes import PAIRS

Pair = tuple[int, int]
"""Widths of weights and of activations."""


@dataclass
class HardwareCosts:
    """Areas by widths.

    Attributes:
        layers: by the output of the layer, then by the widths of its weights and its inputs; the
            first one is its own, others have fewer multipliers.
        groups: by the name of the group, then by its width, likewise.
        rest: of neither.
        cycles: that a frame takes in the slowest process.
    """

    layers: dict[str, dict[Pair, list[Area]]] = field(
        default_factory=dict[str, dict[Pair, list[Area]]]
    )
    groups: dict[str, dict[int, list[Area]]] = field(
        default_factory=dict[str, dict[int, list[Area]]]
    )
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
    seen: dict[str, dict[int, list[list[Area]]]] = {group.name: {} for group in listed}
    rests: list[Area] = []
    for weights, activations in pairs:
        progress(f"hardware of {weights}-bit weights and {activations}-bit activations")
        design = compile_unlimited(made((weights, activations)), device, rate)
        costs.cycles = max(costs.cycles, design.timing.cycles_per_frame)
        layers, groups, rest = charged(design, device, graph, listed)
        rests.append(rest)
        for name, styled in layers.items():
            costs.layers.setdefault(name, {})[weights, activations] = styled
        for name, areas in groups.items():
            seen[name].setdefault(activations, []).append(areas)
    costs.groups = {
        name: {
            bits: [_mean([areas[place] for areas in every]) for place in (0, -1)]
            for bits, every in by_bits.items()
        }
        for name, by_bits in seen.items()
    }
    costs.rest = _mean(rests)
    return costs


def charged(
    design: Design, device: Device, graph: Graph, listed: Sequence[Group]
) -> tuple[dict[str, list[Area]], dict[str, list[Area]], Area]:
    """Returns the areas of a design: of layers by output, of groups by name, and of the rest.

    The first of a layer or group is its own; others have fewer hard multipliers.
    """
    layers = {layer.name: layer.output for layer in graph.layers()}
    owners = _owners(graph, listed)
    of_layers = dict.fromkeys(layers.values(), Area())
    of_groups = {group.name: Area() for group in listed}
    fewer_of_layers, fewer_of_groups = dict[str, list[Area]](), dict[str, list[Area]]()
    changes = _shared_changes(design, device) | _turn_changes(design, device)
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
        owner = layer if layer is not None else group
        if owner is not None and process in changes:
            own = fewer_of_layers if layer is not None else fewer_of_groups
            own.setdefault(owner, []).append(changes[process])
    return (
        {
            name: _with_fewer(area, fewer_of_layers.get(name, []))
            for name, area in of_layers.items()
        },
        {
            name: _with_fewer(area, fewer_of_groups.get(name, []))
            for name, area in of_groups.items()
        },
        total(left.values()),
    )


def _with_fewer(area: Area, changes: Sequence[Area]) -> list[Area]:
    """Returns an area, with each change, and with all of them."""
    found = [area, *(area + change for change in changes), area + total(changes)]
    return list(dict.fromkeys(found))


_DSP_IS_DEAR = (("LUT", 1.0), ("FF", 0.5), ("BRAM", 100.0), ("DSP", 1e4))


def _turn_changes(design: Design, device: Device) -> dict[stream.Process, Area]:
    """Returns by how much areas change where requantizers multiply in turns, by process."""
    if device.dsp is None:
        return {}
    multiplier, cycles = FAMILIES[device.family].multiplier, design.timing.cycles_per_frame
    found: dict[stream.Process, Area] = {}
    for process in design.network.processes:
        if not isinstance(process, stream.RequantizeOp) or process.factors is None:
            continue
        each = cycles // process.output_channel.beats
        if each < 2:
            continue
        turns = cheapest_turns(*process.factors, each, multiplier, _DSP_IS_DEAR)
        given, registers = process.turns, process.registers
        process.registers = {}
        areas: list[Area] = []
        for each_turns in (turns, given):
            process.turns = each_turns
            areas.append(process_area(process, device.family))
        process.registers = registers
        found[process] = areas[0] - areas[1]
    return {process: change for process, change in found.items() if change.dsps < 0}


def _shared_changes(design: Design, device: Device) -> dict[stream.Process, Area]:
    """Returns by how much areas change where two outputs share a hard multiplier, by process.

    Those may need another folding, of the fewest multipliers that keep the rate.
    """
    family = device.family
    multiplier = FAMILIES[family].multiplier if device.dsp is not None else None
    cycles = design.timing.cycles_per_frame
    found: dict[stream.Process, Area] = {}
    for layer in foldable_layers(design.network).values():
        pairs = [
            style
            for folding in layer.foldings
            if layer.cycles(folding) <= cycles
            for style in layer.styles(folding, multiplier)
            if style.style == PAIRS
        ]
        if not pairs:
            continue
        process, chosen, registers = layer.op, layer.chosen, layer.op.registers
        process.registers = {}  # which are others in another style
        areas: list[Area] = []
        for folding in (choose(layer, cycles, pairs), chosen):
            process.fold(folding.pe, folding.simd)
            process.style = folding.style
            areas.append(process_area(process, family))
        process.registers = registers
        found[process] = areas[0] - areas[1]
    return {process: change for process, change in found.items() if change.dsps < 0}


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

"""Which layer gets which width: sensitivities and costs make the program that `bits` solves."""

from collections.abc import Mapping, Sequence

from qcompiler.analysis.area.estimate import Area
from qcompiler.quantization.bits import Choice
from qcompiler.quantization.cost import bit_operations, weight_bytes
from qcompiler.quantization.graph import Graph
from qcompiler.quantization.hardware import HardwareCosts
from qcompiler.quantization.placement import Group, input_group, residual_ties
from qcompiler.quantization.places import Sensitivities

SIZE, BOPS = "bytes of weights", "bit operations"


def variables(graph: Graph, listed: Sequence[Group]) -> dict[str, str]:
    """Returns the variable of each group's width by the group's name: joins tie widths."""
    found = {group.name: group.name for group in listed}
    for tied in residual_ties(graph, [*listed]):
        names = {found[group.name] for group in tied}
        if names:
            first = next(group.name for group in listed if found[group.name] in names)
            found = {name: found[first] if old in names else old for name, old in found.items()}
    return {name: f"activations {root}" for name, root in found.items()}


def weights_variable(output: str) -> str:
    """Returns the variable of a layer's weights."""
    return f"weights {output}"


def items(
    graph: Graph,
    listed: Sequence[Group],
    found: Sensitivities,
    hardware: HardwareCosts | None = None,
) -> list[list[Choice]]:
    """Returns the program: an item for each layer and each activation, and one of the rest.

    Args:
        graph: the network.
        listed: its groups.
        found: sensitivities, at the widths to choose from.
        hardware: areas, if the budget is a device's.
    """
    names = variables(graph, listed)
    made: list[list[Choice]] = []
    for layer in graph.layers():
        group = input_group(graph, [*listed], layer)
        item: list[Choice] = []
        for bits, hurt in found.weights[layer.output].items():
            for width in found.activations[group.name]:
                costs = {
                    SIZE: weight_bytes(graph, layer, bits),
                    BOPS: bit_operations(graph, layer, bits, width),
                }
                widths = {weights_variable(layer.output): bits, names[group.name]: width}
                styles: list[dict[str, float]] = [{}]
                if hardware is not None:
                    styled = _nearest_pair(hardware.layers[layer.output], bits, width)
                    styles = [_area(area) for area in styled]
                item += [Choice(widths, hurt, costs | style) for style in styles]
        made.append(item)
    for group in listed:
        item = []
        for width, hurt in found.activations[group.name].items():
            areas = {} if hardware is None else hardware.groups[group.name]
            fewer = areas[min(areas, key=lambda w: abs(w - width))] if areas else []
            costs = [_area(area) for area in dict.fromkeys(fewer)] or [{}]
            item += [Choice({names[group.name]: width}, hurt, each) for each in costs]
        made.append(item)
    return made if hardware is None else [*made, [Choice({}, 0.0, _area(hardware.rest))]]


def _area(area: Area) -> dict[str, float]:
    return {kind: float(number) for kind, number in area.as_dict().items()}


def _nearest_pair(
    areas: Mapping[tuple[int, int], Sequence[Area]], bits: int, width: int
) -> Sequence[Area]:
    """Returns the areas at a pair of widths; the model's inputs have widths of their own."""
    pair = min(areas, key=lambda p: (abs(p[0] - bits), abs(p[1] - width)))
    return areas[pair]

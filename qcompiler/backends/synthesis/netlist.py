"""Reads a netlist that Yosys wrote: which cells there are, and which layer each belongs to.

After flattening, a cell made by ABC has no module. The nets that it drives have names, one for
each module that they pass: `fc1_mvau.out_data` and `act1_requantize.in_data` are one net. Its
driver is in the layer that names it and does not have it as an input. A net that no layer names
belongs to its readers' layer, if they are in one.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qcompiler.backends.synthesis.yosys import INPUTS, NETLIST_JSON, TOP_IL, instances_of
from qcompiler.devices.families import FAMILIES

GLUE = "(top)"
"""In place of a layer's name: logic of the top module itself."""

_INPUT = re.compile(r"^(\S+?)/(\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Netlist:
    """Cells of a flat netlist.

    Attributes:
        types: type of each cell.
        layers: instance of the top module that each cell belongs to, or `GLUE`.
        order: the instances of the top module, as they stand there.
    """

    types: dict[str, str]
    layers: dict[str, str]
    order: tuple[str, ...]

    def usage(self, family: str) -> dict[str, dict[str, int]]:
        """Returns resources by layer, in the order of the top module, `GLUE` last."""
        cells: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for name, type_ in self.types.items():
            cells[self.layers[name]][type_] += 1
        return {
            layer: FAMILIES[family].count_cells(cells[layer])
            for layer in (*self.order, GLUE)
            if layer in cells
        }

    def total(self, family: str) -> dict[str, int]:
        """Returns resources of the whole."""
        return FAMILIES[family].count_cells(Counter(self.types.values()))


def read_netlist(directory: Path, top: str) -> Netlist:
    """Returns the netlist that `run_yosys` left in `directory`."""
    text = (directory / NETLIST_JSON).read_text(encoding="utf-8")
    hierarchy = (directory / TOP_IL).read_text(encoding="utf-8")
    instances = instances_of(hierarchy)
    inputs: defaultdict[str, set[str]] = defaultdict(set)
    for module, name in _INPUT.findall((directory / INPUTS).read_text(encoding="utf-8")):
        inputs[module].add(name)
    return analyse(json.loads(text)["modules"][top], instances, inputs)


def analyse(
    module: dict[str, Any], instances: Mapping[str, str], inputs: Mapping[str, set[str]]
) -> Netlist:
    """Returns the cells of a module.

    Args:
        module: as in Yosys' JSON.
        instances: module of each instance of the top module, before flattening.
        inputs: names of the input ports of each module.
    """
    named = _drivers(module["netnames"], instances, inputs)
    layers: dict[str, str] = {}
    for name, cell in module["cells"].items():
        votes = Counter(layer for bit in _bits(cell, "output") for layer in named.get(bit, ()))
        own = name.partition(".")[0]
        fallback = own if own in instances else GLUE
        layers[name] = min(votes, key=lambda v: (-votes[v], v != own, v)) if votes else fallback
    _give_to_readers(module["cells"], layers)
    types = {name: cell["type"] for name, cell in module["cells"].items()}
    return Netlist(types, layers, tuple(instances))


def _bits(cell: Mapping[str, Any], direction: str) -> list[int | str]:
    ports = cell["connections"].items()
    return [
        bit for port, bits in ports if cell["port_directions"][port] == direction for bit in bits
    ]


def _give_to_readers(cells: Mapping[str, Any], layers: dict[str, str]) -> None:
    """Gives a cell whose nets nobody named to the layer that all its readers are in."""
    readers: defaultdict[int | str, list[str]] = defaultdict(list)
    for name, cell in cells.items():
        for bit in _bits(cell, "input"):
            readers[bit].append(name)
    open_ = [name for name, layer in layers.items() if layer == GLUE]
    changed = True
    while changed:
        changed = False
        for name in open_:
            read_by = {layers[r] for bit in _bits(cells[name], "output") for r in readers[bit]}
            if layers[name] == GLUE and len(read_by) == 1 and GLUE not in read_by:
                layers[name] = read_by.pop()
                changed = True


def _drivers(
    nets: dict[str, Any], instances: Mapping[str, str], inputs: Mapping[str, set[str]]
) -> dict[int | str, set[str]]:
    """Returns for each bit the layers that name it and do not have it as an input."""
    named: defaultdict[int | str, set[str]] = defaultdict(set)
    entering: defaultdict[int | str, set[str]] = defaultdict(set)
    for name, net in nets.items():
        layer, _, rest = name.partition(".")
        if layer not in instances:
            continue
        # A memory that Yosys split calls its ports `name.0.0_...`; those are no ports of a module.
        into = entering if rest in inputs.get(instances[layer], ()) else named
        for bit in net["bits"]:
            into[bit].add(layer)
    return {bit: layers - entering[bit] for bit, layers in named.items()}

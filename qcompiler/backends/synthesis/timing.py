"""Reads nextpnr's report: the clock that a placed design reaches, and why no faster."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qcompiler.backends.synthesis.netlist import GLUE
from qcompiler.backends.synthesis.tools import SynthesisError
from qcompiler.backends.synthesis.wrapper import INSTANCE

WRAPPED = "(wrapper)"
"""In place of a layer's name: the wrapper's registers."""


@dataclass(frozen=True)
class Step:
    """A stretch of a path within one layer.

    Attributes:
        layer: instance in the top module, or `GLUE`, or `WRAPPED`.
        cells: passed in it.
        logic_ns: in cells, set-up and clock-to-output time included.
        routing_ns: in wires that end in this layer.
    """

    layer: str
    cells: int
    logic_ns: float
    routing_ns: float


@dataclass(frozen=True)
class PlacedTiming:
    """What nextpnr says about the only clock.

    Attributes:
        fmax_mhz: reached after routing.
        critical_path: from register to register, in order.
        start, end: cells at its ends, as nextpnr names them.
        utilization: used and available sites by kind, of those used.
    """

    fmax_mhz: float
    critical_path: tuple[Step, ...]
    start: str
    end: str
    utilization: dict[str, tuple[int, int]]

    @property
    def critical_layers(self) -> tuple[str, ...]:
        """Layers on the critical path, in order, each once."""
        return tuple(dict.fromkeys(step.layer for step in self.critical_path))


def layer_of(cell: str, layers: Mapping[str, str]) -> str:
    """Returns the layer of a cell as nextpnr names it.

    nextpnr packs cells and appends to their names (`x_SB_LUT4_O_LC`, `x$COMB`), so the longest
    known beginning counts.

    Args:
        cell: name in the wrapped design.
        layers: layer of each cell of the design itself.
    """
    prefix, _, name = cell.partition(".")
    if prefix != INSTANCE or not name:
        return WRAPPED
    end = len(name)
    while end > 0:
        if name[:end] in layers:
            return layers[name[:end]]
        end = max(name.rfind(mark, 0, end) for mark in "_$.")
    return GLUE


def read_timing(path: Path, layers: Mapping[str, str]) -> PlacedTiming:
    """Returns what nextpnr's report in JSON says.

    Raises:
        SynthesisError: it has no clock or no path.
    """
    return parse_timing(json.loads(path.read_text(encoding="utf-8")), layers)


def parse_timing(report: dict[str, Any], layers: Mapping[str, str]) -> PlacedTiming:
    """Returns what a report says; raises as `read_timing`."""
    clocks = {name: entry["achieved"] for name, entry in report["fmax"].items()}
    if not clocks:
        raise SynthesisError(
            "nextpnr's report has no clock: the design has no path between registers"
        )
    clock = min(clocks, key=lambda name: clocks[name])
    paths = [p for p in report["critical_paths"] if _within(p, clock)]
    if not paths:
        raise SynthesisError(f"nextpnr's report has no critical path for the clock {clock}")
    path = max(paths, key=lambda p: sum(part["delay"] for part in p["path"]))["path"]
    used = {
        kind: (entry["used"], entry["available"])
        for kind, entry in report["utilization"].items()
        if entry["used"]
    }
    start, end = path[0]["from"]["cell"], path[-1]["to"]["cell"]
    return PlacedTiming(clocks[clock], tuple(_steps(path, layers)), start, end, used)


def _within(path: dict[str, Any], clock: str) -> bool:
    return path["from"].endswith(clock) and path["to"].endswith(clock) and len(path["path"]) > 0


def _steps(path: Iterable[dict[str, Any]], layers: Mapping[str, str]) -> list[Step]:
    steps: list[Step] = []
    for part in path:
        layer = layer_of(part["to"]["cell"], layers)
        routing = part["type"] == "routing"
        if not steps or steps[-1].layer != layer:
            steps.append(Step(layer, 0, 0.0, 0.0))
        last = steps[-1]
        steps[-1] = Step(
            layer,
            last.cells + (part["type"] != "routing"),
            last.logic_ns + (0.0 if routing else part["delay"]),
            last.routing_ns + (part["delay"] if routing else 0.0),
        )
    return steps

"""qcc explain: what became of a node or a layer, and why it is as it is."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from qcompiler.backends.report.explain import Explained
from qcompiler.cli.common import add_plugin_argument, err, out, print_json, print_table, table
from qcompiler.errors import printable
from qcompiler.provenance.sources import own_nodes

_WIDE = 24
Told = Mapping[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("directory", metavar="DIR", type=Path, help="a design of qcc compile")
    parser.add_argument(
        "node",
        metavar="NODE",
        nargs="?",
        help="a node of the model or a layer, or an unambiguous part of its name; "
        "without it, all are listed",
    )
    add_plugin_argument(parser)
    parser.add_argument("--json", action="store_true", help="print what is known as JSON")


def run(parsed: argparse.Namespace) -> int:
    """Explains; returns the exit status."""
    with err.status("reading the design"):
        design = Explained.read(parsed.directory)
        told = None if parsed.node is None else design.explain(design.resolve(parsed.node))
    if told is None:
        _list(design, as_json=parsed.json)
    elif parsed.json:
        print_json(told)
    else:
        _show(told)
    return 0


def _list(design: Explained, *, as_json: bool) -> None:
    rows: list[Told] = [
        {
            "name": name,
            "op_type": node["op_type"],
            "place": node["place"],
            "layers": design.layers_of(name),
        }
        for name, node in design.nodes.items()
        if node["op_type"] is not None
    ]
    if as_json:
        print_json({"nodes": rows, "layers": list(design.processes)})
        return
    if rows:
        shown = table("nodes of the model", "node", "operation", "place", "layers")
        for row in rows:
            cells = row["name"], row["op_type"], row["place"], ", ".join(row["layers"])
            shown.add_row(*(escape(printable(cell)) for cell in cells))
    else:  # written by hand: no ONNX in it
        shown = table("layers", "layer", "operation", "from")
        for name, process in design.processes.items():
            cells = name, process.name, ", ".join(own_nodes(process))
            shown.add_row(*(escape(printable(cell)) for cell in cells))
    print_table(shown)


def _line(title: str, words: str) -> None:
    out.print(f"  [bold]{title:<{_WIDE}}[/bold]{escape(printable(words, 1000))}")


def _show(told: Told) -> None:
    node = told["node"]
    kind = "a layer" if node is None else f"ONNX {node['op_type']}" if node["op_type"] else "value"
    place = "" if node is None else f", {_PLACES[node['place']]}"
    out.print(f"[bold]{escape(printable(told['name']))}[/bold] ({escape(printable(kind))}){place}")
    for entry in told["ir"]:
        types = f": {'; '.join(entry['types'])}" if entry["types"] else ""
        words = f"{entry['op']} {entry['name']}".strip() + types
        _line(f"ir/{entry['level']}.mlir:{entry['line']}", words)
    for entry in told["verilog"]:
        _line("Verilog", f"{entry['file']}:{entry['first']}-{entry['last']} ({entry['module']})")
    for layer in told["layers"]:
        out.print(f"\n[bold]{escape(layer['name'])}[/bold]")
        for title, words in _layer(layer):
            _line(title, words)


_PLACES = {
    "hardware": "in hardware",
    "host": "computed on the host, by the driver",
    "unused": "no output needs it, or another node took its place",
}


def _layer(layer: Told) -> Iterator[tuple[str, str]]:
    """Yields what is told of a layer: title and words."""
    if layer["nodes"]:
        yield "from", ", ".join(layer["nodes"])
    for title in ("inputs", "outputs"):
        for channel in layer[title]:
            yield title[:-1], _channel(channel)
    cycles = layer["cycles"]
    yield "cycles a frame", f"{cycles['own']}: {cycles['made of']}"
    yield "bound", cycles["bound"]
    if "folding" in layer:
        yield from _folding(layer["folding"])
    if "window" in layer:
        yield "window", ", ".join(f"{key} {_list_of(v)}" for key, v in layer["window"].items())
    if "requantizer" in layer:
        yield from _requantizer(layer["requantizer"])
    for fifo in layer["fifos"]:
        words = f"{fifo['name']}: {fifo['depth']} words of {fifo['bits a word']} bits"
        yield f"FIFO {fifo['place']}", f"{words}, from {fifo['from']} to {fifo['to']}"
    yield from _area(layer["area"])


def _channel(channel: Told) -> str:
    frame = "x".join(map(str, channel["frame"]))
    lo, hi = channel["range"]
    beats = f"{channel['lanes']} a beat, {channel['beats']} beats"
    return f"{frame} {channel['type']} in [{lo}, {hi}], {beats}"


def _list_of(value: Any) -> str:
    return str(value).replace(" ", "")


def _folding(told: Told) -> Iterator[tuple[str, str]]:
    yield "folding", f"PE {told['PE']}, SIMD {told['SIMD']}: {told['why']}"
    for key in ("PE", "SIMD"):
        yield f"legal {key}", ", ".join(map(str, told["legal"][key]))
    for key in ("smaller", "faster"):
        if (step := told[key]) is not None:
            words = f"PE {step['PE']}, SIMD {step['SIMD']}: {step['cycles']} cycles"
            yield f"next {key}", words


def _requantizer(told: Told) -> Iterator[tuple[str, str]]:
    words = ", ".join(filter(None, (told["form"], told["words"])))
    yield "requantizer", words + (f"; cost {told['cost']:g}" if "cost" in told else "")
    for other in told["others"]:
        reason = other["reason"] or f"cost {other['cost']:g}"
        yield f"  not {other['form']}", reason


def _area(told: Told) -> Iterator[tuple[str, str]]:
    if told["estimated"]:
        yield f"estimated, {told['device']}", _resources(told["estimated"])
    for run in told["measured"]:
        words = f"{_resources(run['measured'])}; estimated {_resources(run['estimated'])}"
        yield f"measured, {run['device']}", words


def _resources(usage: Mapping[str, int]) -> str:
    kinds: Sequence[str] = [kind for kind in ("LUT", "FF", "BRAM", "DSP") if kind in usage]
    return ", ".join(f"{usage[kind]} {kind}" for kind in kinds) or "nothing"

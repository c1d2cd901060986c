"""Puts a written design into one HTML page that needs no network."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Operation

from qcompiler.assembly import parse_module
from qcompiler.backends.layout import Layout
from qcompiler.backends.pages import content_policy, palette
from qcompiler.backends.source_map import SourceMap
from qcompiler.backends.view.graphs import Costs, build_graph
from qcompiler.backends.view.steps import Step, read_steps, step_of_level, verilog_files
from qcompiler.backends.view.widths import compare_widths
from qcompiler.backends.written import require_design
from qcompiler.errors import ModelError, Problem
from qcompiler.json_files import DAMAGE, read_json
from qcompiler.passes.pipeline import make_context

_ASSETS = files("qcompiler.backends.view") / "assets"
_SCRIPTS = (
    "dagre.min.js", "dom.js", "lines.js", "ir.js", "diff.js", "graph.js", "details.js",
    "verilog.js", "widths.js", "app.js",
)  # fmt: skip
_GRAPHS = ("nn", "qint", "stream")
_VERILOG_BYTES = 4_000_000
INFERENCE = "infer-ranges"


def write_page(directory: Path, output: Path) -> int:
    """Writes the page of a design; returns its size in bytes.

    Raises:
        ModelError: `directory` holds no design, or one that cannot be read; `output` cannot be
            written.
    """
    page = build_page(directory, beside=output.parent == directory).encode("utf-8")
    try:
        output.write_bytes(page)
    except OSError as error:
        problem = Problem(str(output), f"cannot write: {error}", "choose another file with -o")
        raise ModelError([problem]) from None
    return len(page)


def build_page(directory: Path, *, beside: bool = True) -> str:
    """Returns the page of a written design.

    Args:
        directory: the design.
        beside: the page will stand in it, so that a link leads to its report.

    Raises:
        ModelError: `directory` holds no design, or one that cannot be read.
    """
    require_design(directory)
    try:
        report = beside and Layout(directory).page.is_file()
        return _render({**_collect(directory), "report": report})
    except DAMAGE as error:
        said = str(error) or type(error).__name__
        problem = Problem(str(directory), f"cannot be read: {said}", "compile it again")
        raise ModelError([problem]) from None


class _Lines:
    """Numbers lines of text: stages of a design share most of theirs."""

    def __init__(self) -> None:
        self.table: dict[str, int] = {}

    def of(self, text: str) -> list[int]:
        """Returns the numbers of a text's lines."""
        return [self.table.setdefault(line, len(self.table)) for line in text.splitlines()]


def _collect(directory: Path) -> dict[str, Any]:
    """Returns all that the page shows."""
    layout = Layout(directory)
    steps = read_steps(layout.ir)
    map_ = SourceMap.read(directory)
    lines = _Lines()
    graphs, name = _graphs(layout, steps)
    manifest = read_json(layout.manifest)
    return {
        "name": name or str(manifest["top"]),
        "predicted": manifest.get("predicted"),
        "mhz": manifest["mhz"],
        "steps": [
            {"name": s.name, "label": s.label, "summary": s.summary, "lines": lines.of(s.text)}
            for s in steps
        ],
        "levels": {level: step_of_level(steps, level) for level in (*_GRAPHS, "rtl")},
        "graphs": graphs,
        "widths": _widths(layout.ir),
        "verilog": {
            file: lines.of(text) for file, text in verilog_files(layout.rtl, _VERILOG_BYTES)
        },
        "map": map_.data,
        "lines": list(lines.table),
    }


def _read(path: Path, context: Context, lines: dict[Operation, int] | None = None) -> ModuleOp:
    return parse_module(
        context, path.read_text(encoding="utf-8"), str(path), folder=path.parent, lines=lines
    )


def _graphs(layout: Layout, steps: Sequence[Step]) -> tuple[dict[str, Any], str]:
    """Returns the graph of each level, and the model's name."""
    context = make_context()
    modules: dict[str, tuple[ModuleOp, dict[Operation, int]]] = {}
    for level in _GRAPHS:
        path = layout.level(level)
        if path.is_file() and step_of_level(steps, level) is not None:
            lines: dict[Operation, int] = {}
            modules[level] = _read(path, context, lines), lines
    costs = Costs()
    if "stream" in modules:
        costs = Costs.of(modules["stream"][0], _resources(layout.reports))
    graphs: dict[str, Any] = {}
    name = ""
    for level, (module, lines) in modules.items():
        graph = build_graph(module, lines, costs)
        graphs[level] = {"nodes": graph.nodes, "edges": graph.edges}
        title = module.attributes.get("nn.name")
        name = title.data if isinstance(title, StringAttr) else name
    return graphs, name


def _resources(folder: Path) -> dict[str, dict[str, int]]:
    """Returns what each process takes of a device: as synthesized last, or else as estimated."""
    measured = sorted(folder.glob("synthesis_*.json"), key=lambda path: path.stat().st_mtime)
    for path in (*reversed(measured), folder / "estimate_layer_resources.json"):
        if path.is_file():
            data = _entries(read_json(path))
            layers = _entries(data.get("layers", data))
            return {layer: _numbers(usage) for layer, usage in layers.items()}
    return {}


def _entries(data: Any) -> dict[str, Any]:
    return cast(dict[str, Any], data) if isinstance(data, dict) else {}


def _numbers(usage: Any) -> dict[str, int]:
    """Returns the entries of a report's layer that are numbers."""
    found = _entries(usage).items()
    return {kind: int(number) for kind, number in found if isinstance(number, int | float)}


def _widths(folder: Path) -> dict[str, Any]:
    """Returns the widths before and after inference, as far as the stages in between are there."""
    context = make_context()
    numbered = sorted(folder.glob("*-*.mlir"))
    place = next((i for i, p in enumerate(numbered) if p.stem.endswith(f"-{INFERENCE}")), None)
    if place is None:
        path = folder / "qint.mlir"
        rows = compare_widths(None, _read(path, context)) if path.is_file() else []
        return {"rows": rows, "inference": False}
    before = _read(numbered[place - 1], context) if place else None
    return {"rows": compare_widths(before, _read(numbered[place], context)), "inference": True}


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _render(data: Mapping[str, Any]) -> str:
    """Returns the page. Scripts and styles are named by their hashes, so that no other one runs."""
    scripts = [_asset(name) for name in _SCRIPTS]
    style = palette() + _asset("style.css")
    # Text of the model cannot end the element that holds it: `<` occurs in it in no form.
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return Template(_asset("page.html")).substitute(
        title=escape(str(data["name"])),
        policy=escape(content_policy([style], scripts)),
        style=style,
        data=text,
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
    )

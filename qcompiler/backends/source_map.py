"""Which lines of Verilog come from which operations of the IR, from which nodes of the model.

`map.json` of a design, see docs/guides/look-inside.md:

- `nodes`: what the model is made of, a list; elsewhere a node is its place in this list, from 0.
  Each has `name`, `op_type` (null for tensors: inputs and initializers), `place` (`hardware`,
  `host` or `unused`), `ir` (lines of `ir/LEVEL.mlir`, by level) and `verilog` (`[file, first line,
  last line]`). A module made for one node alone is in that list as a whole.
- `ir`: by level, `[line, operation, result or symbol, nodes]` of each operation that knows its
  nodes. At the level rtl these are modules and instances: what is in a module has its nodes.
- `verilog`: by file, its `module`, its `nodes` (none if modules of several nodes share it), the
  line of its process in `ir/stream.mlir` (`stream`, or null), and its `lines`: `[first, last, line
  in ir/rtl.mlir]` for every run of lines printed for one operation, with the nodes as a fourth
  entry where they are not those of the file (instances).

Lines are counted from 1. The main node comes first wherever several are listed.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from xdsl.dialects import func, hw
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Operation

from qcompiler.analysis.network import Network
from qcompiler.backends.compiled import CompiledDesign
from qcompiler.backends.layout import Layout
from qcompiler.errors import ModelError, Problem
from qcompiler.json_files import read_json
from qcompiler.provenance.sources import model_nodes, own_nodes, source_nodes, spoken_kind

FORMAT = 1
Lines = Mapping[str, Mapping[Operation, int]]
"""By level, the line in which each operation begins."""


class SourceMap(Struct, frozen=True):
    """The map of a design; `data` is what the module's docstring says of the file."""

    data: Mapping[str, Any]

    @staticmethod
    def read(directory: Path) -> "SourceMap":
        """Returns the map of a written design.

        Raises:
            ModelError: there is none, or it is of another version.
        """
        try:
            data = read_json(Layout(directory).map)
            if data["format"] != FORMAT:
                raise ValueError(f"format {data['format']}, not {FORMAT}")
            for key, kind in (("nodes", list), ("ir", dict), ("verilog", dict)):
                if not isinstance(data[key], kind):
                    raise TypeError(f"{key} must be a {kind.__name__}")
        except (OSError, ValueError, KeyError, TypeError) as error:
            problem = Problem(
                str(Layout(directory).map), f"cannot be read: {error}", "compile it again"
            )
            raise ModelError([problem]) from None
        return SourceMap(data)

    def text(self) -> str:
        """Returns the contents of the file: one entry a line."""
        rows = [f"  {json.dumps(row)}" for row in self.data["nodes"]]
        parts = [f'"format": {FORMAT}', '"nodes": [\n' + ",\n".join(rows) + "\n]"]
        for key in ("ir", "verilog"):
            rows = [f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in self.data[key].items()]
            parts.append(f'"{key}": {{\n' + ",\n".join(rows) + "\n}")
        return "{\n" + ",\n".join(parts) + "\n}\n"

    def names(self, indices: Sequence[int]) -> list[str]:
        """Returns the names of nodes and tensors."""
        return [self.data["nodes"][index]["name"] for index in indices]

    def nodes_at(self, file: str, line: int) -> list[str]:
        """Returns the names of what a line of Verilog comes from, the main node first.

        Args:
            file: as in the map, such as `rtl/top.v`.
            line: counted from 1.
        """
        entry = self.data["verilog"].get(file)
        if entry is None:
            return []
        for first, last, *rest in entry["lines"]:
            if first <= line <= last and rest[1:]:
                return self.names(rest[1])
        return self.names(entry["nodes"])

    def describe(self, file: str, line: int) -> str | None:
        """Returns what a line comes from in words, such as `fc1 (ONNX MatMul)`."""
        found = self.nodes_at(file, line)
        nodes = {node["name"]: node["op_type"] for node in self.data["nodes"]}
        kind = nodes.get(found[0]) if found else None
        if not found:
            return None
        rest = f" and {len(found) - 1} more" if len(found) > 1 else ""
        return f"{found[0]} ({spoken_kind(kind)}){rest}" if kind else found[0] + rest


_PLACE = re.compile(r"([\w.+-]+\.v):(\d+)")
_MOST_PLACES = 5


def explain_places(text: str, directory: Path) -> list[str]:
    """Returns a line for each place in Verilog that a tool's words mention: which node it is of."""
    try:
        found = SourceMap.read(directory)
    except ModelError:  # an old design, or a broken one: the tool's words matter more
        return []
    lines: dict[str, None] = {}
    for file, number in _PLACE.findall(text):
        words = found.describe(f"rtl/{file}", int(number))
        if words is not None:
            lines[f"{file}:{number} comes from {words}"] = None
    return list(lines)[:_MOST_PLACES]


class _Nodes:
    """Numbers names as they come, those of the model's nodes first."""

    def __init__(self, types: Mapping[str, str]):
        self.rows: list[dict[str, Any]] = []
        self._index: dict[str, int] = {}
        for name, kind in types.items():
            self._add(name, kind)

    def _add(self, name: str, kind: str | None) -> int:
        self._index[name] = len(self.rows)
        row: dict[str, Any] = {
            "name": name,
            "op_type": kind,
            "place": "unused",
            "ir": {},
            "verilog": [],
        }
        self.rows.append(row)
        return self._index[name]

    def of(self, names: Sequence[str]) -> list[int]:
        """Returns the numbers of names."""
        return [self._index[n] if n in self._index else self._add(n, None) for n in names]


def build_map(design: CompiledDesign, lines: Lines) -> SourceMap:
    """Returns the map of a design whose levels were printed with their operations at `lines`."""
    types: dict[str, str] = {}
    for module in design.levels.values():
        types |= model_nodes(module)
    nodes = _Nodes(types)
    ir = {level: list(_ir_rows(level, found, nodes)) for level, found in lines.items()}
    verilog = _verilog(design, lines, nodes) if "rtl" in lines else {}
    data = {"format": FORMAT, "nodes": nodes.rows, "ir": ir, "verilog": verilog}
    return SourceMap(data)


def _ir_rows(
    level: str, lines: Mapping[Operation, int], nodes: _Nodes
) -> Iterator[tuple[int, str, str, list[int]]]:
    for op, line in lines.items():
        found = nodes.of(own_nodes(op))
        if not found:
            continue
        yield line, op.name, name_of(op), found
        for index in found:
            places = nodes.rows[index]["ir"].setdefault(level, [])
            if not places or places[-1] != line:
                places.append(line)
            if nodes.rows[index]["place"] == "unused" and _on_host(op):
                nodes.rows[index]["place"] = "host"


def name_of(op: Operation) -> str:
    """Returns the name of an operation in text: its symbol, or its first result if that has one."""
    symbol = op.properties.get("sym_name") or op.properties.get("instanceName")
    if isinstance(symbol, StringAttr):
        return f"@{symbol.data}"
    hint = op.results[0].name_hint if op.results else None
    return f"%{hint}" if hint else ""


def _on_host(op: Operation) -> bool:
    function = op
    while (parent := function.parent_op()) is not None and not isinstance(parent, ModuleOp):
        function = parent
    return isinstance(function, func.FuncOp) and function.sym_name.data in ("head", "tail")


def _verilog(design: CompiledDesign, lines: Lines, nodes: _Nodes) -> dict[str, Any]:
    processes = _process_lines(design, lines)
    files: dict[str, Any] = {}
    for file, runs in design.verilog.origins.items():
        module = _module_of(runs[0][2])
        name = module.sym_name.data
        made_for = max((m for m in processes if _is_part(name, m)), key=len, default=None)
        own = nodes.of(own_nodes(module))
        rows: list[Sequence[Any]] = []
        for first, last, op in runs:
            found = nodes.of(source_nodes(op)) if isinstance(op, hw.InstanceOp) else own
            rows.append((first, last, lines["rtl"][op], *([] if found == own else [found])))
            if found != own:
                _note(nodes, found, f"rtl/{file}", first, last)
        _note(nodes, own, f"rtl/{file}", 1, runs[-1][1])
        files[f"rtl/{file}"] = {
            "module": design.verilog.interfaces[name].name,
            "nodes": own,
            "stream": None if made_for is None else processes[made_for],
            "lines": rows,
        }
    return files


def _note(nodes: _Nodes, indices: Sequence[int], file: str, first: int, last: int) -> None:
    for index in indices:
        nodes.rows[index]["verilog"].append((file, first, last))
        nodes.rows[index]["place"] = "hardware"


def _is_part(module: str, process_module: str) -> bool:
    return module == process_module or module.startswith(f"{process_module}_")


def _process_lines(design: CompiledDesign, lines: Lines) -> dict[str, int]:
    """Returns the line of each process at the level stream, by the name of its module."""
    network = Network.of(design.levels["stream"]) if "stream" in lines else None
    if network is None:
        return {}
    return {f"{design.name}_{name}": lines["stream"][process] for name, process in network.named()}


def _module_of(op: Operation) -> hw.HWModuleOp:
    while not isinstance(op, hw.HWModuleOp):
        parent = op.parent_op()
        assert parent is not None, "Verilog is printed for what stands in modules"
        op = parent
    return op

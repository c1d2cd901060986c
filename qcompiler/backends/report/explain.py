"""What became of a node of the model or of a layer, from the files of a written design."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from qcompiler.analysis.area.requantizers import DeviceCost
from qcompiler.analysis.network import Network
from qcompiler.assembly import parse_module
from qcompiler.backends.layout import Layout
from qcompiler.backends.report.found import Found
from qcompiler.backends.report.layer import Known, explain_layer
from qcompiler.backends.source_map import SourceMap, name_of
from qcompiler.backends.view.describe import describe_type
from qcompiler.backends.written import asked_device, require_design
from qcompiler.dialects import stream
from qcompiler.errors import ModelError, Problem, suggestion
from qcompiler.json_files import DAMAGE
from qcompiler.passes.pipeline import make_context
from qcompiler.provenance.sources import own_nodes

_TYPED = ("qint", "stream")
_MOST_LISTED = 20


@dataclass(frozen=True)
class Explained:
    """A written design, to ask about its nodes and layers.

    Attributes:
        directory: of the design.
        found: the files of its report.
        map: lines, operations, nodes.
        modules: by level, the module, and the line of each operation.
    """

    directory: Path
    found: Found
    map: SourceMap
    modules: Mapping[str, tuple[ModuleOp, Mapping[int, Operation]]]

    @staticmethod
    def read(directory: Path) -> "Explained":
        """Returns a written design.

        Raises:
            ModelError: the directory holds no design, or one that cannot be read.
        """
        require_design(directory)
        map_ = SourceMap.read(directory)
        try:
            found = Found.read(directory)
            modules = _modules(Layout(directory))
            if "stream" not in modules:
                raise ValueError("it has no stream level, only Verilog")
        except DAMAGE as error:
            problem = Problem(str(directory), f"cannot be read: {error}", "compile it again")
            raise ModelError([problem]) from None
        return Explained(directory, found, map_, modules)

    @cached_property
    def network(self) -> Network:
        """The processes."""
        network = Network.of(self.modules["stream"][0])
        assert network is not None, "the stream level has a streaming core"
        return network

    @cached_property
    def processes(self) -> dict[str, stream.Process]:
        """The processes by name."""
        return dict(self.network.named())

    @cached_property
    def nodes(self) -> dict[str, Mapping[str, Any]]:
        """Nodes and tensors of the model by name."""
        return {node["name"]: node for node in self.map.data["nodes"]}

    def layers_of(self, node: str) -> list[str]:
        """Returns the processes that a node went into; those that it is the main node of first."""
        found = [(name, own_nodes(op)) for name, op in self.processes.items()]
        main = [name for name, nodes in found if nodes[:1] == (node,)]
        return main + [name for name, nodes in found if node in nodes[1:]]

    def resolve(self, name: str) -> str:
        """Returns the node or layer that a name, or an unambiguous part of it, stands for.

        Raises:
            ModelError: there is none, with suggestions; or there are several, with a list.
        """
        known = list(dict.fromkeys([*self.nodes, *self.processes]))
        if name in known:
            return name
        close = [other for other in known if _plain(name) in _plain(other)] if name else []
        # Tensors such as initializers are seldom meant if a node or a layer is there.
        close = [c for c in close if not self._is_tensor(c)] or close
        nodes = [c for c in close if c in self.nodes]
        if 1 in (len(close), len(nodes)):
            return (nodes or close)[0]
        if close:
            listed = ", ".join(close[:_MOST_LISTED])
            more = f" and {len(close) - _MOST_LISTED} more" if len(close) > _MOST_LISTED else ""
            what = f"stands for {len(close)} nodes and layers"
            raise ModelError([Problem(name, what, f"name one of {listed}{more}")])
        remedy = suggestion(name, known, f"qcc explain {self.directory} lists all of them")
        raise ModelError([Problem(name, "is no node and no layer of this design", remedy)])

    def _is_tensor(self, name: str) -> bool:
        return name not in self.processes and self.nodes[name]["op_type"] is None

    def explain(self, name: str) -> dict[str, Any]:
        """Returns all that is known of a node or a layer.

        Args:
            name: exact, as `resolve` returns it.

        Returns:
            `name`; `node`: what the model says, None for a layer; `ir` and `verilog`: what it
            became; `layers`: see `explain_layer`.
        """
        qint = self.modules.get("qint")
        device = asked_device(self.directory)
        cost = None if device is None else DeviceCost(device)
        known = Known(self.found, self.network, None if qint is None else qint[0], cost)
        node = self.nodes.get(name)
        chosen = [name] if node is None else self.layers_of(name)
        names = list(own_nodes(self.processes[name])) if node is None else [name]
        return {
            "name": name,
            "node": None if node is None else {"op_type": node["op_type"], "place": node["place"]},
            "ir": self._ir(names, name if node is None else None),
            "verilog": self._verilog(name),
            "layers": [explain_layer(known, layer, self.processes[layer]) for layer in chosen],
        }

    def _ir(self, nodes: Sequence[str], layer: str | None) -> list[dict[str, Any]]:
        """Returns the operations that nodes became, at each level; those of a layer are its own."""
        indices = {i for i, node in enumerate(self.map.data["nodes"]) if node["name"] in nodes[:1]}
        if layer is not None and not nodes:  # IR that was written by hand, without locations
            line, op = self._stream_line(layer), self.processes[layer]
            types = [describe_type(r.type) for r in op.results]
            about = {"level": "stream", "line": line, "op": op.name, "name": name_of(op)}
            return [{**about, "types": types}]
        found: list[dict[str, Any]] = []
        for level, rows in self.map.data["ir"].items():
            for line, kind, symbol, of in rows:
                if not indices & set(of):
                    continue
                op = self.modules[level][1].get(line) if level in self.modules else None
                if layer is not None and not self._is_of(layer, level, op, symbol):
                    continue
                types = [describe_type(r.type) for r in op.results] if op is not None else []
                entry = {"level": level, "line": line, "op": kind, "name": symbol, "types": types}
                found.append(entry)
        return found

    def _is_of(self, layer: str, level: str, op: Operation | None, symbol: str) -> bool:
        """Whether an operation of a layer's main node is the layer's own; above stream, all are."""
        if level == "stream":
            return op is self.processes[layer]
        if level == "rtl":
            return symbol[1:] in {file["module"] for file in self._verilog(layer)}
        return True

    def _stream_line(self, layer: str) -> int:
        process = self.processes[layer]
        (line,) = [n for n, op in self.modules["stream"][1].items() if op is process]
        return line

    def _verilog(self, name: str) -> list[dict[str, Any]]:
        files = self.map.data["verilog"]
        if name in self.nodes:
            return [
                {"file": file, "module": files[file]["module"], "first": first, "last": last}
                for file, first, last in self.nodes[name]["verilog"]
            ]
        line = self._stream_line(name)
        return [
            {"file": file, "module": told["module"], "first": 1, "last": told["lines"][-1][1]}
            for file, told in files.items()
            if told["stream"] == line
        ]


def _plain(name: str) -> str:
    """Returns a name as layers spell it: `/conv/Conv` is `_conv_conv`."""
    return re.sub(r"\W+", "_", name.casefold())


def _modules(layout: Layout) -> dict[str, tuple[ModuleOp, Mapping[int, Operation]]]:
    """Returns the levels whose types are told, with the operation of each line."""
    context = make_context()
    found: dict[str, tuple[ModuleOp, Mapping[int, Operation]]] = {}
    for level in _TYPED:
        path = layout.level(level)
        if path.is_file():
            lines: dict[Operation, int] = {}
            text = path.read_text(encoding="utf-8")
            module = parse_module(context, text, str(path), folder=layout.ir, lines=lines)
            found[level] = module, {line: op for op, line in lines.items()}
    return found

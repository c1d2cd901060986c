"""The network at one level as a graph: operations, what flows between them, what they cost."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from qcompiler.analysis.network import Network
from qcompiler.backends.source_map import name_of
from qcompiler.backends.view.describe import (
    attributes_of,
    describe_constant,
    describe_type,
    integer_of,
)
from qcompiler.dialects import nn, qint, stream
from qcompiler.provenance.sources import identifier, own_nodes

_CONSTANTS = (nn.ConstantOp, qint.ConstantOp, stream.WeightsOp)
_PARTS = ("main", "head", "core", "tail")
_NAME = 30


@dataclass
class Costs:
    """What is known of processes, by the nodes of the model that they come from.

    Attributes:
        by_process: metrics by the name of a process, such as {"cycles": 256, "LUT": 90}.
        by_node: cycles by the main node of processes; of all nodes where that is none.
    """

    by_process: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    by_node: dict[str, int] = field(default_factory=dict[str, int])

    @staticmethod
    def of(module: ModuleOp, resources: Mapping[str, Mapping[str, int]]) -> "Costs":
        """Returns the costs of a streaming network; `resources` by the name of a process."""
        costs = Costs()
        network = Network.of(module)
        merged: dict[str, int] = {}
        for name, process in network.named() if network is not None else ():
            cycles = process.cycles_per_frame
            costs.by_process[name] = {
                "cycles": cycles,
                "latency": process.schedule().latency,
                **_hardware(process),
                **resources.get(name, {}),
            }
            for index, node in enumerate(own_nodes(process)):
                known = merged if index else costs.by_node
                known[node] = max(known.get(node, 0), cycles)
        costs.by_node = {**merged, **costs.by_node}
        return costs


def _hardware(process: stream.Process) -> dict[str, int]:
    """Returns multipliers, and bits that memories hold, as far as the operation says so itself."""
    found = {"multipliers": process.macs_per_cycle, "memory bits": process.memory_bits}
    return {name: number for name, number in found.items() if number}


@dataclass
class Graph:
    """A level as nodes and edges; both go to the page as they are.

    Attributes:
        nodes: each with id, op, name, part, line, sources, ins, outs, attributes, metrics.
        edges: [from, to, type in words, width in bits or None].
    """

    nodes: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    edges: list[tuple[int, int, str, int | None]] = field(
        default_factory=list[tuple[int, int, str, int | None]]
    )


def build_graph(module: ModuleOp, lines: Mapping[Operation, int], costs: Costs) -> Graph:
    """Returns the graph of the network in a module.

    Args:
        module: at the level nn, qint or stream.
        lines: where operations begin in the text.
        costs: of the processes.
    """
    return _Builder(lines, costs, _process_names(module)).build(module)


def _process_names(module: ModuleOp) -> dict[Operation, str]:
    network = Network.of(module)
    return {} if network is None else {process: name for name, process in network.named()}


class _Builder:
    def __init__(
        self, lines: Mapping[Operation, int], costs: Costs, names: Mapping[Operation, str]
    ):
        self.graph = Graph()
        self._lines, self._costs, self._names = lines, costs, names
        self._made_by: dict[SSAValue, int] = {}
        self._same: dict[SSAValue, SSAValue] = {}
        self._constants: dict[SSAValue, str] = {}

    def build(self, module: ModuleOp) -> Graph:
        functions = {op.sym_name.data: op for op in module.ops if isinstance(op, func.FuncOp)}
        present = [name for name in _PARTS if name in functions]
        flowing: Sequence[SSAValue] | None = None
        for name in present:
            arguments = functions[name].args
            if flowing is not None and name == "tail" and "head" in functions:
                around = functions["head"].args  # which outputs may need beside the hardware's
                flowing = [*flowing, *around] if len(arguments) > len(flowing) else flowing
            if flowing is None or len(flowing) != len(arguments):
                self._ends("input", arguments, name)
            else:
                self._same.update(zip(arguments, flowing, strict=True))
            for op in functions[name].body.block.ops:
                if isinstance(op, func.ReturnOp):
                    flowing = tuple(op.operands)
                elif not self._is_constant(op):
                    self._add(op, name)
        self._ends("output", flowing or (), present[-1] if present else "main")
        return self.graph

    def _is_constant(self, op: Operation) -> bool:
        """Whether an operation depends on constants only, such as quantizers of weights."""
        parts = [self._constants.get(operand) for operand in op.operands]
        if isinstance(op, _CONSTANTS):
            words = describe_constant(op.value)
        elif parts and op.results and all(part is not None for part in parts):
            words = parts[0] or ""
        else:
            return False
        self._constants.update((result, words) for result in op.results)
        return True

    def _ends(self, kind: str, values: Sequence[SSAValue], part: str) -> None:
        """Adds the network's inputs or outputs."""
        for value in values:
            type_ = describe_type(value.type)
            node = self._node(kind, value.name_hint or kind, part)
            if kind == "input":
                self._made_by[value] = node["id"]
                node["outs"].append(type_)
            else:
                node["ins"].append(("", type_))
                self._edge(value, node["id"])

    def _node(self, op: str, name: str, part: str) -> dict[str, Any]:
        node: dict[str, Any] = {"id": len(self.graph.nodes), "op": op, "name": name, "part": part}
        node |= {"line": None, "sources": [], "ins": [], "outs": [], "attributes": []}
        node["metrics"] = {}
        self.graph.nodes.append(node)
        return node

    def _add(self, op: Operation, part: str) -> None:
        sources = own_nodes(op)
        name = self._names.get(op) or identifier((sources or (name_of(op),))[0], "n", _NAME)
        node = self._node(op.name, name, part)
        node["line"] = self._lines.get(op)
        node["sources"] = list(sources)
        node["metrics"] = self._metrics(op, () if part in ("head", "tail") else sources)
        node["ins"] = [self._input(value) for value in op.operands]
        node["outs"] = [describe_type(result.type) for result in op.results]
        constants = [self._constants[v] for v in op.operands if v in self._constants]
        node["attributes"] = [
            *attributes_of(op),
            *(("constant operand", words) for words in constants),
            *_process(op),
            *_body(op),
        ]
        for value in op.operands:
            self._edge(value, node["id"])
        self._made_by.update((result, node["id"]) for result in op.results)

    def _metrics(self, op: Operation, sources: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = dict(self._costs.by_process.get(self._names.get(op, ""), {}))
        if op not in self._names and sources and sources[0] in self._costs.by_node:
            found["cycles"] = self._costs.by_node[sources[0]]
        widths = [t.width_bits for r in op.results if (t := integer_of(r.type)) is not None]
        return {**found, "width": max(widths)} if widths else found

    def _input(self, value: SSAValue) -> tuple[str, str]:
        what = "constant" if value in self._constants else f"%{value.name_hint or '…'}"
        return what, describe_type(value.type)

    def _edge(self, value: SSAValue, to: int) -> None:
        while value in self._same:
            value = self._same[value]
        start = self._made_by.get(value)
        if start is None:  # a constant
            return
        element = integer_of(value.type)
        bits = None if element is None else element.width_bits
        self.graph.edges.append((start, to, describe_type(value.type), bits))


def _process(op: Operation) -> Iterator[tuple[str, str]]:
    """Yields what a process says of its weights."""
    weights = op.weights_op if isinstance(op, stream.Process) else None
    if weights is not None:
        yield "weight values", describe_constant(weights.value)


def _body(op: Operation) -> Iterator[tuple[str, str]]:
    """Yields the scalar operations in an operation's region."""
    for region in op.regions:
        for inner in region.walk():
            if inner.results:
                words = ", ".join(f"{name} {value}" for name, value in attributes_of(inner))
                yield inner.name, words or describe_type(inner.results[0].type)

"""Keeps every node of the model in the IR while passes rewrite it, whatever they forget.

A pass that fuses operations makes one that computes what several nodes did. Its author need not
think of locations: a node that nothing carries after the pass is given to those that used its
results, or else to those that made its operands; operations that were made without a location get
that of a neighbour.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct, field
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr, UnknownLoc
from xdsl.ir import Attribute, Operation
from xdsl.traits import IsTerminator

from qcompiler.provenance.sources import location_of_nodes, own_nodes, source_node

_HOST = ("head", "tail")
_Links = dict[str, dict[str, None]]


class NodeGraph(Struct):
    """Which nodes use the results of which, by name.

    Attributes:
        users: per node, those that use its results.
        makers: per node, those whose results it uses.
        host: nodes that occur nowhere but in the host's part.
    """

    users: _Links = field(default_factory=_Links)
    makers: _Links = field(default_factory=_Links)
    host: set[str] = field(default_factory=set[str])

    def add(self, name: str) -> None:
        """Adds a node."""
        self.users.setdefault(name, {})
        self.makers.setdefault(name, {})

    def link(self, maker: str, user: str) -> None:
        """Notes that `user` takes what `maker` makes; adds both."""
        self.add(maker)
        self.add(user)
        if maker != user:
            self.users[maker][user] = None
            self.makers[user][maker] = None

    def heirs(self, alive: Mapping[str, object]) -> Mapping[str, Iterable[str]]:
        """Returns, per node that is not alive, the nearest that are.

        Those are the ones after it, or those before it if none comes after.
        """
        after = _reached(alive, self.makers)
        return {**_reached(alive, self.users), **after}


def _reached(alive: Mapping[str, object], links: _Links) -> dict[str, list[str]]:
    """Returns, per node that is not alive, the alive ones from which links lead to it."""
    found: dict[str, list[str]] = {}
    for start in alive:
        seen, pending = {start}, [start]
        while pending:
            for other in links.get(pending.pop(), {}):
                if other not in seen and other not in alive:
                    seen.add(other)
                    found.setdefault(other, []).append(start)
                    pending.append(other)
    return found


def node_graph(module: ModuleOp) -> NodeGraph:
    """Returns the graph of the nodes that operations of a module come from."""
    graph = NodeGraph()
    symbols = {op.properties["sym_name"]: op for op in module.ops if "sym_name" in op.properties}
    elsewhere: set[str] = set()
    for function in module.ops:
        is_host = isinstance(function, func.FuncOp) and function.sym_name.data in _HOST
        for op in function.walk():
            names = own_nodes(op)
            (graph.host if is_host else elsewhere).update(names)
            for name in names:
                graph.link(name, names[0])
            for maker in _makers(op, symbols) if names else ():
                graph.link(maker, names[0])
            parent = op.parent_op()
            around = None if parent is None else source_node(parent)
            if names and around is not None:
                graph.link(names[0], around)
    graph.host -= elsewhere
    return graph


def _makers(op: Operation, symbols: Mapping[Attribute, Operation]) -> Iterable[str]:
    """Yields the nodes of what an operation takes: its operands, and symbols such as weights."""
    owners = [operand.owner for operand in op.operands]
    for attribute in op.properties.values():
        if isinstance(attribute, SymbolRefAttr) and attribute.root_reference in symbols:
            owners.append(symbols[attribute.root_reference])
    for owner in owners:
        name = source_node(owner) if isinstance(owner, Operation) else None
        if name is not None:
            yield name


def _is_located(op: Operation) -> bool:
    return not isinstance(op.location, UnknownLoc)


def _fill(module: ModuleOp) -> None:
    """Gives operations of functions without a location that of a user, or else of an operand.

    Those in hardware modules need none, see `source_nodes`.
    """
    functions = [op for op in module.ops if isinstance(op, func.FuncOp)]
    bare = [
        op
        for function in functions
        for op in function.walk()
        if not _is_located(op) and op.results and not op.has_trait(IsTerminator)
    ]
    for op in reversed(bare):
        _take_location(op, [use.operation for result in op.results for use in result.uses])
    for op in bare:
        if not _is_located(op):
            _take_location(op, [v.owner for v in op.operands if isinstance(v.owner, Operation)])


def _take_location(op: Operation, others: Iterable[Operation]) -> None:
    names = next((names for other in others if (names := own_nodes(other))), ())
    if names:
        op.location = location_of_nodes(names[:1])


def keep_nodes(module: ModuleOp, before: NodeGraph) -> None:
    """Gives the nodes of `before` that no operation of `module` carries to their heirs there."""
    if not before.users:
        return
    _fill(module)
    ops = [op for op in module.walk() if _is_located(op)]
    alive = dict.fromkeys(name for op in ops for name in own_nodes(op))
    kept = {op.sym_name.data for op in module.ops if isinstance(op, func.FuncOp)}
    inherited: dict[str, list[str]] = {}
    heirs = before.heirs(alive)
    for name in before.users:
        if name in alive or (name in before.host and not kept.issuperset(_HOST)):
            continue
        for heir in heirs.get(name, ()):
            inherited.setdefault(heir, []).append(name)
    if not inherited:
        return
    for op in ops:
        names = own_nodes(op)
        gained = [name for own in names for name in inherited.get(own, ())]
        if gained:
            op.location = location_of_nodes([*names, *gained])

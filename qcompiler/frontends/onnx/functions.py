"""Replaces calls of model-local functions by their bodies."""

from collections.abc import Iterable, Iterator

import onnx
from onnx import AttributeProto, ModelProto, NodeProto
from onnx.inliner import inline_local_functions

from qcompiler.errors import ModelError, Problem

MAX_NODES = 100_000
"""Bound on the nodes after inlining: functions that call functions grow exponentially."""

_Key = tuple[str, str]


def inline_functions(model: ModelProto) -> ModelProto:
    """Returns the model without model-local functions.

    Raises:
        ModelError: the functions are recursive, grow beyond `MAX_NODES`, or are not valid.
    """
    if not model.functions:
        return model
    problem = _problem(model)
    if problem is not None:
        raise ModelError([problem])
    try:
        return inline_local_functions(model)
    except (RuntimeError, ValueError, TypeError, onnx.checker.ValidationError) as error:
        raise ModelError([_refused(f"cannot be inlined: {error}")]) from error


def _problem(model: ModelProto) -> Problem | None:
    bodies = {(f.domain, f.name): list(_all_nodes(f.node)) for f in model.functions}
    sizes: dict[_Key, int] = {}
    for key in bodies:
        if not _measure(key, bodies, sizes):
            what = f"must not call themselves, but {key[1]!r} does"
            return _refused(what, "write the function out as nodes")
    count = sum(sizes.get((n.domain, n.op_type), 1) for n in _all_nodes(model.graph.node))
    if count > MAX_NODES:
        what = f"may expand to at most {MAX_NODES} nodes, got {count}"
        return _refused(what, "make the model smaller")
    return None


def _measure(start: _Key, bodies: dict[_Key, list[NodeProto]], sizes: dict[_Key, int]) -> bool:
    """Adds the node counts of `start` and all it calls; returns False if a call is recursive."""
    stack = [start]  # its own stack: a hostile chain of calls must not exhaust Python's
    active: set[_Key] = set()
    while stack:
        key = stack[-1]
        if key in sizes:
            stack.pop()
            continue
        called = {(n.domain, n.op_type) for n in bodies[key]} & bodies.keys()
        missing = called - sizes.keys()
        if missing & (active | {key}):
            return False
        if missing:
            active.add(key)
            stack.extend(missing)
            continue
        sizes[key] = sum(sizes.get((n.domain, n.op_type), 1) for n in bodies[key])
        active.discard(key)
        stack.pop()
    return True


def _all_nodes(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """Yields the nodes and those of their subgraphs; protobuf bounds the nesting."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _all_nodes(graph.node)


def has_subgraph(node: NodeProto) -> bool:
    """Returns whether the node is control flow, i.e. holds a graph of its own."""
    graphs = (AttributeProto.GRAPH, AttributeProto.GRAPHS)
    return any(attribute.type in graphs for attribute in node.attribute)


_WITHOUT = "export without functions (torch: dynamo=False), or inline them with onnx.inliner"


def _refused(what: str, remedy: str = _WITHOUT) -> Problem:
    return Problem("model", f"model-local functions {what}", remedy)

"""Variables: what one frame leaves for the next."""

import numpy as np

from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.frontends.onnx.refusal import RefusalError
from qcompiler.frontends.tflite.model import Model, Node, Subgraph, Tensor
from qcompiler.frontends.tflite.node import NodeContext, importer


def variable_name(node: Node) -> str:
    """Returns what a handle stands for: handles of one name are one variable."""
    return f"{node.options['Container']}/{node.options['SharedName']}"


def initial_values(model: Model) -> dict[str, tuple[Tensor, Array]]:
    """Returns the tensor, and its elements, that each variable gets before the first frame.

    Raises:
        RefusalError: a subgraph that runs once does more than write constants.
    """
    found: dict[str, tuple[Tensor, Array]] = {}
    for node in model.main.nodes:
        if node.kind != "CALL_ONCE":
            continue
        index = node.number("InitSubgraphIndex")
        if not 0 < index < len(model.subgraphs):
            raise RefusalError(f"subgraph {index} is missing", "convert the model again")
        found.update(_written(model.subgraphs[index]))
    return found


def _written(graph: Subgraph) -> dict[str, tuple[Tensor, Array]]:
    handles: dict[int, str] = {}
    found: dict[str, tuple[Tensor, Array]] = {}
    for node in graph.nodes:
        if node.kind == "VAR_HANDLE" and node.outputs:
            handles[node.outputs[0]] = variable_name(node)
            continue
        variable, value = _assignment(graph, node, handles)
        if variable is None or value is None or value.data is None:
            raise RefusalError(
                f"{node.where} is not supported where variables get their first values",
                "give variables constants at first",
            )
        found[variable] = value, value.data.astype(np.int64)
    return found


def _assignment(
    graph: Subgraph, node: Node, handles: dict[int, str]
) -> tuple[str | None, Tensor | None]:
    """Returns the variable that a node writes, and what; None if it does something else."""
    if node.kind != "ASSIGN_VARIABLE" or len(node.inputs) != 2 or min(node.inputs) < 0:
        return None, None
    return handles.get(node.inputs[0]), graph.tensors[node.inputs[1]]


VARIABLES = ("CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")
"""Operations that make no value: they say where states come from and go to."""


@importer("CALL_ONCE")
def _call_once(node: NodeContext) -> None:
    """What it writes is there before the first frame."""


@importer("VAR_HANDLE")
def _handle(node: NodeContext) -> None:
    node.output()
    node.walk.handles[node.node.outputs[0]] = variable_name(node.node)


def _variable(node: NodeContext) -> str:
    node.input(0)
    name = node.walk.handles.get(node.node.inputs[0])
    if name is None:
        raise RefusalError("its variable has no handle", "convert the model again")
    return name


@importer("READ_VARIABLE")
def _read(node: NodeContext) -> None:
    name = _variable(node)
    if name not in node.walk.variables:
        raise RefusalError(
            f"variable {name!r} has no first value", "convert with its initialization"
        )
    node.bind(node.walk.variables[name])


@importer("ASSIGN_VARIABLE")
def _assign(node: NodeContext) -> None:
    name, codes = _variable(node), node.codes(1)
    held = node.walk.variables.get(name)
    if held is None or shape_of(held.type) != shape_of(codes.type):
        shape = "no first value" if held is None else f"shape {list(shape_of(held.type))}"
        raise RefusalError(
            f"variable {name!r} has {shape}, and gets {list(shape_of(codes.type))}",
            "keep the shape of a variable",
        )
    node.walk.variables[name] = codes

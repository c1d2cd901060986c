"""The graph of a model: which layers take what, found by torch.fx without running them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch.fx
from torch import nn
from torch.fx.proxy import TraceError

from qcompiler.errors import ModelError, Problem
from qcompiler.train.functions import is_size, module_of, name_of
from qcompiler.train.layer import LOST, Fixed, Layer, lost_parameters, named_modules, refuse_shapes
from qcompiler.train.plain import layer_of

T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """One call of a layer.

    Attributes:
        name: of what it makes, unique.
        label: of the module in its model.
        layer: what is called.
        inputs: names of what it takes.
    """

    name: str
    label: str
    layer: Layer
    inputs: tuple[str, ...]

    def where(self) -> str:
        """Returns how messages call the module."""
        return f"{self.label} ({self.layer.kind})"

    def fixed(self, x: Sequence[Fixed]) -> Fixed:
        """Returns what the layer makes of numbers.

        Raises:
            ModelError: they have shapes that it does not take.
        """
        refuse_shapes(self.layer, self.where(), [each.codes.shape for each in x])
        return self.layer.fixed(*x)


@dataclass(frozen=True)
class Graph:
    """Calls of layers in order.

    Attributes:
        inputs: names of the model's inputs.
        steps: calls, each after those that make what it takes.
        output: name of what the model returns.
    """

    inputs: tuple[str, ...]
    steps: tuple[Step, ...]
    output: str

    def run(self, compute: Callable[[Step, Sequence[T]], T], given: Mapping[str, T]) -> T:
        """Returns the output of a model whose steps compute `compute(step, inputs)`."""
        values = dict(given)
        for step in self.steps:
            values[step.name] = compute(step, [values[name] for name in step.inputs])
        return values[self.output]


class _Tracer(torch.fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, Layer) or super().is_leaf_module(m, module_qualified_name)


def trace(model: nn.Module) -> Graph:
    """Returns the graph of a model.

    Raises:
        ModelError: the model calls what has no integers, branches on data, or has parameters that
            are no longer finite; all such places.
    """
    tracer = _Tracer()
    if tracer.is_leaf_module(model, ""):
        model = nn.Sequential(model)
    try:
        traced = tracer.trace(model)
    except TraceError as error:
        raise ModelError([depends_on_data(model, error)]) from None
    reader = _Reader(named_modules(model))
    for node in traced.nodes:
        reader.read(node)
    if reader.problems:
        raise ModelError(reader.problems)
    return Graph(tuple(reader.inputs), tuple(reader.steps), reader.output)


def depends_on_data(model: nn.Module, error: TraceError) -> Problem:
    """Returns what is said of a forward that torch.fx cannot follow."""
    what = f"its forward depends on data ({str(error).splitlines()[0]})"
    remedy = "write it without branches on tensors, and without *args"
    return Problem(type(model).__name__, what, remedy)


class _Reader:
    """Makes steps of nodes, and collects what has no integers."""

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        self.modules = modules
        self.inputs: list[str] = []
        self.steps: list[Step] = []
        self.output = ""
        self.problems: list[Problem] = []

    def read(self, node: torch.fx.Node) -> None:
        if node.op == "placeholder":
            self.inputs.append(node.name)
        elif node.op == "call_module":
            self._call(node, str(node.target))
        elif node.op == "output":
            self._output(node)
        else:
            self._function(node)

    def _call(self, node: torch.fx.Node, label: str) -> None:
        layer = layer_of(self.modules[label])
        if layer is None:
            kind = type(self.modules[label]).__name__
            what = "has no integers: the compiler cannot take it between layers of integers"
            remedy = "use a layer of qcompiler.train, or quantize_modules"
            self.problems.append(Problem(f"{label} ({kind})", what, remedy))
            return
        self._step(node, label, layer)

    def _function(self, node: torch.fx.Node) -> None:
        if is_size(node):
            return  # who reads it is asked
        module = module_of(node)
        layer = None if module is None else layer_of(module)
        if layer is not None:
            self._step(node, node.name, layer, 1)
            return
        what = f"{name_of(node)} in forward has no integers"
        remedy = "use modules: train.Add, train.Concat, torch.nn.Flatten, train.Requantizer"
        self.problems.append(Problem(node.name, what, remedy))

    def _step(
        self, node: torch.fx.Node, label: str, layer: Layer, count: int | None = None
    ) -> None:
        args = node.args[:count]
        if len(args) == 1 and isinstance(args[0], (list, tuple)):
            args = tuple(cast(Sequence[Any], args[0]))
        names = tuple(arg.name for arg in args if isinstance(arg, torch.fx.Node))
        lost = lost_parameters(layer)
        if lost:
            what = f"its {lost[0]} is no longer finite"
            self.problems.append(Problem(f"{label} ({layer.kind})", what, LOST))
        self.steps.append(Step(node.name, label, layer, names))

    def _output(self, node: torch.fx.Node) -> None:
        if isinstance(node.args[0], torch.fx.Node):
            self.output = node.args[0].name
            return
        what, remedy = "it returns several values", "return one tensor"
        self.problems.append(Problem("output", what, remedy))

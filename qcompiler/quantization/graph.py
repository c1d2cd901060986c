"""A float network as a list of nodes that can be edited: layers with their biases, values by name.

Activations have the shapes of one frame, whose first extent is the batch of one.
"""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qcompiler.dialects.attributes import Array

LAYERS = ("conv", "conv_transpose", "matmul")
"""Nodes whose second input may hold weights, and whose third input is a bias, if there is one."""


@dataclass(frozen=True)
class Fixed:
    """What of a node's integers is not chosen, but given by what it is.

    Attributes:
        weight_bits: width of its weights.
        least_bits: the least width of its output.
        exact: weights are 1 and -1: its output keeps all bits, on its input's scale.
        incoherent: no weight stands out: one grid for all of them, by their mean square.
    """

    weight_bits: int | None = None
    least_bits: int = 0
    exact: bool = False
    incoherent: bool = False


@dataclass
class Node:
    """One operation.

    Attributes:
        kind: the operation of nn, without its prefix.
        name: of the model's node that it comes from.
        inputs: names of values or constants.
        output: name of the value that it makes.
        attributes: keywords of the numpy function that computes it.
        fixed: what of its integers is given.
    """

    kind: str
    name: str
    inputs: list[str]
    output: str
    attributes: dict[str, Any] = field(default_factory=dict[str, Any])
    fixed: Fixed = field(default_factory=Fixed)


@dataclass
class Graph:
    """A network of real numbers.

    Attributes:
        name: of the model.
        inputs: shapes of one frame by name, with the batch of one in front.
        outputs: names of values, in the model's order.
        nodes: in an order in which they can be computed.
        constants: by name, float32.
        shapes: of each value, as of inputs.
    """

    name: str
    inputs: dict[str, tuple[int, ...]]
    outputs: list[str]
    nodes: list[Node]
    constants: dict[str, Array]
    shapes: dict[str, tuple[int, ...]]

    def copy(self) -> "Graph":
        """Returns a graph that can be edited without this one; constants are shared until set."""
        same = deepcopy({k: v for k, v in vars(self).items() if k != "constants"})
        return Graph(**same, constants=dict(self.constants))

    def users(self, value: str) -> list[Node]:
        """Returns the nodes that read a value."""
        return [node for node in self.nodes if value in node.inputs]

    def maker(self, value: str) -> Node | None:
        """Returns the node that makes a value; None for inputs and constants."""
        return next((node for node in self.nodes if node.output == value), None)

    def activations(self, node: Node) -> list[str]:
        """Returns the inputs of a node that are no constants."""
        return [name for name in node.inputs if name not in self.constants]

    def layers(self) -> list[Node]:
        """Returns the nodes with constant weights, in order."""
        return [node for node in self.nodes if self.is_layer(node)]

    def is_layer(self, node: Node) -> bool:
        """Whether a node multiplies activations with constant weights."""
        return node.kind in LAYERS and node.inputs[1] in self.constants

    def weights(self, layer: Node) -> Array:
        """Returns the weights of a layer."""
        return self.constants[layer.inputs[1]]

    def bias(self, layer: Node) -> Array:
        """Returns the bias of a layer, one number an output channel; zeros where it has none."""
        if len(layer.inputs) > 2:
            return self.constants[layer.inputs[2]]
        return np.zeros(output_channels(self, layer), np.float32)

    def set_bias(self, layer: Node, bias: Array) -> None:
        """Gives a layer a bias, one number an output channel."""
        if len(layer.inputs) == 2:
            layer.inputs.append(self.free_name(f"{layer.output}_bias"))
        self.constants[layer.inputs[2]] = bias.astype(np.float32)

    def free_name(self, wanted: str) -> str:
        """Returns a name that no value has, like the one wanted."""
        taken = {*self.constants, *self.shapes}
        name, count = wanted, 1
        while name in taken:
            name, count = f"{wanted}_{count}", count + 1
        return name

    def bypass(self, node: Node) -> None:
        """Removes a node whose first input takes the place of its output, which keeps its name."""
        source = self.maker(node.inputs[0])
        assert source is not None, "inputs keep their names"
        self.shapes[node.output] = self.shapes[source.output]
        del self.shapes[source.output]
        source.output = node.output
        self.nodes.remove(node)


def output_axis(node: Node, weights: Array) -> int:
    """Returns the axis of a layer's weights that counts output channels (of a group)."""
    return weights.ndim - 1 if node.kind == "matmul" else int(node.kind == "conv_transpose")


def output_channels(graph: Graph, node: Node) -> int:
    """Returns how many output channels a layer has."""
    shape = graph.shapes[node.output]
    return shape[-1] if node.kind == "matmul" else shape[1]

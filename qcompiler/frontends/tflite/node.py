"""What the importer of one operation sees, and what it emits."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from xdsl.ir import Block, Operation, SSAValue

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.frontends import naming
from qcompiler.frontends.onnx.refusal import RefusalError
from qcompiler.frontends.onnx.tensors import MAX_ACTIVATION, MAX_ELEMENTS, check_elements
from qcompiler.frontends.tflite.model import QUANTIZE, Model, Node, Tensor

RANGES = {"INT8": IntRange(-128, 127), "UINT8": IntRange(0, 255)}
"""The element types whose integers flow through hardware."""


@dataclass
class Walk:
    """What is known while a network is walked.

    Attributes:
        model: the whole file.
        block: the function's body.
        numerics: whose reference kernels: `tflite` or `tflite-micro`.
        values: activations by index of their tensor.
        handles: names of variables, by index of the tensor that stands for them.
        variables: what each variable holds now; None before anything was written to it.
        initial: what each holds before the first frame.
    """

    model: Model
    block: Block
    numerics: str
    values: dict[int, SSAValue] = field(default_factory=dict[int, SSAValue])
    handles: dict[int, str] = field(default_factory=dict[int, str])
    variables: dict[str, SSAValue] = field(default_factory=dict[str, SSAValue])
    initial: dict[str, Array] = field(default_factory=dict[str, Array])


class NodeContext:
    """One operation; `index` counts its inputs."""

    def __init__(self, node: Node, walk: Walk):
        self.node = node
        self.walk = walk
        self.tensors = walk.model.main.tensors

    def has_input(self, index: int) -> bool:
        """Whether an optional input is given."""
        return index < len(self.node.inputs) and self.node.inputs[index] >= 0

    def input(self, index: int) -> Tensor:
        """Returns what the file says of an input."""
        if not self.has_input(index):
            raise RefusalError(f"lacks its input {index}", "convert the model again")
        return self.tensors[self.node.inputs[index]]

    def output(self, index: int = 0) -> Tensor:
        """Returns what the file says of an output."""
        if index >= len(self.node.outputs):
            raise RefusalError(f"lacks its output {index}", "convert the model again")
        return self.tensors[self.node.outputs[index]]

    def value(self, index: int) -> SSAValue:
        """Returns an input: an activation, or the integers of a constant."""
        tensor = self.input(index)
        known = self.walk.values.get(self.node.inputs[index])
        if known is not None:
            return known
        if tensor.data is None:
            raise RefusalError(f"{tensor.where} is made by no operation", "convert the model again")
        codes_range(tensor)
        return self.emit(qint.ConstantOp(tensor.data.astype(np.int64)))

    def codes(self, index: int) -> SSAValue:
        """Returns an input whose elements are int8."""
        tensor = self.input(index)
        if tensor.kind != "INT8":
            raise RefusalError(f"{tensor.where} must be int8, got {tensor.kind.lower()}", QUANTIZE)
        return self.value(index)

    def constant(self, index: int, what: str, kind: str) -> Array:
        """Returns the elements of a constant input as integers."""
        tensor = self.input(index)
        if tensor.data is None:
            raise RefusalError(f"{what} must be constant", "convert the model with frozen weights")
        if tensor.kind != kind:
            wanted, got = kind.lower(), tensor.kind.lower()
            raise RefusalError(f"{what} must be {wanted}, got {got}", QUANTIZE)
        return tensor.data.astype(np.int64)

    def integers(self, index: int, what: str, count: int | None = None) -> list[int]:
        """Returns a constant vector of int32."""
        found = self.constant(index, what, "INT32").reshape(-1).tolist()
        if count is not None and len(found) != count:
            raise RefusalError(
                f"{what} must have {count} entries, got {len(found)}", "convert the model again"
            )
        return found

    def emit(self, op: Operation) -> SSAValue:
        """Adds an operation and returns its result.

        Raises:
            RefusalError: the result is too large.
            VerifyException: operands do not fit the operation.
        """
        limit = MAX_ELEMENTS if isinstance(op, qint.ConstantOp) else MAX_ACTIVATION
        check_elements(shape_of(op.results[0].type), limit=limit)
        op.verify()
        op.location = naming.location(self.node.name)
        op.results[0].name_hint = naming.hint(self.node.name)
        self.walk.block.add_op(op)
        return op.results[0]

    def bind(self, value: SSAValue, index: int = 0) -> None:
        """Makes `value` an output.

        Raises:
            RefusalError: its shape is not what the file says.
        """
        tensor = self.output(index)
        if shape_of(value.type) != tensor.shape:
            raise RefusalError(
                f"makes shape {list(shape_of(value.type))}, but {tensor.where} has "
                f"{list(tensor.shape)}",
                "convert the model again",
            )
        self.walk.values[self.node.outputs[index]] = value


def codes_range(tensor: Tensor) -> IntRange:
    """Returns the integers that a tensor of codes may hold.

    Raises:
        RefusalError: its elements are of another type.
    """
    if tensor.kind not in RANGES:
        raise RefusalError(f"{tensor.where} must be int8, got {tensor.kind.lower()}", QUANTIZE)
    return RANGES[tensor.kind]


Importer: TypeAlias = Callable[[NodeContext], None]
IMPORTERS: dict[str, Importer] = {}


def importer(*kinds: str) -> Callable[[Importer], Importer]:
    """Returns a decorator that registers what an operation becomes."""

    def register(function: Importer) -> Importer:
        IMPORTERS.update(dict.fromkeys(kinds, function))
        return function

    return register

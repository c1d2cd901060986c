"""The tensors of a graph under their names, while the graph is imported."""

from pathlib import Path

import numpy as np
from onnx import GraphProto, NodeProto
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Block, Operation, SSAValue
from xdsl.utils.hints import isa

from qcompiler.analysis.real_ranges import RealRanges
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, element_of, shape_of
from qcompiler.frontends.onnx import naming
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.tensors import (
    HALVES,
    MAX_ELEMENTS,
    MAX_FOLDED,
    check_elements,
    numpy_type,
    smallest_type,
)
from qcompiler.interpreters import run_constants

MAX_CONSTANT_ELEMENTS = MAX_ELEMENTS
"""Bound on the elements of all constants: many tensors may name the same external data."""

_SATURATE = ("Softmax", "QuantizeLinear", "Quant")
_PASS_ON = ("Add", "Where", "Identity", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten")

MAX_COMPUTED = 2**25
"""Bound on the elements of all constants that are computed, beyond as many as the file stores."""


class Values:
    """Maps a tensor's name to its value.

    Attributes:
        block: where operations go.
        folder: the model's folder, for external data.
        constants: names of tensors that do not depend on the network's inputs, whether broken or
            not. Those that operations of the IR compute stay for passes to fold exactly.
        integers: ONNX's element types of tensors that arithmetic or a Cast made integers, by name;
            in the IR they are reals, whose every element is an integer. Also those of shorter
            floats, whose every element such a float holds.
        short_constants: the element types of stored constants that are shorter floats, by name.
        ranges: of the tensors so far.
        places: quantizers that take a place, whose codes are all places there are.
        numerics: what the model means, `exact` or `onnxruntime`.
    """

    def __init__(self, block: Block, folder: Path, numerics: str, graph: GraphProto | None = None):
        self.block = block
        self.folder = folder
        self.numerics = numerics
        self.integers: dict[str, int] = {}
        self.short_constants: dict[str, int] = {}
        self.ranges = RealRanges(numerics)
        self.constants: set[str] = set()
        self.places: list[qint.QuantizeOp] = []
        self._evaluated: dict[str, Array] = {}
        self._readers: dict[str, list[NodeProto]] = {}
        for node in () if graph is None else graph.node:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)
        self._outputs = [] if graph is None else [output.name for output in graph.output]
        self._constant_elements = 0
        self._computed_elements = -MAX_COMPUTED
        self._values: dict[str, Value] = {}
        self._materialized: dict[str, SSAValue] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def bind(self, name: str, value: Value, *, computed: bool = False) -> None:
        """Makes `value` the tensor called `name`.

        Args:
            name: of the tensor.
            value: what it is.
            computed: the file does not store it.

        Raises:
            RefusalError: all constants together have too many elements.
        """
        if isinstance(value, np.ndarray):
            self._constant_elements += value.size
            self._computed_elements += value.size if computed else -value.size
            self._check_constants()
        elif value.name_hint is None:
            value.name_hint = naming.hint(name)
        self._values[name] = value

    def saturates(self, name: str) -> bool:
        """Whether only softmax and quantizers read a tensor, if need be behind sums and moves."""
        seen: set[str] = set()
        pending = [name]
        while pending:
            name = pending.pop()
            readers = self._readers.get(name, [])
            if name in self._outputs or not readers:
                return False
            seen.add(name)
            for node in readers:
                if node.op_type in _PASS_ON:
                    pending += [made for made in node.output if made not in seen]
                elif node.op_type not in _SATURATE:
                    return False
        return True

    def derive(self, name: str, value: Value, note: str) -> str:
        """Binds what was made of tensor `name` without arithmetic; returns how it is called."""
        derived = f"{name} ({note})"
        while derived in self._values:
            derived += "'"
        self.bind(derived, value, computed=True)
        if self.is_constant(name):
            self.constants.add(derived)
        if name in self.integers:
            self.integers[derived] = self.integers[name]
        return derived

    def _check_constants(self) -> None:
        if self._constant_elements > MAX_CONSTANT_ELEMENTS:
            raise RefusalError(
                f"all constants together may have at most {MAX_CONSTANT_ELEMENTS} elements, got "
                f"{self._constant_elements}",
                "make the model smaller",
            )
        if self._computed_elements > 0:
            raise RefusalError(
                f"all constants computed while compiling may have at most {MAX_COMPUTED} elements "
                "more than the model stores",
                "export with constant folding, or run onnxsim",
            )

    def array(self, name: str) -> Array | None:
        """Returns the elements of a tensor that is constant, else None."""
        value = self._values.get(name)
        return value if isinstance(value, np.ndarray) else None

    def is_constant(self, name: str) -> bool:
        """Returns whether a tensor does not depend on the network's inputs."""
        return name in self.constants or self.array(name) is not None

    def elements(self, name: str) -> Array:
        """Returns the elements of a tensor that is constant, computed in float32 as runtimes do.

        Raises:
            RefusalError: what leads to it has too many elements.
        """
        value = self._values[name]
        if isinstance(value, np.ndarray):
            return value
        if name not in self._evaluated:
            self._evaluated[name] = self._typed(name, evaluated(value))
        return self._evaluated[name]

    def _typed(self, name: str, array: Array) -> Array:
        """Returns integers in the element type that ONNX gives them, reals as they are."""
        value = self._values[name]
        assert isinstance(value, SSAValue)
        held = self.integers.get(name)
        if isinstance(element_of(value.type), qint.IntType):
            held = smallest_type(qint.range_of(value.type))
        return array if held is None or held in HALVES else array.astype(numpy_type(held))

    def operand(self, name: str) -> SSAValue:
        """Returns the tensor as a value of the IR; a constant gets its operation at first use.

        Raises:
            RefusalError: a constant is not real, empty, or has elements that are not finite.
        """
        value = self._values[name]
        if isinstance(value, SSAValue):
            return value
        if name not in self._materialized:
            self._materialized[name] = self.constant(value, name)
        return self._materialized[name]

    def constant(self, array: Array, name: str) -> SSAValue:
        """Returns a new constant of the IR.

        Raises:
            RefusalError: `array` is not real, empty, or has elements that are not finite.
        """
        check_real(array, name)
        op = nn.ConstantOp(array)
        op.location = naming.location(name)
        op.result.name_hint = naming.hint(name)
        self.block.add_op(op)
        return op.result


def evaluated(value: SSAValue) -> Array:
    """Returns the elements of a value of the IR that depends on constants only.

    Raises:
        RefusalError: an operation on the way makes too many elements.
    """
    order: dict[Operation, None] = {}
    stack = [value]
    count = 0
    while stack:
        op = stack[-1].owner
        assert isinstance(op, Operation), "it does not depend on an input"
        missing = [operand for operand in op.operands if operand.owner not in order]
        stack.extend(missing)
        if not missing:
            for result in op.results:
                left = MAX_FOLDED - count
                count += check_elements(
                    shape_of(result.type), limit=left, what="a result while compiling"
                )
            order[op] = None
            stack.pop()
    return run_constants(list(order))[value]


def check_real(array: Array, name: str) -> None:
    """Checks that constant `name` can be a parameter of the network.

    Raises:
        RefusalError: `array` is not real, empty, or has elements that are not finite.
    """
    if array.dtype.kind != "f":
        raise RefusalError(
            f"tensor {name!r} has elements of type {array.dtype}, where reals are needed",
            "cast it to float before this node",
        )
    if array.size == 0:
        raise RefusalError(f"tensor {name!r} is empty", "remove the node, or export again")
    finite = np.isfinite(array)
    if not finite.all():
        raise RefusalError(
            f"tensor {name!r} holds {array[~finite][0]} in {int((~finite).sum())} of "
            f"{array.size} elements",
            "train again or export from a checkpoint whose weights are finite",
        )


def shape_of_value(value: Value) -> tuple[int, ...]:
    """Returns the static shape of a tensor."""
    if isinstance(value, SSAValue):
        assert isa(value.type, TensorType)
        return shape_of(value.type)
    return value.shape

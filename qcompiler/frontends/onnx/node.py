"""What an importer sees of the node that it imports."""

import numpy as np
from onnx import AttributeProto, NodeProto, TensorProto
from xdsl.ir import Operation, SSAValue

from qcompiler.dialects import qint
from qcompiler.dialects.attributes import Array, element_of, shape_of
from qcompiler.frontends.onnx import naming
from qcompiler.frontends.onnx.folding import evaluate_derived
from qcompiler.frontends.onnx.registry import RefusalError, Value
from qcompiler.frontends.onnx.tensors import array_of, check_elements, code_range, code_type
from qcompiler.frontends.onnx.values import Values, shape_of_value


def is_integer(value: SSAValue) -> bool:
    """Returns whether a tensor of the IR holds integers of qint."""
    return isinstance(element_of(value.type), qint.IntType)


class NodeContext:
    """One node with its inputs and attributes, and the place where its operations go.

    Attributes:
        proto: the node as the model has it.
        opset: version of ONNX's own operations that the model uses.
    """

    def __init__(self, proto: NodeProto, opset: int, values: Values):
        self.proto = proto
        self.opset = opset
        self._values = values

    def has_input(self, index: int) -> bool:
        """Returns whether an (optional) input is given."""
        return index < len(self.proto.input) and self.proto.input[index] != ""

    def input_name(self, index: int) -> str:
        """Returns the name of an input.

        Raises:
            RefusalError: the node lacks it.
        """
        if not self.has_input(index):
            raise RefusalError(
                f"input {index} is missing, got {len(self.proto.input)} inputs",
                "export the model again, this node is not valid",
            )
        return self.proto.input[index]

    def value(self, index: int) -> Value:
        """Returns an input, constant or not."""
        return self._values[self.input_name(index)]

    def shape(self, index: int) -> tuple[int, ...]:
        """Returns the static shape of an input."""
        return shape_of_value(self.value(index))

    def operand(self, index: int) -> SSAValue:
        """Returns an input as an f32 (constants: or f64) tensor of the IR.

        Raises:
            RefusalError: it is missing, a tensor of integers, or a constant that is not finite.
        """
        operand = self._values.operand(self.input_name(index))
        if is_integer(operand):
            raise RefusalError(
                f"takes the integers of {self.input_name(index)!r}, where reals are needed",
                "put a DequantizeLinear or a Cast to float before this node",
            )
        return operand

    def any_operand(self, index: int) -> SSAValue:
        """Returns an input as a tensor of reals or integers; for nodes that only move elements."""
        return self._values.operand(self.input_name(index))

    def codes(self, index: int) -> SSAValue:
        """Returns an input as a tensor of integers.

        Raises:
            RefusalError: it is a tensor of reals, or of integers of more than 32 bits.
        """
        name = self.input_name(index)
        value = self._values[name]
        if isinstance(value, SSAValue) and is_integer(value):
            return value
        element = "float" if isinstance(value, SSAValue) else str(value.dtype)
        if isinstance(value, SSAValue) or code_range(code_type(value)) is None:
            raise RefusalError(
                f"tensor {name!r} must have integers of 2 to 32 bits, got {element}",
                "export the model again, with int8 or uint8 tensors here",
            )
        constant = qint.ConstantOp(value.astype(np.int64))
        constant.location = naming.location(name)
        constant.result.name_hint = naming.hint(name)
        self._values.block.add_op(constant)
        return constant.result

    def constant(self, index: int, what: str) -> Array:
        """Returns the elements of an input that has to be known while compiling.

        Reals that the model computes from constants are rounded as ONNX does it, to float32.

        Args:
            index: of the input.
            what: what the input is, for the message.

        Raises:
            RefusalError: the network computes it from its inputs.
        """
        name = self.input_name(index)
        if name in self._values.derived:
            return evaluate_derived(name, self._values, self.opset)
        value = self._values[name]
        if isinstance(value, SSAValue):
            raise RefusalError(
                f"{what} must be constant, but {name!r} depends on the network's input",
                "export with fixed input shapes and fixed quantizer parameters",
            )
        return value

    def integers(self, index: int, what: str) -> list[int]:
        """Returns a constant input that lists integers, such as a shape or axes.

        Raises:
            RefusalError: it is not constant, or not a scalar or list of integers.
        """
        array = self.constant(index, what)
        if array.dtype.kind not in "iu" or array.ndim > 1:
            raise RefusalError(
                f"{what} must be a list of integers, got {array.dtype} of shape "
                f"{list(array.shape)}",
                "export the model again, this node is not valid",
            )
        return [int(element) for element in array.reshape(-1)]

    def scalar(self, value: float) -> SSAValue:
        """Returns a new constant of rank 0."""
        return self._values.constant(np.array(value, np.float32), naming.node_name(self.proto))

    def emit(self, op: Operation) -> SSAValue:
        """Adds an operation with one result, which carries the node's name; returns the result.

        Raises:
            RefusalError: the result is empty or larger than `MAX_ELEMENTS`.
            VerifyException: operands do not fit the operation.
        """
        (result,) = op.results
        check_elements(shape_of(result.type))
        op.location = naming.location(naming.node_name(self.proto))
        op.verify()
        self._values.block.add_op(op)
        if self.proto.output:
            result.name_hint = naming.hint(naming.result_name(self.proto))
        return result

    def attribute(self, name: str, kind: "AttributeProto.AttributeType") -> AttributeProto | None:
        """Returns an attribute, or None when the node lacks it.

        Raises:
            RefusalError: it has another type than `kind`.
        """
        for attribute in self.proto.attribute:
            if attribute.name == name:
                if attribute.type != kind:
                    got, expected = map(AttributeProto.AttributeType.Name, (attribute.type, kind))
                    raise RefusalError(
                        f"attribute {name} must have type {expected}, got {got}",
                        "export the model again, this node is not valid",
                    )
                return attribute
        return None

    def int_attribute(self, name: str, default: int | None = None) -> int:
        """Returns an integer attribute.

        Raises:
            RefusalError: it has another type, or is missing and has no default.
        """
        attribute = self.attribute(name, AttributeProto.INT)
        if attribute is not None:
            return attribute.i
        if default is None:
            raise RefusalError(
                f"attribute {name} is missing", "export the model again with this attribute set"
            )
        return default

    def float_attribute(self, name: str, default: float) -> float:
        """Returns a float attribute; RefusalError if it has another type or is not finite."""
        attribute = self.attribute(name, AttributeProto.FLOAT)
        value = default if attribute is None else attribute.f
        if not np.isfinite(value):
            raise RefusalError(
                f"attribute {name} must be finite, got {value}", "export the model again"
            )
        return value

    def string_attribute(self, name: str, default: str) -> str:
        """Returns a string attribute; RefusalError if it has another type."""
        attribute = self.attribute(name, AttributeProto.STRING)
        return default if attribute is None else attribute.s.decode("utf-8", "backslashreplace")

    def ints_attribute(self, name: str) -> list[int] | None:
        """Returns a list attribute, or None if missing; RefusalError if it has another type."""
        attribute = self.attribute(name, AttributeProto.INTS)
        return None if attribute is None else list(attribute.ints)

    def tensor(self, proto: TensorProto) -> Array:
        """Returns the elements of a tensor that an attribute holds; RefusalError if not sound."""
        return array_of(proto, self._values.folder)

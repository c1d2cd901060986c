"""What an importer sees of the node that it imports."""

from collections.abc import Mapping

import numpy as np
from onnx import AttributeProto, NodeProto, TensorProto
from xdsl.ir import BlockArgument, Operation, SSAValue

from qcompiler.analysis.real_ranges import RealRange
from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, element_of, shape_of
from qcompiler.frontends.onnx import naming
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.tensors import (
    HALVES,
    MAX_ACTIVATION,
    array_of,
    check_elements,
    code_range,
    code_type,
    element_type_name,
    smallest_type,
)
from qcompiler.frontends.onnx.values import Values, check_real, evaluated, shape_of_value

_LARGEST_EXACT = 2**53
LOWEST = np.finfo(np.float32).min
_WEIGHT_BITS = 8


def is_integer(value: SSAValue) -> bool:
    """Returns whether a tensor of the IR holds integers of qint."""
    return isinstance(element_of(value.type), qint.IntType)


def _as_reals(integers: Array, name: str) -> Array:
    """Returns constant integers as the narrowest floats that hold them."""
    wide = integers.astype(np.float64)
    if np.abs(wide).max(initial=0) > _LARGEST_EXACT:
        raise RefusalError(
            f"tensor {name!r} holds integers of more than 53 bits", "use smaller parameters"
        )
    narrow = wide.astype(np.float32)
    return narrow if np.array_equal(narrow.astype(np.float64), wide) else wide


def _remedy_for_short_floats(operand: SSAValue, short: str) -> str:
    rounded = operand.owner
    if isinstance(rounded, nn.RoundToOp) and isinstance(rounded.input.owner, qint.DequantizeOp):
        # Behind a Cast the numbers would still be rounded, and no integers times a scale.
        return (
            f"write the scales of DequantizeLinear and QuantizeLinear as float, and put Casts from "
            f"and to {short} at the model's inputs and outputs only"
        )
    return f"put a Cast to float before this node; and one to {short} behind it, if need be"


class NodeContext:
    """One node with its inputs and attributes, and the place where its operations go.

    Attributes:
        proto: the node as the model has it.
        opset: version of ONNX's own operations that the model uses.
        attributes_read: names that were asked for, so that none is ignored.
    """

    def __init__(self, proto: NodeProto, opset: int, values: Values):
        self.proto = proto
        self.opset = opset
        self._values = values
        self.attributes_read: set[str] = set()

    @property
    def numerics(self) -> str:
        """What the model means: `exact` or `onnxruntime`."""
        return self._values.numerics

    def with_inputs(self, inputs: Mapping[int, Value], note: str) -> "NodeContext":
        """Returns the node as its operation's importer sees it when inputs are other tensors.

        Args:
            inputs: the tensors by the index of the input.
            note: what was done to them; with the input's name it names the tensor in messages.
        """
        proto = NodeProto()
        proto.CopyFrom(self.proto)
        for index, value in inputs.items():
            proto.input[index] = self._values.derive(self.input_name(index), value, note)
        context = NodeContext(proto, self.opset, self._values)
        context.attributes_read = self.attributes_read
        return context

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
        name = self.input_name(index)
        operand = self._values.operand(name)
        short = HALVES.get(self._values.integers.get(name, TensorProto.UNDEFINED))
        if short is not None:
            raise RefusalError(
                f"takes the {short} of {name!r}, where float is needed",
                _remedy_for_short_floats(operand, short),
            )
        if is_integer(operand) or name in self._values.integers:
            raise RefusalError(
                f"takes the integers of {name!r}, where reals are needed",
                "put a DequantizeLinear or a Cast to float before this node",
            )
        return operand

    def mask(self, index: int) -> SSAValue:
        """Returns an input as `operand` does; a constant may hold -inf, as masks of attention do.

        Raises:
            RefusalError: as `operand` and `mask_numbers`.
        """
        value = self.value(index)
        if not isinstance(value, np.ndarray) or not (value == -np.inf).any():
            return self.operand(index)
        return self.emit(nn.ConstantOp(self.mask_numbers(index)))

    def mask_numbers(self, index: int) -> Array:
        """Returns a constant input whose -inf became the lowest float32.

        That is the same where nothing but softmax and quantizers read the result: below every sum
        of other numbers, both become 0 or the lowest code.

        Raises:
            RefusalError: it holds other numbers that are not finite, or others read the result.
        """
        name = self.input_name(index)
        numbers = self._values.elements(name)
        if self._values.saturates(self.proto.output[0]):
            numbers = np.where(numbers == -np.inf, LOWEST, numbers)
        check_real(numbers, name)
        return numbers

    def is_condition(self, index: int) -> bool:
        """Whether an input is a condition that the network computes, 1 or 0."""
        name = self.input_name(index)
        return self._values.integers.get(name) == TensorProto.BOOL and not self.is_constant(index)

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
        held = code_range(self._values.integers.get(name, TensorProto.UNDEFINED))
        if isinstance(value, SSAValue) and held is not None:
            one, zero = np.ones(1, np.float32), np.zeros(1, np.int64)
            return self.emit(qint.QuantizeOp(value, one, zero, held))
        element = "float" if isinstance(value, SSAValue) else str(value.dtype)
        if name in self._values.integers:
            element = element_type_name(self._values.integers[name])
        if isinstance(value, SSAValue) or code_range(code_type(value)) is None:
            raise RefusalError(
                f"tensor {name!r} must have integers of 2 to 32 bits, got {element}",
                "export the model again, with int8 or uint8 tensors here",
            )
        if not value.size:
            raise RefusalError(
                f"tensor {name!r} of shape {list(value.shape)} has no elements",
                "export the model again, with no dimension of 0",
            )
        held = held or code_range(code_type(value))
        # Weights may be any of their type; what has more bits are biases, which nobody writes.
        small = held if held is not None and held.width_bits <= _WEIGHT_BITS else None
        constant = qint.ConstantOp(value.astype(np.int64), small)
        constant.location = naming.location(name)
        constant.result.name_hint = naming.hint(name)
        self._values.block.add_op(constant)
        return constant.result

    def integer_type(self, index: int) -> int | None:
        """Returns ONNX's element type of an input that holds integers; None for reals.

        Of integers whose type nothing tells it is the smallest that holds them.
        """
        name = self.input_name(index)
        value = self._values[name]
        if isinstance(value, np.ndarray):
            return code_type(value) if value.dtype.kind in "iuV" else None
        if is_integer(value):
            return smallest_type(qint.range_of(value.type))
        return self._values.integers.get(name)

    def number(self, index: int) -> SSAValue:
        """Returns an input as a tensor of reals, whether its elements are reals or integers.

        Raises:
            RefusalError: a constant is not finite, or needs more than 53 bits.
        """
        name = self.input_name(index)
        value = self._values[name]
        if isinstance(value, np.ndarray) and value.dtype.kind != "f":
            return self.emit(nn.ConstantOp(_as_reals(value, name)))
        operand = self._values.operand(name)
        if not is_integer(operand):
            return operand
        one, zero = np.ones(1, np.float32), np.zeros(1, np.int64)
        return self.emit(qint.DequantizeOp(operand, one, zero))

    def place(self, index: int, count: int) -> SSAValue:
        """Returns an input that says a place among `count`, as a real from 0 to `count` - 1.

        Other places mean nothing. So an input of the model that says one takes no others.

        Raises:
            RefusalError: it is a tensor of reals.
        """
        name = self.input_name(index)
        if self.integer_type(index) is None:
            raise RefusalError(
                f"{name!r} says places, which are integers, but holds reals",
                "export the model again, this node is not valid",
            )
        x, one, zero = self.number(index), np.ones(1, np.float32), np.zeros(1, np.int64)
        inside = qint.QuantizeOp(x, one, zero, IntRange(0, count - 1))
        codes = self.emit(inside)
        self._values.places.append(inside)
        return self.emit(qint.DequantizeOp(codes, one, zero))

    def range_of(self, value: SSAValue) -> RealRange:
        """Returns what is known of the reals of the IR."""
        return self._values.ranges.of(value)

    def is_constant(self, index: int) -> bool:
        """Returns whether an input is known while compiling."""
        return self._values.is_constant(self.input_name(index))

    def set_integers(self, data_type: int) -> None:
        """Says that the node's first output holds integers of an element type of ONNX."""
        self._values.integers[self.proto.output[0]] = data_type

    def shortened(self, y: SSAValue, data_type: int) -> SSAValue:
        """Returns `y` rounded to a shorter float, an element type of ONNX: the first output."""
        self.set_integers(data_type)
        return self.emit(nn.RoundToOp(y, HALVES[data_type]))

    def set_short(self, data_type: int) -> None:
        """Says of what element type of ONNX the constant is that the node stores."""
        if data_type in HALVES:
            self._values.short_constants[self.proto.output[0]] = data_type

    def short_type(self, index: int) -> int | None:
        """Returns ONNX's element type of an input that is a stored constant of a shorter float."""
        return self._values.short_constants.get(self.input_name(index))

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
        if self._values.is_constant(name):
            return self._values.elements(name)
        value = self._values[name]
        if isinstance(value, BlockArgument):
            raise RefusalError(
                f"{what} must be constant, but {name!r} is an input of the model",
                "freeze it: store its value in the model, as an initializer",
            )
        raise RefusalError(
            f"{what} must be constant, but {name!r} depends on the network's input",
            "export with fixed input shapes and fixed quantizer parameters",
        )

    def elements(self, value: SSAValue) -> Array:
        """Returns the elements of a value of the IR that depends on constants only."""
        return evaluated(value)

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
            RefusalError: the result is empty or too large.
            VerifyException: operands do not fit the operation.
        """
        (result,) = op.results
        self._check_size(shape_of(result.type))
        op.location = naming.location(naming.node_name(self.proto))
        op.verify()
        self._values.block.add_op(op)
        if self.proto.output:
            result.name_hint = naming.hint(naming.result_name(self.proto))
        return result

    def _check_size(self, shape: tuple[int, ...]) -> None:
        if all(self._values.is_constant(name) for name in self.proto.input if name):
            check_elements(shape)
        else:
            check_elements(shape, limit=MAX_ACTIVATION, what="an activation")

    def attribute(self, name: str, kind: "AttributeProto.AttributeType") -> AttributeProto | None:
        """Returns an attribute, or None when the node lacks it.

        Raises:
            RefusalError: it has another type than `kind`.
        """
        self.attributes_read.add(name)
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

    def attribute_names(self) -> set[str]:
        """Returns the names of all attributes, for importers that check them themselves."""
        names = {attribute.name for attribute in self.proto.attribute}
        self.attributes_read |= names
        return names

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

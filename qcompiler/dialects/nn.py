"""nn: the network as its author meant it, in real numbers, with explicit quantizers between.

Operations have the names and semantics of ONNX, on static shapes, channels first as imported.
Elementwise operations work on tensors and on scalars alike: the scalar form is the body of
`qint.requantize`. A type of `f32` stands for the real number that the model's author means; how it
is rounded is decided by the module's numerics (`exact` or `onnxruntime`), not by the type. `f64`
holds parameters that passes derived from the model's own and that need the longer significand.
"""

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import (
    I64,
    DenseArrayBase,
    Float32Type,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    TensorType,
    i64,
)
from xdsl.ir import Attribute, Dialect, SSAValue
from xdsl.irdl import (
    AnyOf,
    BaseAttr,
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import ConstantLike, Pure
from xdsl.utils.exceptions import VerifyException

from qcompiler.dialects.attributes import (
    Array,
    DenseAttr,
    broadcast_shapes,
    dense_from_numpy,
    numpy_from_dense,
    shape_of,
    verify_static,
)

f32 = Float32Type()
_Float = AnyOf((BaseAttr(Float32Type), BaseAttr(Float64Type)))
_FloatTensor = TensorType.constr(_Float)
_Real = AnyOf((BaseAttr(Float32Type), BaseAttr(Float64Type), _FloatTensor))


def real_like(type_: Attribute, shape: Sequence[int] | None = None) -> Attribute:
    """Returns the real type (f32) of `shape`, or with the shape of `type_`."""
    if shape is None:
        shape = shape_of(type_)
        if not shape and not isinstance(type_, TensorType):
            return f32
    return TensorType(f32, shape)


@irdl_op_definition
class ConstantOp(IRDLOperation):
    """Holds parameters of the model: `y = value`.

    Example: `%w = nn.constant dense<[1.0, 2.0]> : tensor<2xf32>`
    """

    name = "nn.constant"
    value = prop_def(DenseAttr)
    result = result_def(_FloatTensor)
    traits = traits_def(Pure(), ConstantLike())
    assembly_format = "attr-dict $value `->` type($result)"

    def __init__(self, value: Array):
        dense = dense_from_numpy(value)
        super().__init__(properties={"value": dense}, result_types=[dense.type])

    @property
    def array(self) -> Array:
        """The value as a numpy array."""
        return numpy_from_dense(self.value)

    def verify_(self) -> None:
        if self.value.type != self.result.type:
            raise VerifyException(
                f"value of type {self.value.type} does not match result type {self.result.type}"
            )


@irdl_op_definition
class ParameterOp(IRDLOperation):
    """Holds one real number per channel inside a scalar region: `y = value[channel]`.

    Example: `%b = nn.parameter dense<[0.5, 1.5]> : tensor<2xf32> -> f32`
    """

    name = "nn.parameter"
    value = prop_def(DenseAttr)
    result = result_def(_Float)
    traits = traits_def(Pure(), ConstantLike())
    assembly_format = "attr-dict $value `->` type($result)"

    def __init__(self, value: Array):
        dense = dense_from_numpy(value.reshape(-1))
        super().__init__(properties={"value": dense}, result_types=[dense.get_element_type()])

    @property
    def array(self) -> Array:
        """The values, one per channel or a single one for all of them."""
        return numpy_from_dense(self.value)

    def verify_(self) -> None:
        if len(self.value.get_shape()) != 1:
            raise VerifyException(f"value must have one dimension, got {self.value.type}")


class Binary(IRDLOperation):
    """An elementwise operation on two operands, which broadcast as in numpy."""

    lhs = operand_def(_Real)
    rhs = operand_def(_Real)
    result = result_def(_Real)
    traits = traits_def(Pure())
    assembly_format = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)"

    def __init__(self, lhs: SSAValue, rhs: SSAValue):
        shapes = shape_of(lhs.type), shape_of(rhs.type)
        scalar = not isinstance(lhs.type, TensorType) and not isinstance(rhs.type, TensorType)
        result = f32 if scalar else TensorType(f32, broadcast_shapes(shapes))
        super().__init__(operands=[lhs, rhs], result_types=[result])

    def verify_(self) -> None:
        shape = broadcast_shapes([shape_of(self.lhs.type), shape_of(self.rhs.type)])
        if shape != shape_of(self.result.type):
            raise VerifyException(
                f"operands broadcast to shape {list(shape)}, but the result is {self.result.type}"
            )


class Unary(IRDLOperation):
    """An elementwise operation on one operand."""

    input = operand_def(_Real)
    result = result_def(_Real)
    traits = traits_def(Pure())
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue):
        super().__init__(operands=[input], result_types=[real_like(input.type)])

    def verify_(self) -> None:
        if shape_of(self.input.type) != shape_of(self.result.type):
            raise VerifyException(
                f"input {self.input.type} and result {self.result.type} differ in shape"
            )


@irdl_op_definition
class AddOp(Binary):
    """Adds: `y = a + b`. Example: `%y = nn.add %a, %b : (f32, f32) -> f32`."""

    name = "nn.add"


@irdl_op_definition
class SubOp(Binary):
    """Subtracts: `y = a - b`. Example: `%y = nn.sub %a, %b : (f32, f32) -> f32`."""

    name = "nn.sub"


@irdl_op_definition
class MulOp(Binary):
    """Multiplies: `y = a * b`. Example: `%y = nn.mul %a, %b : (f32, f32) -> f32`."""

    name = "nn.mul"


@irdl_op_definition
class DivOp(Binary):
    """Divides: `y = a / b`, for b != 0. Example: `%y = nn.div %a, %b : (f32, f32) -> f32`."""

    name = "nn.div"


@irdl_op_definition
class PowOp(Binary):
    """Raises to a power: `y = a ** b`. Example: `%y = nn.pow %a, %b : (f32, f32) -> f32`."""

    name = "nn.pow"


@irdl_op_definition
class ReluOp(Unary):
    """Cuts off below zero: `y = max(x, 0)`. Example: `%y = nn.relu %x : (f32) -> f32`."""

    name = "nn.relu"


@irdl_op_definition
class SqrtOp(Unary):
    """Takes the root: `y = sqrt(x)`, for x >= 0. Example: `%y = nn.sqrt %x : (f32) -> f32`."""

    name = "nn.sqrt"


@irdl_op_definition
class SoftmaxOp(IRDLOperation):
    """Normalizes exponentials along an axis: `y = exp(x) / sum(exp(x), axis)`.

    Example: `%y = nn.softmax %x {axis = 1 : i64} : (tensor<1x5xf32>) -> tensor<1x5xf32>`
    """

    name = "nn.softmax"
    input = operand_def(_FloatTensor)
    axis = prop_def(IntegerAttr[I64])
    result = result_def(_FloatTensor)
    traits = traits_def(Pure())
    assembly_format = "$input `axis` $axis attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, axis: int):
        super().__init__(
            operands=[input],
            properties={"axis": IntegerAttr(axis, i64)},
            result_types=[real_like(input.type)],
        )

    def verify_(self) -> None:
        rank = len(shape_of(self.input.type))
        axis = self.axis.value.data
        if not 0 <= axis < rank:
            raise VerifyException(f"axis must be in [0, {rank - 1}], got {axis}")
        if shape_of(self.input.type) != shape_of(self.result.type):
            raise VerifyException(
                f"input {self.input.type} and result {self.result.type} differ in shape"
            )


def matmul_shape(lhs: tuple[int, ...], rhs: tuple[int, ...]) -> tuple[int, ...]:
    """Returns the shape of numpy's `lhs @ rhs` for operands of rank 2 and more.

    Raises:
        VerifyException: the shapes do not fit.
    """
    if len(lhs) < 2 or len(rhs) < 2:
        raise VerifyException(
            f"matmul needs operands of rank 2 or more, got {list(lhs)} and {list(rhs)}"
        )
    if lhs[-1] != rhs[-2]:
        raise VerifyException(
            f"inner dimensions of {list(lhs)} and {list(rhs)} differ: {lhs[-1]} and {rhs[-2]}"
        )
    return (*broadcast_shapes([lhs[:-2], rhs[:-2]]), lhs[-2], rhs[-1])


@irdl_op_definition
class MatMulOp(IRDLOperation):
    """Multiplies matrices: `y[..., i, j] = sum_k a[..., i, k] * b[..., k, j]`.

    Example: `%y = nn.matmul %a, %b : (tensor<1x4xf32>, tensor<4x2xf32>) -> tensor<1x2xf32>`
    """

    name = "nn.matmul"
    lhs = operand_def(_FloatTensor)
    rhs = operand_def(_FloatTensor)
    result = result_def(_FloatTensor)
    traits = traits_def(Pure())
    assembly_format = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)"

    def __init__(self, lhs: SSAValue, rhs: SSAValue):
        shape = matmul_shape(shape_of(lhs.type), shape_of(rhs.type))
        super().__init__(operands=[lhs, rhs], result_types=[TensorType(f32, shape)])

    def verify_(self) -> None:
        shape = matmul_shape(shape_of(self.lhs.type), shape_of(self.rhs.type))
        if shape != shape_of(self.result.type):
            raise VerifyException(f"result must have shape {list(shape)}, got {self.result.type}")


@irdl_op_definition
class BatchNormOp(IRDLOperation):
    """Normalizes channels (axis 1): `y = scale * (x - mean) / sqrt(var + epsilon) + bias`.

    Example: `%y = nn.batch_norm %x, %s, %b, %m, %v epsilon 1e-05 : (...) -> tensor<1x4xf32>`
    """

    name = "nn.batch_norm"
    input = operand_def(_FloatTensor)
    scale = operand_def(_FloatTensor)
    bias = operand_def(_FloatTensor)
    mean = operand_def(_FloatTensor)
    var = operand_def(_FloatTensor)
    epsilon = prop_def(FloatAttr[Float32Type])
    result = result_def(_FloatTensor)
    traits = traits_def(Pure())
    assembly_format = (
        "$input `,` $scale `,` $bias `,` $mean `,` $var `epsilon` $epsilon attr-dict `:` "
        "functional-type(operands, results)"
    )

    def __init__(
        self,
        input: SSAValue,
        scale: SSAValue,
        bias: SSAValue,
        mean: SSAValue,
        var: SSAValue,
        epsilon: float,
    ):
        super().__init__(
            operands=[input, scale, bias, mean, var],
            properties={"epsilon": FloatAttr(epsilon, f32)},
            result_types=[real_like(input.type)],
        )

    def verify_(self) -> None:
        shape = shape_of(self.input.type)
        if len(shape) < 2:
            raise VerifyException(f"input must have rank 2 or more, got {self.input.type}")
        for parameter in (self.scale, self.bias, self.mean, self.var):
            if shape_of(parameter.type) != (shape[1],):
                raise VerifyException(
                    f"parameters must have shape [{shape[1]}], got {parameter.type}"
                )
        if shape != shape_of(self.result.type):
            raise VerifyException(
                f"input {self.input.type} and result {self.result.type} differ in shape"
            )


def verify_reshape(source: Attribute, result: Attribute) -> None:
    """Raises VerifyException unless both shapes hold the same number of elements."""
    verify_static(source, "input")
    verify_static(result, "result")
    if np.prod(shape_of(source), dtype=object) != np.prod(shape_of(result), dtype=object):
        raise VerifyException(f"cannot reshape {source} to {result}: element counts differ")


def transposed_shape(shape: Sequence[int], permutation: Sequence[int]) -> tuple[int, ...]:
    """Returns the shape after a transposition.

    Raises:
        VerifyException: `permutation` is not one of the axes of `shape`.
    """
    if sorted(permutation) != list(range(len(shape))):
        raise VerifyException(
            f"permutation {list(permutation)} does not list each of {len(shape)} axes once"
        )
    return tuple(shape[axis] for axis in permutation)


@irdl_op_definition
class ReshapeOp(IRDLOperation):
    """Reads the elements in row-major order into another shape.

    Example: `%y = nn.reshape %x : (tensor<1x2x2xf32>) -> tensor<1x4xf32>`
    """

    name = "nn.reshape"
    input = operand_def(_FloatTensor)
    result = result_def(_FloatTensor)
    traits = traits_def(Pure())
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, shape: Sequence[int]):
        super().__init__(operands=[input], result_types=[TensorType(f32, shape)])

    def verify_(self) -> None:
        verify_reshape(self.input.type, self.result.type)


@irdl_op_definition
class TransposeOp(IRDLOperation):
    """Permutes axes: `y.shape[i] = x.shape[permutation[i]]`.

    Example: `%y = nn.transpose %x {permutation = array<i64: 1, 0>}
        : (tensor<2x3xf32>) -> tensor<3x2xf32>`
    """

    name = "nn.transpose"
    input = operand_def(_FloatTensor)
    permutation = prop_def(DenseArrayBase.constr(i64))
    result = result_def(_FloatTensor)
    traits = traits_def(Pure())
    assembly_format = (
        "$input `permutation` $permutation attr-dict `:` functional-type(operands, results)"
    )

    def __init__(self, input: SSAValue, permutation: Sequence[int]):
        shape = transposed_shape(shape_of(input.type), permutation)
        super().__init__(
            operands=[input],
            properties={"permutation": DenseArrayBase.from_list(i64, permutation)},
            result_types=[TensorType(f32, shape)],
        )

    def verify_(self) -> None:
        shape = transposed_shape(shape_of(self.input.type), self.permutation.get_values())
        if shape != shape_of(self.result.type):
            raise VerifyException(f"result must have shape {list(shape)}, got {self.result.type}")


NN = Dialect(
    "nn",
    [
        ConstantOp, ParameterOp,
        AddOp, SubOp, MulOp, DivOp, PowOp, SqrtOp, ReluOp, SoftmaxOp,
        MatMulOp, BatchNormOp, ReshapeOp, TransposeOp,
    ],
)  # fmt: skip

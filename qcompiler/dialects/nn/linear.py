"""Matrix products and batch normalization."""

from xdsl.dialects.builtin import BoolAttr, Float32Type, FloatAttr, TensorType
from xdsl.ir import SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from qcompiler.dialects.attributes import broadcast_shapes, shape_of
from qcompiler.dialects.nn.types import (
    FLOAT_TENSOR,
    f32,
    real_like,
    verify_same_shape,
    verify_shape,
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
    lhs = operand_def(FLOAT_TENSOR)
    rhs = operand_def(FLOAT_TENSOR)
    result = result_def(FLOAT_TENSOR)
    traits = traits_def(Pure())
    assembly_format = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)"

    def __init__(self, lhs: SSAValue, rhs: SSAValue):
        shape = matmul_shape(shape_of(lhs.type), shape_of(rhs.type))
        super().__init__(operands=[lhs, rhs], result_types=[TensorType(f32, shape)])

    def verify_(self) -> None:
        shape = matmul_shape(shape_of(self.lhs.type), shape_of(self.rhs.type))
        verify_shape(self.result.type, shape)


@irdl_op_definition
class BatchNormOp(IRDLOperation):
    """Normalizes channels (axis 1): `y = scale * (x - mean) / sqrt(var + epsilon) + bias`.

    Example: `%y = nn.batch_norm %x, %s, %b, %m, %v epsilon 1.0e-05
        : (tensor<1x4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>)
        -> tensor<1x4xf32>`
    """

    name = "nn.batch_norm"
    input = operand_def(FLOAT_TENSOR)
    scale = operand_def(FLOAT_TENSOR)
    bias = operand_def(FLOAT_TENSOR)
    mean = operand_def(FLOAT_TENSOR)
    var = operand_def(FLOAT_TENSOR)
    epsilon = prop_def(FloatAttr[Float32Type])
    result = result_def(FLOAT_TENSOR)
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
        verify_same_shape(self.input.type, self.result.type)


@irdl_op_definition
class LayerNormOp(IRDLOperation):
    """Normalizes rows, the last axis: `y = scale * (x - mean) / sqrt(variance + epsilon) + bias`.

    Where it is not `centered`, the mean counts as 0: root-mean-square normalization.

    Example: `%y = nn.layer_norm %x, %s, %b {epsilon = 1.0e-05 : f32, centered = true}
        : (tensor<1x3x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>`
    """

    name = "nn.layer_norm"
    input = operand_def(FLOAT_TENSOR)
    scale = operand_def(FLOAT_TENSOR)
    bias = operand_def(FLOAT_TENSOR)
    epsilon = prop_def(FloatAttr[Float32Type])
    centered = prop_def(BoolAttr)
    result = result_def(FLOAT_TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$input `,` $scale `,` $bias attr-dict `:` functional-type(operands, results)"

    def __init__(
        self, input: SSAValue, scale: SSAValue, bias: SSAValue, epsilon: float, centered: bool
    ):
        super().__init__(
            operands=[input, scale, bias],
            properties={
                "epsilon": FloatAttr(epsilon, f32),
                "centered": BoolAttr.from_bool(centered),
            },
            result_types=[real_like(input.type)],
        )

    @property
    def takes_mean(self) -> bool:
        """Whether the mean is taken away."""
        return bool(self.centered.value.data)

    def verify_(self) -> None:
        shape = shape_of(self.input.type)
        for parameter in (self.scale, self.bias):
            if not shape or shape_of(parameter.type) != shape[-1:]:
                raise VerifyException(
                    f"scale and bias must have shape {list(shape[-1:])}, got {parameter.type}"
                )
        verify_same_shape(self.input.type, self.result.type)

"""Parameters of the model."""

from xdsl.irdl import IRDLOperation, irdl_op_definition, prop_def, result_def, traits_def
from xdsl.traits import ConstantLike, Pure
from xdsl.utils.exceptions import VerifyException

from qcompiler.dialects.attributes import Array, DenseAttr, dense_from_numpy, numpy_from_dense
from qcompiler.dialects.nn.types import FLOAT, FLOAT_TENSOR


@irdl_op_definition
class ConstantOp(IRDLOperation):
    """Holds parameters of the model: `y = value`.

    Example: `%w = nn.constant dense<[1.0, 2.0]> : tensor<2xf32> -> tensor<2xf32>`
    """

    name = "nn.constant"
    value = prop_def(DenseAttr)
    result = result_def(FLOAT_TENSOR)
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
    result = result_def(FLOAT)
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

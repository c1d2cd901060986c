"""The selection of a class: where the largest integer stands."""

from xdsl.dialects.builtin import BoolAttr, TensorType
from xdsl.ir import SSAValue
from xdsl.irdl import (
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.dialects.qint.interface import IntegerOp
from qcompiler.dialects.qint.types import INT_TENSOR, IntType


def positions(x: Array, *, last: bool) -> Array:
    """Returns where the largest element of the innermost axis stands, which stays with extent 1.

    Args:
        x: integers, shape [..., C].
        last: of equals the last one, not the first.
    """
    if last:
        return (x.shape[-1] - 1 - x[..., ::-1].argmax(axis=-1))[..., None]
    return x.argmax(axis=-1)[..., None]


@irdl_op_definition
class ArgMaxOp(IntegerOp):
    """Finds the position of the largest element along the innermost axis, which becomes 1.

    Of equals it is the first one, or with `last` the last one.

    Example: `%y = qint.arg_max %x {last = false}
        : (tensor<1x10x!qint.int<-128, 127>>) -> tensor<1x1x!qint.int<0, 9>>`
    """

    name = "qint.arg_max"
    input = operand_def(INT_TENSOR)
    last = prop_def(BoolAttr)
    result = result_def(INT_TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, last: bool = False):
        shape = shape_of(input.type)
        element = IntType(0, max(0, shape[-1] - 1))
        super().__init__(
            operands=[input],
            properties={"last": BoolAttr.from_bool(last)},
            result_types=[TensorType(element, (*shape[:-1], 1))],
        )

    @property
    def takes_last(self) -> bool:
        """Whether of equals it is the last one."""
        return bool(self.last.value.data)

    @property
    def inferred_range(self) -> IntRange:
        """The positions there are."""
        return IntRange(0, shape_of(self.input.type)[-1] - 1)

    def verify_(self) -> None:
        shape = shape_of(self.input.type)
        if not shape or shape[-1] < 1:
            raise VerifyException(f"input needs an innermost axis with elements, got {list(shape)}")
        if shape_of(self.result.type) != (*shape[:-1], 1):
            raise VerifyException(
                f"result must have shape {[*shape[:-1], 1]}, got {self.result.type}"
            )

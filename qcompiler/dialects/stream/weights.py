"""Constant weights, which processes name."""

import numpy as np
from xdsl.dialects.builtin import StringAttr, SymbolNameConstraint, SymbolRefAttr
from xdsl.ir import Operation
from xdsl.irdl import IRDLOperation, irdl_op_definition, prop_def, traits_def
from xdsl.traits import SymbolOpInterface, SymbolTable
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import Array, DenseAttr, int_dense, numpy_from_dense


@irdl_op_definition
class WeightsOp(IRDLOperation):
    """Names constant weights, as a matrix [inputs, outputs].

    Example: `stream.weights @fc1 dense<1> : tensor<16x64xi8>`
    """

    name = "stream.weights"
    sym_name = prop_def(SymbolNameConstraint())
    value = prop_def(DenseAttr)
    traits = traits_def(SymbolOpInterface())
    assembly_format = "$sym_name attr-dict $value"

    def __init__(self, name: str, value: Array):
        super().__init__(properties={"sym_name": StringAttr(name), "value": int_dense(value)})

    @property
    def values(self) -> Array:
        """The weights as they are stored, shape [inputs, outputs]."""
        return numpy_from_dense(self.value)

    @property
    def array(self) -> Array:
        """The weights as int64, shape [inputs, outputs]."""
        return self.values.astype(np.int64)

    @property
    def range(self) -> IntRange:
        """Range of the weights that there are."""
        values = self.values
        return IntRange(int(values.min()), int(values.max()))

    def verify_(self) -> None:
        if len(self.value.get_shape()) != 2:
            raise VerifyException(f"weights must be a matrix, got {self.value.type}")


def find_weights(user: Operation, symbol: SymbolRefAttr) -> WeightsOp:
    """Returns the operation that holds the weights named `symbol`.

    Raises:
        VerifyException: there is none.
    """
    op = SymbolTable.lookup_symbol(user, symbol)
    if not isinstance(op, WeightsOp):
        raise VerifyException(f"weights {symbol} not found")
    return op

"""State: what one frame leaves for the next.

A function takes its states as its last arguments and returns them as its last results, in the same
order. So what it computes is a function of a frame and its states, at every level, and passes need
not know which of its arguments are states. The attribute `qint.state` of the function holds what
each of them is before the first frame, and thereby how many there are.

Example: `func.func @core(%x : tensor<1x2x!qint.int<0, 3>>, %s : tensor<1x2x!qint.int<0, 3>>)
    -> (tensor<1x2x!qint.int<0, 6>>, tensor<1x2x!qint.int<0, 3>>)
    attributes {qint.state = [dense<0> : tensor<1x2xi8>]} { ... }`
"""

from collections.abc import Sequence

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.hints import isa

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import Array, DenseAttr, int_dense, numpy_from_dense

STATE = "qint.state"


def set_state(function: func.FuncOp, initial: Sequence[Array]) -> None:
    """Makes the last arguments and results of a function its states; none if there are none.

    Args:
        function: to change.
        initial: what each state is before the first frame, with its shape.
    """
    function.attributes.pop(STATE, None)
    if initial:
        function.attributes[STATE] = ArrayAttr([int_dense(value) for value in initial])


def state_of(function: func.FuncOp) -> list[Array]:
    """Returns what each state of a function is at first, int64; empty if it keeps none.

    Raises:
        VerifyException: the attribute `qint.state` is no list of integers, or too long.
    """
    attribute = function.attributes.get(STATE)
    if attribute is None:
        return []
    if not isa(attribute, ArrayAttr[DenseAttr]):
        raise VerifyException(f"{STATE} must be an array of tensors, got {attribute}")
    types = function.function_type
    if len(attribute) > min(len(types.inputs), len(types.outputs)):
        raise VerifyException(
            f"{STATE} has {len(attribute)} entries, for {len(types.inputs)} arguments and "
            f"{len(types.outputs)} results"
        )
    return [numpy_from_dense(value).astype(np.int64) for value in attribute]


def initial_range(initial: Array) -> IntRange:
    """Returns the bounds of what a state is before the first frame."""
    return IntRange(int(initial.min()), int(initial.max()))

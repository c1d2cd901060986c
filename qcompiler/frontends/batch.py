"""Networks of images that were exported for several at once, as networks of one.

Hardware takes one frame after the other, so a batch of N is N frames. What tells a batch from any
other axis are convolutions and pools, whose first axis it is.
"""

from collections.abc import Sequence

from xdsl.dialects import func
from xdsl.dialects.builtin import DenseArrayBase, FunctionType, TensorType, i64
from xdsl.ir import SSAValue
from xdsl.rewriter import Rewriter
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.hints import isa

from qcompiler.dialects import nn
from qcompiler.dialects.attributes import shape_of


def take_one_frame(main: func.FuncOp) -> None:
    """Makes the batch of a network one, if its operations treat images apart; else changes nothing.

    Args:
        main: the network; its convolutions and pools say what its batch is.
    """
    batches = {
        shape_of(op.operands[0].type)[0] for op in main.walk() if isinstance(op, nn.Windowed)
    }
    if len(batches) != 1 or (count := batches.pop()) < 2:
        return
    images = [a for a in main.args if _leads_with(a, count)]
    if len(images) != len(main.args):
        return
    trial = main.clone()
    if _shrink(trial, count):
        _shrink(main, count)


def _shrink(main: func.FuncOp, count: int) -> bool:
    """Gives every value that depends on an input one frame; whether all operations allow that."""
    framed: set[SSAValue] = {_with_one(argument) for argument in list(main.args)}
    for op in main.body.block.ops:
        if not any(operand in framed for operand in op.operands):
            continue
        if isinstance(op, func.ReturnOp):
            if all(operand in framed for operand in op.operands):
                continue
            return False
        # A slice, a concatenation or a sum along the first axis makes another extent of it.
        if not all(_leads_with(result, count) for result in op.results):
            return False
        if isinstance(op, nn.Softmax) and op.axis.value.data == 0:
            return False
        if isinstance(op, nn.SliceOp):
            op.properties["ends"] = DenseArrayBase.from_list(i64, [1, *op.ends.get_values()[1:]])
        framed.update([_with_one(result) for result in list(op.results)])
    results = [operand.type for operand in _returned(main)]
    main.function_type = FunctionType.from_lists([a.type for a in main.args], results)
    try:
        main.verify()
    except VerifyException:  # an operation whose shapes say that it is not one per frame
        return False
    return True


def _returned(main: func.FuncOp) -> Sequence[SSAValue]:
    returned = main.get_return_op()
    assert returned is not None, "a front end ends its function with a return"
    return returned.operands


def _leads_with(value: SSAValue, count: int) -> bool:
    return isa(value.type, TensorType) and shape_of(value.type)[:1] == (count,)


def _with_one(value: SSAValue) -> SSAValue:
    assert isa(value.type, TensorType)
    shape = (1, *shape_of(value.type)[1:])
    made = TensorType(value.type.element_type, shape)
    return Rewriter.replace_value_with_new_type(value, made)

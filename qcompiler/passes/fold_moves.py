"""Pattern of fold-scales that raises moves above elementwise operations, to the integers."""

from collections.abc import Sequence
from typing import cast

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern

from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import shape_of
from qcompiler.interpreters.scalar_functions import REAL_OPS
from qcompiler.passes.elementwise_steps import comes_from_integers, is_parameter, moved_parameter
from qcompiler.passes.rewriting import discard, replace

_READERS = (
    qint.QuantizeOp, nn.MatMulOp, nn.ConvOp, nn.ConvTransposeOp, nn.AveragePoolOp, nn.ReduceMeanOp,
)  # fmt: skip


class RaiseMoves(RewritePattern):
    """move(f(x, z)) = f(move(x), move(z)): what works on each element alone may come later.

    Where nothing but the host reads the result, the host moves it.
    """

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, nn.Move):
            return
        step = op.operands[0].owner
        if not isinstance(step, Operation) or type(step) not in REAL_OPS:
            return
        if not comes_from_integers(op.operands[0]) or not is_read(op):
            return
        new: list[Operation] = []
        operands: list[SSAValue] = []
        for operand in step.operands:
            moved = _moved(op, operand, new)
            if moved is None:
                discard(new)
                return
            operands.append(moved)
        copy = nn.same_op(cast(nn.Binary | nn.Unary, step), operands)
        copy.location = step.location
        replace(rewriter, op, [*new, copy])


def rises(op: nn.Move) -> bool:
    """Whether a move can come before the elementwise operation that it follows."""
    step = op.operands[0].owner
    return type(step) in REAL_OPS and all(
        is_parameter(operand) or shape_of(operand.type) == shape_of(op.operands[0].type)
        for operand in cast(Operation, step).operands
    )


def _moved(op: nn.Move, operand: SSAValue, new: list[Operation]) -> SSAValue | None:
    if is_parameter(operand):
        return moved_parameter(operand, op.moved, new)
    if shape_of(operand.type) != shape_of(op.operands[0].type):
        return None
    new.append(op.on(operand))
    return new[-1].results[0]


def is_read(op: Operation) -> bool:
    """Whether a quantizer or a layer reads what becomes of a result."""
    seen: set[Operation] = set()
    pending: Sequence[Operation] = [op]
    while pending:
        users = {use.operation for one in pending for r in one.results for use in r.uses} - seen
        if any(isinstance(user, _READERS) for user in users):
            return True
        seen |= users
        pending = list(users)
    return False

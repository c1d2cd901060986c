"""Pattern of fold-scales for neurons that are tables: addresses are a product, which wires do."""

from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from qcompiler.dialects import qint
from qcompiler.dialects.attributes import shape_of
from qcompiler.passes.rewriting import replace


class LookupPattern(RewritePattern):
    """lookup(x) is a table of each column of x times powers of two.

    In a pipeline such a product takes no hardware, and folded it is a matrix like any other.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.LookupOp, rewriter: PatternRewriter) -> None:
        weights = qint.ConstantOp(op.weights)
        addresses = qint.MatMulOp(op.input, weights.result)
        axis = len(shape_of(op.result.type)) - 1
        bounds = qint.range_of(op.result.type)
        made = qint.requantizer_op(op.table, addresses.result, bounds, axis)
        replace(rewriter, op, [weights, addresses, made])

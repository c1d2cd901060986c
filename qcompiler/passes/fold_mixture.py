"""Patterns of fold-scales for quotients, and a softmax that mixes rows with no quantizer between.

Numerators and denominators are products and sums of integers; what divides them is the quantizer
behind the product, or the host.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.softmax import BOUND_BITS
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import shape_of
from qcompiler.passes.elementwise_steps import divides_activations
from qcompiler.passes.fold_softmax import Exponentials
from qcompiler.passes.rewriting import accumulated, plain_dequantize, replace

_ONE, _ZERO = np.ones(1, np.float32), np.zeros(1, np.int64)

# A quotient n / d of integers, d positive, as each rounding has it.
_QUOTIENTS = {
    "half_even": "round_div(n, d)", "floor": "n // d", "down": "trunc_div(n, d)",
    "ceil": "-(-n // d)",
}  # fmt: skip


@dataclass(frozen=True)
class MixturePattern(RewritePattern):
    """softmax(dequantize(x)) @ dequantize(v) is a quotient of two integers.

    Attributes:
        bound_bits: it is at most 2**-bound_bits of a code from the real one. What no quantizer
            reads counts the interval of v as 2**bound_bits codes.
    """

    bound_bits: int = BOUND_BITS

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MatMulOp, rewriter: PatternRewriter) -> None:
        made, values = op.lhs.owner, plain_dequantize(op.rhs)
        if not isinstance(made, nn.SoftmaxOp) or values is None or values.scale_array.size > 1:
            return
        if made.axis.value.data != len(shape_of(op.lhs.type)) - 1:
            return
        interval = Fraction(float(values.scale_array[0]))
        interval *= max(1, qint.range_of(values.input.type).size - 1)
        behind = _quantizer_behind(op.result)
        step = Fraction(1, 1 << self.bound_bits)
        if behind is not None:
            step = Fraction(float(behind.scale_array[0])) / interval
        rows = Exponentials.of(made, step, self.bound_bits)
        if rows is None:
            return
        product = accumulated(op, lambda: qint.MatMulOp(rows.each, values.input))
        total = qint.FormulaOp([rows.total], f"max(a, {1 << rows.softmax.bits})")
        numerator = qint.DequantizeOp(product.result, values.scale_array, _ZERO)
        denominator = qint.DequantizeOp(total.result, _ONE, _ZERO)
        quotient = nn.DivOp(numerator.result, denominator.result)
        for created in rows.new:
            created.location = made.location
        replace(rewriter, op, [*rows.new, product, total, numerator, denominator, quotient])


def _quantizer_behind(value: SSAValue) -> qint.QuantizeOp | None:
    """Returns the one reader of a value, past moves, if it is a quantizer with one scale."""
    readers: list[Operation] = [use.operation for use in value.uses]
    while len(readers) == 1 and isinstance(readers[0], nn.ReshapeOp | nn.TransposeOp):
        readers = [use.operation for use in readers[0].result.uses]
    if len(readers) != 1 or not isinstance(readers[0], qint.QuantizeOp):
        return None
    return readers[0] if readers[0].scale_array.size == 1 else None


class QuotientPattern(RewritePattern):
    """quantize(dequantize(n) / dequantize(d)) is a formula of integers, exact.

    A divisor is one for each element, or one for each row. What is divided by 0 is infinite, and
    becomes the highest or the lowest code; 0 / 0 the lowest, as onnxruntime has it.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.QuantizeOp, rewriter: PatternRewriter) -> None:
        divided = op.input.owner
        if not isinstance(divided, nn.DivOp) or op.rounding.data not in _QUOTIENTS:
            return
        if not divides_activations(divided):
            return
        above, below = plain_dequantize(divided.lhs), plain_dequantize(divided.rhs)
        if above is None or below is None:
            return
        sizes = above.scale_array.size, below.scale_array.size, op.scale_array.size
        shape = shape_of(op.result.type)
        rows = shape, (*shape[:-1], 1)
        shapes = [shape_of(one.input.type) for one in (above, below)]
        if max(sizes) > 1 or shape not in shapes or not all(one in rows for one in shapes):
            return
        scales = [Fraction(float(o.scale_array[0])) for o in (above, below, op)]
        ratio = scales[0] / (scales[1] * scales[2])
        text = _quotient(ratio, op, qint.range_of(below.input.type))
        replace(rewriter, op, [qint.FormulaOp([above.input, below.input], text)])


def _quotient(ratio: Fraction, op: qint.QuantizeOp, divisors: IntRange) -> str:
    """Returns the formula of the code of ratio * a / b."""
    zero, made = int(op.zero_point_array[0]), op.range
    inside = f" + {zero} * d" if zero and not op.adds_after_rounding else ""
    outside = f" + {zero}" if zero and op.adds_after_rounding else ""
    above, below = "a", "b"
    if divisors.lo < 0:
        above, below = "(-a if b < 0 else a)", "abs(b)"
    if divisors.lo < 1:
        below = f"max({below}, 1)"
    text = (
        f"d = {below} * {ratio.denominator}; n = {above} * {ratio.numerator}{inside}; "
        f"q = {_QUOTIENTS[op.rounding.data]}{outside}; y = max(min(q, {made.hi}), {made.lo}); "
    )
    if divisors.lo > 0 or divisors.hi < 0:
        return text + "y"
    return text + f"y if b else {made.hi} if a > 0 else {made.lo}"

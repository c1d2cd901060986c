"""Pattern of fold-scales for softmax between quantizers: exponentials in a table, a quotient."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from xdsl.dialects import func
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from qcompiler.arith.softmax import BOUND_BITS, Softmax
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import shape_of
from qcompiler.errors import ModelError, Problem
from qcompiler.passes.rewriting import plain_dequantize, replace, scalar_constant
from qcompiler.provenance.sources import place_of

MOST_CODES = 2**16
"""Of a row, from the smallest to the largest that there may be: entries of the table."""

# A quotient n / d of integers, d positive, as each rounding has it; n is not negative.
_QUOTIENTS = {
    "half_even": "round_div(n, d)",
    "floor": "n // d",
    "down": "n // d",
    "ceil": "-(-n // d)",
    "up": "-(-n // d)",
    "half_up": "(2 * n + d) // (2 * d)",
    "half_down": "-((d - 2 * n) // (2 * d))",
}


@dataclass(frozen=True)
class SoftmaxPattern(RewritePattern):
    """quantize(softmax(dequantize(x))) on integers, within a proven distance of the real one.

    Attributes:
        bound_bits: at most 2**-bound_bits of a code.
    """

    bound_bits: int = BOUND_BITS

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.QuantizeOp, rewriter: PatternRewriter) -> None:
        made = op.input.owner
        if not isinstance(made, nn.SoftmaxOp) or op.scale_array.size > 1 or only_outputs_read(op):
            return
        source = grid_of(made.input)
        if source is None or op.rounding.data not in _QUOTIENTS:
            return
        codes, scale = source
        span = qint.range_of(codes.type).size - 1
        if span >= MOST_CODES:
            return
        row = shape_of(codes.type)[made.axis.value.data]
        try:
            softmax = Softmax.within(
                scale, Fraction(float(op.scale_array[0])), span, row, self.bound_bits
            )
        except ValueError as error:
            remedy = "quantize its result with a larger scale"
            raise ModelError([Problem(place_of(made), str(error), remedy)]) from None
        new: list[Operation] = []
        axis, rank = made.axis.value.data, len(shape_of(codes.type))
        order = [*(i for i in range(rank) if i != axis), axis]
        if axis != rank - 1:
            new.append(qint.TransposeOp(codes, order))
            codes = new[-1].results[0]
        new += _rows(codes, softmax, op)
        if axis != rank - 1:
            back = [order.index(i) for i in range(rank)]
            new.append(qint.TransposeOp(new[-1].results[0], back))
        for created in new:
            created.location = made.location
        replace(rewriter, op, new)


def grid_of(value: SSAValue) -> tuple[SSAValue, Fraction] | None:
    """Returns codes and scale of real numbers that are codes times a scale; None if they are not.

    Positive factors and divisors behind a dequantize, such as the square root of a head's size,
    are part of the scale.
    """
    factor = Fraction(1)
    while isinstance(value.owner, nn.MulOp | nn.DivOp):
        op = value.owner
        number, inner = scalar_constant(op.rhs), op.lhs
        if number is None and isinstance(op, nn.MulOp):
            number, inner = scalar_constant(op.lhs), op.rhs
        if number is None or not np.isfinite(number) or number <= 0:
            return None
        if shape_of(inner.type) != shape_of(op.result.type):
            return None
        factor *= Fraction(number) if isinstance(op, nn.MulOp) else 1 / Fraction(number)
        value = inner
    source = plain_dequantize(value)
    if source is None or source.scale_array.size > 1:
        return None
    return source.input, factor * Fraction(float(source.scale_array[0]))


def only_outputs_read(op: qint.QuantizeOp) -> bool:
    """Whether nothing but the host's outputs are made of codes."""
    readers = [use.operation for use in op.result.uses]
    while readers:
        reader = readers.pop()
        if isinstance(reader, func.ReturnOp):
            continue
        if not isinstance(reader, qint.DequantizeOp | nn.ReshapeOp | nn.TransposeOp):
            return False
        readers += [use.operation for use in reader.result.uses]
    return True


def _rows(codes: SSAValue, softmax: Softmax, op: qint.QuantizeOp) -> list[Operation]:
    """Returns the largest of each row, exponentials, their sum, and codes of the quotients."""
    largest = qint.RowReduceOp(codes, "max")
    table = {"t": softmax.table}
    exps = qint.FormulaOp([codes, largest.result], "t[max(b - a, 0)]", table)
    total = qint.RowReduceOp(exps.result, "sum")
    zero, made = int(op.zero_point_array[0]), op.range
    one, step = 1 << softmax.bits, softmax.step
    inside = f" + {zero} * d" if zero and not op.adds_after_rounding else ""
    outside = f" + {zero}" if zero and op.adds_after_rounding else ""
    quotient = _QUOTIENTS[op.rounding.data]
    text = (
        f"d = max(b, {one}) * {step.numerator}; n = a * {step.denominator}{inside}; "
        f"q = {quotient}{outside}; max(min(q, {made.hi}), {made.lo})"
    )
    codes_of = qint.FormulaOp([exps.result, total.result], text)
    return [largest, exps, total, codes_of]

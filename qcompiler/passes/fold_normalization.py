"""Pattern of fold-scales for layer normalization between quantizers: an exact formula of a row."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from qcompiler.arith.normalization import normalization
from qcompiler.dialects import nn, qint
from qcompiler.errors import ModelError, Problem
from qcompiler.passes.fold_softmax import grid_of, only_outputs_read
from qcompiler.passes.rewriting import constant_array, plain_dequantize, replace
from qcompiler.provenance.sources import place_of

_MOST_BITS = 62
"""Of a table's entries."""


class LayerNormPattern(RewritePattern):
    """quantize(layer_norm(dequantize(x))) on integers, exact."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.QuantizeOp, rewriter: PatternRewriter) -> None:
        made = op.input.owner
        if not isinstance(made, nn.LayerNormOp) or op.scale_array.size > 1:
            return
        source, gains, offsets = grid_of(made.input), _reals(made.scale), _reals(made.bias)
        if source is None or gains is None or offsets is None or only_outputs_read(op):
            return
        zero = int(op.zero_point_array[0])
        if op.rounding.data != "half_even" or (zero % 2 and not op.adds_after_rounding):
            return
        (codes, scale), step = source, Fraction(float(op.scale_array[0]))
        leaving = (step, zero, op.range.lo, op.range.hi)
        epsilon = Fraction(float(made.epsilon.value.data))
        form = normalization(scale, epsilon, (gains, offsets), leaving, centered=made.takes_mean)
        if max(abs(n) for n in (*form.gains, *form.offsets)).bit_length() > _MOST_BITS:
            what = "its scale and bias have no common unit of 62 bits"
            remedy = "quantize them, with scales of few digits"
            raise ModelError([Problem(place_of(made), what, remedy)])
        new = _rows(codes, form.text, (form.gains, form.offsets), centered=made.takes_mean)
        for created in new:
            created.location = made.location
        replace(rewriter, op, new)


def _rows(
    codes: SSAValue, text: str, tables: tuple[Sequence[int], Sequence[int]], *, centered: bool
) -> list[Operation]:
    square = qint.FormulaOp([codes], "a * a")
    squares = qint.RowReduceOp(square.result, "sum")
    new: list[Operation] = [square, squares]
    operands = [codes, squares.result]
    if centered:
        new.append(qint.RowReduceOp(codes, "sum"))
        operands.append(new[-1].results[0])
    gains, offsets = (np.array(table, np.int64) for table in tables)
    return [*new, qint.FormulaOp(operands, text, {"t": gains, "u": offsets})]


def _reals(value: SSAValue) -> list[Fraction] | None:
    """Returns the numbers of a constant, quantized or not; None if it is none."""
    array = constant_array(value)
    if array is not None:
        return [Fraction(float(number)) for number in array.reshape(-1)]
    source = plain_dequantize(value)
    if source is None or not isinstance(source.input.owner, qint.ConstantOp):
        return None
    codes = source.input.owner.array.reshape(-1)
    scales = np.broadcast_to(source.scale_array, codes.shape)
    return [Fraction(int(c)) * Fraction(float(s)) for c, s in zip(codes, scales, strict=True)]

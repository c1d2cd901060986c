"""Pattern of fold-scales for softmax between quantizers: exponentials in a table, a quotient."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from msgspec import Struct
from xdsl.dialects import func
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from qcompiler.arith.softmax import BOUND_BITS, GUARD_BITS, Softmax
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.errors import ModelError, Problem
from qcompiler.passes.masked_scores import EmptyRowError, scores_of
from qcompiler.passes.rewriting import replace
from qcompiler.provenance.bounds import note_bound
from qcompiler.provenance.sources import place_of

MOST_ENTRIES = 2**24
"""Of a table of exponentials, if it were one."""

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
        if op.rounding.data not in _QUOTIENTS:
            return
        rows = Exponentials.of(made, Fraction(float(op.scale_array[0])), self.bound_bits)
        if rows is None:
            return
        note_bound(made, rows.softmax.bound)
        rank = len(shape_of(op.result.type))
        axis = made.axis.value.data
        rows.new.append(_codes(rows, op))
        if axis != rank - 1:
            order = [*(i for i in range(rank) if i != axis), axis]
            back = [order.index(i) for i in range(rank)]
            rows.new.append(qint.TransposeOp(rows.new[-1].results[0], back))
        for created in rows.new:
            created.location = made.location
        replace(rewriter, op, rows.new)


class Exponentials(Struct):
    """The exponentials of rows and their sums, as operations that are not in a block yet.

    Attributes:
        softmax: widths and table.
        new: the operations, in order.
        each: the exponentials; the rows lie along the last axis.
        total: their sums.
    """

    softmax: Softmax
    new: list[Operation]
    each: SSAValue
    total: SSAValue

    @staticmethod
    def of(made: nn.SoftmaxOp, step: Fraction, bound_bits: int) -> Exponentials | None:
        """Returns those of a softmax of codes, masked or not; None for what is no such softmax.

        Args:
            made: the softmax.
            step: of the codes that leave.
            bound_bits: how near it must be, see `Softmax.within`.

        Raises:
            ModelError: it takes too many bits, or a row has no element that counts.
        """
        scores, axis = scores_of(made.input), made.axis.value.data
        if scores is None:
            return None
        span = qint.range_of(scores.codes.type).size - 1
        try:
            softmax = Softmax.within(scores.scale, step, span, scores.shape[axis], bound_bits)
            if softmax.entries > MOST_ENTRIES:
                return None
            kept = scores.kept(axis, softmax.negligible)
            rule = None if scores.condition is None else scores.condition.rule(scores.shape[axis])
        except EmptyRowError:
            what = "a mask leaves out every element of a row, whose softmax is then 0 / 0"
            remedy = "let each row keep one element at least, such as a token itself"
            raise ModelError([Problem(place_of(made), what, remedy)]) from None
        except ValueError as error:
            remedy = "quantize its result with a larger scale"
            raise ModelError([Problem(place_of(made), str(error), remedy)]) from None
        if kept is None:
            return None
        codes, new = scores.codes, list[Operation]()
        if scores.condition is not None:
            if rule is None or axis != len(scores.shape) - 1:
                return None
            new = _left_out(codes, rule, softmax.vanishing)
            codes = new[-1].results[0]
        rows = Exponentials._built(codes, kept, axis, softmax)
        rows.new[:0] = new
        return rows

    @staticmethod
    def _built(codes: SSAValue, kept: Array, axis: int, softmax: Softmax) -> Exponentials:
        """Returns the largest of each row, exponentials, and their sum."""
        new: list[Operation] = []
        rank = kept.ndim
        order = [*(i for i in range(rank) if i != axis), axis]
        if axis != rank - 1:
            new.append(qint.TransposeOp(codes, order))
            codes = new[-1].results[0]
        if not kept.all():
            new.append(_masked(codes, np.transpose(kept, order), softmax.vanishing))
            codes = new[-1].results[0]
        largest = qint.RowReduceOp(codes, "max")
        text, tables = _looked_up(softmax, qint.range_of(codes.type).size)
        each = qint.FormulaOp([codes, largest.result], text, tables)
        total = qint.RowReduceOp(each.result, "sum")
        new += [largest, each, total]
        return Exponentials(softmax, new, each.result, total.result)


def _looked_up(softmax: Softmax, distances: int) -> tuple[str, dict[str, Array]]:
    """Returns the formula of an exponential, and its tables, for distances below a number."""
    size = 1 << softmax.low_bits
    table = softmax.tables[0] if size > 1 else softmax.table
    table = np.append(np.trim_zeros(table, "b"), 0)
    # Beyond the last entry that is not 0 all are.
    last = len(table) * size - 1
    index = f"min(max(b - a, 0), {last})" if distances > last else "max(b - a, 0)"
    if size == 1:
        return f"t[{index}]", {"t": table[:distances]}
    places = softmax.bits + 2 * GUARD_BITS
    text = (
        f"d = {index}; (t[d >> {softmax.low_bits}] * u[d % {size}] + {1 << places - 1}) >> {places}"
    )
    return text, {"t": table, "u": softmax.tables[1]}


def _masked(codes: SSAValue, kept: Array, below: int) -> qint.FormulaOp:
    """Returns codes, but one that is so far below the lowest where `kept` is false."""
    bounds = qint.range_of(codes.type)
    varying = [axis for axis, extent in enumerate(kept.shape) if extent > 1 and _varies(kept, axis)]
    flags = kept[(0,) * varying[0]].reshape(-1)
    if varying[0] == kept.ndim - 1:
        index = "position"
    elif flags.size == kept.size:
        index = "element"
    elif flags.size & (flags.size - 1) == 0:
        index = f"element % {flags.size}"
    else:
        index, flags = "element", kept.reshape(-1)
    text = f"a if t[{index}] else {bounds.lo - below}"
    return qint.FormulaOp([codes], text, {"t": flags.astype(np.int64)})


def _left_out(codes: SSAValue, rule: tuple[SSAValue, str, Array], below: int) -> list[Operation]:
    """Returns operations that make one so far below the lowest of codes that are left out."""
    number, text, table = rule
    shape, bounds = shape_of(codes.type), qint.range_of(codes.type)
    one = qint.ReshapeOp(number, [1] * len(shape))
    everywhere = qint.ResizeNearestOp(one.result, [*shape[:-1], 1])
    chosen = f"a if {text} else {bounds.lo - below}"
    tables = {"t": table.astype(np.int64)} if "t[" in text else {}
    return [one, everywhere, qint.FormulaOp([codes, everywhere.result], chosen, tables)]


def _varies(array: Array, axis: int) -> bool:
    return bool((array != array.take([0], axis=axis)).any())


def grid_of(value: SSAValue) -> tuple[SSAValue, Fraction] | None:
    """Returns codes and scale of real numbers that are codes times a scale; None if they are not.

    Positive factors and divisors behind a dequantize, such as the square root of a head's size,
    are part of the scale.
    """
    scores = scores_of(value)
    if scores is None or scores.changed is not None or scores.condition is not None:
        return None
    return scores.codes, scores.scale


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


def _codes(rows: Exponentials, op: qint.QuantizeOp) -> qint.FormulaOp:
    """Returns the codes of quotients of exponentials and their sums."""
    softmax = rows.softmax
    zero, made = int(op.zero_point_array[0]), op.range
    one, step = 1 << softmax.bits, softmax.step
    inside = f" + {zero} * d" if zero and not op.adds_after_rounding else ""
    outside = f" + {zero}" if zero and op.adds_after_rounding else ""
    quotient = _QUOTIENTS[op.rounding.data]
    text = (
        f"d = max(b, {one}) * {step.numerator}; n = a * {step.denominator}{inside}; "
        f"q = {quotient}{outside}; max(min(q, {made.hi}), {made.lo})"
    )
    return qint.FormulaOp([rows.each, rows.total], text)

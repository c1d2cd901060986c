"""A guess at what a pipeline takes before its adder graphs are built."""

import numpy as np
from xdsl.ir import Operation

from qcompiler.adder_graphs.plan import weights as signed_digits
from qcompiler.analysis.area.estimate import Area, total
from qcompiler.arith.arrays import IntArray
from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import qint, stream
from qcompiler.dialects.attributes import shape_of

_ADDER, _ADDER_BIT = 1.1, 0.55
"""Tables for each addition of plain signed digits, and for each bit of the inputs besides.

They are fitted on what the solver finds for random matrices (`benchmarks/guessed_products.py`):
larger matrices share more sums, but their sums are wider, and both cancel out.
"""
CODE_BIT = 2.0
"""Tables for each bit of a requantizer's input."""
_KEPT = 0.25
"""Register bits for each bit of an adder."""


def products(weights: IntArray, x: IntRange) -> Area:
    """Returns what the products of a vector with a constant matrix take, and their sums."""
    digits = signed_digits(weights).sum(axis=0)
    bits = int(np.maximum(digits - 1, 0).sum()) * (_ADDER + _ADDER_BIT * x.width_bits)
    return Area(round(bits), round(bits * _KEPT))


def pipeline_area(op: stream.PipelineOp) -> Area:
    """Returns a guess at what a pipeline takes."""
    one = total(_part(inner) for inner in op.scalar_body.operations)
    return total([one] * op.copies)


def _part(op: Operation) -> Area:
    if isinstance(op, qint.MatMulOp):
        assert isinstance(op.rhs.owner, qint.ConstantOp), "the matrix is constant"
        return products(op.rhs.owner.array.astype(np.int64), qint.range_of(op.lhs.type))
    if isinstance(op, qint.MulOp | stream.MaximumOp):
        one, other = (qint.range_of(value.type).width_bits for value in op.operands)
        bits = one * other if isinstance(op, qint.MulOp) else 2 * max(one, other)
        return Area(shape_of(op.result.type)[-1] * bits, 0)
    if isinstance(op, qint.RequantizerOp):
        bits = shape_of(op.input.type)[-1] * qint.range_of(op.input.type).width_bits
        return Area(round(bits * CODE_BIT), 0)
    return Area()

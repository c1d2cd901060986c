"""qint: integers only; every type is a proven range.

Operations work on tensors and on scalars alike, as `arith` does; the scalar forms are what a region
of `qint.requantize` or a `stream` process computes for one element.
"""

from xdsl.ir import Dialect

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import element_of
from qcompiler.dialects.qint.boundary import DequantizeOp, QuantizeOp
from qcompiler.dialects.qint.convolution import ConvOp, PoolOp, Windowed, conv_range, pool_range
from qcompiler.dialects.qint.interface import Hardware, IntegerOp
from qcompiler.dialects.qint.joins import AddOp, ConcatOp, JoinOp, MulOp, Pairwise
from qcompiler.dialects.qint.linear import (
    AffineOp,
    ConstantOp,
    MatMulOp,
    ReshapeOp,
    TransposeOp,
    affine_range,
    matmul_range,
)
from qcompiler.dialects.qint.lookup import LookupOp
from qcompiler.dialects.qint.numerics import inherit_numerics, numerics_of, set_numerics
from qcompiler.dialects.qint.rearrange import (
    DepthToSpaceOp,
    PadOp,
    Rearrangement,
    ResizeNearestOp,
    SliceOp,
)
from qcompiler.dialects.qint.requantizers import (
    FloatScaleOp,
    MulShiftOp,
    RequantizeOp,
    RequantizerOp,
    ScalarBody,
    ShiftOp,
    TableOp,
    ThresholdOp,
    YieldOp,
    requantizer_op,
)
from qcompiler.dialects.qint.rows import REDUCTIONS, FormulaOp, RowReduceOp, reduced
from qcompiler.dialects.qint.sampling import SampleOp, sampling_properties
from qcompiler.dialects.qint.select import ArgMaxOp
from qcompiler.dialects.qint.softmax import SoftmaxOp
from qcompiler.dialects.qint.state import initial_range, set_state, state_of
from qcompiler.dialects.qint.types import (
    IntType,
    int_like,
    int_parameter,
    int_type_of,
    parameter_array,
    range_of,
    real_parameter,
)

QINT = Dialect(
    "qint",
    [
        QuantizeOp, DequantizeOp,
        ConstantOp, MatMulOp, AffineOp, ReshapeOp, TransposeOp, ConvOp, PoolOp, SampleOp,
        RowReduceOp, FormulaOp,
        AddOp, MulOp, ConcatOp, JoinOp, ArgMaxOp, SoftmaxOp, LookupOp,
        SliceOp, PadOp, ResizeNearestOp, DepthToSpaceOp,
        RequantizeOp, ShiftOp, MulShiftOp, FloatScaleOp, ThresholdOp, TableOp, YieldOp,
    ],
    [IntType],
)  # fmt: skip

__all__ = [
    "QINT", "REDUCTIONS", "AddOp", "AffineOp", "ArgMaxOp", "ConcatOp", "ConstantOp", "ConvOp",
    "DepthToSpaceOp", "DequantizeOp", "FloatScaleOp", "FormulaOp", "Hardware", "IntRange",
    "IntType", "IntegerOp", "JoinOp", "LookupOp", "MatMulOp", "MulOp", "MulShiftOp", "PadOp",
    "Pairwise", "PoolOp", "QuantizeOp", "Rearrangement", "RequantizeOp", "RequantizerOp",
    "ReshapeOp", "ResizeNearestOp", "RowReduceOp", "SampleOp", "ScalarBody", "ShiftOp", "SliceOp",
    "SoftmaxOp", "TableOp", "ThresholdOp", "TransposeOp", "Windowed", "YieldOp", "affine_range",
    "conv_range", "element_of", "inherit_numerics", "initial_range", "int_like", "int_parameter",
    "int_type_of", "matmul_range", "numerics_of", "parameter_array", "pool_range", "range_of",
    "real_parameter", "reduced", "requantizer_op", "sampling_properties", "set_numerics",
    "set_state", "state_of",
]  # fmt: skip

"""nn: the network as its author meant it, in real numbers, with explicit quantizers between.

Operations have the names and semantics of ONNX, on static shapes, channels first as imported.
Elementwise operations work on tensors and on scalars alike: the scalar form is the body of
`qint.requantize`. A type of `f32` stands for the real number that the model's author means; how it
is rounded is decided by the module's numerics (`exact` or `onnxruntime`), not by the type. `f64`
holds parameters that passes derived from the model's own and that need the longer significand.
"""

from xdsl.ir import Dialect

from qcompiler.dialects.nn.activations import (
    ClipOp,
    ErfOp,
    GeluOp,
    HardSigmoidOp,
    HardSwishOp,
    LeakyReluOp,
    PReluOp,
    SigmoidOp,
    TanhOp,
)
from qcompiler.dialects.nn.constants import ConstantOp, ParameterOp
from qcompiler.dialects.nn.elementwise import (
    AddOp,
    Binary,
    DivOp,
    MaxOp,
    MinOp,
    MulAddOp,
    MulOp,
    NegOp,
    PowOp,
    ReluOp,
    SqrtOp,
    SubOp,
    Unary,
    same_op,
)
from qcompiler.dialects.nn.layout import ConcatOp, PadOp, TensorScatterOp, WhereOp, concat_shape
from qcompiler.dialects.nn.linear import BatchNormOp, LayerNormOp, MatMulOp, matmul_shape
from qcompiler.dialects.nn.moves import (
    DepthToSpaceOp,
    Move,
    ReshapeOp,
    ResizeNearestOp,
    SliceOp,
    TransposeOp,
    narrowed,
    padded_to,
    slice_shape,
    transposed_shape,
    verify_reshape,
)
from qcompiler.dialects.nn.reductions import (
    ArgMaxOp,
    LogSoftmaxOp,
    ReduceMeanOp,
    Softmax,
    SoftmaxOp,
)
from qcompiler.dialects.nn.rounding import (
    CeilOp,
    FloorOp,
    GreaterEqualOp,
    Rounding,
    RoundOp,
    RoundToOp,
    TruncOp,
)
from qcompiler.dialects.nn.sampling import SampleGeometry, SampleOp
from qcompiler.dialects.nn.types import f32, real_like
from qcompiler.dialects.nn.windows import (
    AveragePoolOp,
    ConvOp,
    ConvTransposeOp,
    MaxPoolOp,
    Pool,
    Windowed,
    verify_groups,
)

NN = Dialect(
    "nn",
    [
        ConstantOp, ParameterOp,
        AddOp, SubOp, MulOp, MulAddOp, DivOp, PowOp, MinOp, MaxOp, NegOp, SqrtOp,
        FloorOp, CeilOp, TruncOp, RoundOp, RoundToOp, GreaterEqualOp, ErfOp,
        ReluOp, ClipOp, LeakyReluOp, PReluOp, SigmoidOp, TanhOp, HardSigmoidOp, HardSwishOp, GeluOp,
        SoftmaxOp, LogSoftmaxOp, ReduceMeanOp, ArgMaxOp,
        MatMulOp, BatchNormOp, LayerNormOp, ConvOp, ConvTransposeOp, MaxPoolOp, AveragePoolOp,
        SampleOp,
        ReshapeOp, TransposeOp, ConcatOp, SliceOp, PadOp, ResizeNearestOp, DepthToSpaceOp,
        TensorScatterOp, WhereOp,
    ],
)  # fmt: skip

__all__ = [
    "NN",
    "AddOp",
    "ArgMaxOp",
    "AveragePoolOp",
    "BatchNormOp",
    "Binary",
    "CeilOp",
    "ClipOp",
    "ConcatOp",
    "ConstantOp",
    "ConvOp",
    "ConvTransposeOp",
    "DepthToSpaceOp",
    "DivOp",
    "ErfOp",
    "FloorOp",
    "GeluOp",
    "GreaterEqualOp",
    "HardSigmoidOp",
    "HardSwishOp",
    "LayerNormOp",
    "LeakyReluOp",
    "LogSoftmaxOp",
    "MatMulOp",
    "MaxOp",
    "MaxPoolOp",
    "MinOp",
    "Move",
    "MulAddOp",
    "MulOp",
    "NegOp",
    "PReluOp",
    "PadOp",
    "ParameterOp",
    "Pool",
    "PowOp",
    "ReduceMeanOp",
    "ReluOp",
    "ReshapeOp",
    "ResizeNearestOp",
    "RoundOp",
    "RoundToOp",
    "Rounding",
    "SampleGeometry",
    "SampleOp",
    "SigmoidOp",
    "SliceOp",
    "Softmax",
    "SoftmaxOp",
    "SqrtOp",
    "SubOp",
    "TanhOp",
    "TensorScatterOp",
    "TransposeOp",
    "TruncOp",
    "Unary",
    "WhereOp",
    "Windowed",
    "concat_shape",
    "f32",
    "matmul_shape",
    "narrowed",
    "padded_to",
    "real_like",
    "same_op",
    "slice_shape",
    "transposed_shape",
    "verify_groups",
    "verify_reshape",
]

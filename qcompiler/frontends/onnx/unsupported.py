"""What to tell a user whose model holds an operation without an importer."""

from onnx import NodeProto

from qcompiler.frontends.onnx import naming
from qcompiler.frontends.onnx.functions import has_subgraph

_Advice = tuple[frozenset[str], str, str]


def _group(names: str, what: str, remedy: str) -> _Advice:
    return frozenset(names.split()), what, remedy


_ADVICE: tuple[_Advice, ...] = (
    _group(
        "Conv ConvTranspose DeformConv DepthwiseConv Im2Col",
        "convolutions are not supported yet",
        "use fully connected layers (MatMul, Gemm)",
    ),
    _group(
        "MaxPool AveragePool GlobalAveragePool GlobalMaxPool LpPool GlobalLpPool "
        "QuantAvgPool2d MaxPoolNHWC",
        "pooling is not supported yet",
        "use fully connected layers (MatMul, Gemm)",
    ),
    _group(
        "QuantizeLinear DequantizeLinear DynamicQuantizeLinear",
        "QDQ models are not supported yet",
        "export in QONNX (brevitas.export.export_qonnx, qkeras with qonnx.converters)",
    ),
    _group(
        "ConvInteger MatMulInteger QLinearConv QLinearMatMul QLinearAdd QLinearMul QGemm "
        "QLinearLeakyRelu QLinearSigmoid QLinearConcat QLinearSoftmax QLinearAveragePool "
        "QLinearGlobalAveragePool",
        "operations on integer tensors are not supported yet",
        "export in QONNX (brevitas.export.export_qonnx, qkeras with qonnx.converters)",
    ),
    _group("FloatQuant", "floating point quantizers are not supported", "use integer quantizers"),
    _group(
        "MultiThreshold XnorPopcountMatMul",
        "is an operation of FINN's own transformations",
        "give the QONNX model from before FINN's ConvertQONNXtoFINN and streamlining",
    ),
    _group(
        "Sigmoid Tanh LeakyRelu PRelu Elu Selu Celu Gelu HardSigmoid HardSwish Mish Softplus "
        "Softsign ThresholdedRelu Erf Exp Log Sqrt Abs Floor Ceil Round Sign Reciprocal LogSoftmax",
        "this function is not supported yet",
        "use Relu, or end the model before it and compute it on the host",
    ),
    _group(
        "Clip Min Max",
        "clipping is not supported yet",
        "use Relu and the saturation of a quantizer",
    ),
    _group(
        "ArgMax ArgMin TopK",
        "selection of the largest is not supported yet",
        "end the model before it and select on the host",
    ),
    _group(
        "LayerNormalization InstanceNormalization GroupNormalization LRN LpNormalization "
        "MeanVarianceNormalization RMSNormalization",
        "normalization by statistics of the input is not supported",
        "use batch normalization",
    ),
    _group(
        "ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceSumSquare",
        "reductions are not supported yet",
        "use a matrix product with a constant",
    ),
    _group(
        "Concat Split Slice Gather Pad Tile Expand Resize Upsample DepthToSpace SpaceToDepth",
        "is supported on constants only so far",
        "move it out of the network, or end the model before it",
    ),
    _group(
        "LSTM GRU RNN",
        "recurrent layers are not supported",
        "unroll the time steps before the export, or use a feed-forward network",
    ),
    _group("Attention MultiHeadAttention", "attention is not supported yet", "use dense layers"),
)

_OTHER_QUANTIZED = frozenset(
    {"ConvInteger", "MatMulInteger", "MultiThreshold", "QGemm", "RequantShift", "Trunc"}
)
_CONTROL_FLOW = (
    "control flow is not supported",
    "export with fixed input shapes and constant folding, or run onnxsim",
)


def reason_and_remedy(node: NodeProto) -> tuple[str, str]:
    """Returns why the node cannot be imported, and what the user can do about it."""
    if has_subgraph(node):
        return _CONTROL_FLOW
    for names, what, remedy in _ADVICE:
        if node.op_type in names:
            return what, remedy
    return (
        f"operation {naming.op_name(node)} is not supported",
        "end the model before it, or register an importer for it in a plugin",
    )


def is_quantizer(node: NodeProto) -> bool:
    """Returns whether the node makes or takes quantized integers, supported or not."""
    name = node.op_type
    return "quant" in name.lower() or name.startswith("QLinear") or name in _OTHER_QUANTIZED

"""What to tell a user whose model holds an operation without an importer."""

from onnx import NodeProto

from qcompiler.frontends.onnx import naming
from qcompiler.frontends.onnx.functions import has_subgraph

_Advice = tuple[frozenset[str], str, str]


def _group(names: str, what: str, remedy: str) -> _Advice:
    return frozenset(names.split()), what, remedy


_ADVICE: tuple[_Advice, ...] = (
    _group(
        "DepthwiseConv Im2Col",
        "this kind of convolution is not supported",
        "use Conv, with groups for a depthwise one",
    ),
    _group(
        "LpPool GlobalLpPool QuantAvgPool2d MaxPoolNHWC MaxUnpool MaxRoiPool",
        "this kind of pooling is not supported",
        "use MaxPool, AveragePool or GlobalAveragePool",
    ),
    _group(
        "DynamicQuantizeLinear",
        "a scale that depends on the input is not supported: the model was quantized dynamically",
        "quantize statically: the float model with quantize_static of onnxruntime.quantization in "
        "place of quantize_dynamic",
    ),
    _group(
        "QLinearReduceMean QLinearWhere QAttention QEmbedLayerNormalization",
        "this operation on integer tensors is not supported",
        "leave it out of the quantization, or end the model before it",
    ),
    _group("FloatQuant", "floating point quantizers are not supported", "use integer quantizers"),
    _group(
        "XnorPopcountMatMul",
        "is an operation of FINN's own transformations",
        "give the QONNX model from before FINN's ConvertQONNXtoFINN and streamlining",
    ),
    _group(
        "Elu Selu Celu Mish Softplus Softsign ThresholdedRelu Exp Log Abs",
        "this function is not supported yet",
        "use Relu, Sigmoid, Tanh or Gelu, or end the model before it and compute it on the host",
    ),
    _group("ArgMin", "selection of the smallest is not supported", "negate, and use ArgMax"),
    _group(
        "InstanceNormalization GroupNormalization LRN LpNormalization MeanVarianceNormalization",
        "normalization by statistics of the input is not supported",
        "use batch normalization",
    ),
    _group(
        "ReduceSum ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceSumSquare",
        "this reduction is not supported yet",
        "use ReduceMean, or a matrix product with a constant",
    ),
    _group(
        "SpaceToDepth",
        "is supported on constants only so far",
        "move it out of the network, or end the model before it",
    ),
    _group(
        "RNN",
        "this recurrent layer is not supported",
        "use LSTM or GRU, or write the cell step by step, with its states as inputs and outputs",
    ),
    _group(
        "Attention MultiHeadAttention GroupQueryAttention",
        "this fused form of attention is not supported",
        "write it out as MatMul, Softmax and MatMul, or as ONNX's own Attention of opset 23",
    ),
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


def is_dynamic(node: NodeProto) -> bool:
    """Returns whether the node computes its scale, as `quantize_dynamic` wants at every layer."""
    return node.op_type == "DynamicQuantizeLinear"

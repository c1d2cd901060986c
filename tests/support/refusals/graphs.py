"""The model as a whole: its inputs, outputs and file."""

from onnx import TensorProto

from refusals.cases import refused
from refusals.net import Net

_CHAPTER = "The model as a whole"


@refused(_CHAPTER, "a model in floating point", "model", "quantizers, as quantize_static writes")
def floating_point(net: Net, mended: bool):
    if mended:
        net.dense(net.quantized(net.op("Relu", net.dense(net.quantized()))))
    else:
        y = net.op("Relu", net.op("MatMul", "x", net.normal(4, 4)))
        net.op("MatMul", y, net.normal(4, 4))


@refused(_CHAPTER, "an open height and width", "x (input)", "an input of [1, 2, 5, 5]")
def open_shape(net: Net, mended: bool):
    for axis, dim in enumerate(["N", 2, *([5, 5] if mended else ["height", "width"])]):
        dims = net.inputs[0].type.tensor_type.shape.dim
        if axis == 0:
            del dims[:]
        dims.add(**{"dim_value" if isinstance(dim, int) else "dim_param": dim})
    net.conv(net.quantized())


@refused(_CHAPTER, "an input of int64", "x (input)", "an input of float")
def input_of_int64(net: Net, mended: bool):
    if not mended:
        net.inputs[0].type.tensor_type.elem_type = TensorProto.INT64
    net.dense(net.quantized("x" if mended else net.op("Cast", "x", to=1)))


@refused(_CHAPTER, "QONNX and QDQ in one model", "model", "`--numerics exact`",
         mended_options={"numerics": "exact"})  # fmt: skip
def mixed_formats(net: Net, mended: bool):
    net.op("MatMul", net.quantized(), net.quant(net.normal(4, 4)))


@refused(_CHAPTER, "an old opset", "model", "opset 13")
def old_opset(net: Net, mended: bool):
    net.opset = 13 if mended else 8
    net.op("MatMul", net.quant("x"), net.quant(net.normal(4, 4)))

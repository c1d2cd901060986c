"""Quantizers that are missing, and what stands between quantized layers."""

import numpy as np

from refusals.cases import refused
from refusals.net import Net

_CHAPTER = "Quantizers that are missing"
_BETWEEN = "Between quantized layers"
_CUT = "the node made the last one, its input the output of the model"


@refused(_CHAPTER, "an input without a quantizer", "x (input)", "`--input x=int16:0.01`",
         mended_options={"inputs": ["x=int16:0.01"]})  # fmt: skip
def input_without_quantizer(net: Net, mended: bool):
    y = net.quantized(net.dense("x"))
    net.dense(y)


@refused(_CHAPTER, "weights without a quantizer", "matmul_0", "int8 weights, DequantizeLinear")
def weights_without_quantizer(net: Net, mended: bool):
    weights = net.weights(4, 4) if mended else net.normal(4, 4)
    net.quantized(net.op("MatMul", net.quantized(), weights))


@refused(_CHAPTER, "quantizers on weights alone", "model", "quantizers on the activations")
def weights_alone(net: Net, mended: bool):
    x = "x"
    for _ in range(3):
        x = net.op("Relu", net.dense(net.quantized(x) if mended else x))


@refused(_CHAPTER, "layers in floating point behind `--input`", "model", "weights with quantizers",
         options={"inputs": ["x=uint8:0.1"]})  # fmt: skip
def layers_without_quantizers(net: Net, mended: bool):
    x = "x"
    for _ in range(2):
        x = net.op("MatMul", x, net.weights(4, 4) if mended else net.normal(4, 4))


@refused(_CHAPTER, "ReLU6 straight into a layer", "clip_0", "a quantizer after the Clip")
def clip_without_quantizer(net: Net, mended: bool):
    y = net.op("Clip", net.dense(net.quantized()), net.const(0), net.const(6))
    net.dense(net.quantized(y) if mended else y)


@refused(_CHAPTER, "batch normalization, Relu, and a layer", "relu_0", "a quantizer after the Relu",
         shape=(1, 2, 5, 5))  # fmt: skip
def batch_norm_without_quantizer(net: Net, mended: bool):
    parameters = [net.const(net.random.uniform(0.5, 2, 2)) for _ in range(4)]
    y = net.op("BatchNormalization", net.conv(net.quantized()), *parameters)
    y = net.op("Relu", y)
    net.conv(net.quantized(y) if mended else y)


@refused(_CHAPTER, "a LeakyRelu, averaged, straight into a layer", "globalaveragepool_0",
         "quantizers before and after the pool", shape=(1, 2, 6, 6))  # fmt: skip
def pool_without_quantizer(net: Net, mended: bool):
    y = net.op("LeakyRelu", net.conv(net.quantized()))
    y = net.op("GlobalAveragePool", net.quantized(y) if mended else y)
    y = net.op("Flatten", net.quantized(y) if mended else y)
    net.op("Gemm", y, net.weights(2, 3))


@refused(_CHAPTER, "a sum of scales that are far apart, straight into a layer", "residual",
         "a quantizer after the sum")  # fmt: skip
def sum_without_quantizer(net: Net, mended: bool):
    x = net.quantized()
    parts = [net.quantized(net.dense(x), scale) for scale in (0.11, 1.3e-7)]
    y = net.op("Add", *parts, name="residual")
    net.dense(net.quantized(y) if mended else y)


@refused(_CHAPTER, "a concatenation of scales that are far apart, straight into a layer", "joined",
         "a quantizer after the concatenation")  # fmt: skip
def concat_without_quantizer(net: Net, mended: bool):
    x = net.quantized()
    parts = [net.quantized(net.dense(x), scale) for scale in (0.11, 1.3e-7)]
    y = net.op("Concat", *parts, axis=1, name="joined")
    net.dense(net.quantized(y) if mended else y, 8)


@refused(_CHAPTER, "a gate straight into a layer", "mul_0", "a quantizer after the product")
def gate_without_quantizer(net: Net, mended: bool):
    y = net.quantized(net.dense(net.quantized()))
    y = net.op("Mul", y, net.op("Sigmoid", y))
    net.dense(net.quantized(y) if mended else y)


@refused(_BETWEEN, "batch normalization and softmax inside the network", "softmax_0",
         "quantizers on both sides", shape=(1, 2, 5, 5))  # fmt: skip
def softmax_behind_batch_norm(net: Net, mended: bool):
    parameters = [net.const(net.random.uniform(0.5, 2, 2)) for _ in range(4)]
    y = net.op("BatchNormalization", net.conv(net.quantized()), *parameters)
    y = net.quantized(y) if mended else y
    net.conv(net.quantized(net.op("Softmax", y, axis=1)))


@refused(_BETWEEN, "softmax along another axis than the layer sums over", "softmax_0",
         "quantizers on both sides", shape=(1, 3, 4))  # fmt: skip
def softmax_without_quantizer(net: Net, mended: bool):
    y = net.dense(net.quantized())
    if mended:
        y = net.quantized(net.op("Softmax", net.quantized(y), axis=1))
    net.dense(y if mended else net.op("Softmax", y, axis=1))


@refused(_BETWEEN, "a convolution with weights from an input", "conv_0", "the weights constant",
         shape=(1, 2, 5, 5))  # fmt: skip
def weights_from_input(net: Net, mended: bool):
    weights = net.weights(2, 2, 3, 3) if mended else net.quantized(net.input("w", [2, 2, 3, 3]))
    net.op("Conv", net.quantized(), weights)


@refused(_BETWEEN, "a sigmoid of a quotient of two activations", "div_0",
         "a quantizer behind the quotient")  # fmt: skip
def quotient(net: Net, mended: bool):
    x = net.quantized()
    a, b = (net.quantized(net.dense(x), zero=zero) for zero in (0, 3))
    y = net.op("Div", a, b)
    net.quantized(net.op("Sigmoid", net.quantized(y) if mended else y))


@refused(_BETWEEN, "a product with 1 / 0", "mul_0", "a quantizer behind the quotient")
def infinite_factor(net: Net, mended: bool):
    x = net.quantized()
    a, b = (net.quantized(net.dense(x)) for _ in "ab")
    inverse = net.op("Reciprocal", net.op("Sqrt", b))
    net.quantized(net.op("Mul", a, net.quantized(inverse) if mended else inverse))


@refused(_BETWEEN, "the largest of two activations", "max_0", "the sum")
def largest_of_two(net: Net, mended: bool):
    x = net.quantized()
    a, b = (net.quantized(net.dense(x)) for _ in "ab")
    net.quantized(net.op("Add" if mended else "Max", a, b))


@refused(_BETWEEN, "nothing but quantizers", "model", "a layer with quantized weights")
def nothing_to_compute(net: Net, mended: bool):
    y = net.quantized()
    if mended:
        net.dense(y)


@refused("Scales", "an activation with a scale for each channel", "dequantizelinear_0",
         "one scale for the tensor")  # fmt: skip
def activation_scales(net: Net, mended: bool):
    if mended:
        y = net.quantized()
    else:
        y = net.quantized(scale=[0.1, 0.2, 0.3, 0.4], zero=[0] * 4, axis=1)
    net.dense(y)


@refused("Scales", "weights with a scale for each input of a matrix product", "dequantizelinear_0",
         "a scale for each output")  # fmt: skip
def matrix_scales(net: Net, mended: bool):
    scales = [0.1, 0.2, 0.3, 0.4]
    weights = net.dq(net.codes(4, 4), scales, [0] * 4, np.int8, axis=1 if mended else 0)
    net.op("MatMul", net.quantized(), weights)


@refused("Scales", "weights with a scale for each input channel of a convolution",
         "dequantizelinear_0", "a scale for each output channel", shape=(1, 2, 5, 5))  # fmt: skip
def convolution_scales(net: Net, mended: bool):
    weights = net.dq(net.codes(2, 2, 3, 3), [0.1, 0.37], [0, 0], np.int8, axis=0 if mended else 1)
    net.op("Conv", net.quantized(), weights)


@refused(_BETWEEN, "a padded sigmoid, and other numbers for each pixel", "pad_0",
         "a quantizer before the Pad", shape=(1, 2, 4, 4))  # fmt: skip
def real_padding(net: Net, mended: bool):
    y = net.op("Sigmoid", net.quantized(net.conv(net.quantized()), 0.07))
    y = net.quantized(y, 1 / 256) if mended else y
    y = net.op("Pad", y, net.const([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
    y = net.op("Add", y, net.const(np.arange(16).reshape(1, 1, 4, 4)))
    net.conv(net.quantized(net.op("MaxPool", y, kernel_shape=[2, 2])), kernel=1)


@refused(_BETWEEN, "x * Sigmoid(x) of sums of 16-bit codes", "quantizelinear_1",
         "a quantizer of 16 bits after the layer")  # fmt: skip
def wide_gate(net: Net, mended: bool):
    y = net.dense(net.quantized(scale=1, kind=np.int16))
    y = net.quantized(y, kind=np.int16) if mended else y
    net.quantized(net.op("Mul", y, net.op("Sigmoid", y)))


@refused(_BETWEEN, "a reciprocal of what may be 0", "div_0", "1 added to the divisor",
         options={"numerics": "exact"})  # fmt: skip
def reciprocal(net: Net, mended: bool):
    y = net.op("Relu", net.dense(net.quantized()))
    y = net.op("Add", y, net.const(1)) if mended else y
    net.quantized(net.op("Div", net.const(1), y))


@refused(_BETWEEN, "0 / 0 in float32", "div_0", "1 added to the divisor")
def not_a_number(net: Net, mended: bool):
    y = net.op("Relu", net.dense(net.quantized()))
    net.quantized(net.op("Div", y, net.op("Add", y, net.const(1)) if mended else y))


@refused(
    _BETWEEN, "x * Sigmoid(x) of sums of 56 bits", "out", "a quantizer of 8 bits after the layer"
)
def wider_gate(net: Net, mended: bool):
    weights = net.quant(net.const(np.full((4, 4), 2.0**24)), 1, bits=26, name="weights")
    y = net.op("MatMul", net.quant("x", 1, bits=30), weights)
    y = net.quant(y, 0.1, bits=8, name="sums") if mended else y
    net.quant(net.op("Mul", y, net.op("Sigmoid", y)), 1, bits=8, name="out")

"""Quantizers whose parameters have no integer form."""

import numpy as np

from refusals.cases import refused
from refusals.net import QONNX, Net

_CHAPTER = "Quantizers"


@refused(_CHAPTER, "dynamic quantization", "dynamicquantizelinear_0",
         "scales that were measured")  # fmt: skip
def dynamic_quantization(net: Net, mended: bool):
    for x in ("x", "mul_0"):
        if mended:
            y = net.dense(net.quantized(x))
        else:
            codes, scale, zero = net.op("DynamicQuantizeLinear", x, outputs=3)
            y = net.op("MatMulInteger", codes, net.codes(4, 4), zero)
            y = net.op("Mul", net.op("Cast", y, to=1), scale)
        if x == "x" and mended:
            net.op("Mul", y, net.const(0.5), name="mul_0")


@refused(_CHAPTER, "codes of floating point", "quantizelinear_0", "codes of int8")
def float8(net: Net, mended: bool):
    kind = {} if mended else {"output_dtype": 17}
    scale, zero = net.const(0.1), net.const(0, np.int8)
    codes = net.op("QuantizeLinear", "x", scale, *([zero] if mended else []), **kind)
    net.dense(net.op("DequantizeLinear", codes, scale, *([zero] if mended else [])))


@refused(_CHAPTER, "a negative scale", "quant_0", "a positive scale")
def negative_scale(net: Net, mended: bool):
    net.op("MatMul", net.quant("x", 0.5 if mended else -0.5), net.quant(net.normal(4, 4)))


@refused(_CHAPTER, "a bit width for each channel", "quant_0", "one bit width")
def bit_widths(net: Net, mended: bool):
    x = net.quant("x", bits=4 if mended else [[4, 3, 4, 4]])
    net.op("MatMul", x, net.quant(net.normal(4, 4)))


@refused(_CHAPTER, "64 bits", "quant_0", "8 bits")
def too_many_bits(net: Net, mended: bool):
    x = net.quant("x", bits=8 if mended else 64)
    net.op("MatMul", x, net.quant(net.normal(4, 4)))


@refused(_CHAPTER, "a rounding mode that is not known", "quant_0", "ROUND")
def rounding_mode(net: Net, mended: bool):
    x = net.quant("x", rounding_mode="ROUND" if mended else "STOCHASTIC")
    net.op("MatMul", x, net.quant(net.normal(4, 4)))


@refused(_CHAPTER, "a zero point between integers", "quant_0", "zero point 0")
def fractional_zero_point(net: Net, mended: bool):
    x = net.quant("x", zero=0 if mended else 0.5)
    net.op("MatMul", x, net.quant(net.normal(4, 4)))


@refused(_CHAPTER, "scales for blocks of weights", "dequantizelinear_0", "a scale per channel")
def blocked(net: Net, mended: bool):
    if mended:
        weights = net.dq(net.codes(4, 4), [0.1] * 4, [0] * 4, np.int8, axis=1)
    else:
        scales, zeros = np.full((2, 4), 0.1), np.zeros((2, 4))
        weights = net.dq(net.codes(4, 4), scales, zeros, np.int8, axis=0, block_size=2)
    net.op("MatMul", net.quantized(), weights)


@refused(_CHAPTER, "scales that are no scale per channel", "quantizelinear_1", "4 scales")
def scale_shape(net: Net, mended: bool):
    count = 4 if mended else 3
    y = net.dense(net.quantized())
    net.q(y, [0.1] * count, [0] * count, axis=1)
    return net.model(net.dq("quantizelinear_1", [0.1] * count, [0] * count, axis=1))


@refused(_CHAPTER, "a zero point of floating point", "quantizelinear_0", "a zero point of uint8")
def float_zero_point(net: Net, mended: bool):
    codes = net.op(
        "QuantizeLinear", "x", net.const(0.1), net.const(0, np.uint8 if mended else np.float32)
    )
    net.dense(net.op("DequantizeLinear", codes, net.const(0.1), net.const(0, np.uint8)))


@refused(_CHAPTER, "a zero point of another type than its codes", "dequantizelinear_0",
         "uint8 for both")  # fmt: skip
def zero_point_type(net: Net, mended: bool):
    net.dense(net.dq(net.q("x"), kind=np.uint8 if mended else np.int8))


@refused(_CHAPTER, "a division in double precision", "quantizelinear_0", "no attribute precision")
def precision(net: Net, mended: bool):
    more = {} if mended else {"precision": 11}
    net.opset = 21 if mended else 23
    net.dense(net.dq(net.q("x", **more)))


@refused(_CHAPTER, "codes of float4", "quantizelinear_0", "codes of int8")
def float4(net: Net, mended: bool):
    zero = [net.const(0, np.int8)] if mended else []
    kind = {} if mended else {"output_dtype": 23}
    net.opset = 21 if mended else 23
    codes = net.op("QuantizeLinear", "x", net.const(0.1), *zero, **kind)
    net.dense(net.op("DequantizeLinear", codes, net.const(0.1), *zero))


@refused(_CHAPTER, "a scale that varies along two axes", "quant_0", "a scale for each output")
def scale_of_two_axes(net: Net, mended: bool):
    scale = np.full((1, 4) if mended else (4, 4), 0.5)
    weights = net.quant(net.normal(4, 4), scale + np.arange(4) / 8)
    net.op("MatMul", net.quant("x"), weights)


@refused(_CHAPTER, "no bits", "quant_0", "4 bits")
def no_bits(net: Net, mended: bool):
    net.op("MatMul", net.quant("x", bits=4 if mended else 0), net.quant(net.normal(4, 4)))


@refused(_CHAPTER, "a scale that is computed from the input", "quant_0", "a constant scale")
def computed_scale(net: Net, mended: bool):
    scale = net.const(0.5) if mended else net.op("ReduceMax", "x", keepdims=0)
    x = net.op("Quant", "x", scale, net.const(0), net.const(4), domain=QONNX, name="quant_0",
               signed=1, narrow=0, rounding_mode="ROUND")  # fmt: skip
    net.op("MatMul", x, net.quant(net.normal(4, 4), name="weights"))


@refused(_CHAPTER, "a floating point quantizer", "floatquant_0", "Quant")
def float_quant(net: Net, mended: bool):
    if mended:
        x = net.quant("x")
    else:
        parameters = [net.const(v) for v in (0.5, 4, 3, 7, 448)]
        x = net.op("FloatQuant", "x", *parameters, domain=QONNX, saturation=1)
    net.op("MatMul", x, net.quant(net.normal(4, 4), name="weights"))


@refused(_CHAPTER, "accumulators beyond 63 bits", "matmul_0", "8 bits")
def accumulator(net: Net, mended: bool):
    bits = 8 if mended else 32
    net.op("MatMul", net.quant("x", bits=bits), net.quant(net.normal(4, 4), 1e-9, bits=bits))


@refused(_CHAPTER, "output_dtype of another type than the zero point", "quantizelinear_0",
         "uint8 for both")  # fmt: skip
def output_type(net: Net, mended: bool):
    net.dense(net.dq(net.q("x", output_dtype=2 if mended else 3)))


@refused(_CHAPTER, "scales of three axes for two", "quant_0", "one scale")
def scale_rank(net: Net, mended: bool):
    scale = 0.5 if mended else np.full((2, 1, 4), 0.5)
    net.op("MatMul", net.quant("x", scale), net.quant(net.normal(4, 4)))


@refused(_CHAPTER, "3 scales for 4 channels", "quant_1", "4 scales")
def scale_count(net: Net, mended: bool):
    x = net.quant("x")
    net.op("MatMul", x, net.quant(net.normal(4, 4), np.arange(1, 5 if mended else 4) / 8))


@refused(_CHAPTER, "scales and zero points along different axes", "quant_1", "one axis")
def scale_axes(net: Net, mended: bool):
    x = net.quant("x")
    scale, zero = np.arange(1, 5) / 8, np.arange(4)
    net.op("MatMul", x, net.quant(net.normal(4, 4), scale, zero if mended else zero[:, None]))


@refused(_CHAPTER, "DequantizeLinear to float16", "dequantizelinear_0", "to float")
def dequantize_to_half(net: Net, mended: bool):
    more = {} if mended else {"output_dtype": 10}
    net.opset = 21 if mended else 23
    net.dense(
        net.op("DequantizeLinear", net.q("x"), net.const(0.05), net.const(0, np.uint8), **more)
    )


@refused(_CHAPTER, "an attribute that Quant does not have", "quant_0", "left out")
def quant_attribute(net: Net, mended: bool):
    more = {} if mended else {"turbo": 1}
    net.op("MatMul", net.quant("x", **more), net.quant(net.normal(4, 4), name="weights"))

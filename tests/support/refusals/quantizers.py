"""Quantizers whose parameters have no integer form."""

import numpy as np

from refusals.cases import refused
from refusals.net import Net

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

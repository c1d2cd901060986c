"""Quantizers of particular tools: FINN's MultiThreshold, PACT's RequantShift, Trunc, QOperator."""

import numpy as np

from refusals.cases import refused
from refusals.net import QONNX, Net

_CHAPTER = "Quantizers of particular tools"
_STEPS = [[-20.0, -1.5, 40.25]]


def _thresholds(title: str, change: str, **wrong):
    """A MultiThreshold with one wrong attribute."""

    def register(name: str):
        @refused(_CHAPTER, f"MultiThreshold: {title}", "multithreshold_0", change)
        def build(net: Net, mended: bool):
            attributes = {"out_dtype": "UINT2", "data_layout": "NC"} | ({} if mended else wrong)
            steps = attributes.pop("steps", _STEPS)
            y = net.op("MultiThreshold", net.quant("x", 0.5, bits=8), net.const(steps),
                       domain=QONNX, **attributes)  # fmt: skip
            net.op("MatMul", y, net.quant(net.normal(4, 4), name="weights"))

        build.__name__ = name

    return register


_thresholds("a layout of four dimensions", "NC", data_layout="NCHW")("threshold_layout")
_thresholds("a row for each of 3 channels", "one row", steps=_STEPS * 3)("threshold_rows")
_thresholds("70,000 steps", "3 steps", steps=[[0.0] * 70_000])("threshold_count")
_thresholds("an attribute that is not known", "left out", turbo=1)("threshold_attribute")
_thresholds("a negative out_scale", "1", out_scale=-1.0)("threshold_scale")
_thresholds("out_dtype FLOAT8", "UINT2", out_dtype="FLOAT8")("threshold_dtype")
_thresholds("out_dtype BINARY for 3 steps", "UINT2", out_dtype="BINARY")("threshold_range")


def _shift(title: str, change: str, **wrong):
    """A RequantShift with one wrong attribute or parameter."""

    def register(name: str):
        @refused(_CHAPTER, f"RequantShift: {title}", "requantshift_0", change,
                 options={"inputs": ["x=int8:1"]})  # fmt: skip
        def build(net: Net, mended: bool):
            given = {"div": 16.0, "n_levels": 16.0, "signed": 1.0, "mul": 3.0, "add": 5.0}
            given = {k: v for k, v in (given | ({} if mended else wrong)).items() if v is not None}
            parameters = [net.const(given.pop(part)) for part in ("mul", "add")]
            net.op("RequantShift", "x", *parameters, domain="PACTOps", **given)

        build.__name__ = name

    return register


_shift("a divisor of 3", "16", div=3.0)("shift_divisor")
_shift("no number of levels", "n_levels 16", n_levels=None)("shift_levels_missing")
_shift("5 levels, signed", "16", n_levels=5.0)("shift_levels_odd")
_shift("signed 2", "1", signed=2.0)("shift_signed")
_shift("a factor that is no integer", "3", mul=2.5)("shift_factor")
_shift("a factor for each of 3 channels", "one factor", mul=[1.0, 2.0, 3.0])("shift_channels")
_shift("half a divisor", "16", div=0.5)("shift_half")
_shift("an attribute that is not known", "left out", turbo=1.0)("shift_attribute")


@refused(_CHAPTER, "Trunc from 4.5 bits", "trunc_0", "from 8 bits")
def trunc(net: Net, mended: bool):
    x = net.quant("x", 0.5, bits=8)
    parameters = [net.const(v) for v in (0.5, 0, 8 if mended else 4.5, 4)]
    y = net.op("Trunc", x, *parameters, domain=QONNX, rounding_mode="FLOOR")
    net.op("MatMul", y, net.quant(net.normal(4, 4), name="weights"))


@refused(_CHAPTER, "QLinearMatMul with a scale for each row of the activation", "qlinearmatmul_0",
         "one scale", shape=(2, 4))  # fmt: skip
def row_scales(net: Net, mended: bool):
    codes = net.q("x", 0.1)
    scale, zero = (0.1, 0) if mended else ([0.1, 0.2], [0, 0])
    activation = codes, net.const(scale), net.const(zero, np.uint8)
    weights = net.codes(4, 4), net.const(0.1), net.const(0, np.int8)
    net.op("QLinearMatMul", *activation, *weights, net.const(0.5), net.const(0, np.uint8))
    return net.model(net.dq("qlinearmatmul_0", 0.5))


@refused(_CHAPTER, "QLinearMatMul with 3 scales for 4 outputs", "qlinearmatmul_0", "4 scales")
def output_scales(net: Net, mended: bool):
    count = 4 if mended else 3
    scales, zeros = net.const([0.1] * count), net.const([0] * count, np.int8)
    net.op("QLinearMatMul", net.q("x", 0.1), net.const(0.1), net.const(0, np.uint8),
           net.codes(4, 4), scales, zeros, net.const(0.5), net.const(0, np.uint8))  # fmt: skip
    return net.model(net.dq("qlinearmatmul_0", 0.5))


@refused(_CHAPTER, "QLinearConv with weights of float", "qlinearconv_0", "weights of int8",
         shape=(1, 2, 5, 5))  # fmt: skip
def float_weights(net: Net, mended: bool):
    codes = net.codes(2, 2, 3, 3) if mended else net.normal(2, 2, 3, 3)
    activation = net.q("x", 0.1), net.const(0.1), net.const(0, np.uint8)
    weights = codes, net.const(0.1), net.const(0, np.int8)
    net.op("QLinearConv", *activation, *weights, net.const(0.5), net.const(0, np.uint8))
    return net.model(net.dq("qlinearconv_0", 0.5))


@refused(_CHAPTER, "channels last: a tensor of two dimensions", "maxpool_0", "reshaped before it")
def channels_last_of_two(net: Net, mended: bool):
    x = net.quant("x", 0.5)
    x = net.op("Reshape", x, net.const([1, 2, 2, 1], np.int64)) if mended else x
    y = net.op("MaxPool", x, domain="qonnx.custom_op.channels_last", kernel_shape=[1, 1],
               strides=[1, 1], pads=[0] * 4)  # fmt: skip
    y = net.op("Reshape", y, net.const([1, 4], np.int64))
    net.op("MatMul", y, net.quant(net.normal(4, 4), name="weights"))


@refused(_CHAPTER, "channels last: weights of three dimensions for an image", "conv_0",
         "weights of four", shape=(1, 5, 5, 2))  # fmt: skip
def channels_last_weights(net: Net, mended: bool):
    w = net.quant(net.normal(*((2, 3, 3, 2) if mended else (2, 3, 2))), name="weights")
    net.op("Conv", net.quant("x"), w, domain="qonnx.custom_op.channels_last",
           kernel_shape=[3, 3], strides=[1, 1], pads=[0] * 4)  # fmt: skip


def _trunc(net: Net, scale, zero, target_scale) -> None:
    parameters = [net.const(v) for v in (scale, zero, 8, target_scale, 4)]
    y = net.op("Trunc", net.quant("x", scale, zero, 8), *parameters, domain=QONNX,
               rounding_mode="FLOOR")  # fmt: skip
    net.op("MatMul", y, net.quant(net.normal(4, 4), name="weights"))


@refused(_CHAPTER, "Trunc: scales along different axes", "trunc_0", "both along the last",
         shape=(1, 3, 4))  # fmt: skip
def trunc_axes(net: Net, mended: bool):
    _trunc(net, [[[0.5, 0.5, 0.25, 0.5]]], 0, [[[2, 2, 1, 2]]] if mended else [[[2], [1], [2]]])


@refused(_CHAPTER, "Trunc: a zero point that its shift divides", "trunc_0", "zero point 4")
def trunc_zero_point(net: Net, mended: bool):
    _trunc(net, 0.5, 4 if mended else 3, 2)


@refused(_CHAPTER, "QLinearConv with 3 scales for 2 outputs", "qlinearconv_0", "2 scales",
         shape=(1, 2, 5, 5))  # fmt: skip
def convolution_output_scales(net: Net, mended: bool):
    activation = net.q("x", 0.1), net.const(0.1), net.const(0, np.uint8)
    weights = net.codes(2, 2, 3, 3), net.const([0.1] * (2 if mended else 3)), ""
    net.op("QLinearConv", *activation, *weights, net.const(0.5), net.const(0, np.uint8))
    return net.model(net.dq("qlinearconv_0", 0.5))

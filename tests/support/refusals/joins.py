"""Activations that are joined in ways that have no integer form."""

import numpy as np

from refusals.cases import refused
from refusals.net import Net

_CHAPTER = "Sums and products of activations"


def _branches(net: Net, count: int, **more) -> list[str]:
    x = net.quantized()
    return [net.quantized(net.dense(x), 0.11 + 0.02 * i, **more) for i in range(count)]


@refused(
    _CHAPTER, "three activations added before a quantizer", "sum_0", "a quantizer after two of them"
)
def three(net: Net, mended: bool):
    a, b, c = _branches(net, 3)
    two = net.quantized(net.op("Add", a, b)) if mended else ""
    net.quantized(net.op("Add", two, c) if mended else net.op("Sum", a, b, c))


@refused(
    _CHAPTER,
    "three activations multiplied before a quantizer",
    "mul_1",
    "a quantizer after two of them",
)
def three_factors(net: Net, mended: bool):
    a, b, c = _branches(net, 3)
    two = net.op("Mul", a, b)
    net.quantized(net.op("Mul", net.quantized(two) if mended else two, c))


@refused(_CHAPTER, "sigmoid of a sum that is joined again", "sigmoid_0", "a quantizer after it")
def joined_again(net: Net, mended: bool):
    a, b, c = _branches(net, 3)
    y = net.op("Sigmoid", net.op("Add", a, b))
    net.quantized(net.op("Add", net.quantized(y) if mended else y, c))


@refused(_CHAPTER, "a sum of an activation and a layer of unlike scales", "residual",
         "a quantizer after the layer", shape=(1, 4, 3, 3))  # fmt: skip
def too_many_bits_to_join(net: Net, mended: bool):
    a = net.quantized(scale=0.0237)
    w = net.dq(net.codes(4, 4, 1, 1), [0.0123, 0.0071, 0.0209, 0.0057], [0] * 4, np.int8, axis=0)
    y = net.op("Conv", a, w, net.const([0.3, -1.7, 0.011, 2.9]))
    y = net.quantized(y, 0.07) if mended else y
    net.quantized(net.op("Add", y, a, name="residual"))


_EXACT = {"numerics": "exact"}


def _two(net: Net, second: float = 0.12) -> list[str]:
    """Two activations of uint8, with scales of 0.11 and `second`."""
    a = net.quantized(scale=0.11)
    return [a, net.quantized(net.dense(a), second)]


@refused(_CHAPTER, "a sum of scales of 0.11 and 1e-25", "add_0", "0.11 and 0.12", options=_EXACT)
def far_apart(net: Net, mended: bool):
    net.quantized(net.op("Add", *_two(net, 0.12 if mended else 1e-25)))


@refused(_CHAPTER, "a sum with a summand of 1e-20", "add_1", "the summand left out",
         options=_EXACT)  # fmt: skip
def far_summand(net: Net, mended: bool):
    a, b = _two(net)
    a = a if mended else net.op("Add", a, net.const(1e-20))
    net.quantized(net.op("Add", a, b, name="add_1"))


@refused(_CHAPTER, "a sum that its own operand multiplies", "mul_0", "a quantizer after the sum")
def used_again(net: Net, mended: bool):
    a, b = _two(net)
    y = net.op("Add", a, b)
    net.quantized(net.op("Mul", net.quantized(y) if mended else y, a))


@refused(_CHAPTER, "a product with a sum", "mul_0", "a quantizer after the sum", options=_EXACT)
def product_with_a_sum(net: Net, mended: bool):
    a, b = _two(net)
    y = net.op("Add", a, b)
    y = net.quantized(y) if mended else y
    net.quantized(net.op("Mul", y, net.quantized(net.dense(b), 0.13)))


@refused(_CHAPTER, "a gate that is made of sums", "mul_0", "a quantizer before the Sigmoid")
def wide_sums(net: Net, mended: bool):
    y = net.dense(net.quantized(scale=0.3))
    gate = net.op("Sigmoid", net.quantized(y) if mended else y)
    net.quantized(net.op("Mul", gate, _two(net)[1]))


@refused(_CHAPTER, "a gate with a summand for each channel", "mul_0", "a quantizer after the gate")
def gate_of_channels(net: Net, mended: bool):
    a, b = _two(net)
    gate = net.op("Add", net.op("Sigmoid", b), net.const([0.1, 0.2, 0.3, 0.4]))
    net.quantized(net.op("Mul", a, net.quantized(gate, 0.01) if mended else gate))


@refused(_CHAPTER, "a gate, and a factor for each of 64 channels", "mul_0",
         "a quantizer after the gate", shape=(1, 64))  # fmt: skip
def factors_of_channels(net: Net, mended: bool):
    a = net.quantized(scale=0.31)
    b = net.quantized(net.dense(a, 64, 64), 0.1)
    y = net.op("Mul", a, net.op("Sigmoid", b))
    net.quantized(net.op("Mul", net.quantized(y) if mended else y, net.normal(64)))

"""Activations that are joined in ways that have no integer form."""

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

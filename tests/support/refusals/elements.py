"""Elements of types, numbers and counts that do not fit a node."""

import numpy as np
from onnx import TensorProto

from refusals.cases import refused
from refusals.net import Net

_NODES = "Attributes and shapes of nodes"


@refused(_NODES, "Gemm's C of more rows than the product", "gemm_0", "2 numbers")
def gemm_rows(net: Net, mended: bool):
    net.op("Gemm", net.quantized(), net.weights(4, 2), net.normal(*([2] if mended else [3, 2])))


@refused(_NODES, "a factor of more than 53 bits", "mul_0", "4",
         options={"inputs": ["x=uint8:1"], "numerics": "exact"})  # fmt: skip
def long_integers(net: Net, mended: bool):
    y = net.op("Cast", "x", to=TensorProto.INT64)
    y = net.op("Mul", y, net.const(4 if mended else 2**60 + 1, np.int64))
    net.quant(net.op("Cast", y, to=TensorProto.FLOAT), name="out")


@refused(_NODES, "float16 into an operation of the host", "softmax_0", "a Cast to float before it")
def half_operand(net: Net, mended: bool):
    y = net.op("Cast", net.dense(net.quantized()), to=TensorProto.FLOAT16)
    net.op("Softmax", net.op("Cast", y, to=TensorProto.FLOAT) if mended else y)


@refused(_NODES, "a sum in float16", "add_0", "no cast before it, and a constant of float")
def half_sum(net: Net, mended: bool):
    y = net.dense(net.quantized())
    y = y if mended else net.op("Cast", y, to=TensorProto.FLOAT16)
    net.op("Add", y, net.const([1, 2, 3, 4], np.float32 if mended else np.float16))


@refused(_NODES, "weights without elements", "dequantizelinear_1", "2 columns")
def no_elements(net: Net, mended: bool):
    net.op("MatMul", net.quantized(), net.weights(4, 2 if mended else 0))


@refused(_NODES, "a cast to bool", "cast_0", "a cast to float")
def cast_to_bool(net: Net, mended: bool):
    kind = TensorProto.FLOAT if mended else TensorProto.BOOL
    y = net.op("Cast", net.dense(net.quantized()), to=kind)
    net.quantized(net.op("Cast", y, to=TensorProto.FLOAT))


@refused(_NODES, "constants that become texts", "cast_0", "a cast to float")
def strings(net: Net, mended: bool):
    kind = TensorProto.FLOAT if mended else TensorProto.STRING
    texts = net.op("Cast", net.const([1, 2, 3, 4]), to=kind)
    net.quantized(net.op("Add", net.dense(net.quantized()), texts))

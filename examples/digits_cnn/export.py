"""Writes the network as QONNX and as QDQ, from the integers in parameters.npz.

The two models have the same nodes, names and scales. They differ in what quantizes: `Quant` in one,
`QuantizeLinear` and `DequantizeLinear` in the other, which also stores parameters as integers.

Needs no torch:
    python examples/digits_cnn/export.py
"""

from abc import abstractmethod
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
from network import LAYERS, QUANTIZERS, Codes, Network
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent
QONNX_DOMAIN = "qonnx.custom_op.general"
BIAS = Codes(32, signed=True)
STORAGE = {  # by bits and sign
    (4, False): ml_dtypes.uint4,
    (4, True): ml_dtypes.int4,
    (8, False): np.uint8,
    (8, True): np.int8,
    (32, True): np.int32,
}


class Graph(Network):
    """The network on names of tensors: operations add nodes of ONNX.

    A tensor has the name of the node that makes it, so the last quantizer is called `logits`.

    Attributes:
        opsets: domains and versions, of the subclass.
        ir_version: of the file, of the subclass.
        shapes: of tensors that nodes make, by name.
    """

    def __init__(self, parameters, batch=1):
        self.parameters = parameters
        self.nodes, self.constants = [], []
        self.shapes = {"pixels": (batch, 1, 8, 8)}
        self.forward("pixels")

    def model(self):
        """Returns the model."""
        pixels, *inner, logits = (
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in self.shapes.items()
        )
        graph = helper.make_graph(
            self.nodes, "digits_cnn", [pixels], [logits], self.constants, value_info=inner
        )
        opsets = [helper.make_opsetid(*opset) for opset in self.opsets]
        return helper.make_model(graph, opset_imports=opsets, ir_version=self.ir_version)

    def constant(self, name, array):
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, op_type, name, inputs, shape, **attributes):
        """Adds a node that makes the tensor `name`."""
        self.nodes.append(helper.make_node(op_type, inputs, [name], name, **attributes))
        self.shapes[name] = shape
        return name

    @abstractmethod
    def quantize(self, name, x, shape, to, scale):
        """Adds a quantizer of the tensor `x`, to the codes `to` with the scale given."""

    @abstractmethod
    def quantized(self, name, codes, to, scale):
        """Adds a constant of signed codes with one scale per output, the first axis."""

    def quant(self, name, x):
        to = QUANTIZERS[name]
        return self.quantize(name, x, self.shapes[x], to, np.float32(2.0**to.exponent))

    def layer(self, name, x):
        layer = LAYERS[name]
        codes, exponents, bias = (
            self.parameters[f"{name}_{key}"] for key in ("weights", "exponents", "bias")
        )
        scale = np.float32(2.0) ** exponents
        bias_scale = scale * np.float32(2.0 ** QUANTIZERS[layer.source].exponent)
        weights = self.quantized(f"{name}_weights", codes, Codes(layer.bits, signed=True), scale)
        inputs = [x, weights, self.quantized(f"{name}_bias", bias, BIAS, bias_scale)]
        batch, outputs = self.shapes[x][0], layer.shape[0]
        if layer.is_dense:
            return self.node("Gemm", name, inputs, (batch, outputs), transB=1)
        space = [-(-extent // layer.stride) for extent in self.shapes[x][2:]]
        geometry = {
            "kernel_shape": layer.shape[2:],
            "strides": [layer.stride] * 2,
            "pads": [layer.pad] * 4,
            "group": layer.groups,
        }
        return self.node("Conv", name, inputs, (batch, outputs, *space), **geometry)

    def relu(self, name, x):
        return self.node("Relu", name, [x], self.shapes[x])

    def add(self, name, x, y):
        return self.node("Add", name, [x, y], self.shapes[x])

    def mean(self, name, x):
        return self.node("GlobalAveragePool", name, [x], (*self.shapes[x][:2], 1, 1))

    def flatten(self, name, x):
        return self.node("Flatten", name, [x], self.shapes[x][:2])


class QonnxGraph(Graph):
    """Quantizes with Quant; stores parameters as float."""

    opsets = (("", 13), (QONNX_DOMAIN, 1))
    ir_version = 8

    def quantize(self, name, x, shape, to, scale):
        values = {"scale": scale, "zeropt": 0, "bitwidth": to.bits}
        inputs = [x, *(self.constant(f"{name}_{k}", np.float32(v)) for k, v in values.items())]
        attributes = {"signed": int(to.signed), "narrow": 0, "rounding_mode": "ROUND"}
        return self.node("Quant", name, inputs, shape, domain=QONNX_DOMAIN, **attributes)

    def quantized(self, name, codes, to, scale):
        column = scale.reshape(-1, *[1] * (codes.ndim - 1))
        # The stored numbers are multiples of the scale: no reader can round one differently.
        reals = self.constant(f"{name}_float", codes.astype(np.float32) * column)
        return self.quantize(name, reals, codes.shape, to, column)


class QdqGraph(Graph):
    """Quantizes with QuantizeLinear and DequantizeLinear; stores parameters as integers."""

    opsets = (("", 21),)  # the first with 4-bit integers
    ir_version = 10

    def quantize(self, name, x, shape, to, scale):
        parameters = self.parameters_of(name, to, scale)
        codes = f"{name}_codes"
        # The node that decides has the quantizer's name, as in QONNX; the other one its tensor.
        for op_type, node, source, target in (
            ("QuantizeLinear", name, x, codes),
            ("DequantizeLinear", f"{name}_dequantize", codes, name),
        ):
            self.nodes.append(helper.make_node(op_type, [source, *parameters], [target], node))
        self.shapes[name] = shape
        return name

    def quantized(self, name, codes, to, scale):
        stored = self.constant(f"{name}_codes", codes.astype(STORAGE[to.bits, to.signed]))
        parameters = self.parameters_of(name, to, scale)
        return self.node("DequantizeLinear", name, [stored, *parameters], codes.shape, axis=0)

    def parameters_of(self, name, to, scale):
        # Zero points could be left out, but onnxruntime 1.31 with x64quantprecision stumbles then.
        zeros = np.zeros_like(scale, STORAGE[to.bits, to.signed])
        return [self.constant(f"{name}_scale", scale), self.constant(f"{name}_zero_point", zeros)]


GRAPHS = {"qonnx": QonnxGraph, "qdq": QdqGraph}


def load_parameters():
    """Returns the integers that train.py stored, by name."""
    with np.load(HERE / "parameters.npz") as file:
        return {name: file[name] for name in file.files}


def main():
    """Writes both models next to this file."""
    for name, graph in GRAPHS.items():
        onnx.save(graph(load_parameters()).model(), HERE / f"digits_cnn_{name}.onnx")


if __name__ == "__main__":
    main()

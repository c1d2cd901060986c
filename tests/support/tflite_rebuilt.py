"""TensorFlow Lite models rebuilt from what a converter to ONNX made of them: the same integers.

The scales, zero points and integers of a QDQ model are those of the .tflite file that it came from.
"""

from math import prod

import numpy as np
import onnx
from onnx import numpy_helper
from tflite_models import ModelWriter

_MOVES = ("Transpose", "Reshape")


class Rebuilt:
    """A .tflite model as it grows from the nodes of one in ONNX."""

    def __init__(self, path, shape):
        graph = onnx.load(path).graph
        self.constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        self.maker = {name: node for node in graph.node for name in node.output}
        self.writer = ModelWriter()
        self.main = self.writer.main
        self.tensors, self.shapes = {}, {}
        source = graph.input[0].name
        dequantizers = [node for node in graph.node if node.op_type == "DequantizeLinear"]
        reader = next(node for node in dequantizers if self.codes(node.input[0]) == source)
        self.define(source, shape, *(self.constants[name] for name in reader.input[1:]))
        self.main.inputs = [self.tensors[source]]
        for node in graph.node:
            if node.op_type == "QuantizeLinear":
                self.layer(node)
                self.main.outputs = [self.tensors[node.output[0]]]

    def above(self, name):
        """The node that makes a tensor, but for moves."""
        while self.maker[name].op_type in _MOVES:
            name = self.maker[name].input[0]
        return self.maker[name]

    def codes(self, name):
        """The integers of an activation, before moves."""
        while name not in self.tensors and name in self.maker:
            if self.maker[name].op_type not in (*_MOVES, "DequantizeLinear"):
                break
            name = self.maker[name].input[0]
        return name

    def define(self, name, shape, scale, zero):
        self.tensors[name] = self.main.tensor(shape, "INT8", np.float32(scale), int(zero))
        self.shapes[name] = list(shape)
        return self.tensors[name]

    def constant(self, name, kind, arrange, axis):
        """A quantized constant, its elements arranged as a kernel wants them."""
        codes, scale, _ = (self.constants[part] for part in self.above(name).input)
        made = np.ascontiguousarray(arrange(codes)).astype(kind)
        return self.main.tensor(made.shape, np.dtype(kind).name.upper(), scale.reshape(-1), 0,
                                data=made, axis=axis)  # fmt: skip

    def layer(self, quantizer):
        """One operation, with all that stands between it and its quantizer."""
        node, act = self.above(quantizer.input[0]), 0
        if node.op_type == "Relu":
            node, act = self.above(node.input[0]), 1
        made = {"Conv": self.conv, "Add": self.add, "AveragePool": self.pool,
                "Softmax": self.softmax}[node.op_type]  # fmt: skip
        parameters = [self.constants[name] for name in quantizer.input[1:]]

        def result(shape):
            return self.define(quantizer.output[0], shape, *parameters)

        made(node, act, result)

    def conv(self, node, act, result):
        x = self.codes(node.input[0])
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        depthwise, strides = attributes.get("group", 1) > 1, attributes.get("strides", [1, 1])
        order = (1, 2, 3, 0) if depthwise else (0, 2, 3, 1)
        w = self.constant(
            node.input[1], np.int8, lambda c: c.transpose(order), 3 if depthwise else 0
        )
        bias = self.constant(node.input[2], np.int32, np.ravel, 0)
        shape = self.main.tensors[w][0]
        kernel, outputs = shape[1:3], shape[3 if depthwise else 0]
        same = any(attributes.get("pads", [0]))
        space = [
            -(-extent // stride) if same else (extent - taps) // stride + 1
            for extent, taps, stride in zip(self.shapes[x][1:3], kernel, strides, strict=True)
        ]
        kind, more = ("DEPTHWISE_CONV_2D", {"DepthMultiplier": 1}) if depthwise else ("CONV_2D", {})
        self.main.node(
            kind, [self.tensors[x], w, bias], [result([1, *space, outputs])],
            Padding=0 if same else 1, StrideH=strides[0], StrideW=strides[1],
            FusedActivationFunction=act, DilationHFactor=1, DilationWFactor=1, **more,
        )  # fmt: skip

    def add(self, node, act, result):
        makers = {name: self.above(name) for name in node.input}
        product = next((m for m in makers.values() if m.op_type == "MatMul"), None)
        if product is None:
            inputs = [self.codes(name) for name in node.input]
            tensors = [self.tensors[name] for name in inputs]
            self.main.node("ADD", tensors, [result(self.shapes[inputs[0]])],
                           FusedActivationFunction=act)  # fmt: skip
            return
        (bias,) = (name for name, maker in makers.items() if maker is not product)
        x = self.codes(product.input[0])
        given, wanted = self.tensors[x], [1, prod(self.shapes[x])]
        if self.shapes[x] != wanted:
            flat = self.main.tensor(wanted, "INT8", *self.main.tensors[given][2:4])
            shape = self.main.tensor([2], "INT32", data=np.array(wanted, np.int32))
            self.main.node("RESHAPE", [given, shape], [flat])
            given = flat
        w = self.constant(product.input[1], np.int8, np.transpose, 0)
        b = self.constant(bias, np.int32, np.ravel, 0)
        self.main.node("FULLY_CONNECTED", [given, w, b], [result([1, self.main.tensors[w][0][0]])],
                       FusedActivationFunction=act, WeightsFormat=0)  # fmt: skip

    def pool(self, node, _act, result):
        x = self.codes(node.input[0])
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        kernel, strides = attributes["kernel_shape"], attributes.get("strides", [1, 1])
        rows, columns, channels = self.shapes[x][1:]
        space = [(rows - kernel[0]) // strides[0] + 1, (columns - kernel[1]) // strides[1] + 1]
        self.main.node(
            "AVERAGE_POOL_2D", [self.tensors[x]], [result([1, *space, channels])], Padding=1,
            StrideH=strides[0], StrideW=strides[1], FilterHeight=kernel[0],
            FilterWidth=kernel[1], FusedActivationFunction=0,
        )  # fmt: skip

    def softmax(self, node, _act, result):
        x = self.codes(node.input[0])
        self.main.node("SOFTMAX", [self.tensors[x]], [result(self.shapes[x])], Beta=1.0)

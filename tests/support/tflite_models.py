"""Writes small TensorFlow Lite models, with the package that knows the schema."""

from pathlib import Path

import flatbuffers
import numpy as np
import tflite

OPTIONS = {
    "CONV_2D": "Conv2DOptions", "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions", "AVERAGE_POOL_2D": "Pool2DOptions",
    "MAX_POOL_2D": "Pool2DOptions", "ADD": "AddOptions", "CONCATENATION": "ConcatenationOptions",
    "SOFTMAX": "SoftmaxOptions", "RESHAPE": "ReshapeOptions", "MEAN": "ReducerOptions",
    "STRIDED_SLICE": "StridedSliceOptions", "SPLIT_V": "SplitVOptions", "SPLIT": "SplitOptions",
    "CALL_ONCE": "CallOnceOptions", "VAR_HANDLE": "VarHandleOptions",
}  # fmt: skip


class Graph:
    """A subgraph as it grows: tensors are numbers."""

    def __init__(self, model):
        self.model, self.tensors, self.nodes = model, [], []
        self.inputs, self.outputs = [], []

    def tensor(self, shape, kind="INT8", scale=None, zero=0, data=None, axis=0, name=None):
        """Adds a tensor; with `data` a constant. `scale` may be one number or one per channel."""
        buffer = 0
        if data is not None:
            buffer = self.model.buffer(np.asarray(data))
        name = f"t{len(self.tensors)}" if name is None else name
        self.tensors.append((shape, kind, scale, zero, axis, buffer, name))
        return len(self.tensors) - 1

    def node(self, kind, inputs, outputs, **options):
        """Adds an operation with options of the schema's names."""
        self.nodes.append((kind, inputs, outputs, options))


class ModelWriter:
    """A model with one network, `main`, and perhaps a subgraph that runs once."""

    def __init__(self):
        self.b = flatbuffers.Builder(1024)
        self.buffers, self.codes = [b""], []
        self.graphs = []
        self.main = self.graph()

    def graph(self):
        """Adds a subgraph."""
        self.graphs.append(Graph(self))
        return self.graphs[-1]

    def buffer(self, array):
        """Adds the bytes of a constant."""
        self.buffers.append(array.tobytes())
        return len(self.buffers) - 1

    def _vector(self, kind, values):
        return self.b.CreateNumpyVector(np.asarray(values, kind))

    def _offsets(self, offsets):
        self.b.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.b.PrependUOffsetTRelative(offset)
        return self.b.EndVector()

    def _table(self, name, **fields):
        getattr(tflite, f"{name}Start")(self.b)
        for field, value in fields.items():
            getattr(tflite, f"{name}Add{field}")(self.b, value)
        return getattr(tflite, f"{name}End")(self.b)

    def _tensor(self, shape, kind, scale, zero, axis, buffer, name):
        fields = {}
        if scale is not None:
            scales = np.atleast_1d(np.asarray(scale, np.float32))
            zeros = np.broadcast_to(np.asarray(zero, np.int64), scales.shape)
            parts = {
                "Scale": self._vector(np.float32, scales),
                "ZeroPoint": self._vector(np.int64, zeros),
            }
            fields["Quantization"] = self._table(
                "QuantizationParameters", **parts, QuantizedDimension=axis
            )
        fields["Shape"] = self._vector(np.int32, shape)
        fields["Name"] = self.b.CreateString(name)
        return self._table("Tensor", Type=getattr(tflite.TensorType, kind), Buffer=buffer, **fields)

    def _node(self, kind, inputs, outputs, options):
        if kind not in self.codes:
            self.codes.append(kind)
        fields = {}
        if kind in OPTIONS:
            texts = {
                k: self.b.CreateString(v) if isinstance(v, str) else v for k, v in options.items()
            }
            fields["BuiltinOptions"] = self._table(OPTIONS[kind], **texts)
            fields["BuiltinOptionsType"] = getattr(tflite.BuiltinOptions, OPTIONS[kind])
        fields["Inputs"] = self._vector(np.int32, inputs)
        fields["Outputs"] = self._vector(np.int32, outputs)
        return self._table("Operator", OpcodeIndex=self.codes.index(kind), **fields)

    def _graph(self, graph):
        fields = {
            "Tensors": self._offsets([self._tensor(*tensor) for tensor in graph.tensors]),
            "Inputs": self._vector(np.int32, graph.inputs),
            "Outputs": self._vector(np.int32, graph.outputs),
            "Operators": self._offsets([self._node(*node) for node in graph.nodes]),
        }
        return self._table("SubGraph", **fields)

    def bytes(self):
        """Returns the file."""
        graphs = self._offsets([self._graph(graph) for graph in self.graphs])
        codes = []
        for kind in self.codes:
            number = getattr(tflite.BuiltinOperator, kind)
            codes.append(
                self._table(
                    "OperatorCode", DeprecatedBuiltinCode=min(number, 127), Version=1,
                    BuiltinCode=number,
                )
            )  # fmt: skip
        buffers = []
        for data in self.buffers:
            fields = {"Data": self.b.CreateByteVector(data)} if data else {}
            buffers.append(self._table("Buffer", **fields))
        fields = {"OperatorCodes": self._offsets(codes), "Buffers": self._offsets(buffers)}
        self.b.Finish(self._table("Model", Version=3, Subgraphs=graphs, **fields), b"TFL3")
        return bytes(self.b.Output())

    def write(self, path: Path) -> Path:
        """Writes the file."""
        path.write_bytes(self.bytes())
        return path

"""Writes a graph as an ONNX model: float, QDQ or QONNX; one row an operation."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError, Problem
from qcompiler.quantization.graph import Graph, Node, output_axis
from qcompiler.quantization.quantizers import Quantized, Quantizer, WeightCodes

Format = Literal["float", "qdq", "qonnx"]
_OPSET = 20
"""Of a model. From 21 on onnxruntime (1.32) makes invalid models of some with signed integers."""
_NARROW_OPSET = 21
"""The first with integers of 4 and 16 bits in QDQ."""
_RMS_OPSET = 23
"""The first with RMSNormalization."""
_QONNX = "qonnx.custom_op.general"
_QDQ_WIDTHS = (4, 8, 16)
_QDQ_TYPES = {
    (4, True): TensorProto.INT4, (4, False): TensorProto.UINT4,
    (8, True): TensorProto.INT8, (8, False): TensorProto.UINT8,
    (16, True): TensorProto.INT16, (16, False): TensorProto.UINT16,
}  # fmt: skip
_NARROW = {kind for (bits, _), kind in _QDQ_TYPES.items() if bits != 8}
Row = Callable[["Writer", Node, list[str]], None]


class Writer:
    """Collects the nodes and initializers of a model."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self.shapes = dict(graph.shapes)
        """Of what nodes make."""
        self.opset = _OPSET
        self._taken = {*graph.shapes, *graph.constants}

    def needs(self, opset: int) -> None:
        """Raises the set of operators to one."""
        self.opset = max(self.opset, opset)

    def name(self, wanted: str, shape: Sequence[int] | None = None) -> str:
        """Returns a name like the one wanted, that no tensor has, and takes it.

        Args:
            wanted: the name, where it is free.
            shape: of what a node makes under this name.
        """
        found, count = wanted, 1
        while found in self._taken:
            found, count = f"{wanted}_{count}", count + 1
        self._taken.add(found)
        if shape is not None:
            self.shapes[found] = tuple(shape)
        return found

    def constant(self, name: str, array: Any, kind: int | None = None) -> str:
        """Adds an initializer, by default of float32 or int64; returns its name."""
        name, array = self.name(name), np.asarray(array)
        if kind in _NARROW:
            self.needs(_NARROW_OPSET)
        if kind is None:
            plain = np.float32 if array.dtype.kind == "f" else np.int64
            self.initializers.append(numpy_helper.from_array(array.astype(plain), name))
        else:
            listed = array.reshape(-1).tolist()
            self.initializers.append(helper.make_tensor(name, kind, array.shape, listed))
        return name

    def node(self, kind: str, name: str, inputs: Sequence[str], output: str, **more: Any) -> None:
        """Adds a node."""
        self.nodes.append(helper.make_node(kind, inputs, [output], name, **more))


def _pads(static: Mapping[str, Any]) -> dict[str, Any]:
    return {key: list(static[key]) for key in ("strides", "dilations", "pads")}


def _conv(writer: Writer, node: Node, inputs: list[str]) -> None:
    more = _pads(node.attributes) | {"group": node.attributes["group"]}
    if node.kind == "conv_transpose":
        more["output_padding"] = list(node.attributes["output_padding"])
    kind = "Conv" if node.kind == "conv" else "ConvTranspose"
    writer.node(kind, node.name, inputs, node.output, **more)


def _matmul(writer: Writer, node: Node, inputs: list[str]) -> None:
    if len(inputs) == 2:
        writer.node("MatMul", node.name, inputs, node.output)
    elif len(writer.graph.shapes[node.output]) == 2:
        writer.node("Gemm", node.name, inputs, node.output)
    else:
        product = writer.name(f"{node.output}_product", writer.shapes[node.output])
        writer.node("MatMul", node.name, inputs[:2], product)
        writer.node("Add", f"{node.name}_bias", [product, inputs[2]], node.output)


def _batch_norm(writer: Writer, node: Node, inputs: list[str]) -> None:
    writer.node("BatchNormalization", node.name, inputs, node.output, **node.attributes)


def _plain(kind: str, **names: str) -> Row:
    """Returns the row of an operation whose attributes are as here, but for their names."""

    def row(writer: Writer, node: Node, inputs: list[str]) -> None:
        more = {names.get(key, key): value for key, value in node.attributes.items()}
        writer.node(kind, node.name, inputs, node.output, **more)

    return row


def _max_pool(writer: Writer, node: Node, inputs: list[str]) -> None:
    more = _pads(node.attributes) | {"kernel_shape": list(node.attributes["kernel"])}
    writer.node("MaxPool", node.name, inputs, node.output, **more)


def _average_pool(writer: Writer, node: Node, inputs: list[str]) -> None:
    static = node.attributes
    more = _pads(static) | {"kernel_shape": list(static["kernel"])}
    more |= {"count_include_pad": int(static["count_include_pad"])}
    more |= {"ceil_mode": int(any(static["overhang"]))}
    writer.node("AveragePool", node.name, inputs, node.output, **more)


def _reshape(writer: Writer, node: Node, inputs: list[str]) -> None:
    shape = list(node.attributes["shape"])
    if shape[:1] == [1]:  # the batch may be larger in a runtime
        shape[0] = 0
    target = writer.constant(f"{node.output}_shape", shape)
    writer.node("Reshape", node.name, [*inputs, target], node.output)


def _reduce_mean(writer: Writer, node: Node, inputs: list[str]) -> None:
    axes = writer.constant(f"{node.output}_axes", list(node.attributes["axes"]))
    keep = int(node.attributes["keepdims"])
    writer.node("ReduceMean", node.name, [*inputs, axes], node.output, keepdims=keep)


def _slice(writer: Writer, node: Node, inputs: list[str]) -> None:
    static, shape = node.attributes, writer.graph.shapes[node.inputs[0]]
    bounds = zip(static["starts"], static["ends"], static["steps"], shape, strict=True)
    kept = [a for a, (start, end, step, n) in enumerate(bounds) if (start, end, step) != (0, n, 1)]
    lists = [[static[key][a] for a in kept] for key in ("starts", "ends")]
    parts = [*lists, kept, [static["steps"][a] for a in kept]]
    names = [writer.constant(f"{node.output}_slice", part) for part in parts]
    writer.node("Slice", node.name, [*inputs, *names], node.output)


def _pad(writer: Writer, node: Node, inputs: list[str]) -> None:
    static = node.attributes
    pads = writer.constant(f"{node.output}_pads", [*static["begin"], *static["end"]])
    value = writer.constant(f"{node.output}_pad_value", np.float32(static["value"]))
    writer.node("Pad", node.name, [*inputs, pads, value], node.output)


def _resize(writer: Writer, node: Node, inputs: list[str]) -> None:
    scales = writer.constant(f"{node.output}_scales", np.float32(node.attributes["scales"]))
    more = {"mode": "nearest", "nearest_mode": "floor"}
    more |= {"coordinate_transformation_mode": "asymmetric"}
    writer.node("Resize", node.name, [*inputs, "", scales], node.output, **more)


def _depth_to_space(writer: Writer, node: Node, inputs: list[str]) -> None:
    static = node.attributes
    more = {"blocksize": static["block"], "mode": static["mode"]}
    writer.node("DepthToSpace", node.name, inputs, node.output, **more)


def _arg_max(writer: Writer, node: Node, inputs: list[str]) -> None:
    static = node.attributes
    more = {"axis": static["axis"], "keepdims": int(static["keepdims"])}
    more |= {"select_last_index": int(static["last"])}
    writer.node("ArgMax", node.name, inputs, node.output, **more)


def _clip(writer: Writer, node: Node, inputs: list[str]) -> None:
    bounds = [np.float32(bound) for bound in node.attributes.values()]
    names = [writer.constant(f"{node.output}_bound", np.asarray(bound)) for bound in bounds]
    writer.node("Clip", node.name, [*inputs, *names], node.output)


def _gelu_tanh(writer: Writer, node: Node, inputs: list[str]) -> None:
    writer.node("Gelu", node.name, inputs, node.output, approximate="tanh")


def _leaky_relu(writer: Writer, node: Node, inputs: list[str]) -> None:
    if len(inputs) == 2:
        writer.node("PRelu", node.name, inputs, node.output)
    else:
        _plain("LeakyRelu", slope="alpha")(writer, node, inputs)


def _mul_add(writer: Writer, node: Node, inputs: list[str]) -> None:
    factor = writer.constant(f"{node.output}_factor", np.float32(node.attributes["factor"]))
    product = writer.name(f"{node.output}_product", writer.shapes[node.output])
    writer.node("Mul", f"{node.name}_product", [inputs[0], factor], product)
    writer.node("Add", node.name, [product, inputs[1]], node.output)


def _layer_norm(writer: Writer, node: Node, inputs: list[str]) -> None:
    static = node.attributes
    more = {"axis": -1, "epsilon": static["epsilon"]}
    if static["centered"]:
        writer.node("LayerNormalization", node.name, inputs, node.output, **more)
        return
    writer.needs(_RMS_OPSET)
    x, scale, bias = inputs
    given = writer.graph.constants.get(bias)
    plain = given is not None and not given.any()
    made = (
        node.output if plain else writer.name(f"{node.output}_unmoved", writer.shapes[node.output])
    )
    writer.node("RMSNormalization", node.name, [x, scale], made, **more)
    if not plain:
        writer.node("Add", f"{node.name}_bias", [made, bias], node.output)


ROWS: dict[str, Row] = {
    **dict.fromkeys(("conv", "conv_transpose"), _conv),
    "matmul": _matmul, "batch_norm": _batch_norm, "max_pool": _max_pool,
    "average_pool": _average_pool, "reshape": _reshape, "reduce_mean": _reduce_mean,
    "transpose": _plain("Transpose", permutation="perm"), "slice": _slice, "pad": _pad,
    "resize_nearest": _resize, "depth_to_space": _depth_to_space, "arg_max": _arg_max,
    "layer_norm": _layer_norm, "concat": _plain("Concat"),
    "softmax": _plain("Softmax"), "log_softmax": _plain("LogSoftmax"),
    "clip": _clip, "leaky_relu": _leaky_relu, "gelu_tanh": _gelu_tanh, "mul_add": _mul_add,
    "hard_sigmoid": _plain("HardSigmoid"), "hard_swish": _plain("HardSwish"),
    **{name: _plain(name.capitalize()) for name in (
        "add", "sub", "mul", "div", "pow", "relu", "sqrt", "min", "max", "neg", "sigmoid", "tanh",
        "erf", "gelu", "floor", "ceil", "round",
    )},
}  # fmt: skip
"""How to write each kind of node."""


def float_model(graph: Graph, more_outputs: Iterable[str] = ()) -> ModelProto:
    """Returns the model of a graph, of real numbers; other values may be outputs, too."""
    writer = Writer(graph)
    for name in _used_constants(graph, set()):
        writer.initializers.append(numpy_helper.from_array(graph.constants[name], name))
    for node in graph.nodes:
        ROWS[node.kind](writer, node, node.inputs)
    made = {node.output for node in graph.nodes}
    more = [name for name in more_outputs if name in made and name not in graph.outputs]
    return _model(writer, [*graph.outputs, *more])


def quantized_model(quantized: Quantized, format_: Format) -> ModelProto:
    """Returns the model with its quantizers.

    Raises:
        ModelError: QDQ has no integers of such a width.
    """
    if format_ == "float":
        raise ValueError("a float model has no quantizers")
    if format_ == "qdq":
        _check_widths(quantized)
    return _Quantizing(quantized, format_).model()


def fits_qdq(quantized: Quantized) -> bool:
    """Whether QDQ has integers of all the widths of a network."""
    return all(bits in _QDQ_WIDTHS for bits in _widths(quantized).values())


def _widths(quantized: Quantized) -> dict[str, int]:
    """Returns the widths of integers that QDQ would need, of layers and of groups."""
    found = {name: _qdq_bits(made) for name, made in quantized.weights.items()}
    return found | {group.name: q.bits for group, q in quantized.activations.items()}


def _qdq_bits(made: WeightCodes) -> int:
    """Returns the width of the integers that QDQ keeps weights in, which may be fewer bits."""
    return next(bits for bits in _QDQ_WIDTHS if bits >= made.width)


def _check_widths(quantized: Quantized) -> None:
    problems = [
        Problem(name, f"has {bits} bits, and QDQ only 4, 8 or 16", "write QONNX: --format qonnx")
        for name, bits in _widths(quantized).items()
        if bits not in _QDQ_WIDTHS
    ]
    if problems:
        raise ModelError(problems)


class _Quantizing:
    """Writes a graph with quantizers behind values and weights."""

    def __init__(self, quantized: Quantized, format_: Format):
        self.quantized, self.qdq = quantized, format_ == "qdq"
        self.graph = quantized.graph
        self.writer = Writer(self.graph)
        self.read: dict[str, str] = {}
        """What reads a value reads instead: its integers, dequantized."""

    def model(self) -> ModelProto:
        """Returns the model."""
        graph, quantizers = self.graph, self.quantized.of_values()
        weights = {n.inputs[1] for n in graph.layers() if n.output in self.quantized.weights}
        biases = {n.inputs[2] for n in graph.layers() if self._has_integer_bias(n)}
        for name in _used_constants(graph, weights | biases):
            tensor = numpy_helper.from_array(graph.constants[name], name)
            self.writer.initializers.append(tensor)
        for name in graph.inputs:
            if name in quantizers:
                self._quantize(name, quantizers[name])
        for node in graph.nodes:
            self._node(node)
            if node.output in quantizers:
                self._quantize(node.output, quantizers[node.output])
        return _model(self.writer, graph.outputs, qonnx=not self.qdq)

    def _has_integer_bias(self, node: Node) -> bool:
        return self.qdq and len(node.inputs) > 2 and node.output in self.quantized.weights

    def _node(self, node: Node) -> None:
        inputs = [self.read.get(name, name) for name in node.inputs]
        if node.output in self.quantized.weights:
            codes = self.quantized.weights[node.output]
            inputs[1] = self._weights(node, codes)
            if self._has_integer_bias(node):
                inputs[2] = self._bias(node, codes)
        ROWS[node.kind](self.writer, node, inputs)

    def _quantize(self, value: str, q: Quantizer) -> None:
        writer = self.writer
        read = writer.name(f"{value}_quantized", self.graph.shapes[value])
        scale = writer.constant(f"{value}_scale", np.asarray(q.scale, np.float32))
        if self.qdq:
            zero = writer.constant(f"{value}_zero", np.asarray(0), _QDQ_TYPES[q.bits, q.signed])
            codes = writer.name(f"{value}_codes", self.graph.shapes[value])
            writer.node("QuantizeLinear", f"{value}_quantize", [value, scale, zero], codes)
            writer.node("DequantizeLinear", f"{value}_dequantize", [codes, scale, zero], read)
        else:
            self._quant(value, value, scale, (q.bits, q.signed, False), read)
        self.read[value] = read

    def _quant(
        self, name: str, value: str, scale: str, kind: tuple[int, bool, bool], read: str
    ) -> None:
        bits, signed, narrow = kind
        numbers = (("zero", 0), ("bits", bits))
        more = [self.writer.constant(f"{name}_{w}", np.float32(v)) for w, v in numbers]
        flags = {"signed": int(signed), "narrow": int(narrow), "rounding_mode": "ROUND"}
        inputs = [value, scale, *more]
        self.writer.node("Quant", f"{name}_quant", inputs, read, domain=_QONNX, **flags)

    def _weights(self, node: Node, made: WeightCodes) -> str:
        writer, name = self.writer, f"{node.output}_weights"
        read = writer.name(f"{name}_quantized", made.codes.shape)
        if not self.qdq:
            scale = writer.constant(f"{name}_scale", made.scales)
            values = writer.constant(name, made.values)
            self._quant(name, values, scale, (made.width, True, True), read)
            return read
        scale = writer.constant(f"{name}_scale", made.scales.reshape(-1))
        codes = writer.constant(name, made.codes, _QDQ_TYPES[_qdq_bits(made), True])
        axis = output_axis(node, made.codes)
        writer.node("DequantizeLinear", f"{name}_dequantize", [codes, scale], read, axis=axis)
        return read

    def _bias(self, node: Node, made: WeightCodes) -> str:
        """Returns the bias as integers on the scale of the layer's accumulators."""
        writer, name = self.writer, f"{node.output}_bias_codes"
        x = self.quantized.of_values()[_quantized_source(self.graph, node.inputs[0])]
        bias = self.graph.constants[node.inputs[2]]
        weights = np.broadcast_to(made.scales.reshape(-1), _per_group(node, bias, made))
        scales = (weights.reshape(-1) * np.float32(x.scale)).astype(np.float32)
        codes = np.clip(np.rint(bias.astype(np.float64) / scales), -(2**31), 2**31 - 1)
        kind = int(TensorProto.INT32)
        integers = writer.constant(name, codes.astype(np.int64), kind)
        scale = writer.constant(f"{name}_scale", scales)
        read = writer.name(f"{name}_dequantized", bias.shape)
        writer.node("DequantizeLinear", f"{name}_dequantize", [integers, scale], read, axis=0)
        return read


def _per_group(node: Node, bias: Array, made: WeightCodes) -> tuple[int, ...]:
    """Returns a shape of all output channels: those of transposed convolutions repeat a group."""
    group = node.attributes.get("group", 1) if node.kind == "conv_transpose" else 1
    return (group, made.scales.size) if made.scales.size > 1 else (bias.size,)


def _quantized_source(graph: Graph, value: str) -> str:
    from qcompiler.quantization.placement import sources

    return sources(graph, value)[0]


def _used_constants(graph: Graph, without: set[str]) -> list[str]:
    used = {name for node in graph.nodes for name in node.inputs}
    return [name for name in graph.constants if name in used and name not in without]


def _model(writer: Writer, outputs: Sequence[str], *, qonnx: bool = False) -> ModelProto:
    graph = writer.graph
    # The executor of qonnx wants the shape of every tensor, with one frame.
    batch = "N" if is_batched(graph) and not qonnx else 1
    given = {*graph.inputs, *outputs}
    inner = [_info(name, shape, 1) for name, shape in writer.shapes.items() if name not in given]
    made = helper.make_graph(
        writer.nodes,
        graph.name or "network",
        [_info(name, shape, batch) for name, shape in graph.inputs.items()],
        [_info(name, writer.shapes[name], batch) for name in outputs],
        writer.initializers,
        value_info=inner if qonnx else [],
    )
    opsets = [helper.make_opsetid("", writer.opset)]
    if qonnx:
        opsets.append(helper.make_opsetid(_QONNX, 1))
    return helper.make_model(made, opset_imports=opsets, ir_version=10, producer_name="qcompiler")


def _info(name: str, shape: Sequence[int], batch: str | int) -> Any:
    first = [batch] if shape[:1] == (1,) else list(shape[:1])
    extents = [*first, *shape[1:]]
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, extents)


def is_batched(graph: Graph) -> bool:
    """Whether every value has the batch in front: a runtime may take many frames at once."""
    for node in graph.nodes:
        if graph.shapes[node.output][:1] != (1,):
            return False
        if node.kind == "transpose" and node.attributes["permutation"][0] != 0:
            return False
        axes = node.attributes.get("axes", [node.attributes.get("axis", 1)])
        if 0 in axes and node.kind != "batch_norm":
            return False
    return True

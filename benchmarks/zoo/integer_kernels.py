"""Rewrites a quantized model to onnxruntime's integer kernels, in a form that never saturates.

On a processor without VNNI the kernels for uint8 times int8 add pairs of products in 16 bits; those
for uint8 times uint8 are exact everywhere. And the graph optimizer fuses only some of the nodes
that have an integer kernel. So here each dequantize -> Conv | MatMul | Gemm (-> Add) (-> Relu) ->
quantize becomes one QLinearConv, QLinearMatMul or QGemm on uint8: codes and zero points of int8 are
moved by 128, which changes no difference of theirs. Nodes that are such kernels already are moved
to uint8 in the same way. All others stay as they are, and compute in float32.

`exact_averages` is one departure from the runtime: its AveragePool adds float32 numbers, and an
average half way between two codes rounds as the noise of that sum says. There the codes are added
(a convolution with ones, exact in float32), then scaled, then divided.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from qcompiler.dialects.attributes import Array

_MICROSOFT = "com.microsoft"
_LINEAR = ("Conv", "MatMul", "Gemm")
_AVERAGES = ("AveragePool", "GlobalAveragePool")
_KERNELS = ("QLinearConv", "QLinearMatMul")
_SCALE_TOLERANCE = 1e-6
"""Relative, of a bias scale and the product of the scales that it ought to be: float32 noise."""


@dataclass(frozen=True)
class _Codes:
    """A quantized tensor: names of codes, scale and zero point, which are constants but codes."""

    codes: str
    scale: str
    zero_point: str


def integer_kernels(
    model: onnx.ModelProto, exact_averages: bool = False
) -> tuple[onnx.ModelProto, int]:
    """Returns a copy of the model that calls integer kernels, and how many nodes were replaced."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.ir_version = min(copy.ir_version, 10)
    converter = _Converter(copy)
    count = converter.convert(converter.kernel)
    if exact_averages:
        count += converter.convert(converter.average)
    return copy, count


class _Converter:
    def __init__(self, model: onnx.ModelProto):
        self.model, self.graph = model, model.graph
        self.constants = {i.name: i for i in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self.constants[node.output[0]] = node.attribute[0].t
        self.made = {name: node for node in model.graph.node for name in node.output}
        self.shapes = _shapes(model)

    def convert(self, replace: Callable[[onnx.NodeProto], list[onnx.NodeProto] | None]) -> int:
        """Replaces the nodes for which `replace` returns others; returns how many."""
        count = 0
        nodes: list[onnx.NodeProto] = []
        for node in self.graph.node:
            found = replace(node)
            count += found is not None
            nodes += found or [node]
        del self.graph.node[:]
        self.graph.node.extend(nodes)
        self._drop_unused()
        if _MICROSOFT not in {o.domain for o in self.model.opset_import}:
            self.model.opset_import.append(helper.make_opsetid(_MICROSOFT, 1))
        return count

    def _drop_unused(self) -> None:
        """Removes the dequantizers and float operations that nothing reads any more."""
        used = {o.name for o in self.graph.output}
        kept: list[onnx.NodeProto] = []
        for node in reversed(self.graph.node):
            if used & set(node.output):
                kept.append(node)
                used |= set(node.input)
        del self.graph.node[:]
        self.graph.node.extend(reversed(kept))

    def kernel(self, node: onnx.NodeProto) -> list[onnx.NodeProto] | None:
        """Returns the nodes that replace a quantizer or a kernel; None if it stays."""
        given = list(node.input) + [""] * (9 - len(node.input))
        if node.op_type in _KERNELS:
            x, weights = _Codes(*given[:3]), _Codes(*given[3:6])
            if self._type(weights.zero_point) is None or weights.codes not in self.constants:
                return None
            return self._emit(node, node, x, weights, given[8], _Codes(node.output[0], *given[6:8]))
        if node.op_type != "QuantizeLinear" or self._type(given[2]) is None:
            return None
        made = _Codes(node.output[0], given[1], given[2])
        linear, bias, relu = self._linear(given[0])
        if linear is None or linear.op_type not in _LINEAR:
            return None
        x, weights = (self._dequantized(name) for name in linear.input[:2])
        if x is None or weights is None or weights.codes not in self.constants:
            return None
        bias = bias or (linear.input[2] if len(linear.input) > 2 else "")
        codes = self._bias(bias, x, weights) if bias else ""
        if codes is None or not _plain(linear):
            return None
        return self._emit(linear, node, x, weights, codes, made, relu)

    def average(self, node: onnx.NodeProto) -> list[onnx.NodeProto] | None:
        """Returns the nodes that replace an average of codes by one without rounded sums."""
        x = self._dequantized(node.input[0]) if node.op_type in _AVERAGES else None
        shape = self.shapes.get(node.input[0], ()) if node.input else ()
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        padded = any(attributes.get("pads", ())) or attributes.get("auto_pad", b"") != b""
        if x is None or len(shape) < 3 or padded or attributes.pop("ceil_mode", 0):
            return None
        attributes.pop("count_include_pad", 0)
        kernel = list(attributes.setdefault("kernel_shape", shape[2:]))
        ones = np.ones((shape[1], 1, *kernel), np.float32)
        name, taps = f"{node.output[0]}__exact", int(np.prod(kernel))
        zero_point = self._real(int(self._array(x.zero_point)))
        return [
            helper.make_node("Cast", [x.codes], [f"{name}0"], to=TensorProto.FLOAT),
            helper.make_node("Sub", [f"{name}0", zero_point], [f"{name}1"]),
            helper.make_node(
                "Conv",
                [f"{name}1", self._constant(f"{name}_ones", ones)],
                [f"{name}2"],
                group=shape[1],
                **attributes,
            ),
            helper.make_node("Mul", [f"{name}2", x.scale], [f"{name}3"]),
            helper.make_node("Div", [f"{name}3", self._real(taps)], [node.output[0]]),
        ]

    def _linear(self, name: str) -> tuple[onnx.NodeProto | None, str, bool]:
        """Returns the linear operation behind a quantizer's input, its bias added, and if ReLU."""
        node, bias = self.made.get(name), ""
        relu = node is not None and node.op_type == "Relu"
        if node is not None and relu:
            node = self.made.get(node.input[0])
        if node is not None and node.op_type == "Add":
            before = [self.made.get(name) for name in node.input]
            for index in (0, 1):
                source = before[index]
                if source is not None and source.op_type == "MatMul":
                    return source, node.input[1 - index], relu
        return node, bias, relu

    def _dequantized(self, name: str) -> _Codes | None:
        node = self.made.get(name)
        if node is None or node.op_type != "DequantizeLinear" or len(node.input) < 3:
            return None
        found = _Codes(*node.input)
        return None if self._type(found.zero_point) is None else found

    def _type(self, zero_point: str) -> int | None:
        """Returns the type of codes by their zero point; None if it is no 8-bit constant."""
        found = self.constants.get(zero_point)
        known = found is not None and found.data_type in (TensorProto.INT8, TensorProto.UINT8)
        return found.data_type if found is not None and known else None

    def _bias(self, name: str, x: _Codes, weights: _Codes) -> str | None:
        """Returns the int32 codes of a bias; None if its scale is not that of the accumulator."""
        node = self.made.get(name)
        if node is None or node.op_type != "DequantizeLinear":
            return None
        if node.input[0] not in self.constants or self._array(node.input[0]).dtype != np.int32:
            return None
        wanted = self._array(x.scale) * self._array(weights.scale)
        near = np.allclose(self._array(node.input[1]), wanted, rtol=_SCALE_TOLERANCE, atol=0)
        return node.input[0] if near else None

    def _array(self, name: str) -> Array:
        return numpy_helper.to_array(self.constants[name])

    def _constant(self, name: str, array: Array) -> str:
        if name not in self.constants:
            self.graph.initializer.append(numpy_helper.from_array(array, name))
            self.constants[name] = self.graph.initializer[-1]
        return name

    def _unsigned(self, name: str) -> str:
        """Returns a constant of codes as uint8."""
        array = self._array(name)
        if array.dtype == np.uint8:
            return name
        return self._constant(f"{name}__uint8", (array.astype(np.int64) + 128).astype(np.uint8))

    def _emit(
        self,
        linear: onnx.NodeProto,
        last: onnx.NodeProto,
        x: _Codes,
        weights: _Codes,
        bias: str,
        made: _Codes,
        relu: bool = False,
    ) -> list[onnx.NodeProto] | None:
        """Returns the kernel on uint8, with its inputs and outputs moved where they are int8."""
        before, x_codes = self._moved(x, f"{last.name or made.codes}__x")
        inputs = [x_codes, x.scale, self._unsigned(x.zero_point), self._unsigned(weights.codes)]
        inputs += [weights.scale, self._unsigned(weights.zero_point)]
        result = [made.scale, self._unsigned(made.zero_point)]
        name = f"{made.codes}__uint8"
        attributes = {a.name: helper.get_attribute_value(a) for a in linear.attribute}
        if "Conv" in linear.op_type:
            inputs += [*result, *([bias] if bias else [])]
            kernel = helper.make_node("QLinearConv", inputs, [name], **attributes)
        elif bias or linear.op_type == "Gemm":
            if linear.op_type != "Gemm" and len(self.shapes.get(linear.input[0], ())) != 2:
                return None
            inputs += [bias, *result]
            kernel = helper.make_node("QGemm", inputs, [name], domain=_MICROSOFT, **attributes)
        else:
            kernel = helper.make_node("QLinearMatMul", [*inputs, *result], [name])
        return [*before, kernel, *self._moved_back(name, made, relu)]

    def _moved(self, x: _Codes, name: str) -> tuple[list[onnx.NodeProto], str]:
        """Returns nodes that make uint8 of int8, and the name of their result."""
        if self._type(x.zero_point) == TensorProto.UINT8:
            return [], x.codes
        return _chain(x.codes, name, [("Add", self._real(128))], TensorProto.UINT8), name

    def _moved_back(self, name: str, made: _Codes, relu: bool) -> list[onnx.NodeProto]:
        """Returns nodes that make the model's codes; ReLU cuts at the zero point."""
        kind = self._type(made.zero_point) or TensorProto.UINT8
        steps: list[tuple[str, str]] = []
        if relu:
            zero_point = int(self._array(self._unsigned(made.zero_point)))
            steps.append(("Max", self._real(zero_point)))
        if kind == TensorProto.INT8:
            steps.append(("Add", self._real(-128)))
        return _chain(name, made.codes, steps, kind)

    def _real(self, value: int) -> str:
        return self._constant(f"integer_kernels__{value}", np.array(value, np.float32))


def _chain(
    name: str, last: str, steps: Sequence[tuple[str, str]], kind: int
) -> list[onnx.NodeProto]:
    """Returns arithmetic on codes in float32, which is exact for them, and a cast at its end."""
    nodes = [helper.make_node("Cast", [name], [f"{last}__0"], to=TensorProto.FLOAT)]
    for index, (operation, operand) in enumerate(steps):
        nodes.append(
            helper.make_node(operation, [f"{last}__{index}", operand], [f"{last}__{index + 1}"])
        )
    return [*nodes, helper.make_node("Cast", [f"{last}__{len(steps)}"], [last], to=kind)]


def _plain(linear: onnx.NodeProto) -> bool:
    """Whether a Gemm multiplies by nothing but its weights."""
    factors = {a.name: a.f for a in linear.attribute if a.name in ("alpha", "beta")}
    return all(value == 1 for value in factors.values())


def _shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = [*graph.value_info, *graph.input, *graph.output]
    return {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim) for v in values}

"""Writes small quantized ONNX models, one call a node."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"


class Net:
    """A model that grows node by node; each call returns the name of what it makes.

    A node is called as its operation and a number (`conv_0`), or as `name` says.
    """

    def __init__(self, shape: Sequence[int | str] = (1, 4), opset: int = 21, seed: int = 0):
        self.random = np.random.default_rng(seed)
        self.opset = opset
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self.inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))]
        self.numbers: dict[str, int] = {}

    def input(self, name: str, shape: Sequence[int | str], element: int = TensorProto.FLOAT) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, element, list(shape)))
        return name

    def const(self, values, kind=np.float32, name: str | None = None) -> str:
        name = name or self._numbered("const")
        self.constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def op(self, kind: str, *inputs: str, name: str | None = None, domain: str = "", **attributes):
        """Adds a node; several outputs if `outputs` says how many."""
        count = attributes.pop("outputs", 1)
        name = name or self._numbered(kind.lower())
        made = [name] if count == 1 else [f"{name}_{index}" for index in range(count)]
        self.nodes.append(
            helper.make_node(kind, list(inputs), made, name=name, domain=domain, **attributes)
        )
        return made[0] if count == 1 else made

    def _numbered(self, kind: str) -> str:
        self.numbers[kind] = number = self.numbers.get(kind, -1) + 1
        return f"{kind}_{number}"

    def normal(self, *shape: int) -> str:
        """Random real numbers as a constant."""
        return self.const(self.random.standard_normal(shape))

    def codes(self, *shape: int, kind=np.int8) -> str:
        """Random weights as a constant of integers."""
        limit = min(np.iinfo(kind).max, 127)
        return self.const(self.random.integers(-limit, limit, shape), kind)

    def q(self, x: str, scale=0.05, zero=0, kind=np.uint8, **attributes) -> str:
        """QuantizeLinear."""
        parameters = self.const(scale), self.const(zero, kind)
        return self.op("QuantizeLinear", x, *parameters, **attributes)

    def dq(self, codes: str, scale=0.05, zero=0, kind=np.uint8, **attributes) -> str:
        """DequantizeLinear."""
        parameters = self.const(scale), self.const(zero, kind)
        return self.op("DequantizeLinear", codes, *parameters, **attributes)

    def quantized(self, x: str = "x", scale=0.05, zero=0, kind=np.uint8, **attributes) -> str:
        """QuantizeLinear and DequantizeLinear."""
        return self.dq(self.q(x, scale, zero, kind, **attributes), scale, zero, kind, **attributes)

    def weights(self, *shape: int, scale=0.0625) -> str:
        """DequantizeLinear of constant int8 weights."""
        return self.dq(self.codes(*shape), scale, 0, np.int8)

    def dense(self, x: str, inputs: int = 4, outputs: int = 4, **options) -> str:
        """A matrix product with quantized weights."""
        return self.op("MatMul", x, self.weights(inputs, outputs), **options)

    def conv(self, x: str, inputs: int = 2, outputs: int = 2, kernel: int = 3, **options) -> str:
        """A convolution with quantized weights."""
        return self.op("Conv", x, self.weights(outputs, inputs, kernel, kernel), **options)

    def quant(self, x: str, scale=0.5, zero=0, bits=4, signed=1, **attributes) -> str:
        """QONNX's Quant."""
        parameters = self.const(scale), self.const(zero), self.const(bits)
        return self.op(
            "Quant", x, *parameters, domain=QONNX,
            **{"signed": signed, "narrow": 0, "rounding_mode": "ROUND", **attributes},
        )  # fmt: skip

    def model(self, *outputs: str) -> ModelProto:
        """Returns the model with these outputs, or that of the last node."""
        made = outputs or (self.nodes[-1].output[0],)
        infos = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in made]
        graph = helper.make_graph(self.nodes, "net", self.inputs, infos, self.constants)
        domains = {node.domain for node in self.nodes} - {""}
        opsets = [helper.make_opsetid("", self.opset)]
        opsets += [helper.make_opsetid(domain, 1) for domain in sorted(domains)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def save(proto: ModelProto, path: Path) -> Path:
    path.write_bytes(proto.SerializeToString())
    return path

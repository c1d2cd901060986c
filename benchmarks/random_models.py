"""Random small QONNX networks: widths, bits, scales, zero points, batch normalization, rounding."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from qcompiler.dialects.attributes import Array

DOMAIN = "qonnx.custom_op.general"
_ROUNDINGS = ("ROUND", "ROUND", "ROUND", "FLOOR", "CEIL", "UP", "DOWN", "HALF_UP", "HALF_DOWN")

_FEW_BITS = 6


@dataclass
class _Builder:
    random: np.random.Generator
    most_bits: int
    nodes: list[NodeProto] = field(default_factory=list[NodeProto])
    constants: dict[str, Array] = field(default_factory=dict[str, Array])

    def chance(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    def name(self, kind: str) -> str:
        return f"{kind}_{len(self.nodes) + len(self.constants)}"

    def constant(self, value: object) -> str:
        name = self.name("c")
        self.constants[name] = np.asarray(value, np.float32)
        return name

    def op(self, kind: str, *inputs: str, **attributes: object) -> str:
        output = self.name(kind.lower())
        domain = DOMAIN if "Quant" in kind else ""
        node = helper.make_node(kind, inputs, [output], name=output, domain=domain, **attributes)
        self.nodes.append(node)
        return output

    def scale(self, count: int = 1) -> Array:
        """Powers of two, ordinary numbers, and now and then extreme ones."""
        if self.chance(0.05):
            return np.full(count, self.random.choice([1e-8, 3e4]), np.float32)
        exponents = 2.0 ** self.random.integers(-6, 2, count)
        return (exponents * (1 if self.chance(0.3) else self.random.uniform(1, 2, count))).astype(
            np.float32
        )

    def quantized(self, x: str, *, signed: bool, axis_shape: tuple[int, ...] = ()) -> str:
        """A quantizer of an activation, or of weights with one scale per output channel."""
        if self.chance(0.12):
            return self.op("BipolarQuant", x, self.constant(self.scale()[0]))
        if axis_shape and self.chance(0.5):
            scale = self.scale(int(np.prod(axis_shape))).reshape(axis_shape)
        else:
            scale = self.scale()[0]
        bits = int(self.random.integers(2, self.most_bits + 1))
        scale = scale * np.float32(2.0 ** min(0, _FEW_BITS - bits))  # as many codes as there are
        zero = float(self.random.integers(-3, 4)) if not axis_shape and self.chance(0.25) else 0.0
        return self.op(
            "Quant",
            x,
            self.constant(scale),
            self.constant(zero),
            self.constant(float(bits)),
            signed=int(signed),
            narrow=int(self.chance(0.5)),
            rounding_mode=str(self.random.choice(_ROUNDINGS)),
        )

    def weights(self, inputs: int, outputs: int) -> Array:
        values = self.random.standard_normal((inputs, outputs)) * self.random.choice([0.2, 1, 4])
        if self.chance(0.15):
            values[:, self.random.integers(outputs)] = 0  # a dead channel
        return values

    def dense(self, x: str, inputs: int, outputs: int) -> str:
        values = self.weights(inputs, outputs)
        if self.chance(0.35):
            w = self.quantized(self.constant(values.T), signed=True, axis_shape=(outputs, 1))
            if self.chance(0.5):
                bias = self.constant(self.random.standard_normal(outputs))
                return self.op("Gemm", x, w, bias, transB=1)
            return self.op("MatMul", x, self.op("Transpose", w, perm=[1, 0]))
        w = self.quantized(self.constant(values), signed=True, axis_shape=(1, outputs))
        y = self.op("MatMul", x, w)
        if self.chance(0.4):
            y = self.op("Add", y, self.constant(self.random.standard_normal(outputs)))
        return y

    def normalized(self, x: str, channels: int) -> str:
        gamma = self.random.standard_normal(channels)
        gamma[self.random.random(channels) < 0.1] = 0
        beta, mean = self.random.standard_normal((2, channels))
        var = self.random.uniform(0, 4, channels)
        parameters = [self.constant(p) for p in (gamma, beta, mean, var)]
        return self.op("BatchNormalization", x, *parameters, epsilon=1e-5)


def has_many_bits(seed: int) -> bool:
    """Whether codes of the model of a seed have up to 16 bits, more than float32 can add up."""
    return seed % 5 == 4


def random_model(seed: int) -> ModelProto:
    """Returns a chain of one to four quantized layers; equal seeds give equal models."""
    b = _Builder(np.random.default_rng(seed), 16 if has_many_bits(seed) else _FEW_BITS)
    widths = b.random.choice([1, 2, 3, 4, 5, 8, 12, 16], b.random.integers(2, 6)).tolist()
    value = "x"
    for inputs, outputs in pairwise(widths):
        value = b.quantized(value, signed=b.chance(0.5))
        value = b.dense(value, inputs, outputs)
        if b.chance(0.5):
            value = b.normalized(value, outputs)
        if b.chance(0.5):
            value = b.op("Relu", value)
    if b.chance(0.4):
        value = b.quantized(value, signed=True)
    elif b.chance(0.15):
        value = b.op("Softmax", value, axis=1)
    graph = helper.make_graph(
        b.nodes,
        "random",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, widths[0]])],
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, [1, widths[-1]])],
        [numpy_helper.from_array(a, n) for n, a in b.constants.items()],
    )
    opsets = [helper.make_opsetid("", 14), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)

"""Ten small networks of ordinary parts, in float, and what onnxruntime's quantizer makes of them.

Each has an image of 3 channels as input and random weights of a fixed seed.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)

from qcompiler.dialects.attributes import Array

INPUT = (1, 3, 8, 8)
_OPSET = 21  # the first with 16-bit quantizers


@dataclass
class _Builder:
    random: np.random.Generator
    nodes: list[onnx.NodeProto] = field(default_factory=list[onnx.NodeProto])
    constants: list[onnx.TensorProto] = field(default_factory=list[onnx.TensorProto])

    def constant(self, value: object) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weights(self, *shape: int) -> str:
        fan_in = max(1, int(np.prod(shape[1:])))
        return self.constant(self.normal(*shape) / np.float32(np.sqrt(fan_in)))

    def normal(self, *shape: int) -> Array:
        return self.random.standard_normal(shape).astype(np.float32)

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: object) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        made = [name] if outputs == 1 else [f"{name}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, made, name=name, **attributes))
        return made[0]

    def conv(self, x: str, given: int, made: int, kernel: int = 3, **attributes: object) -> str:
        inside = given // int(str(attributes.get("group", 1)))
        side = kernel // 2
        weights = self.weights(made, inside, kernel, kernel)
        bias = self.constant(self.normal(made) / 4)
        return self.op("Conv", x, weights, bias, pads=[side] * 4, **attributes)


def _relu6_depthwise(b: _Builder) -> str:
    zero, six = (b.constant(np.float32(value)) for value in (0, 6))
    x = b.op("Clip", b.conv("x", 3, 8), zero, six)
    x = b.op("Clip", b.conv(x, 8, 8, group=8), zero, six)
    return b.conv(x, 8, 4, kernel=1)


def _residual(b: _Builder) -> str:
    x = b.op("Relu", b.conv("x", 3, 4))
    y = b.conv(b.op("Relu", b.conv(x, 4, 4)), 4, 4)
    return b.op("Relu", b.op("Add", x, y))


def _pools_dense_softmax(b: _Builder) -> str:
    x = b.op("Relu", b.conv("x", 3, 8))
    x = b.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = b.op("AveragePool", b.conv(x, 8, 8), kernel_shape=[2, 2], strides=[2, 2])
    x = b.op("Flatten", b.op("GlobalAveragePool", x))
    x = b.op("Gemm", x, b.weights(5, 8), b.constant(b.normal(5)), transB=1)
    return b.op("Softmax", x, axis=1)


def _concat_split_sigmoid(b: _Builder) -> str:
    x = b.op("Split", b.conv("x", 3, 8), outputs=2, axis=1, num_outputs=2)
    y = b.op("Sigmoid", x)
    return b.conv(b.op("Concat", y, f"{x[:-1]}1", axis=1), 8, 4)


def _resize_transposed(b: _Builder) -> str:
    scales = b.constant(np.array([1, 1, 2, 2], np.float32))
    x = b.op("Relu", b.conv("x", 3, 4))
    x = b.op(
        "Resize", x, "", scales, mode="nearest", nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )  # fmt: skip
    return b.op("ConvTranspose", x, b.weights(4, 2, 2, 2), strides=[2, 2])


def _hard_swish_squeeze_excite(b: _Builder) -> str:
    x = b.op("HardSwish", b.conv("x", 3, 8))
    gate = b.op("Relu", b.conv(b.op("GlobalAveragePool", x), 8, 4, kernel=1))
    gate = b.op("HardSigmoid", b.conv(gate, 4, 8, kernel=1), alpha=1 / 6, beta=0.5)
    return b.conv(b.op("Mul", x, gate), 8, 4, kernel=1)


def _pad_reduce_mean(b: _Builder) -> str:
    pads = b.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
    x = b.op("Pad", "x", pads, b.constant(np.float32(0)))
    x = b.op("Conv", x, b.weights(8, 3, 3, 3), b.constant(b.normal(8)))
    return b.op("ReduceMean", b.op("Relu", x), b.constant(np.array([2, 3])), keepdims=0)


def _nhwc_products(b: _Builder) -> str:
    x = b.op("Transpose", b.conv("x", 3, 8), perm=[0, 2, 3, 1])
    x = b.op("Add", b.op("MatMul", x, b.weights(8, 16)), b.constant(b.normal(16)))
    x = b.op("MatMul", b.op("Relu", x), b.weights(16, 8))
    return b.op("Transpose", x, perm=[0, 3, 1, 2])


def _per_channel_mul_add(b: _Builder) -> str:
    x = b.op("Mul", b.conv("x", 3, 8), b.constant(b.normal(1, 8, 1, 1)))
    x = b.op("Add", x, b.constant(b.normal(1, 8, 1, 1)))
    return b.conv(b.op("Relu", x), 8, 4)


def _silu(b: _Builder) -> str:
    x = b.conv("x", 3, 8)
    x = b.op("Mul", x, b.op("Sigmoid", x))
    return b.conv(x, 8, 4, strides=[2, 2])


NETWORKS: Mapping[str, Callable[[_Builder], str]] = {
    "relu6_depthwise": _relu6_depthwise,
    "residual": _residual,
    "pools_dense_softmax": _pools_dense_softmax,
    "concat_split_sigmoid": _concat_split_sigmoid,
    "resize_transposed": _resize_transposed,
    "hard_swish_squeeze_excite": _hard_swish_squeeze_excite,
    "pad_reduce_mean": _pad_reduce_mean,
    "nhwc_products": _nhwc_products,
    "per_channel_mul_add": _per_channel_mul_add,
    "silu": _silu,
}


@dataclass(frozen=True)
class Setting:
    """How quantize_static is called."""

    format: QuantFormat
    activations: QuantType
    weights: QuantType
    per_channel: bool = False


_QDQ, _OPERATORS = QuantFormat.QDQ, QuantFormat.QOperator
SETTINGS: Mapping[str, Setting] = {
    "qdq_u8s8_per_channel": Setting(_QDQ, QuantType.QUInt8, QuantType.QInt8, True),
    "qdq_s8s8": Setting(_QDQ, QuantType.QInt8, QuantType.QInt8),
    "qdq_u16s8": Setting(_QDQ, QuantType.QUInt16, QuantType.QInt8),
    "qoperator_u8u8": Setting(_OPERATORS, QuantType.QUInt8, QuantType.QUInt8),
    "qoperator_s8s8_per_channel": Setting(_OPERATORS, QuantType.QInt8, QuantType.QInt8, True),
}


def network(name: str) -> onnx.ModelProto:
    """Returns one of the networks in float; equal names give equal weights."""
    b = _Builder(np.random.default_rng(list(NETWORKS).index(name)))
    output = NETWORKS[name](b)
    graph = helper.make_graph(
        b.nodes,
        name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, INPUT)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        b.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=10)
    return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)


class _Calibration(CalibrationDataReader):
    """Images of standard normal numbers."""

    def __init__(self) -> None:
        random = np.random.default_rng(7)
        self.images: Iterator[Array] = iter(random.standard_normal((16, *INPUT)).astype(np.float32))

    def get_next(self) -> dict[str, Array] | None:  # type of the base class
        """Returns the next image."""
        image = next(self.images, None)
        return None if image is None else {"x": image}


def quantized(name: str, setting: str, folder: Path) -> Path:
    """Writes what quantize_static makes of a network; returns the file."""
    given, made = folder / f"{name}.onnx", folder / f"{name}_{setting}.onnx"
    onnx.save(network(name), given)
    chosen = SETTINGS[setting]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it advises to preprocess the model
        quantize_static(
            str(given),
            str(made),
            _Calibration(),
            quant_format=chosen.format,
            activation_type=chosen.activations,
            weight_type=chosen.weights,
            per_channel=chosen.per_channel,
        )
    return made
